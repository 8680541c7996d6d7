package bins_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/bins"
	"caravan/solver/solvertest"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

func TestContract(t *testing.T) {
	make := func() solver.Solver { return bins.Solver{} }
	t.Run("pipelines", func(t *testing.T) { solvertest.Test(t, make, solvertest.Options{Instances: 400}) })
	t.Run("jobs", func(t *testing.T) { solvertest.Test(t, make, solvertest.Options{Jobs: true, Instances: 400}) })
}

// connected reports whether every node reaches every other: the fewest nodes
// alone do not ask for it.
func connected(p *solver.Problem) bool {
	for a := range p.Topology.Nodes() {
		for b := range p.Topology.Nodes() {
			if _, ok := placement.TransferTime(p.Topology, p.Model, 1, topology.NodeID(a), topology.NodeID(b)); !ok {
				return false
			}
		}
	}
	return true
}

// Without shares of GPUs the search ends on small problems, and its answer is
// the best of all placements.
func TestSolverFindsTheFewestNodes(t *testing.T) {
	optimal := 0
	for seed := range uint64(300) {
		p := solvertest.Random(seed, seed%2 == 0)
		if p.Objective = solver.Nodes; len(p.Workload.Pipelines) > 0 && !connected(p) {
			continue
		}
		sol, err := solver.Solve(context.Background(), bins.Solver{}, p)
		require.NoError(t, err, "seed %d", seed)
		best, ok := solvertest.Best(p)
		if !ok {
			require.Equal(t, solver.Infeasible, sol.Status, "seed %d", seed)
			continue
		}
		optimal++
		require.Equal(t, solver.Optimal, sol.Status, "seed %d", seed)
		require.InDelta(t, best, sol.Cost, 0, "seed %d", seed)
		require.InDelta(t, best, sol.Bound, 0, "seed %d", seed)
	}
	assert.Greater(t, optimal, 100)
}

func fleet(t testing.TB, count int, kinds ...topology.Node) *topology.Topology {
	var nodes []topology.Node
	for i := range count {
		n := kinds[i%len(kinds)]
		n.Name, n.Cores, n.Speed = fmt.Sprintf("n%d", i), 1, 1
		nodes = append(nodes, n)
	}
	top, err := topology.New(nodes, nil)
	require.NoError(t, err)
	return top
}

func jobs(demands ...topology.Resources) *workloads.Workload {
	w := &workloads.Workload{}
	for i, d := range demands {
		w.Jobs = append(w.Jobs, workloads.Job{Name: fmt.Sprint(i), Type: workloads.Service, Priority: 50,
			Groups: []workloads.Group{{Name: "g", Count: 1, Demand: d}}})
	}
	return w
}

// Falkenauer's triplets as memory: 20 nodes are enough, exactly full, and the
// decreasing rules need 22 or 23.
func TestSolverFillsAlikeNodes(t *testing.T) {
	var demands []topology.Resources
	for _, s := range triplets(1, 60) {
		demands = append(demands, topology.Resources{CPU: 1, Memory: topology.Bytes(s[0]) * topology.MiB})
	}
	top := fleet(t, 30, topology.Node{CPU: 4, Memory: 1000 * topology.MiB})
	sol, err := solver.Solve(context.Background(), bins.Solver{}, &solver.Problem{Topology: top, Workload: jobs(demands...)})
	require.NoError(t, err)
	assert.Equal(t, solver.Optimal, sol.Status)
	assert.InDelta(t, 20, sol.Cost, 0)
	assert.InDelta(t, 20, sol.Bound, 0)

	sol, err = solver.Solve(context.Background(), bins.Solver{}, &solver.Problem{Topology: fleet(t, 19, top.Nodes()[0]), Workload: jobs(demands...)})
	require.NoError(t, err)
	assert.Equal(t, solver.Infeasible, sol.Status)
	assert.Equal(t, "no room is left for g", sol.Unplaced[0].Reason)
}

// Two sorts of nodes, of which only the larger holds the large instances; the
// small ones go beside them, so that two nodes do.
func TestSolverOnUnlikeNodes(t *testing.T) {
	top := fleet(t, 6, topology.Node{CPU: 1000}, topology.Node{CPU: 3000}, topology.Node{CPU: 2000, GPUs: topology.GPUs{Count: 1}})
	d := func(mhz topology.MHz, gpus int) topology.Resources { return topology.Resources{CPU: mhz, GPUs: gpus} }
	sol, err := solver.Solve(context.Background(), bins.Solver{}, &solver.Problem{Topology: top, Workload: jobs(
		d(900, 0), d(2100, 0), d(1000, 1), d(1000, 0))})
	require.NoError(t, err)
	assert.Equal(t, solver.Optimal, sol.Status)
	assert.InDelta(t, 2, sol.Cost, 0)

	sol, err = solver.Solve(context.Background(), bins.Solver{}, &solver.Problem{Topology: top, Workload: jobs(d(100, 2))})
	require.NoError(t, err)
	assert.Equal(t, solver.Infeasible, sol.Status)
	assert.Equal(t, "g: no node of 6 has room for it when empty, and allows it", sol.Unplaced[0].Reason)
}

// Shares of GPUs: three of six tenths need three devices, although their sum
// is under two.
func TestSolverSharesGPUs(t *testing.T) {
	share := topology.Resources{GPUs: 1, GPUMilli: 600}
	top := fleet(t, 4, topology.Node{GPUs: topology.GPUs{Count: 1}})
	sol, err := solver.Solve(context.Background(), bins.Solver{}, &solver.Problem{Topology: top, Workload: jobs(share, share, share)})
	require.NoError(t, err)
	assert.InDelta(t, 3, sol.Cost, 0)
	assert.Equal(t, solver.Optimal, sol.Status)
}

// BenchmarkNodes packs instances of random cpu and memory into alike nodes.
func BenchmarkNodes(b *testing.B) {
	for _, n := range []int{40, 100, 200} {
		b.Run(fmt.Sprintf("instances=%d", n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			var demands []topology.Resources
			for range n {
				demands = append(demands, topology.Resources{CPU: topology.MHz(400 + 100*rng.IntN(17)), Memory: topology.Bytes(1+rng.IntN(8)) * topology.GiB})
			}
			p := &solver.Problem{Topology: fleet(b, n, topology.Node{CPU: 4000, Memory: 16 * topology.GiB}), Workload: jobs(demands...)}
			for b.Loop() {
				sol, err := solver.Solve(context.Background(), bins.Solver{}, p)
				require.NoError(b, err)
				require.Equal(b, solver.Optimal, sol.Status)
				b.ReportMetric(100*sol.Gap(), "gap%")
				b.ReportMetric(float64(sol.Steps), "steps/op")
			}
		})
	}
}

// BenchmarkExact solves the classes of the literature: triplets, uniform sizes,
// and vectors.
func BenchmarkExact(b *testing.B) {
	for _, c := range []struct {
		name     string
		capacity []int64
		sizes    [][]int64
	}{
		{"t120", []int64{1000}, triplets(1, 120)},
		{"t249", []int64{1000}, triplets(1, 249)},
		{"t501", []int64{1000}, triplets(1, 501)},
		{"u1000", []int64{150}, uniform(1, 1000, 1, 20, 100)},
		{"vector2x40", []int64{100, 100}, uniform(1, 40, 2, 10, 50)},
		{"vector4x100", []int64{100, 100, 100, 100}, uniform(1, 100, 4, 10, 50)},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				r := bins.Exact(context.Background(), c.capacity, c.sizes, 0)
				require.True(b, r.Proved)
				b.ReportMetric(float64(r.Steps), "steps/op")
			}
		})
	}
}
