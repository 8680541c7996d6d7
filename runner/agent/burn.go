package agent

import (
	"runtime"
	"time"
)

// burnStep is about how long the loop runs between two looks at the clock: a
// look costs a system call, and half a step is the mean excess.
const burnStep = 10 * time.Microsecond

// burn uses d of the processor time of one core, whatever the clock says
// meanwhile, and returns what it used. It returns early, finished false, when
// revoked can be received from. Where the system does not tell a thread's time,
// the clock stands in for it.
func burn(d time.Duration, revoked <-chan struct{}) (used time.Duration, finished bool) {
	if d <= 0 {
		return 0, true
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	now := clockOfThread()
	began := now()
	rounds := 64
	for x := uint64(1); ; {
		before := now()
		used = before - began
		if used >= d {
			return used, true
		}
		select {
		case <-revoked:
			return used, false
		default:
		}
		for range rounds {
			x = x*6364136223846793005 + 1442695040888963407 // Knuth's LCG: work that nothing can leave out
		}
		if x == 0 {
			continue
		}
		rounds = nextRounds(rounds, now()-before, min(burnStep, d-used))
	}
}

// nextRounds adapts the length of a step to how long the last one took.
func nextRounds(rounds int, took, want time.Duration) int {
	if took <= 0 {
		return min(2*rounds, 1<<20)
	}
	next := int(float64(rounds) * float64(want) / float64(took))
	return max(16, min(next, 2*rounds, 1<<20))
}

// clockOfThread is the thread's processor time, or else the wall clock.
func clockOfThread() func() time.Duration {
	if _, ok := threadTime(); ok {
		return func() time.Duration { t, _ := threadTime(); return t }
	}
	began := time.Now()
	return func() time.Duration { return time.Since(began) }
}
