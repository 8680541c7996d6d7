package main

import (
	"context"
	"fmt"
	"math"
	"strings"

	"caravan/results/criteria"
	"caravan/results/report"
	"caravan/results/store"
	"caravan/scenarios"
)

// Bounds of what a browser shows without delay; caravan export has all.
const (
	reportPoints  = 2000
	reportRecords = 20000
)

// sweepReport is the report of a sweep.
func sweepReport(ctx context.Context, d *drawing, thresholds []*criteria.Criterion) (report.Report, error) {
	w := d.sweep
	out := report.Report{Title: w.Name, Description: w.Description}
	rows, err := w.store.Rows(ctx, w.id)
	if err != nil {
		return out, err
	}
	out.Summary = w.facts(rows)
	if out.Thresholds, err = w.judged(ctx, thresholds, rows); err != nil {
		return out, err
	}
	drawn, err := d.draw(ctx, nil)
	if err != nil {
		return out, err
	}
	if out.Figures, err = inlined(drawn); err != nil {
		return out, err
	}
	if out.Records, err = w.records(ctx); err != nil {
		return out, err
	}
	if out.Runs, err = w.table(ctx, rows[:min(len(rows), reportPoints)]); err != nil {
		return out, err
	}
	if len(rows) > reportPoints {
		out.Warnings = append(out.Warnings, fmt.Sprintf("the table has the first %d of %d points; caravan export has all", reportPoints, len(rows)))
	}
	out.Stamp = []report.Fact{{Name: "sweep", Value: w.id}, {Name: "SHA-256", Value: w.SHA256}, {Name: "scenario SHA-256", Value: w.Base.SHA256}}
	out.Commands = []string{w.again() + " && caravan report " + w.Name}
	out.Sources = []report.Source{{Name: w.Name + ".json", Text: indented(string(w.Text))}, {Name: w.Base.Name + ".json", Text: indented(string(w.Base.Text))}}
	return out, nil
}

// again is the command that runs the sweep: of the shipped file when that is
// what ran, else of the one saved out of the report.
func (w *swept) again() string {
	if contains(scenarios.ShippedSweeps(), w.Name) {
		return "caravan sweep " + w.Name
	}
	return "caravan sweep " + w.Name + ".json"
}

func (w *swept) facts(rows []store.Row) []report.Fact {
	states, versions := map[store.State]int{}, map[string]bool{}
	infeasible := 0
	for _, r := range rows {
		states[r.State]++
		if r.Outcome == "infeasible" {
			infeasible++
		}
		if r.Version != "" {
			versions[r.Version] = true
		}
	}
	points := fmt.Sprintf("%d, %d completed", len(rows), states[store.Completed])
	if n := states[store.Failed]; n > 0 {
		points += fmt.Sprintf(", %d failed", n)
	}
	if infeasible > 0 {
		points += fmt.Sprintf(", %d infeasible", infeasible)
	}
	out := []report.Fact{{Name: "points", Value: points}, {Name: "scenario", Value: w.Base.Name}, {Name: "kind", Value: w.Kind},
		{Name: "solvers", Value: strings.Join(w.Solvers, ", ")}, {Name: "seeds", Value: fmt.Sprint(len(w.Seeds))}}
	for _, dim := range w.Dimensions {
		var values []string
		for _, v := range dim.Values {
			values = append(values, strings.Trim(v.Text, `"`))
		}
		if len(values) > 8 {
			values = append(values[:7], "…", values[len(values)-1])
		}
		if len(values) == 0 {
			values = []string{"searched"}
		}
		out = append(out, report.Fact{Name: dim.Name, Value: strings.Join(values, ", ")})
	}
	if w.Search != nil {
		out = append(out, report.Fact{Name: "stable", Value: w.Search.Stable})
	}
	for _, v := range sortedKeys(versions) {
		out = append(out, report.Fact{Name: "caravan", Value: v})
	}
	return out
}

