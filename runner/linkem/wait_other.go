//go:build !linux

package linkem

import "time"

func exactThread() func() { return func() {} }

func sleep(d time.Duration) { time.Sleep(d) }
