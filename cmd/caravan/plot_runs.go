package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"caravan/results"
	"caravan/results/plots"
)

// A figureRow is one figure that exists.
type figureRow struct {
	name  string
	shows string // one line for people
	make  func(ctx context.Context, d *drawing) ([]namedFigure, error)
	// onlyAsked figures are not drawn unless they are named.
	onlyAsked bool
	of        material
}

// A material is what figures are made of.
type material int

const (
	savedRuns material = iota
	aSweep
	validations
)

func (m material) String() string {
	return [...]string{"saved runs", "a sweep", "validations"}[m]
}

// figureRows is every figure of saved runs, of sweeps and of validations.
func figureRows() []figureRow {
	return []figureRow{
		{name: "latency-cdf", shows: "distribution of latency", make: one("latency-cdf", (*drawing).latencyCDF)},
		{name: "latency-box", shows: "5th, 25th, 50th, 75th and 95th percentile of latency", make: one("latency-box", (*drawing).latencyBox)},
		{name: "latency-bars", shows: "mean latency by pipeline with 95 % intervals", make: one("latency-bars", (*drawing).latencyBars)},
		{name: "utilisation-bars", shows: "mean utilisation of the busiest nodes with 95 % intervals", make: one("utilisation-bars", (*drawing).utilisationBars)},
		{name: "differences", shows: "paired differences from the first run with 95 % intervals", make: one("differences", (*drawing).differences)},
		{name: "tradeoff", shows: "mean latency against nodes used, or their price, with the Pareto front", make: one("tradeoff", (*drawing).tradeoff)},
		{name: "residuals", shows: "the first run as prediction of the second, with relative errors", make: one("residuals", (*drawing).residuals), onlyAsked: true},
		{name: "gantt", shows: "what ran on which node, preemptions marked", make: each("gantt", (*drawing).gantt)},
		{name: "utilisation", shows: "utilisation of nodes over time", make: each("utilisation", (*drawing).utilisation)},
		{name: "topology", shows: "nodes, links, placement and load", make: each("topology", (*drawing).topology)},
		{name: "prediction", shows: "mean, p50 and p95 latency of validations, predicted against measured, with relative errors", make: one("prediction", (*drawing).prediction), of: validations},
		{name: "residual-load", shows: "errors of validations over the load, with the noise floor", make: one("residual-load", (*drawing).residualLoad), of: validations},
		sweepRow("sweep-lines", "metrics of a sweep over a parameter with 95 % bands", (*swept).lines),
		sweepRow("sweep-bars", "latency by value of a parameter and solver with 95 % intervals", (*swept).bars),
		sweepRow("sweep-cdf", "distribution of latency by solver at each value of a parameter", (*swept).cdfs),
		sweepRow("sweep-map", "latency over two parameters", (*swept).maps),
		sweepRow("sweep-boundary", "what a search in two parameters visited, and the border it found", (*swept).boundaries),
		sweepRow("sweep-ratios", "mean latency of the solvers over that of the first, paired by seed, with 95 % intervals", (*swept).contrasts),
	}
}

func figureNames() []string {
	var names []string
	for _, r := range figureRows() {
		names = append(names, r.name)
	}
	return names
}

// one makes a figure of all runs together.
func one(name string, make func(*drawing) (plots.Figure, error)) func(context.Context, *drawing) ([]namedFigure, error) {
	return func(_ context.Context, d *drawing) ([]namedFigure, error) {
		f, err := make(d)
		return []namedFigure{{name: name, figure: f}}, err
	}
}

// each makes a figure of every run.
func each(name string, make func(*drawing, context.Context, int) (plots.Figure, error)) func(context.Context, *drawing) ([]namedFigure, error) {
	return func(ctx context.Context, d *drawing) ([]namedFigure, error) {
		var out []namedFigure
		for i, label := range d.labels() {
			f, err := make(d, ctx, i)
			if err != nil {
				return nil, err
			}
			x := namedFigure{name: name, figure: f}
			if len(d.runs) > 1 {
				x.name += "-" + strings.Map(fileRune, label)
			}
			out = append(out, x)
		}
		return out, nil
	}
}

// A drawing is the runs that figures are made of.
type drawing struct {
	runs        []*results.Run
	sweep       *swept           // instead of runs
	validations []validateAnswer // instead of runs
	data        string
	from, until time.Duration
	skipped     []string
	plans       map[int]*plan
	lines       map[int]*results.Timeline
}

// of is what the drawing has.
func (d *drawing) of() material {
	switch {
	case d.sweep != nil:
		return aSweep
	case len(d.validations) > 0:
		return validations
	}
	return savedRuns
}

