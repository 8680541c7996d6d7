package plots

import (
	"errors"
	"math"
)

// A Course is how a share developed: Share[k] holds from Times[k] to the next.
type Course struct {
	Name  string
	Share []float64 // of 1; NaN where it is unknown
}

// Usage is utilisation over time: lines where they are few, strips of colour
// where they are many.
type Usage struct {
	X       Axis      // time
	Times   []float64 // edges: one more than shares
	Courses []Course
}

// Title implements Figure.
func (u Usage) Title() string { return "utilisation over time" }

func (u Usage) check() error {
	if len(u.Courses) == 0 || len(u.Times) < 2 {
		return errors.New("no node was used in the time that is drawn")
	}
	return nil
}

// Table implements Figure.
func (u Usage) Table() Table {
	t := Table{Columns: columns("node", "", "from", u.X.Unit, "to", u.X.Unit, "utilisation", "1")}
	for _, c := range u.Courses {
		for k, v := range c.Share {
			t.add(c.Name, u.Times[k], u.Times[k+1], v)
		}
	}
	return t
}

func (u Usage) summary() Table {
	t := Table{Columns: columns("node", "", "mean", "1", "most", "1")}
	for _, c := range u.Courses {
		sum, most, span := 0.0, 0.0, u.Times[len(u.Times)-1]-u.Times[0]
		for k, v := range c.Share {
			if !math.IsNaN(v) {
				sum += v * (u.Times[k+1] - u.Times[k])
				most = math.Max(most, v)
			}
		}
		t.add(c.Name, sum/span, most)
	}
	return t
}

// lines is how many courses are still told apart as lines.
const mostLines = 4

func (u Usage) height(width float64) float64 {
	if len(u.Courses) <= mostLines {
		return ratio(width)
	}
	return math.Min(560, math.Max(120, 40+9.5*float64(len(u.Courses))))
}

func (u Usage) draw(s sheet, b box) {
	x := u.X.between(u.Times[0], u.Times[len(u.Times)-1])
	if len(u.Courses) > mostLines {
		u.strips(s, b, x)
		return
	}
	var keys []key
	for i, c := range u.Courses {
		keys = append(keys, lineKey(c.Name, i, false))
	}
	b = legend(s, b, keys)
	f := newFrame(s, b, x, Axis{Label: "Utilisation", Unit: "1"}.between(0, 1.02))
	f.rules(true, true)
	for i, c := range u.Courses {
		var pts []point
		for k, v := range c.Share {
			if !math.IsNaN(v) {
				v = math.Min(v, 1)
				pts = append(pts, f.at(u.Times[k], v), f.at(u.Times[k+1], v))
			}
		}
		f.draw(polyline(pts...), stroked(palette(i), 0.9, dashes(i)...))
	}
	f.axes()
}

func (u Usage) strips(s sheet, b box, x scale) {
	z := Axis{Label: "Utilisation", Unit: "1"}.between(0, 1)
	b.right -= z.reserve(s, b)
	n := len(u.Courses)
	names := make([]string, n)
	for i, c := range u.Courses {
		names[n-1-i] = s.fit(c.Name, tickSize, 70)
	}
	f := newFrame(s, b, x, Axis{Names: some(names, int(b.height()/8.5))}.around())
	for i, c := range u.Courses {
		row := float64(n - 1 - i)
		for k, v := range c.Share {
			cell := box{f.x.at(u.Times[k]), f.y.at(row + 0.42), f.x.at(u.Times[k+1]), f.y.at(row - 0.42)}
			if math.IsNaN(v) {
				emptyCell(f.surface, cell)
				continue
			}
			c := cividis(math.Min(v, 1))
			f.draw(polygon(cell.corners()...), shade{fill: c, stroke: c, width: 0.2})
		}
	}
	f.axes()
	z.bar(s, box{f.right + 6, f.top, f.right + 6 + colourBar, f.bottom})
}
