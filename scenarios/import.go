package scenarios

import "caravan/workloads"

func (b *builder) imported(t *Topology)                              {}
func (b *builder) importWorkload(i *Import, out *workloads.Workload) {}
func (b *builder) traceFile(t *Trace, out *workloads.Arrivals)       {}
func (b *builder) check(s *Scenario, w *Workload)                    {}

// Generate is temporary.
type Generate struct{}
