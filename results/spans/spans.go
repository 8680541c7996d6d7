// Package spans reads what tracing systems and request logs recorded, as the
// requests that models are fitted to: OpenTelemetry's OTLP JSON, Jaeger's JSON,
// and CSV.
package spans

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"caravan/results"
)

// MaxBytes bounds what Read reads.
const MaxBytes = 256 << 20

// kind is what a span is to a call.
type kind uint8

const (
	internal kind = iota
	client
	server
)

// A span is one recorded stretch of work.
type span struct {
	trace, id, parent string
	name              string // the operator
	node              string
	kind              kind
	start, end        time.Duration // since the Unix epoch
	bytes             float64       // of the output, 0 unknown
	pipeline          string        // CSV alone says so
}

// Read reads a file of spans; its name is used in messages. Each trace becomes
// a request: a visit for each span that is no call, as long as the span without
// the spans below it, and a crossing for each span that another one called.
// Where the caller's side of a call was recorded too, half of what it took
// beyond the callee's is the crossing's time; where one span ends before the
// next begins, it is the time between; otherwise that is unknown and 0.
func Read(name string, r io.Reader) ([]results.Request, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%s: more than %d bytes", name, MaxBytes)
	}
	list, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: found no spans", name)
	}
	return requests(list), nil
}

// parse tells the format by its first letters.
func parse(data []byte) ([]span, error) {
	text := bytes.TrimSpace(data)
	if len(text) == 0 || text[0] != '{' {
		return parseCSV(text)
	}
	var list []span
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		var doc struct {
			ResourceSpans []resourceSpans `json:"resourceSpans"`
			Data          []jaegerTrace   `json:"data"`
		}
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("at byte %d: %w", d.InputOffset(), err)
		}
		for i := range doc.ResourceSpans {
			more, err := doc.ResourceSpans[i].spans()
			if err != nil {
				return nil, err
			}
			list = append(list, more...)
		}
		for i := range doc.Data {
			list = append(list, doc.Data[i].spans()...)
		}
	}
}

// An attribute of OTLP; only texts and numbers matter here.
type attribute struct {
	Key   string `json:"key"`
	Value struct {
		String string `json:"stringValue"`
		Int    string `json:"intValue"`
	} `json:"value"`
}

func find(list []attribute, keys ...string) string {
	for _, k := range keys {
		for _, a := range list {
			if a.Key == k {
				return cmp.Or(a.Value.String, a.Value.Int)
			}
		}
	}
	return ""
}

type resourceSpans struct {
	Resource struct {
		Attributes []attribute `json:"attributes"`
	} `json:"resource"`
	ScopeSpans []struct {
		Spans []otelSpan `json:"spans"`
	} `json:"scopeSpans"`
}

type otelSpan struct {
	TraceID    string      `json:"traceId"`
	SpanID     string      `json:"spanId"`
	ParentID   string      `json:"parentSpanId"`
	Name       string      `json:"name"`
	Kind       any         `json:"kind"` // a number, or SPAN_KIND_CLIENT
	Start      string      `json:"startTimeUnixNano"`
	End        string      `json:"endTimeUnixNano"`
	Attributes []attribute `json:"attributes"`
}

func (r *resourceSpans) spans() ([]span, error) {
	service := find(r.Resource.Attributes, "service.name")
	node := find(r.Resource.Attributes, "host.name", "k8s.node.name", "service.instance.id")
	var out []span
	for _, scope := range r.ScopeSpans {
		for _, s := range scope.Spans {
			start, err1 := strconv.ParseInt(s.Start, 10, 64)
			end, err2 := strconv.ParseInt(s.End, 10, 64)
			if err1 != nil || err2 != nil || end < start {
				return nil, fmt.Errorf("span %q of trace %q: found start %q and end %q, allowed: nanoseconds of Unix time", clip(s.SpanID), clip(s.TraceID), clip(s.Start), clip(s.End))
			}
			x := span{
				trace: s.TraceID, id: s.SpanID, parent: s.ParentID, name: operator(service, s.Name), node: cmp.Or(node, service),
				kind: kindOf(fmt.Sprint(s.Kind)), start: time.Duration(start), end: time.Duration(end),
			}
			x.bytes, _ = strconv.ParseFloat(find(s.Attributes, "http.response.body.size", "http.response_content_length"), 64)
			out = append(out, x)
		}
	}
	return out, nil
}

