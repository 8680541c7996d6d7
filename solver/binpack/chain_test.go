package binpack_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/solver"
	"caravan/solver/binpack"
	"caravan/solver/preempt"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// standard is a node of HashiCorp's tests: usable are 3900 MHz and 7936 MiB.
func standard(name, datacenter string) topology.Node {
	return topology.Node{
		Name: name, Datacenter: datacenter, Cores: 4, Speed: 1, CPU: 4000, Memory: 8192 * topology.MiB, Disk: 102400 * topology.MiB,
		Interfaces: []topology.Interface{{Name: "eth0", Mbits: 1000}},
		Reserved:   topology.Resources{CPU: 100, Memory: 256 * topology.MiB, Disk: 4096 * topology.MiB},
	}
}

// world is a cluster with a job in evaluation.
type world struct {
	state *cluster.State
	plan  *cluster.Plan
	chain *binpack.Chain
	id    cluster.JobID
	job   *workloads.Job
}

func newWorld(nodes []topology.Node, job workloads.Job, config binpack.Config) *world {
	f := cluster.NewFleet(nodes)
	job.Settle(nodes)
	w := &world{state: cluster.New(f), chain: binpack.NewChain(f, config), job: &job}
	w.id = w.state.Submit(w.job)
	w.plan = &cluster.Plan{Job: w.id}
	return w
}

// put starts an instance of the job's first group on a node.
func (w *world) put(n topology.NodeID) {
	w.state.Add(cluster.Instance(w.id, w.job, 0, 0, n, cluster.NewAsk(&w.job.Groups[0]).Amount, nil))
}

func (w *world) begin(seed uint64) {
	w.chain.Begin(cluster.View{State: w.state, Plan: w.plan}, w.id, w.job, seed)
}

// parts is what a scorer gave to each node, NaN where it had no say.
func parts(e solver.Explanation, scorer string, nodes int) []float64 {
	out := make([]float64, nodes)
	for i := range out {
		out[i] = math.NaN()
	}
	for _, s := range e.Top {
		for _, p := range s.Parts {
			if p.Scorer == scorer {
				out[s.Node] = p.Score
			}
		}
	}
	return out
}

func service(count int) workloads.Job {
	return workloads.Job{Name: "j", Type: workloads.Service, Priority: 50, Groups: []workloads.Group{{
		Name: "web", Count: count, Demand: topology.Resources{CPU: 100, Memory: 100 * topology.MiB},
	}}}
}

func all(n int) []topology.NodeID {
	out := make([]topology.NodeID, n)
	for i := range out {
		out[i] = topology.NodeID(i)
	}
	return out
}

func TestTheFitOfEmptyNodes(t *testing.T) {
	node := func(name string, total, reserved int) topology.Node {
		return topology.Node{Name: name, Cores: 1, Speed: 1, CPU: topology.MHz(total), Memory: topology.Bytes(total) * topology.MiB,
			Reserved: topology.Resources{CPU: topology.MHz(reserved), Memory: topology.Bytes(reserved) * topology.MiB}}
	}
	job := service(1)
	job.Groups[0].Demand = topology.Resources{CPU: 1024, Memory: topology.GiB}
	w := newWorld([]topology.Node{node("A", 2048, 1024), node("B", 1024, 512), node("C", 4096, 1024)}, job, binpack.Config{})
	w.begin(1)
	d, ok := w.chain.Select(0, binpack.Options{})
	require.True(t, ok)
	assert.Equal(t, topology.NodeID(0), d.Node)
	fit := parts(w.chain.Explain(), "binpack", 3)
	assert.Equal(t, 1.0, fit[0])
	assert.True(t, math.IsNaN(fit[1]), "no room")
	assert.InDelta(t, 0.59538, fit[2], 1e-5)
}

