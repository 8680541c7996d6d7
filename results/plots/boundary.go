package plots

import (
	"errors"
	"math"
	"slices"
)

// A Visit is a point of a search in two parameters and whether it was stable.
type Visit struct {
	X, Y   float64
	Stable bool
}

// Boundary is what a search in two parameters found: the points that it
// visited, and between stable and unstable neighbours the boundary. The
// neighbours of a point are the nearest visited values on either side.
type Boundary struct {
	X, Y   Axis
	Visits []Visit
	// Grid is how many points the full grid has, for the legend; 0 is unknown.
	Grid int
}

// Title implements Figure.
func (p Boundary) Title() string { return "boundary of " + p.X.Label + " and " + p.Y.Label }

func (p Boundary) check() error {
	if len(p.drawn()) == 0 {
		return errors.New("the search visited no point")
	}
	return nil
}

// drawn are the points that have a place.
func (p Boundary) drawn() []Visit {
	var out []Visit
	for _, v := range p.Visits {
		if p.X.has(v.X) && p.Y.has(v.Y) {
			out = append(out, v)
		}
	}
	return out
}

// Table implements Figure.
func (p Boundary) Table() Table {
	t := Table{Columns: columns(p.X.Label, p.X.Unit, p.Y.Label, p.Y.Unit, "stable", "")}
	for _, v := range p.Visits {
		t.add(v.X, v.Y, yes(v.Stable))
	}
	return t
}

func (p Boundary) height(width float64) float64 { return ratio(width) }

func (p Boundary) draw(s sheet, b box) {
	var xs, ys []float64
	visited := counted(len(p.Visits), p.Grid)
	p.Visits = p.drawn()
	for _, v := range p.Visits {
		xs, ys = append(xs, v.X), append(ys, v.Y)
	}
	slices.Sort(xs)
	slices.Sort(ys)
	xs, ys = slices.Compact(xs), slices.Compact(ys)
	b = legend(s, b, []key{
		markKey("stable", func(s surface, c point) { mark(s, 0, c, palette(0)) }),
		markKey("unstable", func(s surface, c point) { cross(s, c, 2, alarm) }),
		ruleKey("boundary", black),
		{visited, nil},
	})
	f := newFrame(s, b, p.X.around(padded(p.X, xs)...), p.Y.around(padded(p.Y, ys)...))
	f.rules(true, true)
	p.edges(f, xs, ys)
	for _, v := range p.Visits {
		at := f.at(v.X, v.Y)
		if v.Stable {
			mark(s.surface, 0, at, palette(0))
		} else {
			cross(s.surface, at, 2, alarm)
		}
	}
	f.axes()
}

func counted(visited, grid int) string {
	if grid == 0 {
		return brief(float64(visited)) + " points"
	}
	return brief(float64(visited)) + " of " + brief(float64(grid)) + " points"
}

// padded adds half a step beyond the first and last value, where the boundary
// may run.
func padded(a Axis, vs []float64) []float64 {
	out := slices.Clone(vs)
	for i := range vs {
		low, high := cellEnds(a, vs, i)
		out = append(out, low, high)
	}
	return out
}

// cellEnds is the stretch of the axis that is nearer to the i-th value than to
// any other.
func cellEnds(a Axis, vs []float64, i int) (low, high float64) {
	mid := func(x, y float64) float64 {
		if a.Log {
			return math.Sqrt(x * y)
		}
		return (x + y) / 2
	}
	low, high = vs[i], vs[i]
	if i > 0 {
		low = mid(vs[i-1], vs[i])
	} else if len(vs) > 1 && !a.Log {
		low = vs[0] - (vs[1]-vs[0])/2
	}
	if i+1 < len(vs) {
		high = mid(vs[i], vs[i+1])
	} else if len(vs) > 1 && !a.Log {
		high = vs[i] + (vs[i]-vs[i-1])/2
	}
	return low, high
}

// edges draws the sides between a stable cell and an unstable one beside it.
func (p Boundary) edges(f *frame, xs, ys []float64) {
	type place struct{ i, j int }
	at := map[place]bool{}
	for _, v := range p.Visits {
		i, _ := slices.BinarySearch(xs, v.X)
		j, _ := slices.BinarySearch(ys, v.Y)
		at[place{i, j}] = v.Stable
	}
	for i := range xs {
		for j := range ys {
			here, ok := at[place{i, j}]
			if !ok {
				continue
			}
			left, right := cellEnds(p.X, xs, i)
			bottom, top := cellEnds(p.Y, ys, j)
			if other, ok := at[place{i + 1, j}]; ok && other != here {
				f.draw(polyline(f.at(right, bottom), f.at(right, top)), stroked(black, 1.2))
			}
			if other, ok := at[place{i, j + 1}]; ok && other != here {
				f.draw(polyline(f.at(left, top), f.at(right, top)), stroked(black, 1.2))
			}
		}
	}
}
