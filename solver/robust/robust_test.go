package robust

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/ilp"
	"caravan/topology"
	"caravan/workloads"
)

// A camera, a near machine behind a thin link and a far fast one behind a wide
// but slow one: with the profile as given the near one wins by little, and
// loses much when the output is larger than profiled.
func problem(t *testing.T) *solver.Problem {
	t.Helper()
	top, err := topology.New([]topology.Node{
		{Name: "camera", Cores: 1, Speed: 1}, {Name: "near", Cores: 1, Speed: 4}, {Name: "far", Cores: 1, Speed: 4},
	}, []topology.Link{
		{From: 0, To: 1, Bandwidth: 1000, Latency: time.Millisecond}, {From: 1, To: 0, Latency: time.Millisecond},
		{From: 0, To: 2, Bandwidth: 1e9, Latency: 52 * time.Millisecond}, {From: 2, To: 0, Latency: 52 * time.Millisecond},
	})
	require.NoError(t, err)
	op := func(name string, work, output float64, after ...int) workloads.Operator {
		return workloads.Operator{Name: name, Work: workloads.Const(work), Output: workloads.Const(output), Node: topology.None, After: after}
	}
	w := &workloads.Workload{Pipelines: []workloads.Pipeline{{
		Name: "p", Source: 0, Sink: 0, Arrivals: workloads.Arrivals{Kind: workloads.Poisson, Rate: 1},
		Operators: []workloads.Operator{op("in", 0.001, 100), op("work", 1, 1, 0), op("out", 0.001, 0, 1)},
	}}}
	return &solver.Problem{Topology: top, Workload: w, Seed: 1}
}

func TestWhatIsLeastAtRiskIsChosen(t *testing.T) {
	p := problem(t)
	nominal, err := solver.Solve(context.Background(), ilp.Solver{}, p)
	require.NoError(t, err)
	assert.Equal(t, topology.NodeID(1), nominal.Placement.Pipelines[0][1])

	sol, r, err := Choose(context.Background(), ilp.Solver{}, p, Options{Error: 0.8, Profiles: 50, Rule: Worst})
	require.NoError(t, err)
	assert.Equal(t, topology.NodeID(2), sol.Placement.Pipelines[0][1])
	assert.Equal(t, solver.Feasible, sol.Status)
	assert.Greater(t, sol.Cost, nominal.Cost)
	assert.Less(t, r.Chosen.Worst, r.Nominal.Worst)
	assert.Equal(t, 50, r.Profiles)
	assert.GreaterOrEqual(t, r.Candidates, 2)

	for _, rule := range []Rule{Mean, Worst, Regret} {
		_, r, err := Choose(context.Background(), ilp.Solver{}, p, Options{Error: 0.8, Rule: rule})
		require.NoError(t, err)
		assert.LessOrEqual(t, r.Chosen.by(rule), r.Nominal.by(rule))
		assert.LessOrEqual(t, r.Bound, r.Chosen.Mean)
		assert.LessOrEqual(t, r.Chosen.Mean, r.Chosen.Worst)
	}
}

func TestWithoutErrorNothingChanges(t *testing.T) {
	p := problem(t)
	nominal, err := solver.Solve(context.Background(), ilp.Solver{}, p)
	require.NoError(t, err)
	sol, r, err := Choose(context.Background(), ilp.Solver{}, p, Options{Profiles: 3, Rule: Mean})
	require.NoError(t, err)
	assert.Equal(t, nominal, sol)
	assert.Equal(t, 1, r.Candidates)
	assert.InDelta(t, nominal.Cost, r.Chosen.Worst, 1e-12)
	assert.Zero(t, r.Chosen.Regret)

	_, _, err = Choose(context.Background(), ilp.Solver{}, p, Options{Error: -1})
	assert.ErrorContains(t, err, "profile error -1")
}
