package scenarios

import (
	"fmt"
	"math"
	"time"

	"caravan/topology"
	"caravan/workloads"
)

// buildWorkload makes the pipelines and jobs.
func (b *builder) buildWorkload(w *Workload) *workloads.Workload {
	out := &workloads.Workload{}
	taken := map[string]bool{}
	for i := range w.Pipelines {
		made := b.pipelines(&w.Pipelines[i], taken)
		b.routes(&w.Pipelines[i], made)
		out.Pipelines = append(out.Pipelines, made...)
		if len(out.Pipelines) > maxBuilt {
			b.fault(w.Pipelines[i].place, "more than %d pipelines", maxBuilt)
			break
		}
	}
	for i := range w.Jobs {
		if job, ok := b.job(&w.Jobs[i], taken); ok {
			out.Jobs = append(out.Jobs, b.jobCopies(&w.Jobs[i], job)...)
		}
	}
	written := len(out.Jobs)
	for i := range w.Import {
		b.importWorkload(&w.Import[i], out, taken)
	}
	b.settle(out.Jobs[written:])
	if len(w.Pipelines)+len(w.Jobs)+len(w.Import) == 0 && !w.place.has("pipelines") && !w.place.has("jobs") && !w.place.has("import") {
		b.fault(w.place, "there is no work (allowed: pipelines, jobs or import)")
	}
	return out
}

// unique reports a name that was used before.
func (b *builder) unique(p place, kind, name string, taken map[string]bool) bool {
	if taken[name] {
		b.fault(p.key("name"), "the name %q of the %s is taken (allowed: a name of its own)", clip(name), kind)
		return false
	}
	taken[name] = true
	return true
}

// pipelines stamps one pipeline for each source and each count.
func (b *builder) pipelines(p *Pipeline, taken map[string]bool) []workloads.Pipeline {
	if p.place.v == nil || p.place.v.kind != mapping || !b.unique(p.place, "pipeline", p.Name, taken) {
		return nil
	}
	base := b.pipeline(p)
	sources := []topology.NodeID{topology.None}
	stamped := p.place.has("sources")
	switch {
	case stamped && p.Source != "":
		b.fault(p.place.key("sources"), "both source and sources are given (allowed: one of them)")
	case stamped:
		sources = b.chosen(&p.Sources)
	case p.Source != "":
		sources[0], _ = b.node(p.place.key("source"), p.Source)
	}
	if len(sources)*max(p.Count, 1) > maxBuilt {
		b.fault(p.place, "more than %d pipelines", maxBuilt)
		return nil
	}
	copies := b.copies(p, base, sources, stamped)
	for i := range copies {
		c := &copies[i]
		if i > 0 && c.Name != p.Name {
			b.unique(p.place, "pipeline", c.Name, taken)
		}
		if p.Sink == "@source" {
			c.Sink = c.Source
		}
		if p.Arrivals != nil {
			c.Arrivals.StartAt += time.Duration(i) * time.Duration(p.Arrivals.Stagger)
		}
	}
	if p.Sink == "@source" && !stamped && p.Source == "" {
		b.fault(p.place.key("sink"), "@source stands for the source, and there is none (allowed: with source or sources)")
	}
	return copies
}

// copies names the stamped pipelines: name@source, and name-1, name-2, ... by
// count.
func (b *builder) copies(p *Pipeline, base workloads.Pipeline, sources []topology.NodeID, stamped bool) []workloads.Pipeline {
	var out []workloads.Pipeline
	for _, s := range sources {
		for i := range max(p.Count, 1) {
			c := base
			c.Source = s
			if p.Count > 0 {
				c.Name = fmt.Sprintf("%s-%d", c.Name, i+1)
			}
			if stamped {
				c.Name += "@" + b.nodes[s].Name
			}
			if c.Name != p.Name && p.Report != "each" {
				c.Group = p.Name
			}
			out = append(out, c)
		}
	}
	return out
}

