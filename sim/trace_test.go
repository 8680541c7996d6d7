package sim_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results"
	"caravan/sim"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// traced is a diamond of operators over two nodes and a link, under load.
func traced(t *testing.T, discipline topology.Discipline) sim.Config {
	t.Helper()
	top, err := topology.New(
		[]topology.Node{{Name: "a", Cores: 1, Speed: 1, Discipline: discipline}, {Name: "b", Cores: 2, Speed: 0.5, Discipline: discipline}},
		[]topology.Link{{From: 0, To: 1, Bandwidth: 1e5, Latency: time.Millisecond}, {From: 1, To: 0, Latency: time.Millisecond}})
	require.NoError(t, err)
	op := func(name string, after ...int) workloads.Operator {
		return workloads.Operator{Name: name, Work: workloads.Exp(0.01), Output: workloads.Exp(500), After: after, Node: topology.None}
	}
	w := &workloads.Workload{Pipelines: []workloads.Pipeline{{
		Name: "p", Source: topology.None, Sink: topology.None, Priority: 7,
		Arrivals:  workloads.Arrivals{Kind: workloads.Poisson, Rate: 30},
		Operators: []workloads.Operator{op("first"), op("left", 0), op("right", 0), op("last", 1, 2)},
	}}}
	return sim.Config{
		Topology: top, Workload: w, Duration: 20 * time.Second, Seed: 3,
		Placement: placement.Placement{Pipelines: [][]topology.NodeID{{0, 1, 0, 1}}},
	}
}

func TestTraceTellsWhatTheCountersSay(t *testing.T) {
	for _, discipline := range []topology.Discipline{topology.FCFS, topology.PS, topology.SRPT} {
		c := traced(t, discipline)
		plain, err := sim.Run(context.Background(), c)
		require.NoError(t, err)
		var list []results.Request
		c.Trace = func(r results.Request) { list = append(list, r) }
		rep, err := sim.Run(context.Background(), c)
		require.NoError(t, err)
		assert.Equal(t, plain.Values, rep.Values, "telling changes nothing")
		sum := time.Duration(0)
		for i := range list {
			r := &list[i]
			sum += r.Latency()
			assert.Equal(t, results.Answered, r.Outcome)
			assert.Len(t, r.Visits, 4)
			assert.Len(t, r.Crossings, 4)
			assert.Len(t, r.Work, 4)
			for _, v := range r.Visits {
				assert.True(t, v.JoinedAt <= v.StartedAt && v.StartedAt <= v.EndedAt && v.EndedAt <= v.SentAt, "%+v", v)
			}
			for _, x := range r.Crossings {
				assert.LessOrEqual(t, x.SentAt, x.ReceivedAt)
				assert.Equal(t, x.From == "first" && x.To == "right" || x.From == "left", x.Route == "", "%+v", x)
			}
			assert.Equal(t, r.EndedAt, r.Visits[3].EndedAt)
		}
		assert.InDelta(t, meanOf(t, rep, "latency", "p", "mean"), sum.Seconds()/float64(len(list)), 1e-9)
	}
}
