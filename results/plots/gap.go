package plots

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// A Trace is how a solver's gap fell: at CPU seconds, the relative gap between
// what it had found and what it had proved.
type Trace struct {
	Solver  string
	Seconds []float64 // ascending
	Gap     []float64 // of 1; NaN before there is one
}

// Gaps draws the gap of solvers over CPU time, both axes logarithmic. A gap of
// zero, which such an axis has no place for, ends its line at the floor.
func Gaps(instance string, traces []Trace, f Format) ([]byte, error) {
	const floor = 1e-4
	first, last := math.Inf(1), 0.0
	p := newPlot("CPU time on "+instance+" (s)", "relative gap")
	legend := plot.NewLegend()
	for s, t := range traces {
		var xy plotter.XYs
		for k, x := range t.Seconds {
			if math.IsNaN(t.Gap[k]) {
				continue
			}
			y := max(t.Gap[k], floor)
			if len(xy) > 0 {
				xy = append(xy, plotter.XY{X: x, Y: xy[len(xy)-1].Y})
			}
			xy = append(xy, plotter.XY{X: x, Y: y})
			first, last = min(first, x), max(last, x)
		}
		if len(xy) == 0 {
			continue
		}
		l, err := plotter.NewLine(xy)
		if err != nil {
			return nil, err
		}
		l.LineStyle = line(s)
		p.Add(l)
		legend.Add(t.Solver, l)
	}
	if last == 0 {
		return nil, fmt.Errorf("no solver had a gap to draw")
	}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, logTicks{}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, percentTicks{}
	p.X.Min, p.X.Max = first/1.2, last*1.2
	p.Y.Min, p.Y.Max = floor, 1
	return render(p, legend, len(traces), f)
}

// percentTicks labels the powers of ten of a share as percentages.
type percentTicks struct{}

// Ticks implements plot.Ticker.
func (percentTicks) Ticks(low, high float64) []plot.Tick {
	var out []plot.Tick
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for d := 1; d <= 9; d++ {
			v := float64(d) * math.Pow(10, e)
			if v < low*(1-1e-9) || v > high*(1+1e-9) {
				continue
			}
			t := plot.Tick{Value: v}
			if d == 1 {
				t.Label = fmt.Sprintf("%g %%", 100*v)
			}
			out = append(out, t)
		}
	}
	return out
}
