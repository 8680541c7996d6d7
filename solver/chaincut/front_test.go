package chaincut_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/chaincut"
	"caravan/solver/solvertest"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// shaped is solvertest.Random with the chain's operators joined anew: as a
// tree, a diamond, or as any DAG.
func shaped(seed uint64) *solver.Problem {
	p := solvertest.Random(seed, false)
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &p.Workload.Pipelines[0]
	for len(w.Operators) < 4 {
		o := w.Operators[0]
		o.Name = fmt.Sprintf("more%d", len(w.Operators))
		w.Operators = append(w.Operators, o)
	}
	for j := range w.Operators {
		o := &w.Operators[j]
		o.After = nil
		switch seed % 4 {
		case 0: // out-tree
			if j > 0 {
				o.After = []int{rng.IntN(j)}
			}
		case 1: // diamond
			o.After = [][]int{nil, {0}, {0}, {1, 2}}[j]
		case 2: // in-tree, or with two ways up and down, a tree of both kinds
			o.After = [][]int{nil, nil, {0, 1}, {1}}[j]
			if seed%8 == 2 {
				o.After = [][]int{nil, nil, {0, 1}, {2}}[j]
			}
		default:
			for i := range j {
				if rng.IntN(2) == 0 {
					o.After = append(o.After, i)
				}
			}
		}
	}
	return p
}

func TestShapesArePlacedExactly(t *testing.T) {
	placed := 0
	for seed := range uint64(600) {
		p := shaped(seed)
		best, ok := solvertest.Best(p)
		sol, err := solver.Solve(context.Background(), chaincut.Solver{}, p)
		require.NoError(t, err, "seed %d", seed)
		if !ok {
			require.Equal(t, solver.Infeasible, sol.Status, "seed %d", seed)
			continue
		}
		placed++
		require.Equal(t, solver.Optimal, sol.Status, "seed %d: %s", seed, sol.Reason)
		require.InDelta(t, best, sol.Cost, 1e-9, "seed %d", seed)
		require.InDelta(t, best, sol.Bound, 1e-9, "seed %d", seed)
	}
	assert.Greater(t, placed, 200)
}

// Capacities of a single pipeline are part of the optimum.
func TestAFullNodeIsNoObstacleToAProof(t *testing.T) {
	tight := 0
	for seed := range uint64(300) {
		p := solvertest.Random(seed, false)
		for j := range p.Workload.Pipelines[0].Operators {
			p.Workload.Pipelines[0].Operators[j].Demand = topology.Resources{CPU: topology.MHz(300 + 100*(seed+uint64(j))%700)}
		}
		best, ok := solvertest.Best(p)
		sol, err := solver.Solve(context.Background(), chaincut.Solver{}, p)
		require.NoError(t, err)
		if !ok {
			require.Equal(t, solver.Infeasible, sol.Status, "seed %d", seed)
			continue
		}
		tight++
		require.Equal(t, solver.Optimal, sol.Status, "seed %d: %s", seed, sol.Reason)
		require.InDelta(t, best, sol.Cost, 1e-9, "seed %d", seed)
	}
	assert.Greater(t, tight, 40)
}

// Chains too long for the local search to hit on the optimum by chance.
func TestLongerChainsFindRoom(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 1))
		nodes, links := meshed(5, rng)
		for i := range nodes {
			nodes[i].CPU = topology.MHz(800 + rng.IntN(400))
		}
		p := chain(5, rng)
		for j := range p.Operators {
			p.Operators[j].Demand.CPU = topology.MHz(250 + rng.IntN(250))
		}
		m := placement.Model{}
		if seed%3 == 0 {
			m.Contention = placement.Berkeley
		}
		problem := problem(t, nodes, links, p, m)
		sol, err := solver.Solve(context.Background(), chaincut.Solver{}, problem)
		require.NoError(t, err)
		require.Equal(t, solver.Optimal, sol.Status, "seed %d: %s", seed, sol.Reason)
		all := everyPoint(problem)
		front, err := chaincut.Front(context.Background(), problem)
		require.NoError(t, err)
		shortest, fastest := all[0].Period, all[0].Latency
		for _, x := range all {
			shortest, fastest = min(shortest, x.Period), min(fastest, x.Latency)
		}
		require.InDelta(t, fastest.Seconds(), sol.Cost, 1e-12, "seed %d", seed)
		require.Equal(t, []time.Duration{fastest, shortest}, []time.Duration{front[0].Latency, front[len(front)-1].Period}, "seed %d", seed)
	}
}

func TestAnInterruptedFrontSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := berkeley([]float64{1, 2}, []hop{{0, 1, 100, 0}}, [][2]float64{{1, 1}, {1, 1}}, topology.None, topology.None, placement.Uncontended)
	_, err := chaincut.Front(ctx, p)
	assert.ErrorIs(t, err, chaincut.ErrIncomplete)
}

// everyPoint lists latency and period of every placement that can run.
func everyPoint(p *solver.Problem) (all []chaincut.Point) {
	pl := placement.Unplaced(p.Workload)
	nodes := pl.Pipelines[0]
	var try func(j int)
	try = func(j int) {
		if j < len(nodes) {
			for a := range p.Topology.Nodes() {
				nodes[j] = topology.NodeID(a)
				try(j + 1)
			}
			return
		}
		if placement.Check(p.Topology, p.Workload, pl) != nil {
			return
		}
		w := &p.Workload.Pipelines[0]
		if d, err := placement.Estimate(p.Topology, p.Model, w, nodes); err == nil {
			all = append(all, chaincut.Point{Nodes: append([]topology.NodeID(nil), nodes...), Latency: d, Period: chaincut.Period(p.Topology, p.Model, w, nodes)})
		}
	}
	try(0)
	return all
}

func contiguous(nodes []topology.NodeID) bool {
	for j := range nodes {
		for i := range j {
			if nodes[i] == nodes[j] && nodes[j-1] != nodes[j] {
				return false
			}
		}
	}
	return true
}

func TestTheFrontIsWhole(t *testing.T) {
	longest := 0
	for seed := range uint64(120) {
		p := solvertest.Random(seed, false)
		if seed%2 == 0 {
			p = shaped(seed)
		}
		front, err := chaincut.Front(context.Background(), p)
		require.NoError(t, err)
		all := everyPoint(p)
		type pair struct{ latency, period time.Duration }
		want := map[pair]bool{}
		for _, x := range all {
			beaten := false
			for _, y := range all {
				beaten = beaten || y.Latency <= x.Latency && y.Period <= x.Period && (y.Latency < x.Latency || y.Period < x.Period)
			}
			if !beaten {
				want[pair{x.Latency, x.Period}] = true
			}
		}
		require.Len(t, front, len(want), "seed %d", seed)
		for _, x := range front {
			require.True(t, want[pair{x.Latency, x.Period}], "seed %d: %v", seed, x)
			require.True(t, x.Proved)
		}
		longest = max(longest, len(front))

		for _, whole := range []bool{false, true} {
			x, err := chaincut.MinPeriod(context.Background(), p, whole && seed%2 == 1)
			require.NoError(t, err)
			best := time.Duration(1) << 62
			for _, y := range all {
				if !whole || seed%2 == 0 || contiguous(y.Nodes) {
					best = min(best, y.Period)
				}
			}
			require.True(t, x.Proved)
			if x.Nodes == nil {
				require.Equal(t, time.Duration(1)<<62, best, "seed %d", seed)
				continue
			}
			require.Equal(t, best, x.Period, "seed %d", seed)
		}
	}
	assert.Greater(t, longest, 2)
}

