// Package compare says how well a prediction held: predicted and measured
// requests of the same scenario side by side, by pipeline, operator and link.
package compare

import (
	"cmp"
	"math"
	"slices"
	"time"

	"caravan/results"
)

// The kinds of subject.
const (
	Pipeline = "pipeline"
	Operator = "operator" // pipeline.operator
	Link     = "link"     // node->node, the whole way between two operators
	Entry    = "entry"    // pipeline: from the instant to the first queue
)

// Input is one prediction and repeated measurements of the same requests.
type Input struct {
	Predicted []results.Request
	Measured  [][]results.Request // one a repetition, at least one
	From      time.Duration       // requests created before are warm-up
	Until     time.Duration       // the horizon of the arrivals
}

// A Comparison is what Runs finds.
type Comparison struct {
	Rows   []Row
	KS     []KS
	Stages []Stage
	Worst  Worst
}

// A Row is one statistic of one subject.
type Row struct {
	Kind      string
	Subject   string
	Name      string // latency, wait, service, transfer, throughput, answered
	Stat      string
	Unit      string
	Predicted float64
	Measured  float64 // mean of the repetitions
	// Error is (predicted-measured)/measured; NaN when nothing was measured.
	Error float64
	// CI95 of Error over the repetitions; null when there is one.
	CI95 *[2]float64
	// Floor is the mean |x-y|/y over ordered pairs of repetitions: the error of
	// predicting one live run by another. Null when there is one.
	Floor *float64
	N     int // observations of the measurement, pooled
}

// A KS is the two-sample Kolmogorov-Smirnov distance of the latencies of a
// pipeline: the largest vertical gap between the two distributions.
type KS struct {
	Pipeline string
	Distance float64
	Floor    *float64 // mean between repetitions; null when there is one
}

// A Stage is the mean time of a request in one part of its way, once for each
// visit. In a chain the stages add up to the latency.
type Stage struct {
	Pipeline   string
	Stage      string // entry, wait OPERATOR, service OPERATOR, blocked OPERATOR, A->B
	Predicted  time.Duration
	Measured   time.Duration
	Difference time.Duration // predicted - measured
}

// Worst sums up the latency rows of the pipelines.
type Worst struct {
	Mean float64 // of |Error| of mean, p50, p95
	Max  float64 // of the same
	P50  float64 // largest |Error| of p50
}

// quantiles of every duration.
var quantiles = []struct {
	stat string
	q    float64
}{{"p50", 0.50}, {"p95", 0.95}, {"p99", 0.99}}

// subject is what durations are grouped by.
type subject struct{ kind, name, what string }

// samples are durations by subject, and counts of answers by pipeline.
type samples struct {
	durations map[subject][]time.Duration
	answered  map[string]int
	stages    map[[2]string]time.Duration // by pipeline and stage, summed
}

// collect sorts the measured part of a run by subject.
func collect(list []results.Request, from time.Duration) *samples {
	s := &samples{map[subject][]time.Duration{}, map[string]int{}, map[[2]string]time.Duration{}}
	for i := range list {
		r := &list[i]
		if r.CreatedAt < from || r.Outcome != results.Answered {
			continue
		}
		s.answered[r.Pipeline]++
		s.add(subject{Pipeline, r.Pipeline, "latency"}, r.Latency())
		s.add(subject{Pipeline, r.Pipeline, "wait"}, r.Wait())
		stage := func(name string, d time.Duration) { s.stages[[2]string{r.Pipeline, name}] += d }
		for k, v := range r.Visits {
			op := r.Pipeline + "." + v.Operator
			s.add(subject{Operator, op, "wait"}, v.StartedAt-v.JoinedAt)
			s.add(subject{Operator, op, "service"}, v.EndedAt-v.StartedAt)
			stage("wait "+v.Operator, v.StartedAt-v.JoinedAt)
			stage("service "+v.Operator, v.EndedAt-v.StartedAt)
			stage("blocked "+v.Operator, v.SentAt-v.EndedAt)
			if k == 0 {
				s.add(subject{Entry, r.Pipeline, "transfer"}, v.JoinedAt-r.CreatedAt)
				stage("entry", v.JoinedAt-r.CreatedAt)
			}
		}
		for _, c := range r.Crossings {
			if c.Route != "" {
				s.add(subject{Link, c.Route, "transfer"}, c.ReceivedAt-c.SentAt)
			}
			stage(c.From+"->"+c.To, c.ReceivedAt-c.SentAt)
		}
	}
	for k := range s.durations {
		slices.Sort(s.durations[k])
	}
	return s
}

