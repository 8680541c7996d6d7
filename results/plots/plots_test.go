package plots_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results/plots"
)

var update = flag.Bool("update", false, "rewrite the golden figures")

var (
	nan     = math.NaN()
	seconds = plots.Axis{Label: "Latency", Unit: "s", Log: true}
)

// logistic is a sample whose logarithm is logistic around a median.
func logistic(name string, median, spread float64) plots.Sample {
	s := plots.Sample{Name: name, Least: median / 50}
	last := 0.0
	for k := 1; k <= 240; k++ {
		v := s.Least * math.Pow(2500, float64(k)/240)
		share := 1 / (1 + math.Pow(v/median, -1/spread))
		s.Upto, s.Counts = append(s.Upto, v), append(s.Counts, math.Round(20000*(share-last)))
		last = share
	}
	return s
}

func estimate(v, half float64) plots.Estimate {
	return plots.Estimate{Value: v, Low: v - half, High: v + half}
}

// figures is one of each kind, named as its golden file.
func figures() map[string]plots.Figure {
	samples := []plots.Sample{logistic("ilp", 0.012, 0.3), logistic("queueing", 0.008, 0.25), logistic("binpack", 0.034, 0.35)}
	var boxes []plots.Box
	for _, s := range samples {
		boxes = append(boxes, plots.BoxOf(s))
	}
	var curves []plots.Curve
	for i, name := range []string{"ilp", "queueing", "binpack", "chaincut"} {
		c := plots.Curve{Name: name}
		for _, load := range []float64{1, 2, 4, 8, 16} {
			v := (0.01 + 0.004*float64(i)) * (1 + load*load/60)
			c.X, c.Y = append(c.X, load), append(c.Y, estimate(v, v*0.06))
		}
		if name == "chaincut" {
			c.Y[4] = plots.Estimate{Value: nan, Low: nan, High: nan}
		}
		curves = append(curves, c)
	}
	heat := plots.Heat{Z: plots.Axis{Label: "p99 latency", Unit: "s"},
		X: plots.Axis{Label: "Edge nodes", Names: []string{"5", "10", "15", "20", "25", "30", "35", "40"}},
		Y: plots.Axis{Label: "Arrival rate (1/s)", Names: []string{"100", "200", "400", "800", "1600"}}}
	for i := range 5 {
		var r []float64
		for j := range 8 {
			v := 0.005 + 0.09*math.Pow(float64(i+1)/5, 1.5)/math.Pow(float64(j+1), 0.7)
			if i == 4 && j < 2 {
				v = nan
			}
			r = append(r, v)
		}
		heat.Grid = append(heat.Grid, r)
	}
	out := map[string]plots.Figure{
		"cdf":   plots.CDF{X: seconds, Samples: samples},
		"box":   plots.Boxes{Y: seconds, Boxes: boxes},
		"lines": plots.Lines{X: plots.Axis{Label: "Load", Log: true}, Y: plots.Axis{Label: "Mean latency", Unit: "s"}, Curves: curves},
		"heat":  heat,
		"bars": plots.Bars{Y: plots.Axis{Label: "Utilisation", Unit: "1"}, Groups: []string{"camera", "kerb", "metro", "cloud"}, Sets: []plots.BarSet{
			{Name: "ilp", Values: []plots.Estimate{estimate(0.1, 0.01), estimate(0.2, 0.02), plots.Exactly(0.3), estimate(0.98, 0.01)}},
			{Name: "queueing", Values: []plots.Estimate{estimate(0.3, 0.02), estimate(0.5, 0.03), estimate(0.4, 0.03), {Value: nan, Low: nan, High: nan}}},
			{Name: "binpack", Values: []plots.Estimate{estimate(0.05, 0.01), estimate(0.94, 0.03), estimate(0.2, 0.02), estimate(0.1, 0.02)}},
		}},
		"differences": plots.Differences{X: plots.Axis{Label: "Difference of mean latency", Unit: "s"}, Contrasts: []plots.Contrast{
			{Name: "queueing − ilp", Difference: estimate(-0.0431, 0.0021)},
			{Name: "binpack − ilp", Difference: estimate(0.0057, 0.0019)},
			{Name: "chaincut − ilp", Difference: estimate(0.0004, 0.0011)},
		}},
		"pareto": plots.Front{X: plots.Axis{Label: "Mean latency", Unit: "s"}, Y: plots.Axis{Label: "Cost", Unit: "EUR/h"}, Candidates: []plots.Candidate{
			{Name: "cloud", X: 0.08, Y: 1}, {Name: "mixed", X: 0.05, Y: 2.5}, {X: 0.04, Y: 4}, {Name: "edge", X: 0.02, Y: 9}, {Name: "binpack", X: 0.07, Y: 6},
		}},
		"profile": plots.Profile{Solvers: []string{"ilp", "highs"}, Contests: []plots.Contest{{1, 2}, {3, math.Inf(1)}, {4, 2}, {0.5, 40}}},
		"gap": plots.Gaps{Instance: "gap-d05100", Traces: []plots.Trace{
			{Solver: "ilp", Seconds: []float64{0.02, 0.1, 0.4, 2}, Gap: []float64{nan, 0.2, 0.01, 0}},
			{Solver: "highs", Seconds: []float64{0.05, 0.3, 9}, Gap: []float64{0.6, 0.08, 0.004}},
		}},
		"residuals": plots.Residuals{Axis: plots.Axis{Label: "latency", Unit: "s", Log: true}, Tolerance: 0.1, Checks: []plots.Check{
			{Name: "face mean", Group: "mean", Predicted: plots.Exactly(0.021), Measured: estimate(0.0222, 0.0006)},
			{Name: "face p95", Group: "p95", Predicted: plots.Exactly(0.055), Measured: estimate(0.051, 0.002)},
			{Name: "audio mean", Group: "mean", Predicted: plots.Exactly(0.11), Measured: estimate(0.112, 0.003)},
			{Name: "audio p95", Group: "p95", Predicted: plots.Exactly(0.3), Measured: estimate(0.345, 0.02)},
		}},
	}
	out["byload"] = plots.ByLoad{Tolerance: 0.09, Checks: []plots.LoadCheck{
		{Case: "light", Stat: "mean", Load: 0.2, Error: estimate(0.004, 0.006), Floor: 0.002},
		{Case: "light", Stat: "p95", Load: 0.2, Error: estimate(-0.012, 0.02), Floor: 0.01},
		{Case: "medium", Stat: "mean", Load: 0.5, Error: estimate(-0.02, 0.01), Floor: 0.02},
		{Case: "medium", Stat: "p95", Load: 0.5, Error: plots.Exactly(0.031), Floor: nan},
		{Case: "heavy", Stat: "mean", Load: 0.8, Error: estimate(-0.05, 0.03), Floor: 0.04},
		{Case: "heavy", Stat: "p95", Load: 0.8, Error: estimate(-0.088, 0.3), Floor: 0.06},
		{Case: "closed", Stat: "mean", Load: nan, Error: estimate(0.01, 0.01), Floor: 0.01},
	}}
	out["gantt"], out["usage"], out["strips"] = schedule()
	out["boundary"], out["topology"] = search(), city()
	return out
}

