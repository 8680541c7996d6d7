package preempt_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/solver"
	"caravan/solver/preempt"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

func TestDistance(t *testing.T) {
	ask := cluster.Amount{CPU: 2048, Memory: 512, Disk: 4096}
	for want, use := range map[string]cluster.Amount{
		"0.000": {CPU: 2048, Memory: 512, Disk: 4096}, "0.928": {CPU: 1024, Memory: 400, Disk: 1024},
		"3.152": {CPU: 8192, Memory: 200, Disk: 1024}, "0.023": {CPU: 2048, Memory: 500, Disk: 4096},
	} {
		assert.Equal(t, want, fmt.Sprintf("%.3f", preempt.Distance(ask, use)))
	}
}

// holding is what an instance has: cpu, memory in MiB, Mbit/s, devices.
type holding struct {
	priority   int
	cpu        topology.MHz
	memory     topology.Bytes
	mbits      int
	port, card int            // static port, and the interface that the holding is on
	disk       topology.Bytes // GiB
	device     string
	count      int
}

func (h holding) group() workloads.Group {
	task := workloads.Task{Name: "t", CPU: h.cpu, Memory: h.memory * topology.MiB}
	if h.mbits > 0 {
		task.Networks = []workloads.Network{{Mbits: h.mbits}}
		if h.port > 0 {
			task.Networks[0].Static = []workloads.Port{{Number: h.port}}
		}
	}
	if h.count > 0 {
		task.Devices = []workloads.DeviceAsk{{Name: h.device, Count: h.count}}
	}
	return workloads.Group{Name: "g", Count: 1, Demand: topology.Resources{Disk: h.disk * topology.GiB}, Tasks: []workloads.Task{task}}
}

// stage puts each holding on the node as a job of its own, and asks for ask.
func stage(t require.TestingT, node topology.Node, held []holding, ask holding) solver.EvictRequest {
	fleet := cluster.NewFleet([]topology.Node{node})
	s := cluster.New(fleet)
	r := solver.EvictRequest{View: cluster.View{State: s, Plan: &cluster.Plan{}}, Machine: fleet.Machine(0), Priority: ask.priority}
	for i, h := range held {
		job := &workloads.Job{Name: fmt.Sprint("a", i), Type: workloads.Service, Priority: h.priority, Groups: []workloads.Group{h.group()}}
		job.Settle(nil)
		a := cluster.NewAsk(&job.Groups[0])
		g, _, _, lacks := a.Grant(r.Machine, r.On)
		require.Empty(t, lacks)
		if g != nil && len(g.Networks) > 0 {
			g.Networks[0].Interface = int16(h.card)
		}
		id := s.Add(cluster.Instance(s.Submit(job), job, 0, 0, 0, a.On(r.Machine), g))
		r.On = append(r.On, s.Alloc(id))
	}
	job := &workloads.Job{Name: "asking", Priority: ask.priority, Groups: []workloads.Group{ask.group()}}
	job.Settle(nil)
	r.Job = s.Submit(job)
	need := cluster.NewAsk(&job.Groups[0])
	r.Ask, r.Held = &need, need.On(r.Machine)
	return r
}

func names(victims []*cluster.Allocation) []string {
	out := []string{}
	for _, a := range victims {
		out = append(out, a.Spec.Name)
	}
	slices.Sort(out)
	return out
}

