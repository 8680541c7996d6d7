package results

import (
	"errors"
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// An Interval is a mean with the half-width of its confidence interval.
type Interval struct {
	Mean, HalfWidth float64
	N               int // observations behind it
}

// TInterval is the confidence interval of the mean of independent
// observations, mean ± t(n-1) s/sqrt(n), at the given level such as 0.95. It
// needs two observations (Law, Simulation Modeling and Analysis, 5th ed., 4.5).
func TInterval(xs []float64, level float64) (Interval, error) {
	if len(xs) < 2 {
		return Interval{}, fmt.Errorf("a confidence interval needs 2 observations, found %d", len(xs))
	}
	mean, sd := stat.MeanStdDev(xs, nil)
	n := float64(len(xs))
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.5 + level/2)
	return Interval{Mean: mean, HalfWidth: t * sd / math.Sqrt(n), N: len(xs)}, nil
}

// DefaultBatches is how many batches BatchMeans is best asked for: between 10
// and 30 (Schmeiser, 1982).
const DefaultBatches = 20

// BatchMeans is the 95 % interval of the mean of one correlated series: it is
// cut into the given number of batches, whose means are nearly independent
// when they are long (Law, 9.5.3). What does not fill a batch is left out at
// the start, where the transient is. The series needs two values a batch.
func BatchMeans(series []float64, batches int) (Interval, error) {
	size := len(series) / max(batches, 1)
	if batches < 2 || size < 2 {
		return Interval{}, fmt.Errorf("batch means need 2 batches of 2 values, found %d values for %d batches", len(series), batches)
	}
	series = series[len(series)-size*batches:]
	means := make([]float64, batches)
	for i := range means {
		means[i] = stat.Mean(series[i*size:(i+1)*size], nil)
	}
	return TInterval(means, 0.95)
}

// MSER5 is how many leading values to leave out of a series of means of five
// observations each, to be rid of the initial transient: the d that minimises
// the squared standard error of what is left, sum (x-mean)^2 / (n-d)^2 (White,
// Cobb and Spratt, 2000). ok is false when the best d lies in the second half:
// then the series is too short to tell.
func MSER5(means []float64) (d int, ok bool) {
	n := len(means)
	if n < 4 {
		return 0, false
	}
	best := math.Inf(1)
	var sum, squares float64
	centre := means[n-1] // keeps the sums small
	for i := n - 1; i >= 0; i-- {
		x := means[i] - centre
		sum += x
		squares += float64(x * x)
		k := float64(n - i)
		if k < 2 {
			continue
		}
		if mser := (squares - sum*sum/k) / (k * k); mser <= best && i <= n-5 {
			best, d = mser, i
		}
	}
	return d, d <= n/2
}

// A Difference is the paired difference of one quantity between two sets of
// replications that met the same random numbers.
type Difference struct {
	Interval         // of b - a, at 95 %
	P        float64 // two-sided p-value of no difference
}

// Significant reports whether the 95 % interval leaves out 0.
func (d Difference) Significant() bool { return math.Abs(d.Mean) > d.HalfWidth }

// Paired is the difference b - a of observations made under common random
// numbers, pair by pair (Law, 10.2.1).
func Paired(a, b []float64) (Difference, error) {
	if len(a) != len(b) {
		return Difference{}, fmt.Errorf("paired observations: found %d and %d", len(a), len(b))
	}
	ds := make([]float64, len(a))
	for i := range a {
		ds[i] = b[i] - a[i]
	}
	iv, err := TInterval(ds, 0.95)
	if err != nil {
		return Difference{}, err
	}
	d := Difference{Interval: iv, P: 1}
	if sd := stat.StdDev(ds, nil); sd > 0 {
		t := iv.Mean / (sd / math.Sqrt(float64(len(ds))))
		d.P = 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(len(ds) - 1)}.CDF(-math.Abs(t))
	} else if iv.Mean != 0 {
		d.P = 0
	}
	return d, nil
}

// valueKey names a quantity across replications.
type valueKey struct{ name, subject, stat, unit string }

// gather lists each quantity's observations, replication by replication, in
// the order in which they first appear. NaN observations are left out.
func gather(reps []Replication) ([]valueKey, map[valueKey][]float64) {
	var order []valueKey
	seen := map[valueKey][]float64{}
	for i := range reps {
		for _, v := range reps[i].Values {
			k := valueKey{v.Name, v.Subject, v.Stat, v.Unit}
			if _, ok := seen[k]; !ok {
				order = append(order, k)
				seen[k] = nil
			}
			if !math.IsNaN(v.Value) {
				seen[k] = append(seen[k], v.Value)
			}
		}
	}
	return order, seen
}

