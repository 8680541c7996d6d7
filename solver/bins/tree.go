package bins

import (
	"container/heap"
	"context"
	"math"
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

// A rule chooses the two kinds of the next branch.
type rule int

const (
	surest rule = iota // the two that share bins most: it meets packings soon
	evenly             // the two about which the relaxation is least certain: both branches prove more
	rules
)

// A search looks for a packing into so many bins: branch and price on whether
// some item of one kind shares a bin with one of another (Ryan and Foster's
// rule on kinds). The branch that says yes joins the two into a parcel and
// stays a bin packing problem; the one that says no excludes the kinds from
// each other. Nodes are taken by how often their path said no. Two such
// searches, one a rule, take turns: either may end it.
type search struct {
	ctx    context.Context
	target int64
	best   [][]int // the best packing met
	steps  int64
	limit  int64
	until  int64 // steps at which the other rule takes over
	rule   rule
	open   [rules]frontier
	serial int
}

// firstTurn is how many steps the second rule has in its first turn, and the
// first rule twice as many. Turns double.
const firstTurn = 100

// run searches below a state; it reports whether the answer is certain: best
// has target bins, or no packing has.
func (s *search) run(root *state, patterns []pattern) bool {
	for s.rule = range rules {
		s.open[s.rule] = nil
		s.push(node{parent: root, i: -1, patterns: patterns})
	}
	s.rule = surest
	turn := int64(firstTurn)
	s.until = s.steps + 2*turn
	for s.open[s.rule].Len() > 0 {
		if s.stopped() {
			return false
		}
		if s.steps >= s.until {
			s.rule = (s.rule + 1) % rules
			if s.until = s.steps + turn; s.rule == surest {
				turn *= 2
				s.until = s.steps + 2*turn
			}
			continue
		}
		n := heap.Pop(&s.open[s.rule]).(node)
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
	heap.Push(&s.open[s.rule], n)
}

// dive joins pair after pair from a state until it is cut off, leaving the
// other branches in the frontier; it reports whether it met the target.
func (s *search) dive(at *state, known []pattern, n node) bool {
	for depth := n.depth; ; depth++ {
		if s.stopped() || s.steps >= s.until {
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
			i, j, share := at.pair(&r, s.rule)
			if i < 0 || joined && share < 1-least {
				break
			}
			joined = true
			s.push(node{parent: at, i: i, j: j, patterns: known, turns: n.turns + 1, depth: depth})
			next, to := at.join(i, j)
			known = joinPatterns(known, next, to)
			r.join(next, to)
			at = next
			if share < 1-least {
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

// pair is the two kinds to branch on by a rule, the larger ones on ties, and
// how often they share a bin in a relaxation, at most once. It is -1 where no
// two kinds do.
func (s *state) pair(r *relaxation, by rule) (i, j int, share float64) {
	m := len(s.kinds)
	together := s.together(r)
	i, j = -1, -1
	best, largest := 0.0, -1.0
	for a := range m {
		for b := a; b < m; b++ {
			w := min(together[a*m+b], 1)
			score := by.score(w)
			if w < least || score < best-least || !s.may(a, b) {
				continue
			}
			if size := s.share(a) + s.share(b); score > best+least || size > largest {
				i, j, share, best, largest = a, b, w, score, size
			}
		}
	}
	return i, j, share
}

func (by rule) score(w float64) float64 {
	switch {
	case by == surest:
		return w
	case w > 1-least:
		return 2 * least // certain: only when nothing else is left
	}
	return 1 - math.Abs(w-0.5)
}

// together is how often each two kinds share a bin in a relaxation, by row and
// column.
func (s *state) together(r *relaxation) []float64 {
	m := len(s.kinds)
	out := make([]float64, m*m)
	for n, p := range r.used {
		for a, k := range p.kinds {
			if p.copies[a] > 1 {
				out[int(k)*m+int(k)] += r.amount[n]
			}
			for _, l := range p.kinds[a+1:] {
				out[int(min(k, l))*m+int(max(k, l))] += r.amount[n]
			}
		}
	}
	return out
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
