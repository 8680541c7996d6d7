package scenarios

import (
	"bytes"

	"caravan/topology"
	"caravan/workloads"
)

// read imports a workload file; false after a fault.
func (b *builder) read(at place, file, format string) (*workloads.Imported, bool) {
	data, err := b.files.content(file)
	if err != nil {
		b.fault(at.key("file"), "%s", err)
		return nil, false
	}
	name := plainName(file) // it is unpacked already
	if format == "" {
		format = workloads.Detect(name, data[:min(len(data), 4096)])
	}
	if !contains(workloads.FormatNames(), format) {
		b.fault(at.key("format"), "no format %q%s", clip(format), b.allowed(format, workloads.FormatNames()))
		return nil, false
	}
	in, err := workloads.Import(format, name, bytes.NewReader(data))
	if err != nil {
		for _, e := range each(err) {
			b.fault(at.key("file"), "%s", e)
		}
		return nil, false
	}
	for _, w := range in.Warnings {
		b.warn(at.key("file"), "%s", w)
	}
	return in, true
}

// importWorkload adds the jobs and pipelines of a file.
func (b *builder) importWorkload(i *Import, out *workloads.Workload, taken map[string]bool) {
	if i.File == "" {
		return // already reported
	}
	in, ok := b.read(i.place, i.File, i.Format)
	if !ok {
		return
	}
	if in.Arrivals != nil {
		b.fault(i.place.key("file"), "the file holds arrivals and no work (allowed: in the arrivals of a pipeline, {trace: {file: ...}})")
		return
	}
	if len(in.Nodes) > 0 {
		b.warn(i.place.key("file"), "%d machines that the file names are not used", len(in.Nodes))
	}
	source, sink := topology.None, topology.None
	if i.Source != "" {
		source, _ = b.node(i.place.key("source"), i.Source)
	}
	if i.Sink != "" {
		sink, _ = b.node(i.place.key("sink"), i.Sink)
	}
	for _, p := range in.Pipelines {
		b.unique(i.place.key("file"), "pipeline", p.Name, taken)
		if i.Source != "" {
			p.Source = source
		}
		if i.Sink != "" {
			p.Sink = sink
		}
		if i.Arrivals != nil {
			p.Arrivals = b.arrivals(i.Arrivals)
		}
		out.Pipelines = append(out.Pipelines, p)
	}
	for _, j := range in.Jobs {
		if !b.unique(i.place.key("file"), "job", j.Name, taken) {
			break // the same file twice: once is enough
		}
		out.Jobs = append(out.Jobs, j)
	}
}

// traceFile reads recorded arrivals.
func (b *builder) traceFile(t *Trace, out *workloads.Arrivals) {
	in, ok := b.read(t.place, t.File, t.Format)
	if !ok {
		out.FactorNames = nil
		return
	}
	if in.Arrivals == nil {
		b.fault(t.place.key("file"), "the file holds work and no arrivals (allowed: in workload.import)")
		return
	}
	out.Times, out.Factors, out.FactorNames = in.Arrivals.Times, in.Arrivals.Factors, in.Arrivals.FactorNames
}

// check asks the nouns whether they are valid. What they find beyond the
// checks with positions is reported at the part of the file that it concerns.
func (b *builder) check(s *Scenario, w *Workload) {
	for _, err := range each(s.Workload.Check(s.Topology)) {
		b.fault(w.place, "%s", err)
	}
	for _, err := range each(workloads.CheckFaults(s.Topology, s.Faults, s.LinkChanges)) {
		b.fault(place{}, "%s", err)
	}
}