func TestEvictionsOnOneNode(t *testing.T) {
	const hi, lo = 100, 30
	node := topology.Node{
		Name: "n", Cores: 14, Speed: 1, CPU: 4000, Memory: 8192 * topology.MiB, Disk: 110 * topology.GiB, Interfaces: []topology.Interface{{Name: "eth0", Mbits: 1000}},
		Reserved: topology.Resources{CPU: 100, Memory: 256 * topology.MiB},
		Devices: []topology.DeviceGroup{
			{Vendor: "nvidia", Type: "gpu", Model: "1080ti", Count: 4}, {Vendor: "nvidia", Type: "gpu", Model: "2080ti", Count: 5},
			{Vendor: "intel", Type: "fpga", Model: "F100", Count: 2},
		},
	}
	device := func(priority int, name string, count int) holding {
		return holding{priority: priority, cpu: 10, memory: 1, device: name, count: count}
	}
	for _, c := range []struct {
		name string
		held []holding
		ask  holding
		want []string
	}{
		{"P1: nothing lower", []holding{{priority: hi, cpu: 3200, memory: 7256, mbits: 50}}, holding{priority: 100, cpu: 2000, memory: 256, mbits: 1}, nil},
		{"P2: more than the node", []holding{{priority: lo, cpu: 3200, memory: 7256, mbits: 50}}, holding{priority: 100, cpu: 4000, memory: 8192, mbits: 1}, nil},
		{"P5: network, then cpu", []holding{
			{priority: hi, cpu: 2800, memory: 2256, mbits: 150}, {priority: lo, cpu: 200, memory: 256, mbits: 500},
			{priority: lo, cpu: 200, memory: 256, mbits: 300}, {priority: lo, cpu: 700, memory: 256},
		}, holding{priority: 100, cpu: 1100, memory: 1000, mbits: 840}, []string{"a1", "a2", "a3"}},
		{"P6: network alone", []holding{{priority: lo, cpu: 2800, memory: 2256}, {priority: lo, cpu: 200, memory: 256, mbits: 800}},
			holding{priority: 100, cpu: 1100, memory: 1000, mbits: 840}, []string{"a1"}},
		{"P6 from priority 35", []holding{{priority: lo, cpu: 2800, memory: 2256}, {priority: lo, cpu: 200, memory: 256, mbits: 800}},
			holding{priority: 35, cpu: 1100, memory: 1000, mbits: 840}, nil},
		{"a gap of exactly ten suffices", []holding{{priority: lo, cpu: 2800, memory: 2256}, {priority: lo, cpu: 200, memory: 256, mbits: 800}},
			holding{priority: 40, cpu: 1100, memory: 1000, mbits: 840}, []string{"a1"}},
		{"P9: the nearest bandwidth", []holding{
			{priority: hi, cpu: 1200, memory: 2256, mbits: 150}, {priority: lo, cpu: 200, memory: 256, mbits: 500}, {priority: lo, cpu: 200, memory: 256, mbits: 320},
		}, holding{priority: 100, cpu: 300, memory: 500, mbits: 320}, []string{"a2"}},
		{"a port that a higher priority holds", []holding{
			{priority: hi, cpu: 1200, memory: 2256, mbits: 150, port: 88}, {priority: lo, cpu: 200, memory: 256, mbits: 600},
		}, holding{priority: 100, cpu: 600, memory: 1000, mbits: 700, port: 88}, nil},
		{"all but the network", []holding{
			{priority: hi, cpu: 2800, memory: 2256, mbits: 150, disk: 40}, {priority: lo, cpu: 200, memory: 256, mbits: 50, disk: 20},
			{priority: lo, cpu: 200, memory: 512, disk: 25}, {priority: lo, cpu: 700, memory: 276, disk: 20},
		}, holding{priority: 100, cpu: 1000, memory: 3000, mbits: 50, disk: 50}, []string{"a1", "a2", "a3"}},
		{"the holder of the port and the rest of the bandwidth", []holding{
			{priority: hi, cpu: 1200, memory: 2256, mbits: 150}, {priority: lo, cpu: 200, memory: 256, mbits: 500, port: 88}, {priority: lo, cpu: 200, memory: 256, mbits: 200},
		}, holding{priority: 100, cpu: 600, memory: 1000, mbits: 700, port: 88}, []string{"a1", "a2"}},
		{"the holder of the port has all that is needed", []holding{
			{priority: hi, cpu: 1200, memory: 2256, mbits: 150}, {priority: lo, cpu: 200, memory: 256, mbits: 500, port: 88}, {priority: lo, cpu: 200, memory: 256, mbits: 200},
		}, holding{priority: 100, cpu: 600, memory: 1000, mbits: 600, port: 88}, []string{"a1"}},
		{"what a larger victim makes unnecessary stays", []holding{
			{priority: hi, cpu: 1800, memory: 2256, mbits: 150}, {priority: lo, cpu: 1500, memory: 256, mbits: 100}, {priority: lo, cpu: 600, memory: 256, mbits: 300},
		}, holding{priority: 100, cpu: 1000, memory: 256, mbits: 50}, []string{"a1"}},
		{"devices of one group", []holding{device(lo, "nvidia/gpu/1080ti", 1), device(lo, "nvidia/gpu/1080ti", 1)},
			device(100, "nvidia/gpu/1080ti", 4), []string{"a0", "a1"}},
		{"devices are not mixed across groups", []holding{device(lo, "nvidia/gpu/1080ti", 4), device(lo, "fpga", 1)}, device(100, "gpu", 6), nil},
		{"the group of the least distinct priorities", []holding{device(lo, "nvidia/gpu/1080ti", 4), device(lo, "nvidia/gpu/2080ti", 3), device(lo+1, "nvidia/gpu/2080ti", 2)},
			device(100, "gpu", 4), []string{"a0"}},
		{"the lowest priority first", []holding{{priority: 60, cpu: 2000, memory: 10}, {priority: lo, cpu: 1500, memory: 10}, {priority: 20, cpu: 100, memory: 10}},
			holding{priority: 100, cpu: 1800, memory: 10}, []string{"a1", "a2"}}, // a2 is not needed beside a1, yet farther from the ask
	} {
		t.Run(c.name, func(t *testing.T) {
			victims, ok := preempt.Greedy{}.Evict(stage(t, node, c.held, c.ask))
			assert.Equal(t, c.want != nil, ok)
			if c.want != nil {
				assert.Equal(t, c.want, names(victims))
			}
			exact, found := preempt.Exact{}.Evict(stage(t, node, c.held, c.ask))
			assert.Equal(t, ok, found)
			assert.LessOrEqual(t, preempt.Total(exact, nil), preempt.Total(victims, nil))
		})
	}
}

