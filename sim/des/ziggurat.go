package des

import "math"

//go:generate go run ./internal/tables -o tables.go

// A layer is a horizontal slice of a density that falls from x = 0. Layer i
// is x[i] wide at its foot, where the density is f(x[i]), and x[i+1] wide at
// its head; all 256 have one area. Layer 0 reaches down to the axis: x[1] is
// where the tail begins, and what lies beyond x[1] in layer 0 stands for the
// tail.
type layer struct {
	inside uint64  // a 53-bit abscissa below this lies under the density
	width  float64 // times the 53-bit abscissa is x
}

// A wedge is the part of a layer that the density cuts.
type wedge struct {
	foot float64 // density at the foot of the layer
	rise float64 // density at its head, less foot
}

// contains tells whether a point at a random height u of the wedge lies under
// the density, whose logarithm there is given.
func (w *wedge) contains(u, logDensity float64) bool {
	return ln(w.foot+float64(u*w.rise)) < logDensity
}

// Exp draws from the exponential distribution with mean 1 by the ziggurat
// method (Marsaglia and Tsang 2000) with 256 layers. It uses one word in 98.9 %
// of draws. Index and abscissa come from different bits of the word, which
// Doornik (2005) asks for.
func (s *Stream) Exp() float64 {
	u := s.Uint64()
	l := &expLayers[u&0xff]
	m := u >> 11
	x := float64(m) * l.width
	if m < l.inside {
		return x
	}
	return s.expSlow(u, x)
}

// expSlow decides about an abscissa x outside of the sure part of a layer.
func (s *Stream) expSlow(u uint64, x float64) float64 {
	for {
		i := u & 0xff
		if i == 0 {
			// The tail of an exponential is an exponential.
			return expR + s.ExpInverse()
		}
		if expWedges[i].contains(s.Float64(), -x) {
			return x
		}
		u = s.Uint64()
		l := &expLayers[u&0xff]
		x = float64(u>>11) * l.width
		if u>>11 < l.inside {
			return x
		}
	}
}

// Norm draws from the standard normal distribution by the ziggurat method
// with 256 layers; the tail is Marsaglia's (1964).
func (s *Stream) Norm() float64 {
	u := s.Uint64()
	l := &normLayers[u&0xff]
	m := u >> 11
	x := float64(m) * l.width
	if m >= l.inside {
		u, x = s.normSlow(u, x)
	}
	// Bit 8 is in neither index nor abscissa.
	return math.Float64frombits(math.Float64bits(x) | u<<55&(1<<63))
}

// normSlow decides about an abscissa x outside of the sure part of a layer.
// It returns the word that gives the sign, and the accepted abscissa.
func (s *Stream) normSlow(u uint64, x float64) (uint64, float64) {
	for {
		i := u & 0xff
		if i == 0 {
			return u, s.normTail()
		}
		if normWedges[i].contains(s.Float64(), -0.5*x*x) {
			return u, x
		}
		u = s.Uint64()
		l := &normLayers[u&0xff]
		x = float64(u>>11) * l.width
		if u>>11 < l.inside {
			return u, x
		}
	}
}

// normTail draws from the part of the normal distribution beyond normR.
func (s *Stream) normTail() float64 {
	for {
		t := s.ExpInverse() / normR
		if y := s.ExpInverse(); y+y > t*t {
			return normR + t
		}
	}
}
