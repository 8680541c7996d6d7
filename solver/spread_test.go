package solver_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/ilp"
	"caravan/topology"
	"caravan/workloads"
)

func spreadOver(t *testing.T, count int, targets []workloads.SpreadTarget) *solver.Problem {
	t.Helper()
	top, err := topology.New([]topology.Node{{Name: "a", Cores: 1, Speed: 1, CPU: 250}, {Name: "b", Cores: 1, Speed: 1, CPU: 1000}}, nil)
	require.NoError(t, err)
	return &solver.Problem{Topology: top, Objective: solver.Spread, Workload: &workloads.Workload{Jobs: []workloads.Job{{Name: "j", Groups: []workloads.Group{{
		Name: "g", Count: count, Demand: topology.Resources{CPU: 100}, Spreads: []workloads.Spread{{Attribute: "name", Weight: 50, Targets: targets}},
	}}}}}}
}

// Four instances, of which a has room for two: evenly that is none too many,
// with three quarters wanted on a it is one on b.
func TestSpread(t *testing.T) {
	for _, c := range []struct {
		count   int
		targets []workloads.SpreadTarget
		want    float64
	}{{4, nil, 0}, {4, []workloads.SpreadTarget{{Value: "a", Percent: 75}, {Value: "b", Percent: 25}}, 0.25}, {0, nil, 0}} {
		sol, err := solver.Solve(context.Background(), ilp.Solver{}, spreadOver(t, c.count, c.targets))
		require.NoError(t, err)
		assert.Equal(t, solver.Optimal, sol.Status)
		assert.InDelta(t, c.want, sol.Cost, 1e-12)
	}
}