func TestAntiAffinityAndPenalty(t *testing.T) {
	nodes := []topology.Node{standard("n0", "dc1"), standard("n1", "dc1")}
	w := newWorld(nodes, service(4), binpack.Config{})
	w.put(0)
	w.put(0)
	other := service(1)
	other.Name = "other"
	w.state.Add(cluster.Instance(w.state.Submit(&other), &other, 0, 0, 1, cluster.Amount{CPU: 100}, nil))
	w.begin(1)
	d, ok := w.chain.Select(0, binpack.Options{Only: all(2), Penalty: []topology.NodeID{0}})
	require.True(t, ok)
	assert.Equal(t, topology.NodeID(1), d.Node)
	e := w.chain.Explain()
	assert.Equal(t, -0.75, parts(e, "job-anti-affinity", 2)[0])
	assert.True(t, math.IsNaN(parts(e, "job-anti-affinity", 2)[1]), "absent rather than 0")
	assert.Equal(t, -1.0, parts(e, "node-reschedule-penalty", 2)[0])
	fit := parts(e, "binpack", 2)
	require.Len(t, e.Top, 2)
	assert.InDelta(t, (fit[0]-1.75)/3, e.Top[1].Final, 1e-12, "the mean of the scores that are present")
	assert.InDelta(t, fit[1], e.Top[0].Final, 1e-12)
}

func TestTargetedSpread(t *testing.T) {
	nodes := []topology.Node{standard("n0", "dc1"), standard("n1", "dc2"), standard("n2", "dc1"), standard("n3", "dc1")}
	job := service(10)
	job.Groups[0].Spreads = []workloads.Spread{{Attribute: "datacenter", Weight: 100, Targets: []workloads.SpreadTarget{{Value: "dc1", Percent: 80}}}}
	w := newWorld(nodes, job, binpack.Config{})
	w.put(0)
	w.put(2)
	w.begin(1)
	ask := func() []float64 {
		_, ok := w.chain.Select(0, binpack.Options{Only: all(4)})
		require.True(t, ok)
		return parts(w.chain.Explain(), "allocation-spread", 4)
	}
	assert.Equal(t, []float64{0.625, 0.5, 0.625, 0.625}, ask())
	for i := range 5 {
		w.plan.Place(cluster.Instance(w.id, w.job, 0, i, 3, cluster.Amount{CPU: 1}, nil))
	}
	got := ask()
	assert.Equal(t, 0.5, got[1])
	for _, n := range []int{0, 2, 3} {
		assert.True(t, math.IsNaN(got[n]), "0, which is not added")
	}
}

func TestEvenSpread(t *testing.T) {
	nodes := []topology.Node{standard("n0", "dc1"), standard("n1", "dc2"), standard("n2", "dc3")}
	for _, c := range []struct {
		used [3]int
		want [3]float64
	}{
		{[3]int{0, 0, 0}, [3]float64{0, 0, 0}}, {[3]int{2, 0, 0}, [3]float64{-1, 1, 1}},
		{[3]int{2, 3, 0}, [3]float64{0.5, -0.5, 1}}, {[3]int{3, 3, 0}, [3]float64{-1, -1, 1}},
	} {
		job := service(10)
		job.Groups[0].Spreads = []workloads.Spread{{Attribute: "datacenter", Weight: 50}}
		w := newWorld(nodes, job, binpack.Config{})
		for n, k := range c.used {
			for range k {
				w.put(topology.NodeID(n))
			}
		}
		w.begin(1)
		_, ok := w.chain.Select(0, binpack.Options{Only: all(3)})
		require.True(t, ok)
		got := parts(w.chain.Explain(), "allocation-spread", 3)
		for n := range got {
			if math.IsNaN(got[n]) {
				got[n] = 0
			}
		}
		assert.Equal(t, c.want[:], got, c.used)
	}
}

