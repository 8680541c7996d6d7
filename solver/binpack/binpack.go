// Package binpack places group instances and operators one by one on nodes of
// any kind, each on the node that a policy likes best. The default is HashiCorp
// Nomad's fit score: the fullest that has room, or with Spread the emptiest.
package binpack

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// Solver places pinned items first, then by falling priority, then in the
// order of its policy, each on the feasible node of the highest score, the
// lowest node on ties. It never moves what it has placed.
type Solver struct {
	Policy Policy // one of Policies; empty: HashiCorp
	Spread bool   // of HashiCorp only: score by spread instead of by packing
}

// Score is HashiCorp Nomad's fit score, over 18 so that it lies in 0..1, of a
// node of which used (its new instance included) of total is taken, both less
// what the node reserves (structs/funcs.go, ScoreFitBinPack and
// ScoreFitSpread):
//
//	free_d  = 1 - used_d/total_d, for cpu and memory
//	packing = clamp(20 - 10^free_cpu - 10^free_mem, 0, 18)
//	spread  = clamp(10^free_cpu + 10^free_mem - 2, 0, 18)
//
// A dimension without capacity counts as empty.
func Score(usedCPU, totalCPU topology.MHz, usedMemory, totalMemory topology.Bytes, spread bool) float64 {
	freeCPU, freeMemory := 1.0, 1.0
	if totalCPU > 0 {
		freeCPU = 1 - float64(usedCPU)/float64(totalCPU)
	}
	if totalMemory > 0 {
		freeMemory = 1 - float64(usedMemory)/float64(totalMemory)
	}
	sum := math.Pow(10, freeCPU) + math.Pow(10, freeMemory)
	x := 20 - sum
	if spread {
		x = sum - 2
	}
	return min(max(x, 0), 18) / 18
}

// An item is one instance or operator to place.
type item struct {
	workload, name string
	instance       int
	priority       int
	demand         topology.Resources
	constraints    []workloads.Constraint
	pin            topology.NodeID
	pipeline       int // -1 for a group instance
	job, group     int // of an instance
	at             func(pl *placement.Placement) *topology.NodeID
}

// free is 0 for an item that has one node to go to: it goes first, before
// others take its room.
func free(it item) int {
	if it.pin != topology.None {
		return 0
	}
	return 1
}

// Solve implements solver.Solver. For the objective of nodes used the bound is
// that of the total demand over the largest capacities (Martello and Toth's
// L1); for latency there is none.
func (s Solver) Solve(ctx context.Context, p *solver.Problem) (solver.Solution, error) {
	sol := solver.Solution{Placement: placement.Unplaced(p.Workload), Status: solver.Feasible, Bound: math.NaN()}
	items := list(p.Workload)
	on, err := s.placer(p.Topology, items)
	if err != nil {
		return solver.Solution{}, err
	}
	failed := map[int]string{} // pipelines that cannot be placed whole
	var taken []placedItem
	apart := newDistances(p.Topology.Nodes(), p.Workload.Jobs)
	for _, it := range items {
		if _, bad := failed[it.pipeline]; bad {
			continue
		}
		sol.Steps++
		reason := "the search was stopped"
		var n topology.NodeID
		var grant placement.Grant
		ok := ctx.Err() == nil
		if ok {
			it.constraints = apart.rules(&it)
			if n, grant, ok = on.place(it.demand, it.constraints, it.pin); !ok {
				reason = on.explain(it)
			}
		}
		if !ok {
			if it.pipeline < 0 {
				sol.Unplaced = append(sol.Unplaced, solver.Unplaced{Workload: it.workload, Item: it.name, Instance: it.instance, Reason: reason})
				continue
			}
			failed[it.pipeline] = reason
			continue
		}
		*it.at(&sol.Placement) = n
		apart.placed(&it, n)
		taken = append(taken, placedItem{it, n, grant})
	}
	s.settle(p, &sol, failed, taken, on)
	if len(sol.Unplaced) > 0 {
		sol.Status = solver.Unknown
		if fitsNoEmptyNode(p, items) {
			sol.Status = solver.Infeasible
		}
	} else if p.Goal() == solver.Nodes {
		sol.Bound = nodesBound(p.Topology, items)
		if cost, _, err := solver.Cost(p, sol.Placement); err == nil && cost <= sol.Bound {
			sol.Status = solver.Optimal
		}
	}
	return sol, nil
}

type placedItem struct {
	item
	node  topology.NodeID
	grant placement.Grant
}

// settle takes out pipelines that were placed in part or whose operators
// cannot reach each other.
func (s Solver) settle(p *solver.Problem, sol *solver.Solution, failed map[int]string, taken []placedItem, on placer) {
	for i := range p.Workload.Pipelines {
		w := &p.Workload.Pipelines[i]
		reason, bad := failed[i]
		if !bad {
			reason, bad = s.unreachable(p, w, sol.Placement.Pipelines[i])
		}
		if !bad {
			continue
		}
		for _, t := range taken {
			if t.pipeline == i {
				on.give(t.node, t.demand, t.grant)
			}
		}
		for j := range w.Operators {
			sol.Placement.Pipelines[i][j] = topology.None
		}
		sol.Unplaced = append(sol.Unplaced, solver.Leave(w, reason)...)
	}
}

