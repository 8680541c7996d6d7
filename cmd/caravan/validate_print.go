package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"caravan/results"
	"caravan/results/compare"
	"caravan/runner"
)

// validateAnswer is the JSON of caravan validate.
type validateAnswer struct {
	Version    int              `json:"version"`
	Scenario   string           `json:"scenario"`
	Cluster    string           `json:"cluster"`
	Stamp      results.Stamp    `json:"stamp"`
	Placement  []results.Placed `json:"placement"`
	Calibrated string           `json:"calibrated"` // where the parameters came from; empty as written
	Duration   float64          `json:"duration_s"`
	WarmUp     float64          `json:"warmup_s"`
	Repeat     int              `json:"repeat"`
	Requests   int              `json:"requests"` // of each run
	Valid      bool             `json:"valid"`
	Invalid    []string         `json:"invalid"`
	Tolerance  float64          `json:"tolerance"` // 0 when none was asked for
	Missed     []string         `json:"missed"`
	Loads      []loadAnswer     `json:"loads"`
	Summary    summaryAnswer    `json:"summary"`
	Metrics    []comparedAnswer `json:"metrics"`
	KS         []ksAnswer       `json:"ks"`
	Stages     []stageAnswer    `json:"stages"`
	Outcomes   []outcomeAnswer  `json:"outcomes"` // of each run
	Lag        lagAnswer        `json:"lag"`
	Stolen     *float64         `json:"stolen"` // share of burnt service without a processor
	Machine    []runner.Machine `json:"machine"`
	Clocks     [][]runner.Clock `json:"clocks"`
	Restarts   int              `json:"restarts"`
	Warnings   []string         `json:"warnings"`
	Saved      string           `json:"saved,omitempty"` // as printed: where
}

// loadAnswer is the predicted utilisation of the busiest node or link on the
// way of a pipeline.
type loadAnswer struct {
	Pipeline    string   `json:"pipeline"`
	Utilisation *float64 `json:"utilisation"` // null where the rate is unknown
}

// summaryAnswer sums up mean, p50 and p95 of the pipelines' latencies.
type summaryAnswer struct {
	Mean  *float64 `json:"mean"` // absolute error
	Worst *float64 `json:"worst"`
	P50   *float64 `json:"p50"`   // the worst of the medians
	Floor *float64 `json:"floor"` // mean of the same quantities between live runs; null with one
}

// comparedAnswer is one quantity, predicted and measured.
type comparedAnswer struct {
	Kind      string      `json:"kind"` // pipeline, operator, link or entry
	Workload  string      `json:"workload"`
	Name      string      `json:"name"`
	Stat      string      `json:"stat"`
	Unit      string      `json:"unit"`
	Predicted *float64    `json:"predicted"`
	Measured  *float64    `json:"measured"`
	Error     *float64    `json:"error"` // (predicted - measured) / measured
	CI95      *[2]float64 `json:"ci95"`  // of error, over the live runs; null with one
	Floor     *float64    `json:"floor"`
	N         int         `json:"n"`
}

type ksAnswer struct {
	Pipeline string   `json:"pipeline"`
	Distance float64  `json:"distance"`
	Floor    *float64 `json:"floor"`
}

type stageAnswer struct {
	Pipeline   string  `json:"pipeline"`
	Stage      string  `json:"stage"`
	Predicted  float64 `json:"predicted_s"`
	Measured   float64 `json:"measured_s"`
	Difference float64 `json:"difference_s"`
}

// outcomeAnswer counts how the requests of one run ended.
type outcomeAnswer struct {
	Answered   int `json:"answered"`
	Rejected   int `json:"rejected"`
	Expired    int `json:"expired"`
	Failed     int `json:"failed"`
	Unanswered int `json:"unanswered"`
}

// lagAnswer is how late requests were sent, in seconds.
type lagAnswer struct {
	Mean float64 `json:"mean_s"`
	P99  float64 `json:"p99_s"`
	Max  float64 `json:"max_s"`
}

