package main

import (
	"context"
	"fmt"

	"caravan/results"
	"caravan/scenarios"
	"caravan/sim/jobs"
	"caravan/solver/binpack"
	"caravan/topology"
	"caravan/workloads"
)

// A policyRow is one way to place jobs as they arrive.
type policyRow struct {
	name string
	make func(t *topology.Topology) jobs.Placer
}

// policyRows is every policy that exists. The solvers that place jobs name
// one too, which a scenario without a policy follows.
func policyRows() []policyRow {
	return []policyRow{
		{"binpack", func(t *topology.Topology) jobs.Placer { return binpack.NewOnline(t, false) }},
		{"spread", func(t *topology.Topology) jobs.Placer { return binpack.NewOnline(t, true) }},
	}
}

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

// newPolicy makes the placer of that policy.
func newPolicy(s *scenarios.Scenario, solver string) (jobs.Placer, error) {
	name := policyName(s, solver)
	var names []string
	for _, r := range policyRows() {
		if r.name == name {
			return r.make(s.Topology), nil
		}
		names = append(names, r.name)
	}
	return nil, badInput(fmt.Errorf("solve.policy: %w", notOneOf(name, names)))
}

// arriving reports whether jobs come or go during the run: then they are
// placed as they arrive, and not by the solver beforehand.
func arriving(list []workloads.Job) bool {
	for i := range list {
		if list[i].SubmitAt > 0 {
			return true
		}
		for _, g := range list[i].Groups {
			if g.Duration > 0 {
				return true
			}
		}
	}
	return false
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
	placer, err := newPolicy(p.scenario, p.solver)
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
