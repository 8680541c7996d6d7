package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravan/results"
	"caravan/results/criteria"
	"caravan/results/plots"
	"caravan/results/report"
	"caravan/scenarios"
)

// reportFlags are the flags of caravan report.
type reportFlags struct {
	out, runs, store, data, timeline string
	thresholds                       []string
	from, until                      time.Duration
}

func newReportCommand(a *app) *cobra.Command {
	f := &reportFlags{}
	cmd := &cobra.Command{
		Use:   "report RUN...|SWEEP",
		Short: "Write saved runs or a sweep as one HTML file, or a timeline for Perfetto",
		Long: `Report writes one HTML file that opens from disk without a network and reads
with JavaScript off: the summary and the thresholds first, then the figures, an
interactive view of every metric, the table of runs, the scenario, and the
command that makes it again. RUN is a file that caravan run saved, SWEEP the
name of a sweep in the store, and latest whichever came last.
A threshold that is missed makes the exit code 3; the report is written all the
same. --timeline writes what ran where and when in the first replication of the
first run, in the Trace Event Format that ui.perfetto.dev opens.`,
		Example: `  caravan report latest
  caravan report latest --threshold 'p99(latency) < 500ms' --threshold 'unplaced == 0'
  caravan report latest --timeline trace.json --until 2m`,
		Args: takes(1, math.MaxInt, "one RUN or more, a SWEEP, or latest"),
	}
	cmd.Flags().StringVar(&f.out, "out", "report.html", "the `file` to write")
	cmd.Flags().StringArrayVar(&f.thresholds, "threshold", nil, "an `expression` over metrics that has to hold (repeatable), such as 'p99(latency) < 200ms'")
	cmd.Flags().StringVar(&f.timeline, "timeline", "", "also write the timeline of the first run, as a JSON `file`")
	cmd.Flags().StringVar(&f.runs, "runs", "caravan-runs", "directory in which latest looks")
	storeFlag(cmd, &f.store)
	cmd.Flags().StringVar(&f.data, "data", "", "`folder` of the data files that the scenario names, when it is not a shipped one")
	cmd.Flags().DurationVar(&f.from, "from", 0, "start of the timeline")
	cmd.Flags().DurationVar(&f.until, "until", 0, "end of the timeline")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.report(cmd.Context(), f, args) }
	return cmd
}

func (a *app) report(ctx context.Context, f *reportFlags, args []string) error {
	thresholds, err := compileThresholds(f.thresholds)
	if err != nil {
		return err
	}
	d, err := find(ctx, f.runs, f.store, args)
	if err != nil {
		return err
	}
	if d.of() == validations {
		return badInput(errors.New("found validations; allowed: saved runs or a sweep (caravan plot draws validations)"))
	}
	d.data = f.data
	make := runReport
	if d.sweep != nil {
		make = sweepReport
	}
	out, err := make(ctx, d, thresholds)
	if err = errors.Join(err, d.close()); err != nil {
		return err
	}
	if err := saveReport(f.out, out); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "Saved %s\n", f.out)
	if f.timeline != "" {
		if d.sweep != nil {
			return badInput(errors.New("--timeline: allowed for a saved run"))
		}
		if err := saveTimeline(ctx, f, d); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "Saved %s\n", f.timeline)
	}
	for _, s := range d.skipped {
		fmt.Fprintf(a.stdout, "Not drawn: %s\n", s)
	}
	for _, t := range out.Thresholds {
		if !t.Held {
			fmt.Fprintf(a.stdout, "Missed: %s (%s) %s\n", t.Text, t.About, t.Note)
		}
	}
	if slices.ContainsFunc(out.Thresholds, func(t report.Threshold) bool { return !t.Held }) {
		return &exitError{code: exitInfeasible}
	}
	return nil
}

func compileThresholds(texts []string) ([]*criteria.Criterion, error) {
	var out []*criteria.Criterion
	var errs []error
	for _, text := range texts {
		c, err := criteria.Compile(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--threshold %q: %w", text, err))
			continue
		}
		out = append(out, c)
	}
	if len(errs) > 0 {
		return nil, badInput(errors.Join(errs...))
	}
	return out, nil
}