func (s *samples) add(k subject, d time.Duration) { s.durations[k] = append(s.durations[k], d) }

// Runs compares a prediction with its measurements.
func Runs(in Input) Comparison {
	predicted := collect(in.Predicted, in.From)
	measured := make([]*samples, len(in.Measured))
	for i, m := range in.Measured {
		measured[i] = collect(m, in.From)
	}
	var c Comparison
	for _, k := range sortedSubjects(predicted.durations) {
		c.Rows = append(c.Rows, durationRows(k, predicted, measured)...)
		if k.kind == Pipeline && k.what == "latency" {
			c.Rows = append(c.Rows, throughputRow(k.name, predicted, measured, in.Until-in.From))
			c.KS = append(c.KS, ksOf(k, predicted, measured))
		}
	}
	c.Stages = stagesOf(predicted, measured)
	c.Worst = worstOf(c.Rows)
	return c
}

func sortedSubjects(m map[subject][]time.Duration) []subject {
	order := map[string]int{Pipeline: 0, Operator: 1, Link: 2, Entry: 3}
	var out []subject
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b subject) int {
		return cmp.Or(cmp.Compare(order[a.kind], order[b.kind]), cmp.Compare(a.name, b.name), cmp.Compare(a.what, b.what))
	})
	return out
}

// durationRows are the statistics of one subject.
func durationRows(k subject, predicted *samples, measured []*samples) []Row {
	n := 0
	for _, m := range measured {
		n += len(m.durations[k])
	}
	row := func(stat string, of func([]time.Duration) float64) Row {
		r := Row{Kind: k.kind, Subject: k.name, Name: k.what, Stat: stat, Unit: "s", Predicted: of(predicted.durations[k]), N: n}
		xs := make([]float64, len(measured))
		for i, m := range measured {
			xs[i] = of(m.durations[k])
		}
		r.judge(xs)
		return r
	}
	rows := []Row{row("mean", mean)}
	for _, q := range quantiles {
		rows = append(rows, row(q.stat, func(d []time.Duration) float64 { return quantile(d, q.q) }))
	}
	return rows
}

func throughputRow(pipeline string, predicted *samples, measured []*samples, span time.Duration) Row {
	r := Row{Kind: Pipeline, Subject: pipeline, Name: "throughput", Stat: "mean", Unit: "1/s"}
	rate := func(s *samples) float64 { return float64(s.answered[pipeline]) / span.Seconds() }
	r.Predicted = rate(predicted)
	xs := make([]float64, len(measured))
	for i, m := range measured {
		xs[i] = rate(m)
		r.N += m.answered[pipeline]
	}
	r.judge(xs)
	return r
}

// judge fills in what the repetitions xs say about the prediction.
func (r *Row) judge(xs []float64) {
	for _, x := range xs {
		r.Measured += x / float64(len(xs))
	}
	r.Error = relative(r.Predicted, r.Measured)
	if len(xs) < 2 {
		return
	}
	errs := make([]float64, len(xs))
	floor, pairs := 0.0, 0
	for i, x := range xs {
		errs[i] = relative(r.Predicted, x)
		for j, y := range xs {
			if i != j {
				floor += math.Abs(relative(x, y))
				pairs++
			}
		}
	}
	floor /= float64(pairs)
	r.Floor = &floor
	if iv, err := results.TInterval(errs, 0.95); err == nil {
		r.CI95 = &[2]float64{iv.Mean - iv.HalfWidth, iv.Mean + iv.HalfWidth}
	}
}

