package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/runner/sweep"
)

func TestWorkersRunEveryPointAndGiveUpOnTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := sweep.NewMemory(3)
		var hashes []string
		for i := range 50 {
			hashes = append(hashes, fmt.Sprint(i))
		}
		require.NoError(t, q.Push(context.Background(), hashes...))
		var mu sync.Mutex
		runs := map[string]int{}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				w := sweep.Worker{Queue: q, Wait: time.Second, Idle: func(empty int) bool { return empty == 2 },
					Run: func(_ context.Context, l sweep.Lease) error {
						mu.Lock()
						defer mu.Unlock()
						runs[l.Hash()]++
						if l.Hash() == "7" {
							return errors.New("always")
						}
						return nil
					}}
				assert.NoError(t, w.Work(context.Background()))
			})
		}
		wg.Wait()
		assert.Len(t, runs, 50)
		assert.Equal(t, 3, runs["7"])
		assert.Equal(t, 1, runs["8"])
		dead, err := q.Dead(context.Background())
		require.NoError(t, err)
		assert.Equal(t, []string{"7"}, dead)
	})
}

func TestADrainingWorkerFinishesThePointUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := sweep.NewMemory(0)
		require.NoError(t, q.Push(context.Background(), "a", "b"))
		drain := make(chan struct{})
		finished := 0
		w := sweep.Worker{Queue: q, Wait: time.Hour, Drain: drain, Run: func(ctx context.Context, _ sweep.Lease) error {
			close(drain)
			select {
			case <-time.After(time.Minute):
				finished++
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		assert.NoError(t, w.Work(context.Background()))
		assert.Equal(t, 1, finished)
	})
}

// losing is a queue whose lease is lost after some beats.
type losing struct{ beats, settled atomic.Int64 }

func (q *losing) Push(context.Context, ...string) error  { return nil }
func (q *losing) Dead(context.Context) ([]string, error) { return nil, nil }
func (q *losing) Hash() string                           { return "a" }
func (q *losing) Delivery() int                          { return 1 }
func (q *losing) Done(context.Context) error             { q.settled.Add(1); return nil }
func (q *losing) Fail(context.Context, error) error      { q.settled.Add(1); return nil }
func (q *losing) Claim(context.Context, time.Duration) (sweep.Lease, bool, error) {
	return q, q.beats.Load() == 0, nil
}
func (q *losing) Keep(context.Context) error {
	if q.beats.Add(1) == 3 {
		return sweep.ErrLost
	}
	return nil
}

func TestALostLeaseEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &losing{}
		start := time.Now()
		w := sweep.Worker{Queue: q, Beat: 5 * time.Second, Idle: func(int) bool { return true }, Run: func(ctx context.Context, _ sweep.Lease) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		assert.NoError(t, w.Work(context.Background()))
		assert.Equal(t, 15*time.Second, time.Since(start))
		assert.Zero(t, q.settled.Load(), "the lease is somebody else's")
	})
}

func TestAWorkerStopsAtOnce(t *testing.T) {
	q := sweep.NewMemory(0)
	require.NoError(t, q.Push(t.Context(), "a", "b"))
	ctx, cancel := context.WithCancel(t.Context())
	w := sweep.Worker{Queue: q, Run: func(ctx context.Context, _ sweep.Lease) error {
		cancel()
		return ctx.Err()
	}}
	assert.ErrorIs(t, w.Work(ctx), context.Canceled)
}