func saveReport(path string, r report.Report) error {
	var b bytes.Buffer
	if err := report.Write(&b, r); err != nil {
		return err
	}
	if err := writeFile(path, b.Bytes()); err != nil {
		return fmt.Errorf("saving the report: %w", err)
	}
	return nil
}

// saveTimeline writes the first run's timeline.
func saveTimeline(ctx context.Context, f *reportFlags, d *drawing) error {
	t, err := d.timeline(ctx, 0)
	if err != nil {
		return badInput(fmt.Errorf("--timeline: %w", err))
	}
	until := f.until
	if until <= f.from {
		until = t.End
	}
	part := t.Within(f.from, until)
	part.Arrange()
	var b bytes.Buffer
	if err := part.WriteTrace(&b); err != nil {
		return err
	}
	if err := writeFile(f.timeline, b.Bytes()); err != nil {
		return fmt.Errorf("saving the timeline: %w", err)
	}
	return nil
}

// runReport is the report of runs of one or several scenarios.
func runReport(ctx context.Context, d *drawing, thresholds []*criteria.Criterion) (report.Report, error) {
	first := d.runs[0]
	labels := d.labels()
	out := report.Report{Title: first.Scenario, Summary: runFacts(d), Records: runRecords(d.runs, labels), Runs: runTable(d.runs, labels)}
	for i, r := range d.runs {
		out.Thresholds = append(out.Thresholds, judged(thresholds, r, labels[i])...)
		for _, w := range r.Warnings {
			if !contains(out.Warnings, w) {
				out.Warnings = append(out.Warnings, w)
			}
		}
	}
	if p, err := d.plan(0); err == nil {
		out.Description = p.scenario.Description
	}
	drawn, err := d.draw(ctx, nil)
	if err != nil {
		return out, err
	}
	if out.Figures, err = inlined(drawn); err != nil {
		return out, err
	}
	out.Sources = []report.Source{{Name: first.Scenario + ".json", Text: indented(first.ScenarioText)}}
	out.Stamp = stampFacts(first.Stamp)
	out.Commands = []string{runAgain(d.runs)}
	return out, nil
}

// inlined draws figures into the page.
func inlined(drawn []namedFigure) ([]report.Figure, error) {
	var out []report.Figure
	for _, x := range drawn {
		data, err := plots.Draw(x.figure, plots.Column, "svg")
		if err != nil {
			return nil, err
		}
		out = append(out, report.Figure{Name: x.name, Caption: x.name + ": " + x.shows, SVG: data})
	}
	return out, nil
}

// judged asks every threshold of a run.
func judged(thresholds []*criteria.Criterion, r *results.Run, about string) []report.Threshold {
	var out []report.Threshold
	for _, c := range thresholds {
		held, err := c.Holds(r)
		t := report.Threshold{Text: c.String(), About: about, Held: held}
		if err != nil {
			t.Note = err.Error()
		}
		out = append(out, t)
	}
	return out
}

func stampFacts(s results.Stamp) []report.Fact {
	return []report.Fact{{Name: "caravan", Value: s.Version}, {Name: "seed", Value: fmt.Sprint(s.Seed)}, {Name: "scenario SHA-256", Value: s.ScenarioSHA256}}
}

