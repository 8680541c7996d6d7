package spans

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results"
)

const ms = time.Millisecond

// otlp is a gateway that calls a detector on another host: 30 ms in all, of
// which the call takes 20 and the callee 14.
const otlp = `{"resourceSpans":[
 {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"gateway"}},{"key":"host.name","value":{"stringValue":"edge"}}]},
  "scopeSpans":[{"spans":[
   {"traceId":"t1","spanId":"a","name":"handle","kind":2,"startTimeUnixNano":"1000000000","endTimeUnixNano":"1030000000"},
   {"traceId":"t1","spanId":"b","parentSpanId":"a","name":"call","kind":"SPAN_KIND_CLIENT","startTimeUnixNano":"1005000000","endTimeUnixNano":"1025000000"}]}]},
 {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"detector"}},{"key":"host.name","value":{"stringValue":"cloud"}}]},
  "scopeSpans":[{"spans":[
   {"traceId":"t1","spanId":"c","parentSpanId":"b","name":"detect","kind":2,"startTimeUnixNano":"1008000000","endTimeUnixNano":"1022000000"}]}]}]}`

const jaeger = `{"data":[{"traceID":"t1","processes":{"p1":{"serviceName":"gateway","tags":[{"key":"hostname","value":"edge"}]},"p2":{"serviceName":"detector","tags":[{"key":"hostname","value":"cloud"}]}},
 "spans":[
  {"spanID":"a","operationName":"handle","startTime":1000000,"duration":30000,"processID":"p1"},
  {"spanID":"b","operationName":"call","references":[{"refType":"CHILD_OF","spanID":"a"}],"startTime":1005000,"duration":20000,"processID":"p1","tags":[{"key":"span.kind","value":"client"}]},
  {"spanID":"c","operationName":"detect","references":[{"refType":"CHILD_OF","spanID":"b"}],"startTime":1008000,"duration":14000,"processID":"p2"}]}]}`

func read(t *testing.T, text string) []results.Request {
	t.Helper()
	list, err := Read("file", strings.NewReader(text))
	require.NoError(t, err)
	return list
}

func TestTracesOfBothSystemsAreTheSameRequest(t *testing.T) {
	want := []results.Request{{
		Pipeline: "gateway/handle", EndedAt: 30 * ms, Outcome: results.Answered,
		Visits: []results.Visit{
			{Operator: "gateway/handle", Node: "edge", EndedAt: 10 * ms, SentAt: 10 * ms},
			{Operator: "detector/detect", Node: "cloud", JoinedAt: 8 * ms, StartedAt: 8 * ms, EndedAt: 22 * ms, SentAt: 22 * ms},
		},
		Crossings: []results.Crossing{{From: "gateway/handle", To: "detector/detect", Route: "edge->cloud", SentAt: 5 * ms, ReceivedAt: 8 * ms}},
	}}
	assert.Equal(t, want, read(t, otlp))
	assert.Equal(t, want, read(t, jaeger))
}

func TestLogsAreTables(t *testing.T) {
	list := read(t, "pipeline,request,operator,node,start,end,bytes,after\nface,1,first,edge,0.5,0.51,1000,\nface,1,second,cloud,0.52,0.6,,first\nface,2,first,edge,1.5,1.53,1000,\n")
	require.Len(t, list, 2)
	assert.Equal(t, "face", list[0].Pipeline)
	assert.Equal(t, time.Second, list[1].CreatedAt)
	require.Len(t, list[0].Crossings, 1)
	assert.Equal(t, results.Crossing{From: "first", To: "second", Route: "edge->cloud", Bytes: 1000, SentAt: 10 * ms, ReceivedAt: 20 * ms}, list[0].Crossings[0])
	assert.InDelta(t, 0.08, (list[0].Visits[1].EndedAt - list[0].Visits[1].StartedAt).Seconds(), 1e-9)
}

func TestFaultsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "neither JSON nor a CSV table",
		"a,b\n1,2\n":                            "line 1: found columns",
		"request,operator,start,end\n1,x,2,1\n": "line 2: found start \"2\"",
		`{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"x","startTimeUnixNano":"z"}]}]}]}`: `span "x"`,
		`{"data":[{"spans":3}]}`: "at byte",
		`{}`:                     "found no spans",
	} {
		_, err := Read("file", strings.NewReader(text))
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "file: ")
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{otlp, jaeger, "request,operator,start,end\n1,x,1,2\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Read("file", strings.NewReader(string(data)))
		if err != nil {
			return
		}
		for _, r := range list {
			assert.GreaterOrEqual(t, r.EndedAt, r.CreatedAt)
		}
	})
}
