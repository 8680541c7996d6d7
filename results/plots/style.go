// Package plots draws figures for papers: one or two columns wide, text of 7
// and 8 points in a face with the metrics of Times, colours that colour-blind
// readers tell apart, and dashes, marks and hatches for those who print in
// grey. A figure is a struct of plain numbers; the same numbers give the same
// bytes in every format.
//
// Gonum's plot module supplies the fonts and the raster image. Axes, legends
// and the two vector formats are drawn here, because a plot.Plot knows legends
// inside the data alone, logarithmic axes without 1-2-5 labels, PDF text of 256
// characters with premultiplied transparency and the date of the drawing, and
// images of 96 dots an inch.
package plots

import (
	"image/color"
	"math"
)

// A Width is how much of a two-column paper a figure takes.
type Width string

// The widths, of 3.5 and 7.16 inches.
const (
	Column Width = "column"
	Page   Width = "page"
)

// Widths are those that exist.
func Widths() []Width { return []Width{Column, Page} }

func (w Width) points() float64 {
	if w == Page {
		return 7.16 * 72
	}
	return 3.5 * 72
}

// Sizes in points.
const (
	labelSize = 8.0 // of axes
	tickSize  = 7.0 // of ticks, legends and notes
	margin    = 2.0 // around the figure
	axisWidth = 0.5
	lineWidth = 1.1
	tickLong  = 3.0
)

func rgb(h uint32) color.NRGBA {
	return color.NRGBA{uint8(h >> 16), uint8(h >> 8), uint8(h), 255}
}

var (
	black = rgb(0)
	white = rgb(0xffffff)
	grid  = rgb(0xe0e0e0)
	grey  = rgb(0x707070)
	alarm = rgb(0xd55e00)
)

// palette is Okabe and Ito's, the yellow that paper swallows left out.
func palette(i int) color.NRGBA {
	colours := []uint32{0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9, 0x000000}
	return rgb(colours[i%len(colours)])
}

// dashes is the pattern of the i-th line. It changes where the colours start
// again, so that 28 lines differ.
func dashes(i int) []float64 {
	styles := [][]float64{nil, {4.5, 1.5}, {1.2, 1.4}, {4.5, 1.4, 1.2, 1.4}}
	return styles[(i+i/7)%len(styles)]
}

func faded(c color.NRGBA, share float64) color.NRGBA {
	c.A = uint8(math.Round(255 * share))
	return c
}

// cividis is the map of Nuñez, Anderton and Renslow (2018), which looks alike
// to all readers, at t from 0 to 1.
func cividis(t float64) color.NRGBA {
	stops := []uint32{0x00224e, 0x123570, 0x3b496c, 0x575d6d, 0x707173, 0x8a8678, 0xa59c74, 0xc3b369, 0xe1cc55, 0xfee838}
	t = max(0, min(1, t)) * float64(len(stops)-1)
	i := min(int(t), len(stops)-2)
	a, b, f := rgb(stops[i]), rgb(stops[i+1]), t-float64(i)
	mix := func(x, y uint8) uint8 { return uint8(math.Round(float64(x)*(1-f) + float64(y)*f)) }
	return color.NRGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

// over is the colour of text that is read on a ground of cividis(t).
func over(t float64) color.NRGBA {
	if t < 0.5 {
		return white
	}
	return black
}
