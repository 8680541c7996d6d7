package controlplane

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/results"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// value finds a value of a replication.
func value(t require.TestingT, rep results.Replication, name, subject, stat string) float64 {
	for _, v := range rep.Values {
		if v.Name == name && v.Subject == subject && v.Stat == stat {
			return v.Value
		}
	}
	require.Fail(t, "no such value", "%s %s %s", name, subject, stat)
	return 0
}

func TestAnIdleClusterRunsAJobAfterDecisionCheckCommitAndStart(t *testing.T) {
	_, rep := story(t, Config{
		Topology: machines(t, 1),
		Jobs: []workloads.Job{app("job", workloads.Batch, 50, 1, 1000, func(_ *workloads.Job, g *workloads.Group) {
			g.Duration, g.Startup, g.Image = time.Minute, 3*time.Second, 200*topology.MiB
		})},
		Options: Options{
			DecisionTime: 2 * time.Millisecond, PlacementTime: time.Millisecond, VerifyTime: 4 * time.Millisecond,
			CommitTime: 5 * time.Millisecond, PullRate: topology.BytesPerSecond(100 * topology.MiB),
		},
	})
	assert.InDelta(t, 0.012+2+3, value(t, rep, "wait", "jobs", "mean"), 1e-9)
	assert.Equal(t, 1.0, value(t, rep, "completed", "jobs", "count"))
	assert.InDelta(t, 5, value(t, rep, "overhead", "jobs", "sum"), 1e-9, "pull and start-up of one core")
}

func TestThePlanApplierDropsTheUnfitNodeAlone(t *testing.T) {
	topo := machines(t, 2)
	s := cluster.New(cluster.NewFleet(topo.Nodes()))
	job := app("job", workloads.Service, 50, 2, 3000)
	id := s.Submit(&job)
	full := cluster.Amount{CPU: 3000, Memory: topology.GiB}
	s.Add(cluster.Instance(id, &job, 0, 0, 1, full, nil)) // node 2 is taken since the snapshot
	for _, all := range []bool{false, true} {
		p := &cluster.Plan{Job: id, Priority: 50, AllAtOnce: all}
		p.Place(cluster.Instance(id, &job, 0, 0, 0, full, nil))
		p.Place(cluster.Instance(id, &job, 0, 1, 1, full, nil))
		refused, refresh := Apply(s, p)
		assert.Equal(t, s.Index(), refresh, "the scheduler has to see what refused it")
		if all {
			assert.Equal(t, nodesOf(0, 1), refused)
		} else {
			assert.Equal(t, nodesOf(1), refused)
		}
	}
	p := &cluster.Plan{Job: id, Priority: 50}
	p.Place(cluster.Instance(id, &job, 0, 0, 0, full, nil))
	refused, refresh := Apply(s, p)
	assert.Empty(t, refused)
	assert.Zero(t, refresh)
}

func TestEvictedWorkLosesItsProgressSinceTheCheckpoint(t *testing.T) {
	for _, c := range []struct {
		checkpoint time.Duration
		wasted     float64 // core-seconds of 2 cores
		ends       time.Duration
	}{
		// The work begins at 0 and is evicted at 10 min by what runs 5 min.
		{0, 2 * 600, 35 * time.Minute},
		{4 * time.Minute, 2 * 120, 27 * time.Minute},
	} {
		lines, rep := story(t, Config{
			Topology: machines(t, 1),
			Jobs: []workloads.Job{
				app("work", workloads.Batch, 20, 1, 2000, func(_ *workloads.Job, g *workloads.Group) {
					g.Duration, g.Checkpoint = 20*time.Minute, c.checkpoint
				}),
				app("urgent", workloads.Batch, 80, 1, 3000, func(j *workloads.Job, g *workloads.Group) {
					j.SubmitAt, g.Duration = 10*time.Minute, 5*time.Minute
				}),
			},
			Options: Options{Preempt: [kinds]bool{Batch: true}},
		})
		assert.InDelta(t, c.wasted, value(t, rep, "wasted", "jobs/evicted", "sum"), 1, "checkpoint %v", c.checkpoint)
		end := ""
		for _, l := range lines {
			if strings.Contains(l, "complete    work") {
				end = l
			}
		}
		require.NotEmpty(t, end)
		at, err := time.ParseDuration(strings.NewReplacer("00:", "", ":", "m").Replace(strings.Fields(end)[0]) + "s")
		require.NoError(t, err)
		assert.InDelta(t, c.ends.Seconds(), at.Seconds(), 20, end)
	}
}

