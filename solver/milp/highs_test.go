//go:build highs

package milp_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/milp"
	"caravan/solver/solvertest"
	"caravan/topology"
	"caravan/workloads/instances"
	"caravan/workloads/placement"
)

func TestHiGHS(t *testing.T) {
	engine, err := milp.NewHiGHS(0)
	require.NoError(t, err)
	top, w, err := instances.PipelineFamily{Pipelines: 3, Operators: 3, Nodes: 10, Tightness: 1}.Instance(1)
	require.NoError(t, err)
	p := &solver.Problem{Topology: top, Workload: w, Model: placement.Model{Network: placement.Fixed, Routing: topology.RouteDirect}}
	sol, err := solver.Solve(context.Background(), milp.Solver{Engine: engine}, p)
	require.NoError(t, err)
	assert.Equal(t, solver.Optimal, sol.Status)
	assert.InDelta(t, sol.Cost, sol.Bound, 1e-6*sol.Cost)
}

func TestHiGHSSaysInfeasible(t *testing.T) {
	engine, err := milp.NewHiGHS(0)
	require.NoError(t, err)
	sol, err := solver.Solve(context.Background(), milp.Solver{Engine: engine}, two(t))
	require.NoError(t, err)
	assert.Equal(t, solver.Infeasible, sol.Status)
}

// On small problems of graphs and chains that compete, with jobs, the model's
// optimum is that of trying everything.
func TestHiGHSOnGraphs(t *testing.T) {
	engine, err := milp.NewHiGHS(0)
	require.NoError(t, err)
	solved := 0
	for seed := range uint64(300) {
		p := solvertest.Graphs(seed, seed%2 == 0)
		sol, err := solver.Solve(context.Background(), milp.Solver{Engine: engine}, p)
		if errors.Is(err, solver.ErrUnsupported) {
			continue // Berkeley contention
		}
		require.NoError(t, err, "seed %d", seed)
		best, ok := solvertest.Best(p)
		require.Equal(t, ok, sol.Status == solver.Optimal, "seed %d: %s", seed, sol.Reason)
		if ok {
			solved++
			require.InDelta(t, best, sol.Cost, 1e-6*best, "seed %d", seed)
		}
	}
	assert.Greater(t, solved, 50)
}
