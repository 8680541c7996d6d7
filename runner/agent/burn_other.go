//go:build !linux

package agent

import "time"

// threadTime is the processor time that the calling thread has used, where the
// system tells it.
func threadTime() (time.Duration, bool) { return 0, false }