// Two cores share the work, a link is busy while it serialises.
func TestThePeriodIsThatOfTheBusiestPart(t *testing.T) {
	p := berkeley([]float64{1, 2}, []hop{{0, 1, 100, time.Hour}, {1, 0, 100, 0}}, [][2]float64{{4, 300}, {2, 50}, {2, 1}}, topology.None, topology.None, placement.Uncontended)
	w := &p.Workload.Pipelines[0]
	for _, c := range []struct {
		nodes []topology.NodeID
		model placement.Model
		want  time.Duration
	}{
		{[]topology.NodeID{0, 0, 0}, placement.Model{}, 8 * time.Second},
		{[]topology.NodeID{0, 0, 0}, placement.Model{Contention: placement.Berkeley}, 12 * time.Second},
		{[]topology.NodeID{1, 0, 0}, placement.Model{}, 4 * time.Second},
		{[]topology.NodeID{1, 0, 1}, placement.Model{}, 3 * time.Second},
		{[]topology.NodeID{1, 1, 0}, placement.Model{}, 3 * time.Second},
		{[]topology.NodeID{1, 0, 1}, placement.Model{Network: placement.Fixed}, 3 * time.Second},
		{[]topology.NodeID{0, 1, 1}, placement.Model{}, 4 * time.Second},
	} {
		assert.Equal(t, c.want, chaincut.Period(p.Topology, c.model, w, c.nodes), "%v", c.nodes)
	}
	p.Workload = &workloads.Workload{}
	_, err := chaincut.Front(context.Background(), p)
	assert.ErrorContains(t, err, "allowed is one pipeline")
}

func TestThroughputIsProvedForOnePipeline(t *testing.T) {
	proved := 0
	for seed := range uint64(300) {
		p := shaped(seed)
		p.Objective = solver.Throughput
		p.Workload.Pipelines[0].Arrivals = workloads.Arrivals{Kind: workloads.Poisson, Rate: 2}
		sol, err := solver.Solve(context.Background(), chaincut.Solver{}, p)
		require.NoError(t, err)
		if math.IsNaN(sol.Bound) {
			continue
		}
		if sol.Status == solver.Optimal {
			proved++
		}
		for _, pt := range everyPoint(p) {
			pl := placement.Unplaced(p.Workload)
			pl.Pipelines[0] = pt.Nodes
			value, err := solver.Value(p, solver.Throughput, pl)
			require.NoError(t, err)
			require.GreaterOrEqual(t, value, sol.Bound*(1-1e-9), "seed %d", seed)
		}
	}
	assert.Greater(t, proved, 100)
}

// Cuts into stretches are no better than others, and are what MinPeriod finds.
func TestContiguousThroughputHasABoundOverAll(t *testing.T) {
	stretches := 0
	for seed := range uint64(100) {
		p := shaped(seed)
		p.Objective = solver.Throughput
		p.Workload.Pipelines[0].Arrivals = workloads.Arrivals{Kind: workloads.Poisson, Rate: 2}
		sol, err := solver.Solve(context.Background(), chaincut.Solver{Contiguous: true}, p)
		require.NoError(t, err)
		pt, err := chaincut.MinPeriod(context.Background(), p, true)
		require.NoError(t, err)
		if pt.Nodes == nil {
			assert.NotEmpty(t, sol.Unplaced, "seed %d", seed)
			continue
		}
		assert.Equal(t, pt.Nodes, sol.Placement.Pipelines[0], "seed %d", seed)
		free, err := solver.Solve(context.Background(), chaincut.Solver{}, p)
		require.NoError(t, err)
		if free.Status == solver.Optimal {
			assert.InEpsilon(t, free.Bound, sol.Bound, 1e-9, "seed %d", seed)
			stretches++
		}
	}
	assert.Greater(t, stretches, 20)
	p := shaped(1)
	_, err := solver.Solve(context.Background(), chaincut.Solver{Contiguous: true}, p)
	assert.ErrorIs(t, err, solver.ErrUnsupported)
}