// pipeline is what the copies share.
func (b *builder) pipeline(p *Pipeline) workloads.Pipeline {
	out := workloads.Pipeline{
		Name: p.Name, Priority: p.Priority, Source: topology.None, Sink: topology.None,
		Deadline: time.Duration(p.Deadline), DropLate: p.DropLate,
		Classes: b.classes(p), Arrivals: b.arrivals(p.Arrivals),
	}
	if p.Sink != "" && p.Sink != "@source" {
		out.Sink, _ = b.node(p.place.key("sink"), p.Sink)
	}
	if p.DropLate && p.Deadline == 0 {
		b.fault(p.place.key("drop_late"), "there is no deadline to drop by (allowed: with deadline)")
	}
	out.Operators = b.operators(p)
	b.factors(p, &out.Arrivals)
	return out
}

func (b *builder) classes(p *Pipeline) []workloads.Class {
	var out []workloads.Class
	total := 0.0
	names := map[string]bool{}
	for i, c := range p.Classes {
		if names[c.Name] {
			b.fault(p.place.key("classes").item(i).key("name"), "the class %q is given a second time", clip(c.Name))
		}
		names[c.Name] = true
		total += float64(c.Share)
		out = append(out, workloads.Class{Name: c.Name, Share: float64(c.Share), Priority: c.Priority})
	}
	if len(out) > 0 && math.Abs(total-1) > 1e-9 {
		b.fault(p.place.key("classes"), "the shares add up to %s (allowed: 100%%)", topology.FormatPercent(math.Min(total, 1))+overflow(total))
	}
	return out
}

// overflow marks a share above the whole, which FormatPercent does not write.
func overflow(total float64) string {
	if total > 1 {
		return fmt.Sprintf(" and %.4g%% more", 100*(total-1))
	}
	return ""
}

// The most operators of one written pipeline. Checking a graph takes time
// with the square of its operators, solving the visits of a walk with the cube.
const (
	maxOperators = 5000
	maxWalk      = 500
)

// operators makes the operators and their order.
func (b *builder) operators(p *Pipeline) []workloads.Operator {
	at := p.place.key("operators")
	if len(p.Operators) == 0 && p.place.has("operators") && at.v.kind == sequence {
		b.fault(at, "there are no operators (allowed: at least 1)")
	}
	if len(p.Operators) > maxOperators {
		b.fault(at, "%d operators (allowed: at most %d)", len(p.Operators), maxOperators)
		return nil
	}
	out := make([]workloads.Operator, len(p.Operators))
	index := map[string]int{}
	names := make([]string, len(p.Operators))
	for i := range p.Operators {
		o := &p.Operators[i]
		names[i] = o.Name
		if _, ok := index[o.Name]; ok {
			b.fault(at.item(i).key("name"), "the operator %q is given a second time", clip(o.Name))
			continue
		}
		index[o.Name] = i
		out[i] = b.operator(o)
	}
	branches := false
	for i := range p.Operators {
		branches = branches || len(p.Operators[i].Next.Branches) > 0
	}
	if branches && len(p.Operators) > maxWalk {
		b.fault(at, "%d operators (allowed: at most %d with next)", len(p.Operators), maxWalk)
		return nil
	}
	find := func(at place, name string) (int, bool) {
		i, ok := index[name]
		if !ok {
			b.unknown(at, "operator", name, names)
		}
		return i, ok
	}
	for i := range p.Operators {
		o := &p.Operators[i]
		for _, n := range o.Next.Branches {
			if to, ok := find(n.place, n.to); ok {
				out[i].Next = append(out[i].Next, workloads.Branch{To: to, Probability: n.share})
			}
		}
		switch {
		case branches && o.After != nil:
			b.fault(o.place.key("after"), "the pipeline has next and after (allowed: one of them in a pipeline)")
		case branches:
		case o.After == nil && i > 0:
			out[i].After = []int{i - 1}
		case o.After != nil:
			for j, name := range o.After.List {
				if from, ok := find(o.After.item(j), name); ok {
					out[i].After = append(out[i].After, from)
				}
			}
		}
	}
	if branches {
		return out
	}
	return b.ordered(at, out)
}

