package plots

import (
	"cmp"
	"errors"
	"image/color"
	"math"
	"slices"
)

// A LoadCheck is one statistic of one case: how far off its prediction was at
// the load that the case was under.
type LoadCheck struct {
	Case  string  // what was predicted
	Stat  string  // its panel
	Load  float64 // utilisation of the busiest thing on the way
	Error Estimate
	Floor float64 // the error of predicting one measurement by another; NaN when it is not known
}

// ByLoad shows relative errors over the load, a panel for each statistic, and
// behind each how well one measurement predicts another: no prediction can be
// expected to do better.
type ByLoad struct {
	Checks    []LoadCheck
	Tolerance float64 // the relative error that is allowed, drawn as a band; 0 is none
}

// Title implements Figure.
func (r ByLoad) Title() string { return "error of predictions over the load" }

func (r ByLoad) check() error {
	if len(r.drawn()) == 0 {
		return errors.New("there is no error of a known load")
	}
	return nil
}

// farOff is the greatest error that is drawn: beyond, the others would be one
// line.
const farOff = 1e3

// drawn are the checks that have a place.
func (r ByLoad) drawn() []LoadCheck {
	var out []LoadCheck
	for _, c := range r.Checks {
		if math.Abs(c.Error.Value) < farOff && c.Load >= 0 && c.Load < farOff {
			out = append(out, c)
		}
	}
	return out
}

// Table implements Figure.
func (r ByLoad) Table() Table {
	t := Table{Columns: columns("case", "", "stat", "", "load", "1", "error", "1", "low", "1", "high", "1", "live against live", "1")}
	for _, c := range r.Checks {
		t.add(c.Case, c.Stat, c.Load, c.Error.Value, c.Error.Low, c.Error.High, c.Floor)
	}
	return t
}

func (r ByLoad) height(width float64) float64 {
	return math.Min(0.27*width, 80)*float64(len(r.stats())) + 30
}

// stats are the panels, in the order of the checks.
func (r ByLoad) stats() []string {
	var out []string
	for _, c := range r.drawn() {
		out = append(out, c.Stat)
	}
	return distinct(out)
}

func (r ByLoad) draw(s sheet, b box) {
	checks, stats := r.drawn(), r.stats()
	b = legend(s, b, r.keys(checks))
	x, y := r.scales(checks)
	under := newFrame(s, b, x, y).below(0) // the last panel's labels serve all
	each := (b.height() - under - panelGap*float64(len(stats)-1)) / float64(len(stats))
	for i, stat := range stats {
		of := b
		of.top += float64(i) * (each + panelGap)
		of.bottom = of.top + each + under
		y.Label = "Error of " + stat
		f := newFrame(s, of, x, y)
		r.panel(f, i, stat, checks)
		if i == len(stats)-1 {
			f.axes()
			continue
		}
		f.box.frameOf(s)
		f.yAxis()
	}
}

const panelGap = 5.0

// panel draws the errors of one statistic.
func (r ByLoad) panel(f *frame, i int, stat string, checks []LoadCheck) {
	checks = slices.DeleteFunc(slices.Clone(checks), func(c LoadCheck) bool { return c.Stat != stat })
	slices.SortStableFunc(checks, func(a, b LoadCheck) int { return cmp.Compare(a.Load, b.Load) })
	f.rules(true, true)
	if t := r.Tolerance; t > 0 {
		f.draw(polygon(f.at(f.x.low, t), f.at(f.x.high, t), f.at(f.x.high, -t), f.at(f.x.low, -t)), filled(faded(palette(5), 0.3)))
	}
	f.draw(polyline(f.at(f.x.low, 0), f.at(f.x.high, 0)), stroked(grey, 0.8, 3, 1.5))
	places := f.places(checks)
	for k, c := range checks {
		x := places[k]
		if c.Floor > 0 {
			top, bottom := f.y.at(c.Floor), f.y.at(-c.Floor)
			f.draw(polygon(point{x - floorWide, top}, point{x + floorWide, top}, point{x + floorWide, bottom}, point{x - floorWide, bottom}), filled(faded(grey, 0.35)))
		}
		if c.Error.interval() {
			f.reach(x, c.Error, palette(i))
		}
		mark(f.surface, i, point{x, f.y.at(c.Error.Value)}, palette(i))
	}
}

