package chaincut

import (
	"slices"
	"time"

	"caravan/topology"
	"caravan/workloads/placement"
)

// exactShapes is how many placements of a routed pipeline are tried one by one
// before local search takes over.
const exactShapes = 200_000

// dag places a DAG: a tree or a series-parallel graph by reduction, others by
// branch and bound from the best local search.
func (s *search) dag() ([]topology.NodeID, time.Duration) {
	if !s.counted {
		if nodes, d, ok := s.seriesParallel(); ok {
			return nodes, d
		}
	}
	start := s.localSearch()
	s.proved, s.steps = true, 0
	return s.explore(start, 0)
}

// explore improves on a placement, which may be nil, by branch and bound within
// the room that the ledger has. lower is a bound that is known already.
func (s *search) explore(start []topology.NodeID, lower time.Duration) ([]topology.NodeID, time.Duration) {
	e := s.newExplorer()
	if e == nil {
		s.proved, s.stopped = false, start == nil || !s.roomy(start)
		if s.stopped {
			return nil, 0
		}
		return start, lower
	}
	if start != nil && s.roomy(start) {
		e.found, e.best = start, s.latency(start)
	}
	lower = max(lower, e.root())
	if e.best > lower {
		e.run()
	}
	if e.halted {
		s.proved, s.stopped = false, e.found == nil
		return e.found, min(lower, e.best)
	}
	return e.found, e.best
}

// roomy reports whether the ledger has room for all operators at once.
func (s *search) roomy(nodes []topology.NodeID) bool {
	_, over := overfilled(s.ledger, s.w, nodes)
	return !over
}

// routed places a pipeline whose requests choose their ways: by trying
// everything when that is little, otherwise by local search from the best
// single nodes. The bound is then 0.
func (s *search) routed() ([]topology.NodeID, time.Duration) {
	total := 1
	for _, list := range s.allowed {
		if total *= len(list); total > exactShapes || int64(total) > s.limit {
			nodes := s.localSearch()
			if nodes != nil && !s.roomy(nodes) {
				nodes, s.stopped = nil, true
			}
			return nodes, 0
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
			if d := s.latency(nodes); d < best && s.roomy(nodes) {
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
		s.stopped = bestNodes == nil
		return bestNodes, 0
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
	for moved := true; moved && s.steps < s.limit/4 && s.ctx.Err() == nil; {
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
