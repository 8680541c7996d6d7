package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"caravan/results"
	"caravan/results/fit"
	"caravan/runner"
	"caravan/scenarios"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// A watcher keeps a live run where the model, fitted to what is measured,
// wants it.
type watcher struct {
	backend runner.Backend
	plan    *plan // the model as it is believed now, and the placement in force
	written *plan // the scenario as written, which the emulation follows
	arg     string
	options runner.PlanOptions
	live    *runner.Plan
	lost    map[string]bool // nodes whose agents do not stay up

	expected map[string]span // by pipeline: what a window's mean latency may be
	outside  map[string]int  // windows in a row that left it

	mu     sync.Mutex
	window []results.Request
}

// A span is an interval of times.
type span struct{ low, mean, high time.Duration }

// The rules of watching: the windows that the prediction is drawn from, by how
// much its interval is widened for what no model has, and the windows in a row
// outside of it that cause a new look.
const (
	predictedWindows = 200
	widened          = 0.2
	widenedBy        = 2 * time.Millisecond
	tooMany          = 2
)

// watch deploys and stays until ctx or the duration ends, then removes all.
func (a *app) watch(ctx context.Context, f *submitFlags, w *watcher) (err error) {
	if f.window <= 0 {
		return badInput(fmt.Errorf("--window: found %v, allowed: more than 0", f.window))
	}
	w.written, w.lost, w.outside = w.plan, map[string]bool{}, map[string]int{}
	defer func() {
		_, cleanErr := w.backend.Clean(context.WithoutCancel(ctx), w.live.Run)
		err = errors.Join(err, cleanErr)
	}()
	if err := w.backend.Deploy(ctx, w.live); err != nil {
		return err
	}
	a.printPlan(w.plan)
	fmt.Fprintf(a.stdout, "\nRun %s is up on %s.\n", w.live.Run, f.cluster.value)
	changing, stop := context.WithCancel(ctx)
	wait := changeLinks(changing, w.backend, w.written.scenario, w.live.Run)
	defer func() { stop(); wait() }()
	began := time.Now()
	for f.duration == 0 || time.Since(began) < f.duration {
		if err := w.predict(ctx, f.window); err != nil {
			return err
		}
		why, err := a.watchUntil(ctx, f, w, began)
		if err != nil || why == "" {
			return err
		}
		if err := a.replace(ctx, f, w, why); err != nil {
			return err
		}
	}
	return nil
}

// predict simulates many windows and keeps the interval of their means.
func (w *watcher) predict(ctx context.Context, window time.Duration) error {
	p := *w.plan
	s := *p.scenario
	s.Simulate.Duration, s.LinkChanges = predictedWindows*window, nil
	p.scenario = &s
	list, err := p.trace(ctx, 0)
	if err != nil {
		return err
	}
	w.expected = map[string]span{}
	for pipeline, means := range windowMeans(list, window) {
		slices.Sort(means)
		n := len(means)
		x := span{low: means[n*25/1000], high: means[min(n-1, n*975/1000)]}
		for _, m := range means {
			x.mean += m / time.Duration(n)
		}
		slack := time.Duration(widened*float64(x.mean)) + widenedBy
		x.low, x.high = x.low-slack, x.high+slack
		w.expected[pipeline] = x
	}
	return nil
}

// windowMeans are the mean latencies of the windows that have any, by pipeline.
func windowMeans(list []results.Request, window time.Duration) map[string][]time.Duration {
	type key struct {
		pipeline string
		window   time.Duration
	}
	sums, counts := map[key]time.Duration{}, map[key]time.Duration{}
	var order []key
	for i := range list {
		k := key{list[i].Pipeline, list[i].CreatedAt / window}
		if counts[k] == 0 {
			order = append(order, k)
		}
		sums[k] += list[i].Latency()
		counts[k]++
	}
	out := map[string][]time.Duration{}
	for _, k := range order {
		out[k.pipeline] = append(out[k.pipeline], sums[k]/counts[k])
	}
	return out
}

// watchUntil looks at windows until one gives a reason to look for another
// placement, or the time is over; then why is empty.
func (a *app) watchUntil(ctx context.Context, f *submitFlags, w *watcher, began time.Time) (why string, err error) {
	watching, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- runner.Watch(watching, w.backend, w.live, func(r results.Request) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.window = append(w.window, r)
		})
	}()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	tick := time.NewTicker(f.window)
	defer tick.Stop()
	for f.duration == 0 || time.Since(began) < f.duration {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case err := <-ended:
			ended <- nil
			return "", err
		case <-tick.C:
		}
		if why, err := w.lostAgents(ctx); err != nil || why != "" {
			return why, err
		}
		if why := a.judge(w, time.Since(began)); why != "" {
			return why, nil
		}
	}
	return "", nil
}

// lostAgents names a node whose agents do not stay up.
func (w *watcher) lostAgents(ctx context.Context) (string, error) {
	list, err := w.backend.Status(ctx, w.live.Run)
	if err != nil {
		return "", err
	}
	for _, x := range list {
		if x.State == runner.Failed && !w.lost[x.Node] {
			w.lost[x.Node] = true
			return fmt.Sprintf("agent %s on %s is lost: %s", x.Name, x.Node, x.Detail), nil
		}
	}
	return "", nil
}

