package placement

import (
	"cmp"
	"fmt"
	"slices"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// checkByName reports what instances of jobs lack beyond the amounts that the
// Ledger keeps: ports, bandwidth, cores, devices by their kind, distance from
// each other. What they get is granted in the order of the jobs, or, should
// that fail, by falling priority.
func checkByName(t *topology.Topology, w *workloads.Workload, p Placement) []error {
	if !slices.ContainsFunc(w.Jobs, ByName) && !slices.ContainsFunc(t.Nodes(), func(n topology.Node) bool { return n.MaxInstances > 0 }) {
		return nil
	}
	order := make([]int, len(w.Jobs))
	for j := range order {
		order[j] = j
	}
	faults := grantAll(t, w, p, order)
	if len(faults) > 0 {
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(w.Jobs[b].Priority, w.Jobs[a].Priority) })
		faults = grantAll(t, w, p, order)
	}
	return faults
}

// ByName reports whether a job asks for more than amounts: whole cores, ports,
// bandwidth, devices by kind, or distance among its instances.
func ByName(j workloads.Job) bool {
	distinct := func(c workloads.Constraint) bool { return c.Distinct() }
	if j.Type.Everywhere() || slices.ContainsFunc(j.Constraints, distinct) {
		return true
	}
	return slices.ContainsFunc(j.Groups, func(g workloads.Group) bool {
		ask := cluster.NewAsk(&g)
		return ask.Cores > 0 || len(ask.Networks) > 0 || len(g.AllDevices()) > 0 || slices.ContainsFunc(g.Constraints, distinct)
	})
}

func grantAll(t *topology.Topology, w *workloads.Workload, p Placement, order []int) []error {
	var faults []error
	book := cluster.NewBook(t.Nodes(), w.Jobs)
	for _, j := range order {
		for g, nodes := range p.Jobs[j] {
			for k, n := range nodes {
				if n == topology.None {
					continue
				}
				if lacks := book.Start(j, g, k, n); lacks != "" {
					faults = append(faults, fmt.Errorf("job %q: group %q: instance %d: %q has no room: %s",
						w.Jobs[j].Name, w.Jobs[j].Groups[g].Name, k, t.Nodes()[n].Name, lacks))
				}
			}
		}
	}
	return faults
}
