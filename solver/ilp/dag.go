package ilp

import (
	"math"
	"math/rand/v2"
	"slices"

	"caravan/solver"
	"caravan/topology"
)

// A dag is the shape of a pipeline that is no chain. Its latency is that of
// its longest way; what is charged adds up over the operators.
//
// Its cheapest path is found by best-first search over partial assignments in
// an order that keeps few operators open (those with a successor to come). The
// bound of the rest is the longest of the ways that are left, each at its own
// cheapest, charges included. Of two partial assignments with the same open
// operators on the same nodes, the one that is no better even after paying for
// how much later its operators end is dropped: on a chain that is the dynamic
// program over nodes.
type dag struct {
	nodes      int
	real       int    // of the nodes; the others take all operators or none
	crowds     []bool // by node
	own, added []float64
	link       [][]float64
	in, out    [][]arc // by operator
	order      []int   // of the operators
	open       [][]int // operators, by how many are placed
	ahead      [][]arc // from the open ones to those to come
	starts     [][]int // those to come without predecessors

	least []float64   // charge, by operator; what follows counts charges above it
	after [][]float64 // least from the end of an arc's sender on, by arc and its node
	tail  []float64   // the most of these over all arcs, by [op*nodes+node]
	head  []float64   // least up to the end of an operator, without its own charge
	lone  []float64   // by operator without predecessors: least of what starts with it
	end   []float64   // scratch, by operator
}

// An arc is a message from one operator to another; link is its number.
type arc struct{ from, to, link int }

// dag compiles the links of pipeline i and makes its shape.
func (m *model) dag(p *solver.Problem, terms solver.Terms, it *item, i int) {
	w := &p.Workload.Pipelines[i]
	d := &dag{nodes: m.nodes, real: m.real, crowds: m.crowds, own: it.own, in: make([][]arc, it.ops), out: make([][]arc, it.ops)}
	for k := range w.Operators {
		for _, j := range w.Operators[k].After {
			a := arc{j, k, len(it.link)}
			d.in[k], d.out[j] = append(d.in[k], a), append(d.out[j], a)
			it.link = append(it.link, m.links(p, terms, it, i, j, k))
		}
	}
	it.added = make([]float64, it.ops*m.nodes)
	for j := range it.ops {
		for v := range m.real {
			it.added[j*m.nodes+v] = terms.Added(i, j, topology.NodeID(v))
		}
	}
	d.added, d.link = it.added, it.link
	d.after = make([][]float64, len(it.link))
	for e := range d.after {
		d.after[e] = make([]float64, m.nodes)
	}
	d.tail, d.head = make([]float64, it.ops*m.nodes), make([]float64, it.ops*m.nodes)
	d.least, d.lone, d.end = make([]float64, it.ops), make([]float64, it.ops), make([]float64, it.ops)
	d.arrange()
	it.shape = d
}

// arrange orders the operators: of those whose predecessors are placed, the
// one after which the fewest are open, the earlier on ties.
func (d *dag) arrange() {
	placed := make([]bool, len(d.in))
	d.mark(placed)
	for range d.in {
		best, fewest := -1, len(d.in)+1
		for j := range d.in {
			if placed[j] || slices.ContainsFunc(d.in[j], func(a arc) bool { return !placed[a.from] }) {
				continue
			}
			placed[j] = true
			if ops, _ := d.ends(placed); len(ops) < fewest {
				best, fewest = j, len(ops)
			}
			placed[j] = false
		}
		placed[best] = true
		d.order = append(d.order, best)
		d.mark(placed)
	}
}

// ends lists the open operators, and the arcs from them to those to come.
func (d *dag) ends(placed []bool) (ops []int, arcs []arc) {
	for j := range d.out {
		before := len(arcs)
		for _, a := range d.out[j] {
			if placed[j] && !placed[a.to] {
				arcs = append(arcs, a)
			}
		}
		if len(arcs) > before {
			ops = append(ops, j)
		}
	}
	return ops, arcs
}

func (d *dag) mark(placed []bool) {
	ops, arcs := d.ends(placed)
	var starts []int
	for j := range d.in {
		if !placed[j] && len(d.in[j]) == 0 {
			starts = append(starts, j)
		}
	}
	d.open, d.ahead, d.starts = append(d.open, ops), append(d.ahead, arcs), append(d.starts, starts)
}

// time is what operator j adds to a way on node v when nothing slows it.
func (d *dag) time(j, v int) float64 {
	c := j*d.nodes + v
	return d.own[c] - d.added[c]
}

// left reports whether node v is one for what is left out.
func (d *dag) left(v int16) bool { return int(v) >= d.real }

// finish is when operator j ends on node v, where it is one of crowd.
func (d *dag) finish(j, v, crowd int, end []float64, path []int16) float64 {
	ready := 0.0
	for _, a := range d.in[j] {
		ready = max(ready, end[a.from]+d.link[a.link][v*d.nodes+int(path[a.from])])
	}
	return ready + d.time(j, v)*float64(crowd)
}

// cost implements shape.
func (d *dag) cost(path []int16) float64 {
	var last, sum float64
	for j, v := range path {
		if d.left(v) != d.left(path[0]) {
			return math.Inf(1)
		}
		crowd := 1
		if d.crowds[v] {
			crowd = 0
			for _, u := range path {
				if u == v {
					crowd++
				}
			}
		}
		d.end[j] = d.finish(j, int(v), crowd, d.end, path)
		last = max(last, d.end[j])
		sum += d.added[j*d.nodes+int(v)]
	}
	return last + sum
}

// draw implements shape: a random path that has its routes when one is met.
func (d *dag) draw(rng *rand.Rand, path []int16) {
	n, own := d.nodes, d.own
	for range 50 {
		for j := range path {
			var all, routed []int16
			for v := range n {
				if math.IsInf(own[j*n+v], 1) {
					continue
				}
				all = append(all, int16(v))
				if !slices.ContainsFunc(d.in[j], func(a arc) bool { return math.IsInf(d.link[a.link][v*n+int(path[a.from])], 1) }) {
					routed = append(routed, int16(v))
				}
			}
			if len(routed) > 0 {
				all = routed
			}
			path[j] = all[rng.IntN(len(all))]
		}
		if !math.IsInf(d.cost(path), 1) {
			return
		}
	}
}