// runFacts are the head of the report.
func runFacts(d *drawing) []report.Fact {
	r := d.runs[0]
	var out []report.Fact
	if p, err := d.plan(0); err == nil {
		s := p.scenario
		out = append(out, report.Fact{Name: "size", Value: strings.Join([]string{
			count(len(s.Topology.Nodes()), "node"), count(len(s.Topology.Links()), "link"),
			count(len(s.Workload.Pipelines), "pipeline"), count(len(s.Workload.Jobs)+len(p.arriving), "job")}, ", ")})
	}
	out = append(out, report.Fact{Name: "simulated", Value: count(len(r.Replications), "replication") + ", intervals are 95 % confidence"})
	for i, label := range d.labels() {
		r := d.runs[i]
		text := r.Objective.Status
		if !math.IsNaN(r.Objective.Value) {
			text += ", " + objectiveName(r.Objective.Name) + " " + quantity(r.Objective.Value, r.Objective.Unit)
		}
		m := index(r.Metrics)
		for _, s := range subjects(r)[:min(len(subjects(r)), 3)] {
			text += "; " + s + " " + m.show("latency", s, "mean")
		}
		if len(r.Unplaced) > 0 {
			text += "; " + count(len(r.Unplaced), "instance") + " unplaced"
		}
		out = append(out, report.Fact{Name: label, Value: text})
	}
	return out
}

// runRecords are all metrics of all runs.
func runRecords(runs []*results.Run, labels []string) report.Records {
	out := report.Records{Keys: []string{"run", "about"}}
	for i, r := range runs {
		for _, m := range r.Metrics {
			e := estimateOf(m, true)
			out.Rows = append(out.Rows, report.Record{Keys: []any{labels[i], m.Workload}, Metric: m.Name + " " + m.Stat, Unit: m.Unit, Value: e.Value, Low: e.Low, High: e.High})
		}
	}
	return out
}

// runTable has a row for each run and pipeline.
func runTable(runs []*results.Run, labels []string) report.Table {
	out := report.Table{Header: []string{"run", "about", "status", "mean latency", "p50", "p95", "p99", "throughput", "dropped", "replications"}}
	text := func(s string) report.Cell { return report.Cell{Text: s, Number: math.NaN()} }
	for i, r := range runs {
		m := index(r.Metrics)
		names := subjects(r)
		if len(names) == 0 {
			names = []string{""}
		}
		for _, s := range names {
			row := []report.Cell{text(labels[i]), text(s), text(r.Objective.Status)}
			for _, k := range []metricKey{{"latency", s, "mean"}, {"latency", s, "p50"}, {"latency", s, "p95"}, {"latency", s, "p99"}, {"throughput", s, "mean"}} {
				x, ok := m[k]
				if !ok {
					x.Value = math.NaN()
				}
				row = append(row, report.Cell{Text: m.show(k.name, k.workload, k.stat), Number: x.Value})
			}
			dropped := m.dropped(s)
			row = append(row, report.Cell{Text: quantity(dropped, "1"), Number: dropped}, report.Cell{Text: fmt.Sprint(len(r.Replications)), Number: float64(len(r.Replications))})
			out.Rows = append(out.Rows, row)
		}
	}
	return out
}

// indented is a scenario's text for people: one field a line.
func indented(text string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(text), "", "  "); err != nil {
		return text
	}
	return b.String()
}

// runAgain is the command that makes the runs again, from the shipped scenario
// when that is what ran, else from the file saved out of the report.
func runAgain(runs []*results.Run) string {
	r := runs[0]
	command := "caravan run " + r.Scenario + ".json"
	if data, err := scenarios.Open(r.Scenario); err == nil {
		s, err := scenarios.Load(r.Scenario, data, scenarios.Options{Seed: &r.Stamp.Seed})
		plain, plainErr := scenarios.Load(r.Scenario, data, scenarios.Options{})
		switch {
		case plainErr == nil && plain.SHA256 == r.Stamp.ScenarioSHA256:
			command = "caravan run " + r.Scenario
		case err == nil && s.SHA256 == r.Stamp.ScenarioSHA256:
			command = fmt.Sprintf("caravan run %s --seed %d", r.Scenario, r.Stamp.Seed)
		}
	}
	var solvers []string
	for _, x := range runs {
		if !contains(solvers, x.Stamp.Solver) && x.Scenario == r.Scenario {
			solvers = append(solvers, x.Stamp.Solver)
		}
	}
	if len(solvers) == 1 {
		return command + " --solver " + solvers[0]
	}
	return command + " --compare " + strings.Join(solvers, ",")
}
