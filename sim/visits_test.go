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

func TestEveryNodeOfAChainCountsItsVisits(t *testing.T) {
	for _, discipline := range topology.Disciplines() {
		top, err := topology.New(
			[]topology.Node{{Name: "a", Cores: 1, Speed: 1, Discipline: discipline}, {Name: "b", Cores: 1, Speed: 1, Discipline: discipline}},
			[]topology.Link{{From: 0, To: 1}})
		require.NoError(t, err)
		w := &workloads.Workload{Pipelines: []workloads.Pipeline{{
			Name: "p", Source: topology.None, Sink: topology.None,
			Arrivals: workloads.Arrivals{Kind: workloads.Periodic, Period: 100 * time.Millisecond, StopAt: time.Second},
			Operators: []workloads.Operator{
				{Name: "first", Work: workloads.Const(0.01), Node: topology.None},
				{Name: "second", Work: workloads.Const(0.01), After: []int{0}, Node: topology.None},
			},
		}}}
		var visits int
		rep, err := sim.Run(context.Background(), sim.Config{
			Topology: top, Workload: w, Duration: 2 * time.Second,
			Placement: placement.Placement{Pipelines: [][]topology.NodeID{{0, 1}}},
			Trace: func(r results.Request) {
				visits += len(r.Visits)
				for _, v := range r.Visits {
					assert.Equal(t, v.JoinedAt, v.StartedAt, discipline)
				}
			},
		})
		require.NoError(t, err)
		assert.Equal(t, 20, visits, discipline)
		for _, node := range []string{"a", "b"} {
			assert.InDelta(t, 5, meanOf(t, rep, "arrivals", node, "mean"), 1e-9, "%s %s", discipline, node)
		}
	}
}
