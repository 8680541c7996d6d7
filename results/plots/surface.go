package plots

import (
	"image/color"
	"math"
)

// A point is a place on a figure, in points from its upper left corner.
type point struct{ x, y float64 }

// A box is a rectangle on a figure.
type box struct{ left, top, right, bottom float64 }

func (b box) width() float64  { return b.right - b.left }
func (b box) height() float64 { return b.bottom - b.top }
func (b box) centre() point   { return point{(b.left + b.right) / 2, (b.top + b.bottom) / 2} }

func (b box) corners() []point {
	return []point{{b.left, b.top}, {b.right, b.top}, {b.right, b.bottom}, {b.left, b.bottom}}
}

// A path is a run of straight lines and cubic curves.
type path []segment

// A segment is a step of a path: 'M' moves, 'L' draws a line, 'C' a cubic with
// two control points, 'Z' closes.
type segment struct {
	kind byte
	to   [3]point // the end comes first, then the controls
}

func polyline(pts ...point) path {
	var p path
	for i, q := range pts {
		kind := byte('L')
		if i == 0 {
			kind = 'M'
		}
		p = append(p, segment{kind: kind, to: [3]point{q}})
	}
	return p
}

func polygon(pts ...point) path { return append(polyline(pts...), segment{kind: 'Z'}) }

// circle is drawn by four cubics, to within 0.03 % of the radius.
func circle(c point, r float64) path {
	const k = 0.5522847498
	at := func(x, y float64) point { return point{c.x + x*r, c.y + y*r} }
	p := path{{kind: 'M', to: [3]point{at(1, 0)}}}
	for q := range 4 {
		sin, cos := [4]float64{0, 1, 0, -1}[q], [4]float64{1, 0, -1, 0}[q]
		p = append(p, segment{kind: 'C', to: [3]point{at(-sin, cos), at(cos-k*sin, sin+k*cos), at(-sin+k*cos, cos+k*sin)}})
	}
	return append(p, segment{kind: 'Z'})
}

// A shade is how a path is filled and stroked; a colour with alpha 0 does
// neither.
type shade struct {
	fill, stroke color.NRGBA
	width        float64
	dashes       []float64
}

func stroked(c color.NRGBA, width float64, dashes ...float64) shade {
	return shade{stroke: c, width: width, dashes: dashes}
}

func filled(c color.NRGBA) shade { return shade{fill: c} }

// A letter is a line of text from the start of its baseline, turned by angle
// degrees against the clock.
type letter struct {
	at     point
	text   string
	size   float64
	angle  float64
	colour color.NRGBA
}

// A surface is what figures are drawn on.
type surface interface {
	draw(p path, s shade)
	write(l letter)
	encode() ([]byte, error)
}

// A hinter is a surface that can say more to those who point at a place.
type hinter interface{ hint(b box, text string) }

func hint(s surface, b box, text string) {
	if h, ok := s.(hinter); ok {
		h.hint(b, text)
	}
}

// hatch draws slanted lines across a box, and nothing beside it.
func hatch(s surface, b box, c color.NRGBA, apart float64) {
	w, h := b.width(), b.height()
	for d := apart; d < w+h; d += apart {
		from := point{b.left + min(d, w), b.top + max(0, d-w)}
		to := point{b.left + max(0, d-h), b.top + min(d, h)}
		s.draw(polyline(from, to), stroked(c, 0.4))
	}
}

// mark draws the i-th mark around c.
func mark(s surface, i int, c point, colour color.NRGBA) {
	const r = 1.9
	at := func(x, y float64) point { return point{c.x + x*r, c.y + y*r} }
	solid, open := filled(colour), shade{fill: white, stroke: colour, width: 0.8}
	switch i % 7 {
	case 0:
		s.draw(circle(c, r), solid)
	case 1:
		s.draw(polygon(at(-0.9, -0.9), at(0.9, -0.9), at(0.9, 0.9), at(-0.9, 0.9)), solid)
	case 2:
		s.draw(polygon(at(0, -1.2), at(1.1, 0.8), at(-1.1, 0.8)), solid)
	case 3:
		s.draw(polygon(at(0, -1.3), at(1.1, 0), at(0, 1.3), at(-1.1, 0)), solid)
	case 4:
		s.draw(circle(c, r), open)
	case 5:
		s.draw(polygon(at(-0.9, -0.9), at(0.9, -0.9), at(0.9, 0.9), at(-0.9, 0.9)), open)
	default:
		cross(s, c, r, colour)
	}
}

func cross(s surface, c point, r float64, colour color.NRGBA) {
	s.draw(polyline(point{c.x - r, c.y - r}, point{c.x + r, c.y + r}), stroked(colour, 0.9))
	s.draw(polyline(point{c.x - r, c.y + r}, point{c.x + r, c.y - r}), stroked(colour, 0.9))
}

// turned is a vector of length n at an angle in degrees against the clock.
func turned(n, angle float64) point {
	sin, cos := math.Sincos(angle * math.Pi / 180)
	return point{n * cos, -n * sin}
}
