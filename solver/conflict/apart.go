package conflict

import (
	"fmt"
	"slices"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
)

// A rule keeps instances of jobs apart: at most so many where nodes agree in
// the attribute, or on each node if it is empty.
type rule struct {
	says      string
	attribute string
	most      int
	binds     func(j, g int) bool // the instances of this group
}

// rules are those of the jobs' constraints and static ports, in the order of
// the file.
func rules(p *solver.Problem) []rule {
	var out []rule
	jobs := p.Workload.Jobs
	distinct := func(cs []workloads.Constraint, binds func(j, g int) bool) {
		for _, c := range cs {
			switch {
			case !c.Distinct():
			case c.Operator == workloads.DistinctHosts:
				out = append(out, rule{"distinct_hosts allows 1 on each node", "", 1, binds})
			default:
				out = append(out, rule{fmt.Sprintf("distinct_property allows %d for each %s", c.Property(), c.Attribute), c.Attribute, c.Property(), binds})
			}
		}
	}
	var ports []int
	for j := range jobs {
		distinct(jobs[j].Constraints, func(i, _ int) bool { return i == j })
		for g := range jobs[j].Groups {
			distinct(jobs[j].Groups[g].Constraints, func(i, h int) bool { return i == j && h == g })
			ports = append(ports, static(&jobs[j].Groups[g])...)
		}
	}
	slices.Sort(ports)
	for _, port := range slices.Compact(ports) {
		out = append(out, rule{fmt.Sprintf("1 on each node can have its port %d", port), "", 1, func(j, g int) bool {
			return slices.Contains(static(&jobs[j].Groups[g]), port)
		}})
	}
	return out
}

// static lists the numbered ports that an instance of the group asks for.
func static(g *workloads.Group) []int {
	var out []int
	add := func(networks []workloads.Network) {
		for _, n := range networks {
			for _, port := range n.Static {
				out = append(out, port.Number)
			}
		}
	}
	add(g.Networks)
	for i := range g.Tasks {
		add(g.Tasks[i].Networks)
	}
	return out
}

// apart explains instances that a rule keeps apart and that are more than the
// nodes open to them allow.
func apart(p *solver.Problem, things []thing) *Explanation {
	for _, r := range rules(p) {
		var bound []thing
		var open []topology.NodeID
		for _, t := range things {
			if t.job < 0 || p.Workload.Jobs[t.job].Type.Everywhere() || !r.binds(t.job, t.group) {
				continue
			}
			bound = append(bound, t)
			open = append(open, t.allowed...)
		}
		slices.Sort(open)
		open = slices.Compact(open)
		places := r.places(p.Topology, open)
		if len(bound) <= places*r.most {
			continue
		}
		e := &Explanation{Nodes: names(p, open)}
		for _, t := range bound[:places*r.most+1] {
			e.Items = append(e.Items, t.name)
		}
		over := len(bound) - places*r.most
		more := fmt.Sprintf("%d more of such nodes", (over+r.most-1)/r.most)
		if r.attribute != "" {
			more = fmt.Sprintf("%d more values of %s among such nodes (they have %d)", (over+r.most-1)/r.most, r.attribute, places)
		}
		e.Remedy = fmt.Sprintf("%s: %s, or %d fewer of the %d instances, would do", r.says, more, over, len(bound))
		return e
	}
	return nil
}

// places is how many values the rule tells apart among nodes.
func (r *rule) places(t *topology.Topology, nodes []topology.NodeID) int {
	if r.attribute == "" {
		return len(nodes)
	}
	seen := map[string]bool{}
	for _, n := range nodes {
		if v, ok := t.Nodes()[n].Attribute(r.attribute); ok {
			seen[v] = true
		}
	}
	return len(seen)
}
