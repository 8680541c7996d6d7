package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func runs(seconds ...float64) []measurement {
	var ms []measurement
	for _, s := range seconds {
		ms = append(ms, measurement{Operations: 1000, CPU: s})
	}
	return ms
}

func example() outcome {
	return outcome{
		workload: workload{
			name: "x", title: "x example", operation: "event",
			goals: []goal{{[]string{"slow", "slower"}, 3}, {[]string{"quick"}, 1 / 1.5}},
		},
		sides: []sideOutcome{
			{side: side{name: caravan}, runs: runs(1, 2, 4)},
			{side: side{name: "slow"}, runs: runs(4, 8, 8)},
			{side: side{name: "slower"}, runs: runs(9, 9, 9)},
			{side: side{name: "quick"}, runs: runs(0.5, 1, 2)},
		},
	}
}

func TestSpeedupIsTheMedianRatioWithinRounds(t *testing.T) {
	o := example()
	assert.Equal(t, 4.0, speedup(&o.sides[0], &o.sides[1]))
	assert.Equal(t, 4.5, speedup(&o.sides[0], &o.sides[2]))
	assert.Equal(t, 0.5, speedup(&o.sides[0], &o.sides[3]))
	assert.Equal(t, 2.5, median([]float64{4, 1, 3, 2}))
}

func TestGoalIsHeldAgainstTheFastestRival(t *testing.T) {
	o := example()
	results := o.results()
	assert.Equal(t, []result{{"slow", 4, 3}, {"quick", 0.5, 1 / 1.5}}, results)
	assert.True(t, results[0].pass())
	assert.False(t, results[1].pass())
	assert.Equal(t, "4.0x as fast as slow, goal at least 3.0x", results[0].String())
	assert.Equal(t, "2.00x the time of quick, goal at most 1.50x", results[1].String())

	err := verdict([]outcome{o})
	assert.EqualError(t, err, "x example: 2.00x the time of quick, goal at most 1.50x")
	o.sides[2].wrong = measurement{Hash: "1"}.check(hash("2"))
	assert.ErrorContains(t, verdict([]outcome{o}), "x example: slower: hash 1, not 2")
}

func TestAnswersAreChecked(t *testing.T) {
	assert.NoError(t, measurement{Value: 5.05}.check(digits(5, 0.1)))
	assert.Error(t, measurement{Value: 5.2}.check(digits(5, 0.1)))
	assert.NoError(t, measurement{Hash: "ab"}.check(hash("ab")))
}

func TestReportsShowMissesAndRatios(t *testing.T) {
	var text, js bytes.Buffer
	o := options{rounds: 3}
	require.NoError(t, writeText(&text, o, []outcome{example()}))
	assert.Contains(t, text.String(), "PASS  4.0x as fast as slow")
	assert.Contains(t, text.String(), "MISS  2.00x the time of quick")
	require.NoError(t, writeJSON(&js, o, []outcome{example()}))
	var report jsonReport
	require.NoError(t, json.Unmarshal(js.Bytes(), &report))
	assert.Equal(t, 4.5, report.Workloads[0].Sides[2].Ratio)
	assert.Equal(t, []jsonGoal{{"slow", 4, 3, true}, {"quick", 0.5, 1 / 1.5, false}}, report.Workloads[0].Goals)
}

func TestOptionsNameWhatIsAllowed(t *testing.T) {
	o, err := parse([]string{"--only", "a1,c", "--skip", "pypy"}, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, []string{"a1", "c"}, o.only)
	_, err = parse([]string{"--only", "a9", "--skip", "simula", "--rounds", "0", "--output", "xml", "more"}, io.Discard)
	for _, want := range []string{
		`--only "a9": one of a1, a2, b1, b2, c, d1, d3`,
		`--skip "simula": one of cpp, ns3, simgrid, simpy, pypy`,
		"--rounds 0: at least 1", `--output "xml": text or json`, `unexpected argument "more"`,
	} {
		assert.ErrorContains(t, err, want)
	}
}

func TestSkippedPeersLeaveNoGoals(t *testing.T) {
	b := bench{options: options{only: []string{"b1", "a2"}, skip: []string{"ns3", "simgrid", "simpy"}}}
	var rivals []string
	for _, w := range b.workloads() {
		for _, g := range w.goals {
			rivals = append(rivals, g.rivals...)
		}
		for _, s := range w.sides {
			assert.NotContains(t, b.skip, s.peer)
		}
		assert.Equal(t, caravan, w.sides[0].name)
	}
	assert.Equal(t, []string{simpy, simpyJIT, cpp, simpyJIT}, rivals, "PyPy remains")
}

func TestEverySideNamesAProgramAndAPeer(t *testing.T) {
	known := []string{"self", "cpython", "pypy"}
	for _, p := range programs() {
		known = append(known, p.name)
		assert.Contains(t, peerNames(), p.peer)
	}
	for _, w := range suite() {
		for _, s := range w.sides {
			assert.Contains(t, known, s.argv[0])
			if s.argv[0] != "self" {
				assert.Contains(t, peerNames(), s.peer)
			}
		}
		for _, g := range w.goals {
			for _, r := range g.rivals {
				assert.True(t, slices.ContainsFunc(w.sides, func(s side) bool { return s.name == r }), "%s: %s", w.title, r)
			}
		}
	}
}

// The simulator's own answers, at sizes that take no time.
func TestSimulatorMeetsTheAnswersOfThePeers(t *testing.T) {
	for _, c := range []struct {
		args []string
		want answer
	}{
		{[]string{"a1", "1000", "1000000"}, hash("ce2c74b1023966a3")},
		{[]string{"a2", "1000", "500000"}, hash("225701087cf13002")},
		{[]string{"b1", "200000"}, digits(5.031959, 1e-6)},
		{[]string{"b2", "100000"}, digits(2.423827, 1e-6)},
		{[]string{"c", "100000"}, digits(0.173756, 1e-6)},
		{[]string{"d1", "1000", "2000"}, digits(10.2027689, 1e-7)},
		{[]string{"d3", "2000", "1500"}, digits(1.897376135, 1e-9)},
	} {
		t.Run(c.args[0], func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, run(context.Background(), append([]string{"child"}, c.args...), &out, io.Discard))
			var m measurement
			require.NoError(t, json.Unmarshal(out.Bytes(), &m))
			assert.NoError(t, m.check(c.want))
			assert.Positive(t, m.CPU)
		})
	}
}

func TestChildRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, args := range [][]string{{"child"}, {"child", "a1", "0", "5"}, {"child", "a1", "5"}, {"child", "z", "5"}, {"child", "b1", "5", "6"}} {
		assert.Error(t, run(context.Background(), args, io.Discard, io.Discard), "%q", args)
	}
}
