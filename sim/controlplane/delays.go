package controlplane

import (
	"time"

	"caravan/sim/des"
	"caravan/workloads"
)

// rememberedReschedules bounds the events that an allocation without a limit
// of attempts remembers.
const rememberedReschedules = 5

// A rescheduleEvent is one replacement of a failed allocation.
type rescheduleEvent struct {
	at    time.Duration
	delay time.Duration // that was waited for
}

// rescheduleDelay is the wait before the next replacement after the past ones,
// oldest first: base; twice the last (exponential); or the sum of the last
// two, the first two being base (fibonacci). What exceeds the policy's maximum,
// if it has one, is the maximum, and base again where the last allocation
// lived longer than that.
func rescheduleDelay(p *workloads.Reschedule, past []rescheduleEvent, failedAt time.Duration) time.Duration {
	n := len(past)
	delay := p.Delay
	switch {
	case p.Function == workloads.ExponentialDelay && n > 0:
		delay = 2 * past[n-1].delay
	case p.Function == workloads.FibonacciDelay && n > 1:
		last, before := past[n-1].delay, past[n-2].delay
		delay = last + before
		if before == p.MaxDelay && last == p.Delay { // after the return to base
			delay = last
		}
	}
	if p.MaxDelay > 0 && p.Function != workloads.ConstantDelay && delay > p.MaxDelay {
		delay = p.MaxDelay
		if n > 0 && failedAt-past[n-1].at > delay {
			delay = p.Delay
		}
	}
	return delay
}

// remembered is what of the past still counts: the events within the interval
// before now, or the last few when attempts are unlimited.
func remembered(p *workloads.Reschedule, past []rescheduleEvent, now time.Duration) []rescheduleEvent {
	if p.Unlimited {
		return past[max(0, len(past)-rememberedReschedules):]
	}
	for len(past) > 0 && now-past[0].at > p.Interval {
		past = past[1:]
	}
	return past
}

// The constants of the heartbeats.
const (
	heartbeatFloor    = 10 * time.Second // least time to live
	heartbeatRate     = 50.0             // heartbeats per second that the servers ask for at most
	heartbeatGrace    = 10 * time.Second // past the time to live
	heartbeatFailover = 300 * time.Second
)

// heartbeatBase is the least time to live of a heartbeat among n nodes,
// max(10 s, n/50 s); the granted one is up to twice as long.
func heartbeatBase(n int) time.Duration {
	return max(heartbeatFloor, time.Duration(float64(n)/heartbeatRate*float64(time.Second)))
}

// missedAfter draws how long after its last moment a node is found missing:
// what is left of a time to live base (1+U), seen at an instant that knows
// nothing of it, and the grace. A long interval is likelier to hold the
// instant, in proportion to its length.
func missedAfter(base time.Duration, s *des.Stream) time.Duration {
	// The density of the interval x = 1+u that holds the instant is x/1.5.
	x := 0.0
	for {
		x = 1 + s.Float64()
		if 2*s.Float64() < x {
			break
		}
	}
	return time.Duration(x*s.Float64()*float64(base)) + heartbeatGrace
}

// jitter lengthens d by up to 25 %, as restarts are.
func jitter(d time.Duration, s *des.Stream) time.Duration {
	return d + time.Duration(0.25*s.Float64()*float64(d))
}

// followUpDelay is the wait of the evaluation that follows a failed one:
// 60 s + U[0, 300 s).
func followUpDelay(s *des.Stream) time.Duration {
	return time.Minute + time.Duration(s.Float64()*float64(5*time.Minute))
}
