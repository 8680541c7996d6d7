package bins

import (
	"cmp"
	"context"
	"math"
	"slices"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads/placement"
)

// Solver answers how many nodes a workload needs. Where the nodes are alike it
// packs exactly, by Exact. Otherwise Exact on bins as large as the largest
// nodes gives a bound, and a branch and bound over pieces and nodes a placement,
// proved where it ends in time. Only the nodes objective is minimised; for
// another one the same placement is merely feasible.
//
// Steps are pricing problems and pieces tried; the default of MaxSteps is
// 200,000 and a million.
type Solver struct{}

// triedPieces is how far the branch and bound goes when it is not told.
const triedPieces = 1_000_000

// Solve implements solver.Solver.
func (Solver) Solve(ctx context.Context, p *solver.Problem) (solver.Solution, error) {
	f := newFleet(p)
	sol := solver.Solution{Placement: placement.Unplaced(p.Workload), Status: solver.Feasible, Bound: math.NaN()}
	if f.homeless() >= 0 {
		sol.Status = solver.Infeasible
		f.partial(&sol)
		return sol, nil
	}
	capacity, sizes, rooms := f.relaxed()
	exact := Exact(ctx, capacity, sizes, p.MaxSteps)
	sol.Steps = exact.Steps
	bound := max(exact.Bound, f.fewest(sizes, rooms))
	t := f.newTrial(ctx, bound, cmp.Or(p.MaxSteps, triedPieces))
	if nodes := f.largest(capacity, rooms); len(exact.Bins) <= len(nodes) {
		t.offer(f.onto(exact.Bins, nodes), len(exact.Bins))
	}
	over := bound > int64(len(f.nodes)-countNil(rooms))
	if t.best > bound && !over {
		t.try(0)
		if !t.cut && !f.shared {
			bound = t.best // nothing is better, or nothing exists
		}
	}
	sol.Steps += t.steps
	f.conclude(&sol, t, bound, over || !t.cut && !f.shared)
	return sol, nil
}

func countNil(rooms [][]int64) int {
	n := 0
	for _, r := range rooms {
		if r == nil {
			n++
		}
	}
	return n
}

// onto puts one bin on each node.
func (f *fleet) onto(bins [][]int, nodes []topology.NodeID) placement.Placement {
	pl := placement.Unplaced(f.p.Workload)
	for b, bin := range bins {
		for _, i := range bin {
			*f.pieces[i].at(&pl) = nodes[b]
		}
	}
	return pl
}

// conclude writes the answer; without a placement, searched says whether that
// proves that there is none.
func (f *fleet) conclude(sol *solver.Solution, t *trial, bound int64, searched bool) {
	if t.placement != nil {
		sol.Placement = *t.placement
	} else if f.partial(sol); len(sol.Unplaced) > 0 {
		sol.Status = solver.Unknown
		if searched {
			sol.Status = solver.Infeasible
		}
		return
	}
	if f.p.Goal() != solver.Nodes {
		return
	}
	sol.Bound = float64(bound)
	if t.best <= bound {
		sol.Status = solver.Optimal
	}
}

// partial places what it can, by falling priority, and says why the rest has
// no node.
func (f *fleet) partial(sol *solver.Solution) {
	order := make([]int, len(f.pieces))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(f.pieces[b].priority, f.pieces[a].priority) })
	ledger := placement.NewLedger(f.p.Topology)
	for len(order) > 0 {
		// A pipeline goes in whole or not at all; an instance stands alone.
		whole := []int{order[0]}
		order = order[1:]
		if pl := f.pieces[whole[0]].pipeline; pl >= 0 {
			for len(order) > 0 && f.pieces[order[0]].pipeline == pl {
				whole, order = append(whole, order[0]), order[1:]
			}
		}
		if reason := f.admit(sol, ledger, whole); reason != "" {
			for _, i := range whole {
				sol.Unplaced = append(sol.Unplaced, f.leave(i, reason))
			}
		}
	}
}

// admit places pieces on the first nodes that have room, all or none; it
// returns why not.
func (f *fleet) admit(sol *solver.Solution, ledger *placement.Ledger, whole []int) string {
	type held struct {
		n topology.NodeID
		g placement.Grant
	}
	var taken []held
	reason := ""
	for _, i := range whole {
		it := &f.pieces[i]
		n := topology.NodeID(slices.Index(f.allowed[i], true))
		if n < 0 {
			reason = f.unfit(i)
			break
		}
		for ; int(n) < len(f.nodes); n++ {
			if f.allowed[i][n] && ledger.Fits(n, it.demand) && f.joins(&sol.Placement, i, n) {
				break
			}
		}
		if int(n) == len(f.nodes) {
			reason = "no room is left for " + it.name
			break
		}
		g, _ := ledger.Take(n, it.demand)
		taken = append(taken, held{n, g})
		*it.at(&sol.Placement) = n
	}
	if reason == "" && f.unreachable(&sol.Placement, f.pieces[whole[0]].pipeline) {
		reason = "its operators do not reach each other"
	}
	if reason != "" {
		for k, h := range taken {
			ledger.Give(h.n, f.pieces[whole[k]].demand, h.g)
			*f.pieces[whole[k]].at(&sol.Placement) = topology.None
		}
	}
	return reason
}

// joins reports whether a piece's neighbours in its pipeline, as far as they
// are placed, let it go to a node.
func (f *fleet) joins(pl *placement.Placement, i int, n topology.NodeID) bool {
	it := &f.pieces[i]
	if it.pipeline < 0 || !f.nodes[n].NoColocate {
		return true
	}
	w := &f.p.Workload.Pipelines[it.pipeline]
	nodes := pl.Pipelines[it.pipeline]
	for _, k := range slices.Concat(w.Successors(it.op), w.Operators[it.op].After) {
		if nodes[k] == n {
			return false
		}
	}
	return true
}

func (f *fleet) unreachable(pl *placement.Placement, pipeline int) bool {
	if pipeline < 0 {
		return false
	}
	_, err := placement.Estimate(f.p.Topology, f.p.Model, &f.p.Workload.Pipelines[pipeline], pl.Pipelines[pipeline])
	return err != nil
}
