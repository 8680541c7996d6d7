package bins

import (
	"cmp"
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
	items := newPacking(capacity, sizes).fitting()
	room, coarse := coarse(capacity, sizes, items)
	r := exact(ctx, room, coarse, cmp.Or(maxSteps, defaultSteps))
	for _, bin := range r.Bins {
		for k, i := range bin {
			bin[k] = items[i]
		}
	}
	return r
}

func exact(ctx context.Context, capacity []int64, sizes [][]int64, maxSteps int64) Result {
	r := Result{Bins: heuristic(capacity, sizes), Bound: Bound(capacity, sizes)}
	if r.Proved = int64(len(r.Bins)) == r.Bound; r.Proved {
		return r
	}
	fixed, left := dominated(capacity, sizes)
	root := newState(capacity, sizes, left)
	if len(root.kinds) > maxKinds {
		return r
	}
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

// maxKinds is how many sizes the search takes on: its inverse is a square of
// them.
const maxKinds = 3000

// coarse is the problem of some items in smaller numbers: without the
// dimensions in which everything fits one bin, and each over the greatest
// divisor that its sizes share.
func coarse(capacity []int64, sizes [][]int64, items []int) (room []int64, out [][]int64) {
	out = make([][]int64, len(items))
	for d, c := range capacity {
		var total, divisor int64
		for _, i := range items {
			total += sizes[i][d]
			divisor = gcd(divisor, sizes[i][d])
		}
		if total <= c {
			continue
		}
		room = append(room, c/divisor)
		for k, i := range items {
			out[k] = append(out[k], sizes[i][d]/divisor)
		}
	}
	return room, out
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
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