// The fixed ports of the ask go first, and their holder must be allowed to leave.
func TestAPortMustBeFreed(t *testing.T) {
	node := topology.Node{Name: "n", Cores: 1, Speed: 1}
	for priority, ok := range map[int]bool{30: true, 95: false} {
		r := stage(t, node, []holding{{priority: priority, cpu: 1}}, holding{priority: 100, cpu: 1})
		r.On[0].Grant = &cluster.Grant{Networks: []cluster.NetworkGrant{{Ports: []int32{80}}}}
		r.Ask.Networks = []workloads.Network{{Static: []workloads.Port{{Number: 80}}}}
		for _, e := range []solver.Evictor{preempt.Greedy{}, preempt.Exact{}} {
			victims, found := e.Evict(r)
			assert.Equal(t, ok, found)
			assert.Equal(t, ok, len(victims) == 1)
		}
	}
}

// A port of another interface is another port: the higher priority on eth0 does
// not stand in the way, and the bandwidth of eth1 is freed.
func TestInterfacesAreTakenOneByOne(t *testing.T) {
	node := topology.Node{Name: "n", Cores: 4, Speed: 1, CPU: 4000, Interfaces: []topology.Interface{{Name: "eth0", Mbits: 1000}, {Name: "eth1", Mbits: 1000}}}
	r := stage(t, node, []holding{
		{priority: 100, cpu: 100, mbits: 150, port: 88, card: 0}, {priority: 30, cpu: 100, mbits: 900, card: 1}, {priority: 30, cpu: 100, mbits: 700, card: 0},
	}, holding{priority: 100, cpu: 100, mbits: 600, port: 88})
	victims, ok := preempt.Greedy{}.Evict(r)
	require.True(t, ok)
	assert.Equal(t, []string{"a1"}, names(victims))
}

// Evicting more of one group than max_parallel in one plan costs distance.
func TestMaxParallelCountsWhatThePlanHasEvicted(t *testing.T) {
	node := topology.Node{Name: "n", Cores: 1, Speed: 1, CPU: 1000}
	r := stage(t, node, []holding{{priority: 30, cpu: 500}, {priority: 30, cpu: 490}}, holding{priority: 100, cpu: 490})
	victims, _ := preempt.Greedy{}.Evict(r)
	assert.Equal(t, []string{"a1"}, names(victims), "the nearest")
	gone := *r.On[1]
	r.View.Plan.Evictions = []cluster.Eviction{{Alloc: gone.ID}}
	victims, _ = preempt.Greedy{}.Evict(r)
	assert.Equal(t, []string{"a0"}, names(victims), "one of a1's group is evicted already")
}

