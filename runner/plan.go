package runner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"caravan/runner/agent"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// PlanOptions say how work is done live. The zero value works.
type PlanOptions struct {
	// Hold makes operators without a program hold a core by the clock instead
	// of burning processor time: for machines too busy to burn on.
	Hold bool
	// Collect makes agents keep what ends with them for a subscriber.
	Collect bool
	// Source makes the first operators send requests by themselves, by the
	// arrivals of their pipelines; without it a driver does.
	Source bool
	Seed   uint64
	// Dir is the working directory of programs.
	Dir string
}

// NewPlan describes the agents of every placed pipeline: one for each operator,
// on the node of its placement. The first agent of a node gives out its cores.
func NewPlan(run string, t *topology.Topology, w *workloads.Workload, m placement.Model, p placement.Placement, o PlanOptions) (*Plan, error) {
	b := &planner{plan: &Plan{Run: run}, t: t, m: m, o: o, gates: map[topology.NodeID]string{}, taken: map[string]bool{}}
	var faults []error
	for i := range w.Pipelines {
		if i >= len(p.Pipelines) || len(p.Pipelines[i]) == 0 || p.Pipelines[i][0] == topology.None {
			continue
		}
		if err := b.pipeline(&w.Pipelines[i], p.Pipelines[i]); err != nil {
			faults = append(faults, err)
		}
	}
	if len(b.plan.Agents) == 0 {
		faults = append(faults, errors.New("no pipeline is placed, so there is nothing to deploy"))
	}
	return b.plan, errors.Join(faults...)
}

type planner struct {
	plan  *Plan
	t     *topology.Topology
	m     placement.Model
	o     PlanOptions
	gates map[topology.NodeID]string // the agent that gives out a node's cores
	taken map[string]bool
}

func (b *planner) pipeline(p *workloads.Pipeline, nodes []topology.NodeID) error {
	names := make([]string, len(p.Operators))
	for j := range p.Operators {
		names[j] = b.name(p.Name + "-" + p.Operators[j].Name)
	}
	for j := range p.Operators {
		d, err := b.deployment(p, nodes, names, j)
		if err != nil {
			return fmt.Errorf("pipeline %q: operator %q: %w", p.Name, p.Operators[j].Name, err)
		}
		b.plan.Agents = append(b.plan.Agents, d)
	}
	return nil
}

func (b *planner) deployment(p *workloads.Pipeline, nodes []topology.NodeID, names []string, j int) (Deployment, error) {
	o, node := &p.Operators[j], &b.t.Nodes()[nodes[j]]
	c := agent.Config{
		Version: agent.ConfigVersion, Run: b.plan.Run, Name: names[j], Pipeline: p.Name, Operator: o.Name, Index: j,
		Node: node.Name, Cores: node.Cores, Speed: node.Speed, Discipline: string(b.m.Discipline(node)),
		Work: b.work(o), Output: o.Output, Predecessors: len(o.After), Queue: o.QueueLimit,
		Batch: o.Batch, BatchWait: o.BatchWait, ColdStart: o.ColdStart,
		Priority: p.Priority, Deadline: p.Deadline, DropLate: p.DropLate, Seed: b.o.Seed,
	}
	if c.Discipline == string(topology.PerOperator) {
		c.Speed /= float64(sharing(nodes, j))
		c.Cores = 1
	}
	if !slices.Contains(agent.Disciplines(), c.Discipline) {
		return Deployment{}, fmt.Errorf("node %q serves by %q, which no agent can (allowed: %s)", node.Name, c.Discipline, strings.Join(agent.Disciplines()[1:], ", "))
	}
	if node.QueueLimit > 0 {
		return Deployment{}, fmt.Errorf("node %q bounds its queue, which no agent can", node.Name)
	}
	if err := b.successors(&c, p, nodes, names, j); err != nil {
		return Deployment{}, err
	}
	first := len(o.After) == 0
	if p.Routed() {
		first, c.Predecessors = j == 0, 1
	}
	c.Collect = b.o.Collect
	if first && b.o.Source {
		c.Source = &agent.Source{Arrivals: p.Arrivals}
	}
	d := Deployment{Name: names[j], Node: node.Name, Config: c, Resources: o.Demand, Entry: first, Routed: p.Routed()}
	if c.Discipline == string(topology.PerOperator) || c.Discipline == string(topology.Delay) {
		return d, nil
	}
	if g, ok := b.gates[nodes[j]]; ok {
		d.GateOf = g
	} else {
		b.gates[nodes[j]] = d.Name
	}
	return d, nil
}

