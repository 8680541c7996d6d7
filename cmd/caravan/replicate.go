package main

import (
	"context"
	"math"

	"caravan/results"
)

// replicate simulates the plan as often as its scenario asks: a fixed number
// of replications, or as many as the precision needs. missed reports that the
// precision was not reached. How many are run depends on the results alone,
// never on the workers.
func (a *app) replicate(ctx context.Context, p *plan, workers int) (reps []results.Replication, missed bool, err error) {
	spec := p.scenario.Simulate
	n := max(spec.Replications, 1)
	if spec.Precision > 0 {
		n = max(n, 2) // an interval needs a spread
	}
	for {
		bar := newProgress(a.stderr, p.scenario.Name+" "+p.solver, "replications", n-len(reps))
		more, err := simulate(ctx, p, len(reps), n, workers, bar.step)
		bar.stop()
		if err != nil {
			return nil, false, err
		}
		reps = append(reps, more...)
		if spec.Precision <= 0 {
			return reps, false, nil
		}
		have := relativeHalfWidth(results.Summarise(reps))
		limit := max(spec.MaxReplications, spec.Replications)
		if have <= spec.Precision {
			return reps, false, nil
		}
		if n >= limit {
			return reps, true, nil
		}
		n = min(limit, nextCount(n, have, spec.Precision))
	}
}

// nextCount is how many replications to have before looking again: the
// half-width shrinks with the root of their number, so (have/want)^2 times as
// many, but at most twice, since the first estimate of the spread is rough.
func nextCount(n int, have, want float64) int {
	ratio := have / want
	need := math.Ceil(float64(n) * ratio * ratio)
	return max(n+1, int(math.Min(need, float64(2*n))))
}

// relativeHalfWidth is the worst relative half-width among the pipelines' mean
// latencies; 0 when nothing has a latency.
func relativeHalfWidth(ms []results.Metric) float64 {
	worst := 0.0
	for _, m := range ms {
		if m.Name != "latency" || m.Stat != "mean" || m.Value == 0 || math.IsNaN(m.Value) {
			continue
		}
		if m.CI95 == nil {
			return math.Inf(1)
		}
		worst = math.Max(worst, (m.CI95[1]-m.CI95[0])/2/math.Abs(m.Value))
	}
	return worst
}
