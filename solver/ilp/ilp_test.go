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
	"caravan/workloads/instances"
	"caravan/workloads/placement"
)

func newILP() solver.Solver { return ilp.Solver{} }

func TestContract(t *testing.T) {
	t.Run("one chain", func(t *testing.T) {
		solvertest.Test(t, newILP, solvertest.Options{Exact: true, Proves: true, Instances: 100})
	})
	t.Run("several items", func(t *testing.T) {
		solvertest.Test(t, newILP, solvertest.Options{Proves: true, Several: true, Instances: 50})
	})
}

// drawn is a problem of the family of dense three-tier topologies.
func drawn(t testing.TB, f instances.PipelineFamily, seed int64) *solver.Problem {
	t.Helper()
	top, w, err := f.Instance(seed)
	require.NoError(t, err)
	return &solver.Problem{Topology: top, Workload: w, Model: placement.Model{Network: placement.Fixed, Routing: topology.RouteDirect}}
}

// The optimum of the first problem of 5x5x10 is known from three generic
// engines: 33153 units of 10 microseconds over five pipelines, each cost
// rounded to a unit.
func TestKnownOptimum(t *testing.T) {
	sol, err := solver.Solve(context.Background(), newILP(), drawn(t, instances.PipelineFamily{Pipelines: 5, Operators: 5, Nodes: 10, Tightness: 1}, 1))
	require.NoError(t, err)
	assert.Equal(t, solver.Optimal, sol.Status)
	assert.InDelta(t, 33153e-5/5, sol.Cost, 1e-5)
}

func TestLimitsLeaveABound(t *testing.T) {
	p := drawn(t, instances.PipelineFamily{Pipelines: 10, Operators: 5, Nodes: 15, Tightness: 1}, 2)
	p.MaxSteps = 3
	sol, err := solver.Solve(context.Background(), newILP(), p)
	require.NoError(t, err)
	assert.Equal(t, solver.Feasible, sol.Status)
	assert.Less(t, sol.Gap(), 0.05)
	// The optimum, proved without the limit, lies between the two.
	assert.LessOrEqual(t, sol.Bound, 0.05745669)
	assert.GreaterOrEqual(t, sol.Cost, 0.05745665)
}

func TestTheIncumbentIsKept(t *testing.T) {
	p := drawn(t, instances.PipelineFamily{Pipelines: 5, Operators: 5, Nodes: 10, Tightness: 1}, 2)
	best, err := solver.Solve(context.Background(), newILP(), p)
	require.NoError(t, err)
	p.Incumbent = &best.Placement
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	sol, err := solver.Solve(ctx, newILP(), p)
	require.NoError(t, err)
	assert.Equal(t, best.Cost, sol.Cost)
}

func TestInfeasibleIsProved(t *testing.T) {
	nodes := []topology.Node{{Name: "a", Cores: 1, Speed: 1, CPU: 1000}, {Name: "b", Cores: 1, Speed: 1, CPU: 1000}}
	top, err := topology.New(nodes, nil)
	require.NoError(t, err)
	w := &workloads.Workload{}
	for i := range 3 {
		w.Pipelines = append(w.Pipelines, workloads.Pipeline{Name: fmt.Sprint(i), Source: topology.None, Sink: topology.None, Operators: []workloads.Operator{
			{Name: "op", Work: workloads.Const(1), Node: topology.None, Demand: topology.Resources{CPU: 600}},
		}})
	}
	sol, err := solver.Solve(context.Background(), newILP(), &solver.Problem{Topology: top, Workload: w})
	require.NoError(t, err)
	assert.Equal(t, solver.Infeasible, sol.Status)
	assert.NotEmpty(t, sol.Reason)
}

// Parts of a GPU add up only on one device.
func TestPartsOfDevices(t *testing.T) {
	nodes := []topology.Node{{Name: "a", Cores: 1, Speed: 1, GPUs: topology.GPUs{Count: 2}}, {Name: "b", Cores: 1, Speed: 1, GPUs: topology.GPUs{Count: 1}}}
	top, err := topology.New(nodes, nil)
	require.NoError(t, err)
	jobs := func(count int) *workloads.Workload {
		return &workloads.Workload{Jobs: []workloads.Job{{Name: "j", Groups: []workloads.Group{{Name: "g", Count: count, Demand: topology.Resources{GPUs: 1, GPUMilli: 600}}}}}}
	}
	for count, want := range map[int]solver.Status{3: solver.Optimal, 4: solver.Infeasible} {
		sol, err := solver.Solve(context.Background(), newILP(), &solver.Problem{Topology: top, Workload: jobs(count), Objective: solver.Latency})
		require.NoError(t, err)
		assert.Equal(t, want, sol.Status, "%d instances", count)
	}
}

func BenchmarkFamilies(b *testing.B) {
	for _, f := range []instances.PipelineFamily{
		{Pipelines: 5, Operators: 5, Nodes: 10, Tightness: 1},
		{Pipelines: 5, Operators: 5, Nodes: 10, Tightness: 0.6},
		{Pipelines: 20, Operators: 6, Nodes: 30, Tightness: 2},
	} {
		for seed := range int64(3) {
			b.Run(f.Name(seed+1), func(b *testing.B) {
				p := drawn(b, f, seed+1)
				for b.Loop() {
					_, err := solver.Solve(context.Background(), newILP(), p)
					require.NoError(b, err)
				}
			})
		}
	}
}
