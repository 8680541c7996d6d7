// Package runnertest is what every backend must pass.
package runnertest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results"
	"caravan/runner"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// Timeout bounds each step of the suite.
const Timeout = time.Minute

// Test runs the suite on a backend whose cluster has at least two nodes, called
// nodes[0] and nodes[1]. The backend need not emulate links.
func Test(t *testing.T, b runner.Backend, nodes [2]string) {
	ctx, stop := context.WithTimeout(t.Context(), 5*Timeout)
	t.Cleanup(stop)
	before, err := b.Status(ctx, "")
	require.NoError(t, err)

	plan := Chain(t, runner.NewRun("runnertest", time.Now(), 1), nodes)
	t.Cleanup(func() {
		_, err := b.Clean(context.WithoutCancel(ctx), plan.Run)
		assert.NoError(t, err)
	})
	t.Run("the nodes are there", func(t *testing.T) { testNodes(t, ctx, b, nodes) })
	t.Run("every agent listens after Deploy", func(t *testing.T) { testDeploy(t, ctx, b, plan) })
	t.Run("deploying again changes nothing", func(t *testing.T) { testDeployAgain(t, ctx, b, plan) })
	t.Run("every request is answered once and in order of its stages", func(t *testing.T) { testDrive(t, ctx, b, plan) })
	t.Run("an operator moves", func(t *testing.T) { testMove(t, ctx, b, plan, nodes) })
	t.Run("stopped agents are listed until cleaned", func(t *testing.T) { testStop(t, ctx, b, plan) })
	t.Run("nothing is left", func(t *testing.T) { testClean(t, ctx, b, plan, before) })
}

// Chain is the plan of a chain of three operators on two nodes.
func Chain(t *testing.T, run string, nodes [2]string) *runner.Plan {
	t.Helper()
	return chain(t, run, nodes, []topology.NodeID{0, 1, 1})
}

func chain(t *testing.T, run string, nodes [2]string, at []topology.NodeID) *runner.Plan {
	t.Helper()
	top, err := topology.New(
		[]topology.Node{{Name: nodes[0], Cores: 1, Speed: 1}, {Name: nodes[1], Cores: 1, Speed: 1}},
		[]topology.Link{{From: 0, To: 1}, {From: 1, To: 0}})
	require.NoError(t, err)
	work := workloads.Const(0.001)
	w := &workloads.Workload{Pipelines: []workloads.Pipeline{{
		Name: "chain", Source: topology.None, Sink: topology.None,
		Arrivals: workloads.Arrivals{Kind: workloads.Periodic, Period: time.Second, Count: 1},
		Operators: []workloads.Operator{
			{Name: "first", Work: work, Output: workloads.Const(100), Node: topology.None},
			{Name: "second", Work: work, Output: workloads.Const(1000), After: []int{0}, Node: topology.None},
			{Name: "third", Work: work, After: []int{1}, Node: topology.None},
		},
	}}}
	p := placement.Placement{Pipelines: [][]topology.NodeID{at}}
	plan, err := runner.NewPlan(run, top, w, placement.Model{}, p, runner.PlanOptions{Hold: true, Collect: true})
	require.NoError(t, err)
	return plan
}

func testNodes(t *testing.T, ctx context.Context, b runner.Backend, nodes [2]string) {
	list, err := b.Nodes(ctx)
	require.NoError(t, err)
	names := map[string]bool{}
	for _, n := range list {
		names[n.Name] = n.Ready
	}
	for _, n := range nodes {
		assert.True(t, names[n], "node %s is ready", n)
	}
}

func testDeploy(t *testing.T, ctx context.Context, b runner.Backend, p *runner.Plan) {
	require.NoError(t, b.Deploy(ctx, p))
	list, err := b.Status(ctx, p.Run)
	require.NoError(t, err)
	require.Len(t, list, len(p.Agents))
	for _, a := range list {
		d, ok := p.Agent(a.Name)
		require.True(t, ok, a.Name)
		assert.Equal(t, runner.Running, a.State, a.Name)
		assert.Equal(t, d.Node, a.Node, a.Name)
		assert.Equal(t, p.Run, a.Run)
	}
	at, err := b.Addresses(ctx, p.Run)
	require.NoError(t, err)
	for _, d := range p.Agents {
		resp, err := http.Get("http://" + at[d.Name].HTTP + "/healthz")
		require.NoError(t, err)
		assert.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusOK, resp.StatusCode)
	}
}

