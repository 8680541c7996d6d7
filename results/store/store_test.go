package store_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results"
	"caravan/results/store"
	"caravan/runner/queue/serverstest"
)

var noon = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "sub folder", "sweeps #1.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func member(i int) store.Member {
	m := store.Member{
		Point:      store.Point{Scenario: "base", Settings: []string{fmt.Sprintf("load=%d", i)}, Solver: "chaincut", Seed: math.MaxUint64},
		Position:   int64(i),
		Parameters: json.RawMessage(fmt.Sprintf(`{"load":%d}`, i)),
	}
	m.Seal()
	return m
}

// TestPostgresKeepsTheSamePromises runs the tests of SQLite on PostgreSQL, each
// in a database of its own.
func TestPostgresKeepsTheSamePromises(t *testing.T) {
	server := serverstest.Postgres(t)
	admin, err := sql.Open("pgx", server.URL)
	require.NoError(t, err)
	defer admin.Close()
	for i, test := range []func(*testing.T, *store.Store){completedOnce, throughItsStates, comesBack, collected} {
		name := fmt.Sprintf("store%d", i)
		_, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name)
		require.NoError(t, err)
		s, err := store.Open(t.Context(), strings.Replace(server.URL, "/postgres?", "/"+name+"?", 1))
		require.NoError(t, err)
		test(t, s)
		require.NoError(t, s.Close())
	}
}

// fill makes a sweep of n queued points.
func fill(t *testing.T, s *store.Store, n int) []store.Member {
	t.Helper()
	require.NoError(t, s.PutScenario(t.Context(), store.Scenario{SHA256: "base", Name: "mm1", Text: []byte("name: mm1"), Files: map[string][]byte{"a.csv": {0, 255}}}))
	require.NoError(t, s.PutSweep(t.Context(), store.Sweep{ID: "s-1", Name: "s", Kind: "grid", Text: []byte("x"), Scenario: "base", Version: "v1", Created: noon}))
	var ms []store.Member
	for i := range n {
		ms = append(ms, member(i))
	}
	require.NoError(t, s.Add(t.Context(), "s-1", ms))
	return ms
}

func run(latency float64) *results.Run {
	reps := []results.Replication{
		{Values: []results.Value{{Name: "latency", Subject: "web", Stat: "mean", Unit: "s", Value: latency}, {Name: "wait", Subject: "web", Stat: "mean", Unit: "s", Value: math.NaN()}},
			Histograms: []results.Histogram{{Subject: "web", Name: "latency", LowNS: []int64{1000, 2_000_000}, HighNS: []int64{1001, 2_000_001}, Counts: []uint64{3, 1}}}},
		{Index: 1, Values: []results.Value{{Name: "latency", Subject: "web", Stat: "mean", Unit: "s", Value: latency + 1}},
			Histograms: []results.Histogram{{Subject: "web", Name: "latency", LowNS: []int64{1000}, HighNS: []int64{1001}, Counts: []uint64{2}}}},
	}
	return &results.Run{Version: 1, Scenario: "mm1", Metrics: results.Summarise(reps), Replications: reps}
}

func TestAPointIsCompletedOnceWhoeverTries(t *testing.T) { completedOnce(t, open(t)) }

