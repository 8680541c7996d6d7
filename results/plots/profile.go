package plots

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// A Contest is what several solvers made of one instance: the CPU seconds by
// solver that it took to prove an answer, +Inf when it did not.
type Contest []float64

// A Profile is the performance profile of solvers (Dolan and Moré, 2002): the
// share of the instances that each solved within a factor of the fastest.
type Profile struct {
	Solvers  []string
	Contests []Contest
}

// Title implements Figure.
func (p Profile) Title() string { return "performance profile of solvers" }

func (p Profile) check() error {
	if len(p.Contests) == 0 || len(p.Solvers) == 0 {
		return fmt.Errorf("a performance profile needs solvers and instances, found %d and %d", len(p.Solvers), len(p.Contests))
	}
	for i, c := range p.Contests {
		if len(c) != len(p.Solvers) {
			return fmt.Errorf("instance %d has %d times, allowed: one a solver, %d", i, len(c), len(p.Solvers))
		}
	}
	return nil
}

// Table implements Figure.
func (p Profile) Table() Table {
	t := Table{Columns: columns("instance", "", "solver", "", "CPU time", "s", "over the fastest", "")}
	for i, c := range p.Contests {
		for k, seconds := range c {
			if math.IsInf(seconds, 1) {
				seconds = math.NaN()
			}
			t.add(i, p.Solvers[k], seconds, seconds/slices.Min(c))
		}
	}
	return t
}

func (p Profile) height(width float64) float64 { return ratio(width) }

func (p Profile) draw(s sheet, b box) {
	ratios := make([][]float64, len(p.Solvers))
	worst := 2.0
	for _, c := range p.Contests {
		for k, t := range c {
			if !math.IsInf(t, 1) {
				r := t / slices.Min(c)
				ratios[k] = append(ratios[k], r)
				worst = math.Max(worst, r)
			}
		}
	}
	var keys []key
	for i, name := range p.Solvers {
		keys = append(keys, lineKey(fmt.Sprintf("%s (%d of %d)", name, len(ratios[i]), len(p.Contests)), i, false))
	}
	b = legend(s, b, keys)
	x := Axis{Label: "CPU time over that of the fastest", Log: true}.between(1, worst*1.2)
	y := Axis{Label: "Instances proved", Unit: "1"}.between(0, 1.02)
	f := newFrame(s, b, x, y)
	f.rules(true, true)
	for i := range p.Solvers {
		slices.Sort(ratios[i])
		f.staircase(ratios[i], len(p.Contests), i)
	}
	f.axes()
}

// staircase draws the empirical distribution of sorted values out of n, to the
// right end of the axis.
func (f *frame) staircase(values []float64, n, i int) {
	pts := []point{f.at(f.x.low, 0)}
	y := 0.0
	for k, v := range values {
		pts = append(pts, f.at(v, y))
		y = float64(k+1) / float64(n)
		pts = append(pts, f.at(v, y))
	}
	f.draw(polyline(append(pts, f.at(f.x.high, y))...), stroked(palette(i), lineWidth, dashes(i)...))
}

// A Trace is how a solver's gap fell: at CPU seconds, the relative gap between
// what it had found and what it had proved.
type Trace struct {
	Solver  string
	Seconds []float64 // ascending
	Gap     []float64 // of 1; NaN before there is one
}

// Gaps is the gap of solvers over CPU time. A gap of zero, which a logarithmic
// axis has no place for, ends its line at the floor.
type Gaps struct {
	Instance string
	Traces   []Trace
}

const gapFloor = 1e-4

// Title implements Figure.
func (g Gaps) Title() string { return "gap over time on " + g.Instance }

func (g Gaps) check() error {
	for _, t := range g.Traces {
		if slices.ContainsFunc(t.Gap, func(v float64) bool { return !math.IsNaN(v) }) {
			return nil
		}
	}
	return errors.New("no solver had a gap to draw")
}

// Table implements Figure.
func (g Gaps) Table() Table {
	t := Table{Columns: columns("solver", "", "CPU time", "s", "gap", "1")}
	for _, x := range g.Traces {
		for k := range x.Seconds {
			t.add(x.Solver, x.Seconds[k], x.Gap[k])
		}
	}
	return t
}

func (g Gaps) height(width float64) float64 { return ratio(width) }

func (g Gaps) draw(s sheet, b box) {
	var keys []key
	var seconds []float64
	top := 10 * gapFloor
	for i, t := range g.Traces {
		keys = append(keys, lineKey(t.Solver, i, false))
		for k, v := range t.Gap {
			if !math.IsNaN(v) {
				seconds = append(seconds, t.Seconds[k])
				top = math.Max(top, v)
			}
		}
	}
	b = legend(s, b, keys)
	x := Axis{Label: "CPU time on " + g.Instance, Unit: "s", Log: true}.around(seconds...)
	y := Axis{Label: "Relative gap", Unit: "1", Log: true}.between(gapFloor, math.Min(1, top*1.3))
	f := newFrame(s, b, x, y)
	f.rules(true, true)
	for i, t := range g.Traces {
		var pts []point
		for k, sec := range t.Seconds {
			if math.IsNaN(t.Gap[k]) || sec <= 0 {
				continue
			}
			at := f.at(sec, math.Max(gapFloor, math.Min(t.Gap[k], f.y.high)))
			if len(pts) > 0 {
				pts = append(pts, point{at.x, pts[len(pts)-1].y})
			}
			pts = append(pts, at)
		}
		f.draw(polyline(pts...), stroked(palette(i), lineWidth, dashes(i)...))
	}
	f.axes()
}
