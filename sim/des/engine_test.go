package des

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestEventKeepsItsFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind, aux := rapid.Byte().Draw(t, "kind"), rapid.Byte().Draw(t, "aux")
		gen, slot := rapid.Uint16().Draw(t, "gen"), rapid.Uint32().Draw(t, "slot")
		e := NewEvent(kind, gen, slot).WithAux(^aux).WithAux(aux)
		assert.Equal(t, kind, e.Kind())
		assert.Equal(t, gen, e.Gen())
		assert.Equal(t, aux, e.Aux())
		assert.Equal(t, slot, e.Slot())
	})
}

func TestEventsFireByTimeThenPriorityThenScheduleOrder(t *testing.T) {
	type item struct {
		at time.Duration
		p  Priority
		ev Event
	}
	rapid.Check(t, func(t *rapid.T) {
		var e Engine
		var want []item
		for i := range rapid.IntRange(0, 500).Draw(t, "n") {
			x := item{
				time.Duration(rapid.Int64Range(0, 20).Draw(t, "at")),
				Priority(rapid.IntRange(0, 15).Draw(t, "priority")),
				NewEvent(1, 2, uint32(i)),
			}
			want = append(want, x)
			e.Schedule(x.at, x.p, x.ev)
		}
		slices.SortStableFunc(want, func(a, b item) int {
			if a.at != b.at {
				return int(a.at - b.at)
			}
			return int(a.p) - int(b.p)
		})
		require.Equal(t, len(want), e.Len())
		for _, x := range want {
			at, ok := e.NextAt()
			require.True(t, ok)
			require.Equal(t, x.at, at)
			ev, ok := e.Next()
			require.True(t, ok)
			require.Equal(t, x, item{e.Now(), x.p, ev})
		}
		_, ok := e.Next()
		require.False(t, ok)
		require.EqualValues(t, len(want), e.Fired())
	})
}

func TestEventsScheduledForThePresentFireInIt(t *testing.T) {
	e := New()
	e.Schedule(time.Second, 5, NewEvent(0, 0, 0))
	e.Schedule(time.Second, 5, NewEvent(0, 0, 1))
	var order []uint32
	err := e.Run(t.Context(), HandlerFunc(func(e *Engine, ev Event) error {
		order = append(order, ev.Slot())
		if ev.Slot() == 0 {
			e.After(0, 5, NewEvent(0, 0, 2)) // after its equal
			e.After(0, 0, NewEvent(0, 0, 3)) // before the rest
		}
		return nil
	}))
	require.NoError(t, err)
	assert.Equal(t, []uint32{0, 3, 1, 2}, order)
	assert.Equal(t, time.Second, e.Now())
}

func TestSchedulingBeforeThePresentPanicsWithTimeAndEvent(t *testing.T) {
	e := New()
	e.Schedule(2*time.Second, 0, 0)
	e.Next()
	assert.PanicsWithValue(t, "des: event{kind 7 gen 8 aux 0 slot 9} scheduled at 1s, before the present 2s", func() {
		e.Schedule(time.Second, 0, NewEvent(7, 8, 9))
	})
	assert.Panics(t, func() { e.After(-1, 0, 0) })
	assert.PanicsWithValue(t, "des: event{kind 0 gen 0 aux 0 slot 0} scheduled with priority 16; the last is 15", func() {
		e.After(0, 16, 0)
	})
}

func TestEventsBeyondMaxTimeFireThen(t *testing.T) {
	e := New()
	e.Schedule(1<<62, 3, 1)
	e.Schedule(MaxTime, 3, 2)
	e.Schedule(35*365*24*time.Hour, 15, 3)
	ev, _ := e.Next()
	assert.Equal(t, Event(3), ev)
	e.After(1<<62, 3, 4)
	e.After(1<<63-1, 3, 5)
	for _, want := range []Event{1, 2, 4, 5} {
		ev, ok := e.Next()
		require.True(t, ok)
		assert.Equal(t, want, ev)
		assert.Equal(t, MaxTime, e.Now())
	}
}

func TestRunWrapsAnErrorInTimeAndEventAndCanGoOn(t *testing.T) {
	broken := errors.New("the model broke")
	e := New()
	for i := range 4 {
		e.Schedule(time.Duration(i)*time.Millisecond, 0, NewEvent(uint8(i), 0, 0))
	}
	h := HandlerFunc(func(_ *Engine, ev Event) error {
		switch ev.Kind() {
		case 1:
			return broken
		case 2:
			return fmt.Errorf("enough: %w", ErrStop)
		}
		return nil
	})
	err := e.Run(t.Context(), h)
	assert.ErrorIs(t, err, broken)
	assert.EqualError(t, err, "at 1ms of virtual time, event{kind 1 gen 0 aux 0 slot 0}: the model broke")
	assert.NoError(t, e.Run(t.Context(), h))
	assert.Equal(t, 2*time.Millisecond, e.Now())
	assert.NoError(t, e.Run(t.Context(), h))
	assert.EqualValues(t, 4, e.Fired())
}

