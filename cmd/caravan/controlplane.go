package main

import (
	"cmp"
	"context"
	"math"
	"time"

	"caravan/results"
	"caravan/sim/controlplane"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// takeControl hands the jobs of the plan to its control plane, whose decider
// is the one that is asked for or the scenario's.
func (p *plan) takeControl(asked string) error {
	s := p.scenario
	p.decider = cmp.Or(asked, s.ControlPlane.Decider)
	if _, err := newDecider(s, p.decider, cluster.NewFleet(nil)); err != nil {
		return err
	}
	p.arriving = s.Workload.Jobs
	p.scenario = withoutJobs(s)
	return nil
}

// name is what chose nodes, for the run's stamp and its table.
func (p *plan) name() string { return cmp.Or(p.decider, p.solver) }

// controlOptions are the constants of the scenario's control plane.
func (p *plan) controlOptions() controlplane.Options {
	c := p.scenario.ControlPlane
	o := controlplane.Options{
		Workers: c.Workers, DecisionTime: orNone(c.DecisionTime), PlacementTime: orNone(c.PlacementTime),
		VerifyTime: orNone(c.VerifyTime), CommitTime: orNone(c.CommitTime), NackTimeout: c.NackTimeout,
		Broker:          controlplane.BrokerOptions{DeliveryLimit: c.DeliveryLimit, PeekLast: c.PeekLast},
		WakeFirst:       c.WakeFirst,
		ServiceAttempts: c.ServiceAttempts, BatchAttempts: c.BatchAttempts,
		ReportTime: orNone(c.ReportTime), PullRate: c.PullRate, Home: c.Home, Forwarding: orNone(c.Forwarding), SubmitRetry: c.SubmitRetry,
	}
	if o.PullRate == 0 {
		o.PullRate = topology.BytesPerSecond(math.Inf(1))
	}
	for k, t := range []workloads.JobType{workloads.Service, workloads.Batch, workloads.System, workloads.SysBatch} {
		o.Preempt[k] = containsType(c.Preempts, t)
	}
	return o
}

// orNone is d, or for 0 what the options take for no time at all.
func orNone(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

func containsType(list []workloads.JobType, t workloads.JobType) bool {
	for _, x := range list {
		if x == t {
			return true
		}
	}
	return false
}

// simulateControl adds to a replication what the control plane's jobs saw, and
// tells the story to tell, unless it is nil.
func (p *plan) simulateControl(ctx context.Context, rep *results.Replication, tell func(controlplane.Entry)) error {
	s := p.scenario
	fleet := cluster.NewFleet(s.Topology.Nodes())
	r, err := controlplane.Run(ctx, controlplane.Config{
		Topology: s.Topology, Fleet: fleet, Jobs: p.arriving, Events: s.Events, Faults: s.Faults, Absent: s.ControlPlane.Absent,
		NewDecider: func(string) (controlplane.Decider, error) { return newDecider(s, p.decider, fleet) },
		Options:    p.controlOptions(), Duration: s.Simulate.Duration,
		Seed: s.Seed, Replication: rep.Index, Timeline: tell,
	})
	if err != nil {
		return err
	}
	rep.Events += r.Events
	rep.End = max(rep.End, r.End)
	rep.Values = append(rep.Values, r.Values...)
	rep.Histograms = append(rep.Histograms, r.Histograms...)
	return nil
}
