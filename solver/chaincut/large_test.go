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
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// chain is a pipeline of operators with random work and outputs.
func chain(operators int, rng *rand.Rand) workloads.Pipeline {
	p := workloads.Pipeline{Name: "p", Source: topology.None, Sink: topology.None, Arrivals: workloads.Arrivals{Kind: workloads.Poisson, Rate: 1}}
	for j := range operators {
		o := workloads.Operator{Name: fmt.Sprint(j), Work: workloads.Const(0.01 * rng.Float64()), Output: workloads.Const(float64(rng.IntN(1e5))), Node: topology.None}
		if j > 0 {
			o.After = []int{j - 1}
		}
		p.Operators = append(p.Operators, o)
	}
	return p
}

func problem(t testing.TB, nodes []topology.Node, links []topology.Link, p workloads.Pipeline, m placement.Model) *solver.Problem {
	top, err := topology.New(nodes, links)
	require.NoError(t, err)
	return &solver.Problem{Topology: top, Workload: &workloads.Workload{Pipelines: []workloads.Pipeline{p}}, Model: m}
}

// meshed joins every two nodes by links of random latency and bandwidth.
func meshed(n int, rng *rand.Rand) (nodes []topology.Node, links []topology.Link) {
	for i := range n {
		nodes = append(nodes, topology.Node{Name: fmt.Sprint(i), Cores: 1, Speed: 0.1 + rng.Float64()})
		for j := range n {
			if i != j {
				links = append(links, topology.Link{From: topology.NodeID(i), To: topology.NodeID(j),
					Bandwidth: topology.BytesPerSecond(1e6 + 1e9*rng.Float64()), Latency: time.Duration(1 + rng.IntN(5e6))})
			}
		}
	}
	return nodes, links
}

// reference is the least latency by the plain recursion over all pairs.
func reference(p *solver.Problem) time.Duration {
	w := &p.Workload.Pipelines[0]
	pins, _ := w.Pins()
	nodes := p.Topology.Nodes()
	const never = time.Duration(1) << 60
	var next []time.Duration
	for j := len(w.Operators) - 1; j >= 0; j-- {
		f := make([]time.Duration, len(nodes))
		for a := range nodes {
			f[a] = never
			if pins[j] != topology.None && pins[j] != topology.NodeID(a) {
				continue
			}
			if next == nil {
				f[a] = 0
			}
			for b := range next {
				d, ok := placement.TransferTime(p.Topology, p.Model, w.MeanOutput(j), topology.NodeID(a), topology.NodeID(b))
				if ok && next[b] < never && (a != b || !nodes[a].NoColocate) {
					f[a] = min(f[a], d+next[b])
				}
			}
			if f[a] < never {
				f[a] += placement.ServiceTime(w.MeanWork(j), 1, nodes[a].Speed)
			}
		}
		next = f
	}
	best := never
	for _, d := range next {
		best = min(best, d)
	}
	return best
}

// Sparse networks are placed over walks, which the latency's routes need not be.
func TestLargeNetworksArePlacedExactly(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		kind := []string{"three-tier", "waxman", "barabasi-albert", "tree"}[seed%4]
		spec := topology.GenerateSpec{Kind: kind, Count: 258, Edges: 248, Fogs: 10, Clouds: 2 + int(seed)%2, Depth: 8, Alpha: 0.02}
		nodes, links, err := topology.Generate(spec, rng)
		require.NoError(t, err)
		for i := range nodes {
			nodes[i].Speed = 0.1 + rng.Float64()
			nodes[i].NoColocate = seed%5 == 4 && rng.IntN(3) == 0
		}
		for i := range links {
			if seed >= 4 {
				links[i].Bandwidth *= topology.BytesPerSecond(0.01 + rng.Float64())
				links[i].Latency += time.Duration(rng.IntN(1e6))
			}
		}
		p := chain(3, rng)
		if seed%2 == 0 {
			p.Source, p.Sink = topology.NodeID(len(nodes)-1), topology.NodeID(len(nodes)-7)
		}
		m := placement.Model{Network: []placement.Network{placement.FIFO, placement.Fixed, placement.Fair}[seed%3]}
		if seed%7 == 5 {
			m.Routing = topology.RouteDirect
		}
		problem := problem(t, nodes, links, p, m)
		sol, err := solver.Solve(context.Background(), chaincut.Solver{}, problem)
		require.NoError(t, err)
		want := reference(problem)
		if want == time.Duration(1)<<60 {
			assert.Equal(t, solver.Infeasible, sol.Status, "seed %d", seed)
			continue
		}
		assert.Equal(t, solver.Optimal, sol.Status, "seed %d: %s", seed, sol.Reason)
		assert.InDelta(t, want.Seconds(), sol.Cost, 1e-12, "seed %d", seed)
	}
}

