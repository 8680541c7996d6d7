package scenarios

import (
	"maps"
	"slices"
	"time"

	"caravan/topology"
	"caravan/workloads"
)

// arrivals makes the arrivals of a pipeline; absent ones are a single request
// at the start, which shows the latency of an idle system.
func (b *builder) arrivals(a *Arrivals) workloads.Arrivals {
	if a == nil {
		return workloads.Arrivals{Kind: workloads.Trace, Times: []time.Duration{0}, Think: workloads.Const(0)}
	}
	out := workloads.Arrivals{
		Batch: a.Batch, StartAt: time.Duration(a.Start), StopAt: time.Duration(a.Stop), Count: a.Count,
	}
	if a.place.v == nil || a.place.v.kind != mapping {
		return out
	}
	given := 0
	for _, k := range arrivalKinds() {
		if v := a.place.v.get(k); v != nil && v.kind != null {
			given++
		}
	}
	if given != 1 {
		b.fault(a.place, "%d kinds of arrivals are given (allowed: exactly one of periodic, poisson, mmpp, trace, closed)", given)
		return out
	}
	if a.Stop != 0 && a.Stop <= a.Start {
		b.fault(a.place.key("stop"), "the arrivals stop before they start (allowed: after %s)", topology.FormatDuration(time.Duration(a.Start)))
	}
	switch {
	case a.Periodic != nil:
		out.Kind, out.Period = workloads.Periodic, time.Duration(*a.Periodic)
		if out.Period == 0 {
			b.positive(a.place.key("periodic"), "a period of 0")
		}
	case a.Poisson != nil:
		out.Kind, out.Rate = workloads.Poisson, float64(*a.Poisson)
		if out.Rate == 0 {
			b.positive(a.place.key("poisson"), "a rate of 0")
		}
	case a.Closed != nil:
		out.Kind, out.Population, out.Think = workloads.Closed, a.Closed.Population, a.Closed.Think.Dist
	case a.Trace != nil:
		out.Kind = workloads.Trace
		b.trace(a.Trace, &out)
	default:
		out.Kind = workloads.MMPP
		b.states(a, &out)
	}
	return out
}

// arrivalKinds are the keys of which arrivals have exactly one.
func arrivalKinds() []string { return []string{"periodic", "poisson", "mmpp", "trace", "closed"} }

// positive reports a zero where something above it is needed. A value that
// could not be read is zero too and already reported.
func (b *builder) positive(p place, what string) {
	if !b.faults.seen[p.v.at] {
		b.fault(p, "%s is not allowed (allowed: above 0)", what)
	}
}

func (b *builder) states(a *Arrivals, out *workloads.Arrivals) {
	at := a.place.key("mmpp")
	if at.v.kind != sequence {
		return
	}
	highest := 0.0
	for i, s := range a.MMPP {
		if s.For == 0 {
			b.positive(at.item(i).key("for"), "a state that lasts no time")
		}
		highest = max(highest, float64(s.Rate))
		out.States = append(out.States, workloads.MMPPState{Rate: float64(s.Rate), Mean: time.Duration(s.For)})
	}
	if highest == 0 {
		b.positive(at, "a source without any rate above 0")
	}
}

// trace reads recorded arrivals, written in the scenario or in a file.
func (b *builder) trace(t *Trace, out *workloads.Arrivals) {
	if t.place.v == nil || t.place.v.kind != mapping {
		return
	}
	if (t.File == "") == !t.place.has("times") {
		b.fault(t.place, "the trace is not given once (allowed: file, or times)")
		return
	}
	if t.File != "" {
		b.traceFile(t, out)
		return
	}
	for i, d := range t.Times {
		if i > 0 && d < t.Times[i-1] {
			b.fault(t.place.key("times").item(i), "the time is before the one ahead of it (allowed: in order of time)")
		}
		out.Times = append(out.Times, time.Duration(d))
	}
	if len(out.Times) == 0 && t.place.key("times").v.kind == sequence {
		b.fault(t.place.key("times"), "the trace is empty (allowed: at least one time)")
	}
	for _, name := range slices.Sorted(maps.Keys(t.Factors)) {
		column := t.Factors[name]
		if len(column) != len(t.Times) {
			b.fault(t.place.key("factors").key(name), "%d factors for %d times (allowed: one for each)", len(column), len(t.Times))
		}
		out.FactorNames = append(out.FactorNames, name)
		out.Factors = append(out.Factors, column)
	}
}

// factors checks that the columns which operators name exist.
func (b *builder) factors(p *Pipeline, a *workloads.Arrivals) {
	if a.Kind == workloads.Trace && len(a.Times) == 0 {
		return // the trace could not be read, which is reported
	}
	for i := range p.Operators {
		o := &p.Operators[i]
		for _, f := range []struct{ key, name string }{{"work_factor", o.WorkFactor}, {"output_factor", o.OutputFactor}} {
			if f.name == "" || slices.Contains(a.FactorNames, f.name) {
				continue
			}
			if len(a.FactorNames) == 0 {
				b.fault(o.place.key(f.key), "no column %q: the arrivals are not a trace with columns", clip(f.name))
				continue
			}
			b.unknown(o.place.key(f.key), "column", f.name, a.FactorNames)
		}
	}
}
