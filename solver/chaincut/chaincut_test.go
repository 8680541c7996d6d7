package chaincut_test

import (
	"context"
	"fmt"
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

func TestContract(t *testing.T) {
	solvertest.Test(t, func() solver.Solver { return chaincut.Solver{} }, solvertest.Options{Exact: true, Instances: 1000})
}

type hop struct {
	from, to  topology.NodeID
	bandwidth topology.BytesPerSecond
	latency   time.Duration
}

// berkeley is a problem of Berkeley's: node speeds, links in bytes/s, and
// operators as seconds and bytes.
func berkeley(speeds []float64, hops []hop, ops [][2]float64, source, sink topology.NodeID, contention placement.Contention) *solver.Problem {
	var nodes []topology.Node
	for i, s := range speeds {
		nodes = append(nodes, topology.Node{Name: fmt.Sprint(i), Cores: 1, Speed: s})
	}
	var links []topology.Link
	for _, h := range hops {
		links = append(links, topology.Link{From: h.from, To: h.to, Bandwidth: h.bandwidth, Latency: h.latency})
	}
	top, err := topology.New(nodes, links)
	if err != nil {
		panic(err)
	}
	p := workloads.Pipeline{Name: "p", Source: source, Sink: sink, Arrivals: workloads.Arrivals{Kind: workloads.Poisson, Rate: 1}}
	for j, o := range ops {
		op := workloads.Operator{Name: fmt.Sprint(j), Work: workloads.Const(o[0]), Output: workloads.Const(o[1]), Node: topology.None}
		if j > 0 {
			op.After = []int{j - 1}
		}
		p.Operators = append(p.Operators, op)
	}
	return &solver.Problem{
		Topology: top, Workload: &workloads.Workload{Pipelines: []workloads.Pipeline{p}},
		Model: placement.Model{Contention: contention, Routing: topology.RouteDirect},
	}
}

// The worked cases of Berkeley's graphs T4 and K3; B8 is the one that its own
// recursion misses, finding 80.5.
func TestBerkeleyCases(t *testing.T) {
	const lag = 50 * time.Millisecond
	t4 := []hop{{0, 1, 5, lag}, {0, 2, 100, lag}, {0, 3, 50, lag}, {1, 3, 10, lag}, {2, 3, 50, lag}}
	k3 := []hop{{0, 1, 5, lag}, {0, 2, 10, lag}, {1, 2, 50, lag}, {1, 0, 100, lag}, {2, 1, 50, lag}, {2, 0, 100, lag}}
	b8 := []hop{{0, 1, 10, 100 * time.Millisecond}, {1, 0, 100, 0}}
	for _, c := range []struct {
		name string
		p    *solver.Problem
		want []topology.NodeID
		cost float64
	}{
		{"B1", berkeley([]float64{0.2, 1, 0.7, 0.4}, t4, [][2]float64{{10, 100}, {5, 5}, {1, 1}}, 0, 3, placement.Berkeley), []topology.NodeID{0, 2, 3}, 60.842857},
		{"B4 with contention", berkeley([]float64{1, 0.2, 0.7}, k3, [][2]float64{{0.1, 1}, {0.5, 1}, {1, 1}}, 1, 0, placement.Berkeley), []topology.NodeID{1, 2, 0}, 2.344286},
		{"B4 without", berkeley([]float64{1, 0.2, 0.7}, k3, [][2]float64{{0.1, 1}, {0.5, 1}, {1, 1}}, 1, 0, placement.Uncontended), []topology.NodeID{1, 0, 0}, 2.06},
		{"B8", berkeley([]float64{0.25, 0.5}, b8, [][2]float64{{8, 1}, {1, 10}, {1, 1}, {1, 1}}, 0, 1, placement.Berkeley), []topology.NodeID{0, 1, 1, 1}, 50.2},
	} {
		t.Run(c.name, func(t *testing.T) {
			sol, err := solver.Solve(context.Background(), chaincut.Solver{}, c.p)
			require.NoError(t, err)
			assert.Equal(t, solver.Optimal, sol.Status)
			assert.Equal(t, c.want, sol.Placement.Pipelines[0])
			assert.InDelta(t, c.cost, sol.Cost, 5e-7)
			assert.InDelta(t, sol.Cost, sol.Bound, 1e-9)
		})
	}
}

// Upstream's own answers: B8's is not the optimum, and nor are many others.
func TestUpstreamRepeatsBerkeleysNumbers(t *testing.T) {
	b8 := []hop{{0, 1, 10, 100 * time.Millisecond}, {1, 0, 100, 0}}
	p := berkeley([]float64{0.25, 0.5}, b8, [][2]float64{{8, 1}, {1, 10}, {1, 1}, {1, 1}}, 0, 1, placement.Berkeley)
	sol, err := solver.Solve(context.Background(), chaincut.Upstream{}, p)
	require.NoError(t, err)
	assert.Equal(t, solver.Feasible, sol.Status)
	assert.Equal(t, []topology.NodeID{0, 1, 0, 1}, sol.Placement.Pipelines[0])
	assert.InDelta(t, 80.5, sol.Cost, 1e-9)

	worse := 0
	for seed := range uint64(120) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var hops []hop
		var speeds []float64
		for i := range 3 {
			speeds = append(speeds, 0.1+0.9*rng.Float64())
			for j := range 3 {
				if i != j {
					hops = append(hops, hop{topology.NodeID(i), topology.NodeID(j), topology.BytesPerSecond(5 + rng.IntN(96)), time.Duration(rng.IntN(100)) * time.Millisecond})
				}
			}
		}
		var ops [][2]float64
		for range 5 {
			ops = append(ops, [2]float64{0.1 + 10*rng.Float64(), float64(1 + rng.IntN(100))})
		}
		p := berkeley(speeds, hops, ops, topology.NodeID(rng.IntN(3)), topology.NodeID(rng.IntN(3)), placement.Berkeley)
		sol, err := solver.Solve(context.Background(), chaincut.Upstream{}, p)
		require.NoError(t, err)
		best, err := solver.Solve(context.Background(), chaincut.Solver{}, p)
		require.NoError(t, err)
		require.LessOrEqual(t, best.Cost, sol.Cost)
		if sol.Cost > best.Cost+1e-9 {
			worse++
		}
	}
	assert.Greater(t, worse, 30)
	assert.Less(t, worse, 90)
}

