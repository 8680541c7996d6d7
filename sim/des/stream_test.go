package des

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

var _ rand.Source = (*Stream)(nil)

// The draws of the reference implementation in C from the state 1, 2, 3, 4,
// and of splitmix64 from the seed 1234567, as both authors publish them.
func TestDrawsAreThoseOfTheReferenceImplementations(t *testing.T) {
	s := Stream{1, 2, 3, 4}
	for _, want := range []uint64{
		41943041, 58720359, 3588806011781223, 3591011842654386,
		9228616714210784205, 9973669472204895162, 14011001112246962877,
		12406186145184390807, 15849039046786891736, 10450023813501588000,
	} {
		assert.Equal(t, want, s.Uint64())
	}
	seed := uint64(1234567)
	for _, want := range []uint64{
		6457827717110365317, 3203168211198807973, 9817491932198370423,
		4593380528125082431, 16408922859458223821,
	} {
		assert.Equal(t, want, splitmix(&seed))
	}
}

func TestNamedStreamsStayWhatTheyAre(t *testing.T) {
	first := func(seed uint64, names ...string) string {
		s := NewStream(seed, names...)
		return fmt.Sprintf("%016x", s.Uint64())
	}
	assert.Equal(t, "4851aeac878c5467", first(1))
	assert.Equal(t, "9b665157e0e5a22e", first(1, "arrivals"))
	assert.Equal(t, "64073ea5844e49e2", first(1, "arrivals", "camera"))

	seen := map[string]string{}
	for _, names := range [][]string{
		nil, {""}, {"", ""}, {"a"}, {"b"}, {"ab"}, {"a", "b"}, {"b", "a"}, {"a", "b", ""}, {"", "ab"},
	} {
		for seed := range uint64(4) {
			x := first(seed, names...)
			at := fmt.Sprintf("%d %q", seed, names)
			assert.Empty(t, seen[x], "%s repeats %s", at, seen[x])
			seen[x] = at
		}
	}
}

func TestStreamsAreUncorrelated(t *testing.T) {
	const n, k = 40, 20000
	draws := make([][]float64, n)
	for i := range draws {
		s := NewStream(7, "source", fmt.Sprint(i))
		for range k {
			draws[i] = append(draws[i], s.Float64())
		}
	}
	// Of 780 correlations with standard deviation 1/sqrt(k), the largest
	// exceeds five of them once in two thousand seeds.
	for i := range draws {
		for j := range i {
			r := stat.Correlation(draws[i], draws[j], nil)
			assert.Less(t, math.Abs(r)*math.Sqrt(k), 5.0, "%d and %d", i, j)
		}
	}
}

func TestIntNIsUniform(t *testing.T) {
	s := FromSeed(1)
	counts := make([]float64, 7)
	const k = 700000
	for range k {
		counts[s.IntN(7)]++
	}
	chi := 0.0
	for _, c := range counts {
		chi += (c - k/7) * (c - k/7) / (k / 7)
	}
	assert.Less(t, chi, distuv.ChiSquared{K: 6}.Quantile(0.9999))
	assert.Panics(t, func() { s.IntN(0) })
}

// kolmogorov returns the p-value of the Kolmogorov-Smirnov test of draws
// against a distribution function.
func kolmogorov(draws []float64, cdf func(float64) float64) float64 {
	slices.Sort(draws)
	n := float64(len(draws))
	var d float64
	for i, x := range draws {
		f := cdf(x)
		d = max(d, f-float64(i)/n, float64(i+1)/n-f)
	}
	p := 0.0
	for k := 1.0; k < 100; k++ { // Kolmogorov's series
		p += 2 * math.Pow(-1, k-1) * math.Exp(-2*k*k*d*d*n)
	}
	return min(p, 1)
}

