package plots

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
)

// Heat is a quantity over two parameters, in the colours of cividis. Z[i][j]
// belongs to X.Names[j] and Y.Names[i]; where it is NaN no placement exists,
// and the cell is hatched.
type Heat struct {
	X, Y Axis // with Names
	Z    Axis
	Grid [][]float64
	// Empty is what a hatched cell means; "" is "infeasible".
	Empty string
}

// Title implements Figure.
func (h Heat) Title() string { return h.Z.Label + " over " + h.X.Label + " and " + h.Y.Label }

func (h Heat) check() error {
	if len(h.Grid) == 0 || len(h.Grid) != len(h.Y.Names) {
		return fmt.Errorf("a map needs a row for each value of %s: found %d for %d", h.Y.Label, len(h.Grid), len(h.Y.Names))
	}
	for _, r := range h.Grid {
		if len(r) != len(h.X.Names) || len(r) == 0 {
			return fmt.Errorf("a map needs a cell for each value of %s: found %d for %d", h.X.Label, len(r), len(h.X.Names))
		}
	}
	return nil
}

// Table implements Figure.
func (h Heat) Table() Table {
	t := Table{Columns: columns(h.X.Label, "", h.Y.Label, "", h.Z.Label, h.Z.Unit)}
	for i, r := range h.Grid {
		for j, v := range r {
			t.add(h.X.Names[j], h.Y.Names[i], v)
		}
	}
	return t
}

func (h Heat) height(width float64) float64 { return ratio(width) }

const colourBar = 8.0 // width of the bar of colours

func (h Heat) draw(s sheet, b box) {
	var all []float64
	hatched := false
	for _, r := range h.Grid {
		for _, v := range r {
			all = append(all, v)
			hatched = hatched || math.IsNaN(v)
		}
	}
	if hatched {
		b = legend(s, b, []key{emptyKey(h.Empty)})
	}
	low, high, ok := h.Z.extent(all...)
	if !ok {
		low, high = 1, 1
	}
	z := h.Z.spread(low, high)
	b.right -= z.reserve(s, b)
	x, y := h.X, h.Y
	x.Names, y.Names = some(h.X.Names, int(b.width()/24)), some(h.Y.Names, int(b.height()/10))
	f := newFrame(s, b, x.around(), y.around())
	for i, r := range h.Grid {
		for j, v := range r {
			f.cell(box{f.x.at(float64(j) - 0.5), f.y.at(float64(i) + 0.5), f.x.at(float64(j) + 0.5), f.y.at(float64(i) - 0.5)}, v, z)
		}
	}
	f.axes()
	z.bar(s, box{f.right + 6, f.top, f.right + 6 + colourBar, f.bottom})
	for i, r := range h.Grid {
		for j, v := range r {
			hint(s.surface, box{f.x.at(float64(j) - 0.5), f.y.at(float64(i) + 0.5), f.x.at(float64(j) + 0.5), f.y.at(float64(i) - 0.5)},
				fmt.Sprintf("%s: %s\n%s: %s\n%s: %s", h.X.Label, h.X.Names[j], h.Y.Label, h.Y.Names[i], z.label(), h.said(v*z.factor)))
		}
	}
}

// said is a value in words, or what its absence means.
func (h Heat) said(v float64) string {
	if math.IsNaN(v) {
		return cmp.Or(h.Empty, "infeasible")
	}
	return significant(v, 4)
}

// spread is a scale of colours, which has to have two ends.
func (a Axis) spread(low, high float64) scale {
	if low == high {
		return a.around(low)
	}
	return a.between(low, high)
}

// some blanks all names but every k-th, so that at most so many are left.
func some(names []string, most int) []string {
	every := (len(names) + most - 1) / max(most, 1)
	out := make([]string, len(names))
	for i := range names {
		if i%max(every, 1) == 0 {
			out[i] = names[i]
		}
	}
	return out
}

func emptyKey(means string) key {
	return key{cmp.Or(means, "infeasible"), func(s surface, b box) { emptyCell(s, box{b.left + 4, b.top, b.right, b.bottom}) }}
}

func emptyCell(s surface, b box) {
	s.draw(polygon(b.corners()...), shade{fill: white, stroke: grey, width: 0.4})
	hatch(s, b, grey, 2.6)
}

// share is where on a scale of colours a value lies, from 0 to 1.
func (s *scale) share(v float64) float64 {
	unit := *s
	unit.from, unit.to = 0, 1
	return unit.at(v)
}

// cell fills a box with the colour of a value and prints the value where there
// is room.
func (f *frame) cell(b box, v float64, z scale) {
	if !z.has(v) {
		emptyCell(f.surface, b)
		return
	}
	t := z.share(v)
	c := cividis(t)
	f.draw(polygon(b.corners()...), shade{fill: c, stroke: c, width: 0.3}) // the stroke covers seams
	text := brief(v * z.factor)
	if f.widthOf(text) < b.width()-3 && b.height() > tickSize {
		f.say(b.centre(), text, tickSize, centre, over(t))
	}
}

// brief is a number to three digits at most.
func brief(v float64) string {
	if math.Abs(v) >= 100 || v == math.Trunc(v) {
		return minus(strconv.FormatFloat(v, 'f', 0, 64))
	}
	return minus(strconv.FormatFloat(v, 'g', 2, 64))
}

// reserve is the width of a bar of colours with its labels.
func (s *scale) reserve(on sheet, b box) float64 {
	s.mark(max(2, int(b.height()/18)))
	widest := 0.0
	for _, t := range s.ticks {
		widest = math.Max(widest, on.width(t.label, tickSize))
	}
	return 6 + colourBar + 4 + widest + labelGap + labelSize
}

// bar draws the colours of the scale in a box, with ticks and the label to its
// right.
func (s scale) bar(on sheet, b box) {
	const steps = 96
	for i := range steps {
		at := func(k int) float64 { return b.bottom - b.height()*float64(k)/steps }
		c := cividis((float64(i) + 0.5) / steps)
		strip := box{b.left, at(i + 1), b.right, at(i)}
		on.draw(polygon(strip.corners()...), shade{fill: c, stroke: c, width: 0.3})
	}
	on.draw(polygon(b.corners()...), stroked(black, axisWidth))
	s.from, s.to = b.bottom, b.top
	widest := 0.0
	for _, t := range s.ticks {
		y := s.at(t.value)
		if t.label == "" {
			continue
		}
		on.draw(polyline(point{b.right, y}, point{b.right + 2, y}), stroked(black, axisWidth))
		on.say(point{b.right + 3.5, y}, t.label, tickSize, leftMiddle, black)
		widest = math.Max(widest, on.width(t.label, tickSize))
	}
	on.turn(point{b.right + 3.5 + widest + labelGap, b.centre().y}, s.label(), labelSize, anchor{0.5, 1}, black, 90)
}