// Summarise turns replications into metrics: the mean of each quantity with
// its 95 % t interval across replications. A single replication yields the
// interval that its own batch means gave, where there is one. A quantity that
// no replication observed has the value NaN and N 0.
func Summarise(reps []Replication) []Metric {
	order, seen := gather(reps)
	out := make([]Metric, 0, len(order))
	for _, k := range order {
		m := Metric{Name: k.name, Workload: k.subject, Stat: k.stat, Unit: k.unit, Value: math.NaN(), N: len(seen[k])}
		if xs := seen[k]; len(xs) > 0 {
			m.Value = stat.Mean(xs, nil)
			if iv, err := TInterval(xs, 0.95); err == nil {
				m.CI95 = &[2]float64{iv.Mean - iv.HalfWidth, iv.Mean + iv.HalfWidth}
			}
		}
		out = append(out, m)
	}
	if len(reps) == 1 {
		withinOne(out, reps[0].Values)
	}
	return out
}

// withinOne takes over the intervals that a lone replication found within itself.
func withinOne(metrics []Metric, values []Value) {
	for _, v := range values {
		if v.N == 0 {
			continue
		}
		for i := range metrics {
			if m := &metrics[i]; m.Name == v.Name && m.Workload == v.Subject && m.Stat == v.Stat {
				m.CI95 = &[2]float64{v.Value - v.HalfWidth, v.Value + v.HalfWidth}
				m.N = v.N
			}
		}
	}
}

// PairedDifference compares two sets of replications of one scenario that met
// the same random numbers: for each quantity that both observed, b - a with
// its 95 % interval. Replications are paired by Index.
func PairedDifference(a, b []Replication) ([]Metric, error) {
	index := map[int]int{}
	for i := range a {
		index[a[i].Index] = i
	}
	type pair struct{ a, b []float64 }
	pairs := map[valueKey]*pair{}
	order, _ := gather(a)
	for i := range b {
		j, ok := index[b[i].Index]
		if !ok {
			continue
		}
		other := map[valueKey]float64{}
		for _, v := range a[j].Values {
			other[valueKey{v.Name, v.Subject, v.Stat, v.Unit}] = v.Value
		}
		for _, v := range b[i].Values {
			k := valueKey{v.Name, v.Subject, v.Stat, v.Unit}
			x, ok := other[k]
			if !ok || math.IsNaN(x) || math.IsNaN(v.Value) {
				continue
			}
			if pairs[k] == nil {
				pairs[k] = &pair{}
			}
			pairs[k].a = append(pairs[k].a, x)
			pairs[k].b = append(pairs[k].b, v.Value)
		}
	}
	var out []Metric
	for _, k := range order {
		p := pairs[k]
		if p == nil {
			continue
		}
		d, err := Paired(p.a, p.b)
		if err != nil {
			continue // a single pair has a difference but no interval, and says nothing
		}
		out = append(out, Metric{Name: k.name, Workload: k.subject, Stat: k.stat, Unit: k.unit, Value: d.Mean,
			CI95: &[2]float64{d.Mean - d.HalfWidth, d.Mean + d.HalfWidth}, N: d.N})
	}
	if out == nil {
		return nil, errors.New("the runs share no two replications to compare")
	}
	return out, nil
}

// QuantileInterval bounds the q-quantile of independent observations: the
// order statistics between which it lies with at least the given confidence,
// by the binomial law of the number of observations below it (David and
// Nagaraja, Order Statistics, 7.1). ok is false when there are too few.
func QuantileInterval(xs []float64, q, level float64) (low, high float64, ok bool) {
	n := len(xs)
	if n == 0 {
		return 0, 0, false
	}
	sorted := append([]float64(nil), xs...)
	sort.Float64s(sorted)
	b := distuv.Binomial{N: float64(n), P: q}
	tail := (1 - level) / 2
	lo := sort.Search(n+1, func(k int) bool { return b.CDF(float64(k)) > tail })
	hi := sort.Search(n+1, func(k int) bool { return b.CDF(float64(k)) >= 1-tail })
	if lo < 1 || hi >= n {
		return sorted[0], sorted[n-1], false
	}
	return sorted[lo-1], sorted[hi], true
}
