package plots

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// A Contest is what several solvers made of one instance: the CPU seconds by
// solver that it took to prove an answer, +Inf when it did not.
type Contest []float64

// Profile draws the performance profile of solvers (Dolan and Moré, 2002): the
// share of the instances that each solved within a factor of the fastest.
func Profile(solvers []string, contests []Contest, f Format) ([]byte, error) {
	if len(contests) == 0 || len(solvers) == 0 {
		return nil, fmt.Errorf("a performance profile needs solvers and instances, found %d and %d", len(solvers), len(contests))
	}
	ratios := make([][]float64, len(solvers))
	worst := 2.0
	for _, c := range contests {
		fastest := slices.Min(c)
		for s, t := range c {
			if !math.IsInf(t, 1) {
				r := t / fastest
				ratios[s] = append(ratios[s], r)
				worst = max(worst, r)
			}
		}
	}
	p := newPlot("CPU time over that of the fastest", "share of instances proved")
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, logTicks{}
	p.X.Min, p.X.Max = 1, worst*1.2
	p.Y.Min, p.Y.Max = 0, 1.02
	p.Y.Tick.Marker = plot.ConstantTicks(shares())
	legend := plot.NewLegend()
	for s, name := range solvers {
		l, err := plotter.NewLine(steps(ratios[s], len(contests), worst*1.2))
		if err != nil {
			return nil, err
		}
		l.LineStyle = line(s)
		p.Add(l)
		legend.Add(fmt.Sprintf("%s (%d of %d)", name, len(ratios[s]), len(contests)), l)
	}
	return render(p, legend, len(solvers), f)
}

func shares() []plot.Tick {
	var out []plot.Tick
	for k := range 6 {
		v := float64(k) / 5
		out = append(out, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 2, 64)})
	}
	return out
}

// steps is the empirical distribution of ratios, out of n.
func steps(ratios []float64, n int, end float64) plotter.XYs {
	slices.Sort(ratios)
	out := plotter.XYs{{X: 1, Y: 0}}
	y := 0.0
	for k, r := range ratios {
		out = append(out, plotter.XY{X: r, Y: y})
		y = float64(k+1) / float64(n)
		out = append(out, plotter.XY{X: r, Y: y})
	}
	return append(out, plotter.XY{X: end, Y: y})
}
