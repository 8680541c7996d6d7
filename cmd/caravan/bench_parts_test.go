package main

import (
	"context"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/workloads/instances"
)

// layersInTwo is a small network with a processor and an accelerator.
func layersInTwo(seed uint64) *instances.LayerGraph {
	rng := rand.New(rand.NewPCG(seed, 1))
	g := &instances.LayerGraph{Name: "x", Accelerators: 1, CPUs: 1, Memory: 40}
	for v := range 1 + rng.IntN(8) {
		l := instances.Layer{ID: v, Name: "layer " + strconv.Itoa(v), CPU: float64(rng.IntN(12)), Accelerator: float64(rng.IntN(4)),
			OnAccelerator: rng.IntN(6) > 0, Size: 5, Colour: v, Transfer: float64(rng.IntN(8))}
		if v > 0 && rng.IntN(6) == 0 {
			l.Colour = g.Layers[rng.IntN(v)].Colour
		}
		g.Layers = append(g.Layers, l)
		for u := range v {
			if rng.IntN(3) == 0 {
				g.Edges = append(g.Edges, instances.LayerEdge{From: u, To: v})
			}
		}
	}
	return g
}

// costInTwo is the sum of all times, +Inf for what cannot run.
func costInTwo(g *instances.LayerGraph, far func(v int) bool) float64 {
	cost := 0.0
	fed, sends := make([]bool, len(g.Layers)), make([]bool, len(g.Layers))
	for _, e := range g.Edges {
		fed[e.To] = true
		if far(e.From) && !far(e.To) {
			return math.Inf(1)
		}
		sends[e.From] = sends[e.From] || !far(e.From) && far(e.To)
	}
	for v, l := range g.Layers {
		switch {
		case far(v) != far(l.Colour), far(v) && (!l.OnAccelerator || !fed[v]):
			return math.Inf(1)
		case far(v):
			cost += l.Accelerator
		default:
			cost += l.CPU
		}
		if sends[v] {
			cost += l.Transfer
		}
	}
	return cost
}

func TestNetworksAreCutInTwoBest(t *testing.T) {
	for seed := range uint64(300) {
		g := layersInTwo(seed)
		require.NoError(t, g.Check())
		cases := layerCases("x", g, math.NaN())
		require.Len(t, cases, 2)
		answer, err := cases[1].Run(context.Background(), "partition", 0)
		require.NoError(t, err)
		require.Len(t, answer.Parts, len(g.Layers))
		best := math.Inf(1)
		for set := range 1 << len(g.Layers) {
			best = min(best, costInTwo(g, func(v int) bool { return set>>v&1 == 1 }))
		}
		require.InDelta(t, best, answer.Cost, 1e-9, "seed %d", seed)
		require.InDelta(t, best, costInTwo(g, func(v int) bool { return answer.Parts[v].On == "accelerator" }), 1e-9, "seed %d", seed)
		for v, p := range answer.Parts {
			require.Equal(t, g.Layers[v].Name, p.Item)
		}
	}
}

func TestOnlyWhatIsACutIsCutInTwo(t *testing.T) {
	for name, change := range map[string]func(g *instances.LayerGraph){
		"no accelerator":   func(g *instances.LayerGraph) { g.Accelerators = 0 },
		"no processor":     func(g *instances.LayerGraph) { g.CPUs = 0 },
		"too little room":  func(g *instances.LayerGraph) { g.Memory = 1 },
		"a backward layer": func(g *instances.LayerGraph) { g.Layers[0].Backward = true },
	} {
		g := layersInTwo(1)
		change(g)
		assert.Len(t, layerCases("x", g, math.NaN()), 1, name)
	}
}

// The parts of a layout and of a chain are all there, and in no more places
// than there are.
func TestPartsNameEveryLayer(t *testing.T) {
	cases, err := dataCases(instances.Shipped())
	require.NoError(t, err)
	for name, want := range map[string][2]int{ // layers, places
		"dnn/LayerGraphs-bert24_inference": {32, 6}, "chain/alexnet on 3": {22, 3}, "chain/alexnet at speeds 1/2/4 in any order": {22, 3},
	} {
		c := filtered(append([]benchCase{}, cases...), name)
		require.Len(t, c, 1, name)
		answer, err := c[0].Run(context.Background(), "partition", 0)
		require.NoError(t, err)
		places := map[string]bool{}
		for _, p := range answer.Parts {
			require.NotEmpty(t, p.Item)
			places[p.On] = true
		}
		assert.Equal(t, want, [2]int{len(answer.Parts), len(places)}, name)
	}
}
