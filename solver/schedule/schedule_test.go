package schedule

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/workloads/instances"
)

// topcuoglu is the graph of ten tasks on three processors of the paper that
// describes HEFT and CPOP (IEEE TPDS 13(3), 2002, figure 2 and table 1).
func topcuoglu() *instances.TaskGraph {
	g := &instances.TaskGraph{
		Name: "topcuoglu",
		Time: [][]float64{
			{14, 16, 9}, {13, 19, 18}, {11, 13, 19}, {13, 8, 17}, {12, 13, 10},
			{13, 16, 9}, {7, 15, 11}, {5, 11, 14}, {18, 12, 20}, {21, 7, 16},
		},
		After:     make([][]instances.Arc, 10),
		Bandwidth: [][]float64{{0, 1, 1}, {1, 0, 1}, {1, 1, 0}},
	}
	for _, e := range [][3]int{
		{1, 2, 18}, {1, 3, 12}, {1, 4, 9}, {1, 5, 11}, {1, 6, 14}, {2, 8, 19}, {2, 9, 16}, {3, 7, 23},
		{4, 8, 27}, {4, 9, 23}, {5, 9, 13}, {6, 8, 15}, {7, 10, 17}, {8, 10, 11}, {9, 10, 13},
	} {
		g.After[e[1]-1] = append(g.After[e[1]-1], instances.Arc{Task: e[0] - 1, Data: float64(e[2])})
	}
	return g
}

func TestThePublishedGraphHasThePublishedMakespans(t *testing.T) {
	g := topcuoglu()
	require.NoError(t, g.Check())
	heft, err := HEFT(g, 0)
	require.NoError(t, err)
	cpop, err := CPOP(g, 0)
	require.NoError(t, err)
	best, err := Solve(context.Background(), g, 0, Options{})
	require.NoError(t, err)
	for _, s := range []Schedule{heft, cpop, best.Schedule} {
		require.NoError(t, s.Check(g))
	}
	assert.Equal(t, 80.0, heft.Makespan)
	assert.Equal(t, 86.0, cpop.Makespan)
	assert.Equal(t, 73.0, best.Makespan)
	assert.True(t, best.Proved)

	m, err := newModel(g, 0)
	require.NoError(t, err)
	up, down := m.ranks()
	assert.InDeltaSlice(t, []float64{108, 77, 80, 80, 69, 63.333, 42.667, 35.667, 44.333, 14.667}, up, 5e-4)
	assert.InDeltaSlice(t, []float64{0, 31, 25, 22, 24, 27, 62.333, 66.667, 63.667, 93.333}, down, 5e-4)
}

// graphs draws small task graphs, on equal processors or on unequal ones.
func graphs() *rapid.Generator[*instances.TaskGraph] {
	return rapid.Custom(func(t *rapid.T) *instances.TaskGraph {
		g := &instances.TaskGraph{Name: "drawn"}
		n, kinds := rapid.IntRange(1, 6).Draw(t, "tasks"), rapid.SampledFrom([]int{1, 2, 3}).Draw(t, "kinds")
		number := rapid.IntRange(0, 9)
		for k := range n {
			row := make([]float64, kinds)
			for p := range row {
				row[p] = float64(number.Draw(t, "time"))
			}
			var arcs []instances.Arc
			for from := range k {
				if rapid.IntRange(0, 2).Draw(t, "arc") == 0 {
					arcs = append(arcs, instances.Arc{Task: from, Data: float64(number.Draw(t, "data"))})
				}
			}
			g.Time, g.After = append(g.Time, row), append(g.After, arcs)
		}
		if kinds > 1 {
			for p := range kinds {
				row := make([]float64, kinds)
				for q := range row {
					row[q] = float64(1 + (p+2*q)%3)
				}
				g.Bandwidth = append(g.Bandwidth, row)
			}
		}
		return g
	})
}

// brute is the least makespan over all orders of tasks and all processors.
func brute(g *instances.TaskGraph, processors int) float64 {
	n, best := g.Tasks(), math.Inf(1)
	free, finish, on := make([]float64, processors), make([]float64, n), make([]int, n)
	placed := make([]bool, n)
	var extend func(count int, last float64)
	extend = func(count int, last float64) {
		if last >= best {
			return
		}
		if count == n {
			best = last
			return
		}
		for t := range n {
			if placed[t] || slices.ContainsFunc(g.After[t], func(a instances.Arc) bool { return !placed[a.Task] }) {
				continue
			}
			for p := range processors {
				at := free[p]
				for _, a := range g.After[t] {
					at = max(at, finish[a.Task]+g.Delay(a.Data, on[a.Task], p))
				}
				before := free[p]
				finish[t], on[t], placed[t] = at+g.On(t, p), p, true
				free[p] = finish[t]
				extend(count+1, max(last, finish[t]))
				free[p], placed[t] = before, false
			}
		}
	}
	extend(0, 0)
	return best
}

func TestTheSearchIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := graphs().Draw(t, "graph")
		require.NoError(t, g.Check())
		processors := g.Processors()
		if processors == 0 {
			processors = rapid.IntRange(1, 3).Draw(t, "processors")
		}
		r, err := Solve(context.Background(), g, processors, Options{Seed: 1})
		require.NoError(t, err)
		require.NoError(t, r.Check(g))
		require.True(t, r.Proved)
		require.InDelta(t, brute(g, processors), r.Makespan, 1e-9)
		again, err := Solve(context.Background(), g, processors, Options{Seed: 1})
		require.NoError(t, err)
		require.Equal(t, r, again)
		for _, list := range []func(*instances.TaskGraph, int) (Schedule, error){HEFT, CPOP} {
			s, err := list(g, processors)
			require.NoError(t, err)
			require.NoError(t, s.Check(g))
			require.GreaterOrEqual(t, s.Makespan, r.Makespan-1e-9)
		}
	})
}

func TestAnInterruptedSearchHasAScheduleAndABound(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	g := topcuoglu()
	r, err := Solve(ctx, g, 0, Options{})
	require.NoError(t, err)
	require.NoError(t, r.Check(g))
	assert.LessOrEqual(t, r.Bound, 73.0)
	assert.GreaterOrEqual(t, r.Makespan, 73.0)
}

func TestProcessorsMustBeThoseOfTheGraph(t *testing.T) {
	for _, processors := range []int{-1, 2, 4} {
		_, err := HEFT(topcuoglu(), processors)
		assert.ErrorContains(t, err, "allowed: 3")
	}
	_, err := CPOP(&instances.TaskGraph{Name: "free", Time: [][]float64{{1}}, After: [][]instances.Arc{nil}}, 0)
	assert.ErrorContains(t, err, "found 0 processors, allowed: 1..4096")
}