func (s Solver) unreachable(p *solver.Problem, w *workloads.Pipeline, nodes []topology.NodeID) (string, bool) {
	for j := range nodes {
		for _, k := range w.Successors(j) {
			if nodes[j] == nodes[k] && p.Topology.Nodes()[nodes[j]].NoColocate {
				return fmt.Sprintf("operators %q and %q may not share %q, where they fit best", w.Operators[j].Name, w.Operators[k].Name, p.Topology.Nodes()[nodes[j]].Name), true
			}
		}
	}
	if _, err := placement.Estimate(p.Topology, p.Model, w, nodes); err != nil {
		return err.Error(), true
	}
	return "", false
}

// list is every item of the workload, in its order.
func list(w *workloads.Workload) []item {
	var items []item
	for i := range w.Pipelines {
		pl := &w.Pipelines[i]
		pins, err := pl.Pins()
		for j := range pl.Operators {
			o := &pl.Operators[j]
			it := item{
				workload: pl.Name, name: o.Name, priority: pl.Priority, demand: o.Demand, constraints: o.Constraints,
				pin: topology.None, pipeline: i,
				at: func(p *placement.Placement) *topology.NodeID { return &p.Pipelines[i][j] },
			}
			if err == nil {
				it.pin = pins[j]
			} else {
				it.pin = -2 // two pins at once: no node is both
			}
			items = append(items, it)
		}
	}
	for i := range w.Jobs {
		job := &w.Jobs[i]
		for g := range job.Groups {
			group := &job.Groups[g]
			for k := range group.Count {
				items = append(items, item{
					workload: job.Name, name: group.Name, instance: k, priority: job.Priority, demand: group.Demand,
					constraints: group.Constraints, pin: topology.None, pipeline: -1, job: i, group: g,
					at: func(p *placement.Placement) *topology.NodeID { return &p.Jobs[i][g][k] },
				})
			}
		}
	}
	return items
}

// fitsNoEmptyNode reports whether some item has no node even on an empty
// cluster: then the problem has no whole placement.
func fitsNoEmptyNode(p *solver.Problem, items []item) bool {
	empty := NewOnline(p.Topology, false)
	for _, it := range items {
		if _, _, ok := empty.find(it.demand, it.constraints, it.pin); !ok {
			return true
		}
	}
	return false
}

// nodesBound is how many nodes the demand needs at least: in each dimension,
// the fewest of the largest nodes that hold it all together.
func nodesBound(t *topology.Topology, items []item) float64 {
	var cpu, memory, disk, gpus float64
	for _, it := range items {
		cpu += float64(it.demand.CPU)
		memory += float64(it.demand.Memory)
		disk += float64(it.demand.Disk)
		gpus += float64(it.demand.GPUs) * float64(milliOf(it.demand)) / 1000
	}
	capacity := func(of func(n *topology.Node) float64) []float64 {
		var out []float64
		nodes := t.Nodes()
		for i := range nodes {
			out = append(out, of(&nodes[i]))
		}
		slices.SortFunc(out, func(a, b float64) int { return cmp.Compare(b, a) })
		return out
	}
	finite := func(total, reserved float64) float64 {
		if total == 0 {
			return math.Inf(1)
		}
		return total - reserved
	}
	bound := 0.0
	for _, d := range []struct {
		demand float64
		nodes  []float64
	}{
		{cpu, capacity(func(n *topology.Node) float64 { return finite(float64(n.CPU), float64(n.Reserved.CPU)) })},
		{memory, capacity(func(n *topology.Node) float64 { return finite(float64(n.Memory), float64(n.Reserved.Memory)) })},
		{disk, capacity(func(n *topology.Node) float64 { return finite(float64(n.Disk), float64(n.Reserved.Disk)) })},
		{gpus, capacity(func(n *topology.Node) float64 { return float64(n.GPUs.Count) })},
	} {
		k := 0.0
		for _, c := range d.nodes {
			if d.demand <= 1e-9 {
				break
			}
			d.demand -= c
			k++
		}
		bound = max(bound, k)
	}
	if len(items) > 0 {
		bound = max(bound, 1)
	}
	return bound
}

func milliOf(d topology.Resources) int {
	if d.GPUMilli == 0 {
		return 1000
	}
	return d.GPUMilli
}

// explain counts why no node takes an item.
func explain(nodes []topology.Node, ledger *placement.Ledger, it item) string {
	counts := map[string]int{}
	for i := range nodes {
		n := topology.NodeID(i)
		switch c := placement.AllowsAll(&nodes[i], it.constraints); {
		case it.pin != topology.None && it.pin != n:
		case c != nil:
			counts[fmt.Sprintf("%s %s %s leaves out", c.Attribute, c.Operator, strings.Join(c.Values, ", "))]++
		default:
			counts["no room for "+ledger.Lacks(n, it.demand)+" on"]++
		}
	}
	if len(counts) == 0 {
		return "no node is allowed by its pins"
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", what, counts[what]))
	}
	return strings.Join(parts, "; ") + fmt.Sprintf(" of %d nodes", len(nodes))
}
