package main

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"caravan/topology"
	"caravan/workloads"
)

// randomJobs draws jobs for machines: of every type that places single
// instances, with constraints, affinities and spreads over what tells the
// machines apart. Their sizes are shares of a middling machine, so that some
// find no room.
func randomJobs(rng *rand.Rand, machines []topology.Node, n int) []workloads.Job {
	d := newDraw(rng, machines)
	var jobs []workloads.Job
	for i := range n {
		j := workloads.Job{
			Name: fmt.Sprintf("random-%03d", i), Type: workloads.Service, Priority: 1 + rng.IntN(100),
			Groups: []workloads.Group{d.group(1 + rng.IntN(4))},
		}
		g := &j.Groups[0]
		if rng.IntN(10) < 3 {
			j.Type = workloads.Batch
		}
		if rng.IntN(3) == 0 {
			g.Constraints = append(g.Constraints, d.constraint())
		}
		if rng.IntN(6) == 0 {
			g.Constraints = append(g.Constraints, workloads.Constraint{Operator: workloads.DistinctHosts})
		}
		for rng.IntN(5) < 2 {
			g.Affinities = append(g.Affinities, workloads.Affinity{Constraint: d.constraint(), Weight: d.weight()})
		}
		if rng.IntN(4) == 0 {
			g.Spreads = append(g.Spreads, d.spread())
		}
		jobs = append(jobs, j)
	}
	return jobs
}

// preemptionJobs draws cases of eviction, three or more jobs each: one machine
// is filled with jobs of low priority, and then asked for room for a high one.
func preemptionJobs(rng *rand.Rand, machines []topology.Node, cases int) [][]workloads.Job {
	var out [][]workloads.Job
	for c := range cases {
		n := &machines[c%len(machines)]
		here := workloads.Constraint{Attribute: "node.unique.name", Operator: "=", Values: []string{n.Name}}
		cpu, memory := n.CPU-n.Reserved.CPU, n.Memory-n.Reserved.Memory
		var jobs []workloads.Job
		parts := 3 + rng.IntN(5)
		for i := range parts {
			share := func(of float64) float64 { return of / float64(parts) * (0.5 + rng.Float64()/2) }
			jobs = append(jobs, workloads.Job{
				Name: fmt.Sprintf("low-%02d-%d", c, i), Type: workloads.Service, Priority: 10 + 10*rng.IntN(4),
				Groups: []workloads.Group{sized(1, share(float64(cpu)), share(float64(memory)))},
			})
		}
		jobs = append(jobs, workloads.Job{
			Name: fmt.Sprintf("high-%02d", c), Type: workloads.Service, Priority: 60 + rng.IntN(41),
			Groups: []workloads.Group{sized(1, float64(cpu)*(0.35+rng.Float64()*0.4), float64(memory)*(0.35+rng.Float64()*0.4))},
		})
		for i := range jobs {
			jobs[i].Groups[0].Constraints = []workloads.Constraint{here}
		}
		out = append(out, jobs)
	}
	return out
}

// sized is a group of count instances of whole MHz and MiB, with little disk.
func sized(count int, cpu, memory float64) workloads.Group {
	return workloads.Group{Name: "main", Count: count, Demand: topology.Resources{
		CPU:    topology.MHz(max(1, int(cpu))),
		Memory: topology.Bytes(max(10, int(memory)/int(topology.MiB))) * topology.MiB,
		Disk:   20 * topology.MiB,
	}}
}

// draw holds what the machines differ in.
type draw struct {
	rng         *rand.Rand
	attributes  []string
	values      map[string][]string
	cpu, memory float64 // of a machine, on average
}

func newDraw(rng *rand.Rand, machines []topology.Node) *draw {
	d := &draw{rng: rng, values: map[string][]string{}}
	names := []string{"node.unique.name", "class", "datacenter"}
	for i := range machines {
		n := &machines[i]
		d.cpu += float64(n.CPU) / float64(len(machines))
		d.memory += float64(n.Memory) / float64(len(machines))
		for key := range n.Meta {
			names = append(names, "meta."+key)
		}
	}
	for _, name := range sortedUnique(names) {
		for i := range machines {
			if v, ok := machines[i].Attribute(name); ok && v != "" {
				d.values[name] = append(d.values[name], v)
			}
		}
		if d.values[name] = sortedUnique(d.values[name]); len(d.values[name]) > 1 {
			d.attributes = append(d.attributes, name)
		}
	}
	if len(d.attributes) == 0 { // all alike
		d.attributes = []string{"datacenter"}
		d.values["datacenter"] = []string{machines[0].Datacenter}
	}
	return d
}

func (d *draw) group(count int) workloads.Group {
	return sized(count, d.cpu*(0.02+0.13*d.rng.Float64()), d.memory*(0.02+0.13*d.rng.Float64()))
}

func (d *draw) attribute() (name, value string) {
	name = d.attributes[d.rng.IntN(len(d.attributes))]
	return name, d.values[name][d.rng.IntN(len(d.values[name]))]
}

func (d *draw) constraint() workloads.Constraint {
	name, value := d.attribute()
	switch d.rng.IntN(4) {
	case 0:
		return workloads.Constraint{Attribute: name, Operator: "!=", Values: []string{value}}
	case 1:
		_, other := d.attribute()
		return workloads.Constraint{Attribute: name, Operator: "in", Values: []string{value, other}}
	}
	return workloads.Constraint{Attribute: name, Operator: "=", Values: []string{value}}
}

// weight is from -100 to 100 without 0.
func (d *draw) weight() int {
	w := 1 + d.rng.IntN(100)
	if d.rng.IntN(3) == 0 {
		return -w
	}
	return w
}

func (d *draw) spread() workloads.Spread {
	name, value := d.attribute()
	s := workloads.Spread{Attribute: name, Weight: 1 + d.rng.IntN(100)}
	if d.rng.IntN(2) == 0 {
		s.Targets = []workloads.SpreadTarget{{Value: value, Percent: 10 * (1 + d.rng.IntN(10))}}
	}
	return s
}

func sortedUnique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
