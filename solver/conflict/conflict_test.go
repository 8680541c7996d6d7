package conflict_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/chaincut"
	"caravan/solver/conflict"
	"caravan/solver/ilp"
	"caravan/solver/local"
	"caravan/topology"
	"caravan/workloads"
)

func problem(t *testing.T, nodes []topology.Node, jobs ...workloads.Job) *solver.Problem {
	t.Helper()
	for i := range nodes {
		nodes[i].Cores, nodes[i].Speed = 1, 1
	}
	top, err := topology.New(nodes, nil)
	require.NoError(t, err)
	return &solver.Problem{Topology: top, Workload: &workloads.Workload{Jobs: jobs}}
}

func job(name string, d topology.Resources, cs ...workloads.Constraint) workloads.Job {
	return workloads.Job{Name: name, Priority: 50, Groups: []workloads.Group{{Name: "g", Count: 1, Demand: d, Constraints: cs}}}
}

func explain(t *testing.T, p *solver.Problem) *conflict.Explanation {
	t.Helper()
	e, err := conflict.Explain(context.Background(), p, ilp.Solver{Whole: true})
	require.NoError(t, err)
	return e
}

func TestOneThingThatFitsNowhere(t *testing.T) {
	e := explain(t, problem(t, []topology.Node{{Name: "a", Memory: 4 * topology.GiB}, {Name: "b", Memory: 16 * topology.GiB}},
		job("small", topology.Resources{Memory: topology.GiB}), job("huge", topology.Resources{Memory: 20 * topology.GiB})))
	require.NotNil(t, e)
	assert.Equal(t, "huge/g[0] cannot be placed: it needs 20GiB of memory, and b, the nearest to enough of the 2 nodes allowed, has 16GiB; 4GiB more there would do", e.String())
}

func TestAConstraintThatNoNodeSatisfies(t *testing.T) {
	e := explain(t, problem(t, []topology.Node{{Name: "a", Class: "edge"}},
		job("j", topology.Resources{CPU: 1}, workloads.Constraint{Attribute: "class", Operator: "=", Values: []string{"cloud"}})))
	require.NotNil(t, e)
	assert.Equal(t, "j/g[0] cannot be placed; no node satisfies class = cloud (nodes have edge)", e.String())
}

func TestThingsConfinedToAClass(t *testing.T) {
	edge := workloads.Constraint{Attribute: "class", Operator: "=", Values: []string{"edge"}}
	e := explain(t, problem(t, []topology.Node{{Name: "e1", Class: "edge", CPU: 1000}, {Name: "e2", Class: "edge", CPU: 1000}, {Name: "c", Class: "cloud", CPU: 90000}},
		job("a", topology.Resources{CPU: 900}, edge), job("b", topology.Resources{CPU: 800}, edge), job("c", topology.Resources{CPU: 700}, edge), job("d", topology.Resources{CPU: 100}, edge)))
	require.NotNil(t, e)
	assert.Equal(t, []string{"a/g[0]", "b/g[0]", "c/g[0]"}, e.Items)
	assert.Equal(t, []string{"e1", "e2"}, e.Nodes)
	assert.Contains(t, e.Remedy, "500MHz on nodes of class edge")
}

// Three things of 600 fit two nodes of 1000 in sum, and yet do not fit.
func TestAMinimalSet(t *testing.T) {
	var jobs []workloads.Job
	for i := range 3 {
		jobs = append(jobs, job(fmt.Sprint("big", i), topology.Resources{CPU: 600}))
	}
	jobs = append(jobs, job("tiny", topology.Resources{CPU: 10}))
	p := problem(t, []topology.Node{{Name: "a", CPU: 1000}, {Name: "b", CPU: 1000}}, jobs...)
	e := explain(t, p)
	require.NotNil(t, e)
	assert.True(t, e.Minimal)
	assert.Equal(t, []string{"big0/g[0]", "big1/g[0]", "big2/g[0]"}, e.Items)
	assert.Equal(t, "200MHz more of cpu on a would do", e.Remedy)
}

