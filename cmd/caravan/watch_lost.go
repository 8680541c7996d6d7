package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"caravan/runner"
	"caravan/scenarios"
	"caravan/workloads"
)

// changedNodes looks at the cluster, and says in words what is lost or back
// that matters for where operators are.
func (w *watcher) changedNodes(ctx context.Context) (why string, err error) {
	nodes, err := w.backend.Nodes(ctx)
	if err != nil {
		return "", err
	}
	agents, err := w.backend.Status(ctx, w.live.Run)
	if err != nil {
		return "", err
	}
	for _, n := range w.written.scenario.Topology.Nodes() {
		answers := slices.ContainsFunc(nodes, func(x runner.Node) bool { return x.Name == n.Name && x.Ready })
		silent, known := w.lost[n.Name]
		switch {
		case !answers && !known:
			w.lost[n.Name] = true
			if w.uses(n.Name) {
				why = cmp.Or(why, fmt.Sprintf("node %s does not answer", n.Name))
			}
		case answers && silent:
			delete(w.lost, n.Name)
			why = cmp.Or(why, fmt.Sprintf("node %s answers again", n.Name))
		}
	}
	for _, x := range agents {
		if _, known := w.lost[x.Node]; x.State == runner.Failed && !known {
			w.lost[x.Node] = false
			why = cmp.Or(why, fmt.Sprintf("agent %s on %s is lost: %s", x.Name, x.Node, x.Detail))
		}
	}
	return why, nil
}

// uses reports whether an agent of the plan in force is on the node.
func (w *watcher) uses(node string) bool {
	return slices.ContainsFunc(w.live.Agents, func(d runner.Deployment) bool { return d.Node == node })
}

// avoid keeps every operator from the nodes that are lost.
func (w *watcher) avoid(s *scenarios.Scenario) {
	for _, node := range sortedKeys(w.lost) {
		for i := range s.Workload.Pipelines {
			l := &s.Workload.Pipelines[i]
			l.Operators = slices.Clone(l.Operators)
			for j := range l.Operators {
				o := &l.Operators[j]
				o.Constraints = append(slices.Clone(o.Constraints), workloads.Constraint{Attribute: "name", Operator: "!=", Values: []string{node}})
			}
		}
	}
}

// counts is what an agent has done so far: requests served, and messages that
// came from each predecessor.
type counts struct {
	served uint64
	came   map[int]int64
}

// look keeps the counts of the agents that answer.
func (w *watcher) look(ctx context.Context) { w.seen = w.count(ctx) }

func (w *watcher) count(ctx context.Context) map[string]counts {
	out := map[string]counts{}
	for i := range w.live.Agents {
		d := &w.live.Agents[i]
		r, err := runner.ReportOf(ctx, w.backend, w.live.Run, d.Name)
		if err != nil { // an agent that is lost has none
			continue
		}
		c := counts{served: r.Served, came: map[int]int64{}}
		for j := range w.live.Agents {
			from := &w.live.Agents[j].Config
			if from.Pipeline == d.Config.Pipeline {
				c.came[from.Index] = r.Spans["cross "+strconv.Itoa(from.Index)].N
			}
		}
		out[d.Name] = c
	}
	return out
}

// stuck lists the links that nothing seems to cross any more, as from->to: a
// predecessor went on since the last look, nothing of it came, and nothing else
// that crosses the link came either.
func (w *watcher) stuck(now map[string]counts) []string {
	crossed, blocked := map[string]bool{}, map[string]bool{}
	for i := range w.live.Agents {
		from := &w.live.Agents[i]
		for _, peer := range from.Config.Successors {
			to, _ := w.live.Agent(peer.Name)
			before, known := w.seen[to.Name]
			if _, answers := now[to.Name]; !known || !answers || from.Node == to.Node {
				continue
			}
			came := now[to.Name].came[from.Config.Index] > before.came[from.Config.Index]
			for _, link := range w.hops(from.Node, to.Node) {
				crossed[link] = crossed[link] || came
				blocked[link] = blocked[link] || !came && now[from.Name].served > w.seen[from.Name].served
			}
		}
	}
	return slices.DeleteFunc(sortedKeys(blocked), func(link string) bool { return !blocked[link] || crossed[link] })
}

// hops are the links of a route of the plan, as from->to.
func (w *watcher) hops(from, to string) []string {
	route, _ := w.live.RouteBetween(from, to)
	nodes := w.written.scenario.Topology.Nodes()
	var out []string
	for _, l := range route.Hops {
		out = append(out, nodes[l.From].Name+"->"+nodes[l.To].Name)
	}
	return out
}