func schedule() (plots.Gantt, plots.Usage, plots.Usage) {
	time := plots.Axis{Label: "Time", Unit: "s"}
	g := plots.Gantt{X: time, To: 60, Nodes: []string{"camera-1", "kerb-1", "metro-1", "cloud-1"}}
	kinds := []string{"grab", "detect", "track"}
	for n, node := range g.Nodes {
		for lane := range n + 1 {
			for at, k := float64(lane), 0; at < 60; k++ {
				long := 3 + math.Mod(float64(7*k+5*n+3*lane), 9)
				g.Stretches = append(g.Stretches, plots.Stretch{Node: node, Lane: lane, Kind: kinds[(k+n+lane)%3], Start: at, End: min(at+long, 60), Preempted: k%5 == 3})
				at += long + 1
			}
		}
	}
	var edges []float64
	for k := range 61 {
		edges = append(edges, float64(k))
	}
	course := func(i int, name string) plots.Course {
		c := plots.Course{Name: name}
		for k := range 60 {
			c.Share = append(c.Share, 0.5+0.45*math.Sin(float64(k)/(4+float64(i)))*math.Cos(float64(i)))
		}
		return c
	}
	few := plots.Usage{X: time, Times: edges, Courses: []plots.Course{course(0, "kerb-1"), course(1, "metro-1"), course(2, "cloud-1")}}
	many := plots.Usage{X: time, Times: edges}
	for i := range 12 {
		many.Courses = append(many.Courses, course(i, "camera-"+string(rune('a'+i))))
	}
	many.Courses[3].Share[40] = nan
	return g, few, many
}

func search() plots.Boundary {
	b := plots.Boundary{X: plots.Axis{Label: "Link latency", Unit: "s"}, Y: plots.Axis{Label: "Load", Unit: "1/s"}, Grid: 400}
	for i := range 12 {
		for j := range 12 {
			edge := 11 - float64(i)*float64(i)/14
			if d := float64(j) - edge; math.Abs(d) < 2.2 {
				b.Visits = append(b.Visits, plots.Visit{X: 0.005 * float64(i), Y: float64(j + 1), Stable: d < 0})
			}
		}
	}
	return b
}

func city() plots.Map {
	m := plots.Map{Sites: []plots.Site{{Name: "cloud", Load: 0.35, Items: []string{"identify", "store"}},
		{Name: "fog-1", Tier: 1, Load: 0.7, Items: []string{"detect"}}, {Name: "fog-2", Tier: 1, Load: 0.5, Items: []string{"detect", "track"}}},
		Wires: []plots.Wire{{From: 0, To: 1, Label: "40 ms", Load: 0.2}, {From: 0, To: 2, Label: "35 ms", Load: 0.6}, {From: 1, To: 2, Label: "8 ms", Load: nan}}}
	for i := range 6 {
		m.Sites = append(m.Sites, plots.Site{Name: "edge-" + string(rune('1'+i)), Tier: 2, Load: math.Mod(0.37*float64(i+1), 1)})
		m.Wires = append(m.Wires, plots.Wire{From: 3 + i, To: 1 + i/3, Label: "5 ms", Load: 0.1 * float64(i)})
	}
	return m
}

