package ilp

import (
	"math"
	"slices"
)

// A pricer finds the cheapest path of an item under prices for the resources
// and cuts, by dynamic programming over runs: a run is a stretch of
// consecutive operators on one node, which must fit that node by itself.
type pricer struct {
	m       *model
	active  []int     // dimensions in which some row binds
	offset  []int     // of an item's runs, by item
	runNeed []float64 // [(offset+run)*dims+dim]
	start   [][]int16 // first operator of a run, by kind of item
	end     [][]int16
	kind    []int // of an item: its number of operators, plus alone for no chain
	alone   int   // from this kind on, every operator is a run by itself

	allowed [][]int16   // candidate nodes, by operator counted over all items
	first   []int       // an item's first operator in allowed
	permit  []bool      // [operator*nodes+node], the same as allowed
	limit   []float64   // capacity that a run must fit, as model.capacity
	unit    []float64   // price of a unit of a resource, by [node*dims+dim]
	penalty [][]float64 // price of a run by node and offset+run; nil for none

	// scratch, by [operator*nodes+node]
	own, dist, arrive []float64
	from              []int16 // sender that arrive came from
	begin             []int16 // first operator of the run that dist ends with
}

// runID numbers the runs of k operators.
func runID(k, a, b int) int { return a*k - a*(a-1)/2 + b - a }

func newPricer(m *model) *pricer {
	p := &pricer{m: m, limit: m.capacity, unit: make([]float64, len(m.capacity)), penalty: make([][]float64, m.nodes)}
	longest, runs, ops := 0, 0, 0
	for i := range m.items {
		k := m.items[i].ops
		longest = max(longest, k)
		p.offset = append(p.offset, runs)
		p.first = append(p.first, ops)
		runs += m.items[i].runs()
		ops += k
	}
	p.alone = longest + 1
	p.start, p.end = make([][]int16, 2*p.alone), make([][]int16, 2*p.alone)
	for k := range longest + 1 {
		p.start[p.alone+k], p.end[p.alone+k] = p.order(k), p.order(k)
		for a := range k {
			for b := a; b < k; b++ {
				p.start[k] = append(p.start[k], int16(a))
				p.end[k] = append(p.end[k], int16(b))
			}
		}
	}
	for i := range m.items {
		it := &m.items[i]
		kind := it.ops
		if it.shape != nil {
			kind += p.alone
		}
		p.kind = append(p.kind, kind)
		for run := range p.start[kind] {
			need := make([]float64, dims)
			for j := p.start[kind][run]; j <= p.end[kind][run]; j++ {
				for d := range dims {
					need[d] += it.need[int(j)*dims+d]
				}
			}
			p.runNeed = append(p.runNeed, need...)
		}
	}
	for d := range dims {
		if slices.ContainsFunc(nodeRange(m.nodes), func(v int) bool { return m.row[v*dims+d] >= 0 }) {
			p.active = append(p.active, d)
		}
	}
	cells := longest * m.nodes
	p.own, p.dist, p.arrive = make([]float64, cells), make([]float64, cells), make([]float64, cells)
	p.from, p.begin = make([]int16, cells), make([]int16, cells)
	p.permit = make([]bool, ops*m.nodes)
	p.allowed = make([][]int16, ops)
	for i := range m.items {
		it := &m.items[i]
		for j := range it.ops {
			for v := range m.nodes {
				p.permit[(p.first[i]+j)*m.nodes+v] = !math.IsInf(it.own[j*m.nodes+v], 1)
			}
		}
	}
	p.list()
	return p
}