// operator is one operator without its neighbours.
func (b *builder) operator(o *Operator) workloads.Operator {
	out := workloads.Operator{
		Name: o.Name, Work: o.Work.Dist, Output: o.Output.Dist, Node: topology.None,
		WorkFactor: o.WorkFactor, OutputFactor: o.OutputFactor,
		Demand:      o.Demand.resources(),
		Constraints: b.constraints(o.Constraints, o.place),
		QueueLimit:  o.Queue, ColdStart: time.Duration(o.ColdStart),
		Batch: o.Batch, BatchWait: time.Duration(o.BatchWait),
		Program: workloads.Program{Exec: o.Exec, URL: o.URL, Framing: o.Framing},
	}
	if o.Node != "" {
		out.Node, _ = b.node(o.place.key("node"), o.Node)
	}
	return out
}

// resources converts what is reserved.
func (d Demand) resources() topology.Resources {
	r := topology.Resources{
		CPU: topology.MHz(d.CPU), Memory: topology.Bytes(d.Memory), Disk: topology.Bytes(d.Disk),
		GPUs: d.GPUs.Count,
	}
	if r.GPUs > 0 {
		r.GPUMilli, r.GPUModel = d.GPUs.Milli, d.GPUs.Model.List
	}
	return r
}

// ordered sorts operators so that each comes after its predecessors, keeping
// the order of the file otherwise (Kahn's algorithm, least position first).
func (b *builder) ordered(at place, ops []workloads.Operator) []workloads.Operator {
	out := make([]workloads.Operator, 0, len(ops))
	position := make([]int, len(ops))
	for i := range position {
		position[i] = -1
	}
	for len(out) < len(ops) {
		next := -1
		for i := range ops {
			if position[i] < 0 && allPlaced(ops[i].After, position) {
				next = i
				break
			}
		}
		if next < 0 {
			for i := range ops {
				if position[i] < 0 {
					b.fault(at.item(i).key("after"), "the operator %q waits for itself through others (allowed: an order without circles)", clip(ops[i].Name))
					break
				}
			}
			return ops
		}
		position[next] = len(out)
		out = append(out, ops[next])
	}
	for i := range out {
		for j, from := range out[i].After {
			out[i].After[j] = position[from]
		}
	}
	return out
}

func allPlaced(after []int, position []int) bool {
	for _, a := range after {
		if position[a] < 0 {
			return false
		}
	}
	return true
}

// routes checks that the operators of the stamped pipelines can be pinned as
// they ask, that requests leave, and that their ends can reach each other.
// One fault of each kind stands for all copies.
func (b *builder) routes(p *Pipeline, copies []workloads.Pipeline) {
	if b.topology == nil || len(copies) == 0 || len(copies[0].Operators) == 0 {
		return
	}
	at := p.place.key("operators")
	for i := range copies {
		c := &copies[i]
		if _, err := c.Pins(); err != nil {
			b.fault(at, "%s (allowed: its own node, or the source or sink of the pipeline, but one place)", err)
			return
		}
		if _, err := c.VisitRatios(); err != nil {
			b.fault(at, "%s (allowed: probabilities of next that add up to less than 1 somewhere on every circle)", err)
			return
		}
		if c.Source == topology.None || c.Sink == topology.None || c.Source == c.Sink {
			continue
		}
		// Several hops count as reachable under direct routing too, through
		// operators that are placed in between.
		if _, ok := b.topology.Route(topology.RouteHops, c.Source, c.Sink); !ok {
			b.fault(p.place.key("sink"), "no route leads from the source %q to %q (allowed: nodes that links join)",
				clip(b.nodes[c.Source].Name), clip(b.nodes[c.Sink].Name))
			return
		}
	}
}
