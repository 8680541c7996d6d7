package fit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results"
	"caravan/results/fit"
)

// made makes n requests of two operators with known parameters: a node that
// takes 1.25 times as long as intended, and a link of 10 ms and 1e5 B/s.
func made(n int, gap time.Duration) []results.Request {
	var out []results.Request
	free := time.Duration(0)
	for i := range n {
		at := time.Duration(i) * 20 * time.Millisecond
		work := 0.01 * float64(i%3+1)
		bytes := 500 * float64(i%4+1)
		first := results.Visit{Operator: "a", Node: "n", JoinedAt: at, StartedAt: max(at, free)}
		if free > at {
			first.StartedAt += gap
		}
		first.EndedAt = first.StartedAt + time.Duration(1.25*work*1e9)
		first.SentAt = first.EndedAt
		free = first.SentAt
		sent := first.SentAt
		got := sent + 10*time.Millisecond + time.Duration(bytes/1e5*1e9)
		second := results.Visit{Operator: "b", Node: "m", JoinedAt: got, StartedAt: got, EndedAt: got + 7*time.Millisecond, SentAt: got + 7*time.Millisecond}
		out = append(out, results.Request{
			Pipeline: "p", CreatedAt: at, EndedAt: second.EndedAt, Outcome: results.Answered, Work: []float64{work, 0},
			Visits:    []results.Visit{first, second},
			Crossings: []results.Crossing{{From: "a", To: "b", Route: "n->m", Bytes: bytes, SentAt: sent, ReceivedAt: got}},
		})
	}
	return out
}

// intended is what the model says of operator a; b is a program.
func intended(r *results.Request, v *results.Visit) time.Duration {
	if v.Operator == "a" {
		return time.Duration(r.Work[0] * 1e9)
	}
	return 0
}

func TestKnownParametersAreFound(t *testing.T) {
	p := fit.Fit(fit.Input{Alone: made(12, 0), Loaded: made(60, 200*time.Microsecond), Intended: intended})
	require.Len(t, p.Nodes, 1)
	assert.Equal(t, "n", p.Nodes[0].Name)
	assert.InDelta(t, 1.25, p.Nodes[0].Stretch.Mean, 1e-9)
	assert.InDelta(t, 200e-6, p.Nodes[0].Gap.Mean, 1e-9)
	require.Len(t, p.Operators, 2)
	assert.InDelta(t, 0.025, p.Operators[0].Service().Mean, 1e-9)
	assert.InDelta(t, 0.020, p.Operators[0].Intended, 1e-9)
	assert.Zero(t, p.Operators[1].Intended, "a program's work is not known beforehand")
	assert.InDelta(t, 0.007, p.Operators[1].Service().Mean, 1e-9)
	assert.InDelta(t, 1250, p.Operators[0].Output.Mean, 1e-9)
	require.Len(t, p.Links, 1)
	assert.InDelta(t, 0.010, p.Links[0].Latency.Mean, 1e-9)
	assert.InDelta(t, 1e5, p.Links[0].Bandwidth.Mean, 1e-3)
}

func TestLatencyIsWhatSerialisationLeaves(t *testing.T) {
	serialise := func(_ string, bytes float64) time.Duration { return time.Duration(bytes / 1e5 * 1e9) }
	p := fit.Fit(fit.Input{Alone: made(13, 0), Intended: intended, Serialise: serialise})
	assert.InDelta(t, 0.010, p.Links[0].Latency.Mean, 1e-9, "whatever the sizes of the messages")
}

func TestIntendedAndServiceAreOfTheSameVisits(t *testing.T) {
	p := fit.Fit(fit.Input{Alone: made(1, 0), Loaded: made(60, 0), Intended: intended})
	assert.InDelta(t, 1.25, p.Operators[0].Service().Mean/p.Operators[0].Intended, 1e-9)
}

func TestNothingMeasuredIsNothingFitted(t *testing.T) {
	p := fit.Fit(fit.Input{Intended: intended})
	assert.Empty(t, p.Nodes)
	assert.Empty(t, p.Operators)
	assert.Empty(t, p.Links)
}

func TestOneRequestHasNoInterval(t *testing.T) {
	p := fit.Fit(fit.Input{Alone: made(1, 0), Intended: intended})
	assert.Equal(t, 1, p.Operators[0].Alone.N)
	assert.Zero(t, p.Operators[0].Alone.HalfWidth)
}
