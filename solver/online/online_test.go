package online_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/sim/des"
	"caravan/solver/online"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/instances"
	"caravan/workloads/placement"
)

// machines gives every node a core of the reference speed.
func machines(t require.TestingT, nodes []topology.Node) *topology.Topology {
	for i := range nodes {
		nodes[i].Cores, nodes[i].Speed = 1, 1
	}
	top, err := topology.New(nodes, nil)
	require.NoError(t, err)
	return top
}

func cluster(t require.TestingT, nodes []topology.Node, o online.Options) *online.Cluster {
	c, err := online.New(machines(t, nodes), o)
	require.NoError(t, err)
	return c
}

// The two hashes over the nodes of 100,000 placements were found by scans that
// look at every node: three independent programs agree on them.
func TestAHundredThousandPlacementsAreThoseOfAScan(t *testing.T) {
	for shapes, want := range map[int]uint64{20: 0x56f4d5d7beb09f7b, 0: 0x92dfaa197b6a5fc9} {
		rng := des.FromSeed(5)
		nodes, tasks := instances.PlacementFamily{Nodes: 10_000, Tasks: 100_000, Shapes: shapes}.Instance(rng.IntN)
		c := cluster(t, nodes, online.Options{})
		h := uint64(0)
		for _, d := range tasks {
			if n, _, ok := c.Place(d, nil); ok {
				h = h*1_000_003 + uint64(n)
			} else {
				h = h*31 + 7
			}
		}
		assert.Equal(t, want, h, "%d shapes", shapes)
		assert.Less(t, c.States(), 1000)
	}
}

// drawNodes is a small cluster of machines of few kinds, some without a limit.
func drawNodes(t *rapid.T) []topology.Node {
	kinds := rapid.IntRange(1, 3).Draw(t, "kinds")
	var types []topology.Node
	for range kinds {
		gpus := rapid.SampledFrom([]int{0, 1, 2, 4}).Draw(t, "gpus")
		n := topology.Node{
			CPU:    topology.MHz(rapid.SampledFrom([]int{0, 2000, 4000, 4500}).Draw(t, "cpu")),
			Memory: topology.Bytes(rapid.SampledFrom([]int{0, 4, 8, 9}).Draw(t, "memory")) * topology.GiB,
			Disk:   topology.Bytes(rapid.SampledFrom([]int{0, 10}).Draw(t, "disk")) * topology.GiB,
			GPUs:   topology.GPUs{Count: gpus},
		}
		if gpus > 0 {
			n.GPUs.Model = rapid.SampledFrom([]string{"A", "B"}).Draw(t, "model")
		}
		n.Reserved.CPU = min(n.CPU, topology.MHz(rapid.SampledFrom([]int{0, 100}).Draw(t, "reserved")))
		types = append(types, n)
	}
	var nodes []topology.Node
	for i := range rapid.IntRange(1, 9).Draw(t, "nodes") {
		n := types[rapid.IntRange(0, kinds-1).Draw(t, "kind")]
		n.Name = fmt.Sprintf("n%d", i)
		n.Class = rapid.SampledFrom([]string{"x", "y"}).Draw(t, "class")
		nodes = append(nodes, n)
	}
	return nodes
}

func drawDemand(t *rapid.T) topology.Resources {
	d := topology.Resources{
		CPU:    topology.MHz(rapid.SampledFrom([]int{0, 250, 500, 700, 1000, 1900}).Draw(t, "cpu")),
		Memory: topology.Bytes(rapid.SampledFrom([]int{0, 256, 512, 1024, 3000}).Draw(t, "memory")) * topology.MiB,
		Disk:   topology.Bytes(rapid.SampledFrom([]int{0, 0, 0, 3}).Draw(t, "disk")) * topology.GiB,
	}
	switch rapid.IntRange(0, 3).Draw(t, "gpus") {
	case 1:
		d.GPUs, d.GPUMilli = 1, rapid.SampledFrom([]int{100, 300, 460, 500, 1000}).Draw(t, "milli")
	case 2:
		d.GPUs, d.GPUMilli = rapid.IntRange(1, 3).Draw(t, "count"), 1000
	}
	if d.GPUs > 0 && rapid.Bool().Draw(t, "picky") {
		d.GPUModel = []string{rapid.SampledFrom([]string{"A", "B"}).Draw(t, "model")}
	}
	return d
}

func TestPlacementsOnAThousandClustersAreThoseOfAScan(t *testing.T) {
	const hundreds = 10 // rapid checks a hundred at a time
	for range hundreds {
		rapid.Check(t, oneClusterAgainstAScan)
	}
}

