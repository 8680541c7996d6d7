package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"caravan/runner/sweep"
)

// A Lease is a point that was handed to this process, which keeps it until
// Done or Fail, or until its silence has lasted for a lease.
type Lease struct {
	point    string
	id       string // of the stream's entry
	delivery int
	q        *Queue
}

// Hash is the point.
func (l *Lease) Hash() string { return l.point }

// Delivery counts how often the point has been handed out, this time
// included.
func (l *Lease) Delivery() int { return l.delivery }

// Worn reports whether the point has been handed out more often than is
// allowed: whoever had it before left without a word, which suggests that it
// kills them. It should be failed rather than tried.
func (l *Lease) Worn() bool { return l.delivery > l.q.o.Deliveries }

// Keep renews the lease. The process does so for all it holds three times a
// lease or more; asking tells whether it is still held.
func (l *Lease) Keep(ctx context.Context) error {
	lost, err := l.q.keep(ctx, []string{l.id})
	if err == nil && len(lost) > 0 {
		err = fmt.Errorf("point %s: %w", l.point, sweep.ErrLost)
	}
	return err
}

// Done takes the point out of the queue. A server out of reach is not told:
// it will hand the point out again, and the store will say that it is done.
func (l *Lease) Done(ctx context.Context) error {
	return l.finish(ctx)
}

// Fail gives the point back, to be tried again at once; when it has had all
// its deliveries it goes to the dead with its cause instead.
func (l *Lease) Fail(ctx context.Context, cause error) error {
	if l.delivery >= l.q.o.Deliveries {
		return l.finish(ctx, cause.Error())
	}
	l.q.forget(l.id)
	return l.q.release(ctx, []*Lease{l}, 1)
}

// Stopped is closed once the order to stop has been heard.
func (l *Lease) Stopped() <-chan struct{} { return l.q.Stopped() }

// GiveBack lets another worker have the point at once, as if this delivery had
// not been.
func (l *Lease) GiveBack(ctx context.Context) error {
	l.q.forget(l.id)
	return l.q.release(ctx, []*Lease{l}, 0)
}

func (l *Lease) finish(ctx context.Context, cause ...any) error {
	l.q.forget(l.id)
	keys := []string{l.q.keys.points, l.q.keys.members, l.q.keys.dead}
	args := append([]any{group, l.id, l.point}, cause...)
	err := doneScript.Run(ctx, l.q.client, keys, args...).Err()
	if err != nil && !noGroup(err) && !away(err) {
		return fmt.Errorf("taking point %s out of the queue: %w", l.point, err)
	}
	return nil
}

// noGroup reports whether the server has no stream or group: it forgot them,
// or nobody made them. A script may say something of itself first.
func noGroup(err error) bool { return strings.Contains(err.Error(), "NOGROUP ") }

// look is how often a process looks for leases that ran out: the pending list
// is read to its end for it.
func (q *Queue) look() time.Duration { return min(time.Second, q.o.Lease/3) }

// Claim waits for a point for up to wait; ok is false when none came, or when
// an order to stop is in force. A server that is out of reach is one that has
// no points, until patience ends.
func (q *Queue) Claim(ctx context.Context, wait time.Duration) (sweep.Lease, bool, error) {
	until := time.Now().Add(wait)
	for {
		if l := q.begin(ctx); l != nil {
			return l, true, nil
		}
		select {
		case <-ctx.Done():
			return nil, false, ctx.Err()
		case <-q.fetch:
		}
		if l := q.begin(ctx); l != nil { // another goroutine fetched meanwhile
			q.fetch <- struct{}{}
			return l, true, nil
		}
		stopped, err := q.fill(ctx, min(q.look(), time.Until(until)))
		q.fetch <- struct{}{}
		if err != nil || stopped {
			return nil, false, err
		}
		if l := q.begin(ctx); l != nil {
			return l, true, nil
		}
		if !time.Now().Before(until) {
			return nil, false, ctx.Err()
		}
	}
}

// begin takes a fetched point whose lease has not run out, and has its delivery
// counted: a worker that is killed takes down with it one point, not a batch. A
// server that is out of reach counts nothing.
func (q *Queue) begin(ctx context.Context) *Lease {
	for {
		l := q.pop()
		if l == nil {
			return nil
		}
		held, err := beginScript.Run(ctx, q.client, []string{q.keys.points}, group, q.o.Worker, l.id, l.delivery+1).Bool()
		if held || err != nil && !noGroup(err) {
			return l
		}
		q.forget(l.id)
	}
}

// pop takes a fetched point, unless work is to stop.
func (q *Queue) pop() *Lease {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ready) == 0 || q.order != Go {
		return nil
	}
	l := q.ready[0]
	q.ready = q.ready[1:]
	return l
}

