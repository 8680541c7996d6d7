package sim_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/results"
	"caravan/sim"
	"caravan/sim/oracle"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

func meanOf(t *testing.T, rep results.Replication, name, subject, stat string) float64 {
	t.Helper()
	for _, v := range rep.Values {
		if v.Name == name && v.Subject == subject && v.Stat == stat {
			return v.Value
		}
	}
	require.Failf(t, "no such value", "%s %s %s", name, subject, stat)
	return 0
}

// The values are those that the same workloads give, draw by draw, in three
// other engines.
func TestWorkloadsOfOtherEnginesGiveTheirAnswers(t *testing.T) {
	for _, c := range []struct {
		name string
		make func() (sim.Config, error)
		want float64
	}{
		{"one queue", func() (sim.Config, error) { return oracle.MM1(1_000_000) }, 5.081331},
		{"three queues in a row", func() (sim.Config, error) { return oracle.Tandem(500_000) }, 2.410930},
		{"edge to cloud", func() (sim.Config, error) { return oracle.EdgeToCloud(200_000, topology.Priority) }, 0.173622},
		{"edge to cloud, longer", func() (sim.Config, error) { return oracle.EdgeToCloud(500_000, topology.Priority) }, 0.173687},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := c.make()
			require.NoError(t, err)
			rep, err := sim.Run(context.Background(), config)
			require.NoError(t, err)
			assert.InDelta(t, c.want, meanOf(t, rep, "latency", "requests", "mean"), 5e-7)
		})
	}
}

func TestEqualConfigsGiveEqualBytes(t *testing.T) {
	encode := func(procs int) []byte {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		config, err := oracle.EdgeToCloud(20_000, topology.Preemptive)
		require.NoError(t, err)
		rep, err := sim.Run(context.Background(), config)
		require.NoError(t, err)
		data, err := json.Marshal(rep)
		require.NoError(t, err)
		return data
	}
	first := encode(1)
	assert.True(t, bytes.Equal(first, encode(2)))
	assert.True(t, bytes.Equal(first, encode(4)))
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	allocations := func(n int) float64 {
		return testing.AllocsPerRun(1, func() {
			config, err := oracle.EdgeToCloud(n, topology.Preemptive)
			require.NoError(t, err)
			_, err = sim.Run(context.Background(), config)
			require.NoError(t, err)
		})
	}
	short, long := allocations(50_000), allocations(150_000)
	assert.Less(t, (long-short)/100_000, 0.001, "allocations a request")
}

// star is a source node, a link, and a server.
func star(server topology.Node, link topology.Link) *topology.Topology {
	server.Name = "server"
	link.From, link.To = 0, 1
	back := topology.Link{From: 1, To: 0}
	t, err := topology.New([]topology.Node{{Name: "source", Cores: 1, Speed: 1, Discipline: topology.Delay}, server},
		[]topology.Link{link, back})
	if err != nil {
		panic(err)
	}
	return t
}

func twoStages(work, output workloads.Dist, a workloads.Arrivals) *workloads.Workload {
	return &workloads.Workload{Pipelines: []workloads.Pipeline{{
		Name: "p", Priority: 50, Source: topology.None, Sink: topology.None, Arrivals: a,
		Operators: []workloads.Operator{
			{Name: "send", Output: output, Node: topology.None},
			{Name: "serve", Work: work, After: []int{0}, Node: topology.None},
		},
	}}}
}

func onBoth() placement.Placement {
	return placement.Placement{Pipelines: [][]topology.NodeID{{0, 1}}}
}

func periodic(period time.Duration, count int) workloads.Arrivals {
	return workloads.Arrivals{Kind: workloads.Periodic, Period: period, Count: count}
}

func TestANodeFailureMakesWorkStartAgain(t *testing.T) {
	c := sim.Config{
		Topology:  star(topology.Node{Cores: 1, Speed: 1}, topology.Link{}),
		Workload:  twoStages(workloads.Const(10), workloads.Const(0), periodic(time.Hour, 1)),
		Placement: onBoth(), Requests: 1,
		Faults: []workloads.Fault{{Nodes: []topology.NodeID{1}, At: 4 * time.Second, For: 6 * time.Second}},
	}
	rep, err := sim.Run(context.Background(), c)
	require.NoError(t, err)
	assert.Equal(t, 20.0, meanOf(t, rep, "latency", "p", "max"), "4 s lost, 6 s down, 10 s of work")

	c.Faults[0].LoseWork = true
	rep, err = sim.Run(context.Background(), c)
	require.NoError(t, err)
	assert.Equal(t, 1.0, meanOf(t, rep, "lost", "p", "ratio"))
}

