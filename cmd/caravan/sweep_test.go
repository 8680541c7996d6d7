package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/results/store"
	"caravan/scenarios"
)

// searchSweep is a search over a square of n by n points from its corner.
func searchSweep(t require.TestingT, n int, spread, neighbours string) *scenarios.Sweep {
	text := fmt.Sprintf(`
name: square
scenario: mm1
parameters:
  x: {path: x-x, step: 1, max: %d}
  y: {path: x-y, step: 0.1, max: %g}
search: {stable: unplaced == 0, start: [{x: 1, y: 0.1}], spread: %s, neighbours: %s}
`, n, float64(n)/10, spread, neighbours)
	s, err := scenarios.LoadSweep("square.yaml", []byte(text), scenarios.SweepOptions{})
	require.NoError(t, err)
	return s
}

// explore walks with a stable function in place of runs, and returns the
// points visited in order and the border.
func explore(s *scenarios.Sweep, stable func(x, y float64) bool) (visited, border []string) {
	w := &walk{drive: &drive{sweep: s}, seen: map[string]*found{}}
	for wave := w.start(); len(wave) > 0; wave = w.spread(wave) {
		for _, f := range wave {
			f.verdict = verdictUnstable
			if stable(f.Values[0].Number, f.Values[1].Number) {
				f.verdict = verdictStable
			}
			visited = append(visited, string(f.member.Parameters))
		}
	}
	for _, f := range w.order {
		if f.verdict == verdictStable && slices.ContainsFunc(s.Search.Neighbours(f.Values), func(n []scenarios.Value) bool {
			return !stable(n[0].Number, n[1].Number)
		}) {
			border = append(border, string(f.member.Parameters))
		}
	}
	slices.Sort(border)
	return visited, border
}

func TestASearchVisitsTheStableAndTheirNeighboursOnce(t *testing.T) {
	visited, border := explore(searchSweep(t, 10, "all", "sides"), func(x, y float64) bool { return x+10*y <= 6.5 })
	assert.Len(t, visited, 15+6, "the triangle below the border, and the steps beyond it")
	assert.Len(t, border, 5)
	slices.Sort(visited)
	assert.Len(t, slices.Compact(visited), 21)
	alone, _ := explore(searchSweep(t, 10, "all", "sides"), func(float64, float64) bool { return false })
	assert.Equal(t, []string{`{"x":1,"y":0.1}`}, alone, "an unstable point spreads to nowhere")
}

func TestFollowingTheBorderFindsAllOfItWithFewerRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 40
		a, b := rapid.Float64Range(5, 60).Draw(t, "a"), rapid.Float64Range(5, 60).Draw(t, "b")
		power := rapid.Float64Range(0.7, 3).Draw(t, "power")
		stable := func(x, y float64) bool { return math.Pow(x/a, power)+math.Pow(10*y/b, power) <= 1 }
		if !stable(1, 0.1) {
			return
		}
		everywhere, border := explore(searchSweep(t, n, "all", "sides"), stable)
		along, same := explore(searchSweep(t, n, "border", "sides"), stable)
		assert.Equal(t, border, same)
		assert.LessOrEqual(t, len(along), len(everywhere)+2*n, "diagonals beyond the border are extra")
		assert.LessOrEqual(t, len(along), 8*n)
	})
}

func TestAnInterruptedSweepGoesOn(t *testing.T) {
	dir := t.TempDir()
	args := []string{"sweep", "testdata/sweep.yaml", "--store", dir + "/s.db", "--workers", "2"}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	code, _, stderr := invoke(cancelled, args...)
	assert.Equal(t, exitInterrupted, code, stderr)
	assert.Contains(t, stderr, "the same command goes on from there")
	code, stdout, stderr := invoke(t.Context(), args...)
	assert.Equal(t, exitDone, code, stderr)
	code, again, _ := invoke(t.Context(), append(args, "--workers", "8")...)
	assert.Equal(t, exitDone, code)
	assert.Contains(t, again, "0 ran, 8 were stored before")
	assert.NotContains(t, stdout, "8 were stored before")
}

