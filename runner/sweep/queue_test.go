package sweep_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/runner/sweep"
)

func claim(t *testing.T, q sweep.Queue) sweep.Lease {
	t.Helper()
	l, ok, err := q.Claim(t.Context(), 0)
	require.NoError(t, err)
	require.True(t, ok)
	return l
}

func TestAHashIsQueuedOnceUntilItIsDone(t *testing.T) {
	q := sweep.NewMemory(0)
	require.NoError(t, q.Push(t.Context(), "a", "b", "a"))
	a := claim(t, q)
	require.NoError(t, q.Push(t.Context(), "a"))
	assert.Equal(t, "a", a.Hash())
	assert.Equal(t, "b", claim(t, q).Hash())
	_, ok, err := q.Claim(t.Context(), 0)
	require.NoError(t, err)
	assert.False(t, ok)
	require.NoError(t, a.Done(t.Context()))
	require.NoError(t, q.Push(t.Context(), "a"))
	assert.Equal(t, "a", claim(t, q).Hash())
}

func TestAPointThatKeepsFailingDies(t *testing.T) {
	q := sweep.NewMemory(2)
	require.NoError(t, q.Push(t.Context(), "a", "b"))
	for i, want := range []string{"a", "b", "a"} {
		l := claim(t, q)
		assert.Equal(t, want, l.Hash())
		assert.Equal(t, 1+i/2, l.Delivery())
		if want == "a" {
			require.NoError(t, l.Fail(t.Context(), errors.New("again")))
			require.NoError(t, l.Done(t.Context()), "settled once")
		}
	}
	dead, err := q.Dead(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"a"}, dead)
}

func TestAClaimWaitsForAPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := sweep.NewMemory(0)
		got := make(chan string)
		for range 2 {
			go func() {
				l, ok, err := q.Claim(context.Background(), time.Hour)
				if assert.NoError(t, err) && assert.True(t, ok) {
					got <- l.Hash()
				}
			}()
		}
		synctest.Wait()
		require.NoError(t, q.Push(context.Background(), "a", "b"))
		assert.ElementsMatch(t, []string{"a", "b"}, []string{<-got, <-got})
		start := time.Now()
		_, ok, err := q.Claim(context.Background(), time.Minute)
		require.NoError(t, err)
		assert.False(t, ok)
		assert.Equal(t, time.Minute, time.Since(start))
	})
}
