//go:build highs || lpsolve

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
)

// agrees compares an engine with brute force on so many small problems, except
// those under Berkeley contention, which the model does not take.
func agrees(t *testing.T, s milp.Solver, problem func(uint64) *solver.Problem, instances int) {
	t.Helper()
	solved := 0
	for seed := range uint64(instances) {
		p := problem(seed)
		sol, err := solver.Solve(context.Background(), s, p)
		if errors.Is(err, solver.ErrUnsupported) {
			continue
		}
		require.NoError(t, err, "seed %d", seed)
		best, ok := solvertest.Best(p)
		require.Equal(t, ok, sol.Status == solver.Optimal, "seed %d: %s", seed, sol.Reason)
		if ok {
			solved++
			require.InDelta(t, best, sol.Cost, 1e-6*(best+1e-3), "seed %d", seed)
		}
	}
	assert.Greater(t, solved, instances/6)
}
