package ilp_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/solvertest"
	"caravan/topology"
	"caravan/workloads"
)

func TestSpreadsAndDistances(t *testing.T) { solvertest.Proved(t, newILP(), solvertest.Together, 50) }

func apart(seed uint64) *solver.Problem {
	p := solvertest.Together(seed)
	p.Objective, p.Also = solver.Latency, nil
	return p
}

func TestLeavesOutTheLeastOfJobsKeptApart(t *testing.T) {
	solvertest.LeavesOut(t, newILP(), apart, 30)
}

// Seven instances over zones of 3, 2 and 2 nodes, evenly: 3, 2, 2, of which
// the first is two thirds too many.
func TestAnEvenSpread(t *testing.T) {
	var nodes []topology.Node
	for _, zone := range []string{"a", "a", "a", "b", "b", "c", "c"} {
		nodes = append(nodes, topology.Node{Name: string(rune('p' + len(nodes))), Cores: 1, Speed: 1, CPU: 1000, Meta: map[string]string{"zone": zone}})
	}
	top, err := topology.New(nodes, nil)
	require.NoError(t, err)
	p := &solver.Problem{Topology: top, Objective: solver.Spread, Workload: &workloads.Workload{Jobs: []workloads.Job{{
		Name: "web", Groups: []workloads.Group{{
			Name: "web", Count: 7, Demand: topology.Resources{CPU: 500},
			Spreads: []workloads.Spread{{Attribute: "meta.zone", Weight: 50}},
		}},
	}}}}
	sol, err := solver.Solve(context.Background(), newILP(), p)
	require.NoError(t, err)
	assert.Equal(t, solver.Optimal, sol.Status)
	assert.InDelta(t, 2./3/7, sol.Cost, 1e-12)
}
