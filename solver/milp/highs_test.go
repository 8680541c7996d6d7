//go:build highs

package milp_test

import (
	"context"
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

// On small problems of graphs and chains that compete, and of jobs that are
// spread and kept apart, the model's optimum is that of trying everything.
func TestHiGHSAgainstBruteForce(t *testing.T) {
	engine, err := milp.NewHiGHS(0)
	require.NoError(t, err)
	for name, problem := range map[string]func(uint64) *solver.Problem{
		"graphs": func(seed uint64) *solver.Problem { return solvertest.Graphs(seed, seed%2 == 0) },
		"teams":  solvertest.Together,
	} {
		t.Run(name, func(t *testing.T) { agrees(t, milp.Solver{Engine: engine}, problem, 300) })
	}
}
