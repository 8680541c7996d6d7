package results_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/results"
)

func TestLanesDoNotOverlapAndAreNoMoreThanNeeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := results.Timeline{Nodes: []string{"a", "b"}}
		for range rapid.IntRange(0, 40).Draw(t, "spans") {
			at := time.Duration(rapid.IntRange(0, 50).Draw(t, "at"))
			line.Spans = append(line.Spans, results.Span{Node: rapid.IntRange(0, 1).Draw(t, "node"), StartAt: at, EndAt: at + time.Duration(rapid.IntRange(1, 20).Draw(t, "long"))})
		}
		line.Arrange()
		for i, s := range line.Spans {
			if i > 0 && line.Spans[i-1].Node == s.Node && line.Spans[i-1].Lane == s.Lane {
				assert.LessOrEqual(t, line.Spans[i-1].EndAt, s.StartAt)
			}
			together := 0 // at the start of a span of the highest lane
			for _, o := range line.Spans {
				if o.Node == s.Node && o.StartAt <= s.StartAt && o.EndAt > s.StartAt {
					together++
				}
			}
			assert.Less(t, s.Lane, together)
		}
	})
}

func TestUtilisationOfATimeline(t *testing.T) {
	line := results.Timeline{Nodes: []string{"a", "b"}, Spans: []results.Span{
		{Node: 0, Load: 1, StartAt: 0, EndAt: 15}, {Node: 0, Load: 1, StartAt: 12, EndAt: 14},
		{Node: 1, Load: 0.5, StartAt: 5, EndAt: 10}, {Node: 1, Load: 0.5, StartAt: 5, EndAt: 40},
	}}
	assert.Equal(t, [][]float64{{1, 0.5, 0}, {0.5, 0.5, 0.5}}, line.Utilisation(0, 30, 3))
}

func TestTraceEvents(t *testing.T) {
	line := results.Timeline{Nodes: []string{"edge", "cloud"}, Spans: []results.Span{
		{Node: 1, Of: "face", Item: "detect", StartAt: time.Millisecond, EndAt: 3 * time.Millisecond},
		{Node: 1, Of: "face", Item: "identify", StartAt: 2 * time.Millisecond, EndAt: 4 * time.Millisecond, Interrupt: "preempted"},
	}}
	line.Arrange()
	var b bytes.Buffer
	require.NoError(t, line.WriteTrace(&b))
	var got struct {
		TraceEvents []struct {
			Name, Ph string
			Pid, Tid int
			Ts, Dur  float64
		} `json:"traceEvents"`
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &got))
	var lines []string
	for _, e := range got.TraceEvents {
		lines = append(lines, e.Ph+" "+e.Name)
	}
	assert.Equal(t, []string{"M process_name", "M thread_name", "X detect", "M thread_name", "X identify", "i preempted"}, lines)
	assert.Equal(t, 1000.0, got.TraceEvents[2].Ts)
	assert.Equal(t, 2000.0, got.TraceEvents[2].Dur)
	assert.Equal(t, 2, got.TraceEvents[4].Tid)
}
