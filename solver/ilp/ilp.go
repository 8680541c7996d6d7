// Package ilp places many pipelines and jobs together at least total cost,
// within the capacities of the nodes, and proves it: branch and price. A
// column is a path of one item over the nodes, priced by dynamic programming,
// or for a pipeline that is no chain by best-first search with dominance;
// capacities and cuts are the rows that items share.
//
// Sources: Desaulniers, Desrosiers, Solomon, Column Generation (2005);
// Wentges, Weighted Dantzig-Wolfe decomposition (1997) for the smoothing of
// duals; Balas (1975) and Boyd (1994) for the cuts; Baldacci, Christofides,
// Mingozzi (2008) for finishing by enumeration of columns.
package ilp

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"caravan/solver"
	"caravan/workloads/placement"
)

// Solver is branch and price.
type Solver struct {
	// Whole ends where not everything fits, with nothing placed. Otherwise some
	// is left out: as few as can be of the highest priority, then as few as can
	// be of the next, and so on, a pipeline or an instance counting as one; and
	// of all such placements the one whose weighted sum over what is placed is
	// least.
	Whole bool
	// Report, when not nil, hears of every better bound and placement: values
	// of the objective, NaN while there is none.
	Report func(bound, cost float64)
}

// Solve implements solver.Solver. Problem.MaxSteps bounds the vertices of the
// search tree.
func (s Solver) Solve(ctx context.Context, p *solver.Problem) (solver.Solution, error) {
	m, unplaced, err := compile(p, nil)
	if err != nil {
		return solver.Solution{}, err
	}
	if len(m.items) == 0 {
		return solver.Solution{Placement: placement.Unplaced(p.Workload), Status: solver.Optimal, Bound: math.NaN()}, nil
	}
	if len(unplaced) > 0 {
		sol := s.without(p, unplaced)
		if s.Whole {
			return sol, nil
		}
		return s.leaveOut(ctx, p, sol, unplaced)
	}
	t := s.tree(m)
	bound := t.solve(ctx, p)
	sol := t.answer(p, bound)
	if t.best != nil || s.Whole {
		return sol, nil
	}
	return s.leaveOut(ctx, p, sol, nil)
}

// without answers that some items fit nowhere.
func (Solver) without(p *solver.Problem, unplaced []solver.Unplaced) solver.Solution {
	sol := solver.Solution{Placement: placement.Unplaced(p.Workload), Status: solver.Infeasible, Bound: math.NaN(), Reason: unplaced[0].Workload + ": " + unplaced[0].Reason}
	sol.Unplaced = solver.LeaveAll(p.Workload, unplaced[0].Reason)
	return sol
}

func (s Solver) tree(m *model) *tree {
	worst := m.worst()
	t := &tree{relaxation: newRelaxation(m, worst), cost: worst + 1, ease: math.Inf(1), root: math.Inf(-1)}
	if s.Report != nil {
		t.report = func(lower, cost float64) {
			if t.best == nil {
				cost = math.NaN()
			}
			if math.IsInf(lower, -1) {
				lower = math.NaN()
			}
			s.Report(lower*m.scale, cost*m.scale)
		}
	}
	return t
}

// worst is more than any placement costs.
func (m *model) worst() float64 {
	largest := func(list []float64) float64 {
		out := 0.0
		for _, c := range list {
			if !math.IsInf(c, 1) {
				out = max(out, c)
			}
		}
		return out
	}
	var sum float64
	for i := range m.items {
		it := &m.items[i]
		crowd := 1.0
		if it.crowd {
			crowd = float64(it.ops)
		}
		for j := range it.ops {
			sum += crowd * largest(it.own[j*m.nodes:(j+1)*m.nodes])
		}
		for _, l := range it.link {
			sum += largest(l)
		}
		for _, c := range it.counters {
			for _, cost := range c.Cost {
				sum += largest(cost)
			}
		}
	}
	return 1.001*sum + 1
}

// runs reports whether the paths are complete and fit together.
func (m *model) runs(paths [][]int16) bool {
	use := make([]float64, m.rows)
	for i, path := range paths {
		it := &m.items[i]
		if path == nil || math.IsInf(m.cost(i, path), 1) {
			return false
		}
		for j, v := range path {
			for d := range dims {
				if q := m.row[int(v)*dims+d]; q >= 0 {
					use[q] += it.need[j*dims+d]
				}
			}
		}
	}
	for q, u := range use {
		if u > m.limit[q]*(1+epsilon) {
			return false
		}
	}
	return !m.shares || placement.Check(m.problem.Topology, m.problem.Workload, m.placement(m.problem.Workload, paths)) == nil
}

