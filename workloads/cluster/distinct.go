package cluster

import (
	"caravan/topology"
	"caravan/workloads"
)

// Apart returns the first distinct_hosts or distinct_property of the job and
// its group g that one more instance on node n would break, nil when there is
// none. Jobs that run everywhere have one instance of a group on a node.
func (v View) Apart(j JobID, spec *workloads.Job, g int, n topology.NodeID) *workloads.Constraint {
	if spec.Type.Everywhere() && v.peers(j, spec, g, "", n) > 0 {
		return &workloads.Constraint{Operator: workloads.DistinctHosts}
	}
	for i := range spec.Constraints {
		if c := &spec.Constraints[i]; c.Distinct() && !v.apart(c, j, spec, -1, n) {
			return c
		}
	}
	for i := range spec.Groups[g].Constraints {
		if c := &spec.Groups[g].Constraints[i]; c.Distinct() && !v.apart(c, j, spec, g, n) {
			return c
		}
	}
	return nil
}

func (v View) apart(c *workloads.Constraint, j JobID, spec *workloads.Job, g int, n topology.NodeID) bool {
	if c.Operator == workloads.DistinctHosts {
		return v.peers(j, spec, g, "", n) == 0
	}
	_, ok := v.fleet.Machine(n).Node.Attribute(c.Attribute)
	return ok && v.peers(j, spec, g, c.Attribute, n) < c.Property()
}

// peers counts the instances of the job, of group g alone unless it is below 0,
// on n, or on nodes that share its value of an attribute.
func (v View) peers(j JobID, spec *workloads.Job, g int, attribute string, n topology.NodeID) int {
	count := 0
	value, _ := v.fleet.Machine(n).Node.Attribute(attribute)
	add := func(a *Allocation) {
		if g >= 0 && a.TaskGroup().Name != spec.Groups[g].Name {
			return
		}
		if attribute == "" && a.Node == n {
			count++
		}
		if x, ok := v.fleet.Machine(a.Node).Node.Attribute(attribute); attribute != "" && ok && x == value {
			count++
		}
	}
	for _, id := range v.Of(j) {
		if a := v.Alloc(id); !a.Client.Terminal() && a.Desired == Run && !v.Gone(a) {
			add(a)
		}
	}
	if v.Plan != nil {
		for i := range v.Plan.Placements {
			if a := &v.Plan.Placements[i]; a.Job == j {
				add(a)
			}
		}
	}
	return count
}
