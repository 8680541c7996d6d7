package plots

import (
	"bytes"
	"image/color"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/go-fonts/liberation/liberationserifregular"
	"codeberg.org/go-pdf/fpdf"
)

// pdf writes the Portable Document Format with the used part of the font
// inside, straight transparency, and no date, which would differ each time.
type pdf struct{ d *fpdf.Fpdf }

const pdfFace = "serif"

func newPDF(w, h float64, title string) *pdf {
	d := fpdf.NewCustom(&fpdf.InitType{UnitStr: "pt", Size: fpdf.SizeType{Wd: w, Ht: h}})
	epoch := time.Unix(0, 0).UTC()
	d.SetCreationDate(epoch)
	d.SetModificationDate(epoch)
	d.SetCatalogSort(true)
	d.SetTitle(basic(title), true)
	d.SetMargins(0, 0, 0)
	d.SetAutoPageBreak(false, 0)
	d.AddUTF8FontFromBytes(pdfFace, "", liberationserifregular.TTF)
	d.AddPage()
	d.SetLineCapStyle("butt")
	d.SetLineJoinStyle("round")
	return &pdf{d}
}

func (p *pdf) draw(route path, s shade) {
	if s.fill.A > 0 {
		p.trace(route)
		p.d.SetFillColor(int(s.fill.R), int(s.fill.G), int(s.fill.B))
		p.alpha(s.fill)
		p.d.DrawPath("F")
	}
	if s.stroke.A > 0 {
		p.d.SetDrawColor(int(s.stroke.R), int(s.stroke.G), int(s.stroke.B))
		p.d.SetLineWidth(s.width)
		p.d.SetDashPattern(s.dashes, 0)
		p.alpha(s.stroke)
		p.trace(route)
		p.d.DrawPath("D")
	}
}

func (p *pdf) alpha(c color.NRGBA) { p.d.SetAlpha(float64(c.A)/255, "Normal") }

func (p *pdf) trace(route path) {
	for _, seg := range route {
		to := seg.to[0]
		switch seg.kind {
		case 'M':
			p.d.MoveTo(to.x, to.y)
		case 'L':
			p.d.LineTo(to.x, to.y)
		case 'C':
			p.d.CurveBezierCubicTo(seg.to[1].x, seg.to[1].y, seg.to[2].x, seg.to[2].y, to.x, to.y)
		case 'Z':
			p.d.ClosePath()
		}
	}
}

func (p *pdf) write(l letter) {
	l.text = basic(l.text)
	p.d.SetFont(pdfFace, "", l.size)
	p.d.SetTextColor(int(l.colour.R), int(l.colour.G), int(l.colour.B))
	p.alpha(l.colour)
	if l.angle == 0 {
		p.d.Text(l.at.x, l.at.y, l.text)
		return
	}
	p.d.TransformBegin()
	p.d.TransformRotate(l.angle, l.at.x, l.at.y)
	p.d.Text(l.at.x, l.at.y, l.text)
	p.d.TransformEnd()
}

// basic replaces what lies beyond Unicode's basic plane, which fpdf has no place
// for.
func basic(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xffff {
			return utf8.RuneError
		}
		return r
	}, text)
}

func (p *pdf) encode() ([]byte, error) {
	var b bytes.Buffer
	err := p.d.Output(&b)
	return b.Bytes(), err
}
