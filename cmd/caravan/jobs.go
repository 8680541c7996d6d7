package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"

	"caravan/results"
	"caravan/scenarios"
	"caravan/sim/des"
	"caravan/sim/jobs"
	"caravan/solver/online"
	"caravan/workloads"
)

// policyName is the scenario's policy, or the one that its solver implies.
func policyName(s *scenarios.Scenario, solver string) string {
	switch {
	case s.Solve.Policy != "":
		return s.Solve.Policy
	case solver == "binpack-spread":
		return "spread"
	}
	return "binpack"
}

// newPolicy makes the placer of the scenario's policy for one replication.
// What FGD expects is what the scenario submits.
func newPolicy(s *scenarios.Scenario, solver string, list []workloads.Job, replication int) (jobs.Placer, error) {
	name := policyName(s, solver)
	var names []string
	for _, p := range online.Policies() {
		names = append(names, string(p))
	}
	if !contains(names, name) {
		return nil, badInput(fmt.Errorf("solve.policy: %w", notOneOf(name, names)))
	}
	stream := des.NewStream(s.Seed, "replication", strconv.Itoa(replication), "policy")
	var typical []online.Typical
	for i := range list {
		for _, g := range list[i].Groups {
			typical = append(typical, online.Typical{Demand: g.Demand, Weight: float64(g.Count)})
		}
	}
	return online.New(s.Topology, online.Options{Policy: online.Policy(name), Rand: rand.New(&stream), Typical: online.Gather(typical)})
}

// withoutJobs is the scenario as the solver sees it when its jobs arrive later.
func withoutJobs(s *scenarios.Scenario) *scenarios.Scenario {
	static := *s
	static.Workload = &workloads.Workload{Pipelines: s.Workload.Pipelines}
	return &static
}

// simulateJobs adds to a replication what the arriving jobs saw, and tells
// hold, unless it is nil, who had room when.
func (p *plan) simulateJobs(ctx context.Context, rep *results.Replication, hold func(jobs.Holding)) error {
	placer, err := newPolicy(p.scenario, p.solver, p.arriving, rep.Index)
	if err != nil {
		return err
	}
	r, err := jobs.Run(ctx, jobs.Config{
		Topology: p.scenario.Topology, Jobs: p.arriving, Placer: placer,
		Duration: p.scenario.Simulate.Duration, Replication: rep.Index, Hold: hold,
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
