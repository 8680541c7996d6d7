package topology

import (
	"math"
	"time"
)

// Bytes is an amount of data.
type Bytes int64

// Binary multiples.
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
)

// BytesPerSecond is a bandwidth. Files write it in bits (`10Mbit/s`) or in
// bytes (`5B/s`); inside it is bytes.
type BytesPerSecond float64

// MHz is an amount of processor capacity, as HashiCorp Nomad counts it.
type MHz float64

// Seconds turns a float into a time.Duration, rounded to the nearest
// nanosecond, which is the only rounding between a formula and the event
// clock. Values beyond 292 years saturate.
func Seconds(s float64) time.Duration {
	ns := s * 1e9
	if ns >= 0 && ns < 1<<52 { // the usual case, without a call: adding a half is exact enough to round
		return time.Duration(ns + 0.5)
	}
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(math.Round(ns))
}

// ServiceTime is how long work (seconds on the reference machine) takes on a
// machine of the given speed.
func ServiceTime(workSeconds, speed float64) time.Duration {
	return Seconds(workSeconds / speed)
}

// SerialisationTime is how long a message occupies a link of the given
// bandwidth: bytes/bandwidth, and nothing at infinite bandwidth (0).
func SerialisationTime(bytes float64, b BytesPerSecond) time.Duration {
	if b == 0 {
		return 0
	}
	return Seconds(bytes / float64(b))
}