// work is what the operator does: its program if it names one.
func (b *planner) work(o *workloads.Operator) agent.Work {
	w := agent.Work{Kind: agent.Burn, Time: o.Work, Dir: b.o.Dir, Framing: o.Program.Framing}
	switch {
	case len(o.Program.Exec) > 0:
		w.Kind, w.Exec = agent.Exec, o.Program.Exec
	case o.Program.URL != "":
		w.Kind, w.URL = agent.HTTP, o.Program.URL
	case b.o.Hold:
		w.Kind = agent.Hold
	}
	return w
}

// successors lists the peers of operator j, and the routes to them.
func (b *planner) successors(c *agent.Config, p *workloads.Pipeline, nodes []topology.NodeID, names []string, j int) error {
	add := func(to int, peer agent.Peer) error {
		peer.Name = names[to]
		if limit := p.Operators[to].QueueLimit; limit > 0 {
			peer.Window = max(1, limit/max(1, len(p.Operators[to].After)))
		}
		c.Successors = append(c.Successors, peer)
		return b.route(nodes[j], nodes[to])
	}
	if p.Routed() {
		for _, n := range p.Operators[j].Next {
			if err := add(n.To, agent.Peer{Routed: true, Probability: n.Probability}); err != nil {
				return err
			}
		}
		return nil
	}
	for _, to := range p.Successors(j) {
		if err := add(to, agent.Peer{}); err != nil {
			return err
		}
	}
	return nil
}

// route adds the way between two nodes to the plan.
func (b *planner) route(from, to topology.NodeID) error {
	names := b.t.Nodes()
	if _, ok := b.plan.RouteBetween(names[from].Name, names[to].Name); ok || from == to {
		return nil
	}
	way, ok := b.t.Route(b.m.RoutingOrDefault(), from, to)
	if !ok {
		return fmt.Errorf("there is no route from %q to %q", names[from].Name, names[to].Name)
	}
	r := Route{From: names[from].Name, To: names[to].Name}
	for _, l := range way.Links {
		r.Hops = append(r.Hops, b.t.Links()[l])
	}
	b.plan.Routes = append(b.plan.Routes, r)
	return nil
}

// sharing is how many operators of the pipeline run on the node of operator j.
func sharing(nodes []topology.NodeID, j int) int {
	n := 0
	for _, x := range nodes {
		if x == nodes[j] {
			n++
		}
	}
	return n
}

// maxName keeps an agent's name short enough to be part of a host name.
const maxName = 52

// name makes a host name's part of text that no agent of the plan bears yet.
func (b *planner) name(text string) string {
	base := Label(text)
	name := base
	for i := 2; b.taken[name]; i++ {
		suffix := fmt.Sprintf("-%d", i)
		name = strings.TrimRight(base[:min(len(base), maxName-len(suffix))], "-") + suffix
	}
	b.taken[name] = true
	return name
}

// Label turns text into lower-case letters, digits and dashes, at most 52 of
// them, the first a letter.
func Label(text string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, text)
	out = strings.Trim(out, "-")
	if out == "" || out[0] < 'a' {
		out = "x" + out
	}
	return strings.TrimRight(out[:min(len(out), maxName)], "-")
}

// NewRun makes the label of a run that begins at the given instant in process
// pid.
func NewRun(scenario string, at time.Time, pid int) string {
	tail := fmt.Sprintf("-%s-%d", at.UTC().Format("0102-150405"), pid)
	head := Label(scenario)
	return strings.TrimRight(head[:min(len(head), 24)], "-") + tail
}
