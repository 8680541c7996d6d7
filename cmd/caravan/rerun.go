package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"caravan/results"
	"caravan/scenarios"
	"caravan/sim"
	"caravan/topology"
	"caravan/workloads/placement"
)

// rerun is the plan behind a saved run: its scenario, as it was with all
// overrides, and its placement. dir is where data files are that the scenario
// names; empty is the folder of the shipped ones.
func rerun(r *results.Run, dir string) (*plan, error) {
	if r.ScenarioText == "" {
		return nil, fmt.Errorf("the run of %s holds no scenario; run it again with this version of caravan", r.Scenario)
	}
	s, err := scenarios.Load(r.Scenario+".json", []byte(r.ScenarioText), scenarios.Options{Dir: dir})
	if err != nil {
		return nil, fmt.Errorf("the scenario inside the run (data files are looked for in %q, or where --data says): %w", dir, err)
	}
	if s.SHA256 != r.Stamp.ScenarioSHA256 {
		return nil, fmt.Errorf("the data files of %s are not those of the run: found hash %.8s, the run had %.8s", r.Scenario, s.SHA256, r.Stamp.ScenarioSHA256)
	}
	s.Seed = r.Stamp.Seed
	p := &plan{scenario: s, solver: r.Stamp.Solver}
	if s.ControlPlane != nil {
		p.solver = s.Solve.Solver
		if err := p.takeControl(r.Stamp.Solver); err != nil {
			return nil, err
		}
	} else if s.Workload.Arriving() {
		p.arriving = s.Workload.Jobs
		p.scenario = withoutJobs(s)
	}
	if p.solution.Placement, err = placementOf(p.scenario, r.Placement); err != nil {
		return nil, err
	}
	if len(r.Replications) > 0 {
		p.warmUp = r.Replications[0].WarmUp
	}
	return p, nil
}

// placementOf turns names back into nodes: the reverse of placements.
func placementOf(s *scenarios.Scenario, placed []results.Placed) (placement.Placement, error) {
	type item struct {
		workload, item string
		instance       int
	}
	at := map[item]string{}
	for _, x := range placed {
		at[item{x.Workload, x.Item, x.Instance}] = x.Node
	}
	ids := map[string]topology.NodeID{}
	for i, n := range s.Topology.Nodes() {
		ids[n.Name] = topology.NodeID(i)
	}
	var faults []error
	find := func(i item) topology.NodeID {
		name, ok := at[i]
		if !ok {
			return topology.None
		}
		id, ok := ids[name]
		if !ok {
			faults = append(faults, fmt.Errorf("the run places %s %s on %q, which its scenario does not have", i.workload, i.item, name))
		}
		return id
	}
	var out placement.Placement
	for _, p := range s.Workload.Pipelines {
		var nodes []topology.NodeID
		for _, op := range p.Operators {
			nodes = append(nodes, find(item{p.Name, op.Name, 0}))
		}
		out.Pipelines = append(out.Pipelines, nodes)
	}
	for _, j := range s.Workload.Jobs {
		var groups [][]topology.NodeID
		for _, g := range j.Groups {
			var nodes []topology.NodeID
			for k := range g.Count {
				nodes = append(nodes, find(item{j.Name, g.Name, k}))
			}
			groups = append(groups, nodes)
		}
		out.Jobs = append(out.Jobs, groups)
	}
	return out, errors.Join(faults...)
}

// timeline simulates the first replication of a saved run again and keeps what
// ran where and when.
func timeline(ctx context.Context, r *results.Run, p *plan) (*results.Timeline, error) {
	s := p.scenario
	t := &results.Timeline{}
	for _, n := range s.Topology.Nodes() {
		t.Nodes = append(t.Nodes, n.Name)
	}
	first := 0
	if len(r.Replications) > 0 {
		first = r.Replications[0].Index
	}
	c := p.configOf(first)
	c.Serve = func(x sim.Service) {
		pl := &s.Workload.Pipelines[x.Pipeline]
		t.Spans = append(t.Spans, results.Span{
			Node: int(x.Node), Of: pl.Name, Item: pl.Operators[x.Operator].Name,
			Load:    1 / float64(max(s.Topology.Nodes()[x.Node].Cores, 1)),
			StartAt: x.StartAt, EndAt: x.EndAt, Interrupt: interruptName(x.Interrupt),
		})
	}
	rep, err := sim.Run(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("simulating %s again: %w", r.Scenario, err)
	}
	h := newHoldings(p, t)
	switch {
	case p.decider != "":
		err = p.simulateControl(ctx, &rep, h.tell)
	case len(p.arriving) > 0:
		err = p.simulateJobs(ctx, &rep, h.hold)
	}
	if err != nil {
		return nil, err
	}
	h.close(rep.End)
	if len(r.Replications) > 0 && rep.Events != r.Replications[0].Events {
		return nil, fmt.Errorf("the run of %s was saved by version %s, and this one simulates it otherwise (%d events, then %d); run it again",
			r.Scenario, r.Stamp.Version, rep.Events, r.Replications[0].Events)
	}
	t.End = rep.End
	all := t.Within(0, max(t.End, time.Nanosecond))
	all.Arrange()
	return all, nil
}

func interruptName(i sim.Interrupt) string {
	switch i {
	case sim.Preempted:
		return "preempted"
	case sim.Failed:
		return "failed"
	case sim.Unfinished:
		return "unfinished"
	}
	return ""
}
