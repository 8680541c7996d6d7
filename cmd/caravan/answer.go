package main

import (
	"math"
	"slices"

	"caravan/results"
	"caravan/solver/robust"
	"caravan/topology"
)

// answer is the plan as the command prints it.
func (p *plan) answer() solveAnswer {
	s, sol := p.scenario, p.solution
	objective := objectiveAnswer{Name: s.Solve.Objective, Unit: sol.Unit}
	var bound, gap *float64
	if p.placed() || !math.IsNaN(sol.Bound) {
		objective.Value = finite(sol.Cost)
		bound = finite(sol.Bound)
	}
	if bound != nil && sol.Cost > 0 {
		gap = finite((sol.Cost - sol.Bound) / sol.Cost)
	}
	return solveAnswer{
		Version: shapeVersion, Scenario: s.Name, Solver: p.solver, Status: string(sol.Status),
		Objective: objective, Bound: bound, Gap: gap,
		Placement: orEmpty(p.placements()), Preempted: orEmpty(p.preempted()), Unplaced: orEmpty(p.unplaced()),
		Decisions: orEmpty(p.decisions()), Reason: sol.Reason, Predicted: orEmpty(p.predictions()), Warnings: orEmpty(slices.Concat(s.Warnings, p.doubts)),
		Steps: sol.Steps, Seconds: p.seconds, Robust: p.robustAnswer(),
	}
}

// robustAnswer is the report over profiles, nil without one.
func (p *plan) robustAnswer() *robustAnswer {
	if p.robust == nil || !p.placed() {
		return nil
	}
	value := func(v robust.Value) robustValue {
		return robustValue{Mean: finite(v.Mean), Worst: finite(v.Worst), Regret: finite(v.Regret)}
	}
	r := p.robust
	return &robustAnswer{
		Profiles: r.Profiles, Candidates: r.Candidates,
		Chosen: value(r.Chosen), Nominal: value(r.Nominal), Bound: finite(r.Bound),
	}
}

// placements lists what has a node: pipelines first, then jobs, each in the
// order of the scenario.
func (p *plan) placements() []results.Placed {
	var out []results.Placed
	s, place := p.scenario, p.solution.Placement
	add := func(workload, item string, instance int, node topology.NodeID) {
		if node != topology.None {
			out = append(out, results.Placed{Workload: workload, Item: item, Instance: instance, Node: s.Topology.Nodes()[node].Name})
		}
	}
	for i, nodes := range place.Pipelines {
		for op, node := range nodes {
			add(s.Workload.Pipelines[i].Name, s.Workload.Pipelines[i].Operators[op].Name, 0, node)
		}
	}
	for j, groups := range place.Jobs {
		for g, instances := range groups {
			for k, node := range instances {
				add(s.Workload.Jobs[j].Name, s.Workload.Jobs[j].Groups[g].Name, k, node)
			}
		}
	}
	return out
}

func (p *plan) unplaced() []results.Unplaced {
	var out []results.Unplaced
	for _, u := range p.solution.Unplaced {
		out = append(out, results.Unplaced{Workload: u.Workload, Item: u.Item, Instance: u.Instance, Reason: u.Reason})
	}
	return out
}

// nodesUsed counts the nodes that carry something.
func (p *plan) nodesUsed() int {
	seen := map[string]bool{}
	for _, x := range p.placements() {
		seen[x.Node] = true
	}
	return len(seen)
}
