package scenarios

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// loadSweep reads a sweep of the shipped scenarios.
func loadSweep(t *testing.T, text string) (*Sweep, error) {
	t.Helper()
	return LoadSweep("s.yaml", []byte(text), SweepOptions{Solvers: []string{"chaincut", "ilp"}})
}

func texts2(values []Value) string {
	var out []string
	for _, v := range values {
		out = append(out, v.Text)
	}
	return strings.Join(out, " ")
}

func TestOneAndOnePointZeroAreOneValue(t *testing.T) {
	for _, same := range [][]string{
		{"1", "1.0", "1e0", "+1"}, {"0", "-0", "0.0"}, {"0.05", "5%", "5 %"}, {"1s", "1000ms", "1.0 s"}, {"90s", "1m30s", "1.5min"},
		{"10Mbit/s", "10 Mbps", "1250kB/s"}, {"64KiB", "65536B"}, {"2GHz", "2000MHz"}, {"60/min", "1/s", "3600/h"},
	} {
		for _, text := range same {
			assert.Equal(t, ParseValue(same[0]), ParseValue(text), text)
		}
	}
	assert.Equal(t, Value{Text: `"ilp"`}, ParseValue("ilp"))
}

func TestAValueReadsBackAsItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]string{"1", "s", "1/s", "B/s", "B", "MHz"}).Draw(t, "unit")
		v := numberValue(rapid.Float64Range(1e-6, 1e6).Draw(t, "x"), unit)
		assert.Equal(t, v.Text, ParseValue(v.Text).Text)
	})
}

// The worked case of the parameter search that went before: five gases and a
// filler have twelve neighbours.
func TestTheAtmosphereHasTwelveNeighbours(t *testing.T) {
	var at []Value
	space := Space{Filler: 5, Total: 1, Reach: 2}
	for i, start := range []string{"0.21", "0.0123", "1.63e-6", "4e-4", "8.13e-8", "0"} {
		at = append(at, ParseValue(start))
		step := []float64{0.01, 0.01, 0.005, 0.01, 0.005, 0}[i]
		space.Axes = append(space.Axes, Axis{Unit: "1", Step: step, Max: 1e9, Open: true})
	}
	require.True(t, space.fill(at))
	assert.Equal(t, "0.7772982887", at[5].Text)
	var changed []string
	for _, n := range space.Neighbours(at) {
		sum := 0.0
		for i := range n {
			sum += n[i].Number
			if i != 5 && n[i] != at[i] {
				changed = append(changed, fmt.Sprintf("%d:%s", i, n[i].Text))
			}
		}
		assert.InDelta(t, 1, sum, 1e-12)
	}
	assert.Equal(t, []string{
		"0:0.19", "0:0.2", "0:0.22", "0:0.23", "1:0.02", "1:0.03",
		"2:0.005", "2:0.01", "3:0.01", "3:0.02", "4:0.005", "4:0.01",
	}, changed)
}

func TestNeighboursAreMutualAndDiagonalsAreMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := rapid.IntRange(1, 3).Draw(t, "dims")
		space := Space{Filler: -1, Reach: rapid.IntRange(1, 2).Draw(t, "reach"), Diagonals: rapid.Bool().Draw(t, "diagonals")}
		var at []Value
		for range dims {
			step := rapid.SampledFrom([]float64{1, 0.1, 0.01, 5}).Draw(t, "step")
			space.Axes = append(space.Axes, Axis{Unit: "1", Step: step, Max: 20 * step, Open: true})
			at = append(at, numberValue(tidy(float64(rapid.IntRange(1, 20).Draw(t, "at"))*step), "1"))
		}
		for _, n := range space.Neighbours(at) {
			back := false
			for _, m := range space.Neighbours(n) {
				back = back || texts2(m) == texts2(at)
			}
			assert.True(t, back, "%s is a neighbour of %s and not the reverse", texts2(n), texts2(at))
		}
		full := 2 * space.Reach * dims
		if space.Diagonals {
			full = 1
			for range dims {
				full *= 2*space.Reach + 1
			}
			full--
		}
		assert.LessOrEqual(t, len(space.Neighbours(at)), full)
	})
}

func TestFillerIsDroppedBelowZero(t *testing.T) {
	space := Space{Filler: 1, Total: 1, Reach: 1, Axes: []Axis{{Unit: "1", Step: 0.1, Max: 9}, {Unit: "1"}}}
	assert.Len(t, space.Neighbours([]Value{ParseValue("1"), ParseValue("0")}), 1)
	n := space.Neighbours([]Value{ParseValue("0.9"), ParseValue("0.1")})
	require.Len(t, n, 2)
	assert.Equal(t, "1 0", texts2(n[1]))
}

