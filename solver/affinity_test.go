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

// Two instances want the one fast machine, which has room for one, and to keep
// off the old one.
func TestPreferencesAreMetAsFarAsThereIsRoom(t *testing.T) {
	top, err := topology.New([]topology.Node{
		{Name: "fast", Cores: 1, Speed: 1, CPU: 1000, Class: "fast"},
		{Name: "plain", Cores: 1, Speed: 1, CPU: 1000, Class: "plain"},
		{Name: "old", Cores: 1, Speed: 1, CPU: 1000, Class: "old"},
	}, nil)
	require.NoError(t, err)
	class := func(name string, weight int) workloads.Affinity {
		return workloads.Affinity{Constraint: workloads.Constraint{Attribute: "class", Operator: "=", Values: []string{name}}, Weight: weight}
	}
	p := &solver.Problem{Topology: top, Objective: solver.Affinity, Workload: &workloads.Workload{Jobs: []workloads.Job{{
		Name: "web", Type: workloads.Service, Affinities: []workloads.Affinity{class("old", -50)},
		Groups: []workloads.Group{{Name: "web", Count: 2, Demand: topology.Resources{CPU: 800}, Affinities: []workloads.Affinity{class("fast", 50)}}},
	}}}}
	sol, err := solver.Solve(context.Background(), ilp.Solver{}, p)
	require.NoError(t, err)
	assert.Equal(t, solver.Optimal, sol.Status)
	assert.ElementsMatch(t, []topology.NodeID{0, 1}, sol.Placement.Jobs[0][0])
	assert.InDelta(t, (0.25+0.5)/2, sol.Cost, 1e-9, "one meets half of the weights, one none")
}