func TestALinkFailureSendsTheMessageAgain(t *testing.T) {
	for network, want := range map[placement.Network]float64{
		placement.FIFO:  15, // 4 s lost, 1 s down, 10 s again
		placement.Fair:  11, // stands still for 1 s
		placement.Fixed: 10, // was under way
	} {
		c := sim.Config{
			Topology:  star(topology.Node{Cores: 1, Speed: 1}, topology.Link{Bandwidth: 100}),
			Workload:  twoStages(workloads.Const(0), workloads.Const(1000), periodic(time.Hour, 1)),
			Placement: onBoth(), Requests: 1, Model: placement.Model{Network: network},
			Faults: []workloads.Fault{{Links: []topology.LinkID{0}, At: 4 * time.Second, For: time.Second}},
		}
		rep, err := sim.Run(context.Background(), c)
		require.NoError(t, err)
		assert.Equal(t, want, meanOf(t, rep, "latency", "p", "max"), network)
	}
}

func TestALinkScheduleChangesTheRestOfAMessage(t *testing.T) {
	for _, network := range []placement.Network{placement.FIFO, placement.Fair} {
		c := sim.Config{
			Topology:  star(topology.Node{Cores: 1, Speed: 1}, topology.Link{Bandwidth: 100}),
			Workload:  twoStages(workloads.Const(0), workloads.Const(1000), periodic(time.Hour, 1)),
			Placement: onBoth(), Requests: 1, Model: placement.Model{Network: network},
			LinkChanges: []workloads.LinkChange{{Link: 0, At: 4 * time.Second, Bandwidth: 50}},
		}
		rep, err := sim.Run(context.Background(), c)
		require.NoError(t, err)
		assert.Equal(t, 16.0, meanOf(t, rep, "latency", "p", "max"), "400 bytes in 4 s, 600 in 12 s over %s", network)
	}
}

func TestAFullQueueBlocksTheOperatorBeforeIt(t *testing.T) {
	// Stage 1 takes 1 s, stage 2 takes 10 s and has one place: of four
	// requests at once the fourth leaves stage 1 when the second starts stage 2.
	nodes := []topology.Node{{Name: "a", Cores: 1, Speed: 1}, {Name: "b", Cores: 1, Speed: 1}}
	top, err := topology.New(nodes, []topology.Link{{From: 0, To: 1}})
	require.NoError(t, err)
	w := twoStages(workloads.Const(10), workloads.Const(0), workloads.Arrivals{Kind: workloads.Periodic, Period: time.Hour, Batch: 4, Count: 4})
	w.Pipelines[0].Operators[0].Work = workloads.Const(1)
	w.Pipelines[0].Operators[1].QueueLimit = 1
	rep, err := sim.Run(context.Background(), sim.Config{Topology: top, Workload: w, Placement: onBoth(), Requests: 4})
	require.NoError(t, err)
	assert.Equal(t, 41.0, meanOf(t, rep, "latency", "p", "max"), "the bottleneck sets the pace")
	// a works 1 s for each request; the third holds its core from 3 s to 11 s
	// and the fourth from 12 s to 21 s.
	assert.InDelta(t, 21.0/41, meanOf(t, rep, "utilisation", "a", "mean"), 1e-9)
}

func TestABatchIsServedAsOneUnitOfWork(t *testing.T) {
	w := twoStages(workloads.Const(2), workloads.Const(0), periodic(time.Second, 6))
	w.Pipelines[0].Operators[1].Batch = 3
	rep, err := sim.Run(context.Background(), sim.Config{
		Topology: star(topology.Node{Cores: 1, Speed: 1}, topology.Link{}), Workload: w, Placement: onBoth(), Requests: 6,
	})
	require.NoError(t, err)
	assert.Equal(t, 4.0, meanOf(t, rep, "latency", "p", "max"), "2 s for the batch to fill, 2 s of work")
	assert.Equal(t, 6.0, meanOf(t, rep, "answered", "p", "count"))
}

