package plots

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

const dpi = 300

// raster draws an image at 300 dots an inch, and says so in the file, so that
// it is set at its size.
type raster struct {
	c    *vgimg.Canvas
	h    float64
	face typeface
}

func newRaster(w, h float64, face typeface) *raster {
	return &raster{vgimg.NewWith(vgimg.UseWH(vg.Points(w), vg.Points(h)), vgimg.UseDPI(dpi)), h, face}
}

// at turns a point around: vg counts from the lower left.
func (r *raster) at(p point) vg.Point { return vg.Point{X: vg.Points(p.x), Y: vg.Points(r.h - p.y)} }

func (r *raster) draw(route path, s shade) {
	var p vg.Path
	for _, seg := range route {
		to := r.at(seg.to[0])
		switch seg.kind {
		case 'M':
			p.Move(to)
		case 'L':
			p.Line(to)
		case 'C':
			p.CubeTo(r.at(seg.to[1]), r.at(seg.to[2]), to)
		case 'Z':
			p.Close()
		}
	}
	if s.fill.A > 0 {
		r.c.SetColor(s.fill)
		r.c.Fill(p)
	}
	if s.stroke.A > 0 {
		r.c.SetColor(s.stroke)
		r.c.SetLineWidth(vg.Points(s.width))
		lengths := make([]vg.Length, len(s.dashes))
		for i, d := range s.dashes {
			lengths[i] = vg.Points(d)
		}
		r.c.SetLineDash(lengths, 0)
		r.c.Stroke(p)
	}
}

func (r *raster) write(l letter) {
	r.c.Push()
	defer r.c.Pop()
	r.c.SetColor(l.colour)
	at := r.at(l.at)
	if l.angle != 0 {
		r.c.Translate(at)
		r.c.Rotate(l.angle * math.Pi / 180)
		at = vg.Point{}
	}
	r.c.FillString(r.face.sized(l.size), at, l.text)
}

func (r *raster) encode() ([]byte, error) {
	var b bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: r.c}).WriteTo(&b); err != nil {
		return nil, err
	}
	return withDensity(b.Bytes()), nil
}

// withDensity puts a pHYs chunk behind the header of a PNG, which takes the
// first 33 bytes (PNG Specification, third edition, 11.3.4.3).
func withDensity(data []byte) []byte {
	const header = 33
	perMetre := uint32(math.Round(dpi / 0.0254))
	body := []byte("pHYs")
	body = binary.BigEndian.AppendUint32(body, perMetre)
	body = binary.BigEndian.AppendUint32(body, perMetre)
	body = append(body, 1) // the unit is the metre
	out := append([]byte{}, data[:header]...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)-4))
	out = append(out, body...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body))
	return append(out, data[header:]...)
}
