package sim

import (
	"time"

	"caravan/results"
)

// tracing is what a run keeps to tell of requests one by one: by request slot
// what is known so far, and by token slot where its visit stands.
type tracing struct {
	requests            []results.Request
	joinedAt, startedAt []time.Duration
	sentAt              []time.Duration // -1 at a first operator
	from                []int32         // operator sent from
	bytes               []float64
}

// grow makes room for token t.
func (x *tracing) grow(t uint32) {
	for len(x.sentAt) <= int(t) {
		x.joinedAt, x.startedAt = append(x.joinedAt, 0), append(x.startedAt, 0)
		x.sentAt, x.from, x.bytes = append(x.sentAt, -1), append(x.from, -1), append(x.bytes, 0)
	}
}

// traceCreated notes a new request and what was drawn for it.
func (r *run) traceCreated(q uint32, p int32) {
	if r.traced == nil {
		return
	}
	for len(r.traced.requests) <= int(q) {
		r.traced.requests = append(r.traced.requests, results.Request{})
	}
	req, from := &r.requests[q], &r.c.Workload.Pipelines[p]
	x := results.Request{Pipeline: from.Name, Class: int(req.class), Priority: from.Priority, CreatedAt: r.now}
	if len(from.Classes) > 0 {
		x.Priority = from.Classes[req.class].Priority
	}
	x.Work, x.Output = r.drawn(q)
	r.traced.requests[q] = x
}

// drawn lists the work and output of a request by operator, with the factors
// of its trace; nil when an operator draws later.
func (r *run) drawn(q uint32) (work, output []float64) {
	pl := &r.pipes[r.requests[q].pipeline]
	for i := pl.first; i < pl.last; i++ {
		o := &r.ops[i]
		if o.work.Random() && o.workAt < 0 || o.output.Random() && o.outputAt < 0 && len(o.edges) > 0 {
			return nil, nil
		}
		w, b := o.work.Constant(), o.output.Constant()
		if o.workAt >= 0 {
			w = r.draws[int(q)*r.stride+int(o.workAt)]
		}
		if o.outputAt >= 0 {
			b = r.draws[int(q)*r.stride+int(o.outputAt)]
		}
		if o.workBy >= 0 {
			w *= r.factor(q, o.workBy)
		}
		if o.outputBy >= 0 {
			b *= r.factor(q, o.outputBy)
		}
		work, output = append(work, w), append(output, b)
	}
	return work, output
}

// traceJoined, traceStarted, traceSent and traceEntered note where token t is.
func (r *run) traceJoined(t uint32) {
	if r.traced != nil {
		r.traced.grow(t)
		r.traced.joinedAt[t] = r.now
	}
}

func (r *run) traceStarted(t uint32) {
	if r.traced != nil {
		r.traced.startedAt[t] = r.now
	}
}

func (r *run) traceSent(t uint32, from int32) {
	if r.traced != nil {
		r.traced.grow(t)
		r.traced.sentAt[t], r.traced.from[t] = r.now, from
	}
}

func (r *run) traceEntered(t uint32, tok *token, o *op) {
	if r.traced == nil {
		return
	}
	x := r.traced
	x.grow(t)
	if x.sentAt[t] < 0 {
		return
	}
	from := &r.ops[r.pipes[o.pipe].first+x.from[t]]
	list := r.c.Workload.Pipelines[o.pipe].Operators
	c := results.Crossing{From: list[from.index].Name, To: list[o.index].Name, SentAt: x.sentAt[t], ReceivedAt: r.now}
	if ed := &r.edges[tok.edge]; !ed.local {
		nodes := r.c.Topology.Nodes()
		c.Route, c.Bytes = nodes[from.at.node].Name+"->"+nodes[o.at.node].Name, tok.bytes
	}
	x.sentAt[t] = -1
	req := &x.requests[tok.req]
	req.Crossings = append(req.Crossings, c)
}

// traceDeparts notes the visit of t, and of the batch behind it, to o.
func (r *run) traceDeparts(t uint32, o *op) {
	if r.traced == nil {
		return
	}
	leader := &r.tokens[t]
	v := results.Visit{
		Operator: r.c.Workload.Pipelines[o.pipe].Operators[o.index].Name, Node: o.at.nodeName(r),
		JoinedAt: r.traced.joinedAt[t], StartedAt: r.traced.startedAt[t], EndedAt: r.now, SentAt: r.now,
	}
	if !o.at.shared {
		v.EndedAt = leader.endAt
	}
	for m := t; ; m = r.tokens[m].next {
		req := &r.traced.requests[r.tokens[m].req]
		req.Visits = append(req.Visits, v)
		if r.tokens[m].flags&flagLeader == 0 && m == t || r.tokens[m].next == noToken {
			return
		}
	}
}

func (s *station) nodeName(r *run) string { return r.c.Topology.Nodes()[s.node].Name }

// traceEnded tells of a request that ends.
func (r *run) traceEnded(q uint32, why Outcome) {
	if r.traced == nil {
		return
	}
	x := r.traced.requests[q]
	x.EndedAt, x.Outcome = r.now, why.String()
	r.c.Trace(x)
}

// String is the outcome as results name it.
func (o Outcome) String() string {
	return [...]string{results.Answered, "rejected", "expired", "lost"}[o]
}
