package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravan/results"
)

// runFlags are the flags of caravan run.
type runFlags struct {
	scenarioFlags
	solver, compare string
	solveTime       time.Duration
	replications    int
	precision       percent
	workers         int
	out, figure     string
	output          *enum
}

func newRunCommand(a *app) *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run SCENARIO...",
		Short: "Solve, simulate, print a summary and save the run",
		Long: `Run reads each scenario (a shipped name, a path, or - for standard input),
decides where its work runs, simulates independent replications in parallel,
prints what users will see with 95 % confidence intervals, and saves the run.
The saved file depends on the scenario, the seed and the version of caravan
alone: equal inputs give equal bytes on any number of cores.`,
		Example: `  caravan run tutorial
  caravan run smart-city --compare chaincut,binpack
  caravan run mine.yaml --precision 2% --set simulate.duration=30m
  caravan run tutorial --output json | jq '.metrics[] | select(.name == "latency")'`,
		Args: takes(1, math.MaxInt, "one SCENARIO or more (caravan scenarios lists the shipped ones)"),
	}
	f.register(cmd)
	addSolverFlags(cmd, &f.solver, &f.compare)
	cmd.Flags().DurationVar(&f.solveTime, "solve-time", 0, "wall-clock limit of the solver, 0 for none; what it cuts short may differ between runs")
	cmd.Flags().IntVar(&f.replications, "replications", 0, "independent replications, instead of the scenario's")
	cmd.Flags().Var(&f.precision, "precision", "add replications until every pipeline's mean latency is known this well, such as 2%")
	cmd.Flags().IntVar(&f.workers, "workers", 0, "replications that run at the same time, 0 for one a core; changes no result")
	cmd.Flags().StringVar(&f.out, "out", "caravan-runs", "directory for the saved runs")
	cmd.Flags().StringVar(&f.figure, "figure", "", "with --compare: draw the paired differences, as a .pdf, .svg, .png, .csv or .tex `file`")
	f.output = outputFlag(cmd, "text", "json", "csv")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.runAll(cmd.Context(), f, args) }
	return cmd
}

// overrides are the --set texts that other flags stand for, so that they are
// checked and hashed as part of the scenario.
func (f *runFlags) overrides() ([]string, error) {
	var set []string
	if f.cmd.Flags().Changed("replications") {
		if f.replications < 1 {
			return nil, badInput(fmt.Errorf("--replications: found %d, allowed: 1 or more", f.replications))
		}
		set = append(set, "simulate.replications="+strconv.Itoa(f.replications))
	}
	if f.precision > 0 {
		set = append(set, "simulate.precision="+f.precision.String())
	}
	if f.workers < 0 {
		return nil, badInput(fmt.Errorf("--workers: found %d, allowed: 1 or more, or 0 for one a core", f.workers))
	}
	if f.workers == 0 {
		f.workers = runtime.GOMAXPROCS(0)
	}
	return set, nil
}

// runAll runs every scenario. One that fails does not stop the others; the
// exit code says that the result is partial.
func (a *app) runAll(ctx context.Context, f *runFlags, args []string) error {
	set, err := f.overrides()
	if err != nil {
		return err
	}
	names, err := chosenSolvers(f.solver, f.compare)
	if err != nil {
		return err
	}
	if err := checkFigure(f.figure); err != nil {
		return err
	}
	if f.figure != "" && (len(names) < 2 || len(args) > 1) {
		return badInput(errors.New("--figure: allowed with --compare and one scenario"))
	}
	var codes []int
	var errs []error
	for i, arg := range args {
		err := a.runScenario(ctx, f, arg, names, set, i == 0)
		if err != nil && ctx.Err() != nil {
			return ctx.Err() // whatever it looked like from inside
		}
		code := a.exitCode(ctx, err)
		if code == exitInterrupted {
			return err
		}
		var answer *exitError
		if err != nil && !(errors.As(err, &answer) && answer.err == nil) {
			errs = append(errs, err)
		}
		codes = append(codes, code)
	}
	if code := worst(codes); code != exitDone {
		return &exitError{code: code, err: errors.Join(errs...)}
	}
	return nil
}

// simulated is a plan and, when it has a placement, its run.
type simulated struct {
	*plan
	run    *results.Run // nil without a placement
	saved  string
	missed bool // the precision that was asked for
}

// runScenario solves and simulates one scenario under every named solver and
// prints it.
func (a *app) runScenario(ctx context.Context, f *runFlags, arg string, names, set []string, first bool) error {
	var sims []simulated
	var plans []*plan
	for _, name := range names {
		p, err := prepare(ctx, a, &f.scenarioFlags, arg, asked{solver: name, limit: f.solveTime}, set...)
		if err != nil {
			return err
		}
		s := simulated{plan: p}
		if p.placed() {
			if s, err = a.simulatePlan(ctx, p, f); err != nil {
				return err
			}
		}
		plans, sims = append(plans, p), append(sims, s)
	}
	if err := a.printRuns(sims, f, first); err != nil {
		return err
	}
	if err := drawDifferences(f.figure, sims); err != nil {
		return err
	}
	for _, s := range sims {
		if s.missed {
			return &exitError{code: exitInfeasible}
		}
	}
	return outcome(plans)
}

// simulatePlan replicates the plan and saves the run.
func (a *app) simulatePlan(ctx context.Context, p *plan, f *runFlags) (simulated, error) {
	if err := p.findWarmUp(ctx); err != nil {
		return simulated{}, err
	}
	reps, missed, err := a.replicate(ctx, p, f.workers)
	if err != nil {
		return simulated{}, err
	}
	r := record(p, reps)
	if missed {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the precision of %v was not reached in %d replications; raise simulate.max_replications or simulate.duration",
			percentText(p.scenario.Simulate.Precision), len(reps)))
	}
	path := filepath.Join(f.out, runFileName(r))
	if err := results.Save(path, r); err != nil {
		return simulated{}, fmt.Errorf("saving the run: %w", err)
	}
	return simulated{plan: p, run: r, saved: path, missed: missed}, nil
}

// runFileName is scenario-solver-seed-hash8.json, where hash8 begins the hash
// of the scenario with its overrides.
func runFileName(r *results.Run) string {
	name := strings.Map(fileRune, r.Scenario)
	return fmt.Sprintf("%s-%s-%d-%s.json", name, r.Stamp.Solver, r.Stamp.Seed, r.Stamp.ScenarioSHA256[:8])
}

func percentText(share float64) string {
	p := percent(share)
	return p.String()
}
