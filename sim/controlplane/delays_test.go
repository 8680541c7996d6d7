package controlplane

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"caravan/sim/des"
	"caravan/workloads"
)

func past(delays ...time.Duration) []rescheduleEvent {
	out := make([]rescheduleEvent, 0, len(delays))
	at := time.Duration(0)
	for _, d := range delays {
		at += d
		out = append(out, rescheduleEvent{at: at, delay: d})
	}
	return out
}

func TestRescheduleDelay(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name     string
		function workloads.DelayFunction
		most     time.Duration
		past     []rescheduleEvent
		failedAt time.Duration
		want     time.Duration
	}{
		{"exponential", workloads.ExponentialDelay, 0, past(5*s, 10*s, 20*s), 0, 40 * s},
		{"fibonacci", workloads.FibonacciDelay, 0, past(5*s, 5*s), 0, 10 * s},
		{"fibonacci, the second", workloads.FibonacciDelay, 0, past(5 * s), 0, 5 * s},
		{"constant", workloads.ConstantDelay, 0, past(5*s, 5*s), 0, 5 * s},
		{"first", workloads.ExponentialDelay, 0, nil, 0, 5 * s},
		{"at the maximum", workloads.ExponentialDelay, 30 * s, past(5*s, 10*s, 20*s), 40 * s, 30 * s},
		{"lived longer than the maximum", workloads.ExponentialDelay, 30 * s, past(5*s, 10*s, 20*s), 100 * s, 5 * s},
		{"fibonacci after the return", workloads.FibonacciDelay, 30 * s, past(30*s, 5*s), 40 * s, 5 * s},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &workloads.Reschedule{Delay: 5 * s, MaxDelay: c.most, Function: c.function}
			assert.Equal(t, c.want, rescheduleDelay(p, c.past, c.failedAt))
		})
	}
}

func TestRememberedReschedules(t *testing.T) {
	list := past(1, 2, 3, 4, 5, 6, 7)
	assert.Len(t, remembered(&workloads.Reschedule{Unlimited: true}, list, time.Hour), 5)
	assert.Len(t, remembered(&workloads.Reschedule{Interval: 10}, list, 28), 2)
}

func TestHeartbeats(t *testing.T) {
	assert.Equal(t, 10*time.Second, heartbeatBase(3))
	assert.Equal(t, 100*time.Second, heartbeatBase(5000))
	// An instant falls into an interval of base (1+U): what is left of it has
	// the mean E[x^2]/(2 E[x]) = (7/3)/3 of base.
	s := des.FromSeed(1)
	var sum time.Duration
	const n = 20000
	for range n {
		d := missedAfter(10*time.Second, &s)
		assert.True(t, d >= heartbeatGrace && d <= 30*time.Second)
		sum += d - heartbeatGrace
	}
	assert.InDelta(t, 10*7.0/9, sum.Seconds()/n, 0.1)
}