// labels name the runs: by solver, and by scenario and seed where those differ.
func (d *drawing) labels() []string {
	scenarios, seeds := map[string]bool{}, map[string]bool{}
	for _, r := range d.runs {
		scenarios[r.Scenario] = true
		seeds[fmt.Sprint(r.Scenario, r.Stamp.Solver)] = true
	}
	out := make([]string, len(d.runs))
	for i, r := range d.runs {
		out[i] = r.Stamp.Solver
		if len(scenarios) > 1 {
			out[i] = r.Scenario + " " + out[i]
		}
		if len(seeds) < len(d.runs) {
			out[i] += fmt.Sprintf(" %d %.4s", r.Stamp.Seed, r.Stamp.ScenarioSHA256)
		}
	}
	return out
}

// sampleOf adds up the latency histograms of a run's replications, of one
// subject or, when that is empty, of all.
func sampleOf(r *results.Run, name, subject string) plots.Sample {
	type bucket struct {
		high  int64
		count uint64
	}
	at := map[int64]bucket{}
	for _, rep := range r.Replications {
		for _, h := range rep.Histograms {
			if h.Name != "latency" || subject != "" && h.Subject != subject {
				continue
			}
			for i, low := range h.LowNS {
				b := at[low]
				at[low] = bucket{max(b.high, h.HighNS[i]), b.count + h.Counts[i]}
			}
		}
	}
	s := plots.Sample{Name: name}
	for i, low := range slices.Sorted(maps.Keys(at)) {
		if i == 0 {
			s.Least = float64(low) / 1e9
		}
		s.Upto = append(s.Upto, float64(at[low].high)/1e9)
		s.Counts = append(s.Counts, float64(at[low].count))
	}
	return s
}

// subjects are the pipelines, or classes of them, whose latency a run has.
func subjects(r *results.Run) []string {
	var out []string
	for _, m := range r.Metrics {
		if m.Name == "latency" && m.Stat == "mean" && !contains(out, m.Workload) {
			out = append(out, m.Workload)
		}
	}
	return out
}

// mostCases is how many lines, boxes or groups a column still shows apart.
const mostCases = 7

// samples are the latencies by run or, of a lone run, by pipeline.
func (d *drawing) samples() ([]plots.Sample, error) {
	var out []plots.Sample
	keep := func(s plots.Sample) {
		if len(s.Counts) > 0 {
			out = append(out, s)
		}
	}
	if names := subjects(d.runs[0]); len(d.runs) == 1 && len(names) > 1 && len(names) <= mostCases {
		for _, name := range names {
			keep(sampleOf(d.runs[0], name, name))
		}
	} else {
		for i, label := range d.labels() {
			keep(sampleOf(d.runs[i], label, ""))
		}
	}
	if len(out) == 0 {
		return nil, errNothing{"no pipeline answered a request"}
	}
	return out, nil
}

func (d *drawing) latencyCDF() (plots.Figure, error) {
	s, err := d.samples()
	return plots.CDF{X: plots.Axis{Label: "Latency", Unit: "s", Log: true}, Samples: s}, err
}

func (d *drawing) latencyBox() (plots.Figure, error) {
	s, err := d.samples()
	f := plots.Boxes{Y: plots.Axis{Label: "Latency", Unit: "s", Log: true}}
	for _, x := range s {
		f.Boxes = append(f.Boxes, plots.BoxOf(x))
	}
	return f, err
}

// estimateOf is a metric with its interval.
func estimateOf(m results.Metric, ok bool) plots.Estimate {
	e := plots.Exactly(math.NaN())
	if ok {
		e.Value = m.Value
	}
	if ok && m.CI95 != nil {
		e.Low, e.High = m.CI95[0], m.CI95[1]
	}
	return e
}

// barsOf sets a metric of every run beside each other, grouped by subject.
func (d *drawing) barsOf(axis plots.Axis, groups []string, name, stat string) plots.Bars {
	f := plots.Bars{Y: axis, Groups: groups}
	least, most := math.Inf(1), 0.0
	for i, label := range d.labels() {
		set := plots.BarSet{Name: label}
		m := index(d.runs[i].Metrics)
		for _, g := range groups {
			x, ok := m[metricKey{name, g, stat}]
			set.Values = append(set.Values, estimateOf(x, ok))
			if ok && x.Value > 0 {
				least, most = math.Min(least, x.Value), math.Max(most, x.Value)
			}
		}
		f.Sets = append(f.Sets, set)
	}
	const far = 30 // beyond this ratio the small bars of a linear axis vanish
	f.Y.Log = axis.Unit == "s" && most > far*least
	return f
}

func (d *drawing) latencyBars() (plots.Figure, error) {
	names := subjects(d.runs[0])
	if len(names) == 0 {
		return nil, errNothing{"no pipeline answered a request"}
	}
	return d.barsOf(plots.Axis{Label: "Mean latency", Unit: "s"}, names[:min(len(names), 2*mostCases)], "latency", "mean"), nil
}