func TestLateRequestsAreDroppedBeforeService(t *testing.T) {
	w := twoStages(workloads.Const(3), workloads.Const(0), workloads.Arrivals{Kind: workloads.Periodic, Period: time.Hour, Batch: 4, Count: 4})
	w.Pipelines[0].Deadline, w.Pipelines[0].DropLate = 5*time.Second, true
	rep, err := sim.Run(context.Background(), sim.Config{
		Topology: star(topology.Node{Cores: 1, Speed: 1}, topology.Link{}), Workload: w, Placement: onBoth(), Requests: 4,
	})
	require.NoError(t, err)
	assert.Equal(t, 2.0, meanOf(t, rep, "answered", "p", "count"), "the others would start at 6 s and later")
	assert.Equal(t, 0.5, meanOf(t, rep, "expired", "p", "ratio"))
	assert.Equal(t, 0.75, meanOf(t, rep, "late", "p", "ratio"), "the second ends at 6 s")
}

func TestAColdStartIsPaidOnce(t *testing.T) {
	w := twoStages(workloads.Const(1), workloads.Const(0), periodic(10*time.Second, 3))
	w.Pipelines[0].Operators[1].ColdStart = 5 * time.Second
	rep, err := sim.Run(context.Background(), sim.Config{
		Topology: star(topology.Node{Cores: 1, Speed: 1}, topology.Link{}), Workload: w, Placement: onBoth(), Requests: 3,
	})
	require.NoError(t, err)
	assert.Equal(t, 6.0, meanOf(t, rep, "latency", "p", "max"))
	assert.InDelta(t, 8.0/3, meanOf(t, rep, "latency", "p", "mean"), 1e-12)
}

func TestTwoPlacementsMeetTheSameRequests(t *testing.T) {
	seen := func(p placement.Placement) map[time.Duration]float64 {
		work := map[time.Duration]float64{}
		top := star(topology.Node{Cores: 1, Speed: 0.5}, topology.Link{Bandwidth: 1e6})
		w := twoStages(workloads.Exp(0.01), workloads.Exp(100), workloads.Arrivals{Kind: workloads.Poisson, Rate: 1})
		_, err := sim.Run(context.Background(), sim.Config{
			Topology: top, Workload: w, Placement: p, Requests: 500, Seed: 7,
			Observe: func(c sim.Completion) { work[c.CreatedAt] = c.Work[1] },
		})
		require.NoError(t, err)
		return work
	}
	remote, local := seen(onBoth()), seen(placement.Placement{Pipelines: [][]topology.NodeID{{0, 0}}})
	assert.Len(t, remote, 500)
	assert.True(t, maps.Equal(remote, local))
}

// Whatever the models, every request that was made is answered, refused,
// dropped, lost or still under way.
func TestNoRequestIsLostFromTheBooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disciplines := append(topology.Disciplines(), "")
		server := topology.Node{
			Cores: rapid.IntRange(1, 3).Draw(t, "cores"), Speed: rapid.Float64Range(0.2, 2).Draw(t, "speed"),
			Discipline: rapid.SampledFrom(disciplines).Draw(t, "discipline"), QueueLimit: rapid.IntRange(0, 5).Draw(t, "limit"),
		}
		link := topology.Link{Bandwidth: 1000, Latency: 10 * time.Millisecond, Loss: rapid.Float64Range(0, 0.5).Draw(t, "loss")}
		w := twoStages(workloads.Exp(0.1), workloads.Exp(50), workloads.Arrivals{Kind: workloads.Poisson, Rate: rapid.Float64Range(1, 30).Draw(t, "rate")})
		p := &w.Pipelines[0]
		p.Classes = []workloads.Class{{Name: "high", Share: 0.3, Priority: 9}, {Name: "low", Share: 0.7, Priority: 1}}
		p.Operators[1].QueueLimit = rapid.IntRange(0, 4).Draw(t, "queue")
		p.Operators[1].Batch = rapid.IntRange(0, 3).Draw(t, "batch")
		p.Operators[1].BatchWait = 100 * time.Millisecond
		p.Deadline = time.Duration(rapid.IntRange(0, 3000).Draw(t, "deadline")) * time.Millisecond
		p.DropLate = rapid.Bool().Draw(t, "drop")
		c := sim.Config{
			Topology: star(server, link), Workload: w, Placement: onBoth(), Requests: 300, Seed: rapid.Uint64().Draw(t, "seed"),
			Model: placement.Model{Network: rapid.SampledFrom([]placement.Network{placement.FIFO, placement.Fixed, placement.Fair}).Draw(t, "network")},
		}
		if rapid.Bool().Draw(t, "faults") {
			c.Faults = []workloads.Fault{
				{Nodes: []topology.NodeID{1}, MTBF: workloads.Exp(5), MTTR: workloads.Exp(0.5), LoseWork: rapid.Bool().Draw(t, "lose")},
				{Links: []topology.LinkID{0}, MTBF: workloads.Exp(5), MTTR: workloads.Exp(0.5)},
			}
		}
		ended := map[sim.Outcome]int{}
		c.Observe = func(x sim.Completion) {
			ended[x.Outcome]++
			assert.GreaterOrEqual(t, x.Latency(), time.Duration(0))
			assert.LessOrEqual(t, x.Wait, x.Latency())
		}
		rep, err := sim.Run(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, n := range ended {
			total += n
		}
		if total != 300 {
			t.Fatalf("%d of 300 requests ended: %v", total, ended)
		}
		for _, v := range rep.Values {
			if v.Name == "utilisation" && !(v.Value >= 0 && v.Value <= 1+1e-9) {
				t.Fatalf("utilisation of %s is %v", v.Subject, v.Value)
			}
		}
	})
}

