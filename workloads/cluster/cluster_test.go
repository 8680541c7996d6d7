package cluster_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

func machines(n int) []topology.Node {
	nodes := make([]topology.Node, n)
	for i := range nodes {
		nodes[i] = topology.Node{Name: fmt.Sprint("n", i), Cores: 4, Speed: 1, CPU: 4000, Memory: 4096, Disk: 1000, Class: fmt.Sprint(i % 3),
			Attributes: map[string]string{"unique.id": fmt.Sprint(i)}}
	}
	return nodes
}

var spec = &workloads.Job{Name: "j", Type: workloads.Service, Priority: 50, Groups: []workloads.Group{{Name: "g", Count: 1}}}

func instance(j cluster.JobID, n topology.NodeID, cpu topology.MHz) cluster.Allocation {
	return cluster.Instance(j, spec, 0, 0, n, cluster.Amount{CPU: cpu}, nil)
}

// Whatever happens to a state, its books are those of its allocations, and no
// snapshot or clone made before sees any of it.
func TestBooksBalanceAndSnapshotsStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.IntRange(1, 40).Draw(t, "nodes")
		fleet := cluster.NewFleet(machines(nodes))
		states := []*cluster.State{cluster.New(fleet)}
		states[0].Submit(spec)
		type old struct {
			state *cluster.State
			print string
		}
		var kept []old
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			s := states[rapid.IntRange(0, len(states)-1).Draw(t, "state")]
			n := topology.NodeID(rapid.IntRange(0, nodes-1).Draw(t, "node"))
			switch op := rapid.IntRange(0, 6).Draw(t, "op"); {
			case op <= 2:
				s.Add(instance(0, n, topology.MHz(rapid.IntRange(1, 100).Draw(t, "cpu"))))
			case op <= 4 && s.Allocs() > 0:
				id := cluster.AllocID(rapid.IntRange(0, s.Allocs()-1).Draw(t, "alloc"))
				s.Update(id, func(a *cluster.Allocation) {
					a.Client = cluster.Client(rapid.IntRange(0, 5).Draw(t, "client"))
					a.Desired = cluster.Desired(rapid.IntRange(0, 2).Draw(t, "desired"))
				})
			case op == 5:
				kept = append(kept, old{s.Snapshot(), books(s)})
			case op == 6 && len(states) < 3:
				states = append(states, s.Clone())
			}
		}
		for _, s := range states {
			if got, want := books(s), recount(s); got != want {
				t.Fatalf("books\n%s\nrecounted\n%s", got, want)
			}
		}
		for _, k := range kept {
			if got := books(k.state); got != k.print {
				t.Fatalf("a snapshot changed from\n%s\nto\n%s", k.print, got)
			}
		}
	})
}

func books(s *cluster.State) string {
	out := ""
	for i := range s.Fleet().Len() {
		n := topology.NodeID(i)
		out += fmt.Sprintln(i, s.Used(n), s.Wanted(n), s.On(n))
	}
	return out + fmt.Sprintln(s.Of(0))
}

func recount(s *cluster.State) string {
	out := ""
	for i := range s.Fleet().Len() {
		var used, wanted cluster.Amount
		on := []cluster.AllocID{}
		for id := range cluster.AllocID(s.Allocs()) {
			if a := s.Alloc(id); a.Node == topology.NodeID(i) && !a.Client.Terminal() {
				on = append(on, id)
				used = used.Plus(a.Amount)
				if a.Desired == cluster.Run {
					wanted = wanted.Plus(a.Amount)
				}
			}
		}
		out += fmt.Sprintln(i, used, wanted, on)
	}
	all := []cluster.AllocID{}
	for id := range s.Allocs() {
		all = append(all, cluster.AllocID(id))
	}
	return out + fmt.Sprintln(all)
}

func TestClassesIgnoreWhatIsUnique(t *testing.T) {
	f := cluster.NewFleet(machines(9))
	assert.Equal(t, 3, f.Classes())
	assert.Equal(t, f.Machine(1).Class, f.Machine(4).Class)
	assert.NotEqual(t, f.Machine(1).Class, f.Machine(2).Class)
}

func TestASnapshotCannotBeWritten(t *testing.T) {
	s := cluster.New(cluster.NewFleet(machines(1))).Snapshot()
	assert.Panics(t, func() { s.SetStanding(0, cluster.Standing{Status: cluster.Down}) })
}

// The case of the plan applier: node n1 has room for its placement, n2 does not.
func TestAPlanThatFitsOneOfItsNodes(t *testing.T) {
	s := cluster.New(cluster.NewFleet(machines(2)))
	j := s.Submit(spec)
	s.Add(instance(j, 1, 3000))
	p := &cluster.Plan{Job: j}
	p.Place(instance(j, 0, 2000))
	p.Place(instance(j, 1, 2000))
	require.Equal(t, []topology.NodeID{0, 1}, p.Nodes())
	assert.Empty(t, s.Verify(p, 0))
	assert.Equal(t, "cpu", s.Verify(p, 1))
	v := cluster.View{State: s, Plan: p}
	assert.Equal(t, topology.MHz(2000), v.Free(0).CPU)
	assert.Equal(t, topology.MHz(-1000), v.Free(1).CPU)
	ids := s.Commit(p, time.Minute, func(n topology.NodeID) bool { return s.Verify(p, n) != "" })
	assert.Equal(t, []cluster.AllocID{1, cluster.NoAlloc}, ids)
	assert.Equal(t, topology.MHz(2000), s.Used(0).CPU)
	assert.Equal(t, topology.MHz(3000), s.Used(1).CPU)
	assert.Equal(t, time.Minute, s.Alloc(1).CreatedAt)
}

