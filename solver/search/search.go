// Package search places thousands of chains on thousands of nodes well, and
// proves how well: prices from a Lagrangian relaxation of the capacities, whose
// bound is exact dynamic programming over all nodes, and large neighbourhood
// search under those prices on short lists of nodes an item.
//
// Sources: Held, Karp, The traveling-salesman problem and minimum spanning
// trees (1971) for the bound; Zhao, Luh, Wang, Surrogate gradient algorithm for
// Lagrangian relaxation (1999) for the prices; Shaw (1998) for the search.
package search

import (
	"context"
	"math"
	"math/rand/v2"

	"caravan/solver"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// Solver is the search.
type Solver struct {
	// Report, when not nil, hears of every better bound and placement: values
	// of the objective, NaN while there is none.
	Report func(bound, cost float64)
}

// listed is how many nodes an item keeps on its short list. Twice as many
// improve neither bound nor placement by a tenth of a percent on 1,000 nodes.
const listed = 64

// Solve implements solver.Solver. Problem.MaxSteps bounds how often a pipeline
// is placed or priced.
func (s Solver) Solve(ctx context.Context, p *solver.Problem) (solver.Solution, error) {
	if _, err := p.Terms(); err != nil {
		return without(p, solver.Unknown, err.Error()), nil
	}
	m, unplaced, err := compile(p)
	if err != nil {
		return solver.Solution{}, err
	}
	if len(unplaced) > 0 {
		return without(p, solver.Infeasible, unplaced[0].Workload+": "+unplaced[0].Reason), nil
	}
	r := newRun(m, s.Report)
	if homeless := r.solve(ctx); homeless >= 0 {
		return without(p, solver.Infeasible, m.name(homeless)+": no route joins nodes that can hold it"), nil
	}
	return r.answer()
}

// without answers that nothing is placed.
func without(p *solver.Problem, status solver.Status, reason string) solver.Solution {
	return solver.Solution{Placement: placement.Unplaced(p.Workload), Status: status, Cost: math.NaN(), Bound: math.NaN(),
		Unplaced: solver.LeaveAll(p.Workload, reason), Reason: reason}
}

// A run is one call of Solve.
type run struct {
	m      *model
	u      *dual
	b      *rebuild
	limit  int64 // steps
	report func(bound, cost float64)
}

func newRun(m *model, report func(bound, cost float64)) *run {
	rng := rand.New(rand.NewPCG(m.problem.Seed, 0x5ea6c4))
	r := &run{m: m, u: newDual(m, rng), report: report, limit: m.problem.MaxSteps}
	r.b = newRebuild(r.u, rng)
	if r.limit <= 0 {
		r.limit = int64(min(1_200_000, 150*math.Pow(float64(m.ops), 1.5)))
	}
	return r
}

// solve runs the phases: prices on rough lists, a first placement, exact lists
// and a bound, better prices and their bound, and the search. It returns an
// item without a path, or -1.
func (r *run) solve(ctx context.Context) (homeless int) {
	r.incumbent()
	if len(r.m.items) == 0 || ctx.Err() != nil {
		return -1
	}
	if homeless = r.u.list(); homeless >= 0 {
		return homeless
	}
	passes := int(min(100, r.limit/int64(4*len(r.m.items))))
	r.u.climb(ctx, passes*2/5, 0.1, 0.005)
	r.start(ctx)
	if _, done := r.u.prove(ctx, listed); !done {
		return -1
	}
	r.progress()
	r.u.climb(ctx, passes*3/5, 0.01, 0.0005)
	r.u.prove(ctx, 0)
	copy(r.u.y, r.u.best)
	r.u.estimate()
	r.progress()
	r.start(ctx)
	if r.b.best != nil {
		r.b.reset()
		r.b.run(ctx, r.limit-r.u.steps-r.b.steps)
		r.progress()
	}
	return -1
}

// incumbent takes the placement in force as a first answer when it can run.
func (r *run) incumbent() {
	p := r.m.problem
	if p.Incumbent == nil || placement.Check(p.Topology, p.Workload, *p.Incumbent) != nil {
		return
	}
	if paths := r.m.paths(p.Incumbent); paths != nil {
		r.b.set(paths)
		r.b.keep()
	}
}

// start constructs a placement by the present prices.
func (r *run) start(ctx context.Context) {
	r.b.set(nil)
	if r.b.construct(ctx, 100*len(r.m.items)) {
		r.b.keep()
		r.progress()
	}
}

func (r *run) progress() {
	if r.report != nil {
		bound, cost := math.NaN(), math.NaN()
		if r.b.best != nil {
			cost = r.b.least * r.m.unit()
		}
		if !math.IsInf(r.u.bound, -1) {
			bound = r.u.bound * r.m.unit()
		}
		r.report(bound, cost)
	}
}

// unit is the objective's worth of a weighted nanosecond.
func (m *model) unit() float64 {
	return 1e-9 / float64(max(1, len(m.problem.Workload.Pipelines)))
}

// runs reports whether parts of GPUs fit the devices; the rest the room tells.
func (m *model) runs(paths [][]int32) bool {
	return !m.shares && m.slack == 0 || placement.Check(m.problem.Topology, m.problem.Workload, m.placement(paths)) == nil
}

// name is what an item is called.
func (m *model) name(i int) string {
	return named(m.problem.Workload, &m.items[i])
}

func named(w *workloads.Workload, it *item) string {
	if it.pipeline >= 0 {
		return w.Pipelines[it.pipeline].Name
	}
	return w.Jobs[it.job].Name
}

// answer turns the search's end into a Solution.
func (r *run) answer() (solver.Solution, error) {
	p := r.m.problem
	steps := r.u.steps + r.b.steps
	if r.b.best == nil && len(r.m.items) > 0 {
		sol := without(p, solver.Unknown, "the search ended before it found a placement")
		sol.Steps = steps
		return sol, nil
	}
	sol := solver.Solution{Placement: r.m.placement(r.b.best), Status: solver.Feasible, Bound: math.NaN(), Steps: steps}
	var err error
	if sol.Cost, sol.Unit, err = solver.Cost(p, sol.Placement); err != nil {
		return solver.Solution{}, err
	}
	if !math.IsInf(r.u.bound, -1) {
		sol.Bound = min(sol.Cost, r.u.bound*r.m.unit())
		if sol.Gap() <= solver.Tolerance {
			sol.Status = solver.Optimal
		}
	}
	return sol, nil
}
