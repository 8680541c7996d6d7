package placement

import (
	"errors"
	"fmt"
	"slices"

	"caravan/topology"
	"caravan/workloads"
)

// Unplaced returns the placement of w in which nothing has a node.
func Unplaced(w *workloads.Workload) Placement {
	p := Placement{
		Pipelines: make([][]topology.NodeID, len(w.Pipelines)),
		Jobs:      make([][][]topology.NodeID, len(w.Jobs)),
	}
	for i := range w.Pipelines {
		p.Pipelines[i] = slices.Repeat([]topology.NodeID{topology.None}, len(w.Pipelines[i].Operators))
	}
	for i := range w.Jobs {
		for _, g := range w.Jobs[i].Groups {
			p.Jobs[i] = append(p.Jobs[i], slices.Repeat([]topology.NodeID{topology.None}, g.Count))
		}
	}
	return p
}

// AllowsAll returns the first constraint that node n does not satisfy, nil
// when it satisfies them all.
func AllowsAll(n *topology.Node, cs []workloads.Constraint) *workloads.Constraint {
	for i := range cs {
		if !cs[i].Allows(n) {
			return &cs[i]
		}
	}
	return nil
}

// Check reports every way in which the placement cannot run: pins and
// constraints that it ignores, pipelines placed in part, operators that may
// not share a node, and nodes that it overfills.
func Check(t *topology.Topology, w *workloads.Workload, p Placement) error {
	if len(p.Pipelines) != len(w.Pipelines) || len(p.Jobs) != len(w.Jobs) {
		return fmt.Errorf("the placement covers %d pipelines and %d jobs of %d and %d",
			len(p.Pipelines), len(p.Jobs), len(w.Pipelines), len(w.Jobs))
	}
	var faults []error
	ledger := NewLedger(t)
	for i := range w.Pipelines {
		faults = append(faults, checkPipeline(t, &w.Pipelines[i], p.Pipelines[i], ledger)...)
	}
	for i := range w.Jobs {
		faults = append(faults, checkJob(t, &w.Jobs[i], p.Jobs[i], ledger)...)
	}
	if len(faults) == 0 {
		faults = checkByName(t, w, p)
	}
	return errors.Join(faults...)
}

func checkPipeline(t *topology.Topology, w *workloads.Pipeline, nodes []topology.NodeID, ledger *Ledger) []error {
	if len(nodes) != len(w.Operators) {
		return []error{fmt.Errorf("pipeline %q: %d nodes for %d operators", w.Name, len(nodes), len(w.Operators))}
	}
	placed := 0
	for _, n := range nodes {
		if n != topology.None {
			placed++
		}
	}
	if placed == 0 {
		return nil
	}
	if placed < len(nodes) {
		return []error{fmt.Errorf("pipeline %q: %d of its %d operators are placed; it runs whole or not at all", w.Name, placed, len(nodes))}
	}
	pins, err := w.Pins()
	if err != nil {
		return []error{err}
	}
	var faults []error
	for j, n := range nodes {
		o := &w.Operators[j]
		where := fmt.Sprintf("pipeline %q: operator %q", w.Name, o.Name)
		if pins[j] != topology.None && pins[j] != n {
			faults = append(faults, fmt.Errorf("%s: on %q, pinned to %q", where, t.Nodes()[n].Name, t.Nodes()[pins[j]].Name))
		}
		faults = append(faults, checkItem(t, where, n, o.Demand, o.Constraints, ledger)...)
		for _, k := range w.Successors(j) {
			if nodes[k] == n && t.Nodes()[n].NoColocate {
				faults = append(faults, fmt.Errorf("%s: shares %q with %q, which may not follow it there", where, t.Nodes()[n].Name, w.Operators[k].Name))
			}
		}
	}
	return faults
}

func checkJob(t *topology.Topology, w *workloads.Job, groups [][]topology.NodeID, ledger *Ledger) []error {
	if len(groups) != len(w.Groups) {
		return []error{fmt.Errorf("job %q: %d groups of %d", w.Name, len(groups), len(w.Groups))}
	}
	var faults []error
	for g := range w.Groups {
		group := &w.Groups[g]
		if len(groups[g]) != group.Count {
			faults = append(faults, fmt.Errorf("job %q: group %q: %d instances of %d", w.Name, group.Name, len(groups[g]), group.Count))
			continue
		}
		for i, n := range groups[g] {
			if n != topology.None {
				where := fmt.Sprintf("job %q: group %q: instance %d", w.Name, group.Name, i)
				faults = append(faults, checkItem(t, where, n, group.Demand, group.Constraints, ledger)...)
			}
		}
	}
	return faults
}

func checkItem(t *topology.Topology, where string, n topology.NodeID, d topology.Resources, cs []workloads.Constraint, ledger *Ledger) []error {
	if n < 0 || int(n) >= len(t.Nodes()) {
		return []error{fmt.Errorf("%s: on node %d, which does not exist", where, n)}
	}
	node := &t.Nodes()[n]
	if c := AllowsAll(node, cs); c != nil {
		return []error{fmt.Errorf("%s: on %q, which %s %s %v leaves out", where, node.Name, c.Attribute, c.Operator, c.Values)}
	}
	if _, ok := ledger.Take(n, d); !ok {
		return []error{fmt.Errorf("%s: %q has no room: %s", where, node.Name, ledger.Lacks(n, d))}
	}
	return nil
}
