package main

import (
	"encoding/csv"
	"io"
	"strconv"

	"caravan/results"
)

// metricKey finds a metric of a run.
type metricKey struct{ name, workload, stat string }

// metricIndex is the metrics of one run by key.
type metricIndex map[metricKey]results.Metric

func index(ms []results.Metric) metricIndex {
	out := metricIndex{}
	for _, m := range ms {
		out[metricKey{m.Name, m.Workload, m.Stat}] = m
	}
	return out
}

// show prints a metric with its interval, short without it.
func (m metricIndex) show(name, workload, stat string) string {
	x, ok := m[metricKey{name, workload, stat}]
	if !ok {
		return "-"
	}
	return showMetric(x)
}

func (m metricIndex) short(name, workload, stat string) string {
	x, ok := m[metricKey{name, workload, stat}]
	if !ok {
		return "-"
	}
	return quantity(x.Value, x.Unit)
}

// bare prints a count without its unit.
func (m metricIndex) bare(name, workload, stat string) string {
	x, ok := m[metricKey{name, workload, stat}]
	if !ok {
		return "-"
	}
	return quantity(x.Value, "")
}

// dropped is the share of a pipeline's requests that found a full queue,
// passed their deadline in a pipeline that drops late requests, or were lost
// to a failure.
func (m metricIndex) dropped(workload string) float64 {
	sum := 0.0
	for _, name := range []string{"rejected", "expired", "lost"} {
		if x, ok := m[metricKey{name, workload, "ratio"}]; ok {
			sum += x.Value
		}
	}
	return sum
}

func showMetric(x results.Metric) string {
	if x.CI95 == nil {
		return quantity(x.Value, x.Unit)
	}
	return interval(x.Value, (x.CI95[1]-x.CI95[0])/2, x.Unit)
}

// writeMetricsCSV writes a row for every metric of every run.
func writeMetricsCSV(w io.Writer, runs []simulated, header bool) error {
	var rows [][]string
	if header {
		rows = append(rows, []string{"scenario", "solver", "name", "workload", "stat", "value", "unit", "ci95_lo", "ci95_hi", "n"})
	}
	for _, s := range runs {
		if s.run == nil {
			continue
		}
		for _, m := range s.run.Metrics {
			lo, hi := "", ""
			if m.CI95 != nil {
				lo, hi = number(m.CI95[0]), number(m.CI95[1])
			}
			rows = append(rows, []string{s.run.Scenario, s.run.Stamp.Solver, m.Name, m.Workload, m.Stat, number(m.Value), m.Unit, lo, hi, strconv.Itoa(m.N)})
		}
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// number prints the shortest text that reads back as v.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
