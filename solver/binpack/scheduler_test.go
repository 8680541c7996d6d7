package binpack_test

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

func TestTheSchedulerKeepsTheContract(t *testing.T) {
	solvertest.Test(t, func() solver.Solver { return binpack.Scheduler{} }, solvertest.Options{Jobs: true, Instances: 300})
	_, err := binpack.Scheduler{}.Solve(context.Background(), solvertest.Random(1, false))
	assert.ErrorIs(t, err, solver.ErrUnsupported)
}

func problem(t *testing.T, nodes []topology.Node, jobs ...workloads.Job) *solver.Problem {
	t.Helper()
	for i := range jobs {
		jobs[i].Settle(nodes)
		if jobs[i].Type.Everywhere() {
			jobs[i].Groups[0].Count = jobs[i].Eligible(0, nodes)
		}
	}
	top, err := topology.New(nodes, nil)
	require.NoError(t, err)
	in := placement.Unplaced(&workloads.Workload{Jobs: jobs})
	return &solver.Problem{Topology: top, Workload: &workloads.Workload{Jobs: jobs}, Incumbent: &in}
}

func named(name string, kind workloads.JobType, priority, count int, cpu topology.MHz) workloads.Job {
	return workloads.Job{Name: name, Type: kind, Priority: priority, Groups: []workloads.Group{{Name: "g", Count: count, Demand: topology.Resources{CPU: cpu}}}}
}

// A system job goes to every node, also where batch work has to leave for it,
// which finds another node if there is one.
func TestASystemJobRunsOnEveryNode(t *testing.T) {
	nodes := []topology.Node{standard("n0", "dc1"), standard("n1", "dc1")}
	p := problem(t, nodes, named("agent", workloads.System, 80, 1, 1000), named("a", workloads.Batch, 20, 1, 3500), named("b", workloads.Batch, 30, 1, 2900))
	p.Incumbent.Jobs[1][0][0], p.Incumbent.Jobs[2][0][0] = 0, 1
	s := binpack.Scheduler{Config: binpack.Config{Preempts: binpack.DefaultPreemption(), Evictor: preempt.Greedy{}}}
	sol, err := solver.Solve(context.Background(), s, p)
	require.NoError(t, err)
	assert.Equal(t, [][]topology.NodeID{{0, 1}}, sol.Placement.Jobs[0])
	require.Len(t, sol.Evicted, 1)
	assert.Equal(t, solver.Evicted{Workload: "a", Item: "g", Priority: 20, Node: 0, For: "agent", ByPriority: 80, Disruption: 70_000}, sol.Evicted[0])
	assert.Equal(t, solver.Feasible, sol.Status)
	assert.Equal(t, "no room for cpu on 2 of 2 nodes", sol.Unplaced[0].Reason)
}

// An eviction can lead to another: 90 takes the place of 60, which takes that
// of 30, which has none left.
func TestEvictionsCascade(t *testing.T) {
	small := standard("n1", "dc1")
	small.CPU = 2100
	p := problem(t, []topology.Node{standard("n0", "dc1"), small}, named("high", workloads.Service, 90, 1, 3000), named("mid", workloads.Service, 60, 1, 2000), named("low", workloads.Service, 30, 1, 1500))
	p.Incumbent.Jobs[1][0][0], p.Incumbent.Jobs[2][0][0] = 0, 1
	s := binpack.Scheduler{Config: binpack.Config{Preempts: []workloads.JobType{workloads.Service}, Evictor: preempt.Greedy{}}}
	sol, err := solver.Solve(context.Background(), s, p)
	require.NoError(t, err)
	assert.Equal(t, topology.NodeID(0), sol.Placement.Jobs[0][0][0])
	assert.Equal(t, topology.NodeID(1), sol.Placement.Jobs[1][0][0])
	assert.Equal(t, topology.None, sol.Placement.Jobs[2][0][0])
	assert.Len(t, sol.Evicted, 2)
}

func TestAllAtOnceOrNothing(t *testing.T) {
	job := named("j", workloads.Batch, 50, 3, 1900)
	job.AllAtOnce = true
	p := problem(t, []topology.Node{standard("n0", "dc1")}, job)
	sol, err := solver.Solve(context.Background(), binpack.Scheduler{}, p)
	require.NoError(t, err)
	assert.Len(t, sol.Unplaced, 3)
	assert.Equal(t, "all at once or none: no room for cpu on 1 of 1 nodes", sol.Unplaced[0].Reason)
}

// What is granted by name is checked as any placement is.
func TestPortsDevicesAndDistinctHostsAreChecked(t *testing.T) {
	nodes := []topology.Node{standard("n0", "dc1"), standard("n1", "dc1")}
	nodes[0].Devices = []topology.DeviceGroup{{Vendor: "nvidia", Type: "gpu", Count: 2}}
	job := workloads.Job{Name: "j", Type: workloads.Service, Priority: 50, Groups: []workloads.Group{{Name: "g", Count: 2, Tasks: []workloads.Task{{
		Name: "t", CPU: 100, Devices: []workloads.DeviceAsk{{Name: "gpu", Count: 1}}, Networks: []workloads.Network{{Static: []workloads.Port{{Label: "http", Number: 80}}}},
	}}}}}
	p := problem(t, nodes, job)
	sol, err := solver.Solve(context.Background(), binpack.Scheduler{}, p)
	require.NoError(t, err)
	require.Len(t, sol.Unplaced, 1)
	assert.Equal(t, "missing devices: 1 gpu leaves out 1; no room for network: reserved port collision on 1 of 2 nodes", sol.Unplaced[0].Reason)
	both := placement.Placement{Jobs: [][][]topology.NodeID{{{0, 0}}}}
	assert.ErrorContains(t, placement.Check(p.Topology, p.Workload, both), `"n0" has no room: network: reserved port collision`)
	_, err = solver.Solve(context.Background(), binpack.Solver{}, p)
	assert.ErrorContains(t, err, "the solver's placement cannot run", "a solver that looks at amounts alone is found out")
}
