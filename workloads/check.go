package workloads

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"caravan/topology"
)

// A checker gathers every fault of a workload.
type checker struct{ faults []error }

func (c *checker) fault(where, field string, found any, allowed string) {
	c.faults = append(c.faults, fmt.Errorf("%s: %s: found %v, allowed is %s", where, field, found, allowed))
}

func (c *checker) notNegative(where, field string, x float64) {
	if !(x >= 0) || math.IsInf(x, 0) {
		c.fault(where, field, x, "a number from 0 up")
	}
}

// Check reports every fault of the workload on topology t.
func (w *Workload) Check(t *topology.Topology) error {
	var c checker
	names := map[string]bool{}
	for i := range w.Pipelines {
		p := &w.Pipelines[i]
		if names[p.Name] {
			c.fault("workload", "name", fmt.Sprintf("%q twice", p.Name), "a name for each pipeline and job")
		}
		names[p.Name] = true
		c.pipeline(p, t)
	}
	for i := range w.Jobs {
		j := &w.Jobs[i]
		if names[j.Name] {
			c.fault("workload", "name", fmt.Sprintf("%q twice", j.Name), "a name for each pipeline and job")
		}
		names[j.Name] = true
		c.job(j)
	}
	return errors.Join(c.faults...)
}

func (c *checker) pipeline(p *Pipeline, t *topology.Topology) {
	where := fmt.Sprintf("pipeline %q", p.Name)
	if p.Name == "" {
		c.fault(where, "name", `""`, "a name")
	}
	if len(p.Operators) == 0 {
		c.fault(where, "operators", "none", "at least one")
		return
	}
	c.node(where, "source", p.Source, t)
	c.node(where, "sink", p.Sink, t)
	if p.Deadline < 0 {
		c.fault(where, "deadline", p.Deadline, "0 (none) or more")
	}
	c.classes(where, p.Classes)
	c.arrivals(where, &p.Arrivals)
	names := map[string]bool{}
	for j := range p.Operators {
		o := &p.Operators[j]
		at := fmt.Sprintf("%s: operator %q", where, o.Name)
		if o.Name == "" || names[o.Name] {
			c.fault(at, "name", fmt.Sprintf("%q", o.Name), "a name of its own")
		}
		names[o.Name] = true
		c.operator(at, p, j, t)
	}
	if _, err := p.Pins(); err != nil {
		c.faults = append(c.faults, err)
	}
	if p.Routed() {
		if _, err := p.VisitRatios(); err != nil {
			c.faults = append(c.faults, err)
		}
	}
}

func (c *checker) node(where, field string, n topology.NodeID, t *topology.Topology) {
	if n < topology.None || int(n) >= len(t.Nodes()) {
		c.fault(where, field, n, "a node of the topology")
	}
}

func (c *checker) classes(where string, classes []Class) {
	if len(classes) == 0 {
		return
	}
	total := 0.0
	for _, cl := range classes {
		c.notNegative(where, "classes: share", cl.Share)
		total += cl.Share
	}
	if math.Abs(total-1) > 1e-9 {
		c.fault(where, "classes: sum of shares", total, "1")
	}
	if len(classes) > 256 {
		c.fault(where, "classes", len(classes), "at most 256")
	}
}

func (c *checker) operator(where string, p *Pipeline, j int, t *topology.Topology) {
	o := &p.Operators[j]
	c.node(where, "node", o.Node, t)
	c.dist(where, "work", o.Work)
	c.dist(where, "output", o.Output)
	for _, a := range o.After {
		if a < 0 || a >= j {
			c.fault(where, "after", a, "operators before it (no cycle)")
		}
	}
	total := 0.0
	for _, b := range o.Next {
		if b.To < 0 || b.To >= len(p.Operators) {
			c.fault(where, "next", b.To, "operators of the pipeline")
		}
		c.notNegative(where, "next: probability", b.Probability)
		total += b.Probability
	}
	if total > 1+1e-9 {
		c.fault(where, "next: sum of probabilities", total, "at most 1")
	}
	c.resources(where, o.Demand)
	c.notNegative(where, "queue", float64(o.QueueLimit))
	c.notNegative(where, "batch", float64(o.Batch))
	c.notNegative(where, "cold_start", o.ColdStart.Seconds())
	c.notNegative(where, "batch_wait", o.BatchWait.Seconds())
	c.constraints(where, o.Constraints)
}

func (c *checker) resources(where string, r topology.Resources) {
	c.notNegative(where, "cpu", float64(r.CPU))
	c.notNegative(where, "memory", float64(r.Memory))
	c.notNegative(where, "disk", float64(r.Disk))
	c.notNegative(where, "gpus", float64(r.GPUs))
	if r.GPUMilli < 0 || r.GPUMilli > 1000 || r.GPUMilli < 1000 && r.GPUMilli > 0 && r.GPUs > 1 {
		c.fault(where, "gpus: milli", r.GPUMilli, "1 to 1000, and below 1000 for one device only")
	}
}

func (c *checker) constraints(where string, list []Constraint) {
	for _, k := range list {
		if err := k.prepare(); err != nil {
			c.faults = append(c.faults, fmt.Errorf("%s: constraint: %w", where, err))
		}
	}
}

func (c *checker) dist(where, field string, d Dist) {
	if err := d.Check(); err != nil {
		c.faults = append(c.faults, fmt.Errorf("%s: %s: %w", where, field, err))
	}
}

