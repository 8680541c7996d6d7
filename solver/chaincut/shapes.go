package chaincut

import (
	"slices"
	"time"

	"caravan/topology"
	"caravan/workloads/placement"
)

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
