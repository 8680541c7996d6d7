package results

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// A Timeline is what ran where and when during one replication.
type Timeline struct {
	Nodes []string // all nodes that there are, in the order of the scenario
	Spans []Span   // by node, lane and start
	End   time.Duration
}

// A Span is one stretch of work on a node: an operator that serves a request,
// or an instance of a job that holds room.
type Span struct {
	Node int // position in Timeline.Nodes
	Lane int // of the node: those of one lane do not overlap
	Of   string
	Item string // the operator of the pipeline, or the group of the job, that Of names
	// Load is the share of the node that the span takes: a core of its cores, or
	// what a job reserves of the processor.
	Load    float64
	StartAt time.Duration
	EndAt   time.Duration
	// Interrupt says why the span ended early: preempted, failed or unfinished;
	// empty otherwise.
	Interrupt string
}

// Arrange puts every span into the lowest lane of its node that is free when
// it starts, and sorts them by node, lane and start. No lanes are used that
// the spans do not need (interval graphs are perfect).
func (t *Timeline) Arrange() {
	slices.SortStableFunc(t.Spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.StartAt, b.StartAt), cmp.Compare(a.EndAt, b.EndAt))
	})
	var freeAt []time.Duration
	for i := range t.Spans {
		s := &t.Spans[i]
		if i == 0 || s.Node != t.Spans[i-1].Node {
			freeAt = freeAt[:0]
		}
		s.Lane = slices.IndexFunc(freeAt, func(at time.Duration) bool { return at <= s.StartAt })
		if s.Lane < 0 {
			s.Lane = len(freeAt)
			freeAt = append(freeAt, 0)
		}
		freeAt[s.Lane] = s.EndAt
	}
	slices.SortStableFunc(t.Spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.StartAt, b.StartAt))
	})
}

// Within is the part of the timeline between two instants; spans that reach
// past them are cut.
func (t *Timeline) Within(from, to time.Duration) *Timeline {
	out := &Timeline{Nodes: t.Nodes, End: to}
	for _, s := range t.Spans {
		if s.EndAt <= from || s.StartAt >= to {
			continue
		}
		if s.EndAt > to {
			s.EndAt, s.Interrupt = to, "unfinished"
		}
		s.StartAt = max(s.StartAt, from)
		out.Spans = append(out.Spans, s)
	}
	return out
}

// Utilisation is the share of each node that was busy in each of n equal
// stretches between two instants: spans that share a core at one instant count
// as the whole node at most.
func (t *Timeline) Utilisation(from, to time.Duration, n int) [][]float64 {
	type change struct {
		at time.Duration
		by float64
	}
	byNode := make([][]change, len(t.Nodes))
	for _, s := range t.Within(from, to).Spans {
		byNode[s.Node] = append(byNode[s.Node], change{s.StartAt, s.Load}, change{s.EndAt, -s.Load})
	}
	out := make([][]float64, len(t.Nodes))
	edge := func(k int) time.Duration { return from + (to-from)*time.Duration(k)/time.Duration(n) }
	for node, changes := range byNode {
		out[node] = make([]float64, n)
		slices.SortFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.by, b.by)) })
		changes = append(changes, change{at: to})
		present, at, k := 0.0, from, 0
		for _, c := range changes {
			for at < c.at {
				upTo := min(c.at, edge(k+1))
				// What is left after sums and differences of loads is no load.
				if busy := min(present, 1); busy > 1e-9 {
					out[node][k] += busy * float64(upTo-at) / float64(edge(k+1)-edge(k))
				}
				if at = upTo; at == edge(k+1) {
					k++
				}
			}
			present += c.by
		}
	}
	return out
}

// traceEvent is one event of the Trace Event Format, which Perfetto and
// Chromium read; times are in microseconds.
type traceEvent struct {
	Name     string            `json:"name"`
	Category string            `json:"cat,omitempty"`
	Phase    string            `json:"ph"` // X is a span, i an instant, M tells names
	Process  int               `json:"pid"`
	Thread   int               `json:"tid"`
	At       *float64          `json:"ts,omitempty"`
	Duration *float64          `json:"dur,omitempty"`
	Scope    string            `json:"s,omitempty"`
	Args     map[string]string `json:"args,omitempty"`
}

// WriteTrace writes the timeline in the Trace Event Format: a process for each
// node, in it a thread for each lane, and an instant for each interruption.
func (t *Timeline) WriteTrace(w io.Writer) error {
	b := bufio.NewWriter(w)
	if _, err := b.WriteString(`{"displayTimeUnit":"ms","traceEvents":[`); err != nil {
		return err
	}
	first := true
	put := func(e traceEvent) error {
		if !first {
			if err := b.WriteByte(','); err != nil {
				return err
			}
		}
		first = false
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(b, "\n%s", data)
		return err
	}
	for i, s := range t.Spans {
		for _, e := range t.events(i, s) {
			if err := put(e); err != nil {
				return err
			}
		}
	}
	if _, err := b.WriteString("\n]}\n"); err != nil {
		return err
	}
	return b.Flush()
}

// events are those of the i-th span, behind the names of a node and a lane
// that begin with it.
func (t *Timeline) events(i int, s Span) []traceEvent {
	var out []traceEvent
	process, thread := s.Node+1, s.Lane+1
	newNode := i == 0 || t.Spans[i-1].Node != s.Node
	if newNode {
		out = append(out, traceEvent{Name: "process_name", Phase: "M", Process: process, Args: map[string]string{"name": t.Nodes[s.Node]}})
	}
	if newNode || t.Spans[i-1].Lane != s.Lane {
		out = append(out, traceEvent{Name: "thread_name", Phase: "M", Process: process, Thread: thread, Args: map[string]string{"name": fmt.Sprintf("slot %d", thread)}})
	}
	at, long, end := micros(s.StartAt), micros(s.EndAt-s.StartAt), micros(s.EndAt)
	e := traceEvent{Name: s.Item, Category: s.Of, Phase: "X", Process: process, Thread: thread, At: &at, Duration: &long, Args: map[string]string{"of": s.Of}}
	if s.Interrupt == "" {
		return append(out, e)
	}
	e.Args["interrupt"] = s.Interrupt
	return append(out, e, traceEvent{Name: s.Interrupt, Category: s.Of, Phase: "i", Process: process, Thread: thread, At: &end, Scope: "t"})
}

func micros(d time.Duration) float64 { return float64(d) / 1e3 }
