package search

import (
	"cmp"
	"math"
	"slices"
)

// A dense pricer finds an item's cheapest path under prices over all nodes, by
// dynamic programming over runs from the last operator back: a run is a stretch
// of consecutive operators on one node, which must fit that node by itself.
// Costs are nanoseconds, not weighted.
type dense struct {
	m *model
	// by [op*n+node]
	priced []float64 // of an operator on a node, work and prices
	work   []float64 // of that the work, where it multiplies
	depart []float64 // least cost after a run that ends with op on node
	rest   []float64 // least cost from a run on that starts with op on node
	arrive []float64 // least cost before a run that starts with op on node
	upto   []float64 // least cost of runs up to one that ends with op on node

	floor   []float64 // scratch by block: least rest
	bound   []float64 // scratch by block: least cost through it
	through []float64 // scratch by node
	order   []int32   // scratch: nodes
}

func newDense(m *model) *dense {
	longest := 0
	for i := range m.items {
		longest = max(longest, m.items[i].ops)
	}
	cells := func() []float64 { return make([]float64, longest*m.n) }
	d := &dense{m: m, priced: cells(), depart: cells(), rest: cells(), arrive: cells(), upto: cells(),
		floor: make([]float64, len(m.block)-1), bound: make([]float64, len(m.block)-1),
		through: make([]float64, m.n), order: make([]int32, m.n)}
	if m.crowded {
		d.work = cells()
	}
	return d
}

// cheapest is a lower bound of what item i pays under prices y, +Inf when no
// path is left; rest and depart tell about every node afterwards.
func (d *dense) cheapest(it *item, y []float64) float64 {
	d.price(it, y)
	n := d.m.n
	for j := it.ops - 1; j >= 0; j-- {
		after := d.depart[j*n : (j+1)*n]
		if j == it.ops-1 {
			clear(after)
		} else {
			d.departures(it, j, after)
		}
		d.starts(it, j)
	}
	return slices.Min(d.rest[:n])
}

// price fills priced, and work when nodes crowd.
func (d *dense) price(it *item, y []float64) {
	m, n := d.m, d.m.n
	for j := range it.ops {
		need := it.need[j*m.dims : (j+1)*m.dims]
		for v := range n {
			c := m.own(it, j, v)
			if m.crowded {
				d.work[j*n+v] = c
			}
			var pay float64
			for k, x := range need {
				pay += x * y[v*m.dims+k]
			}
			d.priced[j*n+v] = c + pay/it.weight
		}
	}
}

// departures fills what follows a run that ends with operator j: block by
// block of receivers, and only into blocks that can still win.
func (d *dense) departures(it *item, j int, after []float64) {
	m, n := d.m, d.m.n
	rest := d.rest[(j+1)*n : (j+2)*n]
	blocks := len(d.floor)
	for k := range d.floor {
		d.floor[k] = slices.Min(rest[m.block[k]:m.block[k+1]])
	}
	bytes := it.bytes[j]
	for v := range after {
		after[v] = math.Inf(1)
		if !it.open[j][v] {
			continue
		}
		near, cheap := m.nearest[v*blocks:][:blocks], m.cheapest[v*blocks:][:blocks]
		least, first := math.Inf(1), 0
		for k, f := range d.floor {
			b := f + float64(near[k]) + float64(bytes*float64(cheap[k]))
			d.bound[k] = b
			if b < least {
				least, first = b, k
			}
		}
		best := d.scan(math.Inf(1), rest, v, first, bytes)
		for k, b := range d.bound {
			if b < best && k != first {
				best = d.scan(best, rest, v, k, bytes)
			}
		}
		after[v] = best
	}
}

// scan tries the nodes of a block as receivers of what v sends.
func (d *dense) scan(best float64, rest []float64, v, block int, bytes float64) float64 {
	m := d.m
	lo, hi := int(m.block[block]), int(m.block[block+1])
	rest = rest[lo:hi]
	delay, slope := m.delay[v*m.n+lo:][:len(rest)], m.perByte[v*m.n+lo:][:len(rest)]
	for k, r := range rest {
		if c := r + float64(delay[k]) + float64(bytes*float64(slope[k])); c < best {
			best = c
		}
	}
	return best
}

// starts fills rest for runs that start with operator j.
func (d *dense) starts(it *item, j int) {
	n := d.m.n
	for v := range n {
		best := math.Inf(1)
		d.runs(it, j, v, func(last int, cost float64) {
			best = min(best, cost+d.depart[last*n+v])
		})
		d.rest[j*n+v] = best
	}
}