// What Serve is told of fills the cores exactly as the utilisation says.
func TestServicesAddUpToTheUtilisation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		server := topology.Node{Cores: rapid.IntRange(1, 3).Draw(t, "cores"), Speed: 1,
			Discipline: rapid.SampledFrom([]topology.Discipline{topology.FCFS, topology.PS, topology.SJF, topology.SRPT, topology.Priority, topology.Preemptive}).Draw(t, "discipline")}
		w := twoStages(workloads.Exp(0.1), workloads.Exp(50), workloads.Arrivals{Kind: workloads.Poisson, Rate: rapid.Float64Range(1, 30).Draw(t, "rate")})
		w.Pipelines[0].Classes = []workloads.Class{{Name: "high", Share: 0.3, Priority: 9}, {Name: "low", Share: 0.7, Priority: 1}}
		c := sim.Config{Topology: star(server, topology.Link{Bandwidth: 1e6}), Workload: w, Placement: onBoth(),
			Duration: 20 * time.Second, Seed: rapid.Uint64().Draw(t, "seed")}
		if rapid.Bool().Draw(t, "faults") {
			c.Faults = []workloads.Fault{{Nodes: []topology.NodeID{1}, MTBF: workloads.Exp(5), MTTR: workloads.Exp(0.5)}}
		}
		type change struct {
			at time.Duration
			by int
		}
		var changes []change
		c.Serve = func(s sim.Service) {
			if s.Node == 1 && s.StartAt < c.Duration {
				changes = append(changes, change{s.StartAt, 1}, change{min(s.EndAt, c.Duration), -1})
			}
		}
		rep, err := sim.Run(context.Background(), c)
		require.NoError(t, err)
		slices.SortFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.by, b.by)) })
		busy, n, last := 0.0, 0, time.Duration(0)
		for _, x := range changes {
			busy += float64(min(n, server.Cores)) * (x.at - last).Seconds()
			n, last = n+x.by, x.at
		}
		for _, v := range rep.Values {
			if v.Name == "utilisation" && v.Subject == "server" {
				assert.InDelta(t, v.Value, busy/20/float64(server.Cores), 1e-6)
			}
		}
	})
}

func TestOverloadShows(t *testing.T) {
	w := twoStages(workloads.Exp(1), workloads.Const(0), workloads.Arrivals{Kind: workloads.Poisson, Rate: 2})
	c := sim.Config{Topology: star(topology.Node{Cores: 1, Speed: 1}, topology.Link{}), Workload: w, Placement: onBoth(), Duration: 10 * time.Minute}
	rep, err := sim.Run(context.Background(), c)
	require.NoError(t, err)
	assert.Greater(t, meanOf(t, rep, "utilisation", "server", "mean"), 0.99)
	assert.Greater(t, meanOf(t, rep, "requests", "", "in_flight"), 400.0, "the queue grows without end")
	_, short, err := sim.FindWarmUp(context.Background(), c)
	require.NoError(t, err)
	assert.True(t, short, "no steady state is found")
}

func TestAStoppedRunSaysWhere(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	config, err := oracle.MM1(1000)
	require.NoError(t, err)
	_, err = sim.Run(ctx, config)
	assert.ErrorIs(t, err, context.Canceled)
}
