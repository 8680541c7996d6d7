package binpack_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/solver"
	"caravan/solver/binpack"
	"caravan/topology"
	"caravan/workloads"
)

// racks are nodes with room for many instances, in racks of two.
func racks(t require.TestingT, count int) *topology.Topology {
	var nodes []topology.Node
	for i := range count {
		nodes = append(nodes, topology.Node{Name: fmt.Sprintf("n%d", i), Cores: 1, Speed: 1, CPU: 1000, Meta: map[string]string{"rack": fmt.Sprint(i / 2)}})
	}
	top, err := topology.New(nodes, nil)
	require.NoError(t, err)
	return top
}

func TestASystemJobHasOneInstanceOnANode(t *testing.T) {
	for _, policy := range binpack.Policies() {
		p := &solver.Problem{Topology: racks(t, 3), Workload: &workloads.Workload{Jobs: []workloads.Job{{
			Name: "agent", Type: workloads.System, Groups: []workloads.Group{{Name: "agent", Count: 3, Demand: topology.Resources{CPU: 100}}},
		}}}}
		sol, err := solver.Solve(context.Background(), binpack.Solver{Policy: binpack.Policy(policy)}, p)
		require.NoError(t, err, policy)
		assert.Empty(t, sol.Unplaced, policy)
		assert.ElementsMatch(t, []topology.NodeID{0, 1, 2}, sol.Placement.Jobs[0][0], policy)
	}
}

func TestTheNodesInUseAreNamedToTheNextInstance(t *testing.T) {
	p := &solver.Problem{Topology: racks(t, 2), Workload: &workloads.Workload{Jobs: []workloads.Job{{
		Name: "db", Groups: []workloads.Group{{Name: "db", Count: 3}}, Constraints: []workloads.Constraint{{Operator: workloads.DistinctHosts}},
	}}}}
	sol, err := solver.Solve(context.Background(), binpack.Solver{}, p)
	require.NoError(t, err)
	require.Len(t, sol.Unplaced, 1)
	assert.Contains(t, sol.Unplaced[0].Reason, "name != n0, n1 leaves out 2 of 2 nodes")
}

// solver.Solve refuses placements that break the distances of any job.
func TestDistancesAreKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var jobs []workloads.Job
		for j := range rapid.IntRange(1, 3).Draw(t, "jobs") {
			distance := rapid.SampledFrom([]workloads.Constraint{
				{Operator: workloads.DistinctHosts}, {Attribute: "meta.rack", Operator: workloads.DistinctProperty},
				{Attribute: "meta.rack", Operator: workloads.DistinctProperty, Values: []string{"2"}},
				{Attribute: "meta.absent", Operator: workloads.DistinctProperty},
			})
			job := workloads.Job{Name: fmt.Sprint(j), Type: rapid.SampledFrom([]workloads.JobType{workloads.Service, workloads.System}).Draw(t, "type")}
			if rapid.Bool().Draw(t, "of the job") {
				job.Constraints = append(job.Constraints, distance.Draw(t, "distance"))
			}
			for g := range rapid.IntRange(1, 2).Draw(t, "groups") {
				group := workloads.Group{Name: fmt.Sprint(g), Count: rapid.IntRange(1, 4).Draw(t, "count"), Demand: topology.Resources{CPU: 200}}
				if rapid.Bool().Draw(t, "of the group") {
					group.Constraints = append(group.Constraints, distance.Draw(t, "distance"))
				}
				job.Groups = append(job.Groups, group)
			}
			jobs = append(jobs, job)
		}
		p := &solver.Problem{Topology: racks(t, rapid.IntRange(1, 5).Draw(t, "nodes")), Workload: &workloads.Workload{Jobs: jobs}}
		policy := binpack.Policy(rapid.SampledFrom(binpack.Policies()).Draw(t, "policy"))
		_, err := solver.Solve(context.Background(), binpack.Solver{Policy: policy}, p)
		require.NoError(t, err)
	})
}