func TestDrawsFollowTheirExactLaws(t *testing.T) {
	t.Parallel()
	norm := distuv.Normal{Sigma: 1}
	expCDF := func(x float64) float64 { return -math.Expm1(-x) }
	for _, c := range []struct {
		name    string
		draw    func(*Stream) float64
		cdf     func(float64) float64
		moments [4]float64 // about zero
	}{
		{"Exp", (*Stream).Exp, expCDF, [4]float64{1, 2, 6, 24}},
		{"ExpInverse", (*Stream).ExpInverse, expCDF, [4]float64{1, 2, 6, 24}},
		{"Norm", (*Stream).Norm, norm.CDF, [4]float64{0, 1, 0, 3}},
		{"Float64", (*Stream).Float64, func(x float64) float64 { return x }, [4]float64{1. / 2, 1. / 3, 1. / 4, 1. / 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const n = 2_000_000
			s := FromSeed(20)
			draws := make([]float64, n)
			var sum, squares [4]float64
			for i := range draws {
				draws[i] = c.draw(&s)
				power := 1.0
				for k := range sum {
					power *= draws[i]
					sum[k] += power
					squares[k] += power * power
				}
			}
			for k, want := range c.moments {
				mean := sum[k] / n
				deviation := math.Sqrt((squares[k]/n - mean*mean) / n)
				assert.InDelta(t, want, mean, 4.5*deviation, "moment %d", k+1)
			}
			assert.Greater(t, kolmogorov(draws, c.cdf), 1e-3)
		})
	}
}

func TestZigguratTailsFollowTheirExactLaws(t *testing.T) {
	t.Parallel()
	s := FromSeed(21)
	var exp, norm []float64
	for range 5_000_000 {
		if x := s.Exp(); x > expR {
			exp = append(exp, x-expR)
		}
		if x := math.Abs(s.Norm()); x > normR {
			norm = append(norm, x)
		}
	}
	n := 5_000_000.0
	std := distuv.Normal{Sigma: 1}
	wantExp, wantNorm := n*math.Exp(-expR), n*2*std.Survival(normR)
	assert.InDelta(t, wantExp, len(exp), 4.5*math.Sqrt(wantExp))
	assert.InDelta(t, wantNorm, len(norm), 4.5*math.Sqrt(wantNorm))
	assert.Greater(t, kolmogorov(exp, func(x float64) float64 { return -math.Expm1(-x) }), 1e-3)
	assert.Greater(t, kolmogorov(norm, func(x float64) float64 { return 1 - std.Survival(x)/std.Survival(normR) }), 1e-3)
}

// The layers of each ziggurat have one area and stack up to the top of the
// density, which is what makes the method exact.
func TestZigguratLayersHaveEqualArea(t *testing.T) {
	check := func(layers *[256]layer, wedges *[256]wedge, r, v float64, f func(float64) float64) {
		right := func(i int) float64 { return layers[i].width * (1 << 53) }
		assert.InDelta(t, v/f(r), right(0), 1e-12)
		assert.InDelta(t, r, right(1), 1e-12)
		assert.InDelta(t, 1, wedges[255].foot+wedges[255].rise, 1e-12)
		for i := 1; i < 256; i++ {
			assert.InEpsilon(t, v, right(i)*wedges[i].rise, 1e-9, "layer %d", i)
			assert.InDelta(t, f(right(i)), wedges[i].foot, 1e-12)
			inside := float64(layers[i-1].inside) * layers[i-1].width
			assert.InDelta(t, right(i), inside, 1e-12, "layer %d", i-1)
		}
		assert.Zero(t, layers[255].inside)
	}
	check(&expLayers, &expWedges, expR, (expR+1)*math.Exp(-expR), func(x float64) float64 { return math.Exp(-x) })
	tail := math.Sqrt(math.Pi/2) * math.Erfc(normR/math.Sqrt2)
	density := func(x float64) float64 { return math.Exp(-x * x / 2) }
	check(&normLayers, &normWedges, normR, normR*density(normR)+tail, density)
}
