package binpack

import (
	"slices"

	"caravan/topology"
	"caravan/workloads"
)

// distances keeps the instances of a job apart that may not share a node or a
// value of an attribute: those of one group under a job that runs everywhere,
// and those that distinct constraints are about.
type distances struct {
	nodes []topology.Node
	jobs  []workloads.Job
	on    [][][]topology.NodeID // what is placed, by job and group
}

func newDistances(nodes []topology.Node, jobs []workloads.Job) *distances {
	d := &distances{nodes: nodes, jobs: jobs, on: make([][][]topology.NodeID, len(jobs))}
	for j := range jobs {
		d.on[j] = make([][]topology.NodeID, len(jobs[j].Groups))
	}
	return d
}

// rules are the constraints of an item, and those that its job's instances
// make for the next one. A value that is used up is left out by name.
func (d *distances) rules(it *item) []workloads.Constraint {
	if it.pipeline >= 0 {
		return it.constraints
	}
	job, out := &d.jobs[it.job], slices.Clip(it.constraints)
	if job.Type.Everywhere() {
		out = append(out, d.unlike("name", 1, d.on[it.job][it.group])...)
	}
	for _, c := range job.Constraints {
		out = append(out, d.distinct(&c, slices.Concat(d.on[it.job]...))...)
	}
	for _, c := range job.Groups[it.group].Constraints {
		out = append(out, d.distinct(&c, d.on[it.job][it.group])...)
	}
	return out
}

func (d *distances) distinct(c *workloads.Constraint, on []topology.NodeID) []workloads.Constraint {
	switch {
	case !c.Distinct():
		return nil
	case c.Operator == workloads.DistinctHosts:
		return d.unlike("name", 1, on)
	}
	return append(d.unlike(c.Attribute, c.Property(), on), workloads.Constraint{Attribute: c.Attribute, Operator: "is_set"})
}

// unlike leaves out the values of an attribute that at least most of the nodes
// have; none when there are no such values.
func (d *distances) unlike(attribute string, most int, on []topology.NodeID) []workloads.Constraint {
	var seen, full []string
	for _, n := range on {
		if v, ok := d.nodes[n].Attribute(attribute); ok {
			seen = append(seen, v)
		}
	}
	slices.Sort(seen)
	for i, v := range seen {
		if i+1 == len(seen) || seen[i+1] != v {
			if i-slices.Index(seen, v)+1 >= most {
				full = append(full, v)
			}
		}
	}
	if len(full) == 0 {
		return nil
	}
	return []workloads.Constraint{{Attribute: attribute, Operator: "!=", Values: full}}
}

func (d *distances) placed(it *item, n topology.NodeID) {
	if it.pipeline < 0 {
		d.on[it.job][it.group] = append(d.on[it.job][it.group], n)
	}
}
