package ilp

import (
	"math"
	"math/rand/v2"
)

// A shape is what is particular to an item that is no chain. In its cuts every
// operator is a run by itself.
type shape interface {
	// cost is what the item pays on a path.
	cost(path []int16) float64
	// cheapest returns a bound on the cost of every path with what it is charged,
	// +Inf when none is left, and fills in a cheap one; path[0] is -1 when it
	// found none in its time.
	cheapest(c *charge, path []int16) float64
	// through fills in, by [op*nodes+node], a bound on the paths with the
	// operator there, and returns that of cheapest.
	through(c *charge, out []float64) float64
	// each visits the paths that cost no more than gap above the bound of
	// cheapest, until visit returns false; it reports whether it came to the end.
	each(c *charge, gap float64, visit func(path []int16) bool) bool
	// draw fills in any path.
	draw(rng *rand.Rand, path []int16)
}

// A charge is what the operators of an item pay besides their own costs, for
// resources and cuts, and where they may be.
type charge struct {
	nodes   int
	allowed [][]int16 // by operator
	pay     []float64 // [op*nodes+node] of the allowed; +Inf where it does not fit alone
}

// charge computes what item i, which has a shape, is charged under the prices.
// It holds until the next call.
func (p *pricer) charge(i int) *charge {
	it, n := &p.m.items[i], p.m.nodes
	p.value(i)
	c := &charge{nodes: n, allowed: p.allowed[p.first[i] : p.first[i]+it.ops], pay: p.own[:it.ops*n]}
	for j, list := range c.allowed {
		run := p.offset[i] + j
		for _, v := range list {
			switch t := p.penalty[v]; {
			case !p.fits(run, int(v)):
				c.pay[j*n+int(v)] = math.Inf(1)
			case t != nil:
				c.pay[j*n+int(v)] += t[run]
			}
		}
	}
	return c
}

// runs is how many runs an item has.
func (it *item) runs() int {
	if it.shape != nil {
		return it.ops
	}
	return it.ops * (it.ops + 1) / 2
}

// reach is how near two runs of an item are that would be one.
func (p *pricer) reach(item int) int16 {
	if p.m.items[item].shape != nil {
		return 0
	}
	return 1
}

// pair is twice for an item whose operators are runs by themselves.
func (r *relaxation) pair(item int, capacity float64, d int, least float64) bool {
	first := r.p.offset[item]
	for a := range r.m.items[item].ops {
		for b := range a {
			x, y := r.p.runNeed[(first+a)*dims+d], r.p.runNeed[(first+b)*dims+d]
			if x >= least && y >= least && x+y <= capacity {
				return true
			}
		}
	}
	return false
}
