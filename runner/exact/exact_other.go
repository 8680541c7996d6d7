//go:build !linux

// Package exact waits as exactly as the system can.
package exact

import "time"

// Thread changes nothing.
func Thread() func() { return func() {} }

// Sleep waits on a timer of the Go runtime.
func Sleep(d time.Duration) { time.Sleep(d) }
