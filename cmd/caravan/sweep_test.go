package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

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