func TestInstancesThatARuleKeepsApart(t *testing.T) {
	nodes := []topology.Node{{Name: "a", Class: "edge", CPU: 1000}, {Name: "b", Class: "edge", CPU: 1000}, {Name: "c", Class: "cloud", CPU: 1000}}
	web := job("web", topology.Resources{CPU: 10})
	web.Groups[0].Networks = []workloads.Network{{Static: []workloads.Port{{Label: "http", Number: 8080}}}}
	web.Groups[0].Count = 2
	again := web
	again.Name = "again"
	for _, c := range []struct {
		name, want string
		job        workloads.Job
	}{
		{"hosts", "distinct_hosts allows 1 on each node: 1 more of such nodes, or 1 fewer of the 4 instances, would do", job("j", topology.Resources{CPU: 1}, workloads.Constraint{Operator: workloads.DistinctHosts})},
		{"property", "distinct_property allows 1 for each class: 2 more values of class among such nodes (they have 2), or 2 fewer of the 4 instances, would do", job("j", topology.Resources{CPU: 1}, workloads.Constraint{Attribute: "class", Operator: workloads.DistinctProperty})},
	} {
		c.job.Groups[0].Count = 4
		e := explain(t, problem(t, nodes, c.job))
		require.NotNil(t, e, c.name)
		assert.Equal(t, c.want, e.Remedy, c.name)
		c.job.Groups[0].Count = 2
		assert.Nil(t, explain(t, problem(t, nodes, c.job)), c.name)
	}
	e := explain(t, problem(t, nodes, web, again))
	require.NotNil(t, e)
	assert.Equal(t, "web/g[0], web/g[1], again/g[0] and again/g[1] cannot all be placed on a, b and c; 1 on each node can have its port 8080: 1 more of such nodes, or 1 fewer of the 4 instances, would do", e.String())
	assert.Nil(t, explain(t, problem(t, nodes, web)))
}

func TestLimitsThatNoPlacementKeeps(t *testing.T) {
	top, err := topology.New([]topology.Node{{Name: "a", Cores: 1, Speed: 1}}, nil)
	require.NoError(t, err)
	p := &solver.Problem{Topology: top, Workload: &workloads.Workload{Pipelines: []workloads.Pipeline{{
		Name: "p", Source: topology.None, Sink: topology.None, Deadline: time.Second,
		Arrivals:  workloads.Arrivals{Kind: workloads.Poisson, Rate: 0.1},
		Operators: []workloads.Operator{{Name: "o", Work: workloads.Const(2), Node: topology.None}},
	}}}}
	limited := func(o solver.Objective, most float64) (string, bool) {
		q := *p
		q.Limits = []solver.Limit{{Objective: o, Most: most}}
		return conflict.Limits(context.Background(), &q, chaincut.Solver{}, local.Solver{Steps: 10})
	}
	reason, proved := limited(solver.WorstLatency, 1.5)
	assert.Equal(t, "no placement has a worst-latency of at most 1.5 s: at least 2 s is needed, and 2 s would do", reason)
	assert.True(t, proved)
	reason, proved = limited(solver.DeadlineMisses, 0)
	assert.Equal(t, "p cannot meet its deadline of 1s: wherever it runs it takes at least 2 s, so that a deadline of 2s would do", reason)
	assert.True(t, proved)
	reason, proved = limited(solver.QueueingLatency, 2)
	assert.Equal(t, "no placement was found with a queueing-latency of at most 2 s; 2.5 s would do", reason)
	assert.False(t, proved)
	reason, _ = limited(solver.WorstLatency, 2)
	assert.Empty(t, reason)
}

func TestNothingToExplain(t *testing.T) {
	assert.Nil(t, explain(t, problem(t, []topology.Node{{Name: "a", CPU: 1000}}, job("j", topology.Resources{CPU: 1}))))
}
