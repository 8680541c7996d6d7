package placement_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

const ms = time.Millisecond

// line is a - b - c with 1000 B/s and 2000 B/s, 10 and 20 ms, b twice as fast.
func line(t *testing.T) *topology.Topology {
	t.Helper()
	top, err := topology.New(
		[]topology.Node{{Name: "a", Cores: 1, Speed: 1, CPU: 100, Class: "edge"}, {Name: "b", Cores: 1, Speed: 2, NoColocate: true}, {Name: "c", Cores: 1, Speed: 1}},
		[]topology.Link{{From: 0, To: 1, Bandwidth: 1000, Latency: 10 * ms}, {From: 1, To: 2, Bandwidth: 2000, Latency: 20 * ms}})
	require.NoError(t, err)
	return top
}

func pipeline(ops ...workloads.Operator) *workloads.Pipeline {
	for i := range ops {
		ops[i].Node = topology.None
		ops[i].Name = string(rune('p' + i))
	}
	return &workloads.Pipeline{Name: "x", Source: topology.None, Sink: topology.None, Operators: ops}
}

func op(seconds, bytes float64, after ...int) workloads.Operator {
	return workloads.Operator{Work: workloads.Const(seconds), Output: workloads.Const(bytes), After: after}
}

func TestEstimates(t *testing.T) {
	chain := pipeline(op(1, 500), op(2, 100, 0))
	for _, c := range []struct {
		name  string
		p     *workloads.Pipeline
		m     placement.Model
		nodes []topology.NodeID
		want  time.Duration
	}{
		{"on one node", chain, placement.Model{}, []topology.NodeID{0, 0}, 3 * time.Second},
		{"Berkeley's factor of two", chain, placement.Model{Contention: placement.Berkeley}, []topology.NodeID{0, 0}, 6 * time.Second},
		{"a hop: 1 + 0.5 + 0.01 + 2/2", chain, placement.Model{}, []topology.NodeID{0, 1}, 2510 * ms},
		{"store and forward: 1 + 0.51 + 0.27 + 2", chain, placement.Model{}, []topology.NodeID{0, 2}, 3780 * ms},
		{"one delay: 1 + 0.03 + 0.5 + 2", chain, placement.Model{Network: placement.Fixed}, []topology.NodeID{0, 2}, 3530 * ms},
		{"a fair flow alone", chain, placement.Model{Network: placement.Fair}, []topology.NodeID{0, 2}, 3530 * ms},
		{"the slower branch of a diamond", pipeline(op(1, 0), op(2, 0, 0), op(5, 0, 0), op(1, 0, 1, 2)), placement.Model{},
			[]topology.NodeID{0, 0, 0, 0}, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := placement.Estimate(line(t), c.m, c.p, c.nodes)
			require.NoError(t, err)
			assert.Equal(t, c.want, d)
		})
	}
	_, err := placement.Estimate(line(t), placement.Model{Routing: topology.RouteDirect}, chain, []topology.NodeID{0, 2})
	assert.ErrorContains(t, err, `no direct route from "p" on "a" to "q" on "c"`)
}

func TestARoutedEstimateIsTheExpectation(t *testing.T) {
	p := pipeline(op(1, 0), op(2, 0))
	p.Operators[0].Next = []workloads.Branch{{To: 1, Probability: 0.6}}
	p.Operators[1].Next = []workloads.Branch{{To: 0, Probability: 1}}
	d, err := placement.Estimate(line(t), placement.Model{}, p, []topology.NodeID{0, 0})
	require.NoError(t, err)
	assert.Equal(t, 5500*ms, d, "2.5 visits of 1 s, 1.5 of 2 s")
}

