package sweep

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A Worker takes points from a queue and runs them, one after another.
type Worker struct {
	Queue Queue
	// Run runs the point and stores what came of it. It returns nil as well
	// when the store says that the point was completed before. An error gives
	// the point back to the queue.
	Run func(ctx context.Context, lease Lease) error
	// Beat is how often a lease is kept while its point runs; 0 is never.
	Beat time.Duration
	// Wait is how long one claim waits for a point.
	Wait time.Duration
	// Idle is asked after a claim that found nothing, with how many did so in
	// a row; true ends the work. nil goes on for ever.
	Idle func(empty int) bool
	// Drain ends the work after the point under way when it is closed.
	Drain <-chan struct{}
	// Trouble hears of errors of the queue that the work goes on after; a
	// queue that was restarted comes back. nil ends the work with the first.
	Trouble func(error)
}

// Work runs points until it is told to end. When ctx ends, the point under way
// is abandoned and its lease left to expire.
func (w *Worker) Work(ctx context.Context) error {
	claims, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-w.Drain: // nil never comes
			stop()
		case <-claims.Done():
		}
	}()
	empty := 0
	for claims.Err() == nil {
		lease, ok, err := w.Queue.Claim(claims, w.Wait)
		switch {
		case claims.Err() != nil && !ok:
			return ctx.Err()
		case err != nil:
			if err := w.trouble(claims, err); err != nil {
				return err
			}
		case ok:
			empty = 0
			if err := w.one(ctx, lease); err != nil {
				if err := w.trouble(claims, err); err != nil {
					return err
				}
			}
		default:
			if empty++; w.Idle != nil && w.Idle(empty) {
				return nil
			}
		}
	}
	return ctx.Err()
}

// trouble reports err and waits a moment, or returns it.
func (w *Worker) trouble(ctx context.Context, err error) error {
	if w.Trouble == nil || ctx.Err() != nil {
		return err
	}
	w.Trouble(err)
	timer := time.NewTimer(max(w.Wait, 100*time.Millisecond))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return nil
}

// one runs a point under its lease. The error is one of the queue.
func (w *Worker) one(ctx context.Context, lease Lease) error {
	err := w.kept(ctx, lease)
	switch {
	case ctx.Err() != nil:
		return nil // the point goes to another worker when the lease expires
	case errors.Is(err, ErrLost):
		return nil
	case err != nil:
		return lease.Fail(ctx, err)
	}
	return lease.Done(ctx)
}

// kept runs the point while the lease is kept. A lost lease ends the run.
func (w *Worker) kept(ctx context.Context, lease Lease) error {
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	var beats sync.WaitGroup
	if w.Beat > 0 {
		beats.Go(func() { w.beat(running, lease, end) })
	}
	err := w.Run(running, lease)
	if err != nil && errors.Is(context.Cause(running), ErrLost) {
		err = ErrLost
	}
	end(nil)
	beats.Wait()
	return err
}

func (w *Worker) beat(ctx context.Context, lease Lease, end context.CancelCauseFunc) {
	tick := time.NewTicker(w.Beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := lease.Keep(ctx); errors.Is(err, ErrLost) {
			end(ErrLost)
			return
		} else if err != nil && ctx.Err() == nil && w.Trouble != nil {
			w.Trouble(fmt.Errorf("keeping the lease of point %s: %w", lease.Hash(), err))
		}
	}
}
