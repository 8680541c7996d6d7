package des

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exactLn is the logarithm to far more digits than a float64 has, by Newton's
// iteration on a Taylor series of the exponential.
func exactLn(x float64) *big.Float {
	num := func(x float64) *big.Float { return new(big.Float).SetPrec(200).SetFloat64(x) }
	y := num(math.Log(x))
	for range 3 {
		// e^y by halving the argument often enough for the series.
		z := new(big.Float).SetMantExp(y, -40)
		sum, term := num(1), num(1)
		for k := 1.0; k < 12; k++ {
			term = num(0).Quo(num(0).Mul(term, z), num(k))
			sum.Add(sum, term)
		}
		for range 40 {
			sum = num(0).Mul(sum, sum)
		}
		// y += (x - e^y)/e^y, which doubles the digits.
		y = num(0).Add(y, num(0).Quo(num(0).Sub(num(x), sum), sum))
	}
	return y
}

func TestLogarithmIsWithinOneUnitInTheLastPlace(t *testing.T) {
	t.Parallel()
	s := FromSeed(4)
	check := func(x float64) {
		want := exactLn(x)
		nearest, _ := want.Float64()
		unit := math.Abs(math.Nextafter(nearest, math.Inf(1)) - nearest)
		d, _ := new(big.Float).Sub(want, new(big.Float).SetFloat64(ln(x))).Float64()
		require.LessOrEqual(t, math.Abs(d), unit, "ln(%x) = %x, exactly %s", x, ln(x), want.Text('g', 30))
	}
	for range 3000 {
		check(1 - s.Float64())
		check(1 - math.Ldexp(s.Float64(), -s.IntN(54)))
		check(math.Ldexp(0.5+s.Float64(), s.IntN(200)-100))
	}
	for i := range 128 {
		c := logPoints[i].c
		for _, x := range []float64{c, c + 1.0/1024, c - 1.0/1024, c + 1.0/512, c - 1.0/512} {
			if x != 1 {
				check(x)
			}
		}
	}
	for k := 1; k <= 53; k++ {
		check(math.Ldexp(1, -k))
		check(1 - math.Ldexp(1, -k))
	}
	assert.Zero(t, ln(1))
}

func BenchmarkLogarithm(b *testing.B) {
	for _, c := range []struct {
		name string
		f    func(float64) float64
	}{{"table", ln}, {"library", math.Log}} {
		b.Run("method="+c.name, func(b *testing.B) {
			s := FromSeed(1)
			for b.Loop() {
				c.f(1 - s.Float64())
			}
		})
	}
}
