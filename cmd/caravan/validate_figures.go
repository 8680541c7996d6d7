package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"caravan/results"
	"caravan/results/compare"
	"caravan/results/plots"
	"caravan/runner"
)

// draw writes the figures of a validation into a folder: for each
// pipeline the distributions of predicted and measured latencies, and every
// duration predicted against measured.
func (v *validation) draw(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, k := range v.comparison.KS {
		f := plots.CDF{X: plots.Axis{Label: "Latency of " + k.Pipeline, Unit: "s"}, Samples: v.latencies(k.Pipeline)}
		if err := drawBoth(filepath.Join(dir, "latency-"+runner.Label(k.Pipeline)), f); err != nil {
			return err
		}
	}
	return drawBoth(filepath.Join(dir, "residuals"), v.residuals())
}

// drawBoth writes a figure for papers and one for screens.
func drawBoth(path string, f plots.Figure) error {
	for _, ending := range []string{".pdf", ".png"} {
		if err := drawFile(path+ending, f); err != nil {
			return err
		}
	}
	return nil
}

// latencies are the distributions of a pipeline: predicted, and all live runs
// together.
func (v *validation) latencies(pipeline string) []plots.Sample {
	measured := []results.Request{}
	for _, m := range v.runs {
		measured = append(measured, m.Requests...)
	}
	return []plots.Sample{v.sample("predicted", pipeline, v.predicted), v.sample("measured", pipeline, measured)}
}

func (v *validation) sample(name, pipeline string, list []results.Request) plots.Sample {
	var xs []time.Duration
	for i := range list {
		if r := &list[i]; r.Pipeline == pipeline && r.Outcome == results.Answered && r.CreatedAt >= v.plan.warmUp {
			xs = append(xs, r.Latency())
		}
	}
	slices.Sort(xs)
	s := plots.Sample{Name: name}
	if len(xs) > 0 {
		s.Least = xs[0].Seconds()
	}
	for _, x := range xs {
		if n := len(s.Upto); n > 0 && s.Upto[n-1] == x.Seconds() {
			s.Counts[n-1]++
			continue
		}
		s.Upto, s.Counts = append(s.Upto, x.Seconds()), append(s.Counts, 1)
	}
	return s
}

// residuals are the durations of pipelines, operators and links that take any
// time worth predicting.
func (v *validation) residuals() plots.Residuals {
	out := plots.Residuals{Axis: plots.Axis{Label: "time", Unit: "s", Log: true}, Tolerance: v.tolerance}
	for _, r := range v.comparison.Rows {
		if r.Unit != "s" || r.Stat == "p99" || r.Kind == compare.Entry || r.Name == "wait" || !(r.Predicted > 0 && r.Measured > 0) {
			continue
		}
		c := checkOf(r)
		c.Name, c.Group = r.Subject+" "+r.Name+" "+r.Stat, r.Kind
		out.Checks = append(out.Checks, c)
	}
	return out
}

// drawTo writes predicted against measured latencies, unless path is empty.
func (v *validation) drawTo(path string) error {
	if path == "" {
		return nil
	}
	f := plots.Residuals{Axis: plots.Axis{Label: "latency", Unit: "s", Log: true}, Tolerance: v.tolerance}
	for _, r := range v.comparison.Rows {
		if r.Kind == compare.Pipeline && r.Name == "latency" {
			f.Checks = append(f.Checks, checkOf(r))
		}
	}
	return drawFile(path, f)
}

// checkOf turns the interval of the error around: it is that of the
// measurement, seen from the prediction.
func checkOf(r compare.Row) plots.Check {
	c := plots.Check{Name: r.Subject + " " + r.Stat, Group: r.Stat, Predicted: plots.Exactly(r.Predicted), Measured: plots.Exactly(r.Measured)}
	if r.CI95 != nil && r.CI95[0] > -1 && !math.IsNaN(r.CI95[1]) {
		c.Measured.Low, c.Measured.High = r.Predicted/(1+r.CI95[1]), r.Predicted/(1+r.CI95[0])
	}
	return c
}