func completedOnce(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ms := fill(t, s, 20)
	var won, late atomic.Int64
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for _, m := range ms {
				err := s.Complete(ctx, store.Completion{Hash: m.Hash, Worker: fmt.Sprint(w), Finished: noon, Took: time.Second, Outcome: "placed", Run: run(float64(m.Position))})
				if err == nil {
					won.Add(1)
				} else if assert.ErrorIs(t, err, store.ErrCompleted) {
					late.Add(1)
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, int64(20), won.Load())
	assert.Equal(t, int64(60), late.Load())
	samples, err := s.Samples(ctx, "s-1", "latency", "mean")
	require.NoError(t, err)
	require.Len(t, samples, 20)
	for i, x := range samples {
		assert.Equal(t, float64(i)+0.5, x.Value)
		assert.Equal(t, uint64(math.MaxUint64), x.Seed)
		assert.JSONEq(t, fmt.Sprintf(`{"load":%d}`, i), string(x.Parameters))
		assert.Less(t, x.Low, x.Value)
	}
	waits, err := s.Samples(ctx, "s-1", "wait", "mean")
	require.NoError(t, err)
	assert.True(t, math.IsNaN(waits[0].Value) && math.IsNaN(waits[0].Low))
}

func TestAPointGoesThroughItsStates(t *testing.T) { throughItsStates(t, open(t)) }

func throughItsStates(t *testing.T, s *store.Store) {
	ctx := t.Context()
	m := fill(t, s, 2)[0]
	p, err := s.Start(ctx, m.Hash, "w", noon)
	require.NoError(t, err)
	assert.Equal(t, m.Point, p)
	require.NoError(t, s.Fail(ctx, m.Hash, "w", "out of luck", noon, time.Millisecond))
	rows, err := s.Rows(ctx, "s-1")
	require.NoError(t, err)
	assert.Equal(t, store.Failed, rows[0].State)
	assert.Equal(t, "out of luck", rows[0].Error)
	assert.Equal(t, store.Queued, rows[1].State)
	pending, err := s.Pending(ctx, "s-1")
	require.NoError(t, err)
	assert.Equal(t, []string{rows[1].Hash}, pending)

	_, err = s.Start(ctx, m.Hash, "v", noon)
	require.NoError(t, err)
	require.NoError(t, s.Complete(ctx, store.Completion{Hash: m.Hash, Worker: "v", Finished: noon.Add(time.Second), Took: time.Second, Outcome: "placed", Version: "v1", Run: run(1)}))
	_, err = s.Start(ctx, m.Hash, "w", noon)
	assert.ErrorIs(t, err, store.ErrCompleted)
	require.NoError(t, s.Fail(ctx, m.Hash, "w", "too late", noon, 0), "and changes nothing")
	rows, err = s.Rows(ctx, "s-1")
	require.NoError(t, err)
	r := rows[0]
	assert.Equal(t, store.Row{
		Member: m, State: store.Completed, Attempts: 2, Started: noon, Finished: noon.Add(time.Second), Took: time.Second,
		Outcome: "placed", Worker: "v", Version: "v1",
	}, r)
	c, err := s.Counts(ctx, "s-1")
	require.NoError(t, err)
	assert.Equal(t, store.Counts{Total: 2, Queued: 1, Completed: 1, Seconds: 1}, c)
	found, err := s.Find(ctx, m.Hash[:8])
	require.NoError(t, err)
	assert.Len(t, found, 1)
}

func TestARunComesBackAsItWas(t *testing.T) { comesBack(t, open(t)) }

func comesBack(t *testing.T, s *store.Store) {
	ctx := t.Context()
	m := fill(t, s, 1)[0]
	r := run(3)
	require.NoError(t, s.Complete(ctx, store.Completion{Hash: m.Hash, Finished: noon, Run: r}))
	assert.Len(t, r.Replications[0].Histograms, 1, "the caller's run is left alone")
	back, err := s.Run(ctx, m.Hash)
	require.NoError(t, err)
	assert.Equal(t, 4.0, back.Replications[1].Values[0].Value)
	assert.Empty(t, back.Replications[0].Histograms)
	ds, err := s.Distributions(ctx, m.Hash)
	require.NoError(t, err)
	require.Len(t, ds, 1)
	assert.Equal(t, int64(6), ds[0].Data.TotalCount())
	assert.InEpsilon(t, 2e6, ds[0].Data.Max(), 1e-3)
	assert.InDelta(t, 1000, ds[0].Data.ValueAtQuantile(50), 1)
	_, err = s.Run(ctx, "none")
	assert.ErrorIs(t, err, store.ErrNotFound)
}

func TestWhatIsStoredOutlivesTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s, err := store.Open(t.Context(), "sqlite:"+path)
	require.NoError(t, err)
	ms := fill(t, s, 3)
	require.NoError(t, s.Complete(t.Context(), store.Completion{Hash: ms[1].Hash, Finished: noon, Run: run(1)}))
	require.NoError(t, s.Close())
	s, err = store.Open(t.Context(), path)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Add(t.Context(), "s-1", ms), "again changes nothing")
	w, err := s.Sweep(t.Context(), "latest")
	require.NoError(t, err)
	assert.Equal(t, "mm1", w.ScenarioName)
	assert.Equal(t, store.Counts{Total: 3, Queued: 2, Completed: 1}, w.Counts)
	sc, err := s.Scenario(t.Context(), w.Scenario)
	require.NoError(t, err)
	assert.Equal(t, map[string][]byte{"a.csv": {0, 255}}, sc.Files)
	n, err := s.Requeue(t.Context(), "s-1", store.Completed)
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	_, err = s.Run(t.Context(), ms[1].Hash)
	assert.ErrorIs(t, err, store.ErrNotFound)
}