// kindOf reads the kinds of OTLP (3 is client, 2 is server) and of Jaeger.
func kindOf(s string) kind {
	switch strings.ToLower(strings.TrimPrefix(s, "SPAN_KIND_")) {
	case "3", "4", "client", "producer":
		return client
	case "2", "5", "server", "consumer":
		return server
	}
	return internal
}

// operator names what a span does: its service, and the operation where that
// is not the same.
func operator(service, name string) string {
	if service == "" || service == name {
		return cmp.Or(name, "unnamed")
	}
	return service + "/" + name
}

type jaegerTrace struct {
	TraceID   string                   `json:"traceID"`
	Spans     []jaegerSpan             `json:"spans"`
	Processes map[string]jaegerProcess `json:"processes"`
}

type jaegerProcess struct {
	Service string      `json:"serviceName"`
	Tags    []jaegerTag `json:"tags"`
}

type jaegerTag struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

type jaegerSpan struct {
	ID         string `json:"spanID"`
	Name       string `json:"operationName"`
	References []struct {
		Type string `json:"refType"`
		ID   string `json:"spanID"`
	} `json:"references"`
	Start    int64       `json:"startTime"` // microseconds
	Duration int64       `json:"duration"`  // microseconds
	Process  string      `json:"processID"`
	Tags     []jaegerTag `json:"tags"`
}

func tag(list []jaegerTag, keys ...string) string {
	for _, k := range keys {
		for _, t := range list {
			if t.Key == k && t.Value != nil {
				return fmt.Sprint(t.Value)
			}
		}
	}
	return ""
}

func (t *jaegerTrace) spans() []span {
	var out []span
	for _, s := range t.Spans {
		p := t.Processes[s.Process]
		x := span{
			trace: t.TraceID, id: s.ID, name: operator(p.Service, s.Name), node: cmp.Or(tag(p.Tags, "hostname", "host.name"), p.Service),
			kind: kindOf(tag(s.Tags, "span.kind")), start: time.Duration(s.Start) * time.Microsecond,
		}
		x.end = x.start + time.Duration(max(0, s.Duration))*time.Microsecond
		x.bytes, _ = strconv.ParseFloat(tag(s.Tags, "http.response.body.size", "http.response_content_length"), 64)
		for _, r := range s.References {
			if r.Type == "CHILD_OF" || x.parent == "" {
				x.parent = r.ID
			}
		}
		out = append(out, x)
	}
	return out
}

// parseCSV reads a request log: the columns request, operator, start and end,
// and, where known, pipeline, node, bytes and after (the operator before).
// Times are seconds.
func parseCSV(data []byte) ([]span, error) {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	header, err := r.Read()
	if err != nil {
		return nil, errors.New("neither JSON nor a CSV table with a header")
	}
	at := map[string]int{}
	for i, h := range header {
		at[strings.ToLower(strings.TrimSpace(h))] = i
	}
	for _, needed := range []string{"request", "operator", "start", "end"} {
		if _, ok := at[needed]; !ok {
			return nil, fmt.Errorf("line 1: found columns %q, allowed: request, operator, start, end, and pipeline, node, bytes, after", clip(strings.Join(header, ",")))
		}
	}
	var out []span
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		cell := func(name string) string {
			if i, ok := at[name]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		start, err1 := seconds(cell("start"))
		end, err2 := seconds(cell("end"))
		if err1 != nil || err2 != nil || end < start {
			return nil, fmt.Errorf("line %d: found start %q and end %q, allowed: seconds, the end not before the start", line, clip(cell("start")), clip(cell("end")))
		}
		s := span{
			trace: cell("pipeline") + "\x00" + cell("request"), id: cell("operator"), parent: cell("after"), name: cell("operator"),
			node: cell("node"), start: start, end: end, pipeline: cell("pipeline"),
		}
		if b := cell("bytes"); b != "" {
			if s.bytes, err = strconv.ParseFloat(b, 64); err != nil || !(s.bytes >= 0) {
				return nil, fmt.Errorf("line %d: found bytes %q, allowed: a number from 0 up", line, clip(b))
			}
		}
		out = append(out, s)
	}
}

