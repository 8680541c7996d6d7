package partition

// A gauge adds up the load of a set of pieces as pieces come and go.
type gauge struct {
	p           *pieces
	in          []bool // by piece
	inside      []int  // by net: pieces of the set that it leads to
	cpu         float64
	accelerator float64
	size        float64
	links       float64 // of the nets that cross the border, each counted once
	tied        int     // pieces that cannot run on an accelerator
}

func newGauge(p *pieces) *gauge {
	return &gauge{p: p, in: make([]bool, len(p.all)), inside: make([]int, len(p.nets))}
}

// crosses reports whether a net has ends on both sides of the border.
func (g *gauge) crosses(i int) bool {
	n := &g.p.nets[i]
	if g.in[n.from] {
		return g.inside[i] < len(n.to)
	}
	return g.inside[i] > 0
}

func (g *gauge) add(v int)    { g.toggle(v, true) }
func (g *gauge) remove(v int) { g.toggle(v, false) }

func (g *gauge) toggle(v int, in bool) {
	x := &g.p.all[v]
	sign, one := 1.0, 1
	if !in {
		sign, one = -1, -1
	}
	g.cpu += sign * x.cpu
	g.accelerator += sign * x.accelerator
	g.size += sign * x.size
	if !x.anywhere {
		g.tied += one
	}
	for _, i := range g.p.of[v] {
		if g.crosses(i) {
			g.links -= g.p.nets[i].cost
		}
	}
	g.in[v] = in
	for _, i := range g.p.of[v] {
		if g.p.nets[i].from != v {
			g.inside[i] += one
		}
		if g.crosses(i) {
			g.links += g.p.nets[i].cost
		}
	}
}
