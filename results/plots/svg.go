package plots

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"strconv"
	"strings"
)

// svg writes Scalable Vector Graphics with text as text, so that it can be
// searched and read aloud. Coordinates have two decimals: 0.01 points.
type svg struct {
	b    bytes.Buffer
	w, h float64
}

func newSVG(w, h float64, title string) *svg {
	s := &svg{w: w, h: h}
	fmt.Fprintf(&s.b, `<svg xmlns="http://www.w3.org/2000/svg" width="%spt" height="%spt" viewBox="0 0 %s %s" font-family="'Liberation Serif','Times New Roman',Times,serif" role="img">`+"\n",
		short(w), short(h), short(w), short(h))
	fmt.Fprintf(&s.b, "<title>%s</title>\n", escape(title))
	return s
}

// short is a length with two decimals at most.
func short(v float64) string {
	text := strconv.FormatFloat(v, 'f', 2, 64)
	text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	if text == "-0" || text == "" {
		return "0"
	}
	return text
}

// escape is text as XML may hold it: without control characters.
func escape(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	return html.EscapeString(text)
}

func hexColour(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

func (s *svg) draw(p path, sh shade) {
	s.b.WriteString(`<path d="`)
	for _, seg := range p {
		if seg.kind == 'Z' {
			s.b.WriteByte('Z')
			continue
		}
		s.b.WriteByte(seg.kind)
		if seg.kind == 'C' {
			fmt.Fprintf(&s.b, "%s %s %s %s ", short(seg.to[1].x), short(seg.to[1].y), short(seg.to[2].x), short(seg.to[2].y))
		}
		fmt.Fprintf(&s.b, "%s %s", short(seg.to[0].x), short(seg.to[0].y))
	}
	s.b.WriteByte('"')
	s.paint("fill", sh.fill)
	if sh.stroke.A > 0 {
		s.paint("stroke", sh.stroke)
		fmt.Fprintf(&s.b, ` stroke-width="%s"`, short(sh.width))
		if len(sh.dashes) > 0 {
			var d []string
			for _, x := range sh.dashes {
				d = append(d, short(x))
			}
			fmt.Fprintf(&s.b, ` stroke-dasharray="%s"`, strings.Join(d, " "))
		}
	}
	s.b.WriteString("/>\n")
}

func (s *svg) paint(what string, c color.NRGBA) {
	if c.A == 0 {
		fmt.Fprintf(&s.b, ` %s="none"`, what)
		return
	}
	fmt.Fprintf(&s.b, ` %s="%s"`, what, hexColour(c))
	if c.A < 255 {
		fmt.Fprintf(&s.b, ` %s-opacity="%s"`, what, short(float64(c.A)/255))
	}
}

func (s *svg) write(l letter) {
	fmt.Fprintf(&s.b, `<text x="%s" y="%s" font-size="%s"`, short(l.at.x), short(l.at.y), short(l.size))
	if l.colour != black {
		s.paint("fill", l.colour)
	}
	if l.angle != 0 {
		fmt.Fprintf(&s.b, ` transform="rotate(%s %s %s)"`, short(-l.angle), short(l.at.x), short(l.at.y))
	}
	fmt.Fprintf(&s.b, ">%s</text>\n", escape(l.text))
}

// hint covers a box with nothing that can be seen and a title, which browsers
// show to those who point at it.
func (s *svg) hint(b box, text string) {
	fmt.Fprintf(&s.b, `<rect x="%s" y="%s" width="%s" height="%s" fill-opacity="0"><title>%s</title></rect>`+"\n",
		short(b.left), short(b.top), short(b.width()), short(b.height()), escape(text))
}

func (s *svg) encode() ([]byte, error) { return append(s.b.Bytes(), "</svg>\n"...), nil }