func TestAffinities(t *testing.T) {
	nodes := []topology.Node{standard("n0", "dc1"), standard("n1", "dc2"), standard("n2", "dc3")}
	job := service(1)
	is := func(dc string, weight int) workloads.Affinity {
		return workloads.Affinity{Constraint: workloads.Constraint{Attribute: "datacenter", Operator: "=", Values: []string{dc}}, Weight: weight}
	}
	job.Affinities = []workloads.Affinity{is("dc1", 60)}
	job.Groups[0].Affinities = []workloads.Affinity{is("dc2", -40)}
	w := newWorld(nodes, job, binpack.Config{})
	w.begin(1)
	d, ok := w.chain.Select(0, binpack.Options{})
	require.True(t, ok)
	assert.Equal(t, topology.NodeID(0), d.Node)
	assert.Equal(t, []float64{0.6, -0.4, 0}, parts(w.chain.Explain(), "node-affinity", 3), "present, if 0, whenever there are any")
}

func TestDistinctHostsAndProperties(t *testing.T) {
	nodes := []topology.Node{standard("n0", "dc1"), standard("n1", "dc1"), standard("n2", "dc2"), standard("n3", "dc2")}
	place := func(c workloads.Constraint, wide bool) (int, string) {
		job := service(5)
		if wide {
			job.Constraints = []workloads.Constraint{c}
		} else {
			job.Groups[0].Constraints = []workloads.Constraint{c}
		}
		w := newWorld(nodes, job, binpack.Config{})
		w.begin(3)
		placed := 0
		for i := range 5 {
			if _, ok := w.chain.Place(0, i, binpack.Options{}); ok {
				placed++
			}
		}
		return placed, w.chain.Explain().String()
	}
	for _, wide := range []bool{true, false} {
		placed, why := place(workloads.Constraint{Operator: workloads.DistinctHosts}, wide)
		assert.Equal(t, 4, placed)
		assert.Equal(t, "distinct_hosts leaves out 4 of 4 nodes", why)
		placed, why = place(workloads.Constraint{Attribute: "datacenter", Operator: workloads.DistinctProperty}, wide)
		assert.Equal(t, 2, placed)
		assert.Equal(t, "datacenter distinct_property leaves out 4 of 4 nodes", why)
		placed, _ = place(workloads.Constraint{Attribute: "datacenter", Operator: workloads.DistinctProperty, Values: []string{"2"}}, wide)
		assert.Equal(t, 4, placed)
	}
}

func TestEachNodeThatIsLeftOutHasItsReason(t *testing.T) {
	small := standard("n2", "dc1")
	small.CPU = 150
	linux := standard("n0", "dc1")
	linux.Attributes = map[string]string{"kernel.name": "linux"}
	small.Attributes = linux.Attributes
	nodes := []topology.Node{linux, standard("n1", "dc1"), small, standard("n3", "eu1")}
	job := service(1)
	job.Datacenters = []string{"dc*"}
	job.Constraints = []workloads.Constraint{{Attribute: "attr.kernel.name", Operator: "=", Values: []string{"linux"}}, {Attribute: "node.unique.name", Operator: "!=", Values: []string{"n0"}}}
	w := newWorld(nodes, job, binpack.Config{})
	w.begin(1)
	_, ok := w.chain.Select(0, binpack.Options{})
	require.False(t, ok)
	e := w.chain.Explain()
	assert.Equal(t, []int{3, 3, 2, 1}, []int{e.Ready, e.Evaluated, e.Filtered, e.Exhausted})
	assert.Equal(t, "attr.kernel.name = linux leaves out 1; node.unique.name != n0 leaves out 1; no room for cpu on 1 of 3 nodes", e.String())
	classes, anyNode := w.chain.Blocking(0)
	assert.True(t, anyNode, "it asks for a unique attribute")
	assert.Len(t, classes, 1)
}

