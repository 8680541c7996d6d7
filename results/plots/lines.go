package plots

import (
	"errors"
	"math"
)

// An Estimate is a value with its 95 % interval; Low and High are NaN without
// one, and Value too when there is none.
type Estimate struct{ Value, Low, High float64 }

// Exactly is an estimate without an interval.
func Exactly(v float64) Estimate { return Estimate{v, math.NaN(), math.NaN()} }

// ends are the numbers of an estimate that an axis has to hold.
func (e Estimate) ends() []float64 { return []float64{e.Value, e.Low, e.High} }

func (e Estimate) interval() bool {
	return e.High >= e.Low && math.Abs(e.Low) <= hugest && math.Abs(e.High) <= hugest
}

// A Curve is estimates over a parameter.
type Curve struct {
	Name string
	X    []float64 // ascending
	Y    []Estimate
}

// Lines shows how a quantity depends on a parameter, with 95 % bands.
type Lines struct {
	X, Y   Axis
	Curves []Curve
}

// Title implements Figure.
func (p Lines) Title() string { return p.Y.Label + " over " + p.X.Label }

func (p Lines) check() error {
	for _, c := range p.Curves {
		for i, e := range c.Y {
			if p.X.has(c.X[i]) && p.Y.has(e.Value) {
				return nil
			}
		}
	}
	return errors.New("there is no value to draw a line through")
}

// Table implements Figure.
func (p Lines) Table() Table {
	t := Table{Columns: columns("case", "", p.X.Label, p.X.Unit, p.Y.Label, p.Y.Unit, "low", p.Y.Unit, "high", p.Y.Unit)}
	for _, c := range p.Curves {
		for i, x := range c.X {
			t.add(c.Name, x, c.Y[i].Value, c.Y[i].Low, c.Y[i].High)
		}
	}
	return t
}

func (p Lines) height(width float64) float64 { return ratio(width) }

func (p Lines) draw(s sheet, b box) {
	var keys []key
	var xs, ys []float64
	for i, c := range p.Curves {
		keys = append(keys, lineKey(c.Name, i, true))
		for k, x := range c.X {
			xs, ys = append(xs, x), append(ys, c.Y[k].ends()...)
		}
	}
	b = legend(s, b, keys)
	x := p.X.around(xs...)
	if low, high, ok := p.X.extent(xs...); ok && !p.X.Log && low < high {
		x = p.X.between(low-0.04*(high-low), high+0.04*(high-low))
	}
	f := newFrame(s, b, x, p.Y.around(ys...))
	f.rules(true, true)
	for i, c := range p.Curves {
		f.band(c, i)
	}
	for i, c := range p.Curves {
		f.curve(c, i)
	}
	f.axes()
}

// runs are the stretches of a curve without a gap.
func (f *frame) runs(c Curve) [][]int {
	var out [][]int
	open := false
	for k, e := range c.Y {
		if !f.y.has(e.Value) || !f.x.has(c.X[k]) {
			open = false
			continue
		}
		if !open {
			out = append(out, nil)
		}
		open = true
		out[len(out)-1] = append(out[len(out)-1], k)
	}
	return out
}

func (f *frame) band(c Curve, i int) {
	for _, run := range f.runs(c) {
		var upper, lower []point
		for _, k := range run {
			if e := c.Y[k]; e.interval() {
				upper = append(upper, f.at(c.X[k], e.High))
				lower = append([]point{f.at(c.X[k], e.Low)}, lower...)
			}
		}
		if len(upper) > 1 {
			f.draw(polygon(append(upper, lower...)...), filled(faded(palette(i), 0.2)))
		}
	}
}

func (f *frame) curve(c Curve, i int) {
	for _, run := range f.runs(c) {
		var pts []point
		for _, k := range run {
			pts = append(pts, f.at(c.X[k], c.Y[k].Value))
		}
		if len(pts) > 1 {
			f.draw(polyline(pts...), stroked(palette(i), lineWidth, dashes(i)...))
		}
		for n, k := range run {
			if e := c.Y[k]; e.interval() {
				f.whisker(pts[n].x, f.y.at(e.Low), f.y.at(e.High), palette(i), 1.5)
			}
			mark(f.surface, i, pts[n], palette(i))
		}
	}
}
