package partition

import (
	"slices"

	"caravan/workloads/instances"
)

// A piece is a set of layers that must share a device and is placed as one.
type piece struct {
	layers      []int
	cpu         float64
	accelerator float64
	size        float64
	anywhere    bool // also on an accelerator
}

// A net is the output of one layer, as far as it leaves its piece.
type net struct {
	cost float64
	from int   // piece
	to   []int // other pieces, each once
}

// pieces is a layer graph taken together by what must share a device: layers
// of one colour, and what lies on a circle between them. Contiguity looks at
// the forward pass; a backward layer without a forward mate follows the order
// of the backward pass turned around.
type pieces struct {
	g    *instances.LayerGraph
	all  []piece // in topological order
	next [][]int
	prev [][]int
	nets []net
	of   [][]int // nets that touch a piece
}

func newPieces(g *instances.LayerGraph) *pieces {
	root := make([]int, len(g.Layers))
	for v := range root {
		root[v] = g.Layers[v].Colour
	}
	root = merged(root, order(g, root))
	trivial(g, root)
	p := &pieces{g: g}
	p.number(root)
	return p
}

// order lists the arcs between classes of layers that contiguity respects.
func order(g *instances.LayerGraph, root []int) [][2]int {
	forward := make([]bool, len(root)) // classes with a layer of the forward pass
	for v := range root {
		if !g.Layers[v].Backward {
			forward[root[v]] = true
		}
	}
	var arcs [][2]int
	for _, e := range g.Edges {
		a, b := root[e.From], root[e.To]
		back := g.Layers[e.From].Backward && g.Layers[e.To].Backward
		switch {
		case a == b:
		case back && (!forward[a] || !forward[b]):
			arcs = append(arcs, [2]int{b, a})
		case !g.Layers[e.From].Backward && !g.Layers[e.To].Backward:
			arcs = append(arcs, [2]int{a, b})
		}
	}
	return arcs
}

// merged joins classes that lie on a circle (Tarjan's components, 1972).
func merged(root []int, arcs [][2]int) []int {
	n := len(root)
	next := make([][]int, n)
	for _, a := range arcs {
		next[a[0]] = append(next[a[0]], a[1])
	}
	t := tarjan{next: next, index: make([]int, n), low: make([]int, n), component: make([]int, n)}
	for v := range n {
		if t.index[v] == 0 {
			t.visit(v)
		}
	}
	name := slices.Repeat([]int{-1}, n) // of a component: its first class
	out := make([]int, n)
	for v := range n {
		c := t.component[root[v]]
		if name[c] < 0 {
			name[c] = root[v]
		}
		out[v] = name[c]
	}
	return out
}

type tarjan struct {
	next                  [][]int
	index, low, component []int
	stack                 []int
	count, parts          int
}

func (t *tarjan) visit(v int) {
	t.count++
	t.index[v], t.low[v], t.component[v] = t.count, t.count, -1
	t.stack = append(t.stack, v)
	for _, w := range t.next[v] {
		if t.index[w] == 0 {
			t.visit(w)
			t.low[v] = min(t.low[v], t.low[w])
		} else if t.component[w] < 0 {
			t.low[v] = min(t.low[v], t.index[w])
		}
	}
	for t.low[v] == t.index[v] {
		w := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		t.component[w] = t.parts
		if w == v {
			t.parts++
			return
		}
	}
}

// trivial joins a class that takes no time and has one neighbour to that
// neighbour: beside it, it costs nothing and saves a transfer.
func trivial(g *instances.LayerGraph, root []int) {
	total := 0.0
	for _, l := range g.Layers {
		total += l.Size
	}
	roomy := total <= g.Memory
	for changed := true; changed; {
		changed = false
		neighbour := slices.Repeat([]int{-1}, len(root)) // -2: several
		arcs := order(g, root)
		for _, e := range g.Edges {
			arcs = append(arcs, [2]int{root[e.From], root[e.To]})
		}
		for _, a := range arcs {
			for _, x := range [][2]int{a, {a[1], a[0]}} {
				if n := neighbour[x[0]]; x[0] != x[1] && n != x[1] {
					neighbour[x[0]] = x[1]
					if n != -1 {
						neighbour[x[0]] = -2
					}
				}
			}
		}
		idle := slices.Repeat([]bool{true}, len(root))
		for v, l := range g.Layers {
			idle[root[v]] = idle[root[v]] && l.CPU == 0 && l.Accelerator == 0 && l.OnAccelerator && (roomy || l.Size == 0)
		}
		into := make([]int, len(root))
		for c := range into {
			into[c] = c
		}
		for _, c := range root {
			if m := neighbour[c]; into[c] == c && idle[c] && m >= 0 && into[m] == m {
				into[c], changed = m, true
				neighbour[m] = -2 // its other neighbours wait for the next round
			}
		}
		for v, c := range root {
			root[v] = into[c]
		}
	}
}

// number makes the pieces of the classes, in topological order.
func (p *pieces) number(root []int) {
	arcs := order(p.g, root)
	position := topological(root, arcs)
	for v, c := range root {
		at := position[c]
		for len(p.all) <= at {
			p.all = append(p.all, piece{anywhere: true})
		}
		x, l := &p.all[at], &p.g.Layers[v]
		x.layers = append(x.layers, v)
		x.cpu, x.accelerator, x.size = x.cpu+l.CPU, x.accelerator+l.Accelerator, x.size+l.Size
		x.anywhere = x.anywhere && l.OnAccelerator
	}
	p.next, p.prev, p.of = make([][]int, len(p.all)), make([][]int, len(p.all)), make([][]int, len(p.all))
	for _, a := range arcs {
		from, to := position[a[0]], position[a[1]]
		if !slices.Contains(p.next[from], to) {
			p.next[from], p.prev[to] = append(p.next[from], to), append(p.prev[to], from)
		}
	}
	nets := make([]net, len(root))
	for _, e := range p.g.Edges {
		from, to := position[root[e.From]], position[root[e.To]]
		if n := &nets[e.From]; from != to && !slices.Contains(n.to, to) {
			n.from, n.cost, n.to = from, p.g.Layers[e.From].Transfer, append(n.to, to)
		}
	}
	for _, n := range nets {
		if len(n.to) == 0 || n.cost == 0 {
			continue
		}
		p.of[n.from] = append(p.of[n.from], len(p.nets))
		for _, w := range n.to {
			p.of[w] = append(p.of[w], len(p.nets))
		}
		p.nets = append(p.nets, n)
	}
}

// topological numbers the classes so that arcs lead upwards, following each
// branch as far as it goes.
func topological(root []int, arcs [][2]int) (position []int) {
	n := len(root)
	position = slices.Repeat([]int{-1}, n)
	next, left := make([][]int, n), make([]int, n)
	for _, a := range arcs {
		next[a[0]] = append(next[a[0]], a[1])
		left[a[1]]++
	}
	var free []int
	seen := make([]bool, n)
	for v := n - 1; v >= 0; v-- {
		if c := root[v]; !seen[c] {
			seen[c] = true
			if left[c] == 0 {
				free = append(free, c)
			}
		}
	}
	for count := 0; len(free) > 0; count++ {
		c := free[len(free)-1]
		free = free[:len(free)-1]
		position[c] = count
		for _, d := range next[c] {
			if left[d]--; left[d] == 0 {
				free = append(free, d)
			}
		}
	}
	return position
}
