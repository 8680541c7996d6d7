package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"caravan/results"
	"caravan/results/compare"
	"caravan/runner"
	"caravan/runner/linkem"
	"caravan/scenarios"
	"caravan/sim"
	"caravan/workloads"
)

// aftermath is how long a prediction goes on after the last arrival, so that
// every request ends.
const aftermath = time.Hour

// trace simulates one replication of the plan whose requests arrive within the
// scenario's duration, and lists them all in the order of their creation.
func (p *plan) trace(ctx context.Context, replication int) ([]results.Request, error) {
	c := p.configOf(replication)
	w := *c.Workload
	w.Pipelines = slices.Clone(w.Pipelines)
	for i := range w.Pipelines {
		a := &w.Pipelines[i].Arrivals
		if a.StopAt == 0 || a.StopAt > c.Duration {
			a.StopAt = c.Duration
		}
	}
	c.Workload, c.WarmUp, c.Faults = &w, 0, nil
	c.Duration += aftermath
	var out []results.Request
	c.Trace = func(r results.Request) { out = append(out, r) }
	if _, err := sim.Run(ctx, c); err != nil {
		return nil, fmt.Errorf("predicting %s: %w", p.scenario.Name, err)
	}
	slices.SortStableFunc(out, func(a, b results.Request) int { return int(a.CreatedAt - b.CreatedAt) })
	return out, nil
}

// checkLive reports what no driver can do on a cluster, and warns of what the
// cluster will do otherwise than the model.
func (p *plan) checkLive() error {
	if !p.placed() {
		return &exitError{code: exitInfeasible, err: fmt.Errorf("no placement to deploy: %s", p.solution.Reason)}
	}
	var faults []error
	for i := range p.scenario.Workload.Pipelines {
		if l := &p.scenario.Workload.Pipelines[i]; l.Arrivals.Kind == workloads.Closed {
			faults = append(faults, fmt.Errorf("pipeline %q: a closed loop cannot be driven at instants known beforehand (allowed: periodic, poisson, mmpp, trace)", l.Name))
		}
	}
	if len(p.scenario.Faults) > 0 {
		p.warnings = append(p.warnings, "the scenario's faults are neither predicted nor made to happen live")
	}
	if len(p.scenario.Workload.Jobs)+len(p.arriving) > 0 {
		p.warnings = append(p.warnings, "the scenario's jobs are not deployed, only its pipelines")
	}
	return badInput(errors.Join(faults...))
}

// livePlan is what a backend deploys for the plan.
func (p *plan) livePlan(o runner.PlanOptions, label string) (*runner.Plan, error) {
	s := p.scenario
	o.Seed = s.Seed
	live, err := runner.NewPlan(label, s.Topology, s.Workload, s.Model, p.solution.Placement, o)
	return live, badInput(err)
}

// A liveRun is one deployment that is driven and removed again.
type liveRun struct {
	backend  runner.Backend
	plan     *plan
	options  runner.PlanOptions
	requests []results.Request
	label    string
	maxLag   time.Duration
	progress *progress
}

// measure deploys, drives and cleans up, whatever happens. What could not be
// removed is an error beside the measurement.
func (l *liveRun) measure(ctx context.Context) (m *runner.Measurement, err error) {
	l.options.Collect = true
	p, err := l.plan.livePlan(l.options, l.label)
	if err != nil {
		return nil, err
	}
	defer func() {
		_, cleanErr := l.backend.Clean(context.WithoutCancel(ctx), l.label)
		err = errors.Join(err, cleanErr)
	}()
	if err := l.backend.Deploy(ctx, p); err != nil {
		return nil, fmt.Errorf("deploying %s: %w", l.plan.scenario.Name, err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	changed := changeLinks(ctx, l.backend, l.plan.scenario, l.label)
	m, err = runner.Drive(ctx, l.backend, p, l.requests, runner.DriveOptions{
		Patience: l.patience(), MaxLag: l.maxLag, Ended: func(results.Request) { l.progress.step() },
	})
	stop()
	changed()
	return m, err
}

// patience is how long after the last arrival answers are waited for: what the
// prediction takes, and as long again.
func (l *liveRun) patience() time.Duration {
	longest := time.Duration(0)
	for i := range l.requests {
		longest = max(longest, l.requests[i].Latency())
	}
	return 10*time.Second + 2*longest
}

// linkSetter is a backend that can change emulated links.
type linkSetter interface {
	SetLink(run, name string, s linkem.Shape) error
}

// changeLinks follows the scenario's link changes while ctx lasts; wait returns
// when it has stopped.
func changeLinks(ctx context.Context, backend runner.Backend, s *scenarios.Scenario, label string) (wait func()) {
	b, ok := backend.(linkSetter)
	if len(s.LinkChanges) == 0 || !ok {
		return func() {}
	}
	changes := slices.Clone(s.LinkChanges)
	slices.SortStableFunc(changes, func(a, b workloads.LinkChange) int { return int(a.At - b.At) })
	begin := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, c := range changes {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(begin.Add(c.At))):
			}
			link := s.Topology.Links()[c.Link]
			// A link that no message crosses is not emulated.
			_ = b.SetLink(label, link.Name, linkem.Shape{Delay: c.Latency, Jitter: link.Jitter, Bandwidth: c.Bandwidth})
		}
	}()
	return func() { <-done }
}

// lagOf summarises how late the generator was.
func lagOf(runs []*runner.Measurement) lagAnswer {
	var all []time.Duration
	for _, m := range runs {
		all = append(all, m.Lag...)
	}
	slices.Sort(all)
	out := lagAnswer{}
	if len(all) == 0 {
		return out
	}
	for _, d := range all {
		out.Mean += d.Seconds() / float64(len(all))
	}
	out.P99, out.Max = all[len(all)*99/100].Seconds(), all[len(all)-1].Seconds()
	return out
}

// stolen is the share of burnt service in which the agents had no processor.
func stolen(runs []*runner.Measurement) float64 {
	var service, lost time.Duration
	for _, m := range runs {
		for i := range m.Requests {
			for _, v := range m.Requests[i].Visits {
				if v.CPU > 0 {
					service += v.EndedAt - v.StartedAt
					lost += v.EndedAt - v.StartedAt - v.CPU
				}
			}
		}
	}
	if service == 0 {
		return math.NaN()
	}
	return lost.Seconds() / service.Seconds()
}

// starved is the share of burnt service without a processor from which a
// measurement says more of the machine than of the model.
const starved = 0.05

// few is the number of requests below which their 95th percentile is the
// slowest of them.
const few = 20

// doubts are what makes the numbers of a valid measurement doubtful.
func (v *validation) doubts() []string {
	var out []string
	if x := stolen(v.runs); x > starved {
		out = append(out, fmt.Sprintf("agents had no processor for %s of their service: the machine is too busy to burn processor time on (--work hold needs none)", shareText(x)))
	}
	for _, r := range v.comparison.Rows {
		if n := r.N / len(v.runs); r.Kind == compare.Pipeline && r.Name == "latency" && r.Stat == "p95" && n > 0 && n < few {
			out = append(out, fmt.Sprintf("the p95 and p99 of %s are the slowest of %s (--duration makes more)", r.Subject, count(n, "request")))
		}
	}
	return out
}

// newLabel makes the label of a live run.
func newLabel(scenario string) string { return runner.NewRun(scenario, time.Now(), os.Getpid()) }
