package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"caravan/results/store"
	"caravan/runner/queue"
	"caravan/runner/sweep"
)

// A sharedQueue is the queues of all sweeps that have work, as one. What the
// server forgot it fills again from the store, so that a sweep goes on without
// the process that began it.
type sharedQueue struct {
	store *store.Store
	flags *workerFlags
	name  string

	mu      sync.Mutex
	open    map[string]*queue.Queue
	serving []*queue.Queue // in the order of their sweeps
	looked  time.Time
	told    bool // the one sweep that this worker serves has an order
}

func newSharedQueue(st *store.Store, f *workerFlags) *sharedQueue {
	return &sharedQueue{store: st, flags: f, name: workerName(f.name), open: map[string]*queue.Queue{}}
}

// lookEvery is how often an idle worker looks for other sweeps.
const lookEvery = 2 * time.Second

// Claim leases a point of any sweep, the oldest sweep first.
func (s *sharedQueue) Claim(ctx context.Context, wait time.Duration) (sweep.Lease, bool, error) {
	until := time.Now().Add(wait)
	for {
		for _, q := range s.served() {
			if l, ok, err := q.Claim(ctx, 0); ok || err != nil {
				return l, ok, err
			}
		}
		if err := s.refreshOften(ctx); err != nil {
			return nil, false, err
		}
		left := time.Until(until)
		if left <= 0 || s.ended() {
			return nil, false, nil
		}
		if l, ok, err := s.await(ctx, min(left, time.Second)); ok || err != nil {
			return l, ok, err
		}
	}
}

// await waits for a point of the first sweep, or for a sweep.
func (s *sharedQueue) await(ctx context.Context, wait time.Duration) (sweep.Lease, bool, error) {
	if served := s.served(); len(served) > 0 {
		return served[0].Claim(ctx, wait)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, false, ctx.Err()
	case <-timer.C:
		return nil, false, nil
	}
}

func (s *sharedQueue) served() []*queue.Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.serving
}

// ended reports whether the one sweep that this worker serves was stopped.
func (s *sharedQueue) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told || s.flags.sweep != "" && len(s.serving) > 0 && s.serving[0].Order() != queue.Go
}

// refreshOften looks for sweeps unless that was done just now.
func (s *sharedQueue) refreshOften(ctx context.Context) error {
	s.mu.Lock()
	due := time.Since(s.looked) >= lookEvery
	if due {
		s.looked = time.Now()
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	return s.refresh(ctx)
}

// refresh finds the sweeps that have work, and fills the queues that lack it.
func (s *sharedQueue) refresh(ctx context.Context) error {
	sweeps, err := s.sweeps(ctx)
	if err != nil {
		return err
	}
	var serving []*queue.Queue
	told := false
	for _, w := range sweeps {
		if w.Control != "" {
			told = s.flags.sweep != ""
			continue
		}
		if w.Queued+w.Running == 0 && s.flags.sweep == "" {
			continue
		}
		q, err := s.queue(ctx, w.ID)
		if err != nil {
			return err
		}
		if err := refill(ctx, s.store, q, w.ID); err != nil {
			return err
		}
		serving = append(serving, q)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving, s.told = serving, told
	return nil
}

// sweeps are those to look at.
func (s *sharedQueue) sweeps(ctx context.Context) ([]store.Summary, error) {
	if s.flags.sweep == "" {
		return s.store.Sweeps(ctx)
	}
	w, err := s.store.Sweep(ctx, s.flags.sweep)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil // it may come yet
	}
	return []store.Summary{w}, err
}

// queue opens the queue of a sweep, once.
func (s *sharedQueue) queue(ctx context.Context, id string) (*queue.Queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q, ok := s.open[id]; ok {
		return q, nil
	}
	q, err := queue.Open(ctx, s.flags.queue, queue.Options{Sweep: id, Worker: s.name, Lease: s.flags.lease})
	if err != nil {
		return nil, badInput(err)
	}
	s.open[id] = q
	return q, nil
}

// refill pushes what the store calls unfinished to a queue that has forgotten
// points or has none. It counts the queue first: a point leaves the queue
// after the store knows that it is done, so one that is in neither was lost.
func refill(ctx context.Context, st *store.Store, q *queue.Queue, sweep string) error {
	lost, err := q.Lost(ctx)
	if err != nil {
		return err
	}
	have, err := q.Count(ctx)
	if err != nil || !lost && have.Waiting+have.Leased > 0 {
		return err
	}
	unfinished, err := st.Pending(ctx, sweep)
	if err != nil || !lost && len(unfinished) == 0 {
		return err
	}
	order, err := st.Order(ctx, sweep)
	if err != nil {
		return err
	}
	return errors.Join(q.Give(ctx, queue.Order(order)), q.Restore(ctx, unfinished))
}

// Push is for those who know which sweep a point is of.
func (s *sharedQueue) Push(context.Context, ...string) error {
	return errors.New("a worker adds no points")
}

// Dead lists the dead points of the sweeps that have work.
func (s *sharedQueue) Dead(ctx context.Context) ([]string, error) {
	var out []string
	for _, q := range s.served() {
		dead, err := q.Dead(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, dead...)
	}
	return out, nil
}

// close gives back what was not begun.
func (s *sharedQueue) close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, q := range s.open {
		errs = append(errs, q.Close(ctx))
	}
	return errors.Join(errs...)
}
