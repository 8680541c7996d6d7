package solver_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// Two machines, a link, and two pipelines whose every figure is easy to check
// by hand: a runs on both machines, b on the second.
func worked(t *testing.T) (*solver.Problem, placement.Placement) {
	t.Helper()
	top, err := topology.New([]topology.Node{
		{Name: "edge", Cores: 1, Speed: 0.5, CPU: 1000, Memory: 4 * topology.GiB, PricePerHour: 0.5, IdleWatts: 2, BusyWatts: 6},
		{Name: "cloud", Cores: 2, Speed: 1, CPU: 4000, PricePerHour: 3, IdleWatts: 100, BusyWatts: 200},
		{Name: "spare", Cores: 1, Speed: 1, PricePerHour: 7},
	}, []topology.Link{{From: 0, To: 1, Bandwidth: 1000, Latency: 50 * time.Millisecond, PricePerByte: 0.001}})
	require.NoError(t, err)
	w := &workloads.Workload{Pipelines: []workloads.Pipeline{
		{Name: "a", Source: topology.None, Sink: topology.None, Deadline: time.Second, Arrivals: workloads.Arrivals{Kind: workloads.Poisson, Rate: 2}, Operators: []workloads.Operator{
			{Name: "read", Work: workloads.Const(0.1), Output: workloads.Const(100), Node: topology.None, Demand: topology.Resources{CPU: 250, Memory: topology.GiB}},
			{Name: "infer", Work: workloads.Const(0.3), Node: topology.None, After: []int{0}, Demand: topology.Resources{CPU: 1000}},
		}},
		{Name: "b", Source: topology.None, Sink: topology.None, Deadline: time.Second, Arrivals: workloads.Arrivals{Kind: workloads.Poisson, Rate: 0.5}, Operators: []workloads.Operator{
			{Name: "train", Work: workloads.Const(1.2), Node: topology.None},
		}},
	}}
	p := &solver.Problem{Topology: top, Workload: w}
	pl := placement.Placement{Pipelines: [][]topology.NodeID{{0, 1}, {1}}, Jobs: [][][]topology.NodeID{}}
	require.NoError(t, placement.Check(top, w, pl))
	return p, pl
}

func TestObjectives(t *testing.T) {
	p, pl := worked(t)
	const (
		a = 0.1/0.5 + 100.0/1000 + 0.05 + 0.3 // 0.65 s
		b = 1.2
	)
	edge, cloud, link := 2*0.2, (2*0.3+0.5*1.2)/2, 2*0.1
	for o, want := range map[solver.Objective]float64{
		solver.Latency:        (2*a + 0.5*b) / 2.5,
		solver.WorstLatency:   b,
		solver.DeadlineMisses: 0.5 / 2.5,
		solver.Throughput:     max(edge, cloud, link),
		solver.Money:          0.5 + 3 + 2*3600*100*0.001,
		solver.Energy:         2 + 4*edge + 100 + 100*cloud,
		solver.Nodes:          2,
		solver.Fragmentation:  (0.75 + 0.75 + 0.75) / 3,
		// M/M/1 on the edge and the link, M/M/2 on the cloud: 1/(1-u^2).
		solver.QueueingLatency: (2*(0.2/(1-edge)+0.05+0.1/(1-link)+0.3/(1-cloud*cloud)) + 0.5*1.2/(1-cloud*cloud)) / 2.5,
	} {
		p.Objective = o
		cost, unit, err := solver.Cost(p, pl)
		require.NoError(t, err)
		assert.InDelta(t, want, cost, 1e-8, "%s", o)
		assert.Equal(t, o.Unit(), unit)
	}
}

// fixed is a solver that knows one placement and no limits.
type fixed placement.Placement

func (f fixed) Solve(context.Context, *solver.Problem) (solver.Solution, error) {
	return solver.Solution{Placement: placement.Placement(f), Status: solver.Feasible, Bound: math.NaN()}, nil
}

func TestAPlacementBeyondALimitIsNoAnswer(t *testing.T) {
	p, pl := worked(t)
	p.Limits = []solver.Limit{{Objective: solver.Nodes, Most: 2}}
	sol, err := solver.Solve(context.Background(), fixed(pl), p)
	require.NoError(t, err)
	assert.Equal(t, solver.Feasible, sol.Status)
	p.Limits = append(p.Limits, solver.Limit{Objective: solver.WorstLatency, Most: 1})
	sol, err = solver.Solve(context.Background(), fixed(pl), p)
	require.NoError(t, err)
	assert.Equal(t, solver.Unknown, sol.Status)
	assert.Len(t, sol.Unplaced, 3)
	assert.Equal(t, "the worst-latency of the placement that was found is 1.2 s, allowed is 1 s", sol.Reason)
}

func TestUnknownObjective(t *testing.T) {
	p, pl := worked(t)
	p.Objective = "joy"
	_, _, err := solver.Cost(p, pl)
	require.ErrorContains(t, err, "queueing-latency")
}
