package binpack_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/solver"
	"caravan/solver/binpack"
	"caravan/solver/solvertest"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

func TestContract(t *testing.T) {
	for _, spread := range []bool{false, true} {
		make := func() solver.Solver { return binpack.Solver{Spread: spread} }
		t.Run(fmt.Sprintf("pipelines, spread %v", spread), func(t *testing.T) { solvertest.Test(t, make, solvertest.Options{Instances: 600}) })
		t.Run(fmt.Sprintf("jobs, spread %v", spread), func(t *testing.T) {
			solvertest.Test(t, make, solvertest.Options{Jobs: true, Instances: 600})
		})
	}
}

func TestPoliciesKeepTheContract(t *testing.T) {
	for _, policy := range binpack.Policies() {
		make := func() solver.Solver { return binpack.Solver{Policy: binpack.Policy(policy)} }
		t.Run(policy+", pipelines", func(t *testing.T) { solvertest.Test(t, make, solvertest.Options{Instances: 200}) })
		t.Run(policy+", jobs", func(t *testing.T) {
			solvertest.Test(t, make, solvertest.Options{Jobs: true, Instances: 200})
		})
	}
	_, err := solver.Solve(context.Background(), binpack.Solver{Policy: "largest"}, solvertest.Random(1, true))
	assert.ErrorContains(t, err, `policy "largest": allowed is one of [hashicorp first-fit`)
}

// Three nodes of 10, 6 and 10 GHz, and instances of 4, 5, 3, 6 and 2 in this
// order. Where each policy puts them, by hand.
func TestPoliciesByHand(t *testing.T) {
	node := func(name string, cpu topology.MHz) topology.Node {
		return topology.Node{Name: name, Cores: 1, Speed: 1, CPU: cpu}
	}
	top, err := topology.New([]topology.Node{node("a", 10), node("b", 6), node("c", 10)}, nil)
	require.NoError(t, err)
	w := &workloads.Workload{}
	for i, cpu := range []topology.MHz{4, 5, 3, 6, 2} {
		w.Jobs = append(w.Jobs, workloads.Job{Name: fmt.Sprint(i), Type: workloads.Service, Priority: 50,
			Groups: []workloads.Group{{Name: "g", Count: 1, Demand: topology.Resources{CPU: cpu}}}})
	}
	for policy, want := range map[binpack.Policy]string{
		binpack.FirstFit:           "aabcb", // 4 and 5 in a; 3 in b; 6 only in c; 2 in b
		binpack.BestFit:            "baaca", // 4 leaves 2 of 6 in b; 5 and 3 leave 2 of 10 in a; 6 in c; 2 fills a
		binpack.WorstFit:           "aaccb", // 5 stays with 4, as a is in use; 3 leaves more in c than in b; 2 finds only b
		binpack.FirstFitDecreasing: "abcac", // 6 in a; 5 in b; 4 fills a; 3 and 2 in c
		binpack.DotProduct:         "aacbc", // 6 is all of b; 5 and 4 in a; 3 and 2 in c
	} {
		sol, err := solver.Solve(context.Background(), binpack.Solver{Policy: policy}, &solver.Problem{Topology: top, Workload: w})
		require.NoError(t, err)
		got := ""
		for _, job := range sol.Placement.Jobs {
			got += top.Nodes()[job[0][0]].Name
		}
		assert.Equal(t, want, got, policy)
	}
}

// HashiCorp's published values: a node of 4096 MHz and 8192 MiB that reserves
// 2048 and 4096.
func TestFitScore(t *testing.T) {
	for _, c := range []struct {
		cpu           topology.MHz
		memory        topology.Bytes
		binpack, spre float64
	}{{2048, 4096, 18, 0}, {0, 0, 0, 18}, {1024, 2048, 13.675, 4.325}} {
		assert.InDelta(t, c.binpack, 18*binpack.Score(c.cpu, 2048, c.memory*topology.MiB, 4096*topology.MiB, false), 0.001)
		assert.InDelta(t, c.spre, 18*binpack.Score(c.cpu, 2048, c.memory*topology.MiB, 4096*topology.MiB, true), 0.001)
	}
}

