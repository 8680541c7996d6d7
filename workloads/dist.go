package workloads

import "math"

// DistKind names a probability law.
type DistKind uint8

const (
	Constant         DistKind = iota
	Exponential               // by its mean
	Lognormal                 // by its mean and coefficient of variation
	Hyperexponential          // two phases with balanced means, by mean and CV >= 1
	Uniform                   // between Low and High
	Erlang                    // K phases, by its mean
	Pareto                    // by mean and shape (> 1)
	Empirical                 // equally likely samples
)

// A Dist is a distribution of a quantity: seconds of work or bytes of output.
// The zero value is the constant 0.
type Dist struct {
	Kind    DistKind
	Mean    float64
	CV      float64   // standard deviation over mean: Lognormal, Hyperexponential
	Low     float64   // Uniform
	High    float64   // Uniform
	Shape   float64   // Pareto: tail index; Erlang: number of phases
	Samples []float64 // Empirical
}

// Const is the distribution that always yields v.
func Const(v float64) Dist { return Dist{Kind: Constant, Mean: v} }

// Exp is the exponential distribution of the given mean.
func Exp(mean float64) Dist { return Dist{Kind: Exponential, Mean: mean} }

// Times is the distribution of d's quantity multiplied by f, at least 0.
func (d Dist) Times(f float64) Dist {
	d.Mean, d.Low, d.High = d.Mean*f, d.Low*f, d.High*f
	if d.Samples != nil {
		samples := make([]float64, len(d.Samples))
		for i, x := range d.Samples {
			samples[i] = x * f
		}
		d.Samples = samples
	}
	return d
}

// SquaredCV is the squared coefficient of variation, Var/Mean^2, which the
// Pollaczek-Khinchine formula needs. It is +Inf for a Pareto law of shape <= 2.
func (d Dist) SquaredCV() float64 {
	switch d.Kind {
	case Exponential:
		return 1
	case Lognormal, Hyperexponential:
		return d.CV * d.CV
	case Uniform:
		w := d.High - d.Low
		return w * w / 12 / (d.Mean * d.Mean)
	case Erlang:
		return 1 / d.Shape
	case Pareto:
		if d.Shape <= 2 {
			return math.Inf(1)
		}
		return 1 / (d.Shape * (d.Shape - 2))
	case Empirical:
		var s2 float64
		for _, x := range d.Samples {
			s2 += (x - d.Mean) * (x - d.Mean)
		}
		return s2 / float64(len(d.Samples)) / (d.Mean * d.Mean)
	}
	return 0
}