func TestUpstreamContract(t *testing.T) {
	solvertest.Test(t, func() solver.Solver { return chaincut.Upstream{} }, solvertest.Options{Instances: 300})
}

func TestOneOperatorCannotBeInTwoPlaces(t *testing.T) {
	p := berkeley([]float64{1, 1}, []hop{{0, 1, 1, 0}}, [][2]float64{{1, 1}}, 0, 1, placement.Berkeley)
	sol, err := solver.Solve(context.Background(), chaincut.Solver{}, p)
	require.NoError(t, err)
	assert.Equal(t, solver.Infeasible, sol.Status)
	assert.Contains(t, sol.Reason, "two different nodes")
}

func TestAPipelineMakesRoomForAMoreImportantOne(t *testing.T) {
	p := berkeley([]float64{1, 0.1}, []hop{{0, 1, 0, 0}, {1, 0, 0, 0}}, [][2]float64{{1, 0}}, topology.None, topology.None, placement.Uncontended)
	first := p.Workload.Pipelines[0]
	second := first
	second.Name, second.Priority = "q", 90
	nodes := []topology.Node{{Name: "fast", Cores: 1, Speed: 1, CPU: 100}, {Name: "slow", Cores: 1, Speed: 0.1, CPU: 100}}
	var err error
	p.Topology, err = topology.New(nodes, p.Topology.Links())
	require.NoError(t, err)
	for _, pl := range []*workloads.Pipeline{&first, &second} {
		pl.Operators = []workloads.Operator{{Name: "o", Work: workloads.Const(1), Node: topology.None, Demand: topology.Resources{CPU: 80}}}
	}
	p.Workload = &workloads.Workload{Pipelines: []workloads.Pipeline{first, second}}
	sol, err := solver.Solve(context.Background(), chaincut.Solver{}, p)
	require.NoError(t, err)
	assert.Equal(t, [][]topology.NodeID{{1}, {0}}, sol.Placement.Pipelines)
	assert.Equal(t, solver.Feasible, sol.Status)
	assert.InDelta(t, 1, sol.Bound, 1e-9, "both alone would take the fast node")
}

func BenchmarkSolve(b *testing.B) {
	for _, size := range [][2]int{{10, 100}, {100, 100}, {20, 500}} {
		operators, n := size[0], size[1]
		b.Run(fmt.Sprintf("solver=chaincut/operators=%d/nodes=%d", operators, n), func(b *testing.B) {
			speeds := make([]float64, n)
			var hops []hop
			for i := range speeds {
				speeds[i] = 0.1 + float64(i%7)/7
				for j := range speeds {
					if i != j {
						hops = append(hops, hop{topology.NodeID(i), topology.NodeID(j), topology.BytesPerSecond(1e6 + 1e3*(i^j)), time.Duration((i*j)%50+1) * time.Millisecond})
					}
				}
			}
			ops := make([][2]float64, operators)
			for j := range ops {
				ops[j] = [2]float64{float64(j%5+1) / 10, float64(j%3+1) * 1e5}
			}
			p := berkeley(speeds, hops, ops, 0, topology.NodeID(n-1), placement.Uncontended)
			sol, err := solver.Solve(context.Background(), chaincut.Solver{}, p)
			require.NoError(b, err)
			require.Equal(b, solver.Optimal, sol.Status)
			for b.Loop() {
				if _, err := solver.Solve(context.Background(), chaincut.Solver{}, p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(sol.Gap()*100, "gap%")
			b.ReportMetric(float64(sol.Steps), "steps/op")
		})
	}
}
