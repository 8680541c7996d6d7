package chaincut

import (
	"slices"
	"time"

	"caravan/topology"
)

// countedChain is the exact optimum under k-multiplicative contention, by
// branch and bound: operators are placed in order; what the placed ones cost
// with the counts so far, plus the best suffix without contention, bounds
// every completion from below, since counts only grow. (The recursion of
// Berkeley's minlatsolver ignores that returning to a node slows the
// operators already there, and so misses optima.)
func (s *search) countedChain() ([]topology.NodeID, time.Duration) {
	x := s.suffixes(s.alone)
	if x == nil {
		return nil, 0
	}
	b := &branching{search: s, f: x.f, best: forever, count: make([]int, len(s.p.Topology.Nodes()))}
	_, root := x.path()
	if root >= forever {
		return nil, 0
	}
	b.descend(0, 0)
	if b.bestNodes == nil {
		s.proved = false
		return s.firstWhole(), root
	}
	if b.stopped {
		s.proved = false
		return b.bestNodes, root
	}
	return b.bestNodes, b.best
}

// firstWhole is the optimum without contention: a placement that surely runs.
func (s *search) firstWhole() []topology.NodeID {
	nodes, _ := s.chain()
	return nodes
}

// branching is the state of the branch and bound.
type branching struct {
	*search
	f         [][]time.Duration
	count     []int // operators placed so far, by node
	path      []topology.NodeID
	best      time.Duration
	bestNodes []topology.NodeID
	stopped   bool
}

// descend places operator j and those after it; sent is the time of the
// transfers between those before.
func (b *branching) descend(j int, sent time.Duration) {
	if j == len(b.allowed) {
		if c := sent + b.computed(); c < b.best {
			b.best, b.bestNodes = c, slices.Clone(b.path)
		}
		return
	}
	type child struct {
		bound time.Duration
		at    topology.NodeID
		sent  time.Duration
	}
	var children []child
	for _, n := range b.allowed[j] {
		d := time.Duration(0)
		if j > 0 {
			d = b.step(j-1, b.path[j-1], n)
		}
		if d >= forever || b.f[j][n] >= forever {
			continue
		}
		b.count[n]++
		b.path = append(b.path, n)
		bound := sent + d + b.computed() + b.f[j][n] - b.compute(j, n, 1)
		b.path = b.path[:j]
		b.count[n]--
		if bound < b.best {
			children = append(children, child{bound, n, sent + d})
		}
	}
	slices.SortStableFunc(children, func(x, y child) int { return int(min(max(x.bound-y.bound, -1), 1)) })
	for _, c := range children {
		if b.steps++; b.steps > b.limit || b.steps&1023 == 0 && b.ctx.Err() != nil {
			b.stopped = true
		}
		if b.stopped {
			return
		}
		if c.bound >= b.best {
			return // and so do the others
		}
		n := c.at
		b.count[n]++
		b.path = append(b.path, n)
		b.descend(j+1, c.sent)
		b.path = b.path[:j]
		b.count[n]--
	}
}

// computed is the processing time of the placed operators with their counts.
func (b *branching) computed() time.Duration {
	var sum time.Duration
	for j, n := range b.path {
		sum += b.compute(j, n, b.count[n])
	}
	return sum
}
