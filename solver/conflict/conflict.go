// Package conflict says why not everything can be placed: a small set of
// demands and constraints that cannot all hold, and what would let them.
package conflict

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// An Explanation of why a problem has no placement of everything.
type Explanation struct {
	// Items are those that cannot all be placed, as workload/item.
	Items []string
	// Nodes are those that may hold any of them.
	Nodes []string
	// Dimension is what runs out: cpu, memory, disk or gpus; empty when it is
	// none of them alone.
	Dimension string
	// Needed and Available are totals in that dimension: MHz, bytes, or
	// thousandths of devices.
	Needed, Available float64
	// Minimal says that without any one of the items the others can be placed.
	Minimal bool
	// Remedy is a change that lets them be placed.
	Remedy string

	nearest string // the one of several nodes that Available is about
}

// String is the explanation in a sentence or two.
func (e *Explanation) String() string {
	var b strings.Builder
	switch {
	case len(e.Items) == 1:
		fmt.Fprintf(&b, "%s cannot be placed", e.Items[0])
	default:
		fmt.Fprintf(&b, "%s cannot all be placed", listed(e.Items, 6))
	}
	if e.Dimension != "" {
		fmt.Fprintf(&b, ": %s %s of %s, and %s %s", needs(len(e.Items)), amount(e.Dimension, e.Needed), e.Dimension, e.holders(), amount(e.Dimension, e.Available))
	} else if len(e.Nodes) > 0 {
		fmt.Fprintf(&b, " on %s", listed(e.Nodes, 6))
	}
	if e.Remedy != "" {
		fmt.Fprintf(&b, "; %s", e.Remedy)
	}
	return b.String()
}

func needs(items int) string {
	if items == 1 {
		return "it needs"
	}
	return "together they need"
}

func (e *Explanation) holders() string {
	switch {
	case len(e.Nodes) == 1:
		return e.Nodes[0] + ", the one node that may hold it, has"
	case e.nearest != "":
		return fmt.Sprintf("%s, the nearest to enough of the %d nodes allowed, has", e.nearest, len(e.Nodes))
	}
	return fmt.Sprintf("the %d nodes that may hold them (%s) have", len(e.Nodes), listed(e.Nodes, 4))
}

func listed(names []string, most int) string {
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most-1], ", "), len(names)-most+1)
	}
	if len(names) > 1 {
		return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
	}
	return strings.Join(names, "")
}

var dimensions = [placement.Dimensions]string{"cpu", "memory", "disk", "gpus"}

func amount(dimension string, v float64) string {
	switch dimension {
	case "cpu":
		return topology.FormatMHz(topology.MHz(v))
	case "gpus":
		return fmt.Sprintf("%g", v/1000)
	}
	return topology.FormatBytes(topology.Bytes(v))
}

// A thing is an operator or an instance that wants room.
type thing struct {
	name        string
	demand      topology.Resources
	need        placement.Vector
	constraints []workloads.Constraint
	allowed     []topology.NodeID // by pin and constraints, whatever their room
	zero        func(*workloads.Workload)
	job, group  int // of an instance, -1 for an operator
}

// Explain looks for the reason in the order in which people would: one thing
// that fits nowhere, things that together exceed the nodes open to them in one
// dimension, instances that rules keep apart, and last a minimal set found by leaving things out one by one and
// asking the exact solver again. It returns nil when it finds none in the time
// that ctx gives, for instance because there is a placement after all.
func Explain(ctx context.Context, p *solver.Problem, exact solver.Solver) (*Explanation, error) {
	things, err := list(p)
	if err != nil {
		return nil, err
	}
	ledger := placement.NewLedger(p.Topology)
	for i := range things {
		if e := alone(p, ledger, &things[i]); e != nil {
			return e, nil
		}
	}
	if e := together(p, ledger, things); e != nil {
		return e, nil
	}
	if e := apart(p, things); e != nil {
		return e, nil
	}
	return filter(ctx, p, exact, things)
}

func list(p *solver.Problem) ([]thing, error) {
	var out []thing
	add := func(name string, d topology.Resources, cs []workloads.Constraint, pin topology.NodeID, job, group int, zero func(*workloads.Workload)) {
		t := thing{name: name, demand: d, need: placement.Demand(d), constraints: cs, zero: zero, job: job, group: group}
		for i := range p.Topology.Nodes() {
			n := topology.NodeID(i)
			if (pin == topology.None || pin == n) && placement.AllowsAll(&p.Topology.Nodes()[i], cs) == nil {
				t.allowed = append(t.allowed, n)
			}
		}
		out = append(out, t)
	}
	for i := range p.Workload.Pipelines {
		w := &p.Workload.Pipelines[i]
		pins, err := w.Pins()
		if err != nil {
			return nil, err
		}
		for j := range w.Operators {
			o := &w.Operators[j]
			add(w.Name+"/"+o.Name, o.Demand, o.Constraints, pins[j], -1, -1, func(w *workloads.Workload) {
				w.Pipelines[i].Operators[j].Demand = topology.Resources{}
			})
		}
	}
	for j := range p.Workload.Jobs {
		for g := range p.Workload.Jobs[j].Groups {
			group := &p.Workload.Jobs[j].Groups[g]
			for k := range group.Count {
				add(fmt.Sprintf("%s/%s[%d]", p.Workload.Jobs[j].Name, group.Name, k), group.Demand, group.Constraints, topology.None, j, g, func(w *workloads.Workload) {
					w.Jobs[j].Groups[g].Count--
				})
			}
		}
	}
	return out, nil
}