func TestAGridNestsInTheOrderOfTheFile(t *testing.T) {
	s, err := loadSweep(t, `
scenario: mm1
set: {simulate.duration: 1m}
parameters:
  simulate.warmup: [1s, auto]
  rate: {path: "workload.pipelines[0].arrivals.poisson", range: {from: 1/s, to: 2/s, step: 0.25/s}}
solvers: [ilp, chaincut]
seeds: 2
replications: 3
`)
	require.NoError(t, err)
	assert.Equal(t, KindGrid, s.Kind)
	assert.Equal(t, int64(2*5*2*2), s.Count())
	var got []SweepPoint
	for p := range s.Points() {
		assert.Equal(t, int64(len(got)), p.Position)
		got = append(got, p)
	}
	require.Len(t, got, 40)
	assert.Equal(t, "1s 1/s", texts2(got[0].Values))
	assert.Equal(t, []string{"ilp", "ilp", "chaincut", "chaincut"}, []string{got[0].Solver, got[1].Solver, got[2].Solver, got[3].Solver})
	assert.Equal(t, uint64(1), got[1].Seed-got[0].Seed)
	assert.Equal(t, []string{"simulate.warmup=1s", "workload.pipelines.0.arrivals.poisson=1.25/s"}, s.Settings(got[4].Values))
	assert.JSONEq(t, `{"rate": "1.25/s", "simulate.warmup": "1s"}`, string(s.Parameters(got[4].Values)))
	assert.Equal(t, 3, s.Base.Simulate.Replications)
}

func TestRangesMeetBothEnds(t *testing.T) {
	s, err := loadSweep(t, `
scenario: mm1
parameters:
  a: {path: x-a, log: {from: 1ms, to: 1s, count: 4}}
  b: {path: x-b, range: {from: 0, to: 1, step: 0.1}}
  c: {path: x-c, range: {from: 0, to: 10ms, count: 3}}
`)
	require.NoError(t, err)
	assert.Equal(t, "1ms 10ms 100ms 1s", texts2(s.Dimensions[0].Values))
	assert.Equal(t, "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1", texts2(s.Dimensions[1].Values))
	assert.Equal(t, "0s 5ms 10ms", texts2(s.Dimensions[2].Values))
}

func TestADesignFillsEveryPartOfEachRange(t *testing.T) {
	for _, kind := range []string{"latin-hypercube", "halton"} {
		text := `
scenario: mm1
parameters:
  a: {path: x-a, range: {from: 0, to: 100}}
  b: {path: x-b, log: {from: 1ms, to: 1s}}
  c: {path: x-c, values: [one, two]}
design: {kind: ` + kind + `, points: 20}
`
		s, err := loadSweep(t, text)
		require.NoError(t, err)
		tens, words := map[int]int{}, map[string]int{}
		n := 0
		for p := range s.Points() {
			n++
			tens[int(p.Values[0].Number/10)]++
			words[p.Values[2].Text]++
			assert.True(t, p.Values[1].Number >= 0.001 && p.Values[1].Number <= 1)
		}
		assert.Equal(t, 20, n)
		assert.Len(t, tens, 10, kind)
		assert.InDelta(t, 10, words[`"one"`], 1, kind)
		again, err := loadSweep(t, text)
		require.NoError(t, err)
		assert.Equal(t, s.designed(), again.designed())
	}
}

func TestTheHashIgnoresLayoutAndSeesTheScenario(t *testing.T) {
	a, err := loadSweep(t, "scenario: mm1\nparameters: {simulate.duration: [1m, 2m]}\n")
	require.NoError(t, err)
	b, err := loadSweep(t, "# a comment\nparameters: {simulate.duration: [ 1m,  2m ]}\nscenario: mm1\n")
	require.NoError(t, err)
	assert.Equal(t, a.SHA256, b.SHA256)
	c, err := loadSweep(t, "scenario: tutorial\nparameters: {simulate.duration: [1m, 2m]}\n")
	require.NoError(t, err)
	assert.NotEqual(t, a.SHA256, c.SHA256)
}

