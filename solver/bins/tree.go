package bins

import (
	"container/heap"
	"context"
)

// A node of the search: the state of its parent with kinds i and j apart, or
// as it is when i is negative.
type node struct {
	parent   *state
	i, j     int
	patterns []pattern // of the parent
	turns    int       // how often the path left the first choice
	depth    int
	serial   int // when it was made
}

// frontier holds open nodes, those of fewest turns first, of these the deepest.
type frontier []node

func (f frontier) Len() int { return len(f) }
func (f frontier) Less(a, b int) bool {
	x, y := &f[a], &f[b]
	switch {
	case x.turns != y.turns:
		return x.turns < y.turns
	case x.depth != y.depth:
		return x.depth > y.depth
	}
	return x.serial > y.serial
}
func (f frontier) Swap(a, b int) { f[a], f[b] = f[b], f[a] }
func (f *frontier) Push(x any)   { *f = append(*f, x.(node)) }
func (f *frontier) Pop() any {
	last := len(*f) - 1
	n := (*f)[last]
	(*f)[last] = node{}
	*f = (*f)[:last]
	return n
}

// A search looks for a packing into so many bins: branch and price on whether
// some item of one kind shares a bin with one of another (Ryan and Foster's
// rule on kinds). The branch that says yes joins the two into a parcel and
// stays a bin packing problem; the one that says no excludes the kinds from
// each other. Nodes are taken by how often their path said no.
type search struct {
	ctx    context.Context
	target int64
	best   [][]int // the best packing met
	steps  int64
	limit  int64
	open   frontier
	serial int
}

// run searches below a state; it reports whether the answer is certain: best
// has target bins, or no packing has.
func (s *search) run(root *state, patterns []pattern) bool {
	s.push(node{parent: root, i: -1, patterns: patterns})
	for s.open.Len() > 0 {
		if s.stopped() {
			return false
		}
		n := heap.Pop(&s.open).(node)
		at, known := n.parent, n.patterns
		if n.i >= 0 {
			at, known = n.parent.separate(n.i, n.j), separatePatterns(n.patterns, n.i, n.j)
		}
		if s.dive(at, known, n) {
			return true
		}
	}
	return !s.stopped()
}

func (s *search) stopped() bool { return s.steps >= s.limit || s.ctx.Err() != nil }

func (s *search) push(n node) {
	s.serial++
	n.serial = s.serial
	heap.Push(&s.open, n)
}

// dive joins pair after pair from a state until it is cut off, leaving the
// other branches in the frontier; it reports whether it met the target.
func (s *search) dive(at *state, known []pattern, n node) bool {
	for depth := n.depth; ; depth++ {
		if s.stopped() {
			s.push(node{parent: at, i: -1, patterns: known, turns: n.turns, depth: depth})
			return false
		}
		r := relax(s.ctx, at, known, goal{bins: s.target, steps: s.limit - s.steps})
		s.steps += max(r.steps, 1)
		if r.bound > s.target {
			return false
		}
		if s.offer(at.round(&r)) {
			return true
		}
		known = r.patterns
		for joined := false; ; {
			i, j, share := at.pair(&r)
			if i < 0 || joined && share < 1-1e-6 {
				break
			}
			joined = true
			s.push(node{parent: at, i: i, j: j, patterns: known, turns: n.turns + 1, depth: depth})
			next, to := at.join(i, j)
			known = joinPatterns(known, next, to)
			r.join(next, to)
			at = next
			if share < 1-1e-6 {
				break
			}
		}
	}
}

// offer keeps a packing that is better than the best; it reports whether the
// target is met.
func (s *search) offer(bins [][]int) bool {
	if s.best == nil || len(bins) < len(s.best) {
		s.best = bins
	}
	return int64(len(s.best)) <= s.target
}

// pair is the two kinds that share bins most in a relaxation, the larger ones
// on ties, and how often; a share of one or more counts as one. It is -1
// without any.
func (s *state) pair(r *relaxation) (i, j int, share float64) {
	m := len(s.kinds)
	together := make([]float64, m*m)
	i, j = -1, -1
	for n, p := range r.used {
		for a, k := range p.kinds {
			if p.copies[a] > 1 {
				together[int(k)*m+int(k)] += r.amount[n]
			}
			for _, l := range p.kinds[a+1:] {
				together[int(min(k, l))*m+int(max(k, l))] += r.amount[n]
			}
		}
	}
	largest := -1.0
	for a := range m {
		for b := a; b < m; b++ {
			w := min(together[a*m+b], 1)
			if w < 1e-6 || w < share-1e-6 || !s.may(a, b) {
				continue
			}
			if size := s.share(a) + s.share(b); w > share+1e-6 || size > largest {
				i, j, share, largest = a, b, w, size
			}
		}
	}
	return i, j, share
}

// share is the sum of a kind's shares of the capacity.
func (s *state) share(k int) float64 {
	var sum float64
	for d, x := range s.kinds[k].size {
		if s.capacity[d] > 0 {
			sum += float64(x) / float64(s.capacity[d])
		}
	}
	return sum
}
