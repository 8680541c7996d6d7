package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"time"

	"caravan/results/plots"
	"caravan/solver"
	"caravan/solver/ilp"
	"caravan/solver/search"
)

// slices of the time limit at which an engine that does not report is asked
// anew.
var traceShares = []float64{0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1}

// traceBench draws how the gap of each solver fell on one instance.
func (a *app) traceBench(ctx context.Context, f *benchFlags, cases []benchCase) error {
	if len(cases) != 1 || cases[0].problem == nil {
		return badInput(errors.New("--trace: allowed is one instance of the pipelines, chosen with --filter"))
	}
	format, err := plots.FormatOf(f.trace)
	if err != nil {
		return badInput(fmt.Errorf("--trace: %w", err))
	}
	p, err := cases[0].problem()
	if err != nil {
		return err
	}
	var traces []plots.Trace
	for _, name := range cases[0].Solvers {
		t, err := traceSolver(ctx, name, f.limit, p)
		if err != nil {
			return fmt.Errorf("%s with %s: %w", cases[0].Name, name, err)
		}
		traces = append(traces, t)
	}
	data, err := plots.Draw(plots.Gaps{Instance: path.Base(cases[0].Name), Traces: traces}, plots.Column, format)
	if err != nil {
		return err
	}
	if err := writeFile(f.trace, data); err != nil {
		return err
	}
	g := grid{header: []string{"solver", "CPU time", "gap"}, numbers: []int{1, 2}}
	for _, t := range traces {
		if n := len(t.Gap); n > 0 {
			g.add(t.Solver, seconds(t.Seconds[n-1]), optional(finite(t.Gap[n-1]), "1"))
		}
	}
	g.render(a.stdout)
	return ctx.Err()
}

// traceSolver follows a solver that reports, and asks one that does not again
// and again with more time.
func traceSolver(ctx context.Context, name string, limit time.Duration, p *solver.Problem) (plots.Trace, error) {
	t := plots.Trace{Solver: name}
	start := cpuSeconds()
	report := func(bound, cost float64) {
		t.Seconds = append(t.Seconds, cpuSeconds()-start)
		t.Gap = append(t.Gap, (cost-bound)/math.Abs(cost))
	}
	s, err := newSolver(name, limit)
	if err != nil {
		return t, err
	}
	reports := true
	switch v := s.(type) {
	case ilp.Solver:
		v.Report = report
		s = v
	case search.Solver:
		v.Report = report
		s = v
	default:
		reports = false
	}
	if reports {
		ctx, stop := context.WithTimeout(ctx, limit)
		defer stop()
		sol, err := solver.Solve(ctx, s, p)
		report(sol.Bound, sol.Cost)
		return t, err
	}
	for _, share := range traceShares {
		part := time.Duration(share * float64(limit))
		if s, err = newSolver(name, part); err != nil {
			return t, err
		}
		before := cpuSeconds()
		limited, stop := context.WithTimeout(ctx, part)
		sol, err := solver.Solve(limited, s, p)
		stop()
		if err != nil {
			return t, err
		}
		t.Seconds = append(t.Seconds, cpuSeconds()-before)
		t.Gap = append(t.Gap, sol.Gap())
		if sol.Status == solver.Optimal || ctx.Err() != nil {
			break
		}
	}
	return t, nil
}
