// Package kubernetes decides as the default scheduler of Kubernetes v1.34
// does, with its default plugins and weights, on the clusters and jobs of this
// program: to compare it with other deciders on the same arrivals.
//
// Of the plugins those remain that have something to say of a job's group
// (pkg/scheduler/apis/config/v1/default_plugins.go; weight before the name):
//
//	1 NodeResourcesFit, LeastAllocated, over cpu and memory
//	1 NodeResourcesBalancedAllocation, over cpu and memory
//	2 NodeAffinity: affinities of positive weight
//	3 TaintToleration: affinities of negative weight, each a taint that is not
//	  tolerated where it holds
//	2 PodTopologySpread: spreads, with a skew of 1
package kubernetes

import (
	"math"
	"math/rand/v2"
	"slices"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// A Scheduler decides for one cluster, one goroutine at a time.
type Scheduler struct {
	fleet *cluster.Fleet
	rng   *rand.Rand
	start int // the node to look at first
	asks  map[*workloads.Group]*cluster.Ask

	// The evaluation.
	view cluster.View
	job  cluster.JobID
	on   []*cluster.Allocation
}

// New returns the scheduler of a cluster. It draws from rng among equals.
func New(f *cluster.Fleet, rng *rand.Rand) *Scheduler {
	return &Scheduler{fleet: f, rng: rng, asks: map[*workloads.Group]*cluster.Ask{}}
}

// Begin starts an evaluation of a job against a view; what the caller adds to
// the view's plan is followed.
func (s *Scheduler) Begin(v cluster.View, job cluster.JobID) { s.view, s.job = v, job }

// A Decision is a node for an instance.
type Decision struct {
	Node  topology.NodeID
	Score float64
	Held  cluster.Amount
	Grant *cluster.Grant
	Evict []*cluster.Allocation // what must leave first
}

// candidate is a node with room.
type candidate struct {
	Decision
	parts [len(plugins)]float64 // of 100, before they are weighed
}

// plugins are those that score, with their weights.
var plugins = [5]struct {
	name   string
	weight float64
}{
	{"NodeResourcesFit", 1}, {"NodeResourcesBalancedAllocation", 1}, {"NodeAffinity", 2}, {"TaintToleration", 3}, {"PodTopologySpread", 2},
}

// Select chooses a node for one instance of a group: of the nodes that rules
// and room allow, looked at in turn from where the last search stopped, until
// enough are found, one of the highest score. only, unless nil, narrows the
// nodes. Where none has room and preempt allows it, lower priorities make some.
func (s *Scheduler) Select(spec *workloads.Job, group int, only []topology.NodeID, preempt bool) (Decision, bool) {
	ask := s.ask(&spec.Groups[group])
	n := s.fleet.Len()
	enough, k := enoughOf(n), 0
	var found []candidate
	for ; k < n && len(found) < enough; k++ {
		id := topology.NodeID((s.start + k) % n)
		if !s.allowed(spec, group, id, only) {
			continue
		}
		if d, ok := s.fits(ask, id, nil); ok {
			found = append(found, candidate{Decision: d})
		}
	}
	if n > 0 {
		s.start = (s.start + k) % n
	}
	if len(found) > 0 {
		s.score(spec, group, found)
		return s.best(found), true
	}
	if !preempt {
		return Decision{Node: topology.None}, false
	}
	return s.preempt(spec, group, ask, only)
}

// enoughOf is how many nodes with room end the search among n: of fewer than
// 100 all, otherwise 50 - n/125 percent, at least 5 percent and 100
// (schedule_one.go, numFeasibleNodesToFind).
func enoughOf(n int) int {
	const least = 100
	if n < least {
		return n
	}
	return max(n*max(50-n/125, 5)/100, least)
}

func (s *Scheduler) ask(g *workloads.Group) *cluster.Ask {
	a, ok := s.asks[g]
	if !ok {
		made := cluster.NewAsk(g)
		a = &made
		s.asks[g] = a
	}
	return a
}

// Admits reports whether the rules of a group let it on a node, whatever else
// is there.
func (s *Scheduler) Admits(spec *workloads.Job, group int, n topology.NodeID) bool {
	node := s.fleet.Machine(n).Node
	if !spec.In(node) {
		return false
	}
	for _, list := range [][]workloads.Constraint{spec.Constraints, spec.Groups[group].Constraints} {
		for i := range list {
			if !list[i].Allows(node) {
				return false
			}
		}
	}
	return true
}

// allowed adds what standing and the job's other instances have to say.
func (s *Scheduler) allowed(spec *workloads.Job, group int, n topology.NodeID, only []topology.NodeID) bool {
	if !s.view.Standing(n).Takes() || !s.Admits(spec, group, n) {
		return false
	}
	if only != nil && !slices.Contains(only, n) {
		return false
	}
	for i := range spec.Constraints {
		if c := &spec.Constraints[i]; c.Distinct() && !s.apart(c, anyGroup, n) {
			return false
		}
	}
	for i := range spec.Groups[group].Constraints {
		if c := &spec.Groups[group].Constraints[i]; c.Distinct() && !s.apart(c, group, n) {
			return false
		}
	}
	return true
}

// anyGroup stands for all groups of the job.
const anyGroup = -1

// apart reports whether a rule about the other instances of the group lets one
// more on node n.
func (s *Scheduler) apart(c *workloads.Constraint, group int, n topology.NodeID) bool {
	if c.Operator == workloads.DistinctHosts {
		return s.peers(group, func(m topology.NodeID) bool { return m == n }) == 0
	}
	value, _ := s.fleet.Machine(n).Node.Attribute(c.Attribute)
	return s.peers(group, func(m topology.NodeID) bool {
		other, ok := s.fleet.Machine(m).Node.Attribute(c.Attribute)
		return ok && other == value
	}) < c.Property()
}

// peers counts the running and planned instances of a group on nodes.
func (s *Scheduler) peers(group int, on func(topology.NodeID) bool) int {
	count := 0
	mine := func(a *cluster.Allocation) bool { return group == anyGroup || int(a.Group) == group }
	for _, id := range s.view.Of(s.job) {
		if a := s.view.Alloc(id); mine(a) && !a.Client.Terminal() && !s.view.Gone(a) && on(a.Node) {
			count++
		}
	}
	if s.view.Plan == nil {
		return count
	}
	for i := range s.view.Plan.Placements {
		if a := &s.view.Plan.Placements[i]; a.Job == s.job && mine(a) && a.ID == cluster.NoAlloc && on(a.Node) {
			count++
		}
	}
	return count
}

// fits tries node n, on which only the given allocations stay; nil is all of
// the view's.
func (s *Scheduler) fits(ask *cluster.Ask, n topology.NodeID, staying []*cluster.Allocation) (Decision, bool) {
	m := s.fleet.Machine(n)
	d := Decision{Node: n, Held: ask.On(m)}
	if staying == nil {
		if !s.view.Free(n).Covers(d.Held) {
			return d, false
		}
		if ask.Named() {
			s.on = s.view.Append(s.on[:0], n)
			staying = s.on
		}
	} else {
		free := m.Capacity
		for _, a := range staying {
			free = free.Less(a.Amount)
		}
		if !free.Covers(d.Held) {
			return d, false
		}
	}
	if ask.Named() {
		grant, _, _, lacks := ask.Grant(m, staying)
		if lacks != "" {
			return d, false
		}
		d.Grant = grant
	}
	return d, true
}

// score asks every plugin about the candidates.
func (s *Scheduler) score(spec *workloads.Job, group int, found []candidate) {
	for i := range found {
		c := &found[i]
		c.parts[0], c.parts[1] = s.resources(c.Node, c.Held)
	}
	s.affinities(spec, group, found)
	s.spreads(spec, group, found)
	for i := range found {
		c := &found[i]
		for k, p := range plugins {
			c.Score += p.weight * c.parts[k]
		}
	}
}

// best draws one of the highest scores.
func (s *Scheduler) best(found []candidate) Decision {
	best, equals := 0, 0
	for i := range found {
		switch {
		case equals == 0 || found[i].Score > found[best].Score:
			best, equals = i, 1
		case found[i].Score == found[best].Score:
			equals++
			if s.rng.IntN(equals) == 0 {
				best = i
			}
		}
	}
	return found[best].Decision
}

// mostScore is that of a plugin.
const mostScore = 100

// resources are LeastAllocated, the mean of the free percents after placement,
// each rounded down, and BalancedAllocation, 100 less half the difference of
// the shares in use (noderesources/least_allocated.go, balanced_allocation.go).
func (s *Scheduler) resources(n topology.NodeID, held cluster.Amount) (least, balanced float64) {
	m := s.fleet.Machine(n)
	after := s.view.Free(n).Less(held)
	var used []float64
	add := func(free, of float64) {
		if of > 0 {
			least += math.Trunc(free * mostScore / of) // of integers, exactly
			used = append(used, min(1, (of-free)/of))
		}
	}
	add(float64(after.CPU), m.ScaleCPU)
	add(float64(after.Memory), m.ScaleMemory)
	if len(used) == 0 {
		return 0, mostScore
	}
	deviation := 0.0
	if len(used) == 2 {
		deviation = math.Abs((used[0] - used[1]) / 2)
	}
	return math.Trunc(least / float64(len(used))), math.Trunc((1 - deviation) * mostScore)
}

// affinities are NodeAffinity, the weights that hold scaled so that the
// highest is 100, and TaintToleration, the number of taints that are not
// tolerated scaled so that the highest is 0 (helper.DefaultNormalizeScore).
func (s *Scheduler) affinities(spec *workloads.Job, group int, found []candidate) {
	var most [2]float64
	for i := range found {
		c := &found[i]
		node := s.fleet.Machine(c.Node).Node
		for _, list := range [][]workloads.Affinity{spec.Affinities, spec.Groups[group].Affinities} {
			for k := range list {
				switch a := &list[k]; {
				case !a.Allows(node):
				case a.Weight > 0:
					c.parts[2] += float64(a.Weight)
				default:
					c.parts[3]++
				}
			}
		}
		most[0], most[1] = max(most[0], c.parts[2]), max(most[1], c.parts[3])
	}
	for i := range found {
		p := &found[i].parts
		if most[0] > 0 {
			p[2] = math.Trunc(p[2] * mostScore / most[0])
		}
		taints := 0.0
		if most[1] > 0 {
			taints = math.Trunc(p[3] * mostScore / most[1])
		}
		p[3] = mostScore - taints
	}
}

// spreads is PodTopologySpread: for every spread the number of instances of the
// group on nodes of the candidate's value, times ln(values of candidates + 2),
// the sum turned around so that the least crowded has 100. Candidates without
// one of the attributes have 0 (podtopologyspread/scoring.go).
func (s *Scheduler) spreads(spec *workloads.Job, group int, found []candidate) {
	all := append(append([]workloads.Spread{}, spec.Spreads...), spec.Groups[group].Spreads...)
	if len(all) == 0 {
		return
	}
	value := func(k int, n topology.NodeID) string {
		v, _ := s.fleet.Machine(n).Node.Attribute(all[k].Attribute)
		return v
	}
	scored := func(n topology.NodeID) bool {
		for k := range all {
			if _, ok := s.fleet.Machine(n).Node.Attribute(all[k].Attribute); !ok {
				return false
			}
		}
		return true
	}
	for k := range all {
		count := map[string]int{}
		for i := range found {
			if scored(found[i].Node) {
				count[value(k, found[i].Node)] = 0
			}
		}
		s.peers(group, func(n topology.NodeID) bool {
			v := value(k, n)
			if _, ok := count[v]; ok && scored(n) {
				count[v]++
			}
			return true
		})
		weight := math.Log(float64(len(count) + 2))
		for i := range found {
			found[i].parts[4] += float64(count[value(k, found[i].Node)]) * weight
		}
	}
	least, most := math.Inf(1), 0.0
	for i := range found {
		if scored(found[i].Node) {
			found[i].parts[4] = math.Round(found[i].parts[4])
			least, most = min(least, found[i].parts[4]), max(most, found[i].parts[4])
		}
	}
	for i := range found {
		p := &found[i].parts[4]
		switch {
		case !scored(found[i].Node):
			*p = 0
		case most == 0:
			*p = mostScore
		default:
			*p = math.Trunc(mostScore * (most + least - *p) / most)
		}
	}
}