// answer is the validation as JSON.
func (v *validation) answer() validateAnswer {
	c := &v.comparison
	out := validateAnswer{
		Version: shapeVersion, Scenario: v.plan.scenario.Name, Cluster: v.cluster, Stamp: stampOf(v.plan),
		Placement: v.plan.answer().Placement, Calibrated: v.calibrated,
		Duration: v.plan.scenario.Simulate.Duration.Seconds(), WarmUp: v.plan.warmUp.Seconds(),
		Repeat: len(v.runs), Requests: len(v.predicted), Invalid: orEmpty(v.invalid()), Tolerance: v.tolerance,
		Missed: []string{}, Lag: lagOf(v.runs), Stolen: finite(stolen(v.runs)), Warnings: orEmpty(append(slices.Clone(v.plan.warnings), v.doubts()...)),
		Summary: v.summary(), Loads: v.loads(), Saved: v.saved,
	}
	out.Valid = len(out.Invalid) == 0
	if v.tolerance > 0 {
		for _, r := range c.Missed(v.tolerance) {
			out.Missed = append(out.Missed, r.Subject+" "+r.Name+" "+r.Stat)
		}
	}
	for _, r := range c.Rows {
		a := comparedAnswer{
			Kind: r.Kind, Workload: r.Subject, Name: r.Name, Stat: r.Stat, Unit: r.Unit, Predicted: finite(r.Predicted),
			Measured: finite(r.Measured), Error: finite(r.Error), N: r.N,
		}
		if r.CI95 != nil && finite(r.CI95[0]) != nil && finite(r.CI95[1]) != nil {
			a.CI95 = r.CI95
		}
		if r.Floor != nil {
			a.Floor = finite(*r.Floor)
		}
		out.Metrics = append(out.Metrics, a)
	}
	for _, k := range c.KS {
		out.KS = append(out.KS, ksAnswer(k))
	}
	for _, s := range c.Stages {
		out.Stages = append(out.Stages, stageAnswer{s.Pipeline, s.Stage, s.Predicted.Seconds(), s.Measured.Seconds(), s.Difference.Seconds()})
	}
	for _, m := range v.runs {
		out.Outcomes = append(out.Outcomes, outcomeAnswer{
			having(m.Requests, results.Answered), having(m.Requests, "rejected"), having(m.Requests, "expired"),
			having(m.Requests, "failed"), having(m.Requests, results.Unanswered),
		})
		out.Machine = append(out.Machine, m.Machine)
		out.Clocks = append(out.Clocks, m.Clocks)
		out.Restarts += m.Restarts
	}
	return out
}

// judged are the rows that a summary counts: mean, p50 and p95 of the
// pipelines' latencies.
func (v *validation) judged() []compare.Row {
	return slices.DeleteFunc(slices.Clone(v.comparison.Rows), func(r compare.Row) bool {
		return r.Kind != compare.Pipeline || r.Name != "latency" || r.Stat == "p99"
	})
}

func (v *validation) summary() summaryAnswer {
	w := v.comparison.Worst
	out := summaryAnswer{Mean: finite(w.Mean), Worst: finite(w.Max), P50: finite(w.P50)}
	floor, n := 0.0, 0
	for _, r := range v.judged() {
		if r.Floor != nil {
			floor += *r.Floor
			n++
		}
	}
	if n > 0 {
		out.Floor = finite(floor / float64(n))
	}
	return out
}

func (a *app) printValidation(v *validation, format string) error {
	switch format {
	case "json":
		return a.writeJSON(v.answer())
	case "csv":
		return a.writeComparedCSV(v)
	}
	a.printPlan(v.plan)
	s := v.plan.scenario
	source := "as written"
	if v.calibrated != "" {
		source = "from " + v.calibrated
	}
	fmt.Fprintf(a.stdout, "\nMeasured %d × %v on %s, %s each, warm-up %v left out; parameters %s.\n",
		len(v.runs), s.Simulate.Duration, v.cluster, count(len(v.predicted), "request"), v.plan.warmUp.Round(time.Millisecond), source)
	for _, l := range v.loads() {
		if l.Utilisation != nil {
			fmt.Fprintf(a.stdout, "The busiest node or link on the way of %s is predicted to be busy for %s of the time.\n", l.Pipeline, shareText(*l.Utilisation))
		}
	}
	fmt.Fprintln(a.stdout)
	a.printCompared(v, compare.Pipeline)
	a.printStages(v)
	a.printDoubts(v)
	fmt.Fprintf(a.stdout, "Saved %s\n", v.saved)
	return nil
}

