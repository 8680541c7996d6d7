package scenarios

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distmv"
	"gonum.org/v1/gonum/stat/samplemv"
)

// between is the value at share u of the way from one end to the other.
func (d Dimension) between(u float64) float64 {
	if d.log {
		return math.Exp(math.Log(d.from.Number)*(1-u) + math.Log(d.to.Number)*u)
	}
	return d.from.Number*(1-u) + d.to.Number*u
}

// designed are the combinations of a design. A parameter given by values takes
// the one whose part of the unit interval the sample falls into.
func (s *Sweep) designed() [][]Value {
	dims := len(s.Dimensions)
	if dims == 0 {
		return nil
	}
	src := rand.NewPCG(s.design.Seed, 0x9e3779b97f4a7c15)
	unit := distmv.NewUnitUniform(dims, src)
	batch := mat.NewDense(s.design.Points, dims, nil)
	if s.design.Kind == "halton" {
		samplemv.Halton{Kind: samplemv.Owen, Q: unit, Src: src}.Sample(batch)
	} else {
		samplemv.LatinHypercube{Q: unit, Src: src}.Sample(batch)
	}
	out := make([][]Value, s.design.Points)
	for i := range out {
		out[i] = make([]Value, dims)
		for j, d := range s.Dimensions {
			u := batch.At(i, j)
			if d.from.Numeric() {
				out[i][j] = numberValue(rounded(d.between(u)), d.from.Unit)
			} else {
				out[i][j] = d.Values[min(int(u*float64(len(d.Values))), len(d.Values)-1)]
			}
		}
	}
	return out
}

// rounded keeps six significant digits of a sampled value, which people read
// and which no design needs more of.
func rounded(x float64) float64 {
	if x == 0 {
		return 0
	}
	scale := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(x))))
	return tidy(math.Round(x*scale) / scale)
}
