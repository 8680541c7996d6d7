package ilp

import (
	"cmp"
	"context"
	"slices"
)

const (
	trials   = 60 // branchings that choose looks at
	pivots   = 30 // of the dual simplex in a trial
	again    = 4  // of the most promising that are tried whatever is known of them
	reliable = 4  // trials after which experience is believed
	patience = 6  // branchings in turn that are no better, after which no more are tried
)

// An experience is what trials have shown: how far the master's bound rises
// on the side that keeps off and on the side that goes there, per unit by
// which the branching changes the master's solution, summed up.
type experience struct {
	rise  [2]float64
	count int
}

func (e *experience) add(per [2]float64) {
	for side, x := range per {
		e.rise[side] += x
	}
	e.count++
}

// A history is the experience of each branching and of all.
type history struct {
	of  map[int]*experience
	all experience
}

// key names a branching among those of the model.
func (b *branching) key(m *model, longest int) int {
	return (b.item*(longest+1)+b.op+1)*m.nodes + int(b.node)
}

// merit weighs what both sides gain, of which gap is enough.
func merit(rise [2]float64, gap float64) float64 {
	return max(min(rise[0], gap), 1e-3*gap) * max(min(rise[1], gap), 1e-3*gap)
}

// expect scores branchings by experience, the mean over all standing for one
// trial, and returns the most promising first.
func (t *tree) expect(list []branching) []branching {
	if h := &t.history; h.all.count > 0 {
		gap := t.cost - t.lower
		k := longest(t.m)
		for n := range list {
			b := &list[n]
			e := h.of[b.key(t.m, k)]
			rise := [2]float64{b.value, 1 - b.value}
			for side := range rise {
				mean := h.all.rise[side] / float64(h.all.count)
				if e != nil {
					mean = (e.rise[side] + mean) / float64(e.count+1)
				}
				rise[side] *= mean
			}
			b.score = merit(rise, gap)
		}
		slices.SortStableFunc(list, func(a, b branching) int { return cmp.Compare(b.score, a.score) })
	}
	return list[:min(len(list), trials)]
}

// strong scores branchings by how far the master's bound rises on both sides
// within a few pivots, and returns those it came to. Where trials were many,
// experience stands for them (reliability branching).
func (t *tree) strong(ctx context.Context, list []branching) []branching {
	saved := t.master.save()
	dead := make([]bool, len(t.master.cols))
	for j, c := range t.master.cols {
		dead[j] = c.dead
	}
	if t.history.of == nil {
		t.history.of = map[int]*experience{}
	}
	k := longest(t.m)
	best, since := -1.0, 0
	for n := range list {
		b := &list[n]
		if n > 0 && (since > patience || ctx.Err() != nil) {
			return list[:n]
		}
		e := t.history.of[b.key(t.m, k)]
		if e == nil {
			e = &experience{}
			t.history.of[b.key(t.m, k)] = e
		}
		if n < again || e.count < reliable {
			rise := t.trial(*b, saved, dead)
			per := [2]float64{rise[0] / max(b.value, 0.01), rise[1] / max(1-b.value, 0.01)}
			e.add(per)
			t.history.all.add(per)
			b.score = merit(rise, t.cost-t.lower)
			since++
		}
		if b.score > best {
			best, since = b.score, 0
		}
	}
	return list
}

// trial is how far the master's bound rises on both sides of a branching.
func (t *tree) trial(b branching, saved *basisState, dead []bool) (rise [2]float64) {
	s := t.master
	z := s.objective()
	for side := range rise {
		t.restrict(b, side == 1)
		s.dual(pivots)
		rise[side] = min(max(s.objective()-z, 0), t.cost-t.lower)
		s.restore(saved)
		for j, c := range s.cols {
			c.dead = dead[j]
		}
	}
	return rise
}

// restrict marks the columns that a branching rules out.
func (t *tree) restrict(b branching, on bool) {
	for _, c := range t.master.cols {
		if int(c.item) == b.item && b.holds(c.path) != on {
			c.dead = true
		}
	}
}
