package solvertest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
)

// Together is a small random problem of jobs that are spread and kept apart,
// beside a chain now and then.
func Together(seed uint64) *solver.Problem {
	p := Random(seed, false)
	rng := rand.New(rand.NewPCG(seed, 5))
	nodes := slices.Clone(p.Topology.Nodes())
	for i := range nodes {
		if zone := rng.IntN(4); zone > 0 {
			nodes[i].Meta = map[string]string{"zone": fmt.Sprintf("z%d", min(zone, 2))}
		}
	}
	links := slices.Clone(p.Topology.Links())
	for i := range links {
		links[i].Medium = 0
	}
	top, err := topology.New(nodes, links)
	if err != nil {
		panic(err) // a fault of this generator
	}
	p.Topology, p.Objective = top, solver.Spread
	p.Workload.Pipelines[0].Operators = p.Workload.Pipelines[0].Operators[:2]
	if rng.IntN(2) == 0 {
		p.Workload.Pipelines = nil
	} else {
		p.Also = []solver.Term{{Objective: solver.Latency, Weight: 0.1}}
	}
	left := 5 // instances
	for j := range 1 + rng.IntN(2) {
		job := workloads.Job{Name: fmt.Sprintf("j%d", j), Type: workloads.Service, Priority: 10 * (4 + rng.IntN(3))}
		if rng.IntN(4) == 0 {
			job.Type = workloads.System
		}
		if rng.IntN(4) == 0 {
			job.Constraints = append(job.Constraints, apart(rng))
		}
		if rng.IntN(3) == 0 {
			job.Spreads = append(job.Spreads, spread(rng))
		}
		for g := range 1 + rng.IntN(2) {
			group := workloads.Group{Name: fmt.Sprintf("g%d", g), Count: min(left, 1+rng.IntN(3)), Demand: topology.Resources{CPU: topology.MHz(100 + rng.IntN(600))}}
			left -= group.Count
			if rng.IntN(3) == 0 {
				group.Constraints = append(group.Constraints, apart(rng))
			}
			if rng.IntN(2) == 0 {
				group.Spreads = append(group.Spreads, spread(rng))
			}
			job.Groups = append(job.Groups, group)
		}
		p.Workload.Jobs = append(p.Workload.Jobs, job)
	}
	return p
}

func apart(rng *rand.Rand) workloads.Constraint {
	return []workloads.Constraint{
		{Operator: workloads.DistinctHosts}, {Attribute: "meta.zone", Operator: workloads.DistinctProperty},
		{Attribute: "class", Operator: workloads.DistinctProperty, Values: []string{"2"}},
	}[rng.IntN(3)]
}

func spread(rng *rand.Rand) workloads.Spread {
	s := workloads.Spread{Attribute: []string{"meta.zone", "class", "name"}[rng.IntN(3)], Weight: 10 * (1 + rng.IntN(5))}
	if rng.IntN(2) == 0 {
		for _, value := range []string{"z1", "cloud", "n0"} {
			s.Targets = append(s.Targets, workloads.SpreadTarget{Value: value, Percent: rng.IntN(50)})
		}
	}
	return s
}
