package bins

import (
	"context"
	"slices"
)

// A Result is a packing and what is known about it.
type Result struct {
	Bins   [][]int // the items of each bin, by position
	Bound  int64   // no packing has fewer bins
	Proved bool    // Bins has as few as possible
	Steps  int64   // pricing problems solved
}

// defaultSteps is how far Exact searches when it is not told.
const defaultSteps = 200_000

// Exact looks for the packing into fewest bins: by the policies, by dominance
// in one dimension, and by branch and price. Items that exceed an empty bin
// are left out. The search ends after maxSteps pricing problems (0:
// 200,000) or with ctx, with the best packing so far.
func Exact(ctx context.Context, capacity []int64, sizes [][]int64, maxSteps int64) Result {
	if maxSteps == 0 {
		maxSteps = defaultSteps
	}
	all := newPacking(capacity, sizes).fitting()
	r := Result{Bins: heuristic(capacity, sizes), Bound: Bound(capacity, sizes)}
	if r.Proved = int64(len(r.Bins)) == r.Bound; r.Proved {
		return r
	}
	fixed, left := dominated(capacity, sizes, all)
	root := newState(capacity, sizes, left)
	root.closed = fixed
	relaxed := relax(ctx, root, root.heuristicPatterns(), goal{bins: int64(len(r.Bins)) - 1, patience: true, steps: maxSteps})
	r.Steps = relaxed.steps
	r.Bound = max(r.Bound, relaxed.bound)
	s := search{ctx: ctx, best: r.Bins, steps: r.Steps, limit: maxSteps}
	s.offer(root.round(&relaxed))
	for int64(len(s.best)) > r.Bound && !s.stopped() {
		s.target, s.open = r.Bound, nil
		if !s.run(root, relaxed.patterns) {
			break
		}
		if int64(len(s.best)) > r.Bound {
			r.Bound++
		}
	}
	r.Bins, r.Steps = s.best, s.steps
	r.Proved = int64(len(r.Bins)) == r.Bound
	return r
}

// heuristicPatterns are the bins of the heuristics, as patterns.
func (s *state) heuristicPatterns() []pattern {
	kindOf := map[int]int32{}
	var sizes [][]int64
	for k := range s.kinds {
		for range s.kinds[k].parcels {
			kindOf[len(sizes)] = int32(k)
			sizes = append(sizes, s.kinds[k].size)
		}
	}
	var out []pattern
	for _, policy := range []Policy{BestFitDecreasing, DotProduct, WorstFit} {
		for _, bin := range Pack(policy, s.capacity, sizes) {
			var p pattern
			slices.Sort(bin)
			for _, i := range bin {
				if last := len(p.kinds) - 1; last >= 0 && p.kinds[last] == kindOf[i] {
					p.copies[last]++
				} else {
					p.kinds, p.copies = append(p.kinds, kindOf[i]), append(p.copies, 1)
				}
			}
			out = append(out, p)
		}
	}
	return out
}
