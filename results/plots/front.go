package plots

import (
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Front draws a Pareto front: the points, in ascending order of x, and the
// steps that bound what they dominate.
func Front(x, y string, points [][2]float64, f Format) ([]byte, error) {
	if len(points) == 0 {
		return nil, fmt.Errorf("a Pareto front needs a point")
	}
	var dots, edge plotter.XYs
	for i, pt := range points {
		if i > 0 {
			edge = append(edge, plotter.XY{X: pt[0], Y: points[i-1][1]})
		}
		edge = append(edge, plotter.XY{X: pt[0], Y: pt[1]})
		dots = append(dots, plotter.XY{X: pt[0], Y: pt[1]})
	}
	p := newPlot(x, y)
	l, err := plotter.NewLine(edge)
	if err != nil {
		return nil, err
	}
	l.LineStyle = line(0)
	s, err := plotter.NewScatter(dots)
	if err != nil {
		return nil, err
	}
	s.GlyphStyle = draw.GlyphStyle{Color: palette(1), Radius: vg.Points(2), Shape: draw.CircleGlyph{}}
	p.Add(l, s)
	margin(&p.X)
	margin(&p.Y)
	return render(p, plot.NewLegend(), 0, f)
}

// margin keeps points off the frame.
func margin(a *plot.Axis) {
	span := a.Max - a.Min
	if span == 0 {
		span = max(a.Max, 1)
	}
	a.Min, a.Max = max(0, a.Min-0.06*span), a.Max+0.06*span
}
