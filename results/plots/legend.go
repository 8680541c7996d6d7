package plots

import (
	"image/color"
	"math"
)

// A key is an entry of a legend: a name and the picture beside it, nil for a
// note.
type key struct {
	name    string
	picture func(s surface, b box)
}

const (
	pictureWidth = 17.0
	legendRow    = 10.0
	legendGap    = 9.0
)

// legend sets the keys in columns above the data and returns what is left of
// the box.
func legend(s sheet, b box, keys []key) box {
	if len(keys) == 0 {
		return b
	}
	n := len(keys)
	for n > 1 && total(columnWidths(s, keys, n)) > b.width() {
		n--
	}
	widths := columnWidths(s, keys, n)
	left := b.left + math.Max(0, (b.width()-total(widths)+legendGap)/2)
	for i, k := range keys {
		x := left + total(widths[:i%n])
		y := b.top + legendRow*float64(i/n)
		if k.picture != nil {
			k.picture(s.surface, box{x, y + 1, x + pictureWidth, y + legendRow - 2})
			x += pictureWidth + 3
		}
		s.say(point{x, y + (legendRow-1)/2}, s.fit(k.name, tickSize, b.right-x), tickSize, leftMiddle, black)
	}
	b.top += legendRow*math.Ceil(float64(len(keys))/float64(n)) + 1
	return b
}

func columnWidths(s sheet, keys []key, n int) []float64 {
	out := make([]float64, n)
	for i, k := range keys {
		w := s.width(k.name, tickSize) + legendGap
		if k.picture != nil {
			w += pictureWidth + 3
		}
		out[i%n] = math.Max(out[i%n], w)
	}
	return out
}

func total(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum
}

func lineKey(name string, i int, marked bool) key {
	return key{name, func(s surface, b box) {
		c := b.centre()
		s.draw(polyline(point{b.left, c.y}, point{b.right, c.y}), stroked(palette(i), lineWidth, dashes(i)...))
		if marked {
			mark(s, i, c, palette(i))
		}
	}}
}

func swatchKey(name string, i int) key {
	return key{name, func(s surface, b box) {
		b.left += 4
		swatch(s, b, i)
	}}
}

// swatch fills a box with the i-th colour, and with the i-th hatch for those
// who see none.
func swatch(s surface, b box, i int) {
	s.draw(polygon(b.corners()...), filled(faded(palette(i), 0.75)))
	if i%2 == 1 {
		hatch(s, b, white, 2.6)
	}
	s.draw(polygon(b.corners()...), stroked(palette(i), 0.5))
}

func markKey(name string, draw func(s surface, c point)) key {
	return key{name, func(s surface, b box) { draw(s, b.centre()) }}
}

func ruleKey(name string, c color.NRGBA, dashes ...float64) key {
	return key{name, func(s surface, b box) {
		s.draw(polyline(point{b.left, b.centre().y}, point{b.right, b.centre().y}), stroked(c, 0.8, dashes...))
	}}
}
