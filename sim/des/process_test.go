package des

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProcessesInterleaveInVirtualTime(t *testing.T) {
	e := New()
	var p Processes
	var log []string
	clock := func(name string, period time.Duration) Process {
		return func(sleep func(time.Duration) bool) error {
			for range 3 {
				log = append(log, fmt.Sprint(name, e.Now()))
				if !sleep(period) {
					return nil
				}
			}
			return nil
		}
	}
	p.Start(e, 0, clock("a", 2))
	p.Start(e, 1, clock("b", 3))
	require.NoError(t, e.Run(t.Context(), &p))
	assert.Equal(t, []string{"a0s", "b1ns", "a2ns", "b4ns", "a4ns", "b7ns"}, log)
	assert.Zero(t, p.Live())
}

func TestSuspendedProcessWaitsForWake(t *testing.T) {
	e := New()
	var p Processes
	var wokenAt time.Duration
	id := p.Start(e, 0, func(sleep func(time.Duration) bool) error {
		if sleep(Suspend) {
			wokenAt = e.Now()
		}
		return nil
	})
	p.Start(e, time.Second, func(func(time.Duration) bool) error {
		p.Wake(e, id)
		return nil
	})
	require.NoError(t, e.Run(t.Context(), &p))
	assert.Equal(t, time.Second, wokenAt)
	p.Wake(e, id) // it has ended
	assert.Zero(t, e.Len())
}

func TestProcessErrorEndsTheRun(t *testing.T) {
	e := New()
	var p Processes
	broken := errors.New("no coffee")
	p.Start(e, time.Minute, func(func(time.Duration) bool) error { return broken })
	assert.ErrorIs(t, e.Run(t.Context(), &p), broken)

	p.Start(e, time.Minute, func(sleep func(time.Duration) bool) error {
		sleep(-time.Second)
		return nil
	})
	assert.ErrorContains(t, e.Run(t.Context(), &p), "a process sleeps for -1s; the least is 0")
	p.Stop()
}

func TestStopLetsEveryProcessReturn(t *testing.T) {
	e := New()
	var p Processes
	returned := 0
	for range 10 {
		p.Start(e, 0, func(sleep func(time.Duration) bool) error {
			for sleep(time.Second) {
			}
			returned++
			return nil
		})
	}
	for range 35 {
		ev, _ := e.Next()
		require.NoError(t, p.Handle(e, ev))
	}
	p.Stop()
	assert.Equal(t, 10, returned)
	ev, _ := e.Next()
	assert.NoError(t, p.Handle(e, ev), "an event left behind is stale")
}
