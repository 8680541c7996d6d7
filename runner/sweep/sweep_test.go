package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/runner/sweep"
)

func TestEverySlotIsFilled(t *testing.T) {
	for _, workers := range []int{0, 1, 3, 100} {
		out := make([]int, 50)
		require.NoError(t, sweep.Each(context.Background(), len(out), workers, func(_ context.Context, i int) error {
			out[i] = i * i
			return nil
		}))
		for i, x := range out {
			assert.Equal(t, i*i, x)
		}
	}
}

func TestTheFirstErrorByIndexWins(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		err := sweep.Each(context.Background(), 100, workers, func(_ context.Context, i int) error {
			if i == 7 || i == 90 {
				return fmt.Errorf("piece %d", i)
			}
			return nil
		})
		assert.EqualError(t, err, "piece 7")
	}
}

func TestAnInterruptionSaysWhatIsDone(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	err := sweep.Each(ctx, 10, 1, func(_ context.Context, i int) error {
		if i == 2 {
			cancel()
		}
		return nil
	})
	var stopped *sweep.Interrupted
	require.ErrorAs(t, err, &stopped)
	assert.Equal(t, []int{0, 1, 2}, stopped.Done)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestAPanicIsNotSwallowed(t *testing.T) {
	assert.PanicsWithValue(t, "boom", func() {
		_ = sweep.Each(context.Background(), 4, 2, func(context.Context, int) error { panic("boom") })
	})
}

func TestNoMoreWorkersThanAsked(t *testing.T) {
	var now, most atomic.Int64
	require.NoError(t, sweep.Each(context.Background(), 200, 3, func(context.Context, int) error {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		now.Add(-1)
		return nil
	}))
	assert.LessOrEqual(t, most.Load(), int64(3))
	assert.NoError(t, sweep.Each(context.Background(), 0, 3, func(context.Context, int) error { return errors.New("never") }))
}