func (d *drawing) utilisationBars() (plots.Figure, error) {
	busiest := map[string]float64{}
	var order []string
	for _, r := range d.runs {
		for _, m := range r.Metrics {
			if m.Name != "utilisation" || m.Stat != "mean" || strings.Contains(m.Workload, "->") {
				continue
			}
			if _, ok := busiest[m.Workload]; !ok {
				order = append(order, m.Workload)
			}
			busiest[m.Workload] = math.Max(busiest[m.Workload], m.Value)
		}
	}
	if len(order) == 0 {
		return nil, errNothing{"no node served anything"}
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(busiest[b], busiest[a]) })
	f := d.barsOf(plots.Axis{Label: "Utilisation", Unit: "1"}, order[:min(len(order), 10)], "utilisation", "mean")
	for _, set := range f.Sets {
		for i, e := range set.Values {
			if math.IsNaN(e.Value) { // a node that carries nothing has no line in the record
				set.Values[i] = plots.Exactly(0)
			}
		}
	}
	return f, nil
}

func (d *drawing) differences() (plots.Figure, error) {
	if len(d.runs) < 2 {
		return nil, errNothing{"a difference needs two runs"}
	}
	f := plots.Differences{X: plots.Axis{Label: "Difference of mean latency", Unit: "s"}}
	labels := d.labels()
	for i, r := range d.runs[1:] {
		ds, err := paired(d.runs[0], r)
		if err != nil {
			return nil, errNothing{err.Error()}
		}
		for _, x := range ds {
			if x.Name != "latency" || x.Stat != "mean" || math.IsNaN(x.Value) || len(f.Contrasts) >= 4*mostCases {
				continue
			}
			name := labels[i+1] + " − " + labels[0]
			if len(subjects(r)) > 1 {
				name = x.Workload + ", " + name
			}
			f.Contrasts = append(f.Contrasts, plots.Contrast{Name: name, Difference: estimateOf(x, true)})
		}
	}
	if len(f.Contrasts) == 0 {
		return nil, errNothing{"the runs share no pipeline"}
	}
	return f, nil
}

// tradeoff sets the mean latency over all requests against what the nodes cost
// or, where they have no price, how many carry something.
func (d *drawing) tradeoff() (plots.Figure, error) {
	if len(d.runs) < 2 {
		return nil, errNothing{"a front needs two runs"}
	}
	f := plots.Front{X: plots.Axis{Label: "Mean latency", Unit: "s"}, Y: plots.Axis{Label: "Nodes used", Whole: true}}
	least, most := math.Inf(1), 0.0
	priced := false
	for i, label := range d.labels() {
		r := d.runs[i]
		used, cost, late, rate := map[string]bool{}, 0.0, 0.0, 0.0
		for _, x := range r.Placement {
			used[x.Node] = true
		}
		m := index(r.Metrics)
		for _, x := range r.Metrics {
			switch {
			case x.Name == "cost":
				cost, priced = cost+x.Value, true
			case x.Name == "latency" && x.Stat == "mean" && !math.IsNaN(x.Value):
				n := m[metricKey{"throughput", x.Workload, "mean"}].Value
				late, rate = late+n*x.Value, rate+n
			}
		}
		c := plots.Candidate{Name: label, X: late / rate, Y: float64(len(used))}
		if priced {
			c.Y = cost
			f.Y = plots.Axis{Label: "Cost of a run", Unit: "currency"}
		}
		if rate > 0 {
			f.Candidates = append(f.Candidates, c)
			least, most = math.Min(least, c.X), math.Max(most, c.X)
		}
	}
	if len(f.Candidates) < 2 {
		return nil, errNothing{"fewer than two runs answered requests"}
	}
	f.X.Log = most > 20*least
	return f, nil
}

func (d *drawing) residuals() (plots.Figure, error) {
	if len(d.runs) != 2 {
		return nil, errNothing{fmt.Sprintf("found %d runs, allowed: 2, the prediction and the measurement", len(d.runs))}
	}
	predicted := index(d.runs[0].Metrics)
	f := plots.Residuals{Axis: plots.Axis{Label: "latency", Unit: "s", Log: true}, Tolerance: 0.1}
	for _, m := range d.runs[1].Metrics {
		p, ok := predicted[metricKey{m.Name, m.Workload, m.Stat}]
		if ok && m.Name == "latency" && slices.Contains([]string{"mean", "p50", "p95", "p99"}, m.Stat) && p.Value > 0 && m.Value > 0 {
			f.Checks = append(f.Checks, plots.Check{Name: m.Workload + " " + m.Stat, Group: m.Stat, Predicted: estimateOf(p, true), Measured: estimateOf(m, true)})
		}
	}
	if len(f.Checks) == 0 {
		return nil, errNothing{"the runs share no pipeline"}
	}
	return f, nil
}
