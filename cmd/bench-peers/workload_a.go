package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"caravan/sim/des"
)

// hold keeps n events pending while k times the first is taken and put back
// with an exponential delay (Jones 1986). Delays are drawn beforehand, and
// times are floats, whose bits order like the times: the event list alone is
// measured.
func hold(n, k int) (measurement, error) {
	const cycle = 4096
	var delays [cycle]float64
	s := des.FromSeed(7)
	for i := range delays {
		delays[i] = s.ExpInverse()
	}
	var q des.Queue
	s = des.FromSeed(42)
	for i := range n {
		q.Push(math.Float64bits(s.ExpInverse()), uint64(i))
	}
	var hash uint64
	step := func(times int) error {
		hash = 0
		for i := range times {
			key, id, _ := q.Pop()
			hash = hash*31 + id
			q.Push(math.Float64bits(math.Float64frombits(key)+delays[i%cycle]), id)
		}
		return nil
	}
	warm := max(2*n, 200_000)
	if n >= 1_000_000 {
		warm = n
	}
	if err := step(warm); err != nil {
		return measurement{}, err
	}
	cpu, err := timed(func() error { return step(k) })
	return measurement{Operations: int64(k), CPU: cpu, Hash: fmt.Sprintf("%016x", hash)}, err
}

// timers lets n timers re-arm themselves with exponential delays until k have
// fired. The hash is over how often each did.
func timers(ctx context.Context, n, k int) (measurement, error) {
	type timer struct {
		stream des.Stream
		count  uint64
	}
	e := des.New()
	all := make([]timer, n)
	delay := func(t *timer) time.Duration {
		return time.Duration(t.stream.ExpInverse() * float64(time.Second))
	}
	for i := range all {
		all[i].stream = des.FromSeed(1000 + uint64(i))
		e.Schedule(delay(&all[i]), 0, des.NewEvent(0, 0, uint32(i)))
	}
	left := k
	fire := des.HandlerFunc(func(e *des.Engine, ev des.Event) error {
		t := &all[ev.Slot()]
		t.count++
		if left--; left == 0 {
			return des.ErrStop
		}
		e.After(delay(t), 0, ev)
		return nil
	})
	cpu, err := timed(func() error { return e.Run(ctx, fire) })
	var hash uint64
	for i := range all {
		hash = hash*31 + all[i].count
	}
	return measurement{Operations: int64(k), CPU: cpu, Hash: fmt.Sprintf("%016x", hash)}, err
}
