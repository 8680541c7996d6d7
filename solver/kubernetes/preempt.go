package kubernetes

import (
	"cmp"
	"math"
	"slices"
	"time"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// Victims are what must leave one node.
type Victims struct {
	Decision
	// Violations counts those that leave against their group's disruption
	// budget: what migrate allows to leave at once, where a group says so.
	Violations int
}

// preempt finds the node on which evictions do least harm. Nodes are tried in
// turn from a random one, until a tenth of all, at least 100, can take the
// instance, one of them without violating a budget (default_preemption.go,
// GetOffsetAndNumCandidates; preemption.go, DryRunPreemption).
func (s *Scheduler) preempt(spec *workloads.Job, group int, ask *cluster.Ask, only []topology.NodeID) (Decision, bool) {
	n := s.fleet.Len()
	if n == 0 {
		return Decision{Node: topology.None}, false
	}
	const leastCandidates = 100
	offset, enough := s.rng.IntN(n), min(max(n/10, leastCandidates), n)
	var found []Victims
	harmless := false
	for k := range n {
		if len(found) >= enough && harmless {
			break
		}
		id := topology.NodeID((offset + k) % n)
		if !s.allowed(spec, group, id, only) {
			continue
		}
		if v, ok := s.victims(spec.Priority, ask, id); ok {
			found = append(found, v)
			harmless = harmless || v.Violations == 0
		}
	}
	if len(found) == 0 {
		return Decision{Node: topology.None}, false
	}
	return Pick(found).Decision, true
}

// victims chooses who leaves node n: all of lower priority, less those that may
// stay after all, tried in order of importance, first those whose leaving
// would violate a budget (default_preemption.go, SelectVictimsOnNode).
func (s *Scheduler) victims(priority int, ask *cluster.Ask, n topology.NodeID) (Victims, bool) {
	var staying, lower []*cluster.Allocation
	for _, a := range s.view.Append(nil, n) {
		if a.Priority() < priority && a.Job != s.job && a.ID != cluster.NoAlloc {
			lower = append(lower, a)
		} else {
			staying = append(staying, a)
		}
	}
	fits := func(on []*cluster.Allocation) (Decision, bool) {
		if on == nil {
			on = []*cluster.Allocation{}
		}
		return s.fits(ask, n, on)
	}
	if _, ok := fits(staying); !ok || len(lower) == 0 {
		return Victims{}, false
	}
	slices.SortStableFunc(lower, importance)
	violating, others := s.budgets(lower)
	var out Victims
	for i, list := range [][]*cluster.Allocation{violating, others} {
		for _, a := range list {
			if _, ok := fits(append(slices.Clone(staying), a)); ok {
				staying = append(staying, a)
				continue
			}
			out.Evict = append(out.Evict, a)
			if i == 0 {
				out.Violations++
			}
		}
	}
	slices.SortStableFunc(out.Evict, importance)
	d, ok := fits(staying)
	d.Evict = out.Evict
	out.Decision = d
	return out, ok && len(out.Evict) > 0
}

// importance orders allocations: the higher priority first, then the one that
// has run longer, then the older.
func importance(a, b *cluster.Allocation) int {
	return cmp.Or(cmp.Compare(b.Priority(), a.Priority()), cmp.Compare(startOf(a), startOf(b)), cmp.Compare(a.ID, b.ID))
}

func startOf(a *cluster.Allocation) time.Duration { return max(a.StartedAt, a.CreatedAt) }

// budgets tells those whose leaving would violate their group's budget from
// the others, in order.
func (s *Scheduler) budgets(list []*cluster.Allocation) (violating, others []*cluster.Allocation) {
	type key struct {
		job   cluster.JobID
		group int32
	}
	left := map[key]int{}
	budget := func(a *cluster.Allocation) int {
		k := key{a.Job, a.Group}
		if _, ok := left[k]; !ok {
			left[k] = a.TaskGroup().Migrate.MaxParallel
			if s.view.Plan != nil {
				for _, e := range s.view.Plan.Evictions {
					if v := s.view.Alloc(e.Alloc); v.Job == a.Job && v.Group == a.Group {
						left[k]--
					}
				}
			}
		}
		left[k]--
		return left[k]
	}
	for _, a := range list {
		if a.TaskGroup().Migrate != nil && budget(a) < 0 {
			violating = append(violating, a)
		} else {
			others = append(others, a)
		}
	}
	return violating, others
}

// harm is what a node's victims cost, in the order in which it is compared
// (preemption.go, pickOneNodeForPreemption).
type harm struct{ violations, top, sum, count, start int64 }

// harmOf is that of victims in order of importance, of which there is one.
func harmOf(v *Victims) harm {
	h := harm{violations: int64(v.Violations), top: int64(v.Evict[0].Priority()), count: int64(len(v.Evict)), start: math.MinInt64}
	for _, a := range v.Evict {
		h.sum += int64(a.Priority()) + math.MaxInt32 + 1 // so that more victims always sum up to more
		if int64(a.Priority()) == h.top {
			h.start = max(h.start, -int64(startOf(a)))
		}
	}
	return h
}

func (h harm) compare(x harm) int {
	return cmp.Or(cmp.Compare(h.violations, x.violations), cmp.Compare(h.top, x.top), cmp.Compare(h.sum, x.sum),
		cmp.Compare(h.count, x.count), cmp.Compare(h.start, x.start))
}

// Pick is the candidate that does least harm: the fewest violated budgets, then
// the lowest top priority, the smallest sum of priorities, the fewest victims,
// the latest start of the earliest among those of the top priority, the first.
// Evict must be in order of importance, and not empty.
func Pick(found []Victims) *Victims {
	best := 0
	for i := range found {
		if harmOf(&found[i]).compare(harmOf(&found[best])) < 0 {
			best = i
		}
	}
	return &found[best]
}
