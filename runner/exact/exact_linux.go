// Package exact waits as exactly as the system can.
package exact

import (
	"runtime"
	"syscall"
	"time"
)

// Thread keeps the goroutine on a thread whose sleeps the kernel does not
// stretch (by 50 µs unless asked), and returns what gives the thread back.
func Thread() func() {
	const setTimerSlack = 29 // PR_SET_TIMERSLACK; 0 as its value restores the default
	runtime.LockOSThread()
	syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0)
	return func() {
		syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 0, 0)
		runtime.UnlockOSThread()
	}
}

// Sleep waits in the kernel rather than on a timer of the Go runtime. It may
// return early; callers look at the clock.
func Sleep(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&ts, nil) // an interrupted sleep is an early return
}
