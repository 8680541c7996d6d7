package sim

import (
	"context"
	"time"

	"caravan/results"
)

// FindWarmUp runs one replication from an empty system and returns the span
// to leave out: the latest of the truncation points that MSER-5 finds in each
// pipeline's latencies. short reports that one of them lies in the second half
// of its series: then the run is too short to reach a steady state, or there
// is none.
func FindWarmUp(ctx context.Context, c Config) (warmUp time.Duration, short bool, err error) {
	c.WarmUp = 0
	c.Trace = nil
	c.Observe, c.Serve = nil, nil
	r, err := compile(c)
	if err != nil {
		return 0, false, err
	}
	if err := r.loop(ctx); err != nil {
		return 0, false, err
	}
	for i := range r.subjects {
		b := &r.subjects[i].batches
		cut, ok := results.MSER5(b.means)
		if !ok && len(b.means) >= minBatches {
			short = true
		}
		cut = min(cut, len(b.means)/2)
		if cut > 0 {
			warmUp = max(warmUp, b.starts[cut])
		}
	}
	if c.Duration > 0 {
		warmUp = min(warmUp, c.Duration/2)
	}
	return warmUp, short, nil
}

// minBatches is how many batches a series needs before its truncation point
// says anything about the length of the run.
const minBatches = 20
