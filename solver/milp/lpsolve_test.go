//go:build lpsolve

package milp_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/milp"
	"caravan/solver/solvertest"
)

func TestLPSolveAgainstBruteForce(t *testing.T) {
	engine, err := milp.NewLPSolve(0)
	require.NoError(t, err)
	graphs := func(seed uint64) *solver.Problem { return solvertest.Graphs(seed, seed%2 == 0) }
	t.Run("graphs", func(t *testing.T) { agrees(t, milp.Solver{Engine: engine}, graphs, 100) })
	t.Run("teams", func(t *testing.T) { agrees(t, milp.Solver{Engine: engine}, solvertest.Together, 100) })
}

func TestLPSolveSaysInfeasible(t *testing.T) {
	engine, err := milp.NewLPSolve(0)
	require.NoError(t, err)
	sol, err := solver.Solve(context.Background(), milp.Solver{Engine: engine}, two(t))
	require.NoError(t, err)
	assert.Equal(t, solver.Infeasible, sol.Status)
}
