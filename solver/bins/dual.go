package bins

import (
	"cmp"
	"slices"
)

// A centre keeps the duals from swinging: patterns are priced between the
// master's duals and the best duals known (Wentges, 1997).
type centre struct {
	s     *state
	dual  []float64
	mixed []float64
	bound float64 // what dual proves, before it is rounded up
}

// newCentre begins with duals in proportion to size.
func newCentre(s *state) *centre {
	c := &centre{s: s, dual: make([]float64, len(s.kinds)), mixed: make([]float64, len(s.kinds))}
	total := make([]float64, len(s.capacity))
	var all float64
	for _, k := range s.kinds {
		for d, x := range k.size {
			share := float64(x) / float64(max(s.capacity[d], 1)) * float64(len(k.parcels))
			total[d] += share
			all += share
		}
	}
	for i, k := range s.kinds {
		for d, x := range k.size {
			c.dual[i] += float64(x) / float64(max(s.capacity[d], 1)) * total[d] / max(all, 1e-9)
		}
	}
	return c
}

// price returns patterns that improve the master, and raises the bound.
func (c *centre) price(p *pricer, l *master, r *relaxation) []pattern {
	for _, weight := range []float64{0.5, 0.1, 0} { // of the centre
		for i, y := range l.dual {
			c.mixed[i] = float64(weight*c.dual[i]) + float64((1-weight)*y)
		}
		found, ceiling := p.solve(c.mixed, batch)
		r.steps++
		var worth int64
		for k, v := range p.value {
			worth += v * int64(len(c.s.kinds[k].parcels))
		}
		r.bound = max(r.bound, int64(len(c.s.closed))+ceilDiv(worth, ceiling))
		if b := float64(worth) / float64(ceiling); b > c.bound {
			c.bound = b
			for i, y := range c.mixed {
				c.dual[i] = y * unit / float64(ceiling)
			}
		}
		var more []pattern
		for i := range found {
			if l.reduced(&found[i]) < -pivotTolerance {
				more = append(more, found[i])
			}
		}
		if len(more) > 0 {
			return more
		}
	}
	return nil
}

// exchanges are patterns of one item of a kind less and one more of a smaller
// kind that may stand wherever the first may, the largest such: an optimal dual
// never values the smaller one more (Valério de Carvalho, INFORMS J. on
// Computing 17, 2005). They confine the duals, which speeds column generation
// up. They are ordered such that a kind receives before it gives.
func (s *state) exchanges() []pattern {
	share := make([]float64, len(s.kinds))
	for k := range share {
		share[k] = s.share(k)
	}
	var out []pattern
	for j := range s.kinds {
		best := -1
		for i := range s.kinds {
			if share[i] < share[j] && (best < 0 || share[i] > share[best]) && s.replaces(i, j) {
				best = i
			}
		}
		if best >= 0 {
			out = append(out, pattern{[]int32{int32(j), int32(best)}, []int32{-1, 1}})
		}
	}
	slices.SortStableFunc(out, func(a, b pattern) int { return cmp.Compare(share[b.kinds[0]], share[a.kinds[0]]) })
	return out
}

// replaces reports whether an item of kind i may stand wherever one of kind j
// may.
func (s *state) replaces(i, j int) bool {
	if !fits(s.kinds[i].size, s.kinds[j].size) {
		return false
	}
	if s.exclusions != nil {
		for w, x := range s.exclusions[i] {
			if x&^s.exclusions[j][w] != 0 {
				return false
			}
		}
	}
	return true
}
