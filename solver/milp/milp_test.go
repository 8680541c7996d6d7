package milp_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/solver/milp"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// two is a problem small enough to read: one operator between pinned ends on
// two nodes.
func two(t *testing.T) *solver.Problem {
	t.Helper()
	top, err := topology.New([]topology.Node{
		{Name: "edge", Cores: 1, Speed: 1, CPU: 1000}, {Name: "cloud", Cores: 1, Speed: 4, CPU: 4000},
	}, []topology.Link{{From: 0, To: 1, Bandwidth: 1000}, {From: 1, To: 0, Bandwidth: 1000}})
	require.NoError(t, err)
	chain := func(name string) workloads.Pipeline {
		return workloads.Pipeline{Name: name, Source: 0, Sink: topology.None, Operators: []workloads.Operator{
			{Name: "read", Work: workloads.Const(0), Output: workloads.Const(500), Node: topology.None},
			{Name: "infer", Work: workloads.Const(2), Node: topology.None, After: []int{0}, Demand: topology.Resources{CPU: 2500}},
		}}
	}
	return &solver.Problem{Topology: top, Workload: &workloads.Workload{Pipelines: []workloads.Pipeline{chain("a"), chain("b")}}}
}

func TestLP(t *testing.T) {
	m, err := milp.Build(two(t))
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, m.WriteLP(&b))
	assert.Contains(t, b.String(), "Minimize")
	assert.Contains(t, b.String(), " place_0_1: + 1 x_0_1_1 = 1\n", "the edge has no room for the operator")
	assert.Contains(t, b.String(), " fit_1_0: + 0.625 x_0_1_1 + 0.625 x_1_1_1 <= 1")
}

func TestMPS(t *testing.T) {
	m, err := milp.Build(two(t))
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, m.WriteMPS(&b))
	for _, section := range []string{"\nROWS\n", "\nCOLUMNS\n", "\nRHS\n", "\nBOUNDS\n", "\nENDATA\n"} {
		assert.Equal(t, 1, strings.Count(b.String(), section), section)
	}
	assert.Equal(t, strings.Count(b.String(), "INTORG"), strings.Count(b.String(), "INTEND"))
}

func TestBerkeleyIsNotLinear(t *testing.T) {
	p := two(t)
	p.Model.Contention = placement.Berkeley
	_, err := milp.Build(p)
	require.ErrorContains(t, err, "not linear")
}
