package instances

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAPublishedLayerGraphIsRead(t *testing.T) {
	f, err := os.Open("testdata/dnn/bert24_inference.json")
	require.NoError(t, err)
	defer f.Close()
	g, err := ReadLayerGraph(f, "bert24")
	require.NoError(t, err)
	assert.Equal(t, []int{32, 55, 6, 1}, []int{len(g.Layers), len(g.Edges), g.Accelerators, g.CPUs})
	sum := 0.0
	for _, l := range g.Layers {
		sum += l.Accelerator
	}
	assert.InDelta(t, 92.406, sum, 1e-9, "the sum that the data set states")
	assert.Equal(t, 17185374208.0, g.Memory)
}

func TestAPublishedChainIsRead(t *testing.T) {
	f, err := os.Open("testdata/dnn/alexnet_chain.csv")
	require.NoError(t, err)
	defer f.Close()
	chain, err := ReadLayerChain(f, "alexnet")
	require.NoError(t, err)
	require.Len(t, chain, 22)
	sum := 0.0
	for _, l := range chain {
		sum += l.Forward + l.Backward
	}
	assert.InDelta(t, 85.321, sum, 1e-9, "one processor's load that the data set states")
	assert.Equal(t, ChainLayer{"Linear(in_features=4096, out_features=1000, bias=True)", 0.453, 0.474, 1024000, 16388000}, chain[21])
}

const smallGraph = `{"maxSizePerFPGA": 10, "maxFPGAs": 2, "maxCPUs": 1, "nodes": [
 {"id": 7, "supportedOnFpga": 1, "cpuLatency": 2, "fpgaLatency": 1, "isBackwardNode": false, "colorClass": 3, "size": 1},
 {"id": 9, "supportedOnFpga": true, "cpuLatency": 2, "fpgaLatency": 1, "isBackwardNode": 0, "colorClass": 3}],
 "edges": [{"sourceId": 7, "destId": 9, "cost": 0.5}]}`

func TestLayerGraphFaultsAreNamed(t *testing.T) {
	g, err := ReadLayerGraph(strings.NewReader(smallGraph), "x")
	require.NoError(t, err)
	assert.Equal(t, []int{0, 0}, []int{g.Layers[0].Colour, g.Layers[1].Colour})
	assert.Equal(t, 0.5, g.Layers[0].Transfer)
	for _, c := range []struct{ was, now, want string }{
		{`"id": 9`, `"id": 7`, "nodes[1].id: 7 is taken"},
		{`"destId": 9`, `"destId": 8`, "no nodes 7 and 8"},
		{`"destId": 9`, `"destId": 7`, "in a circle"},
		{`"cpuLatency": 2`, `"cpuLatency": -2`, "found -2, allowed is 0 or more"},
		{`"maxCPUs": 1,`, ``, "must all be there"},
		{`"cost": 0.5`, `"cost": "x"`, "x:4:"},
		{`"isBackwardNode": 0`, `"isBackwardNode": 2`, "allowed is true, false, 1 or 0"},
		{`0.5}`, `0.5}, {"sourceId": 7, "destId": 9, "cost": 1}`, "another edge out of node 7"},
	} {
		_, err := ReadLayerGraph(strings.NewReader(strings.Replace(smallGraph, c.was, c.now, 1)), "x")
		assert.ErrorContains(t, err, c.want)
	}
}

const smallChain = "idx,layer,fwd_ms_batch,bwd_ms_batch,activation_bytes_batch,parameter_bytes\n0,a,1,2,3,4\n"

func TestChainFaultsAreNamed(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "x:1: found no heads"},
		{"idx,layer\n", `column "fwd_ms_batch" is missing`},
		{smallChain + "1,b,-1,2,3,4\n", `x:3: fwd_ms_batch: found "-1"`},
		{smallChain + "1,b\n", "x: record on line 3"},
		{strings.SplitAfter(smallChain, "\n")[0], "found no layers"},
	} {
		_, err := ReadLayerChain(strings.NewReader(c.text), "x")
		assert.ErrorContains(t, err, c.want)
	}
}

func FuzzReadLayerGraph(f *testing.F) {
	f.Add(smallGraph)
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ReadLayerGraph(strings.NewReader(text), "x")
		if err == nil && g.Check() != nil {
			t.Fatal("read what Check refuses")
		}
	})
}

func FuzzReadLayerChain(f *testing.F) {
	f.Add(smallChain)
	f.Fuzz(func(t *testing.T, text string) {
		chain, err := ReadLayerChain(strings.NewReader(text), "x")
		if err == nil && len(chain) == 0 {
			t.Fatal("read no layers")
		}
	})
}
