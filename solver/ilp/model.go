package ilp

import (
	"fmt"
	"math"
	"slices"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// dims is the number of resources that a node can run out of: those of a
// placement, and places for what is left out.
const dims = placement.Dimensions + 1

// A model is the problem as the algorithm sees it: items that each take a
// path over the nodes, one node an operator, and rows that the paths share.
// Costs are scaled so that a typical item costs about 1e4.
type model struct {
	problem *solver.Problem
	items   []item
	nodes   int
	real    int    // of the nodes, which come first; what is placed on the others is left out
	crowds  []bool // by node: the operators of an item there multiply each other's work (Berkeley)
	shares  bool   // amounts do not say what fits: parts of GPUs, ports, devices by kind
	// capacity is what a node has by [node*dims+dim]; +Inf where unlimited.
	capacity []float64
	// row is the position of a node's resource among the rows that can bind,
	// -1 for the others.
	row   []int32
	rows  int       // rows that can bind
	limit []float64 // capacity by row
	scale float64   // objective's unit per unit of cost
	step  float64   // every total cost is a multiple of it; 0 when unknown
}

// An item is a pipeline, or one instance of a group: a chain of operators.
type item struct {
	pipeline, job, group, instance int // pipeline or job is -1
	class                          int // of its priority, when something may be left out
	ops                            int
	own                            []float64   // [op*nodes+node]; +Inf where it may not run
	link                           [][]float64 // [op][to*nodes+from] from op to op+1; +Inf without a route
	need                           []float64   // [op*dims+dim]
	crowd                          bool        // it has operators that crowd each other
	shape                          shape       // nil for a chain; then link is the shape's
	added                          []float64   // as own: the part of it that is no time, of a DAG
	slots                          [][2]int    // group and instance by operator, of a team
	counters                       []solver.Counter
}

// compile turns a problem into a model, in which l, unless it is nil, says what
// may be left out. Unplaced lists what fits nowhere.
func compile(p *solver.Problem, l *leaving) (m *model, unplaced []solver.Unplaced, err error) {
	terms, err := p.PathTerms()
	if err != nil {
		return nil, nil, err
	}
	if l.counting() {
		terms = uncounted(terms)
	}
	nodes := p.Topology.Nodes()
	m = &model{problem: p, nodes: len(nodes), real: len(nodes)}
	ledger := placement.NewLedger(p.Topology)
	for i := range nodes {
		n := topology.NodeID(i)
		free := ledger.Free(n)
		m.capacity = append(append(m.capacity, free[:]...), math.Inf(1))
		m.crowds = append(m.crowds, p.Model.Discipline(&nodes[i]) == topology.PerOperator)
	}
	m.shares = slices.ContainsFunc(p.Workload.Jobs, placement.ByName) || slices.ContainsFunc(nodes, func(n topology.Node) bool { return n.MaxInstances > 0 })
	l.addNodes(m)
	for i := range p.Workload.Pipelines {
		if l.ignores(p.Workload.Pipelines[i].Priority) {
			continue
		}
		it, err := m.pipeline(p, terms, ledger, i)
		if err != nil {
			return nil, nil, err
		}
		l.addItem(m, &it, p.Workload.Pipelines[i].Priority, terms)
		m.items = append(m.items, it)
		if op := it.homeless(m.nodes); op >= 0 {
			w := &p.Workload.Pipelines[i]
			unplaced = append(unplaced, solver.Leave(w, fmt.Sprintf("no node can hold operator %q", w.Operators[op].Name))...)
		}
	}
	for j := range p.Workload.Jobs {
		if l.ignores(p.Workload.Jobs[j].Priority) {
			continue
		}
		if counters := countersOf(terms.Counters, j); len(counters) > 0 {
			if it := m.together(p, terms, ledger, j, l); it.ops > 0 {
				m.team(&it, counters)
				m.items = append(m.items, it)
				unplaced = append(unplaced, m.roofless(p, &it)...)
			}
			continue
		}
		for g := range p.Workload.Jobs[j].Groups {
			group := &p.Workload.Jobs[j].Groups[g]
			var it item
			for k := range group.Count {
				if k == 0 || p.Incumbent != nil {
					it = m.instance(p, terms, ledger, j, g, k)
					it.instance = k
					l.addItem(m, &it, p.Workload.Jobs[j].Priority, terms)
				}
				it.instance = k
				m.items = append(m.items, it)
				if it.homeless(m.nodes) >= 0 {
					unplaced = append(unplaced, solver.Unplaced{Workload: p.Workload.Jobs[j].Name, Item: group.Name, Instance: k, Reason: "no node can hold it"})
				}
			}
		}
	}
	m.index()
	if l.counting() {
		m.scale, m.step = 1/unit, unit
		m.each(func(c *float64) { *c *= unit })
	} else {
		m.rescale(terms)
	}
	return m, unplaced, nil
}

// pipeline compiles pipeline i.
func (m *model) pipeline(p *solver.Problem, terms solver.Terms, ledger *placement.Ledger, i int) (item, error) {
	w := &p.Workload.Pipelines[i]
	pins, err := w.Pins()
	if err != nil {
		return item{}, err
	}
	n := m.nodes
	it := item{pipeline: i, job: -1, ops: len(w.Operators), own: slices.Repeat([]float64{math.Inf(1)}, len(w.Operators)*n), crowd: slices.Contains(m.crowds, true)}
	for j := range w.Operators {
		o := &w.Operators[j]
		need := placement.Demand(o.Demand)
		it.need = append(append(it.need, need[:]...), 0)
		m.shares = m.shares || o.Demand.GPUMilli%1000 != 0
		for v := range m.real {
			node := topology.NodeID(v)
			if (pins[j] == topology.None || pins[j] == node) && ledger.Admits(node, o.Demand, o.Constraints) {
				it.own[j*n+v] = terms.Own(i, j, node)
			}
		}
	}
	if !w.IsChain() {
		m.dag(p, terms, &it, i)
		return it, nil
	}
	for j := range len(w.Operators) - 1 {
		it.link = append(it.link, m.links(p, terms, &it, i, j, j+1))
	}
	return it, nil
}

// links is the matrix of what operator j's output costs on its way to operator
// k, by receiver then sender; pairs that the pins rule out are +Inf.
func (m *model) links(p *solver.Problem, terms solver.Terms, it *item, i, j, k int) []float64 {
	n := m.nodes
	out := slices.Repeat([]float64{math.Inf(1)}, n*n)
	all := p.Topology.Nodes()
	for from := range m.real {
		if math.IsInf(it.own[j*n+from], 1) {
			continue
		}
		for to := range m.real {
			if math.IsInf(it.own[k*n+to], 1) || from == to && all[from].NoColocate {
				continue
			}
			out[to*n+from] = terms.Edge(i, j, topology.NodeID(from), topology.NodeID(to))
		}
	}
	return out
}

func (m *model) instance(p *solver.Problem, terms solver.Terms, ledger *placement.Ledger, j, g, k int) item {
	group := &p.Workload.Jobs[j].Groups[g]
	m.shares = m.shares || group.Demand.GPUMilli%1000 != 0
	it := item{pipeline: -1, job: j, group: g, ops: 1, own: slices.Repeat([]float64{math.Inf(1)}, m.nodes)}
	need := placement.Demand(group.Demand)
	it.need = append(need[:], 0)
	for v := range m.real {
		if ledger.Admits(topology.NodeID(v), group.Demand, group.Constraints) {
			it.own[v] = terms.Instance(j, g, k, topology.NodeID(v))
		}
	}
	return it
}

// homeless is an operator that no node admits, -1 without one.
func (it *item) homeless(nodes int) int {
	for j := range it.ops {
		if math.IsInf(slices.Min(it.own[j*nodes:(j+1)*nodes]), 1) {
			return j
		}
	}
	return -1
}

// index gives a row to every resource of every node that can run out.
func (m *model) index() {
	demand := make([]float64, len(m.capacity))
	for i := range m.items {
		it := &m.items[i]
		for j := range it.ops {
			for v := range m.nodes {
				if math.IsInf(it.own[j*m.nodes+v], 1) || !m.fits(it, j, v) {
					continue
				}
				for d := range dims {
					demand[v*dims+d] += it.need[j*dims+d]
				}
			}
		}
	}
	m.row = make([]int32, len(m.capacity))
	for r, c := range m.capacity {
		m.row[r] = -1
		if demand[r] > c {
			m.row[r] = int32(m.rows)
			m.limit = append(m.limit, c)
			m.rows++
		}
	}
}

// fits reports whether operator j of an item fits node v when nothing else is
// there.
func (m *model) fits(it *item, j, v int) bool {
	for d := range dims {
		if it.need[j*dims+d] > m.capacity[v*dims+d]*(1+epsilon) {
			return false
		}
	}
	return true
}

// rescale divides every cost so that an item costs about 1e4, and finds the
// step of the sums when all costs are whole numbers.
func (m *model) rescale(terms solver.Terms) {
	var sum float64
	var step uint64
	m.each(func(c *float64) {
		if whole := math.Round(*c / terms.Quantum); terms.Quantum > 0 && !math.IsInf(*c, 1) {
			step = gcd(step, uint64(math.Abs(whole)))
		}
	})
	for i := range m.items {
		it := &m.items[i]
		for j := range it.ops {
			if least := slices.Min(it.own[j*m.nodes : j*m.nodes+m.real]); !math.IsInf(least, 1) {
				sum += math.Abs(least)
			}
		}
	}
	m.scale = 1
	if mean := sum / float64(max(1, len(m.items))); mean > 0 {
		m.scale = mean / 1e4
	}
	m.step = float64(step) * terms.Quantum / m.scale
	m.each(func(c *float64) { *c /= m.scale })
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// each visits every cost once; the instances of a group share theirs, unless
// they have their own nodes in the placement in force.
func (m *model) each(f func(*float64)) {
	for i := range m.items {
		it := &m.items[i]
		if i > 0 && &it.own[0] == &m.items[i-1].own[0] {
			continue
		}
		for k := range it.own {
			f(&it.own[k])
		}
		for k := range it.added {
			f(&it.added[k])
		}
		for _, c := range it.counters {
			for _, cost := range c.Cost {
				for k := range cost {
					f(&cost[k])
				}
			}
		}
		for _, l := range it.link {
			for k := range l {
				f(&l[k])
			}
		}
	}
}

// cost is what an item pays on a path.
func (m *model) cost(i int, path []int16) float64 {
	it := &m.items[i]
	if it.shape != nil {
		return it.shape.cost(path)
	}
	var sum float64
	for j, v := range path {
		k := 1
		if it.crowd && m.crowds[v] {
			k = 0
			for _, o := range path {
				if o == v {
					k++
				}
			}
		}
		sum += it.own[j*m.nodes+int(v)] * float64(k)
		if j > 0 {
			sum += it.link[j-1][int(v)*m.nodes+int(path[j-1])]
		}
	}
	return sum
}

// placement turns paths into nodes; an item without a path stays out.
func (m *model) placement(w *workloads.Workload, paths [][]int16) placement.Placement {
	out := placement.Unplaced(w)
	for i, path := range paths {
		it := &m.items[i]
		for j, v := range path {
			if int(v) >= m.real {
				continue
			}
			if it.pipeline >= 0 {
				out.Pipelines[it.pipeline][j] = topology.NodeID(v)
			} else {
				g, k := it.slot(j)
				out.Jobs[it.job][g][k] = topology.NodeID(v)
			}
		}
	}
	return out
}
