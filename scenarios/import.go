package scenarios

import "caravan/workloads"

func (b *builder) imported(t *Topology)                              {}
func (b *builder) importWorkload(i *Import, out *workloads.Workload) {}
func (b *builder) traceFile(t *Trace, out *workloads.Arrivals)       {}

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

// Generate is temporary.
type Generate struct{}
