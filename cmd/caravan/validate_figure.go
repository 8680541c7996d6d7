package main

import (
	"math"

	"caravan/results/compare"
	"caravan/results/plots"
)

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