func TestASlowSchedulerLosesItsEvaluationAndItsPlanIsVoid(t *testing.T) {
	lines, rep := story(t, Config{
		Topology: machines(t, 1), Jobs: []workloads.Job{app("job", workloads.Service, 50, 1, 1000)},
		Options: Options{DecisionTime: 90 * time.Second, Workers: 2}, Duration: 30 * time.Minute,
	})
	assert.Positive(t, value(t, rep, "nacks", "evaluations", "count"))
	assert.Positive(t, value(t, rep, "failed", "evaluations", "count"), "the deliveries are used up")
	for _, l := range lines {
		assert.NotEqual(t, "place", strings.Fields(l)[1])
	}
}

func TestBlockedWorkRunsWhenRoomAppears(t *testing.T) {
	for _, first := range []bool{false, true} {
		_, rep := story(t, Config{
			Topology: machines(t, 1),
			Jobs: []workloads.Job{
				app("a", workloads.Batch, 50, 1, 3000, func(_ *workloads.Job, g *workloads.Group) { g.Duration = time.Minute }),
				app("b", workloads.Batch, 50, 1, 3000, func(_ *workloads.Job, g *workloads.Group) { g.Duration = time.Minute }),
				app("c", workloads.Batch, 50, 2, 2000, func(_ *workloads.Job, g *workloads.Group) { g.Duration = time.Minute }),
				app("d", workloads.Service, 50, 1, 500, func(j *workloads.Job, _ *workloads.Group) { j.SubmitAt = 10 * time.Minute }),
			},
			Options: Options{WakeFirst: first},
		})
		assert.Equal(t, 5.0, value(t, rep, "placed", "jobs", "count"))
		assert.Equal(t, 4.0, value(t, rep, "completed", "jobs", "count"))
	}
}

func TestFailuresRestartAndThenReschedule(t *testing.T) {
	lines, rep := story(t, Config{
		Topology: machines(t, 2),
		Jobs: []workloads.Job{app("job", workloads.Service, 50, 1, 1000, func(_ *workloads.Job, g *workloads.Group) {
			g.Failure = &workloads.Dist{Mean: 10}
			g.Restart = &workloads.Restart{Attempts: 1, Interval: time.Hour, Delay: 15 * time.Second, Mode: workloads.RestartFail}
			g.Reschedule = &workloads.Reschedule{Unlimited: true, Delay: 30 * time.Second, Function: workloads.ExponentialDelay, MaxDelay: time.Hour}
		})},
		Duration: 8 * time.Minute,
	})
	var places []string
	for _, l := range lines {
		if strings.Fields(l)[1] == "place" {
			places = append(places, strings.Fields(l)[0])
		}
	}
	require.GreaterOrEqual(t, len(places), 4)
	// Each allocation works 10 s, waits 15 to 18.75 s, works 10 s and fails; its
	// replacement follows after 30, 60 and 120 s.
	assert.Positive(t, value(t, rep, "rescheduled", "", "count"))
	at := func(i int) float64 {
		var m, s float64
		_, err := fmt.Sscanf(places[i], "00:%f:%f", &m, &s)
		require.NoError(t, err)
		return 60*m + s
	}
	for i, delay := range []float64{30, 60, 120} {
		assert.InDelta(t, 35+1.9+delay, at(i+1)-at(i), 2.5, "replacement %d", i)
	}
}

// watch checks what must hold at every moment.
type watch struct {
	scan
	t    *rapid.T
	view *cluster.State
}

