package des

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLogUnitAgreesWithTheLibrary(t *testing.T) {
	s := FromSeed(1)
	check := func(x float64) {
		want := math.Log(x)
		assert.InDelta(t, want, logUnit(x), 3e-16+4e-16*math.Abs(want), "x = %v", x)
	}
	for range 1_000_000 {
		u := s.Float64()
		if got, want := logUnit(1-u), math.Log(1-u); math.Abs(got-want) > 4e-16*math.Abs(want)+1e-17 {
			check(1 - u)
		}
	}
	for _, x := range []float64{1, 1 - 0x1p-53, 1 - 0x1p-30, 0.5, 0x1p-53, 0.6875, 0.687499999, 1 - 0x1p-8, 0.99, 0.7} {
		check(x)
	}
	assert.Zero(t, logUnit(1))
}

func BenchmarkLogUnit(b *testing.B) {
	s := FromSeed(1)
	sum := 0.0
	for b.Loop() {
		sum += logUnit(1 - s.Float64())
	}
	assert.Less(b, sum, 0.0)
}

func BenchmarkLogLibrary(b *testing.B) {
	s := FromSeed(1)
	sum := 0.0
	for b.Loop() {
		sum += math.Log(1 - s.Float64())
	}
	assert.Less(b, sum, 0.0)
}