// judged asks the thresholds of every completed point; a threshold is met when
// all meet it.
func (w *swept) judged(ctx context.Context, thresholds []*criteria.Criterion, rows []store.Row) ([]report.Threshold, error) {
	if len(thresholds) == 0 {
		return nil, nil
	}
	held, asked := make([]int, len(thresholds)), 0
	for _, row := range rows {
		if row.State != store.Completed {
			continue
		}
		r, err := w.store.Run(ctx, row.Hash)
		if err != nil {
			return nil, err
		}
		asked++
		for i, c := range thresholds {
			if ok, err := c.Holds(r); err == nil && ok {
				held[i]++
			}
		}
	}
	var out []report.Threshold
	for i, c := range thresholds {
		out = append(out, report.Threshold{Text: c.String(), About: "every point", Held: held[i] == asked && asked > 0,
			Note: fmt.Sprintf("%d of %d points", held[i], asked)})
	}
	return out, nil
}

// records are the metrics that sweeps are drawn by, a row each point and
// pipeline.
func (w *swept) records(ctx context.Context) (report.Records, error) {
	out := report.Records{Keys: append(append([]string{"solver"}, parameterNames(w.Sweep)...), "pipeline", "seed")}
	for _, m := range sweptMetrics() {
		xs, err := w.samples(ctx, m.name, m.stat)
		if err != nil {
			return out, err
		}
		for _, x := range xs {
			if len(out.Rows) == reportRecords {
				return out, nil
			}
			keys := []any{x.Solver}
			for _, v := range valuesOf(w.Sweep, x.Parameters) {
				if v.Numeric() {
					keys = append(keys, v.Number)
				} else {
					keys = append(keys, strings.Trim(v.Text, `"`))
				}
			}
			keys = append(keys, x.Workload, fmt.Sprint(x.Seed))
			out.Rows = append(out.Rows, report.Record{Keys: keys, Metric: m.name + " " + m.stat, Unit: x.Unit, Value: x.Value, Low: x.Low, High: x.High})
		}
	}
	return out, nil
}

// table has a row for each point and pipeline.
func (w *swept) table(ctx context.Context, rows []store.Row) (report.Table, error) {
	out := report.Table{Header: append(append([]string{"point"}, parameterNames(w.Sweep)...), "solver", "seed", "state", "pipeline")}
	type key struct{ hash, workload string }
	values := make([]map[key]store.Sample, len(sweptMetrics()))
	workloads := map[string][]string{}
	for i, m := range sweptMetrics() {
		out.Header = append(out.Header, strings.ToLower(m.label[:1])+m.label[1:])
		values[i] = map[key]store.Sample{}
		xs, err := w.samples(ctx, m.name, m.stat)
		if err != nil {
			return out, err
		}
		for _, x := range xs {
			values[i][key{x.Hash, x.Workload}] = x
			if i == 0 {
				workloads[x.Hash] = append(workloads[x.Hash], x.Workload)
			}
		}
	}
	text := func(s string) report.Cell { return report.Cell{Text: s, Number: math.NaN()} }
	for _, r := range rows {
		head := []report.Cell{text(r.Hash[:8])}
		for i, v := range valuesOf(w.Sweep, r.Parameters) {
			c := text(parameterTexts(r.Parameters, parameterNames(w.Sweep))[i])
			if v.Numeric() {
				c.Number = v.Number
			}
			head = append(head, c)
		}
		state := string(r.State)
		if r.State == store.Completed {
			state = r.Outcome
		}
		head = append(head, text(r.Solver), report.Cell{Text: fmt.Sprint(r.Seed), Number: float64(r.Seed)}, text(state))
		names := workloads[r.Hash]
		if len(names) == 0 {
			names = []string{""}
		}
		for _, name := range names {
			row := append(append([]report.Cell{}, head...), text(name))
			for i := range values {
				c := text("-")
				if x, ok := values[i][key{r.Hash, name}]; ok && !math.IsNaN(x.Value) {
					c = report.Cell{Text: quantity(x.Value, x.Unit), Number: x.Value}
				}
				row = append(row, c)
			}
			out.Rows = append(out.Rows, row)
		}
	}
	return out, nil
}
