package conflict_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/conflict"
	"caravan/solver/ilp"
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
	assert.Equal(t, "j/g[0] cannot be placed; no node satisfies class = cloud", e.String())
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

func TestNothingToExplain(t *testing.T) {
	assert.Nil(t, explain(t, problem(t, []topology.Node{{Name: "a", CPU: 1000}}, job("j", topology.Resources{CPU: 1}))))
}
