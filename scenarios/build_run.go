package scenarios

import (
	"slices"
	"time"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// model is how a placement is costed and simulated.
func (f *File) model() placement.Model {
	m := placement.Model{
		Contention: placement.Contention(f.Solve.Contention),
		Network:    placement.Network(f.Models.Network),
		Routing:    topology.Routing(f.Models.Routing),
		Compute:    topology.Discipline(f.Models.Compute),
	}
	if m.Compute == "" {
		m.Compute = topology.FCFS
		if m.Contention == placement.Berkeley {
			m.Compute = topology.PerOperator
		}
	}
	return m
}

// solve fills in what depends on the workload.
func (f *File) solve(w *workloads.Workload) SolveSpec {
	s := SolveSpec{
		Solver: f.Solve.Solver, Objective: f.Solve.Objective, Then: f.Solve.Then, Also: f.Solve.Also, Limits: f.Solve.Limits,
		MaxSteps: f.Solve.MaxSteps, Policy: f.Solve.Policy,
	}
	if s.Solver == "" {
		s.Solver = s.fitting(w, len(w.Jobs) > 0 && f.ControlPlane == nil && !w.Arriving())
	}
	if s.Objective == "" {
		s.Objective = "latency"
		if len(w.Pipelines) == 0 {
			s.Objective = "nodes"
		}
	}
	return s
}

// fitting is the solver for what is asked when none is named: one that knows
// the objective, and any objective is known to local. Standing jobs are placed
// beforehand as pipelines are, and not by an orchestrator during the run.
func (s *SolveSpec) fitting(w *workloads.Workload, standing bool) string {
	sole := len(s.Also) == 0 && len(s.Limits) == 0
	switch {
	case len(w.Pipelines) > 0 && standing:
		return "local" // which places both kinds
	case len(w.Pipelines) > 0 && sole && (s.Objective == "" || s.Objective == "latency"),
		len(w.Pipelines) == 1 && len(w.Jobs) == 0 && sole && s.Objective == "throughput":
		return "chaincut"
	case len(w.Pipelines) == 0 && (slices.ContainsFunc(w.Jobs, placement.ByName) || slices.ContainsFunc(w.Jobs, workloads.Job.Prefers)):
		return "nomad" // which knows ports, cores, devices, distances and preferences
	case len(w.Pipelines) == 0 && sole && (s.Objective == "" || s.Objective == "nodes"):
		return "binpack"
	}
	return "local"
}

// simulate checks that the parts of the run fit together.
func (b *builder) simulate(s *Simulate) SimulateSpec {
	out := SimulateSpec{
		Duration: time.Duration(s.Duration), Warmup: s.Warmup.For, AutoWarmup: s.Warmup.Auto,
		Replications: s.Replications, Precision: float64(s.Precision),
		MaxReplications: s.MaxReplications, Requests: s.Requests,
	}
	if out.Duration == 0 && s.place.has("duration") {
		b.positive(s.place.key("duration"), "a run that lasts no time")
	}
	if out.Warmup >= out.Duration && out.Warmup > 0 && out.Duration > 0 {
		b.fault(s.place.key("warmup"), "the warm-up of %s leaves nothing of the run of %s (allowed: shorter than simulate.duration)",
			topology.FormatDuration(out.Warmup), topology.FormatDuration(out.Duration))
	}
	if out.Precision > 0 && out.MaxReplications < out.Replications {
		b.fault(s.place.key("max_replications"), "%d is fewer than the %d replications to begin with (allowed: at least as many)",
			out.MaxReplications, out.Replications)
	}
	return out
}

// outages makes the faults.
func (b *builder) outages(list []Outage) []workloads.Fault {
	var out []workloads.Fault
	for i := range list {
		out = append(out, b.outage(&list[i])...)
	}
	return out
}

func (b *builder) outage(o *Outage) []workloads.Fault {
	if o.place.v == nil || o.place.v.kind != mapping {
		return nil
	}
	f := workloads.Fault{For: time.Duration(o.For), LoseWork: o.LoseWork}
	f.Nodes = b.chosen(&o.Nodes)
	if o.Region != "" {
		f.Nodes = append(f.Nodes, b.region(o)...)
	}
	f.Links = b.chosenLinks(&o.Links)
	if !o.place.has("nodes") && !o.place.has("links") && o.Region == "" {
		b.fault(o.place, "nothing fails (allowed: nodes, links or region)")
	}
	recurring := o.MTBF != nil || o.MTTR != nil
	switch {
	case recurring == (o.At != nil):
		b.fault(o.place, "when it fails is not given once (allowed: at, or mtbf and mttr)")
	case recurring && (o.MTBF == nil || o.MTTR == nil):
		b.fault(o.place, "mtbf and mttr belong together (allowed: both)")
	case recurring && o.For != 0:
		b.fault(o.place.key("for"), "a recurring fault lasts by its mttr (allowed: for with at)")
	case recurring:
		f.MTBF, f.MTTR = o.MTBF.Dist, o.MTTR.Dist
	default:
		f.At = time.Duration(*o.At)
	}
	if !o.Each {
		return []workloads.Fault{f}
	}
	var out []workloads.Fault
	for _, n := range f.Nodes {
		one := f
		one.Nodes, one.Links = []topology.NodeID{n}, nil
		out = append(out, one)
	}
	for _, l := range f.Links {
		one := f
		one.Nodes, one.Links = nil, []topology.LinkID{l}
		out = append(out, one)
	}
	return out
}

// region is the nodes of a region.
func (b *builder) region(o *Outage) []topology.NodeID {
	var out []topology.NodeID
	var regions []string
	for i := range b.nodes {
		r := b.nodes[i].Region
		if r == o.Region {
			out = append(out, topology.NodeID(i))
		}
		if r != "" && !contains(regions, r) && len(regions) < maxListed {
			regions = append(regions, r)
		}
	}
	if len(out) == 0 {
		b.unknown(o.place.key("region"), "region", o.Region, regions)
	}
	return out
}

// chosenLinks finds links by name. Without a topology, because it is at
// fault, they cannot be found and are not reported.
func (b *builder) chosenLinks(n *Names) []topology.LinkID {
	if b.topology == nil {
		return nil
	}
	var out []topology.LinkID
	for i, name := range n.List {
		id, ok := b.topology.LinkByName(name)
		if !ok {
			var all []string
			for _, l := range b.topology.Links() {
				all = append(all, l.Name)
			}
			b.unknown(n.item(i), "link", name, all)
			continue
		}
		out = append(out, id)
	}
	return out
}

// changes makes the schedules of links, sorted by time within each link.
func (b *builder) changes(list []LinkChange) []workloads.LinkChange {
	var out []workloads.LinkChange
	for i := range list {
		c := &list[i]
		if c.place.v == nil || c.place.v.kind != mapping {
			continue
		}
		links := b.chosenLinks(&c.Links)
		switch {
		case (len(c.Between) > 0) == c.place.has("links"):
			b.fault(c.place, "the links that change are not given once (allowed: links, or between: [a, b])")
			continue
		case len(c.Between) > 0 && len(c.Between) != 2:
			b.fault(c.place.key("between"), "%d ends are given (allowed: 2, [a, b])", len(c.Between))
			continue
		case len(c.Between) > 0:
			links = b.between(c)
		}
		if !b.schedule(c) {
			continue
		}
		for _, id := range links {
			out = append(out, b.steps(c, id)...)
		}
	}
	return out
}

// between is every link from one end to the other and back.
func (b *builder) between(c *LinkChange) []topology.LinkID {
	x, okX := b.node(c.place.key("between").item(0), c.Between[0])
	y, okY := b.node(c.place.key("between").item(1), c.Between[1])
	if !okX || !okY || b.topology == nil {
		return nil
	}
	var out []topology.LinkID
	for id, l := range b.topology.Links() {
		if (l.From == x && l.To == y) || (l.From == y && l.To == x) {
			out = append(out, topology.LinkID(id))
		}
	}
	if len(out) == 0 {
		b.fault(c.place.key("between"), "no link joins %q and %q", clip(c.Between[0]), clip(c.Between[1]))
	}
	return out
}

// steps is the schedule of one link; what a step leaves out stays.
func (b *builder) steps(c *LinkChange, id topology.LinkID) []workloads.LinkChange {
	link := b.topology.Links()[id]
	list := c.place.key("steps")
	bandwidth, latency := link.Bandwidth, link.Latency
	var out []workloads.LinkChange
	for i, s := range c.Steps {
		if i > 0 && s.At < c.Steps[i-1].At {
			at := list.item(i).key("at")
			if c.File != "" {
				at = c.place.key("file")
			}
			b.fault(at, "the step is before the one ahead of it (allowed: in order of time)")
		}
		if s.Bandwidth != nil {
			bandwidth = topology.BytesPerSecond(*s.Bandwidth)
		}
		if s.Latency != nil {
			latency = time.Duration(*s.Latency)
		}
		out = append(out, workloads.LinkChange{Link: id, At: time.Duration(s.At), Bandwidth: bandwidth, Latency: latency})
	}
	return out
}
