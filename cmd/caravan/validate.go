package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravan/results"
	"caravan/results/compare"
	"caravan/runner"
	"caravan/scenarios"
)

// validateFlags are the flags of caravan validate.
type validateFlags struct {
	scenarioFlags
	clusterFlags
	solver     string
	duration   time.Duration
	repeat     int
	work       *enum
	calibrate  bool
	calibrated string
	tolerance  percent
	figures    string
	decisions  bool
	scoreLog   string
	random     int
	preempt    int
	figure     string
	out        string
	output     *enum
}

// liveDuration is how long requests arrive in a live run, unless the scenario
// is shorter.
const liveDuration = 15 * time.Second

func newValidateCommand(a *app) *cobra.Command {
	f := &validateFlags{}
	cmd := &cobra.Command{
		Use:   "validate SCENARIO",
		Short: "Predict, deploy the same placement on a cluster, measure, and say how far off the prediction was",
		Long: `Validate decides where the scenario's pipelines run, predicts their requests one
by one, deploys the same placement on a cluster, sends the same requests at the
same instants, and compares. Latency counts from the intended instant; the
warm-up is left out of both sides; a run whose load generator lagged is invalid.
Everything that was deployed is removed at the end.

With --repeat the live run is made again, which tells how well one live run
predicts the next: the noise floor. With --calibrate the model's parameters are
first measured on other requests (another replication of the scenario), and the
prediction is made with those; --calibrated takes them from a file instead.`,
		Example: `  caravan validate tutorial --cluster local
  caravan validate validate-chain-light --cluster local --calibrate --repeat 3
  caravan validate mine.yaml --cluster local --tolerance 10% --output json
  caravan validate smart-city --cluster nomad --decisions --random-jobs 200`,
		Args: takes(1, 1, "one SCENARIO"),
	}
	f.scenarioFlags.register(cmd)
	f.clusterFlags.register(cmd)
	f.registerLag(cmd)
	cmd.Flags().StringVar(&f.solver, "solver", "", "one row of the catalogue, instead of the scenario's")
	completeWith(cmd, "solver", solverNames())
	cmd.Flags().DurationVar(&f.duration, "duration", liveDuration, "how long requests arrive in each live run, at most the scenario's own duration")
	cmd.Flags().IntVar(&f.repeat, "repeat", 2, "live runs of the same requests")
	cmd.Flags().BoolVar(&f.calibrate, "calibrate", false, "measure the model's parameters first, on other requests")
	cmd.Flags().StringVar(&f.calibrated, "calibrated", "", "predict with the parameters of this `scenario`, as caravan calibrate writes it")
	cmd.Flags().Var(&f.tolerance, "tolerance", "exit with 3 when a pipeline's mean, p50, p95 or throughput is further off than this, such as 10%")
	cmd.Flags().BoolVar(&f.decisions, "decisions", false, "submit the scenario's jobs one by one to --cluster nomad or kubernetes, and compare where its scheduler puts them, the scores, refusals and evictions")
	cmd.Flags().StringVar(&f.scoreLog, "scheduler-log", "", "with --decisions on kubernetes: `file` that kube-scheduler logs its scores to (--vmodule=schedule_one=10), which are compared too")
	cmd.Flags().IntVar(&f.random, "random-jobs", 0, "with --decisions: this `number` of random jobs in addition")
	cmd.Flags().IntVar(&f.preempt, "preemption-cases", 0, "with --decisions: this `number` of nodes filled and then asked for room in addition")
	cmd.Flags().StringVar(&f.figure, "figure", "", "draw predicted against measured latencies, as a .pdf, .svg, .png, .csv or .tex `file`")
	cmd.Flags().StringVar(&f.figures, "figures", "", "draw distributions and residuals into this `folder`, as PDF and PNG")
	cmd.Flags().StringVar(&f.out, "out", "caravan-validations", "`folder` for what was found, which caravan plot draws")
	f.work = workFlag(cmd)
	f.output = outputFlag(cmd, "text", "json", "csv")
	cmd.MarkFlagsMutuallyExclusive("calibrate", "calibrated")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.decisions {
			return a.validateDecisions(cmd.Context(), f, args[0])
		}
		return a.validate(cmd.Context(), f, args[0])
	}
	return cmd
}