func (c *checker) arrivals(where string, a *Arrivals) {
	c.notNegative(where, "arrivals: start", a.StartAt.Seconds())
	c.notNegative(where, "arrivals: stop", a.StopAt.Seconds())
	c.notNegative(where, "arrivals: count", float64(a.Count))
	c.notNegative(where, "arrivals: batch", float64(a.Batch))
	above := func(field string, x float64) {
		if !(x > 0) || math.IsInf(x, 0) {
			c.fault(where, "arrivals: "+field, x, "a number above 0")
		}
	}
	switch a.Kind {
	case Periodic:
		above("period", a.Period.Seconds())
	case Poisson:
		above("rate", a.Rate)
	case MMPP:
		some := false
		for _, s := range a.States {
			c.notNegative(where, "arrivals: rate of a state", s.Rate)
			above("duration of a state", s.Mean.Seconds())
			some = some || s.Rate > 0
		}
		if !some {
			c.fault(where, "arrivals: states", "none with a rate", "at least one with a rate above 0")
		}
	case Trace:
		if !slices.IsSorted(a.Times) || len(a.Times) > 0 && a.Times[0] < 0 {
			c.fault(where, "arrivals: times", "unsorted or negative instants", "ascending instants from 0 up")
		}
		for _, column := range a.Factors {
			if len(column) != len(a.Times) {
				c.fault(where, "arrivals: factors", len(column), fmt.Sprintf("one for each of the %d instants", len(a.Times)))
			}
		}
	case Closed:
		above("population", float64(a.Population))
		c.dist(where, "arrivals: think", a.Think)
	default:
		c.fault(where, "arrivals: kind", a.Kind, "a known one")
	}
}

// CheckFaults reports what is wrong with a list of faults and link changes.
func CheckFaults(t *topology.Topology, faults []Fault, changes []LinkChange) error {
	var c checker
	for i, f := range faults {
		where := fmt.Sprintf("fault %d", i+1)
		if len(f.Nodes)+len(f.Links) == 0 {
			c.fault(where, "nodes, links", "none", "at least one")
		}
		for _, n := range f.Nodes {
			if n == topology.None {
				c.fault(where, "node", n, "a node of the topology")
			}
			c.node(where, "node", n, t)
		}
		for _, l := range f.Links {
			c.link(where, l, t)
		}
		c.notNegative(where, "at", f.At.Seconds())
		c.notNegative(where, "for", f.For.Seconds())
		if f.Recurring() {
			c.dist(where, "mtbf", f.MTBF)
			c.dist(where, "mttr", f.MTTR)
		}
	}
	for i, ch := range changes {
		where := fmt.Sprintf("link change %d", i+1)
		c.link(where, ch.Link, t)
		c.notNegative(where, "at", ch.At.Seconds())
		c.notNegative(where, "latency", ch.Latency.Seconds())
		c.notNegative(where, "bandwidth", float64(ch.Bandwidth))
	}
	return errors.Join(c.faults...)
}

func (c *checker) link(where string, l topology.LinkID, t *topology.Topology) {
	if l < 0 || int(l) >= len(t.Links()) {
		c.fault(where, "link", l, "a link of the topology")
	}
}

// Check reports what puts the distribution outside of its domain.
func (d Dist) Check() error {
	bad := func(what string, x float64, allowed string) error {
		return fmt.Errorf("%s: found %v, allowed is %s", what, x, allowed)
	}
	if !(d.Mean >= 0) || d.Mean > float64(math.MaxInt64)/float64(time.Second) && d.Kind != Empirical && math.IsInf(d.Mean, 0) {
		return bad("mean", d.Mean, "a number from 0 up")
	}
	switch d.Kind {
	case Constant, Exponential:
	case Lognormal:
		if !(d.CV >= 0) || math.IsInf(d.CV, 0) {
			return bad("cv", d.CV, "0 or more")
		}
	case Hyperexponential:
		if !(d.CV >= 1) || math.IsInf(d.CV, 0) {
			return bad("cv", d.CV, "1 or more")
		}
	case Uniform:
		if !(d.Low >= 0 && d.High >= d.Low) || math.IsInf(d.High, 0) {
			return bad("low", d.Low, fmt.Sprintf("0 up to high, %v", d.High))
		}
	case Erlang:
		if !(d.Shape >= 1 && d.Shape <= 1000 && d.Shape == math.Trunc(d.Shape)) {
			return bad("phases", d.Shape, "a whole number from 1 to 1000")
		}
	case Pareto:
		if !(d.Shape > 1) || math.IsInf(d.Shape, 0) {
			return bad("shape", d.Shape, "more than 1, so that there is a mean")
		}
	case Empirical:
		if len(d.Samples) == 0 {
			return errors.New("samples: none, at least one is needed")
		}
		for _, x := range d.Samples {
			if !(x >= 0) || math.IsInf(x, 0) {
				return bad("sample", x, "a number from 0 up")
			}
		}
	default:
		return fmt.Errorf("kind: found %d, allowed is a known one", d.Kind)
	}
	return nil
}

// UniformBetween is the uniform distribution on [low, high].
func UniformBetween(low, high float64) Dist {
	return Dist{Kind: Uniform, Mean: (low + high) / 2, Low: low, High: high}
}

// FromSamples is the empirical distribution of equally likely samples.
func FromSamples(samples []float64) Dist {
	sum := 0.0
	for _, x := range samples {
		sum += x
	}
	return Dist{Kind: Empirical, Mean: sum / float64(len(samples)), Samples: samples}
}
