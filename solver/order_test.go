package solver_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/ilp"
	"caravan/solver/local"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// Three machines around a source, two of them equally fast and one of these
// cheap.
func around(t *testing.T) *solver.Problem {
	t.Helper()
	nodes := []topology.Node{
		{Name: "src", Cores: 1, Speed: 1}, {Name: "dear", Cores: 1, Speed: 2, PricePerHour: 3},
		{Name: "cheap", Cores: 1, Speed: 2, PricePerHour: 1}, {Name: "slow", Cores: 1, Speed: 1, PricePerHour: 0.1},
	}
	var links []topology.Link
	for n := topology.NodeID(1); n < 4; n++ {
		links = append(links, topology.Link{From: 0, To: n, Latency: time.Millisecond}, topology.Link{From: n, To: 0, Latency: time.Millisecond})
	}
	top, err := topology.New(nodes, links)
	require.NoError(t, err)
	op := func(name string, work float64, after ...int) workloads.Operator {
		return workloads.Operator{Name: name, Work: workloads.Const(work), Node: topology.None, After: after}
	}
	w := &workloads.Workload{Pipelines: []workloads.Pipeline{{
		Name: "p", Source: 0, Sink: 0, Arrivals: workloads.Arrivals{Kind: workloads.Poisson, Rate: 1},
		Operators: []workloads.Operator{op("in", 0.001), op("work", 0.1, 0), op("out", 0.001, 1)},
	}}}
	return &solver.Problem{Topology: top, Workload: w}
}

func TestLaterObjectivesDecideAmongTheBestOfTheEarlierOnes(t *testing.T) {
	p := around(t)
	sol, err := solver.InOrder(context.Background(), ilp.Solver{}, local.Solver{}, p, []solver.Objective{solver.Money})
	require.NoError(t, err)
	assert.Equal(t, solver.Optimal, sol.Status)
	assert.InDelta(t, 0.054, sol.Cost, 1e-12)
	assert.Equal(t, topology.NodeID(2), sol.Placement.Pipelines[0][1])

	p.Objective = solver.Money
	sol, err = solver.InOrder(context.Background(), local.Solver{}, local.Solver{}, p, []solver.Objective{solver.Latency})
	require.NoError(t, err)
	assert.Equal(t, []topology.NodeID{0, 0, 0}, sol.Placement.Pipelines[0], "nothing is cheaper than the source alone")
}

func TestAMoveIsMadeWhenItPays(t *testing.T) {
	p := around(t)
	p.Incumbent = &placement.Placement{Pipelines: [][]topology.NodeID{{0, 3, 0}}, Jobs: [][][]topology.NodeID{}}
	for _, c := range []struct {
		weight float64 // seconds a move; leaving node 3 saves 50 ms
		node   topology.NodeID
		cost   float64
	}{{0.049, 1, 0.054 + 0.049}, {0.051, 3, 0.104}} {
		p.Also = []solver.Term{{Objective: solver.Moves, Weight: c.weight}}
		sol, err := solver.Solve(context.Background(), ilp.Solver{}, p)
		require.NoError(t, err)
		assert.Equal(t, solver.Optimal, sol.Status)
		assert.Equal(t, c.node, sol.Placement.Pipelines[0][1])
		assert.InDelta(t, c.cost, sol.Cost, 1e-12)
	}
}
