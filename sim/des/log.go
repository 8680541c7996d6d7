package des

import "math"

// A logPoint is a point of the grid on which ln is tabulated.
type logPoint struct {
	c, inverse float64
	high, low  float64 // ln c; high is a multiple of 2^-42
}

// ln is the natural logarithm of a normal positive x, within one unit in the
// last place. Unlike math.Log it gives the same bits on every processor, and
// is faster than the portable one.
//
// It is Tang's method (ACM TOMS 16(4), 1990): x = 2^k z with z between 0.75
// and 1.5, c the grid point nearest to z, and r = (z-c)/c, hence
// ln x = k ln 2 + ln c + ln(1+r). Near x = 1 both k and ln c are 0, so that
// nothing cancels. The conversions to float64 keep compilers from fusing
// products and sums, which would round differently.
func ln(x float64) float64 {
	const (
		begin = 0x3fe8000000000000 - 1<<44 // half a grid step below 0.75
		whole = 1<<52 - 1
	)
	ix := math.Float64bits(x)
	t := ix - begin
	p := &logPoints[t>>45%128]
	k := float64(int64(t) >> 52)
	z := math.Float64frombits(ix - t&^whole)
	r := float64((z - p.c) * p.inverse)
	w := float64(k*ln2High) + p.high // exact
	high := w + r
	low := w - high + r + float64(float64(k*ln2Low)+p.low)
	// ln(1+r) - r = r^2 (-1/2 + r/3) + r^4 (-1/4 + r/5 + r^2 (-1/6 + r/7)),
	// grouped so that the processor can work on all groups at once.
	r2 := float64(r * r)
	r4 := float64(r2 * r2)
	tail := -1.0/4 + float64(r*(1.0/5)) + float64(r2*(-1.0/6+float64(r*(1.0/7))))
	return high + (low + (float64(r2*(-1.0/2+float64(r*(1.0/3)))) + float64(r4*tail)))
}
