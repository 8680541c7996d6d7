package plots

import (
	"math"
)

// A frame is a pair of axes around data.
type frame struct {
	sheet
	x, y scale
	box  // of the data
}

const (
	labelGap = 2.0 // between ticks, their labels and the axis's label
	gapX     = 26.0
	gapY     = 16.0
)

// newFrame fits axes into a box: it reserves what their labels need and marks
// their ticks.
func newFrame(s sheet, b box, x, y scale) *frame {
	f := &frame{sheet: s, x: x, y: y, box: b}
	f.bottom -= f.below(b.width())
	f.top += tickSize * capHeight / 2
	f.y.mark(max(2, int(f.height()/gapY)))
	f.left += f.beside()
	f.x.mark(max(2, int(f.width()/gapX)))
	f.thin()
	f.right -= f.overhang()
	f.x.from, f.x.to = f.left, f.right
	f.y.from, f.y.to = f.bottom, f.top
	return f
}

// below is the height of the x axis's labels.
func (f *frame) below(width float64) float64 {
	h := tickLong + labelGap + f.tallest(width)
	if f.x.label() != "" {
		h += labelGap + labelSize
	}
	return h
}

// tallest is the height of the x axis's tick labels, which are turned where
// names need more room than there is.
func (f *frame) tallest(width float64) float64 {
	h := tickSize * capHeight
	if f.slanted(width) {
		for _, n := range f.x.Names {
			h = math.Max(h, -turned(f.widthOf(n), slant).y+tickSize*capHeight)
		}
	}
	return h
}

const slant = 35 // degrees

func (f *frame) slanted(width float64) bool {
	slot := 0.86 * width / float64(max(len(f.x.Names), 1))
	for _, n := range f.x.Names {
		if f.widthOf(n) > slot-2 {
			return true
		}
	}
	return false
}

func (f *frame) widthOf(text string) float64 { return f.sheet.width(text, tickSize) }

// beside is the width of the y axis's labels.
func (f *frame) beside() float64 {
	widest := 0.0
	for _, t := range f.y.ticks {
		widest = math.Max(widest, f.widthOf(t.label))
	}
	w := tickLong + labelGap + widest
	if f.y.label() != "" {
		w += labelSize*(capHeight+descent) + labelGap
	}
	return w
}

// overhang is how far the last label of the x axis reaches past it.
func (f *frame) overhang() float64 {
	over := 0.0
	f.x.from, f.x.to = f.left, f.right
	for _, t := range f.x.ticks {
		if len(f.x.Names) == 0 {
			over = math.Max(over, f.x.at(t.value)+f.widthOf(t.label)/2-f.right)
		}
	}
	return over
}

// thin takes labels off an x axis on which they would touch.
func (f *frame) thin() {
	if len(f.x.Names) > 0 {
		return
	}
	f.x.from, f.x.to = f.left, f.right
	end := math.Inf(-1)
	for i := range f.x.ticks {
		t := &f.x.ticks[i]
		if t.label == "" {
			continue
		}
		half := f.widthOf(t.label) / 2
		if f.x.at(t.value)-half < end+3 {
			t.label = ""
			continue
		}
		end = f.x.at(t.value) + half
	}
}

func (f *frame) at(x, y float64) point { return point{f.x.at(x), f.y.at(y)} }

// rules draws thin lines at the labelled ticks, under the data.
func (f *frame) rules(vertical, horizontal bool) {
	if vertical {
		for _, t := range f.x.ticks {
			if x := f.x.at(t.value); t.label != "" {
				f.draw(polyline(point{x, f.top}, point{x, f.bottom}), stroked(grid, 0.4))
			}
		}
	}
	if horizontal {
		for _, t := range f.y.ticks {
			if y := f.y.at(t.value); t.label != "" {
				f.draw(polyline(point{f.left, y}, point{f.right, y}), stroked(grid, 0.4))
			}
		}
	}
}

// axes draws the frame, the ticks and the labels, over the data.
func (f *frame) axes() {
	f.draw(polygon(f.corners()...), stroked(black, axisWidth))
	f.xAxis()
	f.yAxis()
}

func (f *frame) xAxis() {
	slanted := len(f.x.Names) > 0 && f.slanted(f.width()/0.86)
	for _, t := range f.x.ticks {
		x, long := f.x.at(t.value), tickLong
		if t.label == "" {
			long = tickLong * 0.55
		}
		f.draw(polyline(point{x, f.bottom}, point{x, f.bottom + long}), stroked(black, axisWidth))
		at := point{x, f.bottom + tickLong + labelGap}
		if slanted {
			f.turn(point{x + 2, at.y}, t.label, tickSize, anchor{1, 1}, black, slant)
		} else {
			f.say(at, t.label, tickSize, topCentre, black)
		}
	}
	under := f.bottom + tickLong + labelGap + f.tallest(f.width()/0.86) + labelGap
	f.say(point{f.centre().x, under + 1}, f.x.label(), labelSize, topCentre, black)
}

func (f *frame) yAxis() {
	widest := 0.0
	for _, t := range f.y.ticks {
		y, long := f.y.at(t.value), tickLong
		if t.label == "" {
			long = tickLong * 0.55
		}
		f.draw(polyline(point{f.left, y}, point{f.left - long, y}), stroked(black, axisWidth))
		f.say(point{f.left - tickLong - labelGap, y}, t.label, tickSize, rightMid, black)
		widest = math.Max(widest, f.widthOf(t.label))
	}
	x := f.left - tickLong - 2*labelGap - widest - labelSize*descent
	f.turn(point{x, f.centre().y}, f.y.label(), labelSize, anchor{0.5, 0}, black, 90)
}
