package sim

import (
	"context"
	"fmt"
	"time"

	"caravan/sim/des"
	"caravan/sim/maxmin"
	"caravan/workloads/placement"
)

// run is the state of one replication.
type run struct {
	c       Config
	eng     des.Engine
	now     time.Duration
	network placement.Network

	pipes    []pipe
	ops      []op
	edges    []edge
	stations []station
	wires    []wire
	media    []medium
	flows    *maxmin.Network // fair sharing only
	faults   []faulty
	subjects []subject

	stationsOf [][]int32 // by node
	loseWork   []bool    // by node, while a fault that loses work lasts

	requests    []request
	freeRequest uint32 // the first of a list
	tokens      []token
	freeToken   uint32
	draws       []float64 // stride to a request
	stride      int
	joins       []uint16 // joinStride to a request
	joinStride  int

	ready    []uint32 // scratch: tokens that a shared station has finished
	ended    []uint32 // scratch: flows that have ended
	workSeen []float64
	traced   *tracing        // nil unless requests are told of
	begun    []time.Duration // by token, when Serve is told

	measuredFrom time.Duration
	endAt        time.Duration // the horizon, if there is one
	limit        int           // requests in all
	made         int           // requests created
	alive        int           // of them, not ended
	preempted    uint64
	flowGen      uint16
	settling     bool
	over         bool
	sifts        bool // some queued tokens may be unwanted: look before serving
}

// checkEvery is how many events pass between two looks at the context.
const checkEvery = 1 << 12

func (r *run) loop(ctx context.Context) error {
	r.eng.Schedule(r.c.WarmUp, prioEnd, des.NewEvent(evMeasure, 0, 0))
	if r.c.Duration > 0 {
		r.eng.Schedule(r.c.Duration, prioEnd, des.NewEvent(evEnd, 0, 0))
	}
	r.beginFaults()
	for p := range r.pipes {
		if r.pipes[p].placed {
			r.begin(int32(p))
		}
	}
	return r.fire(ctx)
}

// fire lets events happen until the run is over or none is left.
func (r *run) fire(ctx context.Context) error {
	for n := 0; !r.over; n++ {
		if n%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("simulation stopped at %v of virtual time: %w", r.now, err)
			}
		}
		ev, ok := r.eng.Next()
		if !ok {
			if !r.flushBatches() {
				break
			}
			continue
		}
		r.now = r.eng.Now()
		switch slot := ev.Slot(); ev.Kind() {
		case evDone:
			if tok := &r.tokens[slot]; tok.gen == ev.Gen() {
				r.done(slot, tok)
			}
		case evHop:
			r.hop(slot)
		case evArrive:
			r.arrive(int32(slot))
		case evSent:
			if r.media[slot].gen == ev.Gen() {
				r.sent(int32(slot))
			}
		case evShare:
			if r.stations[slot].shareGen == ev.Gen() {
				r.shareDone(int32(slot))
			}
		case evFlow:
			if r.flowGen == ev.Gen() {
				r.flowsDone()
			}
		case evSettle:
			r.settle()
		default:
			r.handleRare(ev, int32(slot))
		}
	}
	return nil
}

func (r *run) handleRare(ev des.Event, slot int32) {
	switch ev.Kind() {
	case evBatch:
		if o := &r.ops[slot]; o.batchGen == ev.Gen() && o.gathered > 0 {
			r.dispatch(o)
		}
	case evFault:
		r.fail(slot)
	case evRepair:
		r.repair(slot)
	case evChange:
		r.changeLink(slot)
	case evMeasure:
		r.measure()
	case evEnd:
		r.over = true
	}
}

// flushBatches serves the batches that no further arrival can fill, once
// nothing else is left to do.
func (r *run) flushBatches() bool {
	some := false
	for i := range r.ops {
		if o := &r.ops[i]; o.gathered > 0 {
			r.dispatch(o)
			some = true
		}
	}
	return some
}
