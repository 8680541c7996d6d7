package ilp_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/ilp"
	"caravan/solver/solvertest"
	"caravan/topology"
	"caravan/workloads"
)

func TestLeavesOutTheLeast(t *testing.T) {
	solvertest.LeavesOut(t, newILP(), solvertest.Crowded, 60)
}

// One instance of high priority takes the room of three of low priority.
func TestHighPrioritiesComeFirst(t *testing.T) {
	top, err := topology.New([]topology.Node{{Name: "a", Cores: 1, Speed: 1, CPU: 900}}, nil)
	require.NoError(t, err)
	job := func(name string, priority, count int, cpu topology.MHz) workloads.Job {
		return workloads.Job{Name: name, Priority: priority, Groups: []workloads.Group{{Name: "g", Count: count, Demand: topology.Resources{CPU: cpu}}}}
	}
	p := &solver.Problem{Topology: top, Objective: solver.Affinity, Workload: &workloads.Workload{Jobs: []workloads.Job{job("low", 20, 3, 300), job("high", 70, 1, 900)}}}
	sol, err := solver.Solve(context.Background(), newILP(), p)
	require.NoError(t, err)
	assert.Equal(t, solver.Infeasible, sol.Status)
	assert.Equal(t, topology.NodeID(0), sol.Placement.Jobs[1][0][0])
	require.Len(t, sol.Unplaced, 3)
	assert.Equal(t, "no room: of the 3 of priority 20 at most 0 fit beside what is of higher priority", sol.Unplaced[0].Reason)

	whole, err := solver.Solve(context.Background(), ilp.Solver{Whole: true}, p)
	require.NoError(t, err)
	assert.Len(t, whole.Unplaced, 4)
}

// When the time is over before anything is proved, the rest is placed as it
// comes, by falling priority.
func TestLeavingOutInNoTime(t *testing.T) {
	top, err := topology.New([]topology.Node{{Name: "a", Cores: 1, Speed: 1, CPU: 1000}, {Name: "b", Cores: 1, Speed: 1, CPU: 1000}}, nil)
	require.NoError(t, err)
	w := &workloads.Workload{}
	for i := range 5 {
		w.Pipelines = append(w.Pipelines, workloads.Pipeline{Name: fmt.Sprint(i), Priority: 10 * i, Source: topology.None, Sink: topology.None, Operators: []workloads.Operator{
			{Name: "op", Work: workloads.Const(1), Node: topology.None, Demand: topology.Resources{CPU: 600}},
		}})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	sol, err := solver.Solve(ctx, newILP(), &solver.Problem{Topology: top, Workload: w})
	require.NoError(t, err)
	assert.Len(t, sol.Unplaced, 3)
	for _, i := range []int{3, 4} {
		assert.NotEqual(t, topology.None, sol.Placement.Pipelines[i][0])
	}
}
