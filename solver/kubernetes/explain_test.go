package kubernetes

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// begin starts an evaluation of a new job.
func (s *stage) begin(spec *workloads.Job) {
	id := s.state.Submit(spec)
	s.Begin(cluster.View{State: s.state, Plan: &cluster.Plan{Job: id}}, id)
}

func TestCandidatesSayWhatEachPluginGives(t *testing.T) {
	s := newStage(machine(4000, 2000), machine(10000, 10000), machine(500, 500))
	spec := job(50, 1000, 1000)
	s.begin(spec)
	found := s.Candidates(spec, 0)
	require.Len(t, found, 2)
	assert.Equal(t, []solver.Part{
		{Scorer: "NodeResourcesFit", Score: 62}, {Scorer: "NodeResourcesBalancedAllocation", Score: 87},
		{Scorer: "NodeAffinity", Score: 0}, {Scorer: "TaintToleration", Score: 300}, {Scorer: "PodTopologySpread", Score: 0},
	}, found[0].Parts)
	assert.Equal(t, 62.0+87+300, found[0].Score)
}

// Upstream divides integers: 29 of 100 MHz are 29 percent, although 0.29 * 100
// is a little less in floating point.
func TestSharesAreDividedExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.Int64Range(1, 64000).Draw(t, "capacity")
		asked := rapid.Int64Range(0, capacity).Draw(t, "asked")
		s := newStage(machine(topology.MHz(capacity), 0))
		spec := job(50, topology.MHz(asked), 0)
		s.begin(spec)
		found := s.Candidates(spec, 0)
		require.Len(t, found, 1)
		require.EqualValues(t, (capacity-asked)*100/capacity, found[0].Parts[0].Score)
	})
}

// The instance in zone c, where no candidate is, neither counts nor weighs: one
// of two values holds one of the group, and round(1 * ln 4) = 1 is the most.
func TestOnlyTheValuesOfCandidatesSpread(t *testing.T) {
	nodes := []topology.Node{machine(4000, 4000), machine(4000, 4000), machine(100, 4000), machine(4000, 4000)}
	for i, zone := range []string{"a", "b", "c"} {
		nodes[i].Attributes = map[string]string{"zone": zone}
	}
	s := newStage(nodes...)
	spec := job(50, 100, 100)
	spec.Groups[0].Spreads = []workloads.Spread{{Attribute: "zone", Weight: 50}}
	id := s.state.Submit(spec)
	for index, n := range []topology.NodeID{0, 2} {
		ask := cluster.NewAsk(&spec.Groups[0])
		a := cluster.Instance(id, spec, 0, index, n, ask.On(s.state.Fleet().Machine(n)), nil)
		a.Client = cluster.Running
		s.state.Add(a)
	}
	s.Begin(cluster.View{State: s.state, Plan: &cluster.Plan{Job: id}}, id)
	found := s.Candidates(spec, 0)
	require.Len(t, found, 3)
	for i, want := range []float64{0, 200, 0} { // the last has no zone
		assert.Equal(t, want, found[i].Parts[4].Score, i)
	}
}

func TestNodesOfEqualHarmAreAllNamed(t *testing.T) {
	s := newStage(machine(1000, 0), machine(1000, 0), machine(1000, 0))
	for n, priority := range []int{20, 30, 20} {
		s.run(job(priority, 1000, 0), topology.NodeID(n), 0)
	}
	spec := job(50, 1000, 0)
	s.begin(spec)
	harm := s.LeastHarm(spec, 0)
	require.Len(t, harm, 2)
	assert.EqualValues(t, []topology.NodeID{0, 2}, []topology.NodeID{harm[0].Node, harm[1].Node})
	low := job(10, 1000, 0)
	s.begin(low)
	assert.Empty(t, s.LeastHarm(low, 0))
}

func TestTheFirstRuleThatLeavesANodeOutCounts(t *testing.T) {
	nodes := make([]topology.Node, 6)
	for i := range nodes {
		nodes[i] = machine(1000, 1000)
		nodes[i].Disk = topology.GiB
	}
	nodes[0].Attributes = map[string]string{"taint.dedicated": "video"}
	nodes[1].Class = "edge"
	nodes[2].CPU, nodes[2].Memory = 10, topology.MiB
	nodes[3].Disk = topology.MiB
	s := newStage(nodes...)
	spec := job(50, 100, 100)
	g := &spec.Groups[0]
	g.Demand.Disk = 10 * topology.MiB
	g.Constraints = []workloads.Constraint{
		{Attribute: "taint.dedicated", Operator: "!=", Values: []string{"video"}},
		{Attribute: "class", Operator: "!=", Values: []string{"edge"}},
		{Operator: workloads.DistinctHosts},
	}
	id := s.state.Submit(spec)
	ask := cluster.NewAsk(g)
	a := cluster.Instance(id, spec, 0, 0, 4, ask.On(s.state.Fleet().Machine(4)), nil)
	a.Client = cluster.Running
	s.state.Add(a)
	s.state.SetStanding(5, cluster.Standing{Ineligible: true})
	s.Begin(cluster.View{State: s.state, Plan: &cluster.Plan{Job: id}}, id)
	assert.Equal(t, []solver.NodeCount{
		{What: WithoutCPU, Nodes: 1}, {What: WithoutDisk, Nodes: 1}, {What: WithoutMemory, Nodes: 1}, {What: WrongNode, Nodes: 1},
		{What: TooNearAnother, Nodes: 1}, {What: Untolerated, Nodes: 1}, {What: Unschedulable, Nodes: 1},
	}, s.Reasons(spec, 0))
	assert.Empty(t, s.Candidates(spec, 0))
}
