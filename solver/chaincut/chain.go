package chaincut

import (
	"slices"
	"time"

	"caravan/topology"
	"caravan/workloads/placement"
)

// suffixes returns, for each operator j and candidate a of it, the least time
// from the start of j on a to the end of the pipeline when no operator slows
// another, and the candidate of j+1 that attains it (the lowest node on ties).
//
//	f(j, a) = compute(j, a) + min over b of step(j, a, b) + f(j+1, b)
//
// It is the shortest path in the layered graph of operators and nodes, found
// in O(K N^2).
func (s *search) suffixes() (f [][]time.Duration, next [][]int) {
	k := len(s.allowed)
	f, next = make([][]time.Duration, k), make([][]int, k)
	for j := k - 1; j >= 0; j-- {
		f[j], next[j] = make([]time.Duration, len(s.allowed[j])), make([]int, len(s.allowed[j]))
		for x, a := range s.allowed[j] {
			rest, at := time.Duration(0), -1
			if j+1 < k {
				rest = forever
				for y, b := range s.allowed[j+1] {
					if f[j+1][y] >= rest {
						continue // no transfer is negative
					}
					if d := s.step(j, a, b) + f[j+1][y]; d < rest {
						rest, at = d, y
					}
				}
			}
			f[j][x], next[j][x] = min(s.compute(j, a, 1)+rest, forever), at
		}
		s.steps += int64(len(s.allowed[j]))
	}
	return f, next
}

// chain is the exact optimum when operators do not slow each other.
func (s *search) chain() ([]topology.NodeID, time.Duration) {
	f, next := s.suffixes()
	x := argMin(f[0])
	if f[0][x] >= forever {
		return nil, 0
	}
	bound := f[0][x]
	nodes := make([]topology.NodeID, len(f))
	for j := range f {
		nodes[j] = s.allowed[j][x]
		x = next[j][x]
	}
	return nodes, bound
}

func argMin(xs []time.Duration) int {
	best := 0
	for i, x := range xs {
		if x < xs[best] {
			best = i
		}
	}
	return best
}

// countedChain is the exact optimum under k-multiplicative contention, by
// branch and bound: operators are placed in order; what the placed ones cost
// with the counts so far, plus the best suffix without contention, bounds
// every completion from below, since counts only grow. (The recursion of
// Berkeley's minlatsolver ignores that returning to a node slows the
// operators already there, and so misses optima.)
func (s *search) countedChain() ([]topology.NodeID, time.Duration) {
	f, _ := s.suffixes()
	b := &branching{search: s, f: f, best: forever, count: make([]int, len(s.p.Topology.Nodes()))}
	root := f[0][argMin(f[0])]
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
		at    int
		sent  time.Duration
	}
	var children []child
	for x, n := range b.allowed[j] {
		d := time.Duration(0)
		if j > 0 {
			d = b.step(j-1, b.path[j-1], n)
		}
		if d >= forever || b.f[j][x] >= forever {
			continue
		}
		b.count[n]++
		b.path = append(b.path, n)
		bound := sent + d + b.computed() + b.f[j][x] - b.compute(j, n, 1)
		b.path = b.path[:j]
		b.count[n]--
		if bound < b.best {
			children = append(children, child{bound, x, sent + d})
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
		n := b.allowed[j][c.at]
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

// exactShapes is how many placements of a DAG or routed pipeline are tried one
// by one before local search takes over.
const exactShapes = 200_000

// anyShape places a DAG or a routed pipeline: by trying everything when that
// is little, otherwise by local search from the best single nodes. The bound
// is then the latency with every operator on its fastest node and no transfers.
func (s *search) anyShape() ([]topology.NodeID, time.Duration) {
	total := 1
	for _, list := range s.allowed {
		if total *= len(list); total > exactShapes || int64(total) > s.limit {
			return s.localSearch(), s.criticalPath()
		}
	}
	nodes := make([]topology.NodeID, len(s.allowed))
	best, bestNodes := forever, []topology.NodeID(nil)
	var try func(j int)
	try = func(j int) {
		if s.ctx.Err() != nil {
			s.proved = false
			return
		}
		if j == len(nodes) {
			s.steps++
			if d := s.latency(nodes); d < best {
				best, bestNodes = d, slices.Clone(nodes)
			}
			return
		}
		for _, n := range s.allowed[j] {
			nodes[j] = n
			try(j + 1)
		}
	}
	try(0)
	if !s.proved {
		return bestNodes, s.criticalPath()
	}
	return bestNodes, best
}

// latency is the estimate for nodes, forever when they cannot run it.
func (s *search) latency(nodes []topology.NodeID) time.Duration {
	for j, n := range nodes {
		if s.p.Topology.Nodes()[n].NoColocate {
			for _, k := range s.w.Successors(j) {
				if nodes[k] == n {
					return forever
				}
			}
		}
	}
	d, err := placement.Estimate(s.p.Topology, s.p.Model, s.w, nodes)
	if err != nil {
		return forever
	}
	return d
}

// localSearch moves one operator at a time to its best node until none moves,
// from several starts, and keeps the best end.
func (s *search) localSearch() []topology.NodeID {
	s.proved = false
	best, bestNodes := forever, []topology.NodeID(nil)
	for _, start := range s.starts() {
		nodes, d := s.descent(start)
		if d < best {
			best, bestNodes = d, nodes
		}
	}
	return bestNodes
}

// starts are placements to improve: everything as near as may be to each node
// in turn, at most 16 of them.
func (s *search) starts() [][]topology.NodeID {
	var out [][]topology.NodeID
	all := len(s.p.Topology.Nodes())
	for i := 0; i < all && len(out) < 16; i += max(1, all/16) {
		nodes := make([]topology.NodeID, len(s.allowed))
		for j, list := range s.allowed {
			nodes[j] = list[0]
			if slices.Contains(list, topology.NodeID(i)) {
				nodes[j] = topology.NodeID(i)
			}
		}
		out = append(out, nodes)
	}
	return out
}

func (s *search) descent(nodes []topology.NodeID) ([]topology.NodeID, time.Duration) {
	now := s.latency(nodes)
	for moved := true; moved && s.steps < s.limit && s.ctx.Err() == nil; {
		moved = false
		for j, list := range s.allowed {
			kept := nodes[j]
			for _, n := range list {
				nodes[j] = n
				s.steps++
				if d := s.latency(nodes); d < now {
					now, kept, moved = d, n, true
				}
			}
			nodes[j] = kept
		}
	}
	return nodes, now
}

// criticalPath bounds the latency from below: every operator alone on its
// fastest candidate, and messages that take no time.
func (s *search) criticalPath() time.Duration {
	if s.w.Routed() {
		return 0
	}
	end := make([]time.Duration, len(s.allowed))
	var last time.Duration
	for j, list := range s.allowed {
		fastest := forever
		for _, n := range list {
			fastest = min(fastest, s.compute(j, n, 1))
		}
		for _, a := range s.w.Operators[j].After {
			end[j] = max(end[j], end[a])
		}
		end[j] += fastest
		last = max(last, end[j])
	}
	return last
}
