package sim

import (
	"time"

	"caravan/topology"
)

// A Service is a stretch of time in which an operator served a request, or a
// batch of them, without a break. Under processor sharing those of one node
// overlap beyond its cores.
type Service struct {
	Node      topology.NodeID
	Pipeline  int // position in Workload.Pipelines
	Operator  int // position in Pipeline.Operators
	StartAt   time.Duration
	EndAt     time.Duration
	Interrupt Interrupt
}

// Interrupt says why a service ended before its work was done.
type Interrupt uint8

const (
	Completed  Interrupt = iota // it was not interrupted
	Preempted                   // more urgent work took the core
	Failed                      // the node went down
	Unfinished                  // the run ended
)

const idle time.Duration = -1

// serveBegins notes that token t is in service from here on.
func (r *run) serveBegins(t uint32) {
	if r.c.Serve == nil {
		return
	}
	for len(r.begun) <= int(t) {
		r.begun = append(r.begun, idle)
	}
	r.begun[t] = r.now
}

// serveEnds reports the service of token t, which began at serveBegins.
func (r *run) serveEnds(t uint32, why Interrupt) {
	if r.c.Serve != nil {
		r.served(&r.ops[r.tokens[t].op], r.begun[t], r.now, why)
		r.begun[t] = idle
	}
}

// serveRest reports what is in service when the run ends.
func (r *run) serveRest() {
	for t, at := range r.begun {
		if at != idle {
			r.serveEnds(uint32(t), Unfinished)
		}
	}
}

func (r *run) served(o *op, from, to time.Duration, why Interrupt) {
	r.c.Serve(Service{
		Node: o.at.node, Pipeline: int(o.pipe), Operator: int(o.index),
		StartAt: from, EndAt: to, Interrupt: why,
	})
}
