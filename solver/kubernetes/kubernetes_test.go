package kubernetes

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// A stage is a cluster and its scheduler.
type stage struct {
	*Scheduler
	state *cluster.State
}

func newStage(nodes ...topology.Node) *stage {
	for i := range nodes {
		nodes[i].Name, nodes[i].Cores, nodes[i].Speed = fmt.Sprint("n", i), 1, 1
	}
	f := cluster.NewFleet(nodes)
	return &stage{New(f, rand.New(rand.NewPCG(1, 1))), cluster.New(f)}
}

// job is one of a single group.
func job(priority int, cpu topology.MHz, memory topology.Bytes) *workloads.Job {
	return &workloads.Job{Name: "j", Type: workloads.Service, Priority: priority, Groups: []workloads.Group{{
		Name: "g", Count: 1, Demand: topology.Resources{CPU: cpu, Memory: memory * topology.MiB},
	}}}
}

// run puts an instance of the job on a node, started at an instant.
func (s *stage) run(spec *workloads.Job, n topology.NodeID, at time.Duration) cluster.AllocID {
	ask := cluster.NewAsk(&spec.Groups[0])
	a := cluster.Instance(s.state.Submit(spec), spec, 0, 0, n, ask.On(s.state.Fleet().Machine(n)), nil)
	a.Client, a.StartedAt = cluster.Running, at
	return s.state.Add(a)
}

// decide selects a node for an instance of a new job.
func (s *stage) decide(spec *workloads.Job, preempt bool) (Decision, bool) {
	id := s.state.Submit(spec)
	s.Begin(cluster.View{State: s.state, Plan: &cluster.Plan{Job: id}}, id)
	return s.Select(spec, 0, nil, preempt)
}

func victims(d Decision) []cluster.AllocID {
	out := []cluster.AllocID{}
	for _, a := range d.Evict {
		out = append(out, a.ID)
	}
	return out
}

func machine(cpu topology.MHz, memory topology.Bytes) topology.Node {
	return topology.Node{CPU: cpu, Memory: memory * topology.MiB}
}

// The scores of an ask of 1000 MHz and 1000 MiB, by hand: 10000/10000 is left
// with 90 and 90 percent: 90 + 100 and 300 for the taints that are not there;
// 4000/2000 with 75 and 50: floor(62.5) + floor(100 * (1 - 0.125)) = 62 + 87.
func TestResourcesAreScoredByHand(t *testing.T) {
	s := newStage(machine(4000, 2000), machine(10000, 10000))
	d, ok := s.decide(job(50, 1000, 1000), false)
	require.True(t, ok)
	assert.EqualValues(t, 1, d.Node)
	assert.Equal(t, 90.0+100+300, d.Score)
	least, balanced := s.resources(0, cluster.Amount{CPU: 1000, Memory: 1000 * topology.MiB})
	assert.Equal(t, []float64{62, 87}, []float64{least, balanced})
}

func TestAffinitiesTaintsAndSpreadsAreWeighed(t *testing.T) {
	nodes := []topology.Node{machine(4000, 4000), machine(4000, 4000), machine(4000, 4000)}
	nodes[0].Class, nodes[1].Class, nodes[2].Class = "a", "b", "c"
	prefer := func(class string, weight int) workloads.Affinity {
		return workloads.Affinity{Constraint: workloads.Constraint{Attribute: "class", Operator: "=", Values: []string{class}}, Weight: weight}
	}
	for name, c := range map[string]struct {
		affinities []workloads.Affinity
		spread     bool
		want       topology.NodeID
	}{
		"preferred":              {[]workloads.Affinity{prefer("a", 20), prefer("b", 80)}, false, 1},
		"not tolerated":          {[]workloads.Affinity{prefer("a", -50), prefer("b", -50)}, false, 2},
		"a taint beats a wish":   {[]workloads.Affinity{prefer("a", 20), prefer("a", -50), prefer("b", 10), prefer("c", -1)}, false, 1},
		"away from the siblings": {nil, true, 2},
	} {
		s := newStage(nodes...)
		spec := job(50, 100, 100)
		spec.Groups[0].Affinities = c.affinities
		id := s.state.Submit(spec)
		if c.spread {
			spec.Groups[0].Spreads = []workloads.Spread{{Attribute: "class", Weight: 50}}
			for n := range topology.NodeID(2) {
				ask := cluster.NewAsk(&spec.Groups[0])
				a := cluster.Instance(id, spec, 0, int(n), n, ask.On(s.state.Fleet().Machine(n)), nil)
				a.Client = cluster.Running
				s.state.Add(a)
			}
		}
		s.Begin(cluster.View{State: s.state, Plan: &cluster.Plan{Job: id}}, id)
		d, ok := s.Select(spec, 0, nil, false)
		require.True(t, ok)
		assert.Equal(t, c.want, d.Node, name)
	}
}

