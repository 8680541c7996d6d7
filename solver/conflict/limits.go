package conflict

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
)

// Limits explains which limits of a problem cannot be kept even if nothing
// else is asked, by the least that the solvers find and prove of each alone.
// It reports whether it is proved that no placement keeps them all, and is
// empty when each can be kept alone.
func Limits(ctx context.Context, p *solver.Problem, solvers ...solver.Solver) (reason string, proved bool) {
	var out []string
	for _, l := range p.Limits {
		if l.Objective == solver.DeadlineMisses && l.Most == 0 {
			if never := late(ctx, p, solvers); len(never) > 0 {
				out, proved = append(out, never...), true
				continue
			}
		}
		least, bound := leastOf(ctx, p, l.Objective, solvers)
		most := l.Most + solver.Tolerance*math.Abs(l.Most)
		asked := fmt.Sprintf("%s of at most %s", l.Objective, l.Objective.Amount(l.Most))
		switch {
		case bound > most:
			proved = true
			out = append(out, fmt.Sprintf("no placement has a %s: at least %s is needed, and %s would do", asked, l.Objective.Amount(bound), l.Objective.Amount(least)))
		case least > most:
			out = append(out, fmt.Sprintf("no placement was found with a %s; %s would do", asked, l.Objective.Amount(least)))
		}
	}
	return strings.Join(out, "; "), proved
}

// late explains the deadlines that their pipelines cannot meet even alone.
func late(ctx context.Context, p *solver.Problem, solvers []solver.Solver) []string {
	var out []string
	for i := range p.Workload.Pipelines {
		w := &p.Workload.Pipelines[i]
		if w.Deadline == 0 {
			continue
		}
		q := *p
		q.Workload = &workloads.Workload{Pipelines: p.Workload.Pipelines[i : i+1]}
		least, bound := leastOf(ctx, &q, solver.Latency, solvers)
		if bound > w.Deadline.Seconds()*(1+solver.Tolerance) {
			out = append(out, fmt.Sprintf("%s cannot meet its deadline of %s: wherever it runs it takes at least %s, so that a deadline of %s would do",
				w.Name, topology.FormatDuration(w.Deadline), solver.Latency.Amount(bound), topology.FormatDuration(time.Duration(math.Ceil(least*1e9)))))
		}
	}
	return out
}

// leastOf is the least value of one objective, limits aside, that the solvers
// find, and that they prove; infinite and NaN without.
func leastOf(ctx context.Context, p *solver.Problem, goal solver.Objective, solvers []solver.Solver) (least, bound float64) {
	q := *p
	q.Objective, q.Also, q.Limits = goal, nil, nil
	if goal == solver.WorstLatency && len(q.Workload.Pipelines) == 1 {
		q.Objective = solver.Latency // which is the same, and which solvers prove
	}
	least, bound = math.Inf(1), math.NaN()
	for _, s := range solvers {
		sol, err := solver.Solve(ctx, s, &q)
		if err != nil || len(sol.Unplaced) > 0 {
			continue // the others may know the objective
		}
		least = min(least, sol.Cost)
		if !math.IsNaN(sol.Bound) && !(bound > sol.Bound) {
			bound = sol.Bound
		}
	}
	return least, bound
}
