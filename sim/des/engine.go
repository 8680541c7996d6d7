package des

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// MaxTime is the last instant that the kernel can tell apart, about 36 years.
// Events scheduled later fire at MaxTime.
const MaxTime = time.Duration(1<<(64-prioBits) - 1)

// ErrStop ends [Engine.Run] without an error when a handler returns it.
var ErrStop = errors.New("stop the run")

// checkEvery is how many events Run fires between two looks at its context.
const checkEvery = 4096

// An Engine fires events in order of virtual time, at one instant in order of
// priority, and among equals in the order in which they were scheduled. The
// zero Engine stands at time zero with nothing scheduled.
type Engine struct {
	queue Queue
	now   time.Duration
	fired uint64
}

// A Handler makes events happen.
type Handler interface {
	// Handle is called at e.Now(). An error ends the run.
	Handle(e *Engine, ev Event) error
}

// A HandlerFunc is a function that serves as a [Handler].
type HandlerFunc func(e *Engine, ev Event) error

// Handle calls f.
func (f HandlerFunc) Handle(e *Engine, ev Event) error { return f(e, ev) }

// New returns an engine that stands at time zero with nothing scheduled.
func New() *Engine { return new(Engine) }

// Now is the time of the event that fired last.
func (e *Engine) Now() time.Duration { return e.now }

// Len is the number of events scheduled, stale ones included. It visits the
// queue, so that firing need not count.
func (e *Engine) Len() int { return e.queue.Len() }

// Fired is the number of events fired so far, stale ones included.
func (e *Engine) Fired() uint64 { return e.fired }

// Schedule lets ev fire at the instant at. To schedule before Now is a
// mistake of the model: it panics.
func (e *Engine) Schedule(at time.Duration, p Priority, ev Event) {
	if at < e.now || at > MaxTime || p > MaxPriority {
		at = e.admit(at, p, ev)
	}
	e.queue.Push(uint64(at)<<prioBits|uint64(p), uint64(ev))
}

// After lets ev fire when d has passed. A negative d panics.
func (e *Engine) After(d time.Duration, p Priority, ev Event) {
	e.Schedule(e.now+min(d, MaxTime), p, ev) // without overflow, as now is at most MaxTime
}

// admit handles what lies outside of the range of a key.
func (e *Engine) admit(at time.Duration, p Priority, ev Event) time.Duration {
	if p > MaxPriority {
		panic(fmt.Sprintf("des: %v scheduled with priority %d; the last is %d", ev, p, MaxPriority))
	}
	if at < e.now {
		panic(fmt.Sprintf("des: %v scheduled at %v, before the present %v", ev, at, e.now))
	}
	return MaxTime
}

// Next removes the next event and advances the clock to it; ok is false when
// nothing is scheduled.
func (e *Engine) Next() (ev Event, ok bool) {
	key, payload, ok := e.queue.Pop()
	if ok {
		e.now = time.Duration(key >> prioBits)
		e.fired++
	}
	return Event(payload), ok
}

// NextAt is the time of the next event; ok is false when nothing is
// scheduled. It leaves the clock alone.
func (e *Engine) NextAt() (at time.Duration, ok bool) {
	key, ok := e.queue.Peek()
	return time.Duration(key >> prioBits), ok
}

// Run fires events until none is left, h returns an error, or ctx ends. The
// error of h comes wrapped in the virtual time and the event; [ErrStop] ends
// the run without one. The engine can go on after any of them.
func (e *Engine) Run(ctx context.Context, h Handler) error {
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("at %v of virtual time, after %d events: %w", e.now, e.fired, context.Cause(ctx))
		}
		for range checkEvery {
			ev, ok := e.Next()
			if !ok {
				return nil
			}
			if err := h.Handle(e, ev); err != nil {
				if errors.Is(err, ErrStop) {
					return nil
				}
				return fmt.Errorf("at %v of virtual time, %v: %w", e.now, ev, err)
			}
		}
	}
}

// Reset returns the engine to time zero with nothing scheduled and keeps its
// memory.
func (e *Engine) Reset() {
	e.queue.Reset()
	e.now, e.fired = 0, 0
}
