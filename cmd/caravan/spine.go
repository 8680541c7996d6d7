package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"caravan/results"
	"caravan/runner/sweep"
	"caravan/scenarios"
	"caravan/sim"
	"caravan/solver"
	"caravan/solver/chaincut"
	"caravan/solver/conflict"
	"caravan/solver/ilp"
	"caravan/solver/local"
	"caravan/solver/robust"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// The flow of data, on one page:
//
//	scenario -> problem -> solution -> sim config -> replications -> results.Run
//
// prepare makes the first three, simulate the next two, record the last.

// A plan is a scenario and what a solver made of it.
type plan struct {
	scenario *scenarios.Scenario
	solver   string // the row of the catalogue
	solution solver.Solution
	robust   *robust.Report // over the profiles that were drawn, nil without any
	seconds  float64        // wall clock of the solver; printed, never saved
	// arriving are the jobs that come and go during the run; the scenario and
	// its solution do without them.
	arriving []workloads.Job
	// decider chooses nodes under a control plane; empty without one.
	decider  string
	warmUp   time.Duration
	warnings []string
	doubts   []string // about the placement; printed with it
}

// asked is what the command line asks of a solver.
type asked struct {
	solver string        // empty is the scenario's own
	limit  time.Duration // wall clock, 0 for none
	trade  *trade        // nil for none
	// incumbent is a placement to start from, nil for none.
	incumbent *placement.Placement
	terse     bool // does without the search for why nothing fits
}

// prepare reads the scenario that arg names and solves it.
func prepare(ctx context.Context, a *app, f *scenarioFlags, arg string, ask asked, set ...string) (*plan, error) {
	s, err := f.load(a, arg, set...)
	if err != nil {
		return nil, err
	}
	return solve(ctx, s, ask)
}

// solve answers the scenario's problem.
func solve(ctx context.Context, s *scenarios.Scenario, ask asked) (*plan, error) {
	name := ask.solver
	if name == "" || s.ControlPlane != nil {
		name = s.Solve.Solver
	}
	algorithm, err := newSolver(name, ask.limit)
	if err != nil {
		return nil, err
	}
	p := &plan{scenario: s, solver: name}
	if s.ControlPlane != nil {
		if err := p.takeControl(ask.solver); err != nil {
			return nil, err
		}
	} else if s.Workload.Arriving() {
		p.arriving = s.Workload.Jobs
		p.scenario = withoutJobs(s)
	}
	problem := problemOf(p.scenario)
	problem.Incumbent = ask.incumbent
	then := p.scenario.Solve.Then
	var wrong robust.Options
	if ask.trade != nil {
		then = append(slices.Clone(then), ask.trade.then...)
		if err := ask.trade.apply(problem); err != nil {
			return nil, err
		}
		if wrong, err = ask.trade.wrongProfile(); err != nil {
			return nil, err
		}
	}
	if preferring := preferred(problem.Workload.Jobs); preferring != "" && !heedsPreferences(algorithm) && !problem.Weighs(solver.Affinity) && !problem.Weighs(solver.Spread) {
		p.doubts = append(p.doubts, fmt.Sprintf("%s does not weigh the affinities and spreads of %s; nomad does", name, preferring))
	}
	if ask.solver == "" && len(problem.Also)+len(problem.Limits) > 0 && (name == "chaincut" || name == "binpack") {
		p.solver, algorithm = "local", local.Solver{} // those two heed neither
	}
	limited := ctx
	if ask.limit > 0 {
		var stop context.CancelFunc
		limited, stop = context.WithTimeout(ctx, ask.limit)
		defer stop()
	}
	start := time.Now()
	if wrong.Error > 0 {
		p.robust = new(robust.Report)
		p.solution, *p.robust, err = robust.Choose(limited, algorithm, problem, wrong)
	} else {
		p.solution, err = staged(limited, algorithm, problem, then)
	}
	if err != nil {
		err = fmt.Errorf("solving %s with %s: %w", s.Name, p.solver, err)
		if errors.Is(err, solver.ErrUnsupported) {
			err = badInput(err)
		}
		return nil, err
	}
	p.seconds = time.Since(start).Seconds()
	if !p.placed() && !ask.terse {
		p.explain(ctx, problem)
	}
	return p, ctx.Err()
}

// explainTime bounds the search for a reason.
const explainTime = 10 * time.Second

// explain puts in place of the solver's reason, where one is found, the
// smallest set of demands and constraints that cannot all hold, or the limits
// that cannot be kept.
func (p *plan) explain(ctx context.Context, problem *solver.Problem) {
	ctx, stop := context.WithTimeout(ctx, explainTime)
	defer stop()
	// A problem that the exact solver does not take keeps the reason it has.
	if e, err := conflict.Explain(ctx, problem, ilp.Solver{Whole: true}); err == nil && e != nil {
		p.solution.Reason = e.String()
		return
	}
	reason, proved := conflict.Limits(ctx, problem, chaincut.Solver{}, ilp.Solver{Whole: true}, local.Solver{})
	if reason != "" {
		p.solution.Reason = reason
	}
	if proved {
		p.solution.Status = solver.Infeasible
	}
}

