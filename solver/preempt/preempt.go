// Package preempt chooses which allocations leave a node so that work of a
// higher priority fits: by HashiCorp Nomad's greedy distance, or exactly, the
// set whose disruption is least.
package preempt

import (
	"cmp"
	"math"
	"slices"

	"caravan/solver"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// minGap is by how much the priority of the asking job must exceed a victim's
// (scheduler/preemption.go, filterAndGroupPreemptibleAllocs).
const minGap = 10

// perExcess is the distance that each eviction beyond a group's max_parallel
// adds (maxParallelPenalty).
const perExcess = 50.0

// Preemptible reports whether an allocation may be evicted for a job of the
// given priority.
func Preemptible(a *cluster.Allocation, job cluster.JobID, priority int) bool {
	return a.Job != job && priority-a.Priority() >= minGap
}

// Distance is how far what an allocation uses is from what is asked: the
// Euclidean distance of the shares of cpu, memory and disk, where nothing is
// asked counting as near (basicResourceDistance).
func Distance(ask, use cluster.Amount) float64 {
	part := func(ask, use float64) float64 {
		if ask <= 0 {
			return 0
		}
		return (ask - use) / ask
	}
	memory := part(float64(ask.Memory), float64(use.Memory))
	cpu := part(float64(ask.CPU), float64(use.CPU))
	disk := part(float64(ask.Disk), float64(use.Disk))
	return math.Sqrt(float64(memory*memory) + float64(cpu*cpu) + float64(disk*disk))
}

// Greedy is HashiCorp Nomad's choice: for network, then devices, then cpu,
// memory and disk, groups of candidates by rising priority, and within one the
// allocation that is nearest to what is still asked. Ties go to the allocation
// listed first. Its zero value is ready.
type Greedy struct {
	// ForgetsOwn counts the room of the asking job's own allocations as free, as
	// upstream does (SetCandidates leaves them out of what the node holds): the
	// victims may then be too few, and the applier of plans refuses.
	ForgetsOwn bool
}

// Evict implements solver.Evictor.
func (g Greedy) Evict(r solver.EvictRequest) ([]*cluster.Allocation, bool) {
	s := newSearch(r)
	s.forgetsOwn = g.ForgetsOwn
	for i := range r.Ask.Networks {
		if !s.network(i) {
			return nil, false
		}
	}
	for i := range r.Ask.Devices {
		if !s.device(i) {
			return nil, false
		}
	}
	if !s.amounts() {
		return nil, false
	}
	return s.victims, len(s.victims) > 0 && s.fits()
}

// search is one eviction in progress.
type search struct {
	solver.EvictRequest
	on      []*cluster.Allocation // what remains
	victims []*cluster.Allocation
	evicted map[evictionKey]int // by the plan so far

	forgetsOwn bool
}

// evictionKey names the group of a job.
type evictionKey struct {
	job   cluster.JobID
	group string
}

func keyOf(a *cluster.Allocation) evictionKey { return evictionKey{a.Job, a.TaskGroup().Name} }

func newSearch(r solver.EvictRequest) *search {
	s := &search{EvictRequest: r, on: slices.Clone(r.On), evicted: map[evictionKey]int{}}
	if r.View.Plan != nil {
		for _, e := range r.View.Plan.Evictions {
			s.evicted[keyOf(r.View.Alloc(e.Alloc))]++
		}
	}
	return s
}

// take evicts allocations.
func (s *search) take(list []*cluster.Allocation) {
	s.victims = append(s.victims, list...)
	s.on = slices.DeleteFunc(s.on, func(a *cluster.Allocation) bool { return slices.Contains(list, a) })
}

// penalty is what an eviction adds to the distance when the plan has evicted
// max_parallel of the same group already. Evictions of this search do not count.
func (s *search) penalty(a *cluster.Allocation) float64 {
	if a.Spec.Type != workloads.Service && a.TaskGroup().Migrate == nil {
		return 0 // only services have a migrate block unless they write one (api/tasks.go, Canonicalize)
	}
	n, most := s.evicted[keyOf(a)], a.Spec.MigrateOf(int(a.Group)).MaxParallel
	if most > 0 && n >= most {
		return float64(n+1-most) * perExcess
	}
	return 0
}

// groups are the candidates by rising priority, each group in the order of on.
func (s *search) groups(keep func(*cluster.Allocation) bool) [][]*cluster.Allocation {
	var list []*cluster.Allocation
	for _, a := range s.on {
		if Preemptible(a, s.Job, s.Priority) && keep(a) {
			list = append(list, a)
		}
	}
	slices.SortStableFunc(list, func(a, b *cluster.Allocation) int { return cmp.Compare(a.Priority(), b.Priority()) })
	var out [][]*cluster.Allocation
	for i, a := range list {
		if i == 0 || a.Priority() != list[i-1].Priority() {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], a)
	}
	return out
}

// free is what the search takes the machine to have left beside what remains.
func (s *search) free() cluster.Amount { return s.beside(s.forgetsOwn) }

// beside is what the machine has left beside what remains on it, the asking
// job's own allocations included or not.
func (s *search) beside(forgetsOwn bool) cluster.Amount {
	free := s.Machine.Capacity
	for _, a := range s.on {
		if !forgetsOwn || a.Job != s.Job {
			free = free.Less(a.Amount)
		}
	}
	return free
}

// fits reports whether the ask fits beside what remains.
func (s *search) fits() bool {
	_, _, _, lacks := s.Ask.Grant(s.Machine, s.on)
	limit := s.Machine.Node.MaxInstances
	return lacks == "" && s.free().Covers(s.Held) && (limit == 0 || len(s.on) < limit)
}

// amounts makes room in cpu, memory and disk.
func (s *search) amounts() bool {
	if s.beside(false).Covers(s.Held) {
		return true
	}
	free := s.free()
	left := s.Held // of the ask
	var chosen []*cluster.Allocation
	enough := false
	for _, group := range s.groups(func(*cluster.Allocation) bool { return true }) {
		for len(group) > 0 && !enough {
			i := s.nearest(left, group)
			a := group[i]
			group = slices.Delete(group, i, i+1)
			chosen = append(chosen, a)
			free, left = free.Plus(a.Amount), left.Less(a.Amount)
			enough = free.Covers(s.Held)
		}
	}
	if !enough {
		return false
	}
	s.take(s.trim(chosen))
	return true
}

// nearest is the position of the candidate with the least distance and penalty,
// the first on ties.
func (s *search) nearest(ask cluster.Amount, group []*cluster.Allocation) int {
	best, least := 0, math.Inf(1)
	for i, a := range group {
		if d := Distance(ask, a.Amount) + s.penalty(a); d < least {
			best, least = i, d
		}
	}
	return best
}

// trim drops victims that are not needed once the larger ones are gone: those
// farthest from the ask are kept first (filterSuperset).
func (s *search) trim(chosen []*cluster.Allocation) []*cluster.Allocation {
	slices.SortStableFunc(chosen, func(a, b *cluster.Allocation) int {
		return cmp.Compare(Distance(s.Held, b.Amount), Distance(s.Held, a.Amount))
	})
	free := s.free()
	for i, a := range chosen {
		if free = free.Plus(a.Amount); free.Covers(s.Held) {
			return chosen[:i+1]
		}
	}
	return chosen
}