// fill fetches a batch, or waits for points for up to block, where that is a
// millisecond or more. It is called by the one goroutine that holds the right
// to fetch.
func (q *Queue) fill(ctx context.Context, block time.Duration) (stopped bool, err error) {
	n := q.nextBatch()
	look := "0"
	if q.returned.Swap(false) || time.Since(q.looked) >= q.look() {
		look = "1"
	}
	fields, err := claimScript.Run(ctx, q.client, []string{q.keys.points, q.keys.control},
		group, q.o.Worker, q.o.Lease.Milliseconds(), n, look).StringSlice()
	if err == nil {
		if look == "1" && len(fields) < 1+3*n {
			q.looked = time.Now()
		}
		q.hear(Order(fields[0]))
		q.take(fields[1:])
		if stopped = q.Order() != Go; stopped || len(fields) > 1 {
			q.trouble = time.Time{}
			return stopped, nil
		}
		if block >= time.Millisecond { // less would be for ever
			err = q.await(ctx, block)
		}
	}
	return false, q.bear(ctx, err)
}

// await blocks until the stream has a new point, and takes it.
func (q *Queue) await(ctx context.Context, block time.Duration) error {
	streams, err := q.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: group, Consumer: q.o.Worker, Streams: []string{q.keys.points, ">"}, Count: 1, Block: block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	for _, s := range streams {
		for _, m := range s.Messages {
			point, _ := m.Values["point"].(string)
			q.take([]string{m.ID, point, "1"})
		}
	}
	return err
}

// bear turns a fault that may pass into a wait: the group is made when the
// server has none, and a server out of reach is given time to return.
func (q *Queue) bear(ctx context.Context, err error) error {
	if err == nil {
		q.trouble = time.Time{}
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if noGroup(err) {
		err = q.client.XGroupCreateMkStream(ctx, q.keys.points, group, "0").Err()
		if err == nil || strings.HasPrefix(err.Error(), "BUSYGROUP") {
			return nil
		}
	}
	if q.trouble.IsZero() {
		q.trouble = time.Now()
	}
	if time.Since(q.trouble) > q.o.Patience {
		return fmt.Errorf("the queue is out of reach for %v: %w", q.o.Patience, err)
	}
	return pause(ctx, q.look()/4)
}

// take notes leases given as id, point and delivery in turn.
func (q *Queue) take(fields []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for f := range slices.Chunk(fields, 3) {
		delivery, err := strconv.Atoi(f[2])
		if err != nil {
			panic(err) // our own script wrote it
		}
		l := &Lease{id: f[0], point: f[1], delivery: delivery, q: q}
		q.held[l.id] = l
		q.ready = append(q.ready, l)
	}
}

// A batch should last for about this long: long enough to make the round trip
// to the server small beside it, short enough to leave work for others at the
// end of a sweep, and to lose little with its worker.
const (
	batchAtLeast = 100 * time.Millisecond
	batchAtMost  = 500 * time.Millisecond
)

// nextBatch doubles the batch when the last one was used up quickly, and
// halves it when it lasted long.
func (q *Queue) nextBatch() int {
	now := time.Now()
	lasted := now.Sub(q.fetched)
	q.fetched = now
	switch {
	case lasted < batchAtLeast:
		q.batch = min(2*q.batch, q.o.Batch)
	case lasted > batchAtMost:
		q.batch = max(q.batch/2, 1)
	}
	return q.batch
}

func (q *Queue) forget(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.held, id)
}

// keepAlive renews what this process holds, and hears orders, until ctx ends.
// A fault is left to the fetches, which see it as well and know patience.
func (q *Queue) keepAlive(ctx context.Context) {
	tick := time.NewTicker(q.look())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		q.mu.Lock()
		ids := make([]string, 0, len(q.held))
		for id := range q.held {
			ids = append(ids, id)
		}
		q.mu.Unlock()
		lost, err := q.keep(ctx, ids)
		if err == nil {
			q.drop(lost)
		}
	}
}

// drop forgets leases that ran out before their work was begun.
func (q *Queue) drop(lost []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range lost {
		delete(q.held, id)
		q.ready = slices.DeleteFunc(q.ready, func(l *Lease) bool { return l.id == id })
	}
}

// keep renews leases and answers with those that are not this worker's.
func (q *Queue) keep(ctx context.Context, ids []string) (lost []string, err error) {
	args := []any{group, q.o.Worker}
	for _, id := range ids {
		args = append(args, id)
	}
	out, err := keepScript.Run(ctx, q.client, []string{q.keys.points, q.keys.control}, args...).StringSlice()
	if err != nil {
		if noGroup(err) {
			return ids, nil
		}
		return nil, fmt.Errorf("renewing leases: %w", err)
	}
	q.hear(Order(out[0]))
	return out[1:], nil
}

// releaseReady gives back what was fetched and not begun; it does not count
// as a delivery.
func (q *Queue) releaseReady(ctx context.Context) error {
	q.mu.Lock()
	ready := q.ready
	q.ready = nil
	for _, l := range ready {
		delete(q.held, l.id)
	}
	q.mu.Unlock()
	return q.release(ctx, ready, 0)
}

// release gives leases back, with so many more deliveries of each counted.
func (q *Queue) release(ctx context.Context, leases []*Lease, counted int) error {
	if len(leases) == 0 {
		return nil
	}
	args := []any{group, q.o.Worker, q.o.Lease.Milliseconds(), released}
	for _, l := range leases {
		args = append(args, l.id, l.delivery+counted)
	}
	err := releaseScript.Run(ctx, q.client, []string{q.keys.points}, args...).Err()
	q.returned.Store(true)
	if err != nil && !noGroup(err) && !away(err) {
		return fmt.Errorf("giving points back: %w", err)
	}
	return nil
}