// runs visits the runs on node v that start with operator j and fit it, from
// the shortest on.
func (d *dense) runs(it *item, j, v int, visit func(last int, cost float64)) {
	m := d.m
	room := m.capacity[v*m.dims : (v+1)*m.dims]
	var sum, work float64
	for e := j; e < it.ops && it.open[e][v]; e++ {
		if e > j && (m.alone[v] || !m.fits(it, j, e, room)) {
			return
		}
		sum += d.priced[e*m.n+v]
		extra := 0.0
		if m.crowds[v] {
			work += d.work[e*m.n+v]
			extra = work * float64(e-j)
		}
		visit(e, sum+extra)
	}
}

// fits reports whether operators j to e of an item fit the room together.
func (m *model) fits(it *item, j, e int, room []float64) bool {
	for k, r := range room {
		var sum float64
		for o := j; o <= e; o++ {
			sum += it.need[o*m.dims+k]
		}
		if sum > r {
			return false
		}
	}
	return true
}

// rough lists at most so many nodes by what the item would pay if as much of
// it as can be ran there, between its ends; pins are always listed.
func (d *dense) rough(it *item, most int) []int32 {
	last := it.ops - 1
	for v := range d.m.n {
		at := int32(v)
		d.through[v] = 0
		for j, pin := range it.pin {
			switch {
			case pin == at:
				d.through[v] = math.Inf(-1)
			case pin < 0 && it.open[j][v]:
				d.through[v] += it.work[j] * d.m.slowness[v]
			case pin < 0:
				d.through[v] += it.work[j] * 1e9
			}
		}
		if it.pin[0] >= 0 {
			d.through[v] += min(d.m.send(it.bytes[0], it.pin[0], at), math.MaxFloat32)
		}
		if it.pin[last] >= 0 && last > 0 {
			d.through[v] += min(d.m.send(it.bytes[last-1], at, it.pin[last]), math.MaxFloat32)
		}
	}
	out := slices.Clone(d.smallest(d.through, most))
	slices.Sort(out)
	return out
}

// shortlist returns the nodes of the cheapest paths under the prices of the
// last call of cheapest, at most so many, by place. Only as many senders an
// operator are followed.
func (d *dense) shortlist(it *item, most int) []int32 {
	n := d.m.n
	cells := it.ops * n
	most = min(most, n)
	fill(d.arrive[:cells], math.Inf(1))
	fill(d.upto[:cells], math.Inf(1))
	fill(d.through, math.Inf(1))
	clear(d.arrive[:n])
	for j := range it.ops {
		for v := range n {
			before := d.arrive[j*n+v]
			if math.IsInf(before, 1) {
				continue
			}
			d.through[v] = min(d.through[v], before+d.rest[j*n+v])
			d.runs(it, j, v, func(last int, cost float64) {
				d.upto[last*n+v] = min(d.upto[last*n+v], before+cost)
			})
		}
		if j+1 < it.ops {
			d.expand(it, j, most)
		}
	}
	list := d.smallest(d.through, most)
	out := slices.Clone(list)
	slices.Sort(out)
	return out
}

// expand sends what operator j puts out from the nodes most likely to matter.
func (d *dense) expand(it *item, j, most int) {
	m, n := d.m, d.m.n
	upto, after := d.upto[j*n:(j+1)*n], d.depart[j*n:(j+1)*n]
	value := make([]float64, n)
	for v := range value {
		value[v] = upto[v] + after[v]
	}
	arrive := d.arrive[(j+1)*n : (j+2)*n]
	bytes := it.bytes[j]
	for _, h := range d.smallest(value, most) {
		delay, slope := m.delay[int(h)*n:][:n], m.perByte[int(h)*n:][:n]
		base := upto[h]
		for v := range arrive {
			if c := base + float64(delay[v]) + float64(bytes*float64(slope[v])); c < arrive[v] {
				arrive[v] = c
			}
		}
	}
}

// smallest lists the positions of the least finite values, at most so many.
func (d *dense) smallest(value []float64, most int) []int32 {
	list := d.order[:0]
	for v, x := range value {
		if !math.IsInf(x, 1) {
			list = append(list, int32(v))
		}
	}
	slices.SortFunc(list, func(a, b int32) int { return cmp.Or(cmp.Compare(value[a], value[b]), cmp.Compare(a, b)) })
	return list[:min(most, len(list))]
}

func fill(list []float64, x float64) {
	for i := range list {
		list[i] = x
	}
}
