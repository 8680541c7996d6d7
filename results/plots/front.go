package plots

import "errors"

// A Candidate is a placement that was found, by what it costs.
type Candidate struct {
	Name string
	X, Y float64
}

// A Front is a Pareto front: the candidates that no other is better than on
// both axes, the steps that bound what they dominate, and the others.
type Front struct {
	X, Y       Axis
	Candidates []Candidate
}

// Title implements Figure.
func (p Front) Title() string { return "Pareto front of " + p.X.Label + " and " + p.Y.Label }

func (p Front) check() error {
	if len(p.drawn()) == 0 {
		return errors.New("a Pareto front needs a point")
	}
	return nil
}

// drawn are the candidates that have a place.
func (p Front) drawn() []Candidate {
	var out []Candidate
	for _, c := range p.Candidates {
		if p.X.has(c.X) && p.Y.has(c.Y) {
			out = append(out, c)
		}
	}
	return out
}

// dominated reports whether another candidate is as good on both axes and
// better on one.
func (p Front) dominated(c Candidate) bool {
	for _, o := range p.Candidates {
		if o.X <= c.X && o.Y <= c.Y && (o.X < c.X || o.Y < c.Y) {
			return true
		}
	}
	return false
}

// Table implements Figure.
func (p Front) Table() Table {
	t := Table{Columns: columns("name", "", p.X.Label, p.X.Unit, p.Y.Label, p.Y.Unit, "dominated", "")}
	for _, c := range p.Candidates {
		t.add(c.Name, c.X, c.Y, yes(p.dominated(c)))
	}
	return t
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (p Front) height(width float64) float64 { return ratio(width) }

func (p Front) draw(s sheet, b box) {
	var xs, ys []float64
	var best, rest []Candidate
	p.Candidates = p.drawn()
	for _, c := range p.Candidates {
		xs, ys = append(xs, c.X), append(ys, c.Y)
		if p.dominated(c) {
			rest = append(rest, c)
		} else {
			best = append(best, c)
		}
	}
	keys := []key{{"Pareto front", func(s surface, b box) {
		c := b.centre()
		s.draw(polyline(point{b.left, c.y}, point{b.right, c.y}), stroked(palette(0), lineWidth))
		mark(s, 0, c, palette(0))
	}}}
	if len(rest) > 0 {
		keys = append(keys, markKey("dominated", func(s surface, c point) { mark(s, 4, c, grey) }))
	}
	b = legend(s, b, keys)
	f := newFrame(s, b, p.X.around(xs...), p.Y.around(ys...))
	f.rules(true, true)
	f.staircaseDown(best)
	for _, c := range rest {
		mark(s, 4, f.at(c.X, c.Y), grey)
	}
	for _, c := range best {
		mark(s, 0, f.at(c.X, c.Y), palette(0))
	}
	f.axes()
	f.names(append(best, rest...))
}

// staircaseDown bounds the region that the front dominates.
func (f *frame) staircaseDown(front []Candidate) {
	sorted := sortedBy(front, func(c Candidate) float64 { return c.X })
	pts := []point{{f.x.at(sorted[0].X), f.top}}
	for i, c := range sorted {
		if i > 0 {
			pts = append(pts, f.at(c.X, sorted[i-1].Y))
		}
		pts = append(pts, f.at(c.X, c.Y))
	}
	last := sorted[len(sorted)-1]
	f.draw(polyline(append(pts, point{f.right, f.y.at(last.Y)})...), stroked(palette(0), 0.8))
}

// names writes names beside their marks where nothing is in the way.
func (f *frame) names(cs []Candidate) {
	var taken []box
	for _, c := range cs {
		at := f.at(c.X, c.Y)
		taken = append(taken, box{at.x - 3, at.y - 3, at.x + 3, at.y + 3})
	}
	for _, c := range cs {
		if c.Name == "" {
			continue
		}
		at := f.at(c.X, c.Y)
		w := f.widthOf(c.Name)
		for _, left := range []point{{at.x + 4, at.y - 5}, {at.x + 4, at.y + 5}, {at.x - 4 - w, at.y - 5}, {at.x - 4 - w, at.y + 5}} {
			room := box{left.x, left.y - tickSize/2, left.x + w, left.y + tickSize/2}
			if room.inside(f.box) && !room.touches(taken) {
				f.say(left, c.Name, tickSize, leftMiddle, black)
				taken = append(taken, room)
				break
			}
		}
	}
}

func (b box) inside(o box) bool {
	return b.left >= o.left && b.right <= o.right && b.top >= o.top && b.bottom <= o.bottom
}

func (b box) touches(others []box) bool {
	for _, o := range others {
		if b.left < o.right && o.left < b.right && b.top < o.bottom && o.top < b.bottom {
			return true
		}
	}
	return false
}