func TestPlacementsWalkOnRoundRobin(t *testing.T) {
	var nodes []topology.Node
	for i := range 8 {
		nodes = append(nodes, standard(fmt.Sprint("n", i), "dc1"))
	}
	job := service(1)
	job.Type = workloads.Batch // which looks at two nodes
	w := newWorld(nodes, job, binpack.Config{})
	w.begin(7)
	visited := map[topology.NodeID]int{}
	for range 8 {
		_, ok := w.chain.Select(0, binpack.Options{})
		require.True(t, ok)
		e := w.chain.Explain()
		require.Equal(t, 2, e.Evaluated)
		for _, s := range e.Top {
			visited[s.Node]++
		}
	}
	for n := range nodes {
		assert.Equal(t, 2, visited[topology.NodeID(n)], "sixteen visits to eight nodes")
	}
	w.begin(7)
	_, _ = w.chain.Select(0, binpack.Options{})
	first := w.chain.Explain()
	w.begin(8)
	w.begin(7)
	_, _ = w.chain.Select(0, binpack.Options{})
	assert.Equal(t, first, w.chain.Explain(), "an evaluation depends on its seed, not on those before")
}

func TestTheLimitOfCandidates(t *testing.T) {
	var nodes []topology.Node
	for i := range 300 {
		nodes = append(nodes, standard(fmt.Sprint("n", i), "dc1"))
	}
	for _, c := range []struct {
		name   string
		change func(*workloads.Job)
		want   int
	}{
		{"a service takes the best of the logarithm", func(*workloads.Job) {}, 9},
		{"batch takes the best of two", func(j *workloads.Job) { j.Type = workloads.Batch }, 2},
		{"an affinity looks at a hundred", func(j *workloads.Job) {
			j.Affinities = []workloads.Affinity{{Constraint: workloads.Constraint{Attribute: "name", Operator: "=", Values: []string{"n5"}}, Weight: 50}}
		}, 100},
		{"or at as many as the group has instances", func(j *workloads.Job) {
			j.Groups[0].Count = 200
			j.Spreads = []workloads.Spread{{Attribute: "datacenter", Weight: 50}}
		}, 200},
	} {
		job := service(1)
		c.change(&job)
		w := newWorld(nodes, job, binpack.Config{})
		w.begin(1)
		_, ok := w.chain.Select(0, binpack.Options{})
		require.True(t, ok)
		got := w.chain.Explain().Evaluated
		if c.want == 100 { // up to three of no score are deferred
			assert.GreaterOrEqual(t, got, 100)
			assert.LessOrEqual(t, got, 103)
			continue
		}
		assert.Equal(t, c.want, got, c.name)
	}
}

// The switch per job type, and that the score of a node where others must leave
// is that of before they do.
func TestPreemptionIsTriedLastAndOnlyWhereItIsOn(t *testing.T) {
	low := workloads.Job{Name: "low", Type: workloads.Batch, Priority: 20, Groups: []workloads.Group{{Name: "g", Count: 1, Demand: topology.Resources{CPU: 3000, Memory: topology.GiB}}}}
	for _, c := range []struct {
		kind workloads.JobType
		on   []workloads.JobType
		want bool
	}{
		{workloads.System, binpack.DefaultPreemption(), true}, {workloads.Service, binpack.DefaultPreemption(), false},
		{workloads.Service, []workloads.JobType{workloads.Service}, true},
	} {
		job := service(1)
		job.Type, job.Priority, job.Groups[0].Demand.CPU = c.kind, 50, 2000
		w := newWorld([]topology.Node{standard("n0", "dc1")}, job, binpack.Config{Preempts: c.on, Evictor: preempt.Greedy{}})
		victim := w.state.Add(cluster.Instance(w.state.Submit(&low), &low, 0, 0, 0, cluster.NewAsk(&low.Groups[0]).Amount, nil))
		w.begin(1)
		d, ok := w.chain.Place(0, 0, binpack.Options{})
		require.Equal(t, c.want, ok)
		if !ok {
			assert.Equal(t, "no room for cpu on 1 of 1 nodes", w.chain.Explain().String())
			continue
		}
		assert.Equal(t, []*cluster.Allocation{w.state.Alloc(victim)}, d.Evict)
		e := w.chain.Explain()
		want := binpack.Score(5000, 3900, 1124*topology.MiB, 7936*topology.MiB, false)
		assert.InDelta(t, want, parts(e, "binpack", 1)[0], 1e-12)
		assert.InDelta(t, 1/(1+math.Exp(0.0048*(21-2048))), parts(e, "preemption", 1)[0], 1e-12)
		assert.Equal(t, []cluster.Eviction{{Alloc: victim, For: 0}}, w.plan.Evictions)
		assert.Empty(t, w.state.Verify(w.plan, 0))
	}
}