// seconds reads a time of up to some centuries.
func seconds(s string) (time.Duration, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0 && v < 9e9) {
		return 0, fmt.Errorf("no time: %q", s)
	}
	return time.Duration(v * 1e9), nil
}

// clip keeps a text of the file short enough for a message.
func clip(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

// requests makes a request of each trace, in the order of their starts, which
// count from the first.
func requests(list []span) []results.Request {
	traces := map[string][]span{}
	first := list[0].start
	for _, s := range list {
		traces[s.trace] = append(traces[s.trace], s)
		first = min(first, s.start)
	}
	out := make([]results.Request, 0, len(traces))
	for _, t := range traces {
		slices.SortFunc(t, func(a, b span) int {
			return cmp.Or(cmp.Compare(a.start, b.start), -cmp.Compare(a.end, b.end), cmp.Compare(a.id, b.id))
		})
		out = append(out, request(t, first))
	}
	slices.SortFunc(out, func(a, b results.Request) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.EndedAt, b.EndedAt), cmp.Compare(a.Pipeline, b.Pipeline), cmp.Compare(len(a.Visits), len(b.Visits)))
	})
	return out
}

// request puts the spans of one trace together, which are in order of start.
func request(t []span, first time.Duration) results.Request {
	byID := map[string]*span{}
	for i := range t {
		if byID[t[i].id] == nil {
			byID[t[i].id] = &t[i]
		}
	}
	r := results.Request{Pipeline: cmp.Or(t[0].pipeline, t[0].name), CreatedAt: t[0].start - first, Outcome: results.Answered}
	for i := range t {
		s := &t[i]
		r.EndedAt = max(r.EndedAt, s.end-first)
		if s.kind == client {
			continue
		}
		self := s.end - s.start
		if s.pipeline == "" { // in a log the rows are visits; in a trace the callee's time is within the caller's
			self -= covered(t, s)
		}
		v := results.Visit{Operator: s.name, Node: s.node, JoinedAt: s.start - first, StartedAt: s.start - first}
		v.EndedAt = v.StartedAt + self
		v.SentAt = v.EndedAt
		r.Visits = append(r.Visits, v)
		if c, ok := crossing(byID, s, first); ok {
			r.Crossings = append(r.Crossings, c)
		}
	}
	return r
}

// crossing is the way to s from the operator that called it.
func crossing(byID map[string]*span, s *span, first time.Duration) (results.Crossing, bool) {
	from, call := byID[s.parent], (*span)(nil)
	if from != nil && from != s && from.kind == client {
		call, from = from, byID[from.parent]
	}
	if from == nil || from == s || from.kind == client {
		return results.Crossing{}, false
	}
	c := results.Crossing{From: from.name, To: s.name, Bytes: from.bytes, SentAt: s.start - first, ReceivedAt: s.start - first}
	if from.node != s.node {
		c.Route = from.node + "->" + s.node
	}
	switch {
	case call != nil:
		c.SentAt -= max(0, ((call.end-call.start)-(s.end-s.start))/2)
	case from.end <= s.start: // handed over rather than called
		c.SentAt = from.end - first
	}
	return c, true
}

// covered is how much of s its children take, each instant counted once.
func covered(t []span, s *span) time.Duration {
	sum, reached := time.Duration(0), s.start
	for i := range t {
		c := &t[i]
		if c.parent != s.id || c == s {
			continue
		}
		from, to := max(c.start, reached), min(c.end, s.end)
		if to > from {
			sum += to - from
			reached = to
		}
	}
	return sum
}
