package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"caravan/results"
	"caravan/results/store"
)

// largeRun has as many metrics as a small scenario's run, and no replications.
func largeRun(i int) *results.Run {
	r := &results.Run{Version: 1, Scenario: "mm1"}
	for k := range 30 {
		r.Metrics = append(r.Metrics, results.Metric{
			Name: fmt.Sprintf("metric%d", k/3), Workload: "web", Stat: []string{"mean", "p50", "p99"}[k%3], Unit: "s",
			Value: float64(i + k), CI95: &[2]float64{float64(i), float64(i + 2*k)}, N: 10,
		})
	}
	return r
}

// BenchmarkStored reads a store of 100,000 completed points with 30 metrics
// each: what caravan ls lists, and one metric of every point, which a figure
// draws.
func BenchmarkStored(b *testing.B) {
	const points = 100_000
	s, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "s.db"))
	require.NoError(b, err)
	defer s.Close()
	require.NoError(b, s.PutScenario(b.Context(), store.Scenario{SHA256: "base", Name: "mm1", Text: []byte("x")}))
	require.NoError(b, s.PutSweep(b.Context(), store.Sweep{ID: "s-1", Name: "s", Kind: "grid", Text: []byte("x"), Scenario: "base", Created: noon}))
	var ms []store.Member
	for i := range points {
		ms = append(ms, member(i))
	}
	start := time.Now()
	require.NoError(b, s.Add(b.Context(), "s-1", ms))
	added := time.Since(start)
	for i, m := range ms {
		require.NoError(b, s.Complete(b.Context(), store.Completion{Hash: m.Hash, Finished: noon, Took: time.Second, Outcome: "placed", Run: largeRun(i)}))
	}
	b.Logf("added at %.0f points/s, completed at %.0f points/s", points/added.Seconds(), points/(time.Since(start)-added).Seconds())
	b.Run("ls", func(b *testing.B) {
		for b.Loop() {
			all, err := s.Sweeps(b.Context())
			require.NoError(b, err)
			require.Equal(b, points, all[0].Completed)
		}
	})
	b.Run("points", func(b *testing.B) {
		for b.Loop() {
			rows, err := s.Rows(b.Context(), "s-1")
			require.NoError(b, err)
			require.Len(b, rows, points)
		}
	})
	b.Run("figure", func(b *testing.B) {
		for b.Loop() {
			samples, err := s.Samples(b.Context(), "s-1", "metric3", "mean")
			require.NoError(b, err)
			require.Len(b, samples, points)
		}
	})
}

// BenchmarkComplete stores what one point brought back: 30 metrics.
func BenchmarkComplete(b *testing.B) {
	s, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "s.db"))
	require.NoError(b, err)
	defer s.Close()
	require.NoError(b, s.PutScenario(b.Context(), store.Scenario{SHA256: "base", Name: "mm1", Text: []byte("x")}))
	require.NoError(b, s.PutSweep(b.Context(), store.Sweep{ID: "s-1", Name: "s", Kind: "grid", Text: []byte("x"), Scenario: "base", Created: noon}))
	for i := 0; b.Loop(); i++ {
		m := member(i)
		require.NoError(b, s.Add(b.Context(), "s-1", []store.Member{m}))
		require.NoError(b, s.Complete(b.Context(), store.Completion{Hash: m.Hash, Finished: noon, Took: time.Second, Outcome: "placed", Run: largeRun(i)}))
	}
}
