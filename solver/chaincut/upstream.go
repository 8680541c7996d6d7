package chaincut

import (
	"context"
	"math"
	"slices"
	"time"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads/placement"
)

// Upstream is Berkeley Nomad's own recursion (minlatsolver), to compare with.
// It is not optimal: for each operator and node it keeps the continuation that
// is cheapest by itself, although returning to a node slows the operators that
// are there already. Its placements are therefore only called feasible.
type Upstream struct{}

// Solve implements solver.Solver. It places chains one after the other, the
// highest priority first, and leaves out those that find no room.
func (Upstream) Solve(ctx context.Context, p *solver.Problem) (solver.Solution, error) {
	sol := solver.Solution{Placement: placement.Unplaced(p.Workload), Status: solver.Feasible, Bound: math.NaN()}
	ledger := placement.NewLedger(p.Topology)
	for _, i := range byPriority(p.Workload) {
		w := &p.Workload.Pipelines[i]
		s := newSearch(ctx, p, w, ledger, &sharedCarrier{})
		nodes, fault := s.upstream(), s.why
		sol.Steps += s.steps
		if nodes != nil && take(ledger, w, nodes) {
			sol.Placement.Pipelines[i] = nodes
			continue
		}
		if fault == "" {
			fault = "Berkeley's recursion finds no placement that fits"
		}
		sol.Unplaced = append(sol.Unplaced, solver.Leave(w, fault)...)
		sol.Status = solver.Unknown
	}
	leaveJobs(p, &sol)
	return sol, nil
}

// upstream is the recursion
//
//	f(j, a) = min over b of the time of a followed by f(j+1, b)
//
// in which an operator counts those of its suffix that share its node. What
// upstream computes again for every prefix is computed once.
func (s *search) upstream() []topology.NodeID {
	if s.why == "" && !s.w.IsChain() {
		s.why = "Berkeley's recursion places chains only"
	}
	if s.why != "" {
		return nil
	}
	var next [][]topology.NodeID // the best suffix from each node, nil without one
	last := len(s.allowed) - 1
	for j := last; j >= 0; j-- {
		now := make([][]topology.NodeID, len(s.slowed))
		for _, a := range s.allowed[j] {
			if j == last {
				now[a] = []topology.NodeID{a}
				continue
			}
			best := forever
			for _, b := range s.allowed[j+1] {
				if next[b] == nil || s.ctx.Err() != nil {
					continue
				}
				s.steps++
				nodes := slices.Concat([]topology.NodeID{a}, next[b])
				if d := s.suffixCost(j, nodes); d < best {
					best, now[a] = d, nodes
				}
			}
		}
		next = now
	}
	var found []topology.NodeID
	best := forever
	for _, nodes := range next {
		if d := s.suffixCost(0, nodes); nodes != nil && d < best {
			best, found = d, nodes
		}
	}
	return found
}

// suffixCost is the latency of the operators from j on, on the given nodes.
func (s *search) suffixCost(j int, nodes []topology.NodeID) time.Duration {
	for _, a := range nodes {
		s.tally[a]++
	}
	var d time.Duration
	for i, a := range nodes {
		if d += s.compute(j+i, a, s.tally[a]); i+1 < len(nodes) {
			d += s.step(j+i, a, nodes[i+1])
		}
		if d >= forever {
			d = forever
			break
		}
	}
	for _, a := range nodes {
		s.tally[a] = 0
	}
	return d
}
