package bins

import (
	"context"
	"slices"
)

// A relaxation is what column generation found at a state.
type relaxation struct {
	patterns []pattern // worth keeping for the states below
	used     []pattern // the solution: these patterns,
	amount   []float64 // so much of each
	value    float64   // bins, the closed ones included
	bound    int64     // proved: no packing has fewer, the closed ones included
	steps    int64     // pricing problems solved
}

// batch is how many patterns one pricing problem adds at most.
const batch = 20

// A goal says when column generation may end early.
type goal struct {
	bins     int64 // a bound above it cuts the state off
	patience bool  // go on although the relaxation fits into that many bins
	steps    int64 // pricing problems left
}

// relax solves the relaxation of a state by column generation. The bound comes
// from the pricing problem in whole numbers: the values of all items over the
// most that a bin can be worth (Farley's bound), so that rounding errors of the
// simplex cannot make it wrong.
func relax(ctx context.Context, s *state, known []pattern, g goal) relaxation {
	done := int64(len(s.closed))
	r := relaxation{bound: done, value: float64(done)}
	if len(s.kinds) == 0 {
		return r
	}
	demand := make([]float64, len(s.kinds))
	first := make([]pattern, len(s.kinds), len(s.kinds)+len(known))
	p := newPricer(s)
	copy(p.room, s.capacity)
	for k := range s.kinds {
		demand[k] = float64(len(s.kinds[k].parcels))
		first[k] = pattern{[]int32{int32(k)}, []int32{int32(p.fit(k))}}
	}
	swaps := s.exchanges()
	l := newMaster(demand, slices.Concat(first, swaps, known), len(swaps))
	c := newCentre(s)
	stopped := func() bool { return ctx.Err() != nil }
	for r.steps < g.steps && !stopped() {
		l.optimise(stopped)
		r.value = float64(done) + l.value()
		if !g.patience && r.value <= float64(g.bins)+1e-6 {
			break
		}
		more := c.price(p, l, &r)
		if r.bound > g.bins || len(more) == 0 || float64(r.bound) >= r.value-1e-6 && !g.patience {
			break
		}
		l.patterns = append(l.patterns, more...)
	}
	r.used, r.amount = l.use()
	r.patterns = l.worthKeeping()
	return r
}

// worthKeeping is the patterns of nearly no reduced cost, the basis among them.
func (l *master) worthKeeping() []pattern {
	const slack = 0.05
	var out []pattern
	for j := len(l.demand) + l.swaps; j < len(l.patterns); j++ {
		if l.reduced(&l.patterns[j]) < slack {
			out = append(out, l.patterns[j])
		}
	}
	return out[max(0, len(out)-3*len(l.demand)):]
}

// round makes a packing of what a relaxation takes: its patterns by falling
// amount as often as they are whole and their items are left, then each once
// more while all its items are left, then the rest by the policies.
func (s *state) round(r *relaxation) [][]int {
	left := make([]int, len(s.kinds))
	for k := range left {
		left[k] = len(s.kinds[k].parcels)
	}
	out := slices.Clone(s.closed)
	take := func(p pattern, whole bool) bool {
		some := false
		for n, k := range p.kinds {
			if whole && left[k] < int(p.copies[n]) {
				return false
			}
			some = some || left[k] > 0
		}
		if !some {
			return false
		}
		var bin []int
		for n, k := range p.kinds {
			for range min(int(p.copies[n]), left[k]) {
				left[k]--
				bin = append(bin, s.kinds[k].parcels[left[k]]...)
			}
		}
		out = append(out, bin)
		return true
	}
	order := byFalling(r.amount)
	for _, j := range order {
		for range int(r.amount[j] + 1e-6) {
			take(r.used[j], false)
		}
	}
	for _, j := range order {
		if f := r.amount[j] - float64(int(r.amount[j]+1e-6)); f > 0.5 {
			take(r.used[j], true)
		}
	}
	return append(out, s.rest(left)...)
}

func byFalling(amount []float64) []int {
	order := make([]int, len(amount))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int {
		fa, fb := amount[a], amount[b]
		switch {
		case fa > fb:
			return -1
		case fa < fb:
			return 1
		}
		return 0
	})
	return order
}

// rest packs what is left of each kind, exclusions aside: they only steer the
// search.
func (s *state) rest(left []int) [][]int {
	var sizes [][]int64
	var parcels [][]int
	for k, n := range left {
		for i := range n {
			sizes = append(sizes, s.kinds[k].size)
			parcels = append(parcels, s.kinds[k].parcels[i])
		}
	}
	var out [][]int
	for _, bin := range heuristic(s.capacity, sizes) {
		var items []int
		for _, i := range bin {
			items = append(items, parcels[i]...)
		}
		out = append(out, items)
	}
	return out
}

// heuristic is the better of a few policies.
func heuristic(capacity []int64, sizes [][]int64) [][]int {
	best := Pack(BestFitDecreasing, capacity, sizes)
	if len(capacity) > 1 {
		for _, p := range []Policy{DotProduct, L2Norm} {
			if other := Pack(p, capacity, sizes); len(other) < len(best) {
				best = other
			}
		}
	}
	return best
}