func TestRunObeysItsContext(t *testing.T) {
	why := errors.New("the user left")
	ctx, cancel := context.WithCancelCause(t.Context())
	e := New()
	e.Schedule(0, 0, 0)
	err := e.Run(ctx, HandlerFunc(func(e *Engine, ev Event) error {
		if e.Fired() == 10000 {
			cancel(why)
		}
		e.After(1, 0, ev)
		return nil
	}))
	assert.ErrorIs(t, err, why)
	assert.Less(t, e.Fired(), uint64(10000+2*checkEvery))
}

// timers run on a switch-style handler: n timers re-arm themselves with
// exponential increments until k have fired. It returns the hash of the
// number of firings of each.
func timers(t *testing.T, n int, k uint64) uint64 {
	e := New()
	streams, counts := make([]Stream, n), make([]uint64, n)
	wait := func(i uint32) time.Duration {
		return time.Duration(streams[i].ExpInverse() * float64(time.Second))
	}
	for i := range streams {
		streams[i] = FromSeed(1000 + uint64(i))
		e.Schedule(wait(uint32(i)), 0, NewEvent(0, 0, uint32(i)))
	}
	err := e.Run(t.Context(), HandlerFunc(func(e *Engine, ev Event) error {
		counts[ev.Slot()]++
		if e.Fired() == k {
			return ErrStop
		}
		e.After(wait(ev.Slot()), 0, ev)
		return nil
	}))
	require.NoError(t, err)
	var hash uint64
	for _, c := range counts {
		hash = hash*31 + c
	}
	return hash
}

// The hashes were computed by ns-3.
func TestTimersMeetTheHashesOfOtherSimulators(t *testing.T) {
	t.Parallel()
	assert.Equal(t, uint64(0x225701087cf13002), timers(t, 1000, 5e5))
	assert.Equal(t, uint64(0xf6008e87510bb9a0), timers(t, 1000, 1e6))
}

func TestProcessesMeetTheHashesOfOtherSimulators(t *testing.T) {
	t.Parallel()
	e := New()
	p := Processes{Kind: 9}
	counts := make([]uint64, 1000)
	fired := 0
	for i := range counts {
		s := FromSeed(1000 + uint64(i))
		p.Start(e, 0, func(sleep func(time.Duration) bool) error {
			for sleep(time.Duration(s.ExpInverse() * float64(time.Second))) {
				counts[i]++
				if fired++; fired == 5e5 {
					return ErrStop
				}
			}
			return nil
		})
	}
	require.NoError(t, e.Run(t.Context(), &p))
	p.Stop()
	assert.Zero(t, p.Live())
	var hash uint64
	for _, c := range counts {
		hash = hash*31 + c
	}
	assert.Equal(t, uint64(0x225701087cf13002), hash)
}

func TestResetEngineRepeatsItself(t *testing.T) {
	e := New()
	run := func() (order []Event) {
		s := FromSeed(1)
		for i := range 1000 {
			e.After(time.Duration(s.IntN(1e6)), Priority(s.IntN(16)), NewEvent(0, 0, uint32(i)))
		}
		for ev, ok := e.Next(); ok; ev, ok = e.Next() {
			order = append(order, ev)
		}
		return order
	}
	first := run()
	e.Schedule(e.Now(), 0, 0)
	e.Reset()
	assert.Zero(t, e.Now())
	assert.Zero(t, e.Len())
	assert.Equal(t, first, run())
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	for name, draw := range increments() {
		t.Run(name, func(t *testing.T) {
			e := New()
			var h Histogram
			s := FromSeed(5)
			gap := func() time.Duration { return time.Duration(min(draw(&s), 1e6) * float64(time.Millisecond)) }
			for i := range 2000 {
				e.After(gap(), 0, NewEvent(0, 0, uint32(i)))
			}
			hold := func() {
				ev, _ := e.Next()
				d := gap()
				h.Add(d)
				e.After(d, 3, ev)
			}
			for range 500000 {
				hold()
			}
			assert.Zero(t, testing.AllocsPerRun(10, func() {
				for range 100000 {
					hold()
				}
			}))
		})
	}
}
