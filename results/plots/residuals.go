package plots

import (
	"errors"
	"math"
	"slices"
)

// A Check is one quantity as it was predicted and as it was measured.
type Check struct {
	Name                string
	Group               string // its mark and colour
	Predicted, Measured Estimate
}

// Residuals shows predictions against measurements, and below them the
// relative error (predicted - measured)/measured.
type Residuals struct {
	Axis      Axis // of both
	Checks    []Check
	Tolerance float64 // the relative error that is allowed, drawn as a band; 0 is none
}

// Title implements Figure.
func (r Residuals) Title() string { return "predicted against measured " + r.Axis.Label }

func (r Residuals) check() error {
	if len(r.drawn()) == 0 {
		return errors.New("the runs share no quantity to compare")
	}
	return nil
}

// drawn are the checks that have a place in both panels.
func (r Residuals) drawn() []Check {
	var out []Check
	for _, c := range r.Checks {
		if r.Axis.has(c.Predicted.Value) && r.Axis.has(c.Measured.Value) && math.Abs(c.error().Value) < 1e3 {
			out = append(out, c)
		}
	}
	return out
}

// error is the relative error, with the interval that the measurement gives it.
func (c Check) error() Estimate {
	of := func(measured float64) float64 { return c.Predicted.Value/measured - 1 }
	return Estimate{of(c.Measured.Value), of(c.Measured.High), of(c.Measured.Low)}
}

// Table implements Figure.
func (r Residuals) Table() Table {
	u := r.Axis.Unit
	t := Table{Columns: columns("quantity", "", "group", "", "predicted", u, "measured", u, "low", u, "high", u, "error", "1")}
	for _, c := range r.Checks {
		t.add(c.Name, c.Group, c.Predicted.Value, c.Measured.Value, c.Measured.Low, c.Measured.High, c.error().Value)
	}
	return t
}

func (r Residuals) height(width float64) float64 { return math.Min(0.9*width, 270) }

func (r Residuals) draw(s sheet, b box) {
	var groups []string
	r.Checks = r.drawn()
	for _, c := range r.Checks {
		groups = append(groups, c.Group)
	}
	groups = distinct(groups)
	var keys []key
	for i, g := range groups {
		if g != "" {
			keys = append(keys, markKey(g, func(s surface, c point) { mark(s, i, c, palette(i)) }))
		}
	}
	keys = append(keys, ruleKey("measured = predicted", grey, 3, 1.5))
	if r.Tolerance > 0 {
		keys = append(keys, key{"within ±" + brief(100*r.Tolerance) + " %", func(s surface, b box) {
			s.draw(polygon(b.corners()...), filled(faded(palette(5), 0.3)))
		}})
	}
	b = legend(s, b, keys)
	upper, lower := b, b
	upper.bottom = b.top + 0.6*b.height()
	lower.top = upper.bottom + 4
	r.pair(s, upper, lower, groups)
}

// pair draws both panels over one x axis.
func (r Residuals) pair(s sheet, upper, lower box, groups []string) {
	var values, errs []float64
	for _, c := range r.Checks {
		values = append(append(values, c.Predicted.ends()...), c.Measured.ends()...)
		errs = append(errs, c.error().Value)
		if e := c.error(); c.Measured.interval() && e.interval() {
			errs = append(errs, e.Low, e.High)
		}
	}
	x := r.Axis
	x.Label = "Predicted " + r.Axis.Label
	y := r.Axis
	y.Label = "Measured"
	both := x.around(values...)
	most := math.Max(1.3*r.Tolerance, 0.01)
	for _, e := range errs {
		most = math.Max(most, 1.15*math.Abs(e))
	}
	relative := Axis{Label: "Error", Unit: "1"}.between(-most, most)
	down := newFrame(s, lower, both, relative)
	upper.bottom += down.below(0) // the lower panel's labels serve both
	above := y.between(both.low, both.high)
	up := newFrame(s, upper, both, above)
	left := math.Max(up.left, down.left)
	right := math.Min(up.right, down.right)
	for _, f := range []*frame{up, down} {
		f.left, f.right, f.x.from, f.x.to = left, right, left, right
	}
	r.bands(up, down)
	for _, c := range r.Checks {
		i := slices.Index(groups, c.Group)
		at := up.at(c.Predicted.Value, c.Measured.Value)
		if c.Measured.interval() {
			up.whisker(at.x, up.y.at(c.Measured.Low), up.y.at(c.Measured.High), palette(i), 1.5)
		}
		mark(s.surface, i, at, palette(i))
		e := c.error()
		if c.Measured.interval() && e.interval() {
			down.whisker(at.x, down.y.at(e.Low), down.y.at(e.High), palette(i), 1.5)
		}
		mark(s.surface, i, down.at(c.Predicted.Value, e.Value), palette(i))
	}
	up.box.frameOf(s)
	up.yAxis()
	down.axes()
}

func (b box) frameOf(s surface) { s.draw(polygon(b.corners()...), stroked(black, axisWidth)) }

// bands draws what is allowed and the lines of no error.
func (r Residuals) bands(up, down *frame) {
	up.rules(true, true)
	down.rules(true, true)
	low, high := up.x.low, up.x.high
	if t := r.Tolerance; t > 0 {
		within := func(v float64) float64 { return math.Min(math.Max(v, low), high) }
		up.draw(polygon(up.at(low, low), up.at(low, within(low/(1-t))), up.at(within(high*(1-t)), high), up.at(high, high),
			up.at(high, within(high/(1+t))), up.at(within(low*(1+t)), low)), filled(faded(palette(5), 0.3)))
		down.draw(polygon(down.at(low, t), down.at(high, t), down.at(high, -t), down.at(low, -t)), filled(faded(palette(5), 0.3)))
	}
	up.draw(polyline(up.at(low, low), up.at(high, high)), stroked(grey, 0.8, 3, 1.5))
	down.draw(polyline(down.at(low, 0), down.at(high, 0)), stroked(grey, 0.8, 3, 1.5))
}
