package main

import (
	"context"
	"fmt"
	"slices"

	"caravan/scenarios"
	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// changedPipelines solves the pipelines on the nodes as they would be, in the
// room that the jobs leave, and compares. What runs stays where moving it
// saves nothing.
func changedPipelines(ctx context.Context, s *scenarios.Scenario, n *nodeSet, f *force, jobs *reconciliation) (out []change, kept int, err error) {
	dropped := droppedPipelines(s, f)
	if len(s.Workload.Pipelines) == 0 {
		return dropped, 0, nil
	}
	after, err := pipelinesOn(s, n, jobs)
	if err != nil {
		return nil, 0, err
	}
	p := problemOf(after)
	old := placementInForce(after, n, f)
	p.Incumbent = &old
	algorithm, err := newSolver(s.Solve.Solver, 0)
	if err != nil {
		return nil, 0, err
	}
	sol, err := solver.Solve(ctx, algorithm, p)
	if err != nil {
		return nil, 0, fmt.Errorf("solving the pipelines of %s: %w", s.Name, err)
	}
	placed := sol.Status == solver.Optimal || sol.Status == solver.Feasible
	now, why := sol.Placement, "costs less there"
	if placement.Check(after.Topology, after.Workload, old) == nil {
		if cost, _, err := solver.Cost(p, old); err == nil && (!placed || cost <= sol.Cost*(1+1e-9)) {
			now, placed = old, true
		} else if placed {
			why = fmt.Sprintf("the pipelines then cost %s instead of %s", quantity(sol.Cost, sol.Unit), quantity(cost, sol.Unit))
		}
	}
	for i := range after.Workload.Pipelines {
		w := &after.Workload.Pipelines[i]
		for j := range w.Operators {
			c := change{Workload: w.Name, Item: w.Operators[j].Name, Priority: w.Priority, Reason: why}
			if from, ok := f.ops[w.Name][w.Operators[j].Name]; ok {
				c.From = &from
				if away := n.away(from); away != "" {
					c.Reason = away
				}
			}
			if to := now.Pipelines[i][j]; to != topology.None && placed {
				name := n.nodes[to].Name
				c.To = &name
			}
			if c.To != nil && c.From != nil && *c.To == *c.From {
				kept++
				continue
			}
			out = append(out, named(c, sol.Reason, whyUnplaced(&sol, w.Name, w.Operators[j].Name)))
		}
	}
	return append(out, dropped...), kept, nil
}

// named says what kind of change it is.
func named(c change, reasons ...string) change {
	switch {
	case c.To == nil:
		c.Change = "blocked"
		for _, r := range reasons {
			if r != "" {
				c.Reason = r
			}
		}
	case c.From == nil:
		c.Change, c.Reason = "created", ""
	default:
		c.Change = "moved"
	}
	return c
}

func whyUnplaced(sol *solver.Solution, workload, item string) string {
	for _, u := range sol.Unplaced {
		if u.Workload == workload && u.Item == item {
			return u.Reason
		}
	}
	return ""
}

// pipelinesOn is the scenario with the pipelines alone, on the nodes as they
// would be: what jobs hold is reserved, links of lost nodes are gone, and
// nothing may run on nodes that are drained or lost.
func pipelinesOn(s *scenarios.Scenario, n *nodeSet, jobs *reconciliation) (*scenarios.Scenario, error) {
	nodes := slices.Clone(n.nodes)
	for i := range nodes {
		used := jobs.state.Used(topology.NodeID(i))
		reserve(&nodes[i], topology.Resources{CPU: used.CPU, Memory: used.Memory, Disk: used.Disk})
	}
	links := slices.DeleteFunc(slices.Clone(n.links), func(l topology.Link) bool {
		return n.standing[l.From] == "lost" || n.standing[l.To] == "lost"
	})
	for i := range links {
		links[i].Medium++ // a topology counts media from 0, which asks for one of the link's own
	}
	t, err := topology.New(nodes, links)
	if err != nil {
		return nil, badInput(err)
	}
	var avoid []workloads.Constraint
	for i := range nodes {
		if n.standing[topology.NodeID(i)] != "" {
			avoid = append(avoid, workloads.Constraint{Attribute: "name", Operator: "!=", Values: []string{nodes[i].Name}})
		}
	}
	w := &workloads.Workload{Pipelines: slices.Clone(s.Workload.Pipelines)}
	for i := range w.Pipelines {
		ops := slices.Clone(w.Pipelines[i].Operators)
		for j := range ops {
			ops[j].Constraints = append(slices.Clone(ops[j].Constraints), avoid...)
		}
		w.Pipelines[i].Operators = ops
	}
	out := *s
	out.Topology, out.Workload = t, w
	return &out, nil
}

// placementInForce is the old placement of the pipelines, None where it says
// nothing or the node is gone.
func placementInForce(s *scenarios.Scenario, n *nodeSet, f *force) placement.Placement {
	out := placement.Unplaced(s.Workload)
	for i := range s.Workload.Pipelines {
		w := &s.Workload.Pipelines[i]
		for j := range w.Operators {
			if name, ok := f.ops[w.Name][w.Operators[j].Name]; ok && n.away(name) == "" {
				out.Pipelines[i][j] = n.at[name]
			}
		}
	}
	return out
}

// droppedPipelines stops what the scenario has no more and what no job is
// known to be.
func droppedPipelines(s *scenarios.Scenario, f *force) []change {
	known := map[string]bool{}
	for i := range s.Workload.Jobs {
		known[s.Workload.Jobs[i].Name] = true
	}
	for i := range s.Workload.Pipelines {
		for _, o := range s.Workload.Pipelines[i].Operators {
			known[s.Workload.Pipelines[i].Name+"\x00"+o.Name] = true
		}
	}
	var out []change
	for _, p := range f.placed {
		if known[p.Workload] || f.versions[p.Workload] != nil || known[p.Workload+"\x00"+p.Item] {
			continue
		}
		out = append(out, change{
			Change: "stopped", Workload: p.Workload, Item: p.Item, Instance: p.Instance, From: &p.Node, Reason: "it is no longer in the scenario",
		})
	}
	return out
}
