package partition

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/workloads/instances"
)

// The published optimum for BERT-24 on six accelerators and one processor; a
// human expert's layout has 20.084.
func TestBERTIsLaidOutAsPublished(t *testing.T) {
	f, err := os.Open(published + "bert24_inference.json")
	require.NoError(t, err)
	defer f.Close()
	g, err := instances.ReadLayerGraph(f, "bert24")
	require.NoError(t, err)
	l, err := MaxLoad(context.Background(), g, Limits{})
	require.NoError(t, err)
	assert.True(t, l.Proved)
	assert.Equal(t, "17.789906", fmt.Sprintf("%.6f", l.Load))
	assert.InDelta(t, l.Load, loadOf(g, l.Device), 1e-9)
}

// loadOf is the load of the busiest device, +Inf where a layout cannot run or
// is not contiguous: written down once more from the definition.
func loadOf(g *instances.LayerGraph, device []int) float64 {
	devices := g.Accelerators + g.CPUs
	load, size := make([]float64, devices), make([]float64, devices)
	colour := map[int]int{}
	for v, l := range g.Layers {
		d := device[v]
		if c, seen := colour[l.Colour]; seen && c != d {
			return math.Inf(1)
		}
		colour[l.Colour] = d
		if d >= g.Accelerators {
			load[d] += l.CPU
			continue
		}
		load[d] += l.Accelerator
		if size[d] += l.Size; size[d] > g.Memory || !l.OnAccelerator {
			return math.Inf(1)
		}
	}
	paid := map[[2]int]bool{}
	after := make([][]bool, devices)
	for d := range after {
		after[d] = make([]bool, devices)
	}
	for _, e := range g.Edges {
		a, b := device[e.From], device[e.To]
		if a == b {
			continue
		}
		if !g.Layers[e.From].Backward && !g.Layers[e.To].Backward {
			after[a][b] = true
		}
		for _, d := range []int{a, b} {
			if d < g.Accelerators && !paid[[2]int{e.From, d}] {
				paid[[2]int{e.From, d}] = true
				load[d] += g.Layers[e.From].Transfer
			}
		}
	}
	for k := range devices { // a contiguous layout puts the devices in an order
		for i := range devices {
			for j := range devices {
				after[i][j] = after[i][j] || after[i][k] && after[k][j]
			}
		}
	}
	worst := 0.0
	for d := range devices {
		if after[d][d] {
			return math.Inf(1)
		}
		worst = max(worst, load[d])
	}
	return worst
}

// randomGraph is a small graph with colours, layers that only run on a
// processor, and in every second one a backward pass that mirrors the forward
// one.
func randomGraph(seed uint64) *instances.LayerGraph {
	rng := rand.New(rand.NewPCG(seed, 1))
	g := &instances.LayerGraph{Name: "x", Accelerators: rng.IntN(3), CPUs: rng.IntN(2), Memory: 10}
	n := 1 + rng.IntN(6)
	for v := range n {
		l := instances.Layer{ID: v, CPU: float64(rng.IntN(9)), Accelerator: float64(rng.IntN(4)), OnAccelerator: rng.IntN(8) > 0,
			Size: float64(rng.IntN(5)), Colour: v, Transfer: float64(rng.IntN(4))}
		if v > 0 && rng.IntN(5) == 0 {
			l.Colour = g.Layers[rng.IntN(v)].Colour
		}
		if rng.IntN(3) == 0 {
			l.CPU, l.Accelerator = 0, 0
		}
		g.Layers = append(g.Layers, l)
		for u := range v {
			if rng.IntN(3) == 0 {
				g.Edges = append(g.Edges, instances.LayerEdge{From: u, To: v})
			}
		}
	}
	if seed%2 == 0 {
		return g
	}
	for v := range n {
		l := g.Layers[v]
		l.ID, l.Backward, l.Accelerator = n+v, true, float64(rng.IntN(4))
		g.Layers = append(g.Layers, l)
		g.Edges = append(g.Edges, instances.LayerEdge{From: v, To: n + v})
	}
	for _, e := range g.Edges {
		if e.To < n {
			g.Edges = append(g.Edges, instances.LayerEdge{From: n + e.To, To: n + e.From})
		}
	}
	return g
}

func TestLayoutsAreBest(t *testing.T) {
	proved := 0
	for seed := range uint64(600) {
		g := randomGraph(seed)
		require.NoError(t, g.Check())
		best, device := math.Inf(1), make([]int, len(g.Layers))
		var try func(v int)
		try = func(v int) {
			if v == len(device) {
				best = min(best, loadOf(g, device))
				return
			}
			if c := g.Layers[v].Colour; c != v && c < v {
				device[v] = device[c]
				try(v + 1)
				return
			}
			for d := range g.Accelerators + g.CPUs {
				device[v] = d
				try(v + 1)
			}
		}
		try(0)
		l, err := MaxLoad(context.Background(), g, Limits{})
		require.NoError(t, err)
		require.InDelta(t, best, l.Load, 1e-9, "seed %d", seed)
		require.True(t, l.Proved, "seed %d", seed)
		if l.Device != nil {
			proved++
			require.InDelta(t, best, loadOf(g, l.Device), 1e-9, "seed %d", seed)
		}
		few, err := MaxLoad(context.Background(), g, Limits{Ideals: 1})
		require.NoError(t, err)
		require.GreaterOrEqual(t, few.Load, best-1e-9, "seed %d", seed)
		require.LessOrEqual(t, few.Bound, best+1e-9, "seed %d", seed)
	}
	assert.Greater(t, proved, 200)
}

func TestACancelledLayoutHasABound(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	l, err := MaxLoad(ctx, randomGraph(4), Limits{})
	require.NoError(t, err)
	assert.False(t, l.Proved && l.Load > l.Bound)
}

// BenchmarkMaxLoad lays out parallel branches, of which there are many ideals.
func BenchmarkMaxLoad(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	g := &instances.LayerGraph{Name: "branches", Accelerators: 6, CPUs: 1, Memory: 1e9}
	const branches, long = 4, 11
	for v := range branches * long {
		x := 1 + rng.Float64()
		g.Layers = append(g.Layers, instances.Layer{ID: v, CPU: 10 * x, Accelerator: x, OnAccelerator: true, Colour: v, Transfer: 0.2})
		if v%long > 0 {
			g.Edges = append(g.Edges, instances.LayerEdge{From: v - 1, To: v})
		}
	}
	for b.Loop() {
		l, err := MaxLoad(context.Background(), g, Limits{})
		require.NoError(b, err)
		require.True(b, l.Proved)
		b.ReportMetric(float64(l.Steps), "steps/op")
		b.ReportMetric(float64(l.Ideals), "ideals")
	}
}