// solve runs the phases: a first placement, the root's bound, a better
// placement by its duals, cuts, and the tree. It returns the bound proved.
func (t *tree) solve(ctx context.Context, p *solver.Problem) float64 {
	t.limit = p.MaxSteps
	t.rng = rand.New(rand.NewPCG(p.Seed, 0x11f))
	t.incumbent(p)
	ops := len(t.p.allowed)
	for range 2 {
		l := newLocal(t.m, t.rng)
		l.start(nil)
		if paths, cost := l.anneal(ctx, min(2_000_000, 1500*ops)); paths != nil {
			t.better(paths, cost)
		}
	}
	target := t.cost
	if t.best == nil {
		target = 1e4 * float64(len(t.m.items)) * 2
	}
	t.climb(ctx, 80, target)
	lower := t.lower
	if lower <= t.below() && ctx.Err() == nil {
		lower = max(lower, t.bound(ctx, t.below()))
	}
	t.progress(lower)
	t.rebuild(ctx, 300+20*ops)
	lower = t.cutRounds(ctx, lower, effort{rounds: 300, patience: 10, share: 0.005})
	if (t.cost-lower)/math.Abs(t.cost) > 0.01 && len(t.m.items) < partsFrom {
		t.rebuild(ctx, 200*ops)
	} else {
		t.rebuild(ctx, 300+20*ops)
	}
	if lower > t.below() {
		return t.cost
	}
	t.fix(t.below())
	t.permitted = slices.Clone(t.p.permit)
	t.rework(ctx, 6)
	bound := t.search(ctx, &vertex{lower: lower, permit: slices.Clone(t.p.permit), tried: math.Inf(1)})
	return max(lower, bound)
}

// incumbent takes the placement in force as a first answer when it can run.
func (t *tree) incumbent(p *solver.Problem) {
	if p.Incumbent == nil || placement.Check(p.Topology, p.Workload, *p.Incumbent) != nil {
		return
	}
	paths, whole := t.m.paths(*p.Incumbent)
	if !whole {
		return
	}
	var cost float64
	for i, path := range paths {
		cost += t.m.cost(i, path)
	}
	if t.m.runs(paths) {
		t.better(paths, cost)
	}
}

// rebuild runs the large neighbourhood search from the best placement.
func (t *tree) rebuild(ctx context.Context, steps int) {
	if t.best == nil || ctx.Err() != nil {
		return
	}
	paths, cost := newRebuild(t.relaxation, t.rng, t.best, t.cost).run(ctx, steps)
	t.better(paths, cost)
}

// effort says how long cuts are added: for so many rounds at most, and until
// more than patience of them have closed less than a share of the gap each.
type effort struct {
	rounds, patience int
	share            float64
}

// cutRounds adds cuts to the root and returns its bound.
func (t *tree) cutRounds(ctx context.Context, lower float64, e effort) float64 {
	for round, slow := 0, 0; round < e.rounds && slow <= e.patience && lower <= t.below() && ctx.Err() == nil; round++ {
		t.fix(t.below())
		t.round()
		if t.separate(60) == 0 {
			break
		}
		before := lower
		lower = max(lower, t.bound(ctx, t.below()))
		if len(t.cuts) > 20+2*t.m.nodes {
			t.shed()
		}
		t.progress(lower)
		if lower-before < e.share*(t.below()-before) {
			slow++
		}
	}
	return lower
}

// answer turns the search's end into a Solution.
func (t *tree) answer(p *solver.Problem, bound float64) solver.Solution {
	sol := solver.Solution{Steps: t.vertices, Bound: bound * t.m.scale}
	if t.best == nil {
		sol.Placement = placement.Unplaced(p.Workload)
		sol.Status, sol.Reason = solver.Unknown, "the search ended before it found a placement"
		if bound >= t.cost {
			sol.Status, sol.Reason = solver.Infeasible, "no placement of everything fits"
		}
		sol.Bound = math.NaN()
		sol.Unplaced = solver.LeaveAll(p.Workload, sol.Reason)
		return sol
	}
	sol.Placement = t.m.placement(p.Workload, t.best)
	sol.Status = solver.Feasible
	if bound >= t.below() {
		sol.Status = solver.Optimal
		sol.Bound = t.cost * t.m.scale
	}
	sol.Bound -= t.rounding()
	return sol
}

// rounding is how far sums of costs may lie off: by floating point, and under
// Berkeley contention by the nanosecond to which each multiple is rounded.
func (t *tree) rounding() float64 {
	off := 1e-12 * math.Abs(t.cost) * t.m.scale * float64(len(t.p.allowed)+1)
	for i := range t.m.items {
		if it := &t.m.items[i]; it.crowd {
			off += 1e-9 * float64(it.ops*it.ops)
		}
	}
	return off
}