func TestTheSearchEndsWhenEnoughNodesHaveRoom(t *testing.T) {
	for n, want := range map[int]int{0: 0, 99: 99, 100: 100, 1000: 420, 5000: 500, 10_000: 500} {
		assert.Equal(t, want, enoughOf(n), "%d nodes", n)
	}
	nodes := make([]topology.Node, 250)
	for i := range nodes {
		nodes[i] = machine(1000, 1000)
	}
	s := newStage(nodes...)
	for range 3 {
		_, ok := s.decide(job(50, 10, 10), false)
		require.True(t, ok)
	}
	assert.Equal(t, 3*120%250, s.start, "48 percent of 250 at a time")
}

// On one machine the three lower priorities leave, the dearest may return:
// 4000 - 1500 leaves room for 2000 of them beside what asks.
func TestVictimsThatFitAfterAllStay(t *testing.T) {
	s := newStage(machine(4000, 0))
	s.run(job(90, 500, 0), 0, 0)
	s.run(job(10, 1000, 0), 0, 0)
	s.run(job(30, 1000, 0), 0, 0)
	mid := s.run(job(20, 1500, 0), 0, 0)
	_, ok := s.decide(job(50, 1500, 0), false)
	assert.False(t, ok)
	d, ok := s.decide(job(50, 1500, 0), true)
	require.True(t, ok)
	assert.Equal(t, []cluster.AllocID{mid}, victims(d), "30 stays, 20 does not fit any more, 10 does")
	_, ok = s.decide(job(10, 1500, 0), true)
	assert.False(t, ok, "equals never leave")
}

// Each row changes one thing: the later rule decides between the machines only
// when the earlier ones tie.
func TestTheLeastHarmfulNodeIsPicked(t *testing.T) {
	type holds struct {
		priority int
		cpu      topology.MHz
		at       time.Duration
		guarded  bool // by a budget that lets nobody leave
	}
	for name, c := range map[string]struct {
		nodes [][]holds
		want  topology.NodeID
	}{
		"fewest violated budgets": {[][]holds{{{10, 1000, 0, true}}, {{20, 1000, 0, false}}}, 1},
		"lowest top priority":     {[][]holds{{{30, 1000, 0, false}}, {{20, 500, 0, false}, {20, 500, 0, false}}}, 1},
		"smallest sum":            {[][]holds{{{20, 500, 0, false}, {15, 500, 0, false}}, {{20, 500, 0, false}, {10, 500, 0, false}}}, 1},
		"fewest victims":          {[][]holds{{{20, 500, 0, false}, {20, 500, 0, false}}, {{20, 1000, 0, false}}}, 1},
		"latest start":            {[][]holds{{{20, 1000, time.Minute, false}}, {{20, 1000, time.Hour, false}}}, 1},
	} {
		s := newStage(machine(1000, 0), machine(1000, 0))
		for n, list := range c.nodes {
			for _, h := range list {
				spec := job(h.priority, h.cpu, 0)
				if h.guarded {
					spec.Groups[0].Migrate = &workloads.Migrate{MaxParallel: 0}
				}
				s.run(spec, topology.NodeID(n), h.at)
			}
		}
		d, ok := s.decide(job(50, 1000, 0), true)
		require.True(t, ok)
		assert.Equal(t, c.want, d.Node, name)
		assert.Len(t, d.Evict, len(c.nodes[c.want]), name)
	}
}

func TestDecisionsNeverOverfillAndNeverEvictEquals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var nodes []topology.Node
		for range rapid.IntRange(1, 5).Draw(t, "nodes") {
			nodes = append(nodes, machine(topology.MHz(500*rapid.IntRange(1, 8).Draw(t, "cpu")), topology.Bytes(512*rapid.IntRange(1, 8).Draw(t, "memory"))))
		}
		s := newStage(nodes...)
		for range rapid.IntRange(1, 25).Draw(t, "jobs") {
			spec := job(rapid.SampledFrom([]int{10, 30, 50}).Draw(t, "priority"), topology.MHz(250*rapid.IntRange(1, 6).Draw(t, "cpu")), topology.Bytes(256*rapid.IntRange(1, 6).Draw(t, "memory")))
			id := s.state.Submit(spec)
			plan := &cluster.Plan{Job: id, Priority: spec.Priority}
			s.Begin(cluster.View{State: s.state, Plan: plan}, id)
			d, ok := s.Select(spec, 0, nil, true)
			if !ok {
				continue
			}
			for _, v := range d.Evict {
				require.Less(t, v.Priority(), spec.Priority)
			}
			plan.Place(cluster.Instance(id, spec, 0, 0, d.Node, d.Held, d.Grant), d.Evict...)
			require.Empty(t, s.state.Verify(plan, d.Node))
			s.state.Commit(plan, 0, func(topology.NodeID) bool { return false })
			for _, v := range d.Evict {
				s.state.Update(v.ID, func(a *cluster.Allocation) { a.Client = cluster.Complete })
			}
		}
	})
}
