package compare_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/results"
	"caravan/results/compare"
)

// chain makes n requests of a chain of two operators, each part of their way
// stretched by a factor.
func chain(n int, wait, service, link time.Duration) []results.Request {
	var out []results.Request
	for i := range n {
		at := time.Duration(i) * time.Second
		r := results.Request{Pipeline: "p", CreatedAt: at, Outcome: results.Answered}
		for j, name := range []string{"a", "b"} {
			v := results.Visit{Operator: name, Node: name, JoinedAt: at, StartedAt: at + wait}
			v.EndedAt = v.StartedAt + service*time.Duration(i%3+1)
			v.SentAt = v.EndedAt
			r.Visits = append(r.Visits, v)
			at = v.SentAt
			if j == 0 {
				r.Crossings = append(r.Crossings, results.Crossing{From: "a", To: "b", Route: "a->b", SentAt: at, ReceivedAt: at + link})
				at += link
			}
		}
		r.EndedAt = at
		out = append(out, r)
	}
	return out
}

func row(t *testing.T, c compare.Comparison, kind, subject, name, stat string) compare.Row {
	t.Helper()
	i := slices.IndexFunc(c.Rows, func(r compare.Row) bool {
		return r.Kind == kind && r.Subject == subject && r.Name == name && r.Stat == stat
	})
	require.GreaterOrEqual(t, i, 0, "%s %s %s %s", kind, subject, name, stat)
	return c.Rows[i]
}

func TestRunComparedWithItselfHasNoError(t *testing.T) {
	x := chain(30, time.Millisecond, 10*time.Millisecond, 5*time.Millisecond)
	c := compare.Runs(compare.Input{Predicted: x, Measured: [][]results.Request{x, x}, Until: 30 * time.Second})
	for _, r := range c.Rows {
		assert.InDelta(t, 0, r.Error, 1e-12, "%+v", r)
		assert.Zero(t, *r.Floor)
	}
	assert.Zero(t, c.KS[0].Distance)
	assert.Empty(t, c.Missed(0.001))
	assert.InDelta(t, 1, row(t, c, compare.Pipeline, "p", "throughput", "mean").Measured, 1e-12)
}

func TestResidualIsFoundWhereItArises(t *testing.T) {
	predicted := chain(30, time.Millisecond, 10*time.Millisecond, 5*time.Millisecond)
	measured := chain(30, time.Millisecond, 10*time.Millisecond, 9*time.Millisecond)
	c := compare.Runs(compare.Input{Predicted: predicted, Measured: [][]results.Request{measured}, Until: 30 * time.Second})
	assert.Equal(t, "a->b", c.Stages[0].Stage)
	assert.Equal(t, -4*time.Millisecond, c.Stages[0].Difference)
	assert.InDelta(t, 5./9-1, row(t, c, compare.Link, "a->b", "transfer", "p50").Error, 1e-9)
	assert.InDelta(t, 0, row(t, c, compare.Operator, "p.b", "service", "p95").Error, 1e-9)
	sum := time.Duration(0)
	for _, s := range c.Stages {
		sum += s.Measured
	}
	latency := row(t, c, compare.Pipeline, "p", "latency", "mean").Measured
	assert.InDelta(t, latency, sum.Seconds(), 1e-6, "the stages of a chain add up")
	assert.NotEmpty(t, c.Missed(0.05))
	assert.Nil(t, c.Rows[0].CI95, "one repetition has no interval")
}

func TestRepetitionsGiveIntervalAndFloor(t *testing.T) {
	base := chain(30, 0, 10*time.Millisecond, 0)
	longer := chain(30, 0, 11*time.Millisecond, 0)
	c := compare.Runs(compare.Input{Predicted: base, Measured: [][]results.Request{base, longer}, Until: 30 * time.Second})
	r := row(t, c, compare.Pipeline, "p", "latency", "mean")
	assert.InDelta(t, (0.1+0.1/1.1)/2, *r.Floor, 1e-9)
	assert.Less(t, r.CI95[0], r.Error)
	assert.Greater(t, r.CI95[1], r.Error)
}

func TestWarmUpIsLeftOut(t *testing.T) {
	x := chain(10, 0, time.Millisecond, 0)
	c := compare.Runs(compare.Input{Predicted: x, Measured: [][]results.Request{x}, From: 4 * time.Second, Until: 10 * time.Second})
	assert.Equal(t, 6, row(t, c, compare.Pipeline, "p", "latency", "mean").N)
}

func TestDistanceIsThatOfTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) []time.Duration {
			out := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 20), func(n int) time.Duration { return time.Duration(n) }), 1, 40).Draw(t, name)
			slices.Sort(out)
			return out
		}
		a, b := draw("a"), draw("b")
		cdf := func(s []time.Duration, x time.Duration) float64 {
			n := 0
			for _, v := range s {
				if v <= x {
					n++
				}
			}
			return float64(n) / float64(len(s))
		}
		want := 0.0
		for x := range time.Duration(21) {
			want = math.Max(want, math.Abs(cdf(a, x)-cdf(b, x)))
		}
		assert.InDelta(t, want, compare.Distance(a, b), 1e-12)
	})
}