func testDeployAgain(t *testing.T, ctx context.Context, b runner.Backend, p *runner.Plan) {
	before, err := b.Status(ctx, p.Run)
	require.NoError(t, err)
	require.NoError(t, b.Deploy(ctx, p))
	after, err := b.Status(ctx, p.Run)
	require.NoError(t, err)
	assert.Equal(t, before, after)
}

// requests are n of the chain's, one every 20 ms.
func requests(n int) []results.Request {
	var out []results.Request
	for i := range n {
		out = append(out, results.Request{
			Pipeline: "chain", CreatedAt: time.Duration(i) * 20 * time.Millisecond,
			Work: []float64{0.001, 0.002, 0.001}, Output: []float64{100, 1000, 0},
		})
	}
	return out
}

// Answered requires that every request of a measurement of the chain was
// answered, after one visit to each operator.
func Answered(t *testing.T, m *runner.Measurement) {
	t.Helper()
	for i := range m.Requests {
		r := &m.Requests[i]
		require.Equal(t, results.Answered, r.Outcome, "request %d", i)
		require.Len(t, r.Visits, 3)
		require.Len(t, r.Crossings, 2)
		for j, v := range r.Visits {
			assert.Equal(t, []string{"first", "second", "third"}[j], v.Operator)
			assert.LessOrEqual(t, v.JoinedAt, v.StartedAt)
			assert.LessOrEqual(t, v.StartedAt+time.Millisecond, v.EndedAt, "the work takes its time")
			assert.LessOrEqual(t, v.EndedAt, v.SentAt)
		}
		assert.Equal(t, r.EndedAt, r.Visits[2].EndedAt)
		assert.InDelta(t, 1000, r.Crossings[1].Bytes, 0)
	}
}

// drive sends requests through the plan, however late the generator is.
func drive(t *testing.T, ctx context.Context, b runner.Backend, p *runner.Plan) *runner.Measurement {
	t.Helper()
	m, err := runner.Drive(ctx, b, p, requests(20), runner.DriveOptions{Patience: Timeout, MaxLag: Timeout})
	require.NoError(t, err)
	assert.Empty(t, m.Invalid)
	assert.Len(t, m.Clocks, len(p.Agents))
	return m
}

func testDrive(t *testing.T, ctx context.Context, b runner.Backend, p *runner.Plan) {
	Answered(t, drive(t, ctx, b, p))
}

// testMove deploys the plan with its last two operators on the other node.
func testMove(t *testing.T, ctx context.Context, b runner.Backend, p *runner.Plan, nodes [2]string) {
	moved := chain(t, p.Run, nodes, []topology.NodeID{0, 0, 0})
	require.NoError(t, b.Deploy(ctx, moved))
	list, err := b.Status(ctx, p.Run)
	require.NoError(t, err)
	for _, a := range list {
		assert.Equal(t, nodes[0], a.Node, a.Name)
	}
	Answered(t, drive(t, ctx, b, moved))
}

func testStop(t *testing.T, ctx context.Context, b runner.Backend, p *runner.Plan) {
	for range 2 {
		require.NoError(t, b.Stop(ctx, p.Run))
		list, err := b.Status(ctx, p.Run)
		require.NoError(t, err)
		for _, a := range list {
			assert.Equal(t, runner.Stopped, a.State, a.Name)
		}
	}
}

func testClean(t *testing.T, ctx context.Context, b runner.Backend, p *runner.Plan, before []runner.Agent) {
	for range 2 {
		_, err := b.Clean(ctx, p.Run)
		require.NoError(t, err)
	}
	after, err := b.Status(ctx, "")
	require.NoError(t, err)
	assert.Equal(t, before, after, "what was there before is there again, and nothing else")
}