// relative is the error of x against y: infinite when y alone is 0.
func relative(x, y float64) float64 {
	if x == y {
		return 0
	}
	return (x - y) / y
}

// mean is NaN when there is nothing.
func mean(d []time.Duration) float64 {
	sum := 0.0
	for _, x := range d {
		sum += x.Seconds()
	}
	return sum / float64(len(d))
}

// quantile of sorted durations: the smallest value that at least the share q
// does not exceed.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[max(0, min(i, len(sorted)-1))].Seconds()
}

func ksOf(k subject, predicted *samples, measured []*samples) KS {
	out := KS{Pipeline: k.name}
	var pool []time.Duration
	for _, m := range measured {
		pool = append(pool, m.durations[k]...)
	}
	slices.Sort(pool)
	out.Distance = Distance(predicted.durations[k], pool)
	if len(measured) < 2 {
		return out
	}
	floor, pairs := 0.0, 0
	for i := range measured {
		for j := range i {
			floor += Distance(measured[i].durations[k], measured[j].durations[k])
			pairs++
		}
	}
	floor /= float64(pairs)
	out.Floor = &floor
	return out
}

// Distance is the Kolmogorov-Smirnov distance of two sorted samples; 1 when
// one of them is empty.
func Distance(a, b []time.Duration) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 1
	}
	d, i, j := 0.0, 0, 0
	for i < len(a) && j < len(b) {
		x := min(a[i], b[j])
		for i < len(a) && a[i] == x {
			i++
		}
		for j < len(b) && b[j] == x {
			j++
		}
		d = max(d, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return d
}

// stagesOf lists the stages by how much they contribute to the residual, the
// largest difference first.
func stagesOf(predicted *samples, measured []*samples) []Stage {
	keys := map[[2]string]bool{}
	for k := range predicted.stages {
		keys[k] = true
	}
	n := map[string]int{}
	for _, m := range measured {
		for k := range m.stages {
			keys[k] = true
		}
		for p, c := range m.answered {
			n[p] += c
		}
	}
	var out []Stage
	for k := range keys {
		s := Stage{Pipeline: k[0], Stage: k[1]}
		if c := predicted.answered[k[0]]; c > 0 {
			s.Predicted = predicted.stages[k] / time.Duration(c)
		}
		for _, m := range measured {
			s.Measured += m.stages[k]
		}
		s.Measured /= time.Duration(max(1, n[k[0]]))
		s.Difference = s.Predicted - s.Measured
		if s.Predicted != 0 || s.Measured != 0 {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Stage) int {
		return cmp.Or(cmp.Compare(a.Pipeline, b.Pipeline), -cmp.Compare(a.Difference.Abs(), b.Difference.Abs()), cmp.Compare(a.Stage, b.Stage))
	})
	return out
}

func worstOf(rows []Row) Worst {
	var w Worst
	n := 0
	for _, r := range rows {
		if r.Kind != Pipeline || r.Name != "latency" || r.Stat == "p99" {
			continue
		}
		e := math.Abs(r.Error)
		w.Mean += e
		w.Max = math.Max(w.Max, e)
		n++
		if r.Stat == "p50" {
			w.P50 = math.Max(w.P50, e)
		}
	}
	w.Mean /= float64(max(1, n))
	return w
}

// Missed lists the rows of pipelines whose error exceeds the tolerance: mean,
// p50 and p95 of the latency, and the throughput.
func (c Comparison) Missed(tolerance float64) []Row {
	var out []Row
	for _, r := range c.Rows {
		judged := r.Kind == Pipeline && (r.Name == "latency" && r.Stat != "p99" || r.Name == "throughput")
		if judged && !(math.Abs(r.Error) <= tolerance) {
			out = append(out, r)
		}
	}
	return out
}