func TestAWrongSweepIsShownWhereItIsWrong(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "the file is empty"},
		{"scenario: mm1\nparameter: {}\n", `s.yaml:2:1: parameter: unknown key "parameter"`},
		{"scenario: mm2\n", `s.yaml:1:11: scenario: no shipped scenario "mm2"`},
		{"scenario: mm1\nset: {simulate.duratio: 5m}\n", `s.yaml:2:25: set."simulate.duratio": simulate.duratio: unknown key`},
		{"scenario: mm1\nparameters: {simulate.duration: [5m, 5 apples]}\n", `s.yaml:2:38: parameters."simulate.duration".values[1]: simulate.duration: "5 apples"`},
		{"scenario: mm1\nparameters: {simulate.duration: [5m, 300s]}\n", "given a second time"},
		{"scenario: mm1\nparameters: {a: {path: simulate.duration, range: {from: 5m, to: 1m, count: 3}}}\n", "the smaller first"},
		{"scenario: mm1\nparameters: {a: {path: simulate.duration, range: {from: 1m, to: 2m}}}\n", "neither step nor count"},
		{"scenario: mm1\nparameters: {a: {path: simulate.duration, range: {from: 1m, to: 2m, step: 1/s}}}\n", "does not fit"},
		{"scenario: mm1\nparameters: {a: {path: simulate.duration, step: 1m, values: [2m]}}\n", "is for a search"},
		{"scenario: mm1\nparameters: {a: {path: simulate.duration}}\n", "exactly one"},
		{"scenario: mm1\nparameters: {a: {path: x-a, values: [1]}, b: {path: x-a, values: [1]}}\n", `set by the parameter "a" as well`},
		{"scenario: mm1\nparameters: {seed: [1, 2]}\n", "the keys solvers and seeds"},
		{"scenario: mm1\nsolvers: [chaincat]\n", `no solver "chaincat"`},
		{"scenario: mm1\nseeds: [3, 3]\n", "the seed 3 is given a second time"},
		{"scenario: mm1\nseeds: -1\n", "whole number"},
		{"scenario: mm1\nsearch: {stable: x, start: [{}]}\n", "nothing to vary"},
		{"scenario: mm1\nparameters: {a: {path: x-a}}\nsearch: {stable: x, start: [{a: 1}]}\n", "there is no step"},
		{"scenario: mm1\nparameters: {a: {path: x-a, step: 1, max: 3}}\nsearch: {stable: x, start: [{a: 4}]}\n", "out of bounds"},
		{"scenario: mm1\nparameters: {a: {path: x-a, step: 1s, max: 3}}\nsearch: {stable: x, start: [{}]}\n", "not of the kind of the step"},
		{"scenario: mm1\nparameters: {a: {path: x-a, step: 1}}\nsearch: {stable: x, start: [{b: 4}]}\n", `no parameter "b"`},
		{"scenario: mm1\nparameters: {a: {path: x-a, step: 1}}\nsearch: {stable: x, start: [{a: 1}], filler: b}\n", `no parameter "b"`},
	} {
		_, err := loadSweep(t, c.text)
		if assert.Error(t, err, c.text) {
			assert.Contains(t, err.Error(), c.want, c.text)
		}
	}
}

func TestShippedSweepsLoad(t *testing.T) {
	for _, name := range ShippedSweeps() {
		data, err := OpenSweep(name)
		require.NoError(t, err)
		s, err := LoadSweep(name, data, SweepOptions{})
		require.NoError(t, err, name)
		assert.Equal(t, name, s.Name)
		assert.True(t, bytes.HasPrefix(data, []byte("# yaml-language-server: $schema=../sweep.schema.json\n")), name)
		assert.NoError(t, sweepFormat().valid(t, data), name)
	}
}

func TestTheSweepSchemaRefusesWhatTheLoaderRefuses(t *testing.T) {
	for _, text := range []string{
		"parameters: {}", "scenario: mm1\nparameter: {}", "scenario: mm1\nseeds: 0", "scenario: mm1\nreplications: none",
		"scenario: mm1\ndesign: {kind: random, points: 3}", "scenario: mm1\nsearch: {start: [{a: 1}]}", "scenario: mm1\nparameters: {a: 3}",
	} {
		assert.Error(t, sweepFormat().valid(t, []byte(text)), text)
		_, err := loadSweep(t, text)
		assert.Error(t, err, text)
	}
}

func FuzzLoadSweep(f *testing.F) {
	for _, name := range ShippedSweeps() {
		if data, err := OpenSweep(name); err == nil {
			f.Add(data)
		}
	}
	f.Add([]byte("scenario: mm1\nparameters: {a: {path: x-a, range: {from: 0, to: 1e300, step: 1e-300}}}\n"))
	f.Add([]byte("scenario: mm1\nparameters: {a: {path: x-a, step: 1}}\nsearch: {stable: x, start: [{a: 1}], neighbours: diagonals, reach: 10}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := LoadSweep("f.yaml", data, SweepOptions{})
		if err != nil {
			return
		}
		n := 0
		for p := range s.Points() {
			if n++; n == 50 {
				break
			}
			_ = s.Parameters(p.Values)
		}
		if s.Search != nil {
			for _, p := range s.Search.Start {
				_ = s.Search.Neighbours(p)
			}
		}
	})
}
