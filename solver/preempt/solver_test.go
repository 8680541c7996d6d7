package preempt_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

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

// On random full clusters of two or three nodes: what a group of several
// instances disturbs is the least of all sets of evictions that let all run.
func TestAGroupDisturbsTheLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var nodes []topology.Node
		var jobs []workloads.Job
		var at []topology.NodeID
		for n := range rapid.IntRange(2, 3).Draw(t, "nodes") {
			full := topology.MHz(0)
			for range rapid.IntRange(1, 3).Draw(t, "instances") {
				cpu := topology.MHz(100 * rapid.IntRange(1, 9).Draw(t, "cpu"))
				full += cpu
				jobs = append(jobs, job(fmt.Sprint("j", len(jobs)), 10*rapid.IntRange(1, 9).Draw(t, "priority"), cpu))
				at = append(at, topology.NodeID(n))
			}
			nodes = append(nodes, topology.Node{Name: fmt.Sprint("n", n), Cores: 1, Speed: 1, CPU: full})
		}
		urgent := job("urgent", 80, topology.MHz(100*rapid.IntRange(1, 9).Draw(t, "ask")))
		urgent.Groups[0].Count = rapid.IntRange(1, 3).Draw(t, "count")
		jobs = append(jobs, urgent)
		top, err := topology.New(nodes, nil)
		require.NoError(t, err)
		w := &workloads.Workload{Jobs: jobs}
		in := placement.Unplaced(w)
		for j, n := range at {
			in.Jobs[j][0][0] = n
		}
		sol, err := solver.Solve(context.Background(), preempt.Solver{Base: binpack.Scheduler{}, Evictor: preempt.Exact{}, Joint: true}, &solver.Problem{Topology: top, Workload: w, Incumbent: &in})
		require.NoError(t, err)
		got, placed := 0.0, 0
		for _, e := range sol.Evicted {
			got += e.Disruption
		}
		for _, n := range sol.Placement.Jobs[len(at)][0] {
			if n != topology.None {
				placed++
			}
		}
		most, least := leastFor(nodes, jobs[:len(at)], at, urgent.Groups[0].Demand.CPU, urgent.Groups[0].Count)
		if placed != most || got != least {
			t.Fatalf("%d placed for %v, brute force %d for %v", placed, got, most, least)
		}
	})
}

// leastFor is the most instances of an ask that evictions can make room for,
// and the least disruption that does.
func leastFor(nodes []topology.Node, jobs []workloads.Job, at []topology.NodeID, ask topology.MHz, count int) (most int, least float64) {
	for mask := range 1 << len(jobs) {
		free := make([]topology.MHz, len(nodes))
		cost := 0.0
		allowed := true
		for j := range jobs {
			if cpu := jobs[j].Groups[0].Demand.CPU; mask&(1<<j) != 0 {
				free[at[j]] += cpu
				cost += float64(jobs[j].Priority) * float64(cpu)
				allowed = allowed && jobs[j].Priority <= 70
			}
		}
		fit := 0
		for _, f := range free {
			fit += int(f / ask)
		}
		if fit = min(fit, count); allowed && (fit > most || fit == most && cost < least) {
			most, least = fit, cost
		}
	}
	return most, least
}
