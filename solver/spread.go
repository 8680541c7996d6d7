package solver

import (
	"slices"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// spreadCounters are the spreads of groups, their own and their job's. What
// they cost adds up to the share of instances beyond what their value should
// have, the mean over the instances that are spread, a group's spreads counting
// by their weights.
func spreadCounters(p *Problem) []Counter {
	var out []Counter
	instances := 0
	for j := range p.Workload.Jobs {
		job := &p.Workload.Jobs[j]
		for g := range job.Groups {
			group := &job.Groups[g]
			spreads := slices.Concat(job.Spreads, group.Spreads)
			weight := 0
			for i := range spreads {
				weight += spreads[i].Weight
			}
			if weight == 0 || group.Count == 0 {
				continue
			}
			instances += group.Count
			for i := range spreads {
				c := spreadCounter(p.Topology.Nodes(), group, &spreads[i], float64(spreads[i].Weight)/float64(weight))
				c.Job, c.Group = j, g
				out = append(out, c)
			}
		}
	}
	for _, c := range out {
		for _, cost := range c.Cost {
			for n := range cost {
				cost[n] /= float64(instances)
			}
		}
	}
	return out
}

// spreadCounter counts what exceeds the targets of one spread. Without targets
// the values of the nodes that the group's constraints allow share evenly; what
// targets leave is for all other values together; nodes without the attribute
// should have none.
func spreadCounter(nodes []topology.Node, group *workloads.Group, s *workloads.Spread, weight float64) Counter {
	of, values, missing := byValue(nodes, s.Attribute)
	share := make([]float64, len(values), len(values)+1) // of the instances
	if len(s.Targets) == 0 {
		open := map[int]bool{}
		for i := range nodes {
			if of[i] != missing && placement.AllowsAll(&nodes[i], group.Constraints) == nil {
				open[of[i]] = true
			}
		}
		for v := range open {
			share[v] = 1 / float64(len(open))
		}
	} else {
		of, share = targeted(s, of, values, missing)
	}
	c := Counter{Of: of}
	for _, target := range share {
		cost := make([]float64, group.Count+1)
		for n := range cost {
			cost[n] = weight * max(0, float64(n)-float64(target*float64(group.Count)))
		}
		c.Cost = append(c.Cost, cost)
	}
	return c
}

// targeted gives the values that have no target one number together.
func targeted(s *workloads.Spread, of []int, values []string, missing int) ([]int, []float64) {
	left := 100
	share := make([]float64, len(values))
	for _, t := range s.Targets {
		left -= t.Percent
	}
	other := len(values)
	share = append(share, float64(max(0, left))/100)
	out := slices.Clone(of)
	for v, name := range values {
		i := slices.IndexFunc(s.Targets, func(t workloads.SpreadTarget) bool { return t.Value == name })
		if i >= 0 && v != missing {
			share[v] = float64(s.Targets[i].Percent) / 100
			continue
		}
		for n := range out {
			if v != missing && of[n] == v {
				out[n] = other
			}
		}
	}
	return out, share
}

// unevenness is the value of the objective Spread.
func unevenness(p *Problem, pl placement.Placement) float64 {
	sum := 0.0
	for _, c := range spreadCounters(p) {
		sum += c.value(pl)
	}
	return sum
}