// printCompared is the table of pipelines.
func (a *app) printCompared(v *validation, kind string) {
	g := grid{header: []string{"pipeline", "", "", "predicted", "measured", "error", "95 % interval", "live against live"}, numbers: []int{3, 4, 5, 6, 7}}
	for _, r := range v.comparison.Rows {
		if r.Kind != kind {
			continue
		}
		between, floor := "", ""
		if r.CI95 != nil {
			between = relative(r.CI95[0]) + " to " + relative(r.CI95[1])
		}
		if r.Floor != nil {
			floor = shareText(*r.Floor)
		}
		g.add(r.Subject, r.Name, r.Stat, quantity(r.Predicted, r.Unit), quantity(r.Measured, r.Unit), relative(r.Error), between, floor)
	}
	g.render(a.stdout)
	for _, k := range v.comparison.KS {
		floor := ""
		if k.Floor != nil {
			floor = fmt.Sprintf(" (live against live %.3f)", *k.Floor)
		}
		fmt.Fprintf(a.stdout, "\n%s: Kolmogorov-Smirnov distance of the latencies %.3f%s", k.Pipeline, k.Distance, floor)
	}
	fmt.Fprintln(a.stdout)
}

// stagesShown is how many stages of a pipeline the text lists.
const stagesShown = 4

// printStages says where the residual of each pipeline arises.
func (a *app) printStages(v *validation) {
	fmt.Fprintf(a.stdout, "\nWhere the residual arises, mean of a request:\n")
	g := grid{header: []string{"pipeline", "stage", "predicted", "measured", "difference"}, numbers: []int{2, 3, 4}}
	shown := map[string]int{}
	for _, s := range v.comparison.Stages {
		if shown[s.Pipeline]++; shown[s.Pipeline] <= stagesShown {
			g.add(s.Pipeline, s.Stage, quantity(s.Predicted.Seconds(), "s"), quantity(s.Measured.Seconds(), "s"), quantity(s.Difference.Seconds(), "s"))
		}
	}
	g.render(a.stdout)
}

// printDoubts is what speaks for and against the measurement.
func (a *app) printDoubts(v *validation) {
	x := v.answer()
	fmt.Fprintln(a.stdout)
	if x.Summary.Mean != nil {
		floor := ""
		if x.Summary.Floor != nil {
			floor = fmt.Sprintf("; live against live %s", shareText(*x.Summary.Floor))
		}
		fmt.Fprintf(a.stdout, "Error of mean, p50 and p95: mean %s, worst %s, p50 %s%s.\n",
			shareText(*x.Summary.Mean), shareText(*x.Summary.Worst), shareText(*x.Summary.P50), floor)
	}
	fmt.Fprintf(a.stdout, "The generator lagged by %s on average, %s at its 99th percentile, %s at most.\n",
		quantity(x.Lag.Mean, "s"), quantity(x.Lag.P99, "s"), quantity(x.Lag.Max, "s"))
	if x.Stolen != nil {
		fmt.Fprintf(a.stdout, "Agents that burnt had no processor for %s of their service.\n", shareText(*x.Stolen))
	}
	for i, m := range x.Machine {
		if m.Steal > 0 || m.Periods > 0 {
			fmt.Fprintf(a.stdout, "Run %d: the hypervisor took %v, a quota throttled %d times for %v.\n", i+1, m.Steal, m.Periods, m.Throttled)
		}
	}
	for _, w := range append(x.Warnings, x.Invalid...) {
		fmt.Fprintln(a.stderr, "warning: "+w)
	}
	for _, m := range x.Missed {
		fmt.Fprintf(a.stdout, "Missed the tolerance of %s: %s\n", shareText(x.Tolerance), m)
	}
}

// writeComparedCSV is every row of the comparison.
func (a *app) writeComparedCSV(v *validation) error {
	w := csv.NewWriter(a.stdout)
	rows := [][]string{{"scenario", "kind", "workload", "name", "stat", "unit", "predicted", "measured", "error", "low", "high", "floor", "n"}}
	for _, r := range v.comparison.Rows {
		low, high, floor := "", "", ""
		if r.CI95 != nil {
			low, high = number(r.CI95[0]), number(r.CI95[1])
		}
		if r.Floor != nil {
			floor = number(*r.Floor)
		}
		rows = append(rows, []string{
			v.plan.scenario.Name, r.Kind, r.Subject, r.Name, r.Stat, r.Unit, number(r.Predicted), number(r.Measured),
			number(r.Error), low, high, floor, strconv.Itoa(r.N),
		})
	}
	return w.WriteAll(rows)
}

// shareText is a share as people read it.
func shareText(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*x)
}
