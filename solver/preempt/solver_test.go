package preempt_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/binpack"
	"caravan/solver/preempt"
	"caravan/solver/solvertest"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

func TestContract(t *testing.T) {
	solvertest.Test(t, func() solver.Solver {
		return preempt.Solver{Base: binpack.Scheduler{}, Evictor: preempt.Exact{}}
	}, solvertest.Options{Jobs: true, Instances: 300})
}

func job(name string, priority int, cpu topology.MHz) workloads.Job {
	return workloads.Job{Name: name, Type: workloads.Service, Priority: priority, Groups: []workloads.Group{{Name: "g", Count: 1, Demand: topology.Resources{CPU: cpu}}}}
}

// A node is full with 100 MHz of priority 20 and 900 MHz of priority 30, and 800
// MHz are asked. The greedy choice takes the lower priority first and keeps it,
// as it is farther from the ask, although it finds room again afterwards; the
// exact one leaves it alone.
func TestTheExactFormDisturbsLess(t *testing.T) {
	top, err := topology.New([]topology.Node{{Name: "n0", Cores: 1, Speed: 1, CPU: 1000}}, nil)
	require.NoError(t, err)
	w := &workloads.Workload{Jobs: []workloads.Job{job("low", 20, 100), job("mid", 30, 900), job("urgent", 90, 800)}}
	in := placement.Unplaced(w)
	in.Jobs[0][0][0], in.Jobs[1][0][0] = 0, 0
	p := &solver.Problem{Topology: top, Workload: w, Incumbent: &in}
	for _, c := range []struct {
		evictor    solver.Evictor
		disruption float64
	}{{preempt.Greedy{}, 29_000}, {preempt.Exact{}, 27_000}} {
		sol, err := solver.Solve(context.Background(), preempt.Solver{Base: binpack.Scheduler{}, Evictor: c.evictor}, p)
		require.NoError(t, err)
		assert.Equal(t, solver.Feasible, sol.Status)
		assert.Equal(t, topology.NodeID(0), sol.Placement.Jobs[2][0][0])
		assert.Equal(t, topology.NodeID(0), sol.Placement.Jobs[0][0][0])
		total := 0.0
		for _, e := range sol.Evicted {
			total += e.Disruption
			assert.Equal(t, "urgent", e.For)
		}
		assert.Equal(t, c.disruption, total)
		require.Len(t, sol.Unplaced, 1)
		assert.Equal(t, "evicted for urgent of priority 90; no room for cpu on 1 of 1 nodes", sol.Unplaced[0].Reason)
	}
}
