package sweep

import (
	"context"
	"sync"
	"time"
)

// A Queue hands out points to workers. It carries their hashes alone; what a
// point is, and whether it is done, is known to a store. A queue promises:
//
//   - At least once: every hash that was pushed is handed out until a lease of
//     it is Done or dead. It may be handed out twice, so a worker asks the store
//     before it runs a point, and the store refuses a second completion.
//   - Leases by heartbeat: a lease that nobody Keeps for longer than the queue's
//     lease time goes to another worker, with Delivery one higher.
//   - Dead letters: a point that failed, or lost its worker, as often as the
//     queue allows is handed out no more and listed by Dead.
//
// All methods are safe for concurrent use.
type Queue interface {
	// Push adds hashes at the end. A hash that is queued or leased is not
	// added again, where the queue can tell.
	Push(ctx context.Context, hashes ...string) error
	// Claim leases the next hash, and waits for one at most as long as wait;
	// ok is false when there was none.
	Claim(ctx context.Context, wait time.Duration) (lease Lease, ok bool, err error)
	// Dead lists the hashes that were given up, in the order in which they died.
	Dead(ctx context.Context) ([]string, error)
}

// A Lease is the right to run a point for a while.
type Lease interface {
	Hash() string
	// Delivery counts how often the point was handed out, from 1.
	Delivery() int
	// Keep is the heartbeat: it makes the lease as young as new. The error is
	// ErrLost when another worker has the point by now.
	Keep(ctx context.Context) error
	// Done gives the lease back for good.
	Done(ctx context.Context) error
	// Fail gives the lease back because of cause; the point is handed out
	// again, or dead after its last delivery.
	Fail(ctx context.Context, cause error) error
}

// ErrLost is the error of a lease that expired and went to another worker.
const ErrLost = lost("the lease expired and another worker has the point")

type lost string

func (e lost) Error() string { return string(e) }

// DefaultDeliveries is how often a point is handed out before it is dead, as
// HashiCorp's evaluation broker has it.
const DefaultDeliveries = 3

// A Memory is the queue of one process, first in, first out. Its leases never
// expire, since its workers die with it.
type Memory struct {
	most   int
	mu     sync.Mutex
	known  map[string]int // deliveries of the queued and leased
	queued []string
	dead   []string
	ready  chan struct{} // holds a token while something may be queued
}

// NewMemory makes a queue that gives a point up after so many deliveries (0:
// DefaultDeliveries).
func NewMemory(deliveries int) *Memory {
	if deliveries <= 0 {
		deliveries = DefaultDeliveries
	}
	return &Memory{most: deliveries, known: map[string]int{}, ready: make(chan struct{}, 1)}
}

// Push adds the hashes that are neither queued nor leased.
func (q *Memory) Push(_ context.Context, hashes ...string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, h := range hashes {
		if _, ok := q.known[h]; !ok {
			q.known[h] = 0
			q.queued = append(q.queued, h)
		}
	}
	q.wake()
	return nil
}

// wake leaves a token when something is queued. q.mu is held.
func (q *Memory) wake() {
	if len(q.queued) == 0 {
		return
	}
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// Claim leases the oldest hash.
func (q *Memory) Claim(ctx context.Context, wait time.Duration) (Lease, bool, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		if l := q.take(); l != nil {
			return l, true, nil
		}
		select {
		case <-ctx.Done():
			return nil, false, ctx.Err()
		case <-timer.C:
			return nil, false, nil
		case <-q.ready:
		}
	}
}

func (q *Memory) take() Lease {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queued) == 0 {
		return nil
	}
	hash := q.queued[0]
	q.queued = q.queued[1:]
	q.known[hash]++
	q.wake()
	return &memoryLease{q: q, hash: hash, delivery: q.known[hash]}
}

// Dead lists the points that failed as often as allowed.
func (q *Memory) Dead(context.Context) ([]string, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]string{}, q.dead...), nil
}

// memoryLease is a lease of a Memory. Done and Fail settle it once.
type memoryLease struct {
	q        *Memory
	hash     string
	delivery int
	settle   sync.Once
}

func (l *memoryLease) Hash() string               { return l.hash }
func (l *memoryLease) Delivery() int              { return l.delivery }
func (l *memoryLease) Keep(context.Context) error { return nil }

func (l *memoryLease) Done(context.Context) error {
	l.settle.Do(func() {
		l.q.mu.Lock()
		defer l.q.mu.Unlock()
		delete(l.q.known, l.hash)
	})
	return nil
}

func (l *memoryLease) Fail(context.Context, error) error {
	l.settle.Do(func() {
		l.q.mu.Lock()
		defer l.q.mu.Unlock()
		if l.delivery >= l.q.most {
			delete(l.q.known, l.hash)
			l.q.dead = append(l.q.dead, l.hash)
			return
		}
		l.q.queued = append(l.q.queued, l.hash)
		l.q.wake()
	})
	return nil
}