func TestTheHashIsOfEverythingThatDecidesTheResult(t *testing.T) {
	base := store.Point{Scenario: "a", Settings: []string{"x=1", "y=2"}, Solver: "s", Seed: 1}
	base.Seal()
	swapped := store.Point{Scenario: "a", Settings: []string{"y=2", "x=1"}, Solver: "s", Seed: 1}
	swapped.Seal()
	assert.Equal(t, base.Hash, swapped.Hash)
	seen := map[string]bool{base.Hash: true}
	for _, p := range []store.Point{
		{Scenario: "b", Settings: base.Settings, Solver: "s", Seed: 1}, {Scenario: "a", Settings: []string{"x=1"}, Solver: "s", Seed: 1},
		{Scenario: "a", Settings: base.Settings, Solver: "t", Seed: 1}, {Scenario: "a", Settings: base.Settings, Solver: "s", Seed: 2},
		{Scenario: "a", Settings: base.Settings, Solver: "s", Seed: 1, Warm: "p"},
	} {
		p.Seal()
		assert.False(t, seen[p.Hash])
		seen[p.Hash] = true
	}
}

func TestAStoreNeedsAPlaceThatItCanOpen(t *testing.T) {
	for _, url := range []string{"", "mysql://x", "/dev/null/x.db"} {
		_, err := store.Open(t.Context(), url)
		assert.Error(t, err, url)
	}
}

func TestWhatNoSweepHasIsCollected(t *testing.T) { collected(t, open(t)) }

func collected(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ms := fill(t, s, 4)
	require.NoError(t, s.PutSweep(ctx, store.Sweep{ID: "t-1", Name: "t", Kind: "grid", Text: []byte("x"), Scenario: "base", Created: noon}))
	require.NoError(t, s.Add(ctx, "t-1", ms[:1]))
	require.NoError(t, s.Complete(ctx, store.Completion{Hash: ms[0].Hash, Finished: noon, Version: "v1", Run: run(1)}))
	require.NoError(t, s.Complete(ctx, store.Completion{Hash: ms[1].Hash, Finished: noon, Version: "v2", Artefact: "a.json", Run: run(1)}))
	versions, err := s.Versions(ctx, "s-1")
	require.NoError(t, err)
	assert.Equal(t, []string{"v1", "v2"}, versions)
	want := store.Garbage{Sweeps: 1, Points: 3, Artefacts: []string{"a.json"}}
	for _, dry := range []bool{true, false} {
		g, err := s.Collect(ctx, []string{"s-1"}, dry)
		require.NoError(t, err)
		assert.Equal(t, want, g)
	}
	require.NoError(t, s.Compact(ctx))
	all, err := s.Sweeps(ctx)
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Equal(t, 1, all[0].Completed)
	samples, err := s.Samples(ctx, "t-1", "latency", "mean")
	require.NoError(t, err)
	assert.Len(t, samples, 1)
	_, err = s.Run(ctx, ms[1].Hash)
	assert.ErrorIs(t, err, store.ErrNotFound)
	n, seconds, err := s.Done(ctx, []string{ms[0].Hash, ms[1].Hash})
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	assert.Zero(t, seconds)
}