func nodeRange(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// order is 0 to k-1.
func (p *pricer) order(k int) []int16 {
	out := make([]int16, k)
	for j := range out {
		out[j] = int16(j)
	}
	return out
}

// list makes allowed from permit.
func (p *pricer) list() {
	n := p.m.nodes
	for o := range p.allowed {
		p.allowed[o] = p.allowed[o][:0]
		for v := range n {
			if p.permit[o*n+v] {
				p.allowed[o] = append(p.allowed[o], int16(v))
			}
		}
	}
}

// runs is the number of runs over all items.
func (p *pricer) runs() int { return len(p.runNeed) / dims }

// fits reports whether a run fits a node that is otherwise empty.
func (p *pricer) fits(run, node int) bool {
	for _, d := range p.active {
		if p.runNeed[run*dims+d] > p.limit[node*dims+d] {
			return false
		}
	}
	return true
}

// value is the cost under prices of operator j of item i on every node it may
// run on, into own.
func (p *pricer) value(i int) {
	it := &p.m.items[i]
	n := p.m.nodes
	for j := range it.ops {
		need := it.need[j*dims : (j+1)*dims]
		for _, v := range p.allowed[p.first[i]+j] {
			c := 0.0
			for _, d := range p.active {
				c += need[d] * p.unit[int(v)*dims+d]
			}
			p.own[j*n+int(v)] = c
		}
	}
}

// extend visits the runs of item i that end with operator j on node v, from
// the shortest on, with their cost under prices.
func (p *pricer) extend(i, j, v int, visit func(first int, cost float64)) {
	it := &p.m.items[i]
	n := p.m.nodes
	var pay, own, hop float64
	for a := j; a >= 0; a-- {
		if !p.permit[(p.first[i]+a)*n+v] {
			return
		}
		run := p.offset[i] + runID(it.ops, a, j)
		if !p.fits(run, v) {
			return
		}
		pay += p.own[a*n+v]
		own += it.own[a*n+v]
		if a < j {
			hop += it.link[a][v*n+v]
		}
		c := own + pay + hop
		if it.crowd && p.m.crowds[v] {
			c += own * float64(j-a)
		}
		if t := p.penalty[v]; t != nil {
			c += t[run]
		}
		visit(a, c)
	}
}

// forward fills arrive and dist for item i: the least cost before a run that
// starts with operator j on node v, and up to one that ends there.
func (p *pricer) forward(i int) {
	it := &p.m.items[i]
	n := p.m.nodes
	p.value(i)
	for j := range it.ops {
		at := j * n
		for _, to := range p.allowed[p.first[i]+j] {
			v := int(to)
			p.arrive[at+v] = 0
			if j > 0 {
				best, sender := math.Inf(1), int16(-1)
				link := it.link[j-1][v*n : (v+1)*n]
				dist := p.dist[at-n : at]
				for _, h := range p.allowed[p.first[i]+j-1] {
					if c := dist[h] + link[h]; c < best && h != to {
						best, sender = c, h
					}
				}
				p.arrive[at+v], p.from[at+v] = best, sender
			}
			p.close(i, it, j, v)
		}
	}
}

// close fills dist for runs that end with operator j on node v. It is extend
// written out: the innermost loop of everything.
func (p *pricer) close(i int, it *item, j, v int) {
	n := p.m.nodes
	best, first := math.Inf(1), int16(-1)
	var pay, own, hop float64
	for a := j; a >= 0; a-- {
		if !p.permit[(p.first[i]+a)*n+v] {
			break
		}
		run := p.offset[i] + runID(it.ops, a, j)
		if !p.fits(run, v) {
			break
		}
		pay += p.own[a*n+v]
		own += it.own[a*n+v]
		if a < j {
			hop += it.link[a][v*n+v]
		}
		c := p.arrive[a*n+v] + own + pay + hop
		if it.crowd && p.m.crowds[v] {
			c += own * float64(j-a)
		}
		if t := p.penalty[v]; t != nil {
			c += t[run]
		}
		if c < best {
			best, first = c, int16(a)
		}
	}
	p.dist[j*n+v], p.begin[j*n+v] = best, first
}

// cheapest is the least cost under prices over the paths of item i, and that
// path; its cost is +Inf when no path is left. Of an item that is no chain it
// may be a bound on that cost, and the path another, or none: see shape.
func (p *pricer) cheapest(i int, path []int16) float64 {
	if s := p.m.items[i].shape; s != nil {
		return s.cheapest(p.charge(i), path)
	}
	p.forward(i)
	n := p.m.nodes
	k := p.m.items[i].ops
	best, v := math.Inf(1), int16(-1)
	for _, u := range p.allowed[p.first[i]+k-1] {
		if c := p.dist[(k-1)*n+int(u)]; c < best {
			best, v = c, u
		}
	}
	if v < 0 {
		return best
	}
	for j := k - 1; j >= 0; {
		a := int(p.begin[j*n+int(v)])
		for t := a; t <= j; t++ {
			path[t] = v
		}
		if a > 0 {
			v = p.from[a*n+int(v)]
		}
		j = a - 1
	}
	return best
}

// eachRun visits the runs of a path of item i, as node and offset+run.
func (p *pricer) eachRun(i int, path []int16, visit func(node, run int)) {
	k := len(path)
	if p.m.items[i].shape != nil {
		for j, v := range path {
			visit(int(v), p.offset[i]+j)
		}
		return
	}
	for a := 0; a < k; {
		b := a
		for b+1 < k && path[b+1] == path[a] {
			b++
		}
		visit(int(path[a]), p.offset[i]+runID(k, a, b))
		a = b + 1
	}
}