func (w *watch) Begin(v cluster.View, e Request) {
	w.view = v.State
	w.check()
	w.scan.Begin(v, e)
}

// check looks at every node: what is wanted there fits.
func (w *watch) check() {
	if w.view == nil {
		return
	}
	for n := range topology.NodeID(w.view.Fleet().Len()) {
		require.True(w.t, w.view.Fleet().Machine(n).Capacity.Covers(w.view.Wanted(n)), "node %d is overfull", n)
	}
}

// chaos draws a scenario of everything at once.
func chaos(t *rapid.T) Config {
	n := rapid.IntRange(1, 6).Draw(t, "nodes")
	topo := machines(&testing.T{}, n)
	types := []workloads.JobType{workloads.Service, workloads.Batch, workloads.System, workloads.SysBatch}
	draw := func(name string) workloads.Job {
		return app(name, rapid.SampledFrom(types).Draw(t, "type"), 10*rapid.IntRange(1, 9).Draw(t, "priority"),
			rapid.IntRange(1, 5).Draw(t, "count"), topology.MHz(100*rapid.IntRange(1, 25).Draw(t, "cpu")), func(j *workloads.Job, g *workloads.Group) {
				j.SubmitAt = time.Duration(rapid.IntRange(0, 900).Draw(t, "submit")) * time.Second
				if j.Type.Ends() {
					g.Duration = time.Duration(rapid.IntRange(1, 600).Draw(t, "duration")) * time.Second
				}
				if rapid.Bool().Draw(t, "fails") {
					g.Failure = &workloads.Dist{Kind: workloads.Exponential, Mean: 300}
				}
				if rapid.Bool().Draw(t, "patient") {
					g.Disconnect = &workloads.Disconnect{LostAfter: 3 * time.Minute, Replace: true, Reconcile: workloads.BestScore}
				}
				g.Update = &workloads.Update{
					MaxParallel: rapid.IntRange(0, 2).Draw(t, "parallel"), Canary: rapid.IntRange(0, 1).Draw(t, "canary"),
					MinHealthyTime: 10 * time.Second, HealthyDeadline: time.Minute, ProgressDeadline: 2 * time.Minute,
					AutoPromote: true, AutoRevert: rapid.Bool().Draw(t, "revert"),
				}
			})
	}
	c := Config{Topology: topo, Fleet: scanFleet, Duration: 40 * time.Minute, Seed: rapid.Uint64().Draw(t, "seed")}
	jobs := rapid.IntRange(1, 6).Draw(t, "jobs")
	for i := range jobs {
		c.Jobs = append(c.Jobs, draw("j"+itoa(int16(i))))
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "events") {
		e := workloads.Event{
			At:     time.Duration(rapid.IntRange(0, 1500).Draw(t, "at")) * time.Second,
			Action: rapid.SampledFrom(workloads.Actions()).Draw(t, "action"),
			Name:   "j0", Count: rapid.IntRange(0, 6).Draw(t, "to"), Limit: 2 * time.Minute,
		}
		switch e.Action {
		case workloads.Submit:
			job := draw("j0")
			job.Type, job.Groups[0].Meta = c.Jobs[0].Type, map[string]string{"version": itoa(int16(i))}
			job.Groups[0].Unhealthy = rapid.Bool().Draw(t, "unhealthy")
			e.Job = &job
		case workloads.Stop, workloads.Scale, workloads.Promote:
		default:
			e.Nodes = nodesOf(topology.NodeID(rapid.IntRange(0, n-1).Draw(t, "node")))
		}
		c.Events = append(c.Events, e)
	}
	// In the end everything works again.
	for i := range n {
		for _, a := range []workloads.Action{workloads.Repair, workloads.Repair, workloads.Heal, workloads.Enable} {
			c.Events = append(c.Events, workloads.Event{At: 26 * time.Minute, Action: a, Nodes: nodesOf(topology.NodeID(i))})
		}
	}
	c.Options = Options{
		Workers: rapid.IntRange(1, 4).Draw(t, "workers"), WakeFirst: rapid.Bool().Draw(t, "first"),
		DecisionTime: time.Duration(rapid.IntRange(0, 200).Draw(t, "decision")) * time.Millisecond,
		CommitTime:   time.Duration(rapid.IntRange(0, 200).Draw(t, "commit")) * time.Millisecond,
		Preempt:      [kinds]bool{true, rapid.Bool().Draw(t, "preempt"), true, false},
	}
	return c
}