func TestJSONOfSweepsHasTheDocumentedFieldsAndNoOthers(t *testing.T) {
	db := t.TempDir() + "/s.db"
	code, stdout, stderr := invoke(t.Context(), "sweep", "testdata/sweep.yaml", "--store", db, "--output", "json")
	require.Equal(t, exitDone, code, stderr)
	require.Contains(t, stdout, `"ran": 8`)
	code, stdout, stderr = invoke(t.Context(), "ls", "small", "--store", db, "--output", "csv")
	require.Equal(t, exitDone, code, stderr)
	point := strings.Split(strings.Split(stdout, "\n")[1], ",")[0]
	for section, commands := range map[string][][]string{
		"caravan sweep":           {{"sweep", "testdata/sweep.yaml"}, {"sweep", "testdata/search.yaml"}, {"show", "small"}},
		"caravan sweep --dry-run": {{"sweep", "testdata/sweep.yaml", "--dry-run", "--again"}, {"sweep", "testdata/search.yaml", "--dry-run"}},
		"caravan ls":              {{"ls"}},
		"caravan ls SWEEP":        {{"ls", "small"}},
		"caravan show POINT":      {{"show", point}},
		"caravan diff":            {{"diff", "small:solver=chaincut", "small:solver=ilp"}, {"diff", "small:load=3/s", "small:load=5/s", "--metric", "wait:p99"}},
		"caravan gc":              {{"gc", "small", "--dry-run"}},
	} {
		documented := documentedFields(t, section)
		if section == "caravan show POINT" {
			for k, v := range documentedFields(t, "caravan ls SWEEP") {
				documented[strings.TrimPrefix(k, "[].")] = v
			}
		}
		for i := range commands {
			commands[i] = append(commands[i], "--store", db)
		}
		checkDocumented(t, section, documented, commands)
	}
}

func TestASearchIsTheSameForAnyNumberOfWorkers(t *testing.T) {
	var all []string
	for _, workers := range []string{"1", "8"} {
		db := t.TempDir() + "/s.db"
		code, _, stderr := invoke(t.Context(), "sweep", "testdata/search.yaml", "--store", db, "--workers", workers)
		require.Equal(t, exitDone, code, stderr)
		st, err := store.Open(t.Context(), db)
		require.NoError(t, err)
		rows, err := st.Rows(t.Context(), "border-"+sweepHash(t))
		require.NoError(t, err)
		var text strings.Builder
		for _, r := range rows {
			fmt.Fprintln(&text, r.Position, string(r.Parameters), r.Hash, r.Parent, r.Verdict)
		}
		require.NoError(t, st.Close())
		all = append(all, text.String())
	}
	assert.Equal(t, all[0], all[1])
	assert.Greater(t, strings.Count(all[0], "unstable"), 5)
}

// sweepHash is the end of the identifier of testdata/search.yaml.
func sweepHash(t *testing.T) string {
	t.Helper()
	s, err := (&app{}).readSweep("testdata/search.yaml")
	require.NoError(t, err)
	return s.SHA256[:8]
}

func TestParquetReadsBack(t *testing.T) {
	dir := t.TempDir()
	code, _, stderr := invoke(t.Context(), "sweep", "testdata/sweep.yaml", "--store", dir+"/s.db")
	require.Equal(t, exitDone, code, stderr)
	code, _, stderr = invoke(t.Context(), "export", "small", "--store", dir+"/s.db", "--format", "parquet", "--out", dir+"/s.parquet", "--metric", "latency:mean")
	require.Equal(t, exitDone, code, stderr)
	rows, err := parquet.ReadFile[struct {
		Point string   `parquet:"point"`
		Load  *float64 `parquet:"load,optional"`
		Value *float64 `parquet:"value,optional"`
		Seed  uint64   `parquet:"seed"`
		Unit  string   `parquet:"unit"`
		N     int64    `parquet:"n"`
	}](dir + "/s.parquet")
	require.NoError(t, err)
	require.Len(t, rows, 8)
	assert.Equal(t, 3.0, *rows[0].Load)
	assert.Equal(t, 5.0, *rows[7].Load)
	assert.Equal(t, "s", rows[0].Unit)
	assert.Equal(t, uint64(2), rows[1].Seed)
	assert.Equal(t, int64(2), rows[0].N)
	assert.Positive(t, *rows[0].Value)
}