func TestTheLoadOfAPipelineIsThatOfTheBusiestThingOnItsWay(t *testing.T) {
	top := line(t)
	at := func(rate, first, bytes, second float64) *workloads.Pipeline {
		p := pipeline(op(first, bytes), op(second, 0, 0))
		p.Arrivals = workloads.Arrivals{Kind: workloads.Poisson, Rate: rate}
		return p
	}
	here := []topology.NodeID{0, 1}
	for _, c := range []struct {
		name  string
		p     *workloads.Pipeline
		m     placement.Model
		nodes []topology.NodeID
		want  float64
	}{
		{"the first node, which the other pipeline keeps busy too", at(1, 0.3, 100, 0.4), placement.Model{}, here, 0.3 + 0.25},
		{"the second node, twice as fast", at(1, 0.1, 100, 1.6), placement.Model{}, here, 0.8},
		{"the link", at(1, 0.1, 900, 0.4), placement.Model{}, here, 0.9},
		{"on one node no link", at(1, 0.1, 900, 0.1), placement.Model{}, []topology.NodeID{0, 0}, 0.2 + 0.25},
		{"a network that only delays", at(1, 0.1, 900, 0.4), placement.Model{Network: placement.Fixed}, here, 0.35},
		{"nobody waits for a delay", at(1, 0.4, 10, 0.4), placement.Model{Compute: topology.Delay}, here, 0.01},
		{"a core for each operator, slowed twofold", at(1, 0.1, 0, 0.3), placement.Model{Contention: placement.Berkeley}, []topology.NodeID{0, 0}, 0.6},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := at(0.5, 0.25, 0, 0.25)
			w := &workloads.Workload{Pipelines: []workloads.Pipeline{*c.p, *other}}
			nodes := [][]topology.NodeID{c.nodes, {0, 0}}
			load, err := placement.NewLoad(top, c.m, w, placement.Placement{Pipelines: nodes})
			require.NoError(t, err)
			got, err := load.Of(top, c.m, c.p, c.nodes)
			require.NoError(t, err)
			assert.InDelta(t, c.want, got, 1e-12)
		})
	}
}

func TestCheckReportsEveryWayInWhichItCannotRun(t *testing.T) {
	top := line(t)
	p := pipeline(op(1, 0), op(1, 0, 0))
	p.Sink = 2
	p.Operators[0].Constraints = []workloads.Constraint{{Attribute: "class", Operator: "=", Values: []string{"edge"}}}
	p.Operators[1].Demand = topology.Resources{GPUs: 1}
	w := &workloads.Workload{
		Pipelines: []workloads.Pipeline{*p},
		Jobs:      []workloads.Job{{Name: "j", Groups: []workloads.Group{{Name: "g", Count: 2, Demand: topology.Resources{CPU: 60}}}}},
	}
	err := placement.Check(top, w, placement.Placement{
		Pipelines: [][]topology.NodeID{{1, 1}}, Jobs: [][][]topology.NodeID{{{0, 0}}},
	})
	for _, want := range []string{
		`operator "p": on "b", which class = [edge] leaves out`, `operator "p": shares "b" with "q"`, `operator "q": on "b", pinned to "c"`,
		`operator "q": "b" has no room: gpus`, `instance 1: "a" has no room: cpu`,
	} {
		assert.ErrorContains(t, err, want)
	}
	none := placement.Unplaced(w)
	assert.NoError(t, placement.Check(top, w, none))
	none.Pipelines[0][0] = 0
	assert.ErrorContains(t, placement.Check(top, w, none), "whole or not at all")
}

// Whatever is taken can be given back, exactly, and no device is split beyond
// what it has.
func TestTheLedgerBalances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		top, err := topology.New([]topology.Node{{Name: "n", Cores: 1, Speed: 1, CPU: 1000, Memory: 1000, Disk: 1000, GPUs: topology.GPUs{Count: 3, Model: "A"}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		l := placement.NewLedger(top)
		type held struct {
			d topology.Resources
			g placement.Grant
		}
		var list []held
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			d := topology.Resources{CPU: topology.MHz(rapid.IntRange(0, 400).Draw(t, "cpu")), Memory: topology.Bytes(rapid.IntRange(0, 400).Draw(t, "memory"))}
			if d.GPUs = rapid.IntRange(0, 2).Draw(t, "gpus"); d.GPUs == 1 {
				d.GPUMilli = rapid.IntRange(1, 1000).Draw(t, "milli")
			}
			fits := l.Fits(0, d)
			g, ok := l.Take(0, d)
			if ok != fits || ok != (l.Lacks(0, d) == "" || ok) {
				t.Fatalf("Fits %v, Take %v", fits, ok)
			}
			if ok {
				list = append(list, held{d, g})
			}
			for _, free := range l.FreeGPUs(0) {
				if free < 0 || free > 1000 {
					t.Fatalf("a device has %d thousandths free", free)
				}
			}
		}
		for _, h := range list {
			l.Give(0, h.d, h.g)
		}
		if l.FreeCPU(0) != 1000 || l.FreeMemory(0) != 1000 || l.FreeDisk(0) != 1000 {
			t.Fatal("not everything came back")
		}
		for _, free := range l.FreeGPUs(0) {
			if free != 1000 {
				t.Fatal("a device did not come back whole")
			}
		}
	})
}
