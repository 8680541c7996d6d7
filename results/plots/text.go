package plots

import (
	"image/color"
	"strings"

	"codeberg.org/go-fonts/liberation/liberationserifregular"
	"golang.org/x/image/font/opentype"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// typeface measures and rasters text. Liberation Serif has the metrics of
// Times New Roman.
type typeface struct{ face *opentype.Font }

func newTypeface() (typeface, error) {
	f, err := opentype.Parse(liberationserifregular.TTF)
	return typeface{f}, err
}

// sized is the face at a size in points.
func (t typeface) sized(size float64) font.Face {
	return font.Face{Font: font.Font{Typeface: "Liberation", Variant: "Serif", Size: vg.Points(size)}, Face: t.face}
}

func (t typeface) width(text string, size float64) float64 {
	f := t.sized(size)
	return f.Width(text).Points()
}

// The heights of capitals and of the part below the baseline, of the size.
const (
	capHeight = 0.66
	descent   = 0.22
)

// An anchor is where on a text its point lies: 0 to 1 from the left, and from
// the baseline to the top of its capitals.
type anchor struct{ x, y float64 }

var (
	leftMiddle = anchor{0, 0.5}
	centre     = anchor{0.5, 0.5}
	rightMid   = anchor{1, 0.5}
	topCentre  = anchor{0.5, 1}
)

// A sheet is a surface with the face that is written on it.
type sheet struct {
	surface
	typeface
}

// say writes text with its anchor at p.
func (s sheet) say(p point, text string, size float64, a anchor, c color.NRGBA) {
	s.turn(p, text, size, a, c, 0)
}

// turn writes text turned around its anchor.
func (s sheet) turn(p point, text string, size float64, a anchor, c color.NRGBA, angle float64) {
	if text == "" {
		return
	}
	along, up := turned(-a.x*s.width(text, size), angle), turned(-a.y*capHeight*size, angle+90)
	s.write(letter{point{p.x + along.x + up.x, p.y + along.y + up.y}, text, size, angle, c})
}

// fit shortens text to a width, with an ellipsis.
func (s sheet) fit(text string, size, width float64) string {
	if s.width(text, size) <= width {
		return text
	}
	runes := []rune(text)
	for n := len(runes) - 1; n > 0; n-- {
		if short := strings.TrimRight(string(runes[:n]), " -.@") + "…"; s.width(short, size) <= width {
			return short
		}
	}
	return ""
}
