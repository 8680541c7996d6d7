package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"caravan/results"
	"caravan/runner"
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
	lost    map[string]bool   // nodes to avoid; true while the node does not answer, false where an agent failed
	beliefs map[string]belief // measured parameters, by the path of their override
	took    time.Duration     // of the last deployment

	expected map[string]span   // by pipeline: what a window may show
	outside  map[string]int    // windows in a row that left it
	silent   map[string]int    // windows in a row in which nothing ended
	seen     map[string]counts // by agent, before the window
	evidence []results.Request // of the last two windows, when they are why

	mu     sync.Mutex
	window []results.Request
}

// A span is what a window of a pipeline may show: its mean latency, and how
// many requests end in one on average.
type span struct {
	low, mean, high time.Duration
	requests        float64
}

// The rules of watching: the windows that the prediction is drawn from, by how
// much its interval is widened for what no model has, the windows in a row
// outside of it that cause a new look, and the requests that a window must have
// on average for one without any to say something (without cause, two such
// windows in a row have a probability of exp(-6) under Poisson arrivals).
const (
	predictedWindows = 200
	widened          = 0.2
	widenedBy        = 2 * time.Millisecond
	tooMany          = 2
	enough           = 3
)

// watch deploys and stays until ctx or the duration ends, then removes all.
func (a *app) watch(ctx context.Context, f *submitFlags, w *watcher) (err error) {
	if f.window <= 0 {
		return badInput(fmt.Errorf("--window: found %v, allowed: more than 0", f.window))
	}
	if f.forget <= 0 {
		return badInput(fmt.Errorf("--forget: found %v, allowed: more than 0", f.forget))
	}
	w.written, w.lost, w.beliefs = w.plan, map[string]bool{}, map[string]belief{}
	defer func() {
		_, cleanErr := w.backend.Clean(context.WithoutCancel(ctx), w.live.Run)
		err = errors.Join(err, cleanErr)
	}()
	began := time.Now()
	if err := w.backend.Deploy(ctx, w.live); err != nil {
		return err
	}
	w.took = time.Since(began)
	a.printPlan(w.plan)
	fmt.Fprintf(a.stdout, "\nRun %s is up on %s after %s.\n", w.live.Run, f.cluster.value, quantity(w.took.Seconds(), "s"))
	changing, stop := context.WithCancel(ctx)
	wait := changeLinks(changing, w.backend, w.written.scenario, w.live.Run)
	defer func() { stop(); wait() }()
	began = time.Now()
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
	w.expected, w.outside, w.silent, w.seen = map[string]span{}, map[string]int{}, map[string]int{}, nil
	for pipeline, means := range windowMeans(list, window) {
		slices.Sort(means)
		n := len(means)
		x := span{low: means[n*25/1000], high: means[min(n-1, n*975/1000)]}
		for _, m := range means {
			x.mean += m / time.Duration(n)
		}
		slack := time.Duration(widened*float64(x.mean)) + widenedBy
		x.low, x.high = x.low-slack, x.high+slack
		x.requests = float64(requestsOf(list, pipeline)) / predictedWindows
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

// requestsOf counts the requests of a pipeline.
func requestsOf(list []results.Request, pipeline string) int {
	n := 0
	for i := range list {
		if list[i].Pipeline == pipeline {
			n++
		}
	}
	return n
}

// watchUntil looks at windows until one gives a reason to look for another
// placement, or the time is over; then why is empty.
func (a *app) watchUntil(ctx context.Context, f *submitFlags, w *watcher, began time.Time) (why string, err error) {
	watching, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- runner.Watch(watching, w.backend, w.live, func(r results.Request) {
			if r.CreatedAt < 0 { // it waited for the deployment
				return
			}
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
		why, err := w.changedNodes(ctx)
		if err != nil && ctx.Err() == nil { // it may answer again
			fmt.Fprintf(a.stderr, "warning: %v\n", err)
		}
		doubt := a.judge(w, w.take(), time.Since(began))
		if why = cmp.Or(why, doubt, w.stale(f.forget)); why != "" {
			return why, nil
		}
		if len(w.silent) > 0 {
			w.look(ctx)
		}
	}
	return "", nil
}

// take empties the window.
func (w *watcher) take() []results.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.window
	w.window = nil
	return list
}

// judge prints each pipeline's window and returns why the placement is in
// doubt.
func (a *app) judge(w *watcher, list []results.Request, at time.Duration) string {
	var why string
	measured := windowMeans(list, math.MaxInt64)
	for _, pipeline := range slices.Sorted(maps.Keys(w.expected)) {
		x := w.expected[pipeline]
		if means, ok := measured[pipeline]; ok {
			delete(w.silent, pipeline)
			verdict := "as predicted"
			if means[0] < x.low || means[0] > x.high {
				verdict = "outside"
				w.outside[pipeline]++
			} else {
				delete(w.outside, pipeline)
			}
			fmt.Fprintf(a.stdout, "%6s  %s: %s measured, %s to %s predicted: %s\n", at.Round(time.Second), pipeline,
				quantity(means[0].Seconds(), "s"), quantity(x.low.Seconds(), "s"), quantity(x.high.Seconds(), "s"), verdict)
		} else if x.requests >= enough {
			w.silent[pipeline]++
			fmt.Fprintf(a.stdout, "%6s  %s: no request ended, %.3g predicted\n", at.Round(time.Second), pipeline, x.requests)
		}
		switch {
		case w.silent[pipeline] >= tooMany:
			why = cmp.Or(why, fmt.Sprintf("no request of %s ended in %d windows in a row", pipeline, tooMany))
		case w.outside[pipeline] >= tooMany:
			why = cmp.Or(why, fmt.Sprintf("the latency of %s left the predicted interval in %d windows in a row", pipeline, tooMany))
		}
	}
	if why == "" {
		w.evidence = nil
	}
	w.evidence = append(w.evidence, list...)
	return why
}