// On random nodes: what is evicted makes room and is allowed, the exact set is
// the least of all subsets, and no greedy one is less.
func TestTheExactSetIsTheLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		node := topology.Node{Name: "n", Cores: 4, Speed: 1, CPU: 10_000, Memory: 10_000 * topology.MiB, Interfaces: []topology.Interface{{Mbits: 10_000}},
			Devices: []topology.DeviceGroup{{Type: "gpu", Model: "x", Count: 8}}}
		draw := func(label string) holding {
			h := holding{
				priority: 10 * rapid.IntRange(1, 9).Draw(t, label+" priority"), cpu: topology.MHz(100 * rapid.IntRange(0, 15).Draw(t, label+" cpu")),
				memory: topology.Bytes(100 * rapid.IntRange(0, 15).Draw(t, label+" memory")),
			}
			if rapid.Bool().Draw(t, label+" named") {
				h.mbits = 100 * rapid.IntRange(0, 12).Draw(t, label+" mbits")
				h.device, h.count = "gpu", rapid.IntRange(0, 1).Draw(t, label+" gpus")
			}
			return h
		}
		var held []holding
		for i := range rapid.IntRange(0, 8).Draw(t, "held") {
			held = append(held, draw(fmt.Sprint(i)))
		}
		ask := draw("ask")
		ask.cpu, ask.memory = ask.cpu*5, ask.memory*5
		r := stage(t, node, held, ask)
		if fits(r, r.On) {
			t.Skip("nothing needs to leave")
		}
		before := len(r.On)
		exact, ok := preempt.Exact{}.Evict(r)
		greedy, found := preempt.Greedy{}.Evict(r)
		if len(r.On) != before {
			t.Fatal("the request was changed")
		}
		least, any := bruteForce(r)
		if any != ok || ok && preempt.Total(exact, nil) != least {
			t.Fatalf("exact %v %v (%v), brute force %v %v", ok, preempt.Total(exact, nil), names(exact), any, least)
		}
		if found && !ok || found && preempt.Total(greedy, nil) < preempt.Total(exact, nil) {
			t.Fatalf("greedy %v is better than exact %v", names(greedy), names(exact))
		}
		for _, a := range slices.Concat(exact, greedy) {
			if !preempt.Preemptible(a, r.Job, r.Priority) {
				t.Fatalf("%s may not be evicted", a.Spec.Name)
			}
		}
	})
}

// bruteForce tries every set of what may be evicted.
func bruteForce(r solver.EvictRequest) (least float64, found bool) {
	for mask := 1; mask < 1<<len(r.On); mask++ {
		var stay, leave []*cluster.Allocation
		allowed := true
		for i, a := range r.On {
			if mask&(1<<i) == 0 {
				stay = append(stay, a)
				continue
			}
			leave = append(leave, a)
			allowed = allowed && preempt.Preemptible(a, r.Job, r.Priority)
		}
		if cost := preempt.Total(leave, nil); allowed && fits(r, stay) && (!found || cost < least) {
			least, found = cost, true
		}
	}
	return least, found
}

func fits(r solver.EvictRequest, on []*cluster.Allocation) bool {
	free := r.Machine.Capacity
	for _, a := range on {
		free = free.Less(a.Amount)
	}
	_, _, _, lacks := r.Ask.Grant(r.Machine, on)
	return lacks == "" && free.Covers(r.Held)
}

func TestAForgetfulSearchEvictsTooLittle(t *testing.T) {
	node := topology.Node{Name: "n", CPU: 1000, Memory: topology.GiB}
	r := stage(t, node, []holding{{priority: 50, cpu: 400}, {priority: 10, cpu: 300}, {priority: 20, cpu: 300}}, holding{priority: 50, cpu: 500})
	r.Job = r.On[0].Job
	victims, ok := preempt.Greedy{}.Evict(r)
	require.True(t, ok)
	assert.Len(t, victims, 2)
	victims, ok = preempt.Greedy{ForgetsOwn: true}.Evict(r)
	require.True(t, ok)
	assert.Equal(t, []*cluster.Allocation{r.On[1]}, victims)
}
