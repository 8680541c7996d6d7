// Package plots draws figures for papers: one column wide, with colours that
// colour-blind readers tell apart, and dashes for those who print in grey. The
// same input gives the same bytes.
package plots

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	column   = 3.5 * vg.Inch // width of a column of a two-column paper
	height   = 2.3 * vg.Inch
	textSize = 8
	dpi      = 300
)

// palette is Okabe and Ito's, without the yellow that paper swallows.
func palette(i int) color.Color {
	colours := []color.RGBA{
		{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff},
		{0xcc, 0x79, 0xa7, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x00, 0x00, 0x00, 0xff},
	}
	return colours[i%len(colours)]
}

func dashes(i int) []vg.Length {
	styles := [][]vg.Length{nil, {vg.Points(5), vg.Points(2)}, {vg.Points(1.2), vg.Points(1.5)}, {vg.Points(5), vg.Points(1.5), vg.Points(1.2), vg.Points(1.5)}}
	return styles[i%len(styles)]
}

// line is the style of the i-th series.
func line(i int) draw.LineStyle {
	return draw.LineStyle{Color: palette(i), Width: vg.Points(1.1), Dashes: dashes(i)}
}

// newPlot is an empty plot in the house style.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	serif := font.Font{Typeface: "Liberation", Variant: "Serif", Size: textSize}
	small := serif
	small.Size = textSize - 0.5
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font = serif
		a.Tick.Label.Font = small
		a.LineStyle.Width = vg.Points(0.6)
		a.Tick.LineStyle.Width = vg.Points(0.5)
		a.Tick.Length = vg.Points(3)
		a.Padding = 0
	}
	return p
}

// logTicks labels a logarithmic axis at 1, 2 and 5 times the powers of ten,
// or at the powers alone where there are many.
type logTicks struct{}

// Ticks implements plot.Ticker.
func (logTicks) Ticks(low, high float64) []plot.Tick {
	var out []plot.Tick
	first, last := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	many := last-first > 3
	for e := first; e <= last; e++ {
		for d := 1; d <= 9; d++ {
			v := float64(d) * math.Pow(10, e)
			if v < low*(1-1e-9) || v > high*(1+1e-9) {
				continue
			}
			t := plot.Tick{Value: v}
			if d == 1 || !many && (d == 2 || d == 5) {
				t.Label = strconv.FormatFloat(v, 'g', 6, 64)
			}
			out = append(out, t)
		}
	}
	return out
}

// A Format is how a figure is stored.
type Format string

// Formats are those that FormatOf knows.
func Formats() []Format { return []Format{"pdf", "svg", "png"} }

// FormatOf is the format that a file's name asks for.
func FormatOf(path string) (Format, error) {
	ext := Format(strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), "."))
	for _, f := range Formats() {
		if ext == f {
			return f, nil
		}
	}
	return "", fmt.Errorf("%s: found extension %q, allowed: .pdf, .svg or .png", path, filepath.Ext(path))
}

// render draws a plot with its legend above the data.
func render(p *plot.Plot, legend plot.Legend, rows int, f Format) ([]byte, error) {
	var c vg.CanvasWriterTo
	switch f {
	case "pdf":
		c = vgpdf.New(column, height)
	case "svg":
		c = vgsvg.New(column, height)
	default:
		c = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(column, height), vgimg.UseDPI(dpi))}
	}
	dc := draw.New(c)
	serif := font.Font{Typeface: "Liberation", Variant: "Serif", Size: textSize}
	legend.TextStyle.Font = serif
	legend.Left, legend.Top = true, true
	legend.ThumbnailWidth = vg.Points(18)
	legend.Padding = vg.Points(1)
	top := vg.Points(float64(rows)*(textSize+2.5) + 3)
	head := draw.Crop(dc, vg.Points(34), -vg.Points(4), height-top, -vg.Points(2))
	legend.Draw(head)
	p.Draw(draw.Crop(dc, vg.Points(2), -vg.Points(8), vg.Points(2), -top))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