// workFlag adds --work, how operators without a program do their work live.
func workFlag(cmd *cobra.Command) *enum {
	e := &enum{value: "burn", allowed: []string{"burn", "hold"}}
	cmd.Flags().Var(e, "work", "operators without a program burn processor time, or hold a core by the clock on a machine too busy for that")
	completeWith(cmd, "work", e.allowed)
	return e
}

// validation is what validate finds.
type validation struct {
	plan       *plan // as deployed
	predictor  *plan // as predicted: the same placement with calibrated parameters
	cluster    string
	calibrated string // where the parameters came from; empty when as written
	runs       []*runner.Measurement
	predicted  []results.Request
	comparison compare.Comparison
	tolerance  float64
	left       error  // what could not be removed
	saved      string // the file that has it all
}

func (a *app) validate(ctx context.Context, f *validateFlags, arg string) error {
	if f.repeat < 1 {
		return badInput(fmt.Errorf("--repeat: found %d, allowed: 1 or more", f.repeat))
	}
	if err := checkFigure(f.figure); err != nil {
		return err
	}
	p, err := f.prepare(ctx, a, arg)
	if err != nil {
		return err
	}
	b, err := f.backend(ctx, a, p.scenario.Topology.Nodes())
	if err != nil {
		return err
	}
	v := &validation{plan: p, predictor: p, cluster: f.cluster.value, tolerance: float64(f.tolerance)}
	if err := f.calibrateFirst(ctx, a, b, v, arg); err != nil {
		return err
	}
	if err := v.measure(ctx, a, f, b); err != nil {
		return err
	}
	if err := v.save(f.out); err != nil {
		return err
	}
	if err := a.printValidation(v, f.output.value); err != nil {
		return err
	}
	if err := v.draw(f.figures); err != nil {
		return err
	}
	if err := v.drawTo(f.figure); err != nil {
		return err
	}
	return v.verdict()
}

// prepare solves the scenario, cut to the duration of a live run.
func (f *validateFlags) prepare(ctx context.Context, a *app, arg string) (*plan, error) {
	s, err := f.load(a, arg)
	if err != nil {
		return nil, err
	}
	d := min(f.duration, s.Simulate.Duration)
	if s.Simulate.Duration == 0 {
		d = f.duration
	}
	if d <= 0 {
		return nil, badInput(fmt.Errorf("--duration: found %v, allowed: more than 0", f.duration))
	}
	s.Simulate.Duration, s.Simulate.Requests = d, 0
	s.Simulate.Warmup = min(s.Simulate.Warmup, d/5)
	p, err := solve(ctx, s, asked{solver: f.solver})
	if err != nil {
		return nil, err
	}
	if err := p.checkLive(); err != nil {
		return nil, err
	}
	return p, p.findWarmUp(ctx)
}

// calibrateFirst replaces the predictor by one with measured parameters.
func (f *validateFlags) calibrateFirst(ctx context.Context, a *app, b runner.Backend, v *validation, arg string) error {
	switch {
	case f.calibrated != "":
		s, err := f.load(a, f.calibrated)
		if err != nil {
			return err
		}
		v.calibrated = f.calibrated
		return v.predictWith(s)
	case f.calibrate:
		c, err := a.calibrateLive(ctx, b, v.plan, f)
		if err != nil {
			return err
		}
		set, err := c.overrides(v.plan.scenario)
		if err != nil {
			return err
		}
		v.plan.warnings = append(v.plan.warnings, c.warnings...)
		s, err := f.load(a, arg, set...)
		if err != nil {
			return err
		}
		v.calibrated = fmt.Sprintf("a live run of %d other requests", c.requests)
		return v.predictWith(s)
	}
	return nil
}

