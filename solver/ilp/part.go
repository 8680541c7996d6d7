package ilp

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

const (
	partLeast    = 4  // items that a part has at first
	partVertices = 20 // of a part's search
	partsFrom    = 12 // items of a problem that is worth improving by parts
)

// A reworking improves the best placement by parts: a few items are placed
// again, all others staying, by branch and price on them alone. A part grows
// while parts are settled quickly and shrinks when one is not.
type reworking struct {
	size   float64 // items of the next part
	misses int     // parts since the last that helped
	spent  int64   // work on parts
}

// rework improves the best placement until the parts have had a share of the
// work so far; the share falls while they do not help.
func (t *tree) rework(ctx context.Context, share float64) {
	n := len(t.m.items)
	w := &t.reworking
	if t.best == nil || n < partsFrom || t.cost-t.root < 1e-3*math.Abs(t.cost) {
		return
	}
	w.size = max(w.size, partLeast)
	for ctx.Err() == nil && t.root < t.below() {
		if float64(w.spent) >= max(0.1, share*math.Pow(0.5, float64(w.misses)/float64(3*n)))*float64(t.work()) {
			return
		}
		better, done := t.reconsider(ctx, t.part(int(w.size)))
		switch {
		case better:
			w.misses = 0
		case done:
			w.misses++
			w.size = min(w.size+2/float64(n), 0.7*float64(n))
		default:
			w.misses++
			w.size = max(w.size-1, partLeast)
		}
	}
}

// part draws so many items, two thirds of them from the nodes that others of
// the part use.
func (t *tree) part(size int) []int {
	n := len(t.m.items)
	chosen := []int{t.rng.IntN(n)}
	for len(chosen) < size {
		i := t.rng.IntN(n)
		if path := t.best[chosen[t.rng.IntN(len(chosen))]]; t.rng.IntN(3) > 0 {
			i = guest(t.best, path[t.rng.IntN(len(path))], i)
		}
		if !slices.Contains(chosen, i) {
			chosen = append(chosen, i)
		}
	}
	slices.Sort(chosen)
	return chosen
}

// reconsider looks for a cheaper placement in which only the chosen items
// move; done says that the best of those is known.
func (t *tree) reconsider(ctx context.Context, chosen []int) (better, done bool) {
	s := t.restricted(chosen)
	s.climb(ctx, 15, s.below())
	lower := s.lower
	if lower <= s.below() {
		lower = max(lower, s.bound(ctx, s.below()))
		lower = s.cutRounds(ctx, lower, effort{rounds: 30, patience: 2, share: 0.02})
	}
	if lower <= s.below() {
		s.fix(s.below())
		s.permitted = slices.Clone(s.p.permit)
		lower = s.search(ctx, &vertex{lower: lower, permit: slices.Clone(s.p.permit), tried: math.Inf(1)})
	}
	t.reworking.spent += s.work()
	if s.best != nil {
		better = t.replace(chosen, s.best)
	}
	return better, lower > s.below()
}

// restricted is the search over some items alone.
func (t *tree) restricted(chosen []int) *tree {
	free, cost := t.left(chosen)
	m := &model{problem: t.m.problem, nodes: t.m.nodes, real: t.m.real, crowds: t.m.crowds, capacity: free, scale: t.m.scale, step: t.m.step}
	for _, i := range chosen {
		m.items = append(m.items, t.m.items[i])
	}
	m.index()
	s := &tree{relaxation: newRelaxation(m, 2*cost+1), cost: cost, ease: math.Inf(1), root: math.Inf(-1), limit: partVertices}
	s.rng = rand.New(rand.NewPCG(t.rng.Uint64(), 0x9a7))
	for k, i := range chosen {
		it := &m.items[k]
		for j := range it.ops {
			from, to := (t.p.first[i]+j)*m.nodes, (s.p.first[k]+j)*m.nodes
			for v := range m.nodes {
				s.p.permit[to+v] = t.permitted[from+v] && m.fits(it, j, v)
			}
		}
	}
	s.p.list()
	from, to := len(t.m.items), len(m.items)
	for c, q := range m.row {
		if p := t.m.row[c]; q >= 0 && p >= 0 {
			s.center[to+int(q)] = t.center[from+int(p)] * m.limit[q] / t.m.limit[p]
		}
	}
	return s
}

// left is what every node has for the chosen items beside all others, by
// [node*dims+dim], and what the chosen cost at present.
func (t *tree) left(chosen []int) (free []float64, cost float64) {
	free = slices.Clone(t.m.capacity)
	for i, path := range t.best {
		if _, in := slices.BinarySearch(chosen, i); in {
			cost += t.m.cost(i, path)
			continue
		}
		it := &t.m.items[i]
		for j, v := range path {
			for d := range dims {
				free[int(v)*dims+d] -= it.need[j*dims+d]
			}
		}
	}
	return free, cost
}

// replace takes new paths for the chosen items when that is cheaper and runs.
func (t *tree) replace(chosen []int, with [][]int16) bool {
	paths := slices.Clone(t.best)
	for k, i := range chosen {
		paths[i] = with[k]
	}
	var cost float64
	for i, path := range paths {
		cost += t.m.cost(i, path)
	}
	if cost >= t.cost || !t.m.runs(paths) {
		return false
	}
	t.better(paths, cost)
	return true
}
