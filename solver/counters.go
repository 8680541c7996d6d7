package solver

import (
	"math"
	"slices"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// A Counter counts the instances of a job that are on nodes of one value, and
// says what so many cost: the part of an objective, or a limit, that is about
// instances together.
type Counter struct {
	Job   int
	Group int         // whose instances count; -1 for those of every group
	Of    []int       // value by node
	Cost  [][]float64 // by value, of 0, 1, ... instances: convex, +Inf from where they are too many on
}

// value is what a placement costs by the counter.
func (c *Counter) value(pl placement.Placement) float64 {
	counts := make([]int, len(c.Cost))
	for g, nodes := range pl.Jobs[c.Job] {
		for _, n := range nodes {
			if n != topology.None && (c.Group < 0 || c.Group == g) {
				counts[c.Of[n]]++
			}
		}
	}
	sum := 0.0
	for v, n := range counts {
		sum += c.Cost[v][n]
	}
	return sum
}

// byValue numbers what nodes have for an attribute, in the order of the nodes;
// those without it share a number, -1 when all have it.
func byValue(nodes []topology.Node, attribute string) (of []int, values []string, missing int) {
	missing = -1
	for i := range nodes {
		v, ok := nodes[i].Attribute(attribute)
		k := slices.Index(values, v)
		if !ok {
			k = missing
		}
		if k < 0 {
			k = len(values)
			values = append(values, v)
			if !ok {
				missing = k
				values[k] = "\x00" // equals nothing
			}
		}
		of = append(of, k)
	}
	return of, values, missing
}

// Distances are the counters that keep instances of jobs apart: one of a group
// on a node under jobs that run everywhere, and what distinct constraints say.
func Distances(p *Problem) []Counter {
	var out []Counter
	for j := range p.Workload.Jobs {
		job := &p.Workload.Jobs[j]
		all := 0
		for g := range job.Groups {
			count := job.Groups[g].Count
			all += count
			if job.Type.Everywhere() {
				out = append(out, distance(p, j, g, count, &workloads.Constraint{Operator: workloads.DistinctHosts}))
			}
			for k := range job.Groups[g].Constraints {
				if c := &job.Groups[g].Constraints[k]; c.Distinct() {
					out = append(out, distance(p, j, g, count, c))
				}
			}
		}
		for k := range job.Constraints {
			if c := &job.Constraints[k]; c.Distinct() {
				out = append(out, distance(p, j, -1, all, c))
			}
		}
	}
	return out
}

// distance is the counter of a distinct constraint over so many instances.
func distance(p *Problem, job, group, count int, c *workloads.Constraint) Counter {
	limited := func(most int) []float64 {
		cost := make([]float64, count+1)
		for n := most + 1; n <= count; n++ {
			cost[n] = math.Inf(1)
		}
		return cost
	}
	out := Counter{Job: job, Group: group}
	if c.Operator == workloads.DistinctHosts {
		one := limited(1)
		for n := range p.Topology.Nodes() {
			out.Of, out.Cost = append(out.Of, n), append(out.Cost, one)
		}
		return out
	}
	of, values, missing := byValue(p.Topology.Nodes(), c.Attribute)
	out.Of = of
	for v := range values {
		most := c.Property()
		if v == missing {
			most = 0
		}
		out.Cost = append(out.Cost, limited(most))
	}
	return out
}
