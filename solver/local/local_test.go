package local_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/local"
	"caravan/solver/solvertest"
	"caravan/topology"
	"caravan/workloads"
)

func TestContract(t *testing.T) {
	t.Run("one chain", func(t *testing.T) {
		solvertest.Test(t, func() solver.Solver { return local.Solver{Steps: 300} }, solvertest.Options{Instances: 100})
	})
	t.Run("several items", func(t *testing.T) {
		solvertest.Test(t, func() solver.Solver { return local.Solver{Steps: 300} }, solvertest.Options{Several: true, Instances: 40})
	})
}

// On problems small enough to try everything, every objective ends near its
// optimum, and none below it.
func TestEveryObjective(t *testing.T) {
	for _, o := range solver.Objectives() {
		near := 0
		for seed := range uint64(12) {
			p := solvertest.Random(seed, false)
			p.Objective = o
			p.MaxSteps = 2000
			rng := rand.New(rand.NewPCG(seed, 9))
			nodes := p.Topology.Nodes()
			for i := range nodes { // the topology is this test's own
				nodes[i].PricePerHour, nodes[i].IdleWatts, nodes[i].BusyWatts = rng.Float64(), 10*rng.Float64(), 10+10*rng.Float64()
			}
			p.Workload.Pipelines[0].Arrivals.Rate = 0.05
			best, ok := solvertest.Best(p)
			sol, err := solver.Solve(context.Background(), local.Solver{}, p)
			require.NoError(t, err)
			if !ok || sol.Status != solver.Feasible {
				near++
				continue
			}
			require.GreaterOrEqual(t, sol.Cost, best-1e-9, "%s, seed %d", o, seed)
			if sol.Cost <= best*1.001+1e-9 {
				near++
			}
		}
		assert.GreaterOrEqual(t, near, 11, "%s", o)
	}
}

// Two pipelines that would each rather run on the fast machine overload it
// together; whoever counts the queue parts them.
func TestQueuesAreSeen(t *testing.T) {
	top, err := topology.New([]topology.Node{{Name: "fast", Cores: 1, Speed: 1}, {Name: "slow", Cores: 1, Speed: 0.8}}, nil)
	require.NoError(t, err)
	chain := func(name string) workloads.Pipeline {
		return workloads.Pipeline{Name: name, Source: topology.None, Sink: topology.None, Arrivals: workloads.Arrivals{Kind: workloads.Poisson, Rate: 0.6},
			Operators: []workloads.Operator{{Name: "op", Work: workloads.Exp(1), Node: topology.None}}}
	}
	p := &solver.Problem{Topology: top, Workload: &workloads.Workload{Pipelines: []workloads.Pipeline{chain("a"), chain("b")}}}
	blind, err := solver.Solve(context.Background(), local.Solver{}, p)
	require.NoError(t, err)
	assert.InDelta(t, 1, blind.Cost, 1e-9)
	p.Objective = solver.QueueingLatency
	seeing, err := solver.Solve(context.Background(), local.Solver{}, p)
	require.NoError(t, err)
	// 1/(1-0.6) and 1.25/(1-0.75): M/M/1 on each.
	assert.InDelta(t, (2.5+5)/2, seeing.Cost, 1e-9)
}