func TestPoolsAndDraining(t *testing.T) {
	gpu := standard("gpu", "dc1")
	gpu.Pool = "gpu"
	nodes := []topology.Node{standard("n0", "dc1"), gpu, standard("n2", "dc1")}
	for pool, want := range map[string]int{"": 1, "gpu": 1, "all": 2, "none": 0} {
		job := service(1)
		job.Pool = pool
		w := newWorld(nodes, job, binpack.Config{})
		w.state.SetStanding(2, cluster.Standing{Draining: true})
		w.begin(1)
		assert.Equal(t, want, w.chain.Ready(), pool)
		_, ok := w.chain.Select(0, binpack.Options{})
		assert.Equal(t, want > 0, ok)
	}
}

// randomWorld draws nodes of several kinds and jobs of every type that are
// placed one after the other.
func randomWorld(t *rapid.T) (*cluster.State, *binpack.Chain) {
	kinds := rapid.IntRange(1, 12).Draw(t, "nodes")
	nodes := make([]topology.Node, kinds)
	for i := range nodes {
		nodes[i] = standard(fmt.Sprint("n", i), fmt.Sprint("dc", i%3))
		nodes[i].CPU = topology.MHz(1000 * rapid.IntRange(1, 8).Draw(t, "cpu"))
		nodes[i].Devices = []topology.DeviceGroup{{Type: "gpu", Model: "x", Count: rapid.IntRange(0, 3).Draw(t, "gpus")}}
		nodes[i].MaxInstances = rapid.SampledFrom([]int{0, 5}).Draw(t, "max")
	}
	f := cluster.NewFleet(nodes)
	s := cluster.New(f)
	every := []workloads.JobType{workloads.Service, workloads.Batch, workloads.System, workloads.SysBatch}
	var evictor = preempt.Greedy{}
	chain := binpack.NewChain(f, binpack.Config{Preempts: every, Evictor: evictor, Spread: rapid.Bool().Draw(t, "spread")})
	for i := range rapid.IntRange(1, 25).Draw(t, "jobs") {
		task := workloads.Task{Name: "t", CPU: topology.MHz(100 * rapid.IntRange(1, 40).Draw(t, "ask")), Memory: 64 * topology.MiB}
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			task.Networks = []workloads.Network{{Mbits: rapid.IntRange(0, 600).Draw(t, "mbits"), Static: []workloads.Port{{Number: rapid.IntRange(80, 82).Draw(t, "port")}}, Dynamic: []workloads.Port{{}}}}
		case 1:
			task.Devices = []workloads.DeviceAsk{{Name: "gpu", Count: rapid.IntRange(1, 2).Draw(t, "count")}}
		case 2:
			task.Cores = rapid.IntRange(1, 3).Draw(t, "cores")
		}
		job := &workloads.Job{Name: fmt.Sprint("j", i), Type: rapid.SampledFrom(every).Draw(t, "type"), Priority: rapid.IntRange(1, 100).Draw(t, "priority"),
			Groups: []workloads.Group{{Name: "g", Count: rapid.IntRange(1, 4).Draw(t, "instances"), Tasks: []workloads.Task{task}}}}
		job.Settle(nodes)
		id := s.Submit(job)
		p := &cluster.Plan{Job: id}
		chain.Begin(cluster.View{State: s, Plan: p}, id, job, uint64(i))
		for k := range job.Groups[0].Count {
			chain.Place(0, k, binpack.Options{})
		}
		s.Commit(p, 0, func(n topology.NodeID) bool {
			if why := s.Verify(p, n); why != "" {
				t.Fatalf("the plan of %s overfills %s: %s", job.Name, nodes[n].Name, why)
			}
			return false
		})
		for a := range cluster.AllocID(s.Allocs()) { // clients stop at once what was evicted
			if x := s.Alloc(a); x.Desired == cluster.Evict && !x.Client.Terminal() {
				s.Update(a, func(x *cluster.Allocation) { x.Client = cluster.Complete })
			}
		}
	}
	return s, chain
}

