// Package draw draws random numbers from the distributions of workloads.
package draw

import (
	"math"

	"caravan/sim/des"
	"caravan/workloads"
)

// A Sampler draws from a compiled distribution.
type Sampler struct {
	kind    workloads.DistKind
	inverse bool // exponentials by inversion
	k       int  // Erlang phases
	a, b    float64
	c       float64
	samples []float64
}

// New precomputes what drawing from d needs; inverse draws exponentials as
// -m ln(1-u) instead of by ziggurat:
//
//	lognormal        a = mu = ln(mean) - s^2/2, b = s = sqrt(ln(1+cv^2))
//	hyperexponential a = p1, b, c = phase means, with balanced means:
//	                 p1 = (1+sqrt((cv^2-1)/(cv^2+1)))/2, p1*b = p2*c = mean/2
//	pareto           a = scale = mean(shape-1)/shape, b = -1/shape
//
// (Law, Simulation Modeling and Analysis, 5th ed., ch. 8; Whitt 1982 for the
// balanced means).
func New(d workloads.Dist, inverse bool) Sampler {
	s := Sampler{kind: d.Kind, inverse: inverse, a: d.Mean}
	switch d.Kind {
	case workloads.Lognormal:
		v := math.Log1p(d.CV * d.CV)
		s.a, s.b = math.Log(d.Mean)-v/2, math.Sqrt(v)
	case workloads.Hyperexponential:
		c2 := d.CV * d.CV
		p := (1 + math.Sqrt((c2-1)/(c2+1))) / 2
		s.a, s.b, s.c = p, d.Mean/(2*p), d.Mean/(2*(1-p))
	case workloads.Uniform:
		s.a, s.b = d.Low, d.High-d.Low
	case workloads.Erlang:
		s.k = int(d.Shape)
		s.a = d.Mean / float64(s.k)
	case workloads.Pareto:
		s.a, s.b = d.Mean*(d.Shape-1)/d.Shape, -1/d.Shape
	case workloads.Empirical:
		s.samples = d.Samples
	}
	if d.Mean == 0 && d.Kind != workloads.Uniform && d.Kind != workloads.Empirical {
		s = Sampler{kind: workloads.Constant}
	}
	return s
}

// Random reports whether drawing consumes a random number.
func (s *Sampler) Random() bool { return s.kind != workloads.Constant }

func (s *Sampler) exp(r *des.Stream) float64 {
	if s.inverse {
		return r.ExpInverse()
	}
	return r.Exp()
}

// Constant is the value of a sampler that is not Random.
func (s *Sampler) Constant() float64 { return s.a }

// Draw returns one variate; constants consume nothing of r.
func (s *Sampler) Draw(r *des.Stream) float64 {
	switch s.kind {
	case workloads.Constant:
		return s.a
	case workloads.Exponential:
		return s.a * s.exp(r)
	}
	return s.drawOther(r)
}

func (s *Sampler) drawOther(r *des.Stream) float64 {
	switch s.kind {
	case workloads.Lognormal:
		return math.Exp(s.a + s.b*r.Norm())
	case workloads.Hyperexponential:
		if r.Float64() < s.a {
			return s.b * s.exp(r)
		}
		return s.c * s.exp(r)
	case workloads.Uniform:
		return s.a + s.b*r.Float64()
	case workloads.Erlang:
		var x float64
		for range s.k {
			x += s.a * s.exp(r)
		}
		return x
	case workloads.Pareto:
		return s.a * math.Pow(1-r.Float64(), s.b)
	default: // Empirical
		return s.samples[r.IntN(len(s.samples))]
	}
}