// Run with -update to rewrite the golden drawings; commit a rewrite only after
// looking at each.
func TestFiguresLookAsTheyDid(t *testing.T) {
	for name, f := range figures() {
		for _, w := range plots.Widths() {
			if w == plots.Page && !slices.Contains([]string{"gantt", "topology", "bars"}, name) {
				continue // the same code at another width
			}
			path := filepath.Join("testdata", name+"-"+string(w)+".svg")
			got, err := plots.Draw(f, w, "svg")
			require.NoError(t, err, name)
			if *update {
				require.NoError(t, os.WriteFile(path, got, 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(want, got), "%s is drawn differently; look at it, then run with -update", path)
		}
	}
}

func TestTheSameNumbersGiveTheSameBytes(t *testing.T) {
	for name, f := range figures() {
		for _, format := range plots.Formats() {
			if format == "png" && name != "heat" && name != "lines" {
				continue // an image takes long under the race detector
			}
			a, err := plots.Draw(f, plots.Column, format)
			require.NoError(t, err, "%s %s", name, format)
			b, err := plots.Draw(f, plots.Column, format)
			require.NoError(t, err)
			assert.NotEmpty(t, a)
			assert.True(t, bytes.Equal(a, b), "two %s drawings of %s differ", format, name)
		}
	}
}

func TestDrawingsAreWellFormedAndOfTheirSize(t *testing.T) {
	for name, f := range figures() {
		data, err := plots.Draw(f, plots.Column, "svg")
		require.NoError(t, err)
		d := xml.NewDecoder(bytes.NewReader(data))
		for err == nil {
			_, err = d.Token()
		}
		assert.True(t, errors.Is(err, io.EOF), "%s: %v", name, err)
		assert.NotContains(t, string(data), "NaN", name)
		assert.NotContains(t, string(data), "Inf", name)
		if name != "box" {
			continue
		}
		data, err = plots.Draw(f, plots.Column, "png")
		require.NoError(t, err)
		c, err := png.DecodeConfig(bytes.NewReader(data))
		require.NoError(t, err)
		assert.Equal(t, 1050, c.Width, "3.5 inches at 300 dots")
		assert.Contains(t, string(data[:80]), "pHYs")
	}
}

func TestAFigureOfNothingIsAnError(t *testing.T) {
	for _, f := range []plots.Figure{plots.CDF{}, plots.Boxes{}, plots.Lines{}, plots.Bars{}, plots.Heat{}, plots.Front{},
		plots.Gantt{}, plots.Usage{}, plots.Map{}, plots.Residuals{}, plots.Boundary{}, plots.Profile{}, plots.Gaps{}, plots.Differences{}, plots.ByLoad{}} {
		_, err := plots.Draw(f, plots.Column, "svg")
		assert.Error(t, err, "%T", f)
	}
}

func TestFormatOf(t *testing.T) {
	f, err := plots.FormatOf("x/y.PNG")
	require.NoError(t, err)
	assert.Equal(t, plots.Format("png"), f)
	_, err = plots.FormatOf("figure.jpg")
	assert.ErrorContains(t, err, ".svg")
}

func TestTablesForPrint(t *testing.T) {
	data, err := plots.Draw(figures()["differences"], plots.Column, "tex")
	require.NoError(t, err)
	assert.Equal(t, "\\begin{tabular}{lrrr}\n\\toprule\ncomparison & difference (s) & low (s) & high (s) \\\\\n\\midrule\n"+
		"queueing − ilp & $-0.04310$ & $-0.04520$ & $-0.04100$ \\\\\n"+
		"binpack − ilp & 0.005700 & 0.003800 & 0.007600 \\\\\n"+
		"chaincut − ilp & 0.0004000 & $-0.0007000$ & 0.001500 \\\\\n\\bottomrule\n\\end{tabular}\n", string(data))
	data, err = plots.Draw(figures()["box"], plots.Column, "csv")
	require.NoError(t, err)
	assert.Contains(t, string(data), "case,p5 (s),p25 (s),p50 (s),p75 (s),p95 (s)\nilp,")
}

func TestQuantilesOfASample(t *testing.T) {
	s := plots.Sample{Upto: []float64{1, 2, 4}, Counts: []float64{1, 1, 2}}
	assert.InDelta(t, 1, s.Quantile(0.25), 1e-12)
	assert.InDelta(t, 2, s.Quantile(0.5), 1e-12)
	assert.InDelta(t, 3, s.Quantile(0.75), 1e-12)
	assert.InDelta(t, 4, s.Quantile(1), 1e-12)
}
