package plots

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

func sortedBy[T any](list []T, by func(T) float64) []T {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b T) int { return cmp.Compare(by(a), by(b)) })
	return out
}

// A Sample is a distribution by counts: Counts[i] observations were at most
// Upto[i] and above Upto[i-1]; the first ones were above Least.
type Sample struct {
	Name   string
	Least  float64
	Upto   []float64 // ascending
	Counts []float64
}

func (s Sample) total() float64 { return total(s.Counts) }

// Quantile is the value that a share q of the observations does not exceed,
// within its bucket by interpolation.
func (s Sample) Quantile(q float64) float64 {
	want, seen, low := q*s.total(), 0.0, s.Least
	for i, n := range s.Counts {
		if n > 0 && seen+n >= want {
			return low + (s.Upto[i]-low)*math.Max(0, (want-seen)/n)
		}
		seen += n
		low = s.Upto[i]
	}
	return low
}

// CDF is the empirical distribution of one quantity in several cases.
type CDF struct {
	X       Axis
	Of      string // what was observed; "" is "requests"
	Samples []Sample
}

// Title implements Figure.
func (c CDF) Title() string { return "distribution of " + c.X.Label }

func (c CDF) check() error {
	for _, s := range c.Samples {
		if s.total() > 0 {
			return nil
		}
	}
	return errors.New("nothing was observed whose distribution could be drawn")
}

// Table implements Figure.
func (c CDF) Table() Table {
	t := Table{Columns: columns("case", "", c.X.Label, c.X.Unit, "share", "1")}
	for _, s := range c.Samples {
		seen := 0.0
		for i, n := range s.Counts {
			seen += n
			t.add(s.Name, s.Upto[i], seen/s.total())
		}
	}
	return t
}

func (c CDF) summary() Table {
	t := Table{Columns: columns("case", "", "p50", c.X.Unit, "p90", c.X.Unit, "p95", c.X.Unit, "p99", c.X.Unit)}
	for _, s := range c.Samples {
		t.add(s.Name, s.Quantile(0.5), s.Quantile(0.9), s.Quantile(0.95), s.Quantile(0.99))
	}
	return t
}

func (c CDF) height(width float64) float64 { return ratio(width) }

func (c CDF) draw(s sheet, b box) {
	var keys []key
	var ends []float64
	for i, x := range c.Samples {
		keys = append(keys, lineKey(x.Name, i, false))
		if x.total() > 0 {
			ends = append(ends, x.Quantile(0.001), x.Quantile(0.9995))
		}
	}
	b = legend(s, b, keys)
	f := newFrame(s, b, c.X.around(ends...), Axis{Label: "Share of " + cmp.Or(c.Of, "requests"), Unit: "1"}.between(0, 1))
	f.rules(true, true)
	for i, x := range c.Samples {
		if x.total() > 0 {
			f.draw(polyline(f.cumulative(x)...), stroked(palette(i), lineWidth, dashes(i)...))
		}
	}
	f.axes()
}

// cumulative is the curve of a sample within the frame, in steps of a third of
// a point at least.
func (f *frame) cumulative(s Sample) []point {
	pts := []point{}
	push := func(v, share float64) {
		at := point{f.left, f.y.at(share)}
		if v > f.x.low {
			at.x = math.Min(f.x.at(v), f.right)
		}
		if n := len(pts); n == 0 || math.Hypot(at.x-pts[n-1].x, at.y-pts[n-1].y) > 0.33 {
			pts = append(pts, at)
		}
	}
	if f.x.has(s.Least) {
		push(s.Least, 0)
	}
	seen := 0.0
	for i, n := range s.Counts {
		seen += n
		push(s.Upto[i], seen/s.total())
	}
	return append(pts, point{f.right, f.y.at(1)})
}

// A Box is five quantiles of a case.
type Box struct {
	Name                   string
	P5, P25, P50, P75, P95 float64
}

// BoxOf is the box of a sample.
func BoxOf(s Sample) Box {
	return Box{s.Name, s.Quantile(0.05), s.Quantile(0.25), s.Quantile(0.5), s.Quantile(0.75), s.Quantile(0.95)}
}

// Boxes shows the quantiles of cases: whiskers from the 5th to the 95th
// percentile, the box from the 25th to the 75th, a bar at the median.
type Boxes struct {
	Y     Axis
	Boxes []Box
}

// Title implements Figure.
func (p Boxes) Title() string { return "quantiles of " + p.Y.Label }

func (p Boxes) check() error {
	if len(p.Boxes) == 0 {
		return errors.New("there is no case to draw a box of")
	}
	return nil
}

// Table implements Figure.
func (p Boxes) Table() Table {
	u := p.Y.Unit
	t := Table{Columns: columns("case", "", "p5", u, "p25", u, "p50", u, "p75", u, "p95", u)}
	for _, b := range p.Boxes {
		t.add(b.Name, b.P5, b.P25, b.P50, b.P75, b.P95)
	}
	return t
}

func (p Boxes) height(width float64) float64 { return ratio(width) }

func (p Boxes) draw(s sheet, b box) {
	var names []string
	var values []float64
	for _, x := range p.Boxes {
		names = append(names, x.Name)
		values = append(values, x.P5, x.P95)
	}
	f := newFrame(s, b, Axis{Names: names}.around(), p.Y.around(values...))
	f.rules(false, true)
	half := math.Min(16, 0.32*f.width()/float64(len(p.Boxes)))
	for i, x := range p.Boxes {
		f.whiskers(float64(i), half, x, i)
	}
	f.axes()
}

// whiskers draws one box, of so many points to either side.
func (f *frame) whiskers(at, half float64, x Box, i int) {
	c := f.x.at(at)
	y := func(v float64) float64 { return f.y.at(v) }
	thin := stroked(black, 0.6)
	f.draw(polyline(point{c, y(x.P5)}, point{c, y(x.P25)}), thin)
	f.draw(polyline(point{c, y(x.P75)}, point{c, y(x.P95)}), thin)
	for _, v := range []float64{x.P5, x.P95} {
		f.draw(polyline(point{c - half/2, y(v)}, point{c + half/2, y(v)}), thin)
	}
	b := box{c - half, y(x.P75), c + half, y(x.P25)}
	f.draw(polygon(b.corners()...), shade{fill: faded(palette(i), 0.6), stroke: black, width: 0.6})
	f.draw(polyline(point{b.left, y(x.P50)}, point{b.right, y(x.P50)}), stroked(black, 1.3))
}
