package main

import (
	"fmt"

	"caravan/results"
)

// differences pairs each later run with the first, metric by metric. All runs
// met the same requests (common random numbers), so a difference varies far
// less than the metrics themselves.
func differences(sims []simulated) ([]difference, error) {
	base := sims[0]
	var out []difference
	if base.run == nil {
		return nil, nil
	}
	for _, s := range sims[1:] {
		if s.run == nil {
			continue
		}
		ds, err := paired(base.run, s.run)
		if err != nil {
			return nil, fmt.Errorf("comparing %s with %s: %w", s.solver, base.solver, err)
		}
		for _, d := range ds {
			out = append(out, difference{
				Name: d.Name, Workload: d.Workload, Stat: d.Stat, Unit: d.Unit,
				Base: base.solver, Against: s.solver,
				Difference: finite(d.Value), CI95: d.CI95, N: d.N,
			})
		}
	}
	return out, nil
}

// paired is b - a of every metric, replication by replication. A single pair
// has differences without intervals.
func paired(a, b *results.Run) ([]results.Metric, error) {
	if len(a.Replications) > 1 && len(b.Replications) > 1 {
		return results.PairedDifference(a.Replications, b.Replications)
	}
	other := index(a.Metrics)
	var out []results.Metric
	for _, m := range b.Metrics {
		x, ok := other[metricKey{m.Name, m.Workload, m.Stat}]
		if !ok {
			continue
		}
		m.Value, m.CI95, m.N = m.Value-x.Value, nil, 1
		out = append(out, m)
	}
	return out, nil
}

// printDifferences draws the paired differences of the pipelines' mean
// latencies and says whether each is more than chance.
func (a *app) printDifferences(sims []simulated) error {
	ds, err := differences(sims)
	if err != nil {
		return err
	}
	base := index(nil)
	if sims[0].run != nil {
		base = index(sims[0].run.Metrics)
	}
	g := grid{header: []string{"pipeline", "base", "against", "difference of mean latency", "of base", "verdict"}, numbers: []int{3, 4}}
	for _, d := range ds {
		if d.Name != "latency" || d.Stat != "mean" || d.Difference == nil {
			continue
		}
		share := "-"
		if b := base[metricKey{d.Name, d.Workload, d.Stat}]; b.Value != 0 {
			share = quantity(*d.Difference/b.Value, "1")
		}
		text := quantity(*d.Difference, d.Unit)
		if d.CI95 != nil {
			text = interval(*d.Difference, (d.CI95[1]-d.CI95[0])/2, d.Unit)
		}
		g.add(d.Workload, d.Base, d.Against, text, share, d.verdict())
	}
	if len(g.rows) == 0 {
		return nil
	}
	fmt.Fprintf(a.stdout, "\nPaired differences over the same requests, with 95 %% confidence:\n\n")
	g.render(a.stdout)
	return nil
}

// verdict reads the interval: it excludes 0 or it does not.
func (d difference) verdict() string {
	switch {
	case d.Difference != nil && *d.Difference == 0 && (d.CI95 == nil || *d.CI95 == [2]float64{}):
		return "the same"
	case d.CI95 == nil:
		return "one replication: no interval"
	case d.CI95[0] > 0:
		return d.Against + " is slower"
	case d.CI95[1] < 0:
		return d.Against + " is faster"
	}
	return "no difference shown"
}

// drawDifferences writes the figure of the paired differences, unless path is
// empty.
func drawDifferences(path string, sims []simulated) error {
	if path == "" {
		return nil
	}
	d := &drawing{}
	for _, s := range sims {
		if s.run != nil {
			d.runs = append(d.runs, s.run)
		}
	}
	f, err := d.differences()
	if err != nil {
		return badInput(fmt.Errorf("--figure: %w", err))
	}
	return drawFile(path, f)
}