func TestNoNodeIsEverOverfull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _ := randomWorld(t)
		for i := range s.Fleet().Len() {
			on := cluster.View{State: s}.Append(nil, topology.NodeID(i))
			if why := cluster.Overfull(s.Fleet().Machine(topology.NodeID(i)), on); why != "" {
				t.Fatalf("node %d is overfull: %s", i, why)
			}
		}
	})
}

// What the rule would let a job of priority 100 evict is never kept from it:
// when it finds no node, not even evicting everything that is at least ten
// below makes room on any.
func TestALowerPriorityNeverKeepsWhatAHigherOneCouldHave(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, chain := randomWorld(t)
		job := service(1)
		job.Priority = rapid.IntRange(20, 100).Draw(t, "asking")
		job.Groups[0].Demand.CPU = topology.MHz(100 * rapid.IntRange(1, 80).Draw(t, "ask"))
		id := s.Submit(&job)
		chain.Begin(cluster.View{State: s, Plan: &cluster.Plan{Job: id}}, id, &job, 1)
		_, ok := chain.Select(0, binpack.Options{})
		could := false
		ask := cluster.NewAsk(&job.Groups[0])
		for i := range s.Fleet().Len() {
			m := s.Fleet().Machine(topology.NodeID(i))
			free := m.Capacity
			stay := 0
			for _, a := range (cluster.View{State: s}).Append(nil, topology.NodeID(i)) {
				if !preempt.Preemptible(a, id, job.Priority) {
					free = free.Less(a.Amount)
					stay++
				}
			}
			limit := m.Node.MaxInstances
			could = could || free.Covers(ask.Amount) && (limit == 0 || stay < limit)
		}
		// Evictions are chosen for cpu, memory and disk, not for the number of
		// instances, so that only those can be had for certain.
		if ok && !could || !ok && could && !strings.Contains(chain.Explain().String(), "max allocs") {
			t.Fatalf("placed %v, could %v: %s", ok, could, chain.Explain())
		}
	})
}

func BenchmarkPlace(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		for _, kind := range []string{"service", "batch", "affinity", "filtered"} {
			b.Run(fmt.Sprintf("job=%s/nodes=%d", kind, n), func(b *testing.B) { benchmarkPlace(b, kind, n) })
		}
	}
}

// benchmarkPlace places one instance an evaluation on nodes that are half full.
func benchmarkPlace(b *testing.B, kind string, n int) {
	nodes := make([]topology.Node, n)
	for i := range nodes {
		nodes[i] = standard(fmt.Sprint("n", i), "dc1")
		nodes[i].CPU = topology.MHz(4000 * (1 + i%3))
	}
	job := service(1)
	is := workloads.Constraint{Attribute: "name", Operator: "=", Values: []string{"n7"}}
	switch kind {
	case "batch":
		job.Type = workloads.Batch
	case "affinity":
		job.Affinities = []workloads.Affinity{{Constraint: is, Weight: 50}}
	case "filtered":
		job.Constraints = []workloads.Constraint{is}
	}
	w := newWorld(nodes, job, binpack.Config{})
	other := service(1)
	id := w.state.Submit(&other)
	for i := range nodes {
		for range 10 {
			w.state.Add(cluster.Instance(id, &other, 0, 0, topology.NodeID(i), cluster.Amount{CPU: 150, Memory: 300 * topology.MiB}, nil))
		}
	}
	w.begin(0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.begin(uint64(i))
		if _, ok := w.chain.Select(0, binpack.Options{}); !ok {
			b.Fatal("no node")
		}
	}
}
