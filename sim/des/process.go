package des

import (
	"fmt"
	"iter"
	"math"
	"time"
)

// Suspend, given to a process's sleep, lets it sleep until [Processes.Wake].
const Suspend time.Duration = math.MinInt64

// A Process is a piece of a model told as a story. It calls sleep to let
// virtual time pass, and its return ends it. When sleep returns false the
// simulation is over: the process must return at once.
//
//	func(sleep func(time.Duration) bool) error {
//		for sleep(gap()) {
//			arrive()
//		}
//		return nil
//	}
//
// A process resumes about three times as slowly as an event is handled, and
// its stack takes 3 KB.
type Process func(sleep func(time.Duration) bool) error

// Processes runs processes on an engine, as coroutines: one runs at a time,
// on the goroutine of the engine. It is the [Handler] of its own events,
// which bear the kind Kind; a model with other kinds besides passes those
// events on. Call Stop in the end.
type Processes struct {
	Kind     uint8
	Priority Priority
	slots    Slab[process]
}

type process struct {
	resume func() (time.Duration, bool)
	stop   func()
	err    error
}

// A ProcessID names a started process.
type ProcessID struct {
	slot uint32
	gen  uint16
}

// Start lets proc begin at the instant at.
func (p *Processes) Start(e *Engine, at time.Duration, proc Process) ProcessID {
	slot := p.slots.Alloc()
	resume, stop := iter.Pull(func(yield func(time.Duration) bool) {
		err := proc(yield)
		p.slots.At(slot).err = err
	})
	*p.slots.At(slot) = process{resume: resume, stop: stop}
	gen := p.slots.Gen(slot)
	e.Schedule(at, p.Priority, NewEvent(p.Kind, gen, slot))
	return ProcessID{slot, gen}
}

// Handle resumes the process that ev names until it sleeps again. It returns
// the error that the process ends with.
func (p *Processes) Handle(e *Engine, ev Event) error {
	slot, gen := ev.Slot(), ev.Gen()
	if p.slots.Gen(slot) != gen {
		return nil
	}
	d, ok := p.slots.At(slot).resume()
	if !ok {
		err := p.slots.At(slot).err
		*p.slots.At(slot) = process{}
		p.slots.Free(slot)
		return err
	}
	if d >= 0 {
		e.After(d, p.Priority, ev)
	} else if d != Suspend {
		return fmt.Errorf("a process sleeps for %v; the least is 0", d)
	}
	return nil
}

// Wake lets a suspended process go on now, after the events already scheduled
// for this instant at its priority. A process that has ended stays ended. To
// wake one that is not suspended is a mistake: it would run twice.
func (p *Processes) Wake(e *Engine, id ProcessID) {
	if p.slots.Gen(id.slot) == id.gen {
		e.After(0, p.Priority, NewEvent(p.Kind, id.gen, id.slot))
	}
}

// Live is the number of processes that have not ended.
func (p *Processes) Live() int { return p.slots.Live() }

// Stop ends all processes: their sleep returns false. It returns when all
// have returned.
func (p *Processes) Stop() {
	for slot := range p.slots.Cap() {
		if x := p.slots.At(uint32(slot)); x.stop != nil {
			x.stop()
		}
	}
	p.slots.Reset()
}
