package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// An Order is what every worker of a sweep is told.
type Order string

// The orders: Go is the absence of any.
const (
	Go    Order = ""
	Drain Order = "drain" // begin no more points
	Stop  Order = "stop"  // and abandon those under way
)

// Give tells every worker of the sweep; they hear it within a second, or a
// third of the lease where that is less.
func (q *Queue) Give(ctx context.Context, o Order) error {
	err := q.patiently(ctx, func() error {
		if o == Go {
			return q.client.Del(ctx, q.keys.control).Err()
		}
		return q.client.Set(ctx, q.keys.control, string(o), 0).Err()
	})
	if err != nil {
		return fmt.Errorf("giving the order: %w", err)
	}
	q.hear(o)
	return nil
}

// Order is the order last heard.
func (q *Queue) Order() Order {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.order
}

// Stopped is closed once the order to stop has been heard.
func (q *Queue) Stopped() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.halted
}

func (q *Queue) hear(o Order) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case o == Stop && q.order != Stop:
		close(q.halted)
	case o != Stop && q.order == Stop:
		q.halted = make(chan struct{})
	}
	q.order = o
}

// Holds says of each point whether it waits or is under way.
func (q *Queue) Holds(ctx context.Context, points []string) (map[string]bool, error) {
	out := make(map[string]bool, len(points))
	for chunk := range slices.Chunk(points, pushChunk) {
		args := make([]any, len(chunk))
		for i, p := range chunk {
			args[i] = p
		}
		var held []bool
		err := q.patiently(ctx, func() (err error) {
			held, err = q.client.SMIsMember(ctx, q.keys.members, args...).Result()
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("asking for points: %w", err)
		}
		for i, p := range chunk {
			out[p] = held[i]
		}
	}
	return out, nil
}

// A Count says where a sweep's points are.
type Count struct {
	Waiting int // pushed, and nobody's
	Leased  int // with a worker
	Dead    int // failed or lost too often
}

// Count counts the points that the server holds.
func (q *Queue) Count(ctx context.Context) (Count, error) {
	var c Count
	err := q.patiently(ctx, func() error {
		pipe := q.client.TxPipeline()
		all, dead := pipe.XLen(ctx, q.keys.points), pipe.XLen(ctx, q.keys.dead)
		pending := pipe.XPending(ctx, q.keys.points, group)
		if _, err := pipe.Exec(ctx); err != nil && !noGroup(err) {
			return err
		}
		c = Count{Waiting: int(all.Val()), Dead: int(dead.Val())}
		if p := pending.Val(); p != nil {
			c.Leased = int(p.Count)
			c.Waiting -= c.Leased
		}
		return nil
	})
	if err != nil {
		return c, fmt.Errorf("counting the queue: %w", err)
	}
	return c, nil
}

// A Letter is a point that was given up, and why.
type Letter struct{ Point, Cause string }

// Letters lists the points that failed or were lost too often, in the order
// in which they died.
func (q *Queue) Letters(ctx context.Context) ([]Letter, error) {
	entries, err := q.client.XRange(ctx, q.keys.dead, "-", "+").Result()
	if err != nil {
		return nil, fmt.Errorf("listing dead points: %w", err)
	}
	var out []Letter
	for _, e := range entries {
		var l Letter
		l.Point, _ = e.Values["point"].(string)
		l.Cause, _ = e.Values["cause"].(string)
		out = append(out, l)
	}
	return out, nil
}

// Dead lists the points of Letters.
func (q *Queue) Dead(ctx context.Context) ([]string, error) {
	letters, err := q.Letters(ctx)
	var out []string
	for _, l := range letters {
		out = append(out, l.Point)
	}
	return out, err
}

// Reset forgets all of the sweep's data on the server. What the store has is
// not touched.
func (q *Queue) Reset(ctx context.Context) error {
	k := q.keys
	if err := q.client.Del(ctx, k.points, k.members, k.epoch, k.dead, k.control).Err(); err != nil {
		return fmt.Errorf("resetting the queue: %w", err)
	}
	q.hear(Go)
	return nil
}

// A Member is a worker that the server has met.
type Member struct {
	Name string
	Idle time.Duration // since it last asked for a point or renewed a lease
	Held int           // points leased to it
}

// Members lists the workers, by name.
func (q *Queue) Members(ctx context.Context) ([]Member, error) {
	consumers, err := q.client.XInfoConsumers(ctx, q.keys.points, group).Result()
	if err != nil {
		if noGroup(err) || errors.Is(err, redis.Nil) || err.Error() == "ERR no such key" {
			return nil, nil
		}
		return nil, fmt.Errorf("listing workers: %w", err)
	}
	var out []Member
	for _, c := range consumers {
		if c.Name != released {
			out = append(out, Member{Name: c.Name, Idle: c.Idle, Held: int(c.Pending)})
		}
	}
	slices.SortFunc(out, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}