func names(p *solver.Problem, nodes []topology.NodeID) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, p.Topology.Nodes()[n].Name)
	}
	return out
}

// alone explains a thing that no node can hold.
func alone(p *solver.Problem, ledger *placement.Ledger, t *thing) *Explanation {
	e := &Explanation{Items: []string{t.name}, Minimal: true}
	if len(t.allowed) == 0 {
		e.Remedy = "no node satisfies " + constraintsOf(p.Topology, t)
		return e
	}
	best, short := topology.None, math.Inf(1)
	dim := -1
	for _, n := range t.allowed {
		if ledger.Fits(n, t.demand) {
			return nil
		}
		free := ledger.Free(n)
		lack, at := 0.0, -1
		for d, need := range t.need {
			if need > free[d] && (need-free[d])/need > lack {
				lack, at = (need-free[d])/need, d
			}
		}
		if at >= 0 && lack < short {
			best, short, dim = n, lack, at
		}
	}
	e.Nodes = names(p, t.allowed)
	if best == topology.None {
		e.Remedy = "no node has a GPU of a model that will do with room enough"
		return e
	}
	free := ledger.Free(best)
	e.nearest = p.Topology.Nodes()[best].Name
	e.Dimension, e.Needed, e.Available = dimensions[dim], t.need[dim], free[dim]
	e.Remedy = fmt.Sprintf("%s more there would do", amount(e.Dimension, e.Needed-e.Available))
	return e
}

// constraintsOf lists a thing's constraints, each that no node satisfies with
// what the nodes have instead.
func constraintsOf(top *topology.Topology, t *thing) string {
	if len(t.constraints) == 0 {
		return "its pin"
	}
	var out []string
	for i := range t.constraints {
		c := &t.constraints[i]
		text := strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Attribute, c.Operator, strings.Join(c.Values, ",")))
		out = append(out, text+instead(top, c))
	}
	return strings.Join(out, " and ")
}

// instead is what the nodes have of an attribute that none has as asked.
func instead(top *topology.Topology, c *workloads.Constraint) string {
	var values []string
	for i := range top.Nodes() {
		n := &top.Nodes()[i]
		if c.Allows(n) {
			return ""
		}
		if v, ok := n.Attribute(c.Attribute); ok && v != "" {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	if values = slices.Compact(values); len(values) == 0 {
		return fmt.Sprintf(" (none has %s)", c.Attribute)
	}
	return fmt.Sprintf(" (nodes have %s)", listed(values, 6))
}

// together looks for things confined to a set of nodes that exceed it in one
// dimension. The sets are those that things are confined to.
func together(p *solver.Problem, ledger *placement.Ledger, things []thing) *Explanation {
	var best *Explanation
	seen := map[string]bool{}
	for i := range things {
		key := fmt.Sprint(things[i].allowed)
		if seen[key] {
			continue
		}
		seen[key] = true
		confined := slices.DeleteFunc(slices.Clone(things), func(t thing) bool { return !within(t.allowed, things[i].allowed) })
		for d := range dimensions {
			if e := exceeds(p, ledger, confined, things[i].allowed, d); e != nil && (best == nil || len(e.Items) < len(best.Items)) {
				best = e
			}
		}
	}
	return best
}

func within(a, b []topology.NodeID) bool {
	for _, n := range a {
		if _, found := slices.BinarySearch(b, n); !found {
			return false
		}
	}
	return true
}

// exceeds takes the largest demands until they are too much.
func exceeds(p *solver.Problem, ledger *placement.Ledger, things []thing, nodes []topology.NodeID, d int) *Explanation {
	var room float64
	for _, n := range nodes {
		free := ledger.Free(n)
		room += free[d]
	}
	slices.SortStableFunc(things, func(a, b thing) int {
		switch {
		case a.need[d] > b.need[d]:
			return -1
		case a.need[d] < b.need[d]:
			return 1
		}
		return 0
	})
	var sum float64
	for k := range things {
		if sum += things[k].need[d]; sum <= room*(1+1e-9) {
			continue
		}
		e := &Explanation{Nodes: names(p, nodes), Dimension: dimensions[d], Needed: sum, Available: room}
		var whole float64
		for i, t := range things {
			if i <= k {
				e.Items = append(e.Items, t.name)
			}
			whole += t.need[d]
		}
		e.Remedy = fmt.Sprintf("everything confined there needs %s: add at least %s%s", amount(dimensions[d], whole), amount(dimensions[d], whole-room), onClass(p, nodes))
		return e
	}
	return nil
}

// onClass names the class that nodes have in common.
func onClass(p *solver.Problem, nodes []topology.NodeID) string {
	class := p.Topology.Nodes()[nodes[0]].Class
	for _, n := range nodes {
		if p.Topology.Nodes()[n].Class != class {
			return " among them"
		}
	}
	if class == "" {
		return " among them"
	}
	return fmt.Sprintf(" on nodes of class %s", class)
}