func TestDenseNetworksArePlacedExactly(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 1))
		nodes, links := meshed(60, rng)
		for i := range links {
			if seed >= 6 { // nearly or exactly alike, so that only exact times tell them apart
				links[i].Latency, links[i].Bandwidth = time.Duration(1e6+i%int(seed-5)), 1e7
			}
		}
		m := placement.Model{Network: []placement.Network{placement.FIFO, placement.Fixed, placement.Fair}[seed%3]}
		if seed%2 == 0 {
			m.Routing = topology.RouteDirect
		}
		p := problem(t, nodes, links, chain(12, rng), m)
		sol, err := solver.Solve(context.Background(), chaincut.Solver{}, p)
		require.NoError(t, err)
		assert.Equal(t, solver.Optimal, sol.Status)
		assert.InDelta(t, reference(p).Seconds(), sol.Cost, 1e-12, "seed %d", seed)
	}
}

// benchmark solves p after topology.New each time, as a first call does.
func benchmark(b *testing.B, nodes []topology.Node, links []topology.Link, w workloads.Pipeline, m placement.Model) {
	p := problem(b, nodes, links, w, m)
	sol, err := solver.Solve(context.Background(), chaincut.Solver{}, p)
	require.NoError(b, err)
	require.Equal(b, solver.Optimal, sol.Status, sol.Reason)
	for b.Loop() {
		p := problem(b, nodes, links, w, m)
		if _, err := solver.Solve(context.Background(), chaincut.Solver{}, p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(sol.Steps), "steps/op")
}

func BenchmarkChain1000x1000(b *testing.B) {
	nodes, links := meshed(1000, rand.New(rand.NewPCG(1, 1)))
	for _, routing := range []topology.Routing{topology.RouteDirect, topology.RouteLatency} {
		for _, work := range []float64{1, 0.01} { // computing takes longer than sending, or the reverse
			b.Run(fmt.Sprintf("routing=%s/work=%v", routing, work), func(b *testing.B) {
				p := chain(1000, rand.New(rand.NewPCG(2, 1)))
				for j := range p.Operators {
					p.Operators[j].Work = workloads.Const(work * p.Operators[j].Work.Mean)
				}
				p.Source, p.Sink = 0, 999
				benchmark(b, nodes, links, p, placement.Model{Routing: routing})
			})
		}
	}
}

func BenchmarkChain10x10000(b *testing.B) {
	for _, kind := range []string{"three-tier", "tree", "barabasi-albert"} {
		for _, network := range []placement.Network{placement.FIFO, placement.Fixed} {
			b.Run(fmt.Sprintf("topology=%s/network=%s", kind, network), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 1))
				spec := topology.GenerateSpec{Kind: kind, Count: 10000, Edges: 9900, Fogs: 90, Clouds: 10, Depth: 4, Fanout: 10}
				nodes, links, err := topology.Generate(spec, rng)
				require.NoError(b, err)
				for i := range nodes {
					nodes[i].Speed *= 0.5 + rng.Float64()
				}
				p := chain(10, rng)
				p.Source = topology.NodeID(len(nodes) - 1)
				benchmark(b, nodes, links, p, placement.Model{Network: network})
			})
		}
	}
}

// Sending takes a small part of the time, about as much as computing, or most.
func BenchmarkCounted20x50(b *testing.B) {
	for _, work := range []float64{100, 10, 1, 0.1} {
		b.Run(fmt.Sprintf("work=%v", work), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 5))
			nodes, links := meshed(50, rng)
			p := chain(20, rng)
			for j := range p.Operators {
				p.Operators[j].Work = workloads.Const(work * p.Operators[j].Work.Mean)
			}
			p.Source, p.Sink = 0, 49
			benchmark(b, nodes, links, p, placement.Model{Contention: placement.Berkeley})
		})
	}
}
