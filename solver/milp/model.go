package milp

import (
	"fmt"
	"math"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// A Model is a mixed-integer linear program: minimise Scale*Cost*x with
// Lower <= x <= Upper and the rows, variables whole where Integer says so.
type Model struct {
	Name         string
	Cost         []float64
	Lower, Upper []float64
	Integer      []bool
	Labels       []string // of the variables
	Rows         []Row
	// Scale is the objective's unit per unit of Cost, chosen so that costs are
	// of a size that engines like.
	Scale float64

	items []item
}

// A Row is Lower <= sum Value*x[Index] <= Upper; bounds may be infinite.
type Row struct {
	Label        string
	Index        []int
	Value        []float64
	Lower, Upper float64
}

// An item is a chain or an instance: its variables by operator.
type item struct {
	pipeline, job, group, instance int
	ops                            [][]choice
}

// A choice is a node for an operator, and the variable that says so.
type choice struct {
	node     topology.NodeID
	variable int
}

// Build states a problem with an additive objective as a flow: x is 1 where an
// operator runs, and between two operators y carries a unit from the node of
// the one to the node of the other. Of the compact formulations compared (weak
// products, big M, flow) it has by far the tightest relaxation. Berkeley
// contention is not linear in it. A pipeline that is no chain pays for its last
// end: e is when an operator ends, at least when every predecessor's output has
// arrived, and its work.
func Build(p *solver.Problem) (*Model, error) {
	terms, err := p.PathTerms()
	if err != nil {
		return nil, err
	}
	nodes := p.Topology.Nodes()
	for i := range nodes {
		if p.Model.Discipline(&nodes[i]) == topology.PerOperator {
			return nil, fmt.Errorf("%w: contention %q is not linear: node %q multiplies the work of operators that share it", solver.ErrUnsupported, placement.Berkeley, nodes[i].Name)
		}
	}
	b := builder{p: p, terms: terms, ledger: placement.NewLedger(p.Topology), m: &Model{Name: "placement", Scale: scale(p, terms)}}
	b.use = make([]Row, len(nodes)*placement.Dimensions)
	for i := range p.Workload.Pipelines {
		if err := b.pipeline(i); err != nil {
			return nil, err
		}
	}
	for j := range p.Workload.Jobs {
		for g := range p.Workload.Jobs[j].Groups {
			b.group(j, g)
		}
	}
	for i := range terms.Counters {
		b.counter(i, &terms.Counters[i])
	}
	b.capacities()
	return b.m, nil
}

// scale makes an item cost about 100.
func scale(p *solver.Problem, terms solver.Terms) float64 {
	largest := 0.0
	for i := range p.Workload.Pipelines {
		for j := range p.Workload.Pipelines[i].Operators {
			for n := range p.Topology.Nodes() {
				if c := terms.Own(i, j, topology.NodeID(n)); !math.IsInf(c, 1) {
					largest = max(largest, math.Abs(c))
				}
			}
		}
	}
	if largest == 0 {
		return 1
	}
	return largest / 100
}

type builder struct {
	p      *solver.Problem
	terms  solver.Terms
	ledger *placement.Ledger
	m      *Model
	use    []Row // of every resource of every node
}

func (b *builder) variable(label string, cost float64, integer bool) int {
	m := b.m
	m.Labels = append(m.Labels, label)
	m.Cost = append(m.Cost, cost/m.Scale)
	m.Lower, m.Upper = append(m.Lower, 0), append(m.Upper, 1)
	m.Integer = append(m.Integer, integer)
	return len(m.Cost) - 1
}

// choices makes the variables of one operator or instance, and the row that
// one of them is 1.
func (b *builder) choices(label string, pin topology.NodeID, d topology.Resources, cs []workloads.Constraint, cost func(topology.NodeID) float64) []choice {
	var out []choice
	one := Row{Label: "place_" + label, Lower: 1, Upper: 1}
	need := placement.Demand(d)
	for i := range b.p.Topology.Nodes() {
		n := topology.NodeID(i)
		if pin != topology.None && pin != n || !b.ledger.Admits(n, d, cs) {
			continue
		}
		c := cost(n)
		if math.IsInf(c, 1) {
			continue
		}
		v := b.variable(fmt.Sprintf("x_%s_%d", label, n), c, true)
		out = append(out, choice{n, v})
		one.Index, one.Value = append(one.Index, v), append(one.Value, 1)
		for dim, amount := range need {
			if amount > 0 {
				row := &b.use[i*placement.Dimensions+dim]
				row.Index, row.Value = append(row.Index, v), append(row.Value, amount)
			}
		}
	}
	b.m.Rows = append(b.m.Rows, one)
	return out
}

func (b *builder) pipeline(i int) error {
	w := &b.p.Workload.Pipelines[i]
	pins, err := w.Pins()
	if err != nil {
		return err
	}
	it := item{pipeline: i, job: -1}
	chain := w.IsChain()
	for j := range w.Operators {
		o := &w.Operators[j]
		it.ops = append(it.ops, b.choices(fmt.Sprintf("%d_%d", i, j), pins[j], o.Demand, o.Constraints, func(n topology.NodeID) float64 {
			if own := b.terms.Own(i, j, n); chain || math.IsInf(own, 1) {
				return own
			}
			return b.terms.Added(i, j, n)
		}))
	}
	if chain {
		for j := range len(it.ops) - 1 {
			b.flow(i, j, j+1, it.ops[j], it.ops[j+1], 1)
		}
	} else {
		b.graph(w, i, it.ops)
	}
	b.m.items = append(b.m.items, it)
	return nil
}

// graph states when the operators of pipeline i end, which is no chain.
func (b *builder) graph(w *workloads.Pipeline, i int, ops [][]choice) {
	last := b.variable(fmt.Sprintf("last_%d", i), b.m.Scale, false)
	b.m.Upper[last] = math.Inf(1)
	ends := make([]int, len(ops))
	for k := range ops {
		ends[k] = b.variable(fmt.Sprintf("e_%d_%d", i, k), 0, false)
		b.m.Upper[ends[k]] = math.Inf(1)
		work := Row{Index: []int{ends[k]}, Value: []float64{1}, Upper: math.Inf(1)}
		for _, c := range ops[k] {
			if time := b.terms.Own(i, k, c.node) - b.terms.Added(i, k, c.node); time != 0 {
				work.Index, work.Value = append(work.Index, c.variable), append(work.Value, -time/b.m.Scale)
			}
		}
		done := Row{Label: fmt.Sprintf("last_%d_%d", i, k), Index: []int{last, ends[k]}, Value: []float64{1, -1}, Upper: math.Inf(1)}
		alone := Row{Label: fmt.Sprintf("first_%d_%d", i, k), Index: work.Index, Value: work.Value, Upper: math.Inf(1)}
		b.m.Rows = append(b.m.Rows, done, alone)
		for _, j := range w.Operators[k].After {
			after := b.flow(i, j, k, ops[j], ops[k], 0)
			after.Label, after.Upper = fmt.Sprintf("after_%d_%d_%d", i, j, k), math.Inf(1)
			after.Index = append(append(after.Index, ends[j]), work.Index...)
			after.Value = append(append(after.Value, -1), work.Value...)
			b.m.Rows = append(b.m.Rows, after)
		}
	}
}

// flow joins the choices of operator j to those of operator k, which cost part
// of what the messages pay; it returns the negative sum of what they pay.
func (b *builder) flow(i, j, k int, from, to []choice, part float64) (paid Row) {
	out := make([]Row, len(from))
	in := make([]Row, len(to))
	nodes := b.p.Topology.Nodes()
	for a, f := range from {
		out[a] = Row{Label: fmt.Sprintf("out_%s_%d", b.arc(i, j, k), f.node), Index: []int{f.variable}, Value: []float64{-1}}
	}
	for c, t := range to {
		in[c] = Row{Label: fmt.Sprintf("in_%s_%d", b.arc(i, j, k), t.node), Index: []int{t.variable}, Value: []float64{-1}}
	}
	for a, f := range from {
		for c, t := range to {
			cost := b.terms.Edge(i, j, f.node, t.node)
			if math.IsInf(cost, 1) || f.node == t.node && nodes[f.node].NoColocate {
				continue
			}
			y := b.variable(fmt.Sprintf("y_%s_%d_%d", b.arc(i, j, k), f.node, t.node), part*cost, false)
			if cost != 0 {
				paid.Index, paid.Value = append(paid.Index, y), append(paid.Value, -cost/b.m.Scale)
			}
			out[a].Index, out[a].Value = append(out[a].Index, y), append(out[a].Value, 1)
			in[c].Index, in[c].Value = append(in[c].Index, y), append(in[c].Value, 1)
		}
	}
	b.m.Rows = append(b.m.Rows, out...)
	b.m.Rows = append(b.m.Rows, in...)
	return paid
}

// arc names the message from operator j to operator k, which is the next one
// in a chain.
func (b *builder) arc(i, j, k int) string {
	if b.p.Workload.Pipelines[i].IsChain() {
		return fmt.Sprintf("%d_%d", i, j)
	}
	return fmt.Sprintf("%d_%d_%d", i, j, k)
}

func (b *builder) group(j, g int) {
	group := &b.p.Workload.Jobs[j].Groups[g]
	for k := range group.Count {
		choices := b.choices(fmt.Sprintf("j%d_%d_%d", j, g, k), topology.None, group.Demand, group.Constraints, func(n topology.NodeID) float64 { return b.terms.Instance(j, g, k, n) })
		b.m.items = append(b.m.items, item{pipeline: -1, job: j, group: g, instance: k, ops: [][]choice{choices}})
	}
}

// counter states what instances pay together: for every value a variable above
// each of the lines that its convex cost is made of, and the most that may be
// there.
func (b *builder) counter(i int, c *solver.Counter) {
	on := make([]Row, len(c.Cost))
	for _, it := range b.m.items {
		if it.pipeline >= 0 || it.job != c.Job || c.Group >= 0 && it.group != c.Group {
			continue
		}
		for _, x := range it.ops[0] {
			row := &on[c.Of[x.node]]
			row.Index, row.Value = append(row.Index, x.variable), append(row.Value, 1)
		}
	}
	for v, row := range on {
		if len(row.Index) == 0 {
			continue
		}
		pays, slope := -1, 0.0
		for n, cost := range c.Cost[v][1:] {
			if math.IsInf(cost, 1) {
				row.Label, row.Lower, row.Upper = fmt.Sprintf("most_%d_%d", i, v), math.Inf(-1), float64(n)
				b.m.Rows = append(b.m.Rows, row)
				break
			}
			rise := cost - c.Cost[v][n]
			if rise <= slope+1e-12*math.Abs(cost) {
				continue
			}
			if slope = rise; pays < 0 {
				pays = b.variable(fmt.Sprintf("z_%d_%d", i, v), b.m.Scale, false)
				b.m.Upper[pays] = math.Inf(1)
			}
			line := Row{Label: fmt.Sprintf("pays_%d_%d_%d", i, v, n), Index: []int{pays}, Value: []float64{1}, Upper: math.Inf(1)}
			line.Lower = (c.Cost[v][n] - rise*float64(n)) / b.m.Scale
			for _, x := range row.Index {
				line.Index, line.Value = append(line.Index, x), append(line.Value, -rise/b.m.Scale)
			}
			b.m.Rows = append(b.m.Rows, line)
		}
	}
}

// capacities adds the rows of the resources that can run out, counted in parts
// of the capacity.
func (b *builder) capacities() {
	for i := range b.p.Topology.Nodes() {
		free := b.ledger.Free(topology.NodeID(i))
		for dim, c := range free {
			row := b.use[i*placement.Dimensions+dim]
			var sum float64
			for _, v := range row.Value {
				sum += v
			}
			if sum <= c {
				continue
			}
			for k := range row.Value {
				row.Value[k] /= c
			}
			row.Label = fmt.Sprintf("fit_%d_%d", i, dim)
			row.Lower, row.Upper = math.Inf(-1), 1
			b.m.Rows = append(b.m.Rows, row)
		}
	}
}

// Placement reads the values of the variables.
func (m *Model) Placement(w *workloads.Workload, x []float64) placement.Placement {
	out := placement.Unplaced(w)
	for _, it := range m.items {
		for j, choices := range it.ops {
			best, value := topology.None, 0.5
			for _, c := range choices {
				if x[c.variable] > value {
					best, value = c.node, x[c.variable]
				}
			}
			if it.pipeline >= 0 {
				out.Pipelines[it.pipeline][j] = best
			} else {
				out.Jobs[it.job][it.group][it.instance] = best
			}
		}
	}
	return out
}