func TestPackingOnEmptyNodes(t *testing.T) {
	node := func(name string, total, reserved int) topology.Node {
		return topology.Node{Name: name, Cores: 1, Speed: 1, CPU: topology.MHz(total), Memory: topology.Bytes(total) * topology.MiB,
			Reserved: topology.Resources{CPU: topology.MHz(reserved), Memory: topology.Bytes(reserved) * topology.MiB}}
	}
	top, err := topology.New([]topology.Node{node("C", 4096, 1024), node("B", 1024, 512), node("A", 2048, 1024)}, nil)
	require.NoError(t, err)
	ask := topology.Resources{CPU: 1024, Memory: 1024 * topology.MiB}
	n, _, ok := binpack.NewOnline(top, false).Place(ask, nil)
	require.True(t, ok)
	assert.Equal(t, "A", top.Nodes()[n].Name)
	assert.InDelta(t, 1.0, binpack.Score(1024, 1024, 1024*topology.MiB, 1024*topology.MiB, false), 1e-5)
	assert.InDelta(t, 0.59538, binpack.Score(1024, 3072, 1024*topology.MiB, 3072*topology.MiB, false), 1e-5)
	n, _, ok = binpack.NewOnline(top, true).Place(ask, nil)
	require.True(t, ok)
	assert.Equal(t, "C", top.Nodes()[n].Name)
}

func TestAnItemThatFitsNowhereSaysWhy(t *testing.T) {
	top, err := topology.New([]topology.Node{
		{Name: "a", Cores: 1, Speed: 1, CPU: 1000, Memory: topology.GiB, Class: "edge"},
		{Name: "b", Cores: 1, Speed: 1, CPU: 4000, Memory: topology.GiB, Class: "cloud"},
	}, nil)
	require.NoError(t, err)
	w := &workloads.Workload{Jobs: []workloads.Job{{Name: "j", Type: workloads.Service, Priority: 50, Groups: []workloads.Group{{
		Name: "g", Count: 1, Demand: topology.Resources{CPU: 2000},
		Constraints: []workloads.Constraint{{Attribute: "class", Operator: "=", Values: []string{"edge"}}},
	}}}}}
	sol, err := solver.Solve(context.Background(), binpack.Solver{}, &solver.Problem{Topology: top, Workload: w})
	require.NoError(t, err)
	assert.Equal(t, solver.Infeasible, sol.Status)
	assert.Equal(t, "class = edge leaves out 1; no room for cpu on 1 of 2 nodes", sol.Unplaced[0].Reason)
}

// The incremental scores must choose what the plain formula chooses, and give
// everything back.
func TestOnlineChoosesTheBestNode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "nodes")
		nodes := make([]topology.Node, n)
		for i := range nodes {
			nodes[i] = topology.Node{Name: fmt.Sprint(i), Cores: 1, Speed: 1,
				CPU: topology.MHz(1000 * rapid.IntRange(1, 4).Draw(t, "cpu")), Memory: topology.Bytes(rapid.IntRange(1, 4).Draw(t, "memory")) * topology.GiB,
				GPUs: topology.GPUs{Count: rapid.IntRange(0, 2).Draw(t, "gpus")}}
		}
		top, err := topology.New(nodes, nil)
		if err != nil {
			t.Fatal(err)
		}
		online := binpack.NewOnline(top, false)
		ledger := placement.NewLedger(top)
		type taken struct {
			n    topology.NodeID
			d    topology.Resources
			g, h placement.Grant
		}
		var held []taken
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if len(held) > 0 && rapid.IntRange(0, 2).Draw(t, "leave") == 0 {
				x := held[0]
				held = held[1:]
				online.Release(x.n, x.d, x.g)
				ledger.Give(x.n, x.d, x.h)
				continue
			}
			d := topology.Resources{CPU: topology.MHz(rapid.IntRange(0, 1500).Draw(t, "ask")), Memory: topology.Bytes(rapid.IntRange(0, 1500).Draw(t, "ask")) * topology.MiB}
			if rapid.IntRange(0, 3).Draw(t, "gpu") == 0 {
				d.GPUs, d.GPUMilli = 1, rapid.IntRange(1, 1000).Draw(t, "milli")
			}
			best, bestScore := topology.None, -1.0
			for i := range nodes {
				id := topology.NodeID(i)
				if !ledger.Fits(id, d) {
					continue
				}
				s := binpack.Score(nodes[i].CPU-ledger.FreeCPU(id)+d.CPU, nodes[i].CPU, nodes[i].Memory-ledger.FreeMemory(id)+d.Memory, nodes[i].Memory, false)
				if s > bestScore+1e-12 {
					best, bestScore = id, s
				}
			}
			got, g, ok := online.Place(d, nil)
			if ok != (best != topology.None) {
				t.Fatalf("placed %v, expected node %d", ok, best)
			}
			if !ok {
				continue
			}
			if got != best {
				s := binpack.Score(nodes[got].CPU-ledger.FreeCPU(got)+d.CPU, nodes[got].CPU, nodes[got].Memory-ledger.FreeMemory(got)+d.Memory, nodes[got].Memory, false)
				if s < bestScore-1e-9 {
					t.Fatalf("placed on %d with score %v, node %d has %v", got, s, best, bestScore)
				}
			}
			h, fits := ledger.Take(got, d)
			if !fits {
				t.Fatalf("node %d was overfilled", got)
			}
			held = append(held, taken{got, d, g, h})
		}
	})
}