// problemOf is what the scenario asks a solver.
func problemOf(s *scenarios.Scenario) *solver.Problem {
	p := &solver.Problem{
		Topology:  s.Topology,
		Workload:  s.Workload,
		Model:     s.Model,
		Objective: solver.Objective(s.Solve.Objective),
		MaxSteps:  s.Solve.MaxSteps,
		Seed:      s.Seed,
	}
	for _, x := range s.Solve.Also {
		p.Also = append(p.Also, solver.Term{Objective: solver.Objective(x.Objective), Weight: x.Weight})
	}
	for _, x := range s.Solve.Limits {
		p.Limits = append(p.Limits, solver.Limit{Objective: solver.Objective(x.Objective), Most: x.Most})
	}
	return p
}

// staged gives the problem to the algorithm, and then the objectives that
// come after the first.
func staged(ctx context.Context, algorithm solver.Solver, problem *solver.Problem, then []string) (solver.Solution, error) {
	if len(then) == 0 {
		return solver.Solve(ctx, algorithm, problem)
	}
	var goals []solver.Objective
	for _, name := range then {
		goals = append(goals, solver.Objective(name))
	}
	return solver.InOrder(ctx, algorithm, local.Solver{}, problem, goals)
}

// configOf is one replication of the plan.
func (p *plan) configOf(replication int) sim.Config {
	s := p.scenario
	return sim.Config{
		Topology:    s.Topology,
		Workload:    s.Workload,
		Placement:   p.solution.Placement,
		Model:       s.Model,
		Duration:    s.Simulate.Duration,
		Requests:    s.Simulate.Requests,
		WarmUp:      p.warmUp,
		Faults:      s.Faults,
		LinkChanges: s.LinkChanges,
		Seed:        s.Seed,
		Replication: replication,
	}
}

// findWarmUp settles the span that no measurement covers: the scenario's, or
// what MSER-5 finds in a pilot run of the first replication.
func (p *plan) findWarmUp(ctx context.Context) error {
	p.warmUp = p.scenario.Simulate.Warmup
	if !p.scenario.Simulate.AutoWarmup || len(p.scenario.Workload.Pipelines) == 0 {
		return nil
	}
	found, short, err := sim.FindWarmUp(ctx, p.configOf(0))
	if err != nil {
		return fmt.Errorf("pilot run of %s: %w", p.scenario.Name, err)
	}
	p.warmUp = found
	if short {
		p.warnings = append(p.warnings, "no steady state was found: the run is too short, or some node or link is overloaded")
	}
	return nil
}

// simulate runs replications from first to last-1 of the plan on as many
// workers as asked for. The slots are filled by index, so the order in which
// workers finish leaves no trace.
func simulate(ctx context.Context, p *plan, first, last, workers int, done func()) ([]results.Replication, error) {
	reps := make([]results.Replication, last-first)
	err := sweep.Each(ctx, len(reps), workers, func(ctx context.Context, i int) error {
		rep, err := sim.Run(ctx, p.configOf(first+i))
		switch {
		case err != nil:
		case p.decider != "":
			err = p.simulateControl(ctx, &rep, nil)
		case len(p.arriving) > 0:
			err = p.simulateJobs(ctx, &rep, nil)
		}
		if err != nil {
			return fmt.Errorf("replication %d of %s: %w", first+i, p.scenario.Name, err)
		}
		reps[i] = rep
		done()
		return nil
	})
	return reps, err
}

// record is the run that is saved: the plan, its replications and their
// statistics, without anything of the wall clock or of this machine.
func record(p *plan, reps []results.Replication) *results.Run {
	a := p.answer()
	value := math.NaN()
	if a.Objective.Value != nil {
		value = *a.Objective.Value
	}
	return &results.Run{
		Version:   1,
		Scenario:  p.scenario.Name,
		Stamp:     stampOf(p),
		Placement: a.Placement,
		Unplaced:  a.Unplaced,
		Objective: results.Objective{
			Name: a.Objective.Name, Value: value, Unit: a.Objective.Unit,
			Status: a.Status, Bound: a.Bound, Gap: a.Gap,
		},
		Metrics:      orEmpty(results.Summarise(reps)),
		Warnings:     append(a.Warnings, p.warnings...),
		Replications: reps,
		ScenarioText: string(p.scenario.Text),
	}
}

// stampOf says what it takes to make the run again.
func stampOf(p *plan) results.Stamp {
	return results.Stamp{
		Version: buildVersion(), Seed: p.scenario.Seed,
		ScenarioSHA256: p.scenario.SHA256, Solver: p.name(),
	}
}

// predictions estimates each placed pipeline on an idle topology.
func (p *plan) predictions() []prediction {
	var out []prediction
	s := p.scenario
	for i := range s.Workload.Pipelines {
		if i >= len(p.solution.Placement.Pipelines) || !whole(p.solution.Placement.Pipelines[i]) {
			continue
		}
		pipeline := &s.Workload.Pipelines[i]
		d, err := placement.Estimate(s.Topology, s.Model, pipeline, p.solution.Placement.Pipelines[i])
		if err == nil {
			out = append(out, prediction{Workload: pipeline.Name, Value: d.Seconds(), Unit: "s"})
		}
	}
	return out
}

// whole reports whether every operator has a node.
func whole(nodes []topology.NodeID) bool {
	return len(nodes) > 0 && nodes[0] != topology.None
}