// Half the width of a floor's bar, and how far marks stand from each other at
// least.
const (
	floorWide = 2.2
	apart     = 5.6
)

// places are those of checks in the order of their loads: at the load, or
// beside it where others are too near. Neighbours that touch are spread evenly
// around their middle.
func (f *frame) places(checks []LoadCheck) []float64 {
	type cluster struct {
		sum float64
		n   int
	}
	var all []cluster
	left := func(c cluster) float64 { return c.sum/float64(c.n) - apart*float64(c.n-1)/2 }
	for _, c := range checks {
		all = append(all, cluster{f.x.at(c.Load), 1})
		for k := len(all) - 1; k > 0 && left(all[k]) < left(all[k-1])+apart*float64(all[k-1].n); k-- {
			all[k-1] = cluster{all[k-1].sum + all[k].sum, all[k-1].n + all[k].n}
			all = all[:k]
		}
	}
	var out []float64
	for _, c := range all {
		for k := range c.n {
			out = append(out, left(c)+apart*float64(k))
		}
	}
	return out
}

// reach is the interval of an error, with a cap where it ends and without one
// where the frame cuts it.
func (f *frame) reach(x float64, e Estimate, c color.NRGBA) {
	f.draw(polyline(point{x, f.y.at(e.Low)}, point{x, f.y.at(e.High)}), stroked(c, 0.7))
	for _, end := range []float64{e.Low, e.High} {
		if y := f.y.at(end); end >= f.y.low && end <= f.y.high {
			f.draw(polyline(point{x - 1.4, y}, point{x + 1.4, y}), stroked(c, 0.7))
		}
	}
}

func (r ByLoad) keys(checks []LoadCheck) []key {
	keys := []key{{"error, 95 % interval", func(s surface, b box) {
		c := b.centre()
		s.draw(polyline(point{c.x, b.top}, point{c.x, b.bottom}), stroked(palette(0), 0.7))
		mark(s, 0, c, palette(0))
	}}}
	if slices.ContainsFunc(checks, func(c LoadCheck) bool { return c.Floor > 0 }) {
		keys = append(keys, key{"live against live", func(s surface, b box) {
			s.draw(polygon(b.corners()...), filled(faded(grey, 0.35)))
		}})
	}
	if r.Tolerance > 0 {
		keys = append(keys, key{"within ±" + brief(100*r.Tolerance) + " %", func(s surface, b box) {
			s.draw(polygon(b.corners()...), filled(faded(palette(5), 0.3)))
		}})
	}
	return keys
}

// widest is how far intervals stretch the axis, in multiples of the greatest
// error or floor.
const widest = 2.0

// scales hold every error, floor and load, and intervals unless they would make
// the errors a line.
func (r ByLoad) scales(checks []LoadCheck) (x, y scale) {
	most, busiest := math.Max(r.Tolerance, 0.004), 1.0
	for _, c := range checks {
		most = math.Max(most, math.Abs(c.Error.Value))
		if c.Floor < farOff {
			most = math.Max(most, c.Floor)
		}
		busiest = math.Max(busiest, 1.05*c.Load)
	}
	far := most
	for _, c := range checks {
		if c.Error.interval() {
			far = math.Max(far, math.Min(widest*most, math.Max(math.Abs(c.Error.Low), math.Abs(c.Error.High))))
		}
	}
	return Axis{Label: "Utilisation of the busiest node or link on the way", Unit: "1"}.between(0, busiest),
		Axis{Label: "Error", Unit: "1"}.between(-1.1*far, 1.1*far)
}
