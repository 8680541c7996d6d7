package plots

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"
)

// A BarSet is the values of one case, one for each group.
type BarSet struct {
	Name   string
	Values []Estimate
}

// Bars shows cases side by side in groups, with whiskers for the 95 %
// intervals. A case without a value in a group has a cross there.
type Bars struct {
	X      Axis // its label alone
	Y      Axis
	Groups []string
	Sets   []BarSet
}

// Title implements Figure.
func (p Bars) Title() string { return p.Y.Label + " by group" }

func (p Bars) check() error {
	if len(p.Groups) == 0 || len(p.Sets) == 0 {
		return errors.New("there is nothing to draw a bar of")
	}
	for _, s := range p.Sets {
		if len(s.Values) != len(p.Groups) {
			return fmt.Errorf("%s has %d values, allowed: one a group, %d", s.Name, len(s.Values), len(p.Groups))
		}
	}
	return nil
}

// Table implements Figure.
func (p Bars) Table() Table {
	t := Table{Columns: columns("group", "", "case", "", p.Y.Label, p.Y.Unit, "low", p.Y.Unit, "high", p.Y.Unit)}
	for g, group := range p.Groups {
		for _, set := range p.Sets {
			t.add(group, set.Name, set.Values[g].Value, set.Values[g].Low, set.Values[g].High)
		}
	}
	return t
}

func (p Bars) height(width float64) float64 { return ratio(width) }

func (p Bars) draw(s sheet, b box) {
	var keys []key
	var values []float64
	for i, set := range p.Sets {
		keys = append(keys, swatchKey(set.Name, i))
		for _, e := range set.Values {
			values = append(values, e.ends()...)
		}
	}
	if len(p.Sets) > 1 {
		b = legend(s, b, keys)
	}
	y := p.Y.around(append(values, p.base(values)...)...)
	f := newFrame(s, b, Axis{Label: p.X.Label, Names: p.Groups}.around(), y)
	f.rules(false, true)
	w := math.Min(26, 0.8*f.width()/float64(len(p.Groups))/float64(len(p.Sets)))
	for g := range p.Groups {
		for i, set := range p.Sets {
			mid := f.x.at(float64(g)) + w*(float64(i)-float64(len(p.Sets)-1)/2)
			f.bar(mid, w, set.Values[g], i)
		}
	}
	f.axes()
}

// base is where bars stand: at 0, which a logarithmic axis does not have.
func (p Bars) base(values []float64) []float64 {
	if p.Y.Log {
		if low, _, ok := p.Y.extent(values...); ok {
			return []float64{low / 1.5}
		}
		return nil
	}
	return []float64{0}
}

func (f *frame) bar(mid, w float64, e Estimate, i int) {
	if !f.y.has(e.Value) {
		cross(f.surface, point{mid, f.bottom - 4}, 2, grey)
		return
	}
	foot := f.bottom
	if !f.y.Log {
		foot = f.y.at(0)
	}
	top := f.y.at(e.Value)
	swatch(f.surface, box{mid - 0.44*w, math.Min(top, foot), mid + 0.44*w, math.Max(top, foot)}, i)
	if e.interval() {
		f.whisker(mid, f.y.at(e.Low), f.y.at(e.High), black, 2)
	}
}

// whisker draws an interval with caps of half a width to either side.
func (f *frame) whisker(x, low, high float64, c color.NRGBA, half float64) {
	if math.Abs(low-high) < 0.4 {
		return // the mark or the end of the bar covers it
	}
	s := stroked(c, 0.7)
	f.draw(polyline(point{x, low}, point{x, high}), s)
	for _, y := range []float64{low, high} {
		f.draw(polyline(point{x - half, y}, point{x + half, y}), s)
	}
}

// A Contrast is a difference between two cases with its 95 % interval.
type Contrast struct {
	Name       string
	Difference Estimate
}

// Differences shows paired differences, one a row, with 95 % intervals: what
// does not reach the line at 0 is more than chance. On a logarithmic axis they
// are ratios, and the line is at 1. The numbers stand beside.
type Differences struct {
	X         Axis
	Contrasts []Contrast
}

// Title implements Figure.
func (d Differences) Title() string { return "paired differences of " + d.X.Label }

func (d Differences) check() error {
	if len(d.Contrasts) == 0 {
		return errors.New("there are no two cases to compare")
	}
	return nil
}

// Table implements Figure.
func (d Differences) Table() Table {
	u := d.X.Unit
	t := Table{Columns: columns("comparison", "", "difference", u, "low", u, "high", u)}
	for _, c := range d.Contrasts {
		t.add(c.Name, c.Difference.Value, c.Difference.Low, c.Difference.High)
	}
	return t
}

func (d Differences) height(float64) float64 { return 44 + 15*float64(len(d.Contrasts)) }

// none is where nothing differs.
func (d Differences) none() float64 {
	if d.X.Log {
		return 1
	}
	return 0
}

func (d Differences) draw(s sheet, b box) {
	values := []float64{d.none()}
	names := make([]string, len(d.Contrasts))
	for i, c := range d.Contrasts {
		values = append(values, c.Difference.ends()...)
		names[len(names)-1-i] = c.Name
	}
	x := d.X.around(values...)
	if low, high, _ := d.X.extent(values...); !d.X.Log {
		room := 0.06 * (high - low)
		x = d.X.between(low-room, high+room)
	}
	notes, widest := make([]string, len(names)), 0.0
	for i, c := range d.Contrasts {
		if d.X.Log && c.Difference.interval() {
			notes[i] = fmt.Sprintf("%s (%s to %s)", significant(c.Difference.Value, 3), significant(c.Difference.Low, 3), significant(c.Difference.High, 3))
		} else {
			notes[i] = strings.TrimSpace(withInterval(c.Difference, x.factor) + " " + x.shown)
		}
		widest = math.Max(widest, s.width(notes[i], tickSize))
	}
	b.right -= widest + 4
	f := newFrame(s, b, x, Axis{Names: names}.around())
	f.rules(true, false)
	f.draw(polyline(f.at(d.none(), f.y.low), f.at(d.none(), f.y.high)), stroked(black, 0.6))
	for i, c := range d.Contrasts {
		y := f.y.at(float64(len(names) - 1 - i))
		colour := palette(0)
		if e := c.Difference; e.interval() && e.Low <= d.none() && e.High >= d.none() {
			colour = grey
		}
		f.span(c.Difference, y, colour)
		s.say(point{f.right + 4, y}, notes[i], tickSize, leftMiddle, black)
	}
	f.axes()
}

func (f *frame) span(e Estimate, y float64, c color.NRGBA) {
	if e.interval() {
		low, high := f.x.at(e.Low), f.x.at(e.High)
		f.draw(polyline(point{low, y}, point{high, y}), stroked(c, 1.1))
		for _, x := range []float64{low, high} {
			f.draw(polyline(point{x, y - 2.2}, point{x, y + 2.2}), stroked(c, 1.1))
		}
	}
	if f.x.has(e.Value) {
		mark(f.surface, 0, point{f.x.at(e.Value), y}, c)
	}
}

// withInterval prints a value and the half-width of its interval to the digits
// that the half-width supports.
func withInterval(e Estimate, factor float64) string {
	if !e.interval() || e.High == e.Low {
		return minus(significant(e.Value*factor, 3))
	}
	half := (e.High - e.Low) / 2 * factor
	places := min(12, max(0, 1-int(math.Floor(math.Log10(half)))))
	return minus(fixed(e.Value*factor, places)) + " ± " + fixed(half, places)
}

// distinct is the list without what repeats.
func distinct(names []string) []string {
	var out []string
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}
