package des

import "math"

// The logarithm is most of the cost of an exponential variate by inversion,
// so it has a version of its own for the unit interval: table and polynomial,
// after P. T. P. Tang, Table-driven implementation of the logarithm function
// in IEEE floating-point arithmetic, ACM TOMS 16(4), 1990.
//
// x = 2^k z with z in [0.6875, 1.375), cut into 128 intervals; with c the
// middle of z's interval and r = (z-c)/c, ln x = k ln 2 + ln c + ln(1+r).
// |r| stays below 2^-7, where eight terms of the series are exact to half a
// unit in the last place. The two intervals that meet at 1 have c = 1, so that
// r is exact where ln x is small.
const (
	logBits   = 7
	logLen    = 1 << logBits
	logOffset = 0x3fe6000000000000 // 0.6875
)

type logEntry struct{ c, inverse, log float64 }

var logTable = newLogTable()

func newLogTable() *[logLen]logEntry {
	var t [logLen]logEntry
	for i := range t {
		bits := uint64(logOffset) + uint64(i)<<(52-logBits)
		low := math.Float64frombits(bits)
		high := math.Float64frombits(bits + 1<<(52-logBits))
		c := (low + high) / 2
		if low == 1 || high == 1 {
			c = 1
		}
		t[i] = logEntry{c: c, inverse: 1 / c, log: math.Log(c)}
	}
	return &t
}

// logUnit is the natural logarithm of a normal x in (0, 1], within two units
// in the last place.
func logUnit(x float64) float64 {
	bits := math.Float64bits(x)
	shifted := bits - logOffset
	e := &logTable[shifted>>(52-logBits)&(logLen-1)]
	k := float64(int64(shifted) >> 52)
	z := math.Float64frombits(bits - shifted&(0xfff<<52))
	r := (z - e.c) * e.inverse
	// ln(1+r) = r - r^2/2 + r^3 (1/3 - r/4 + r^2 (1/5 - r/6 + r^2 (1/7 - r/8)))
	r2 := float64(r * r)
	q := 1./7 - float64(r*(1./8))
	q = 1./5 - float64(r*(1./6)) + float64(r2*q)
	q = 1./3 - float64(r*(1./4)) + float64(r2*q)
	return float64(k*math.Ln2) + (e.log + (r + (float64(float64(r2*r)*q) - float64(0.5*r2))))
}
