package search

import (
	"fmt"
	"math"
	"slices"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// A model is the problem in flat arrays. Nodes are numbered by place: the
// order in which lines keeps them, so that similar nodes lie side by side.
// Costs are nanoseconds of a pipeline's latency times its weight, and never
// above the exact ones.
type model struct {
	problem *solver.Problem
	*lines
	items []item
	ops   int // over all items
	dims  int // resources that some node can run out of

	slowness []float64 // by node: nanoseconds a second of work
	alone    []bool    // by node: two consecutive operators may not share it
	crowds   []bool    // by node: the operators of an item there multiply each other's work (Berkeley)
	crowded  bool      // some node crowds
	capacity []float64 // [node*dims+dim]; +Inf where it cannot bind
	slack    float64   // part of a capacity kept free for rounding
	shares   bool      // some item takes a part of a GPU: which one matters
}

// An item is a pipeline, or one instance of a group: a chain of operators.
type item struct {
	pipeline, job, group, instance int // pipeline or job is -1
	weight                         float64
	ops                            int
	work                           []float64 // seconds, by operator
	bytes                          []float64 // that an operator sends on
	need                           []float64 // [op*dims+dim]
	pin                            []int32   // -1 without one
	open                           [][]bool  // by operator: the nodes that may hold it; a pinned one has its pin only
}

// compile turns a problem into a model. The list is not empty when some item
// fits nowhere.
func compile(p *solver.Problem) (*model, []solver.Unplaced, error) {
	if _, err := p.Terms(); err != nil {
		return nil, nil, err
	}
	var largest float64
	for i := range p.Workload.Pipelines {
		for j := range p.Workload.Pipelines[i].Operators {
			largest = max(largest, p.Workload.Pipelines[i].MeanOutput(j))
		}
	}
	m := &model{problem: p, lines: newLines(p, largest)}
	c := compiler{model: m, ledger: placement.NewLedger(p.Topology), seen: map[string][]bool{}}
	c.nodes()
	weights := solver.Weights(p.Workload)
	var total float64
	for _, w := range weights {
		total += w
	}
	for i := range p.Workload.Pipelines {
		if err := c.pipeline(i, weights[i]/total*float64(len(weights))); err != nil {
			return nil, nil, err
		}
	}
	for j := range p.Workload.Jobs {
		for g := range p.Workload.Jobs[j].Groups {
			c.group(j, g)
		}
	}
	c.pack()
	return m, c.unplaced, nil
}

// A compiler is a model in the making.
type compiler struct {
	*model
	ledger   *placement.Ledger
	demands  []placement.Vector // by operator over all items
	seen     map[string][]bool  // nodes that admit a demand and constraints
	unplaced []solver.Unplaced
}

func (c *compiler) nodes() {
	all := c.problem.Topology.Nodes()
	for _, id := range c.id {
		n := &all[id]
		c.slowness = append(c.slowness, 1e9/n.Speed)
		c.alone = append(c.alone, n.NoColocate)
		crowds := c.problem.Model.Discipline(n) == topology.PerOperator
		c.crowds = append(c.crowds, crowds)
		c.crowded = c.crowded || crowds
	}
}

func (c *compiler) pipeline(i int, weight float64) error {
	w := &c.problem.Workload.Pipelines[i]
	pins, err := w.Pins()
	if err != nil {
		return err
	}
	it := item{pipeline: i, job: -1, weight: weight, ops: len(w.Operators)}
	for j := range w.Operators {
		o := &w.Operators[j]
		it.work = append(it.work, w.MeanWork(j))
		it.bytes = append(it.bytes, w.MeanOutput(j))
		pin := int32(-1)
		if pins[j] != topology.None {
			pin = c.place[pins[j]]
		}
		open, homeless := c.admit(o.Demand, o.Constraints, pin)
		it.pin = append(it.pin, pin)
		it.open = append(it.open, open)
		if homeless {
			c.unplaced = append(c.unplaced, solver.Leave(w, fmt.Sprintf("no node can hold operator %q", o.Name))...)
		}
	}
	c.items = append(c.items, it)
	c.ops += it.ops
	return nil
}

func (c *compiler) group(j, g int) {
	group := &c.problem.Workload.Jobs[j].Groups[g]
	open, homeless := c.admit(group.Demand, group.Constraints, -1)
	for k := range group.Count {
		if k > 0 {
			c.demands = append(c.demands, placement.Demand(group.Demand))
		}
		c.items = append(c.items, item{pipeline: -1, job: j, group: g, instance: k, weight: 1, ops: 1,
			work: []float64{0}, bytes: []float64{0}, pin: []int32{-1}, open: [][]bool{open}})
		c.ops++
		if homeless {
			c.unplaced = append(c.unplaced, solver.Unplaced{Workload: c.problem.Workload.Jobs[j].Name, Item: group.Name, Instance: k, Reason: "no node can hold it"})
		}
	}
}

// admit books a demand and returns the nodes, empty ones, that may hold it.
func (c *compiler) admit(d topology.Resources, cs []workloads.Constraint, pin int32) (open []bool, homeless bool) {
	c.demands = append(c.demands, placement.Demand(d))
	c.shares = c.shares || d.GPUMilli%1000 != 0
	if pin >= 0 {
		open = make([]bool, c.n)
		open[pin] = c.ledger.Admits(c.id[pin], d, cs)
		return open, !open[pin]
	}
	key := fmt.Sprint(d, cs)
	open, ok := c.seen[key]
	if !ok {
		open = make([]bool, c.n)
		for v := range open {
			open[v] = c.ledger.Admits(c.id[v], d, cs)
		}
		c.seen[key] = open
	}
	return open, !slices.Contains(open, true)
}

// pack keeps the dimensions in which some node can run out, and gives the
// items their needs.
func (c *compiler) pack() {
	bound := make([]placement.Vector, c.n) // what may come to a node
	var anywhere placement.Vector
	o := 0
	for i := range c.items {
		for _, pin := range c.items[i].pin {
			for d, x := range c.demands[o] {
				if pin >= 0 {
					bound[pin][d] += x
				} else {
					anywhere[d] += x
				}
			}
			o++
		}
	}
	var active []int
	for d := range placement.Dimensions {
		for v := range c.n {
			if bound[v][d]+anywhere[d] > c.ledger.Free(c.id[v])[d] {
				active = append(active, d)
				break
			}
		}
	}
	c.dims = len(active)
	whole := true
	for v := range c.n {
		free := c.ledger.Free(c.id[v])
		for _, d := range active {
			limit := free[d]
			if bound[v][d]+anywhere[d] <= limit {
				limit = math.Inf(1)
			}
			whole = whole && (math.IsInf(limit, 1) || limit == math.Trunc(limit))
			c.capacity = append(c.capacity, limit)
		}
	}
	o = 0
	for i := range c.items {
		it := &c.items[i]
		for range it.ops {
			for _, d := range active {
				it.need = append(it.need, c.demands[o][d])
				whole = whole && c.demands[o][d] == math.Trunc(c.demands[o][d])
			}
			o++
		}
	}
	if !whole {
		c.slack = 1e-9
	}
}

// own is what operator j of an item pays on node v without company, in
// nanoseconds, rounded down.
func (m *model) own(it *item, j, v int) float64 {
	if !it.open[j][v] {
		return math.Inf(1)
	}
	return max(0, it.work[j]*m.slowness[v]-1)
}

// cost is what an item pays on a path, weighted.
func (m *model) cost(it *item, path []int32) float64 {
	var sum float64
	for j, v := range path {
		k := 1.0
		if m.crowds[v] {
			k = 0
			for _, o := range path {
				if o == v {
					k++
				}
			}
		}
		sum += m.own(it, j, int(v)) * k
		if j > 0 {
			sum += m.send(it.bytes[j-1], path[j-1], v)
		}
	}
	return sum * it.weight
}

// pay is what an item's needs cost on a path under prices, weighted.
func (m *model) pay(it *item, path []int32, y []float64) float64 {
	var sum float64
	for j, v := range path {
		for d := range m.dims {
			sum += it.need[j*m.dims+d] * y[int(v)*m.dims+d]
		}
	}
	return sum
}

// placement turns paths into nodes; an item without a path stays out.
func (m *model) placement(paths [][]int32) placement.Placement {
	out := placement.Unplaced(m.problem.Workload)
	for i, path := range paths {
		it := &m.items[i]
		for j, v := range path {
			if it.pipeline >= 0 {
				out.Pipelines[it.pipeline][j] = m.id[v]
			} else {
				out.Jobs[it.job][it.group][it.instance] = m.id[v]
			}
		}
	}
	return out
}

// paths is the inverse of placement; nil when something is left out.
func (m *model) paths(p *placement.Placement) [][]int32 {
	out := make([][]int32, len(m.items))
	for i := range m.items {
		it := &m.items[i]
		for j := range it.ops {
			n := topology.None
			if it.pipeline >= 0 {
				n = p.Pipelines[it.pipeline][j]
			} else {
				n = p.Jobs[it.job][it.group][it.instance]
			}
			if n == topology.None {
				return nil
			}
			out[i] = append(out[i], m.place[n])
		}
	}
	return out
}