// The scheduler counts what its client still holds, the applier does not count
// what is to stop.
func TestWhatIsEvictedHoldsItsRoomForSchedulersOnly(t *testing.T) {
	s := cluster.New(cluster.NewFleet(machines(1)))
	j := s.Submit(spec)
	victim := s.Add(instance(j, 0, 3000))
	p := &cluster.Plan{Job: j}
	p.Place(instance(j, 0, 2000), s.Alloc(victim))
	assert.Empty(t, s.Verify(p, 0))
	assert.Equal(t, topology.MHz(2000), cluster.View{State: s, Plan: p}.Used(0).CPU)
	s.Commit(p, 0, func(topology.NodeID) bool { return false })
	assert.Equal(t, topology.MHz(5000), s.Used(0).CPU)
	assert.Equal(t, topology.MHz(2000), s.Wanted(0).CPU)
	assert.Equal(t, cluster.AllocID(1), s.Alloc(victim).EvictedBy)
	s.Update(victim, func(a *cluster.Allocation) { a.Client = cluster.Complete })
	assert.Equal(t, topology.MHz(2000), s.Used(0).CPU)
}

func TestGrantsByName(t *testing.T) {
	node := topology.Node{
		Name: "n", Cores: 8, Speed: 1, CPU: 8000, Memory: 1 << 30, Interfaces: []topology.Interface{{Name: "eth0", Mbits: 100}, {Name: "eth1", Mbits: 1000}},
		ReservedCores: []int{0, 1}, ReservedPorts: []int{20000},
		Devices: []topology.DeviceGroup{
			{Vendor: "nvidia", Type: "gpu", Model: "1080", Count: 4, Attributes: map[string]string{"memory": "8 GiB"}},
			{Vendor: "nvidia", Type: "gpu", Model: "2080", Count: 2, Attributes: map[string]string{"memory": "11 GiB"}},
		},
	}
	m := cluster.NewFleet([]topology.Node{node}).Machine(0)
	gpu := func(count int, rules ...workloads.Constraint) workloads.DeviceAsk {
		return workloads.DeviceAsk{Name: "nvidia/gpu", Count: count, Constraints: rules}
	}
	ask := func(task workloads.Task) *cluster.Ask {
		task.Name = "t"
		g := workloads.Group{Name: "g", Count: 1, Tasks: []workloads.Task{task}}
		job := workloads.Job{Groups: []workloads.Group{g}}
		job.Settle(nil)
		a := cluster.NewAsk(&job.Groups[0])
		return &a
	}
	rich := ask(workloads.Task{Cores: 2, CPU: 77, Memory: 5, Devices: []workloads.DeviceAsk{
		gpu(1, workloads.Constraint{Attribute: "device.attr.memory", Operator: ">", Values: []string{"9000 MiB"}})},
		Networks: []workloads.Network{{Mbits: 500, Static: []workloads.Port{{Label: "http", Number: 80}}, Dynamic: []workloads.Port{{Label: "rpc"}}}}})
	assert.Equal(t, topology.MHz(2000), rich.On(m).CPU)
	g, _, _, lacks := rich.Grant(m, nil)
	require.Empty(t, lacks)
	assert.Equal(t, []int16{2, 3}, g.Cores)
	assert.Equal(t, []cluster.NetworkGrant{{Interface: 1, Mbits: 500, Ports: []int32{80, 20001}}}, g.Networks)
	assert.Equal(t, []cluster.DeviceGrant{{Group: 1, Milli: 1000, Instances: []int16{0}}}, g.Devices)
	first := cluster.Instance(0, spec, 0, 0, 0, rich.On(m), g)
	on := []*cluster.Allocation{&first}
	assert.Empty(t, cluster.Overfull(m, on))
	for want, task := range map[string]workloads.Task{
		"cores":                            {Cores: 5},
		"network: bandwidth exceeded":      {Networks: []workloads.Network{{Mbits: 501}}},
		"network: reserved port collision": {Networks: []workloads.Network{{Mbits: 450, Static: []workloads.Port{{Number: 80}}}}},
		"devices: nvidia/gpu":              {Devices: []workloads.DeviceAsk{gpu(5)}},
		"missing devices":                  {Devices: []workloads.DeviceAsk{{Name: "fpga", Count: 1}}},
	} {
		_, _, _, lacks := ask(task).Grant(m, on)
		assert.Equal(t, want, lacks)
	}
	liked := gpu(1)
	liked.Affinities = []workloads.Affinity{{Constraint: workloads.Constraint{Attribute: "device.model", Operator: "=", Values: []string{"2080"}}, Weight: 60}, {Constraint: workloads.Constraint{Attribute: "device.model", Operator: "=", Values: []string{"x"}}, Weight: -40}}
	g, score, weight, lacks := ask(workloads.Task{Devices: []workloads.DeviceAsk{liked}}).Grant(m, on)
	require.Empty(t, lacks)
	assert.Equal(t, []cluster.DeviceGrant{{Group: 1, Milli: 1000, Instances: []int16{1}}}, g.Devices)
	assert.Equal(t, []float64{60, 100}, []float64{score, weight})
	clash := slices.Clone(on)
	second := first
	clash = append(clash, &second)
	assert.Equal(t, "cores", cluster.Overfull(m, clash))
}

func BenchmarkSnapshotThenPlace(b *testing.B) {
	s := cluster.New(cluster.NewFleet(machines(5000)))
	j := s.Submit(spec)
	for i := range 50_000 {
		s.Add(instance(j, topology.NodeID(i%5000), 10))
	}
	for i := 0; b.Loop(); i++ {
		_ = s.Snapshot()
		s.Update(cluster.AllocID(i%50_000), func(a *cluster.Allocation) { a.Client ^= cluster.Running })
	}
}
