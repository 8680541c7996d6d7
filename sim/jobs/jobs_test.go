package jobs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/results"
	"caravan/sim/des"
	"caravan/sim/jobs"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// firstFit takes the first node with room.
type firstFit struct {
	ledger *placement.Ledger
	nodes  int
}

func newFirstFit(t *topology.Topology) *firstFit {
	return &firstFit{placement.NewLedger(t), len(t.Nodes())}
}

func (f *firstFit) Place(d topology.Resources, _ []workloads.Constraint) (topology.NodeID, placement.Grant, bool) {
	for n := range f.nodes {
		if g, ok := f.ledger.Take(topology.NodeID(n), d); ok {
			return topology.NodeID(n), g, true
		}
	}
	return topology.None, placement.Grant{}, false
}

func (f *firstFit) Release(n topology.NodeID, d topology.Resources, g placement.Grant) {
	f.ledger.Give(n, d, g)
}

func cluster(nodes int, cpu topology.MHz) *topology.Topology {
	var list []topology.Node
	for i := range nodes {
		list = append(list, topology.Node{Name: fmt.Sprint(i), Cores: 1, Speed: 1, CPU: cpu})
	}
	t, err := topology.New(list, nil)
	if err != nil {
		panic(err)
	}
	return t
}

func job(name string, priority int, at, lasts time.Duration, cpu topology.MHz) workloads.Job {
	return workloads.Job{Name: name, Type: workloads.Batch, Priority: priority, SubmitAt: at,
		Groups: []workloads.Group{{Name: "g", Count: 1, Demand: topology.Resources{CPU: cpu}, Duration: lasts}}}
}

func value(t *testing.T, rep results.Replication, name, subject, stat string) float64 {
	t.Helper()
	for _, v := range rep.Values {
		if v.Name == name && v.Subject == subject && v.Stat == stat {
			return v.Value
		}
	}
	require.Failf(t, "no such value", "%s %s %s", name, subject, stat)
	return 0
}

func TestTheMoreImportantJobGoesFirst(t *testing.T) {
	top := cluster(1, 100)
	rep, err := jobs.Run(context.Background(), jobs.Config{Topology: top, Placer: newFirstFit(top), Jobs: []workloads.Job{
		job("running", 50, 0, 10*time.Second, 100),
		job("low", 10, time.Second, 10*time.Second, 100),
		job("high", 90, 2*time.Second, 10*time.Second, 100),
	}})
	require.NoError(t, err)
	assert.Equal(t, 8.0, value(t, rep, "wait", "jobs/priority 90", "max"))
	assert.Equal(t, 19.0, value(t, rep, "wait", "jobs/priority 10", "max"))
	assert.Equal(t, 30*time.Second, rep.End)
	assert.Equal(t, 1.0, value(t, rep, "allocated", "cpu", "mean"))
	assert.Equal(t, 0.0, value(t, rep, "unplaced", "jobs", "count"))
}

func TestHoldingsAreToldOf(t *testing.T) {
	top := cluster(1, 100)
	var held []jobs.Holding
	_, err := jobs.Run(context.Background(), jobs.Config{Topology: top, Placer: newFirstFit(top), Duration: 25 * time.Second,
		Hold: func(h jobs.Holding) { held = append(held, h) },
		Jobs: []workloads.Job{job("a", 50, 0, 10*time.Second, 100), job("b", 50, time.Second, 0, 100), job("c", 50, 2*time.Second, 0, 100)}})
	require.NoError(t, err)
	assert.Equal(t, []jobs.Holding{{Job: 0, StartAt: 0, EndAt: 10 * time.Second}, {Job: 1, StartAt: 10 * time.Second, EndAt: 25 * time.Second}}, held)
}

func TestASmallJobPassesOneThatDoesNotFit(t *testing.T) {
	top := cluster(1, 100)
	rep, err := jobs.Run(context.Background(), jobs.Config{Topology: top, Placer: newFirstFit(top), Duration: time.Minute, Jobs: []workloads.Job{
		job("half", 50, 0, 0, 50), job("whole", 50, time.Second, 0, 100), job("other half", 50, 2*time.Second, 0, 50),
	}})
	require.NoError(t, err)
	assert.Equal(t, 1.0, value(t, rep, "unplaced", "jobs", "count"))
	assert.Equal(t, 2.0, value(t, rep, "placed", "jobs", "count"))
}

// One slot of ten a job is an M/M/10 queue: its mean wait is Erlang's.
func TestWaitsMeetErlangsFormula(t *testing.T) {
	const c, rho = 10, 0.8
	erlang := 1.0
	for k := 1; k <= c; k++ {
		erlang = c * rho * erlang / (float64(k) + c*rho*erlang)
	}
	delayed := erlang / (1 - rho*(1-erlang))
	exact := delayed / (c * (1 - rho)) // in units of the mean service, 1 s
	var means []float64
	for r := range 20 {
		s := des.NewStream(1, fmt.Sprint(r))
		var list []workloads.Job
		at := 0.0
		for i := range 20_000 {
			at += s.Exp() / (c * rho)
			list = append(list, job(fmt.Sprint(i), 50, topology.Seconds(at), topology.Seconds(s.Exp()+1e-9), 100))
		}
		top := cluster(c, 100)
		rep, err := jobs.Run(context.Background(), jobs.Config{Topology: top, Placer: newFirstFit(top), Jobs: list})
		require.NoError(t, err)
		means = append(means, value(t, rep, "wait", "jobs", "mean"))
	}
	iv, err := results.TInterval(means, 0.999)
	require.NoError(t, err)
	assert.Less(t, math.Abs(iv.Mean-exact), iv.HalfWidth, "exact %v, simulated %v ± %v", exact, iv.Mean, iv.HalfWidth)
}

// Whatever comes, no node is overfilled, nothing is placed twice, everything
// is given back, and equal configs give equal bytes.
func TestTheBooksBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		top := cluster(rapid.IntRange(1, 4).Draw(t, "nodes"), 100)
		var list []workloads.Job
		for i := range rapid.IntRange(1, 30).Draw(t, "jobs") {
			list = append(list, job(fmt.Sprint(i), rapid.IntRange(1, 5).Draw(t, "priority"),
				time.Duration(rapid.IntRange(0, 50).Draw(t, "at"))*time.Second,
				time.Duration(rapid.IntRange(1, 20).Draw(t, "lasts"))*time.Second, topology.MHz(rapid.IntRange(1, 100).Draw(t, "cpu"))))
		}
		run := func() ([]byte, *firstFit) {
			placer := newFirstFit(top)
			rep, err := jobs.Run(context.Background(), jobs.Config{Topology: top, Placer: placer, Jobs: list})
			if err != nil {
				t.Fatal(err)
			}
			data, err := json.Marshal(rep)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range rep.Values {
				if v.Name == "unplaced" && v.Value != 0 {
					t.Fatalf("%v jobs were never placed", v.Value)
				}
				if v.Name == "allocated" && v.Value > 1+1e-9 {
					t.Fatalf("%v of the cluster was in use", v.Value)
				}
			}
			return data, placer
		}
		first, placer := run()
		second, _ := run()
		if string(first) != string(second) {
			t.Fatal("two runs differ")
		}
		for n := range top.Nodes() {
			if free := placer.ledger.FreeCPU(topology.NodeID(n)); free != 100 {
				t.Fatalf("node %d ends with %v MHz free of 100", n, free)
			}
		}
	})
}