func TestNoNodeIsEverOverCapacityAndTheBooksBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := chaos(t)
		w := &watch{t: t}
		c.NewDecider = func(string) (Decider, error) { return w, nil }
		r, err := simulate(context.Background(), c)
		require.NoError(t, err)
		w.check()
		g := r.regions[0]
		for n := range r.nodes {
			x := &r.nodes[n]
			for _, id := range x.allocs {
				require.Equal(t, x.id, g.allocs[id].node)
			}
		}
		var used cluster.Amount
		for n := range topology.NodeID(len(r.nodes)) {
			used = used.Plus(g.state.Wanted(n))
		}
		assert.InDelta(t, float64(used.CPU), float64(r.stats.used.CPU), 1e-6)
		for i := range r.stats.classes {
			assert.GreaterOrEqual(t, r.stats.classes[i].working, 0)
			assert.GreaterOrEqual(t, r.stats.classes[i].lacking, 0)
		}
	})
}

// When all is quiet again nothing is left undone: every instance that is wanted
// works, is done, is given up by its policy, waits for room, or for its delay.
func TestNoInstanceIsForgotten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := chaos(t)
		c.NewDecider = newScan
		r, err := simulate(context.Background(), c)
		require.NoError(t, err)
		g := r.regions[0]
		ready, held, pending, _ := g.broker.Len()
		for _, j := range g.jobs {
			if j.stopped || j.kind.everywhere() || ready+held+pending > 0 || g.flying != nil || g.checked != nil {
				continue
			}
			for i := range j.groups {
				for k := range j.wanted(i) {
					require.True(t, g.accounted(j, i, int32(k)), "%s[%d] is forgotten", j.name, k)
				}
			}
		}
	})
}

// A lower priority never keeps what a higher one could have had: while a job
// waits, no node has room for its instance, free or held by what it could evict.
func TestNobodyWaitsForWhatItCouldHave(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := chaos(t)
		c.NewDecider = newScan
		r, err := simulate(context.Background(), c)
		require.NoError(t, err)
		g := r.regions[0]
		if ready, held, pending, _ := g.broker.Len(); ready+held+pending > 0 || g.flying != nil || g.checked != nil || len(g.maxed) > 0 {
			return
		}
		for _, j := range g.jobs {
			if g.blocked.byJob[int32(j.id)] == nil {
				continue
			}
			for _, n := range g.members {
				require.False(t, g.mayTake(n, j.id, j.spec(), askOf(&j.spec().Groups[0])), "%s waits though %s could take it", j.name, r.nodeName(n))
			}
		}
	})
}

// accounted reports whether somebody cares for an instance.
func (g *region) accounted(j *job, group int, index int32) bool {
	s := j.groups[group].slot(index)
	if s.finished || g.blocked.byJob[int32(j.id)] != nil || len(g.maxed) > 0 {
		return true
	}
	if j.active >= 0 && g.deployments[j.active].status == deployFailed {
		return true // holds everything up
	}
	for _, id := range j.groups[group].allocs {
		if a := g.state.Alloc(id); g.allocs[id].index == index && a.Desired == cluster.Run && !(a.Client == cluster.Failed && a.Next != cluster.NoAlloc) {
			return true
		}
	}
	return false
}

func TestEqualSeedsTellEqualStories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := chaos(t)
		c.NewDecider = newScan
		tell := func() (lines []string) {
			c.Timeline = func(e Entry) {
				assert.Contains(t, Steps(), e.What)
				lines = append(lines, e.String())
			}
			_, err := Run(context.Background(), c)
			require.NoError(t, err)
			return lines
		}
		assert.Equal(t, tell(), tell())
	})
}