// predictWith predicts with the parameters of another version of the scenario,
// under the placement that is deployed.
func (v *validation) predictWith(s *scenarios.Scenario) error {
	if len(s.Workload.Pipelines) != len(v.plan.scenario.Workload.Pipelines) || len(s.Topology.Nodes()) != len(v.plan.scenario.Topology.Nodes()) {
		return badInput(fmt.Errorf("%s has other nodes or pipelines than %s", s.Name, v.plan.scenario.Name))
	}
	p := *v.plan
	s.Simulate, s.Seed = v.plan.scenario.Simulate, v.plan.scenario.Seed
	p.scenario = s
	v.predictor = &p
	return nil
}

func (f *validateFlags) planOptions() runner.PlanOptions {
	return runner.PlanOptions{Hold: f.work.value == "hold"}
}

// measure makes the prediction and the live runs, and compares them.
func (v *validation) measure(ctx context.Context, a *app, f *validateFlags, b runner.Backend) error {
	requests, err := v.plan.trace(ctx, 0)
	if err != nil {
		return err
	}
	if v.predicted, err = v.predictor.trace(ctx, 0); err != nil {
		return err
	}
	bar := newProgress(a.stderr, "measuring "+v.plan.scenario.Name, "requests", len(requests)*f.repeat)
	defer bar.stop()
	in := compare.Input{Predicted: v.predicted, From: v.plan.warmUp, Until: v.plan.scenario.Simulate.Duration}
	for range f.repeat {
		l := &liveRun{backend: b, plan: v.plan, options: f.planOptions(), requests: requests, label: newLabel(v.plan.scenario.Name), maxLag: f.maxLag, progress: bar}
		m, err := l.measure(ctx)
		if m == nil {
			return err
		}
		v.left = errors.Join(v.left, err)
		v.runs = append(v.runs, m)
		in.Measured = append(in.Measured, m.Requests)
	}
	v.comparison = compare.Runs(in)
	return nil
}

// invalid lists why the live runs cannot be trusted.
func (v *validation) invalid() []string {
	var out []string
	for i, m := range v.runs {
		if m.Invalid != "" {
			out = append(out, fmt.Sprintf("run %d: %s", i+1, m.Invalid))
		}
		if n := having(m.Requests, results.Unanswered); n > 0 {
			out = append(out, fmt.Sprintf("run %d: %d of %d requests never ended%s", i+1, n, len(m.Requests), describeDown(m.Down)))
		}
		if n := having(m.Requests, "failed"); n > 0 {
			out = append(out, fmt.Sprintf("run %d: %d of %d requests failed: %s", i+1, n, len(m.Requests), strings.Join(m.Troubles, "; ")))
		}
	}
	return out
}

// describeDown says which agents did not run at the end.
func describeDown(list []runner.Agent) string {
	text := ""
	for _, x := range list {
		text += fmt.Sprintf(", and agent %s on %s is %s", x.Name, x.Node, x.State)
		if x.Detail != "" {
			text += " (" + x.Detail + ")"
		}
	}
	return text
}

func having(list []results.Request, outcome string) int {
	n := 0
	for i := range list {
		if list[i].Outcome == outcome {
			n++
		}
	}
	return n
}

// verdict is the exit code: invalid measurements and what could not be removed
// are failures, a missed tolerance an answer.
func (v *validation) verdict() error {
	if reasons := v.invalid(); len(reasons) > 0 {
		return errors.Join(errors.New("the measurement is invalid: "+strings.Join(reasons, "; ")), v.left)
	}
	if v.left != nil {
		return v.left
	}
	if v.tolerance > 0 && len(v.comparison.Missed(v.tolerance)) > 0 {
		return &exitError{code: exitInfeasible}
	}
	return nil
}

// relative is an error as people read it.
func relative(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "-"
	}
	return fmt.Sprintf("%+.1f %%", 100*x)
}
