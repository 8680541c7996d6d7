package des

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawDuration(t *rapid.T) time.Duration {
	return time.Duration(rapid.Int64Range(0, math.MaxInt64>>rapid.IntRange(0, 63).Draw(t, "shift")).Draw(t, "d"))
}

func TestQuantileBoundsHoldTheExactQuantile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h Histogram
		values := rapid.SliceOfN(rapid.Custom(drawDuration), 1, 200).Draw(t, "values")
		for _, d := range values {
			h.Add(d)
		}
		slices.Sort(values)
		n := len(values)
		require.EqualValues(t, n, h.Count())
		require.Equal(t, values[0], h.Min())
		require.Equal(t, values[n-1], h.Max())
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		rank := max(1, int(math.Ceil(q*float64(n))))
		want := values[rank-1]
		low, high := h.QuantileBounds(q)
		require.LessOrEqual(t, low, want)
		require.GreaterOrEqual(t, high, want)
		require.LessOrEqual(t, float64(high-low), float64(low)/512)
		require.LessOrEqual(t, math.Abs(float64(h.Quantile(q)-want)), 0.00098*float64(want)+1)
	})
}

func TestBucketsCoverEveryDurationOnce(t *testing.T) {
	next := time.Duration(0)
	for octave := range octaves {
		for sub := range subLen {
			low, high := span(octave, sub)
			require.Equal(t, next, low)
			for _, d := range []time.Duration{low, high} {
				o, s := locate(d)
				require.Equal(t, [2]uint{uint(octave), uint(sub)}, [2]uint{o, s})
			}
			next = high + 1
		}
	}
	assert.Equal(t, time.Duration(math.MinInt64), next, "one past the largest")
}

func TestMergingIsAddingBoth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gen := rapid.SliceOf(rapid.Custom(drawDuration))
		var a, b, both Histogram
		for _, d := range gen.Draw(t, "a") {
			a.Add(d)
			both.Add(d)
		}
		for _, d := range gen.Draw(t, "b") {
			n := rapid.Uint64Range(0, 3).Draw(t, "n")
			b.AddN(d, n)
			for range n {
				both.Add(d)
			}
		}
		a.Merge(&b)
		require.Equal(t, slices.Collect(both.Buckets()), slices.Collect(a.Buckets()))
		require.Equal(t, both.Count(), a.Count())
		require.Equal(t, both.Min(), a.Min())
		require.Equal(t, both.Max(), a.Max())
	})
}

func TestEmptyHistogramAnswersZero(t *testing.T) {
	var h Histogram
	h.Add(5 * time.Second)
	h.Reset()
	assert.Zero(t, h.Count())
	assert.Zero(t, h.Quantile(0.5))
	assert.Zero(t, h.Max())
	assert.Empty(t, slices.Collect(h.Buckets()))
	h.Add(7)
	assert.Equal(t, time.Duration(7), h.Min())
	assert.Panics(t, func() { h.Add(-1) })
}

func TestQuantilesAgreeWithHdrHistogram(t *testing.T) {
	var h Histogram
	hdr := hdrhistogram.New(1, int64(time.Hour), 4)
	s := FromSeed(9)
	for range 200000 {
		d := time.Duration(1e7 * math.Exp(s.Norm()))
		h.Add(d)
		require.NoError(t, hdr.RecordValue(int64(d)))
	}
	for _, q := range []float64{0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999} {
		assert.InEpsilon(t, hdr.ValueAtQuantile(q*100), int64(h.Quantile(q)), 0.0012, "q=%v", q)
	}
	above := h.CountAbove(1e7)
	assert.InEpsilon(t, 100000, above, 0.02)
}
