package results

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTIntervalMeetsTheTextbook(t *testing.T) {
	// Law, Simulation Modeling and Analysis, example 4.27: ten observations.
	xs := []float64{1.20, 1.50, 1.68, 1.89, 0.95, 1.49, 1.58, 1.55, 0.50, 1.09}
	iv, err := TInterval(xs, 0.90)
	require.NoError(t, err)
	assert.InDelta(t, 1.34, iv.Mean, 0.005)
	assert.InDelta(t, 0.24, iv.HalfWidth, 0.005)
	_, err = TInterval(xs[:1], 0.9)
	assert.ErrorContains(t, err, "needs 2 observations")
}

// An interval at 95 % covers the mean in about 95 of 100 cases: within four
// standard deviations of the binomial law.
func TestIntervalsCoverAsOftenAsTheySay(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const trials = 4000
	independent, batched := 0, 0
	for range trials {
		xs := make([]float64, 8)
		for i := range xs {
			xs[i] = rng.NormFloat64()
		}
		iv, err := TInterval(xs, 0.95)
		require.NoError(t, err)
		if math.Abs(iv.Mean) <= iv.HalfWidth {
			independent++
		}
		series := make([]float64, 2000) // autoregressive, correlation 0.5
		x := rng.NormFloat64()
		for i := range series {
			x = 0.5*x + rng.NormFloat64()
			series[i] = x
		}
		iv, err = BatchMeans(series, DefaultBatches)
		require.NoError(t, err)
		if math.Abs(iv.Mean) <= iv.HalfWidth {
			batched++
		}
	}
	sigma := math.Sqrt(0.95 * 0.05 * trials)
	assert.InDelta(t, 0.95*trials, independent, 4*sigma)
	assert.InDelta(t, 0.95*trials, batched, 6*sigma, "batches are nearly independent")
}

func TestMSER5CutsATransientAndNothingElse(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	series := make([]float64, 400)
	for i := range series {
		series[i] = 10 + rng.NormFloat64()
		if i < 60 {
			series[i] += 20 * math.Exp(-float64(i)/10)
		}
	}
	d, ok := MSER5(series)
	assert.True(t, ok)
	assert.InDelta(t, 35, d, 30)
	d, ok = MSER5(series[100:])
	assert.True(t, ok)
	assert.Less(t, d, 150)
	d, ok = MSER5([]float64{3, 3, 3, 3, 3, 3, 3, 3, 3, 3})
	assert.True(t, ok)
	assert.Zero(t, d, "nothing to cut")
	rising := make([]float64, 100)
	for i := range rising {
		rising[i] = float64(i)
	}
	_, ok = MSER5(rising)
	assert.False(t, ok, "no steady state")
}

func reps(values ...float64) []Replication {
	out := make([]Replication, len(values))
	for i, v := range values {
		out[i] = Replication{Index: i, Values: []Value{{Name: "latency", Subject: "p", Stat: "mean", Unit: "s", Value: v}}}
	}
	return out
}

func TestSummarise(t *testing.T) {
	m := Summarise(reps(1, 2, 3, math.NaN()))
	require.Len(t, m, 1)
	assert.Equal(t, 2.0, m[0].Value)
	assert.Equal(t, 3, m[0].N, "NaN is no observation")
	assert.InDelta(t, 2+4.302653*1/math.Sqrt(3), m[0].CI95[1], 1e-6)

	one := reps(5)
	one[0].Values[0].HalfWidth, one[0].Values[0].N = 0.5, 20
	m = Summarise(one)
	assert.Equal(t, &[2]float64{4.5, 5.5}, m[0].CI95, "its own batches give the interval")

	m = Summarise(reps(math.NaN()))
	assert.True(t, math.IsNaN(m[0].Value))
	assert.Nil(t, m[0].CI95)
}

func TestPairedDifferencesAreNarrowerThanTheirParts(t *testing.T) {
	d, err := PairedDifference(reps(1, 5, 9), reps(2, 6.1, 9.9))
	require.NoError(t, err)
	assert.InDelta(t, 1, d[0].Value, 1e-12)
	assert.Less(t, d[0].CI95[1]-d[0].CI95[0], 1.0)
	p, err := Paired([]float64{1, 5, 9}, []float64{2, 6.1, 9.9})
	require.NoError(t, err)
	assert.True(t, p.Significant())
	assert.Less(t, p.P, 0.05)
	_, err = PairedDifference(reps(1), nil)
	assert.Error(t, err)
}

func TestQuantileIntervalIsThatOfOrderStatistics(t *testing.T) {
	xs := make([]float64, 100)
	for i := range xs {
		xs[i] = float64(i + 1)
	}
	low, high, ok := QuantileInterval(xs, 0.5, 0.95)
	assert.True(t, ok)
	assert.Equal(t, []float64{40, 61}, []float64{low, high})
	_, _, ok = QuantileInterval(xs[:5], 0.99, 0.95)
	assert.False(t, ok)
}

func sample() *Run {
	bound := 1.5
	return &Run{
		Version: FormatVersion, Scenario: "s", Stamp: Stamp{Version: "v", Seed: 1 << 63, ScenarioSHA256: "ab", Solver: "chaincut"},
		Placement: []Placed{{"p", "o", 0, "n"}}, Unplaced: []Unplaced{}, Warnings: []string{"<&>"},
		Objective: Objective{Name: "latency", Value: math.NaN(), Unit: "s", Status: "optimal", Bound: &bound},
		Metrics:   []Metric{{Name: "latency", Workload: "p", Stat: "mean", Value: 0.1, Unit: "s", CI95: &[2]float64{0.05, 0.15}, N: 3}},
		Replications: []Replication{{Index: 0, Events: 7, End: time.Hour, Values: []Value{{Name: "a", Value: math.NaN()}, {Name: "b", Value: 1e-9, HalfWidth: 0.5, N: 2}},
			Histograms: []Histogram{{Subject: "p", Name: "latency", LowNS: []int64{1}, HighNS: []int64{2}, Counts: []uint64{3}}}}},
	}
}

func TestARunSurvivesItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "run.json")
	require.NoError(t, Save(path, sample()))
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, files, 1, "no temporary file is left")
	back, err := Load(path)
	require.NoError(t, err)
	var first, second bytes.Buffer
	require.NoError(t, Encode(&first, sample()))
	require.NoError(t, Encode(&second, back))
	assert.Equal(t, first.String(), second.String())
	assert.True(t, math.IsNaN(back.Objective.Value))
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"version": 2}`, "version: found 2, allowed is 1"},
		{`{"version": 1, "colour": 3}`, `unknown field "colour"`},
		{`{"version": "x"}`, "found string"},
		{`{"version": 1} x`, "text behind"},
		{``, "EOF"},
	} {
		_, err := Decode([]byte(c.text))
		assert.ErrorContains(t, err, c.want)
	}
}

func TestNumbersSurviveTheirText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := number(rapid.Float64().Draw(t, "x"))
		data, err := x.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var back number
		if err := back.UnmarshalJSON(data); err != nil {
			t.Fatal(err)
		}
		infinite := math.IsInf(float64(x), 0) || math.IsNaN(float64(x))
		if infinite != math.IsNaN(float64(back)) || !infinite && back != x {
			t.Fatalf("%v became %v", x, back)
		}
	})
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := Encode(&b, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Decode(data)
		if err != nil {
			return
		}
		if err := Encode(&bytes.Buffer{}, r); err != nil {
			t.Fatal(err)
		}
	})
}