// judge prints each pipeline's window and returns why the placement is in
// doubt. The window stays for the fit when it is.
func (a *app) judge(w *watcher, at time.Duration) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var why string
	for pipeline, means := range windowMeans(w.window, math.MaxInt64) {
		x, ok := w.expected[pipeline]
		if !ok {
			continue
		}
		measured, verdict := means[0], "as predicted"
		if measured < x.low || measured > x.high {
			w.outside[pipeline]++
			verdict = "outside"
			if w.outside[pipeline] >= tooMany && why == "" {
				why = fmt.Sprintf("the latency of %s left the predicted interval in %d windows in a row", pipeline, tooMany)
			}
		} else {
			w.outside[pipeline] = 0
		}
		fmt.Fprintf(a.stdout, "%6s  %s: %s measured, %s to %s predicted: %s\n", at.Round(time.Second), pipeline,
			quantity(measured.Seconds(), "s"), quantity(x.low.Seconds(), "s"), quantity(x.high.Seconds(), "s"), verdict)
	}
	if why == "" {
		w.window = nil
	}
	return why
}

// replace fits the model to the window, solves again, and migrates if another
// placement is better.
func (a *app) replace(ctx context.Context, f *submitFlags, w *watcher, why string) error {
	w.mu.Lock()
	c := &calibration{parameters: fit.Fit(fit.Input{Loaded: w.window, Intended: w.plan.intended(), Serialise: serialise(w.plan.scenario)}), requests: len(w.window)}
	w.window, w.outside = nil, map[string]int{}
	w.mu.Unlock()
	fmt.Fprintf(a.stdout, "\n%s; the model is fitted to %s and solved again.\n", why, count(c.requests, "request"))
	set, err := c.overrides(w.written.scenario)
	if err != nil {
		return err
	}
	s, err := f.load(a, w.arg, set...)
	if err != nil {
		return err
	}
	w.avoid(s)
	next, err := solve(ctx, s, asked{solver: f.solver})
	if err != nil {
		return err
	}
	if !next.placed() {
		return &exitError{code: exitInfeasible, err: fmt.Errorf("no placement without what is lost: %s", next.solution.Reason)}
	}
	moves := movesBetween(s, w.plan.solution.Placement, next.solution.Placement)
	if len(moves) == 0 {
		w.plan = next
		fmt.Fprintln(a.stdout, "The placement stays; predictions are made with the fitted model.")
		return nil
	}
	a.printMoves(s, w.plan.solution.Placement, next, moves)
	return a.migrate(ctx, w, next)
}

// avoid keeps every operator from the nodes that are lost.
func (w *watcher) avoid(s *scenarios.Scenario) {
	for _, node := range sortedKeys(w.lost) {
		for i := range s.Workload.Pipelines {
			l := &s.Workload.Pipelines[i]
			l.Operators = slices.Clone(l.Operators)
			for j := range l.Operators {
				o := &l.Operators[j]
				o.Constraints = append(slices.Clone(o.Constraints), workloads.Constraint{Attribute: "name", Operator: "!=", Values: []string{node}})
			}
		}
	}
}

// A move takes an operator to another node.
type move struct{ pipeline, operator, from, to string }

func movesBetween(s *scenarios.Scenario, before, after placement.Placement) []move {
	var out []move
	name := func(n topology.NodeID) string { return s.Topology.Nodes()[n].Name }
	for i := range s.Workload.Pipelines {
		l := &s.Workload.Pipelines[i]
		if !whole(before.Pipelines[i]) || !whole(after.Pipelines[i]) {
			continue
		}
		for j := range l.Operators {
			if b, a := before.Pipelines[i][j], after.Pipelines[i][j]; a != b {
				out = append(out, move{l.Name, l.Operators[j].Name, name(b), name(a)})
			}
		}
	}
	return out
}

// printMoves shows what would move, what each pipeline gains on an idle
// cluster, and what the move costs.
func (a *app) printMoves(s *scenarios.Scenario, before placement.Placement, next *plan, moves []move) {
	g := grid{header: []string{"pipeline", "operator", "from", "to"}}
	for _, m := range moves {
		g.add(m.pipeline, m.operator, m.from, m.to)
	}
	g.render(a.stdout)
	for i := range s.Workload.Pipelines {
		l := &s.Workload.Pipelines[i]
		old, err := placement.Estimate(s.Topology, s.Model, l, before.Pipelines[i])
		if err != nil {
			continue
		}
		now, err := placement.Estimate(s.Topology, s.Model, l, next.solution.Placement.Pipelines[i])
		if err == nil {
			fmt.Fprintf(a.stdout, "%s: %s where it is, %s after the move, on an idle cluster.\n", l.Name, quantity(old.Seconds(), "s"), quantity(now.Seconds(), "s"))
		}
	}
	fmt.Fprintf(a.stdout, "The move starts %s anew; requests wait meanwhile, and none is lost.\n", count(len(moves), "operator"))
}

// migrate deploys the new placement under the same label.
func (a *app) migrate(ctx context.Context, w *watcher, next *plan) error {
	deployed := *w.written
	deployed.solution = next.solution
	live, err := deployed.livePlan(w.options, w.live.Run)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := w.backend.Deploy(ctx, live); err != nil {
		return err
	}
	w.live, w.plan = live, next
	fmt.Fprintf(a.stdout, "Moved in %s.\n\n", quantity(time.Since(began).Seconds(), "s"))
	return nil
}
