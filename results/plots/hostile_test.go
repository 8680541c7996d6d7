package plots_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/results/plots"
)

// numbers are those that measurements and faults of measurements consist of.
func numbers() *rapid.Generator[float64] {
	return rapid.OneOf(
		rapid.Float64Range(-1e3, 1e3), rapid.Float64Range(0, 1e-6), rapid.Float64Range(0, 1e12),
		rapid.SampledFrom([]float64{0, 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, 1e300}),
	)
}

func anyEstimate(t *rapid.T) plots.Estimate {
	return plots.Estimate{Value: numbers().Draw(t, "value"), Low: numbers().Draw(t, "low"), High: numbers().Draw(t, "high")}
}

// hostile makes a figure of any kind out of any numbers and names.
func hostile(t *rapid.T) plots.Figure {
	n := rapid.IntRange(0, 9).Draw(t, "n")
	axis := func() plots.Axis {
		return plots.Axis{Label: rapid.StringN(0, 12, 40).Draw(t, "label"), Unit: rapid.SampledFrom([]string{"", "1", "s", "B", "B/s", "W"}).Draw(t, "unit"), Log: rapid.Bool().Draw(t, "log")}
	}
	many := func() (xs []float64) {
		for range n {
			xs = append(xs, numbers().Draw(t, "x"))
		}
		return xs
	}
	name := func() string { return rapid.StringN(0, 30, 90).Draw(t, "name") }
	switch rapid.IntRange(0, 10).Draw(t, "kind") {
	case 0:
		c := plots.Curve{Name: name(), X: many()}
		for range n {
			c.Y = append(c.Y, anyEstimate(t))
		}
		return plots.Lines{X: axis(), Y: axis(), Curves: []plots.Curve{c, c}}
	case 1:
		f := plots.Bars{Y: axis(), Sets: []plots.BarSet{{Name: name()}}}
		for range n {
			f.Groups = append(f.Groups, name())
			f.Sets[0].Values = append(f.Sets[0].Values, anyEstimate(t))
		}
		return f
	case 2:
		f := plots.Differences{X: axis()}
		for range n {
			f.Contrasts = append(f.Contrasts, plots.Contrast{Name: name(), Difference: anyEstimate(t)})
		}
		return f
	case 3:
		x, y := axis(), axis()
		f := plots.Heat{X: x, Y: y, Z: axis()}
		for range n {
			f.X.Names, f.Y.Names = append(f.X.Names, name()), append(f.Y.Names, name())
			f.Grid = append(f.Grid, many())
		}
		return f
	case 4:
		f := plots.Front{X: axis(), Y: axis()}
		for range n {
			f.Candidates = append(f.Candidates, plots.Candidate{Name: name(), X: numbers().Draw(t, "x"), Y: numbers().Draw(t, "y")})
		}
		return f
	case 5:
		f := plots.Boundary{X: axis(), Y: axis()}
		for range n {
			f.Visits = append(f.Visits, plots.Visit{X: numbers().Draw(t, "x"), Y: numbers().Draw(t, "y"), Stable: rapid.Bool().Draw(t, "stable")})
		}
		return f
	case 6:
		f := plots.Residuals{Axis: axis(), Tolerance: 0.1}
		for range n {
			f.Checks = append(f.Checks, plots.Check{Name: name(), Group: name(), Predicted: anyEstimate(t), Measured: anyEstimate(t)})
		}
		return f
	case 9:
		f := plots.ByLoad{Tolerance: 0.1}
		for range n {
			f.Checks = append(f.Checks, plots.LoadCheck{Case: name(), Stat: name(), Load: numbers().Draw(t, "load"), Error: anyEstimate(t), Floor: numbers().Draw(t, "floor")})
		}
		return f
	case 7:
		f := plots.Map{}
		for i := range n {
			f.Sites = append(f.Sites, plots.Site{Name: name(), Tier: rapid.IntRange(0, 3).Draw(t, "tier"), Load: numbers().Draw(t, "load"), Items: []string{name()}})
			f.Wires = append(f.Wires, plots.Wire{From: i, To: rapid.IntRange(0, n-1).Draw(t, "to"), Label: name(), Load: numbers().Draw(t, "load")})
		}
		return f
	case 8:
		f := plots.Gantt{X: axis(), From: numbers().Draw(t, "from"), To: numbers().Draw(t, "to"), Nodes: []string{"a"}}
		for range n {
			f.Stretches = append(f.Stretches, plots.Stretch{Node: "a", Lane: rapid.IntRange(0, 4).Draw(t, "lane"), Kind: name(), Start: numbers().Draw(t, "start"), End: numbers().Draw(t, "end")})
		}
		return f
	}
	f := plots.Boxes{Y: axis()}
	for range n {
		x := plots.Box{Name: name()}
		for _, q := range []*float64{&x.P5, &x.P25, &x.P50, &x.P75, &x.P95} {
			*q = numbers().Draw(t, "q")
		}
		f.Boxes = append(f.Boxes, x)
	}
	return f
}

// Whatever the numbers, a figure is drawn or the error says what is missing;
// nothing is drawn at a place that does not exist.
func TestNoNumbersBreakAFigure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := hostile(t)
		data, err := plots.Draw(f, plots.Column, "svg")
		if err != nil {
			return
		}
		for _, word := range []string{`"NaN`, ` NaN`, `Inf`, `LNaN`, `MNaN`} {
			if assert.NotContains(t, withoutTexts(string(data)), word) {
				continue
			}
			t.FailNow()
		}
		if len(data) > 4<<20 {
			t.Fatalf("a figure of a few numbers has %d bytes", len(data))
		}
		d := xml.NewDecoder(bytes.NewReader(data))
		for err == nil {
			_, err = d.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Fatalf("%T is no XML: %v", f, err)
		}
		for _, format := range []plots.Format{"csv", "tex"} {
			if _, err := plots.Draw(f, plots.Column, format); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// withoutTexts drops what was handed in, which may say anything.
func withoutTexts(svg string) string {
	out, inside := make([]byte, 0, len(svg)), false
	for i := range len(svg) {
		switch svg[i] {
		case '<':
			inside = true
		case '>':
			inside = false
		}
		if inside {
			out = append(out, svg[i])
		}
	}
	return string(out)
}

func TestNoNameBreaksAFormat(t *testing.T) {
	f := plots.Boxes{Y: plots.Axis{Label: "λ\x00\xff"}, Boxes: []plots.Box{{Name: "𒐑 😀", P95: 1}, {Name: "日本 \u200fעברית\x01", P95: 2}, {Name: strings.Repeat("long ", 99), P95: 3}}}
	for _, format := range plots.Formats() {
		data, err := plots.Draw(f, plots.Column, format)
		require.NoError(t, err)
		assert.NotEmpty(t, data)
	}
}