func oneClusterAgainstAScan(t *rapid.T) {
	nodes := drawNodes(t)
	policy := rapid.SampledFrom([]online.Policy{
		online.Binpack, online.Spread, online.BestFit, online.WorstFit, online.DotProduct,
		online.GPUPacking, online.GPUClustering, online.FGD,
	}).Draw(t, "policy")
	var demands []topology.Resources
	var typical []online.Typical
	for range rapid.IntRange(1, 5).Draw(t, "shapes") {
		d := drawDemand(t)
		demands = append(demands, d)
		typical = append(typical, online.Typical{Demand: d, Weight: float64(rapid.IntRange(1, 5).Draw(t, "weight"))})
	}
	top := machines(t, nodes)
	c, err := online.New(top, online.Options{Policy: policy, Typical: typical})
	require.NoError(t, err)
	s := newScan(top, policy, typical)
	type held struct {
		at topology.NodeID
		d  topology.Resources
		g  placement.Grant
	}
	var in []held
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		if len(in) > 0 && rapid.IntRange(0, 3).Draw(t, "leave") == 0 {
			k := rapid.IntRange(0, len(in)-1).Draw(t, "who")
			c.Release(in[k].at, in[k].d, in[k].g)
			s.give(in[k].at, in[k].d, in[k].g)
			in = slices.Delete(in, k, k+1)
			continue
		}
		d := rapid.SampledFrom(demands).Draw(t, "demand")
		var cs []workloads.Constraint
		if rapid.IntRange(0, 3).Draw(t, "constrained") == 0 {
			cs = []workloads.Constraint{{Attribute: "class", Operator: "=", Values: []string{"x"}}}
		}
		at, g, ok := c.Place(d, cs)
		wantAt, wantG, wantOK := s.place(d, cs)
		require.Equal(t, wantOK, ok)
		require.Equal(t, wantAt, at, "%s: %+v", policy, d)
		require.Equal(t, wantG, g)
		if ok {
			in = append(in, held{at, d, g})
		}
	}
}

func TestRandomIsEvenAndFits(t *testing.T) {
	nodes := []topology.Node{
		{Name: "a", CPU: 100}, {Name: "b", CPU: 1e9}, {Name: "c", CPU: 1e9, Class: "x"}, {Name: "d", CPU: 2e9},
	}
	c := cluster(t, nodes, online.Options{Policy: online.Random, Rand: rand.New(rand.NewPCG(1, 1))})
	counts := make([]int, 4)
	for range 3000 {
		n, g, ok := c.Place(topology.Resources{CPU: 200}, nil)
		require.True(t, ok)
		counts[n]++
		c.Release(n, topology.Resources{CPU: 200}, g)
	}
	assert.Zero(t, counts[0])
	for _, k := range counts[1:] {
		assert.InDelta(t, 1000, k, 130) // five standard deviations of a share of a third
	}
	n, _, ok := c.Place(topology.Resources{CPU: 200}, []workloads.Constraint{{Attribute: "class", Operator: "=", Values: []string{"x"}}})
	assert.True(t, ok)
	assert.EqualValues(t, 2, n)
}

// After placement the lopsided machine has 90 % and 0 % free and a deviation of
// 0.45, 45+55; the small one 50 % and 50 %, 50+100; the large one 90+100, and
// so on down to 50+100, where chance may choose.
func TestKubernetesPrefersTheLeastAllocatedAndBalanced(t *testing.T) {
	nodes := []topology.Node{
		{Name: "lopsided", CPU: 10000, Memory: 1 * topology.GiB}, {Name: "small", CPU: 2000, Memory: 2 * topology.GiB},
		{Name: "large", CPU: 10000, Memory: 10 * topology.GiB},
	}
	c := cluster(t, nodes, online.Options{Policy: online.Kubernetes, Rand: rand.New(rand.NewPCG(1, 1))})
	d := topology.Resources{CPU: 1000, Memory: topology.GiB}
	var order []int
	for {
		n, _, ok := c.Place(d, nil)
		if !ok {
			break
		}
		order = append(order, int(n))
	}
	require.Len(t, order, 13)
	assert.Equal(t, []int{2, 2, 2, 2}, order[:4])
	assert.Equal(t, []int{1, 2}, slices.Sorted(slices.Values(order[4:6])), "50 and 50 on either")
}

func TestAPolicySaysWhatItNeeds(t *testing.T) {
	top := machines(t, []topology.Node{{Name: "a"}})
	for o, want := range map[string]string{"fgd": "Options.Typical", "random": "Options.Rand", "kubernetes": "Options.Rand", "x": "allowed is one of"} {
		_, err := online.New(top, online.Options{Policy: online.Policy(o)})
		assert.ErrorContains(t, err, want)
	}
}

func TestALookAtAnUnlimitedNodeIsFinite(t *testing.T) {
	for _, p := range online.Policies() {
		c := cluster(t, []topology.Node{{Name: "free"}}, online.Options{
			Policy: p, Rand: rand.New(rand.NewPCG(1, 1)), Typical: []online.Typical{{Demand: topology.Resources{CPU: 1}, Weight: 1}},
		})
		for range 3 {
			_, _, ok := c.Place(topology.Resources{CPU: math.MaxInt32, Memory: topology.GiB, Disk: topology.GiB}, nil)
			assert.True(t, ok, p)
		}
	}
}

func BenchmarkPlace(b *testing.B) {
	for _, shapes := range []int{20, 0} {
		b.Run(fmt.Sprintf("nodes=10000/shapes=%d", shapes), func(b *testing.B) {
			rng := des.FromSeed(5)
			nodes, tasks := instances.PlacementFamily{Nodes: 10_000, Tasks: 100_000, Shapes: shapes}.Instance(rng.IntN)
			b.ReportAllocs()
			for b.Loop() {
				c := cluster(b, nodes, online.Options{})
				for _, d := range tasks {
					c.Place(d, nil)
				}
			}
			b.ReportMetric(float64(len(tasks)*b.N)/b.Elapsed().Seconds(), "placements/s")
		})
	}
}
