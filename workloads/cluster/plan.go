package cluster

import (
	"slices"
	"time"

	"caravan/topology"
	"caravan/workloads"
)

// A Plan is what one evaluation of a job wants to change, made against a
// snapshot of the state. The zero value with a Job wants nothing.
type Plan struct {
	Job       JobID
	Priority  int
	AllAtOnce bool
	Snapshot  uint64 // index of the state that it was made against

	Stops      []Halt
	Evictions  []Eviction
	Placements []Allocation // those with an ID change an allocation in place

	nodes    map[topology.NodeID]*change
	withdrew int
}

// A Halt stops an allocation. Client, unless Pending, is what its client is
// taken to say at once, such as Lost on a node that is gone.
type Halt struct {
	Alloc  AllocID
	Client Client
	Reason string
}

// An Eviction stops an allocation for the sake of a placement.
type Eviction struct {
	Alloc AllocID
	For   int // position in Placements
}

// A change is what a plan does to one node.
type change struct {
	gone  []AllocID
	added []int32 // positions in Placements
	delta Amount
}

func (p *Plan) on(n topology.NodeID) *change {
	c, ok := p.nodes[n]
	if !ok {
		if p.nodes == nil {
			p.nodes = map[topology.NodeID]*change{}
		}
		c = &change{}
		p.nodes[n] = c
	}
	return c
}

// leave takes an allocation off its node, once.
func (p *Plan) leave(a *Allocation) {
	c := p.on(a.Node)
	if !slices.Contains(c.gone, a.ID) {
		c.gone = append(c.gone, a.ID)
		if !a.Client.Terminal() {
			c.delta = c.delta.Less(a.Amount)
		}
	}
}

// Stop adds an allocation to stop.
func (p *Plan) Stop(a *Allocation, client Client, reason string) {
	p.leave(a)
	p.Stops = append(p.Stops, Halt{a.ID, client, reason})
}

// Unstop takes back the last Stop, of allocation a: nothing better was found.
func (p *Plan) Unstop(a *Allocation) {
	p.Stops = p.Stops[:len(p.Stops)-1]
	p.withdrew++
	c := p.nodes[a.Node]
	c.gone = c.gone[:len(c.gone)-1]
	if !a.Client.Terminal() {
		c.delta = c.delta.Plus(a.Amount)
	}
}

// Withdrawals counts the calls of Unstop: as long as it stays, Stops and
// Placements have only grown.
func (p *Plan) Withdrawals() int { return p.withdrew }

// Place adds a placement, and the evictions that make room for it.
func (p *Plan) Place(a Allocation, evict ...*Allocation) {
	for _, victim := range evict {
		p.leave(victim)
		p.Evictions = append(p.Evictions, Eviction{victim.ID, len(p.Placements)})
	}
	c := p.on(a.Node)
	c.added = append(c.added, int32(len(p.Placements)))
	c.delta = c.delta.Plus(a.Amount)
	p.Placements = append(p.Placements, a)
}

// Change replaces allocation old by a on its node without stopping it.
func (p *Plan) Change(old *Allocation, a Allocation) {
	p.leave(old)
	a.ID = old.ID
	p.Place(a)
}

// Empty reports whether the plan changes nothing.
func (p *Plan) Empty() bool { return len(p.Stops)+len(p.Placements) == 0 }

// Nodes lists the nodes that the plan changes, in order.
func (p *Plan) Nodes() []topology.NodeID {
	out := make([]topology.NodeID, 0, len(p.nodes))
	for n := range p.nodes {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// A View is a state as a plan in progress would leave it.
type View struct {
	*State
	Plan *Plan // nil is none
}

// Free is what schedulers count as free on n; below 0 where it is overfull.
func (v View) Free(n topology.NodeID) Amount {
	free := v.fleet.machines[n].Capacity.Less(v.State.Used(n))
	if v.Plan != nil && len(v.Plan.nodes) > 0 {
		if c, ok := v.Plan.nodes[n]; ok {
			free = free.Less(c.delta)
		}
	}
	return free
}

// Used is what schedulers count as used on n.
func (v View) Used(n topology.NodeID) Amount {
	used := v.State.Used(n)
	if v.Plan != nil && len(v.Plan.nodes) > 0 {
		if c, ok := v.Plan.nodes[n]; ok {
			used = used.Plus(c.delta)
		}
	}
	return used
}

// Append adds to dst the allocations on n as the plan would leave them: those
// of the state by ID, then the plan's.
func (v View) Append(dst []*Allocation, n topology.NodeID) []*Allocation {
	var c *change
	if v.Plan != nil && len(v.Plan.nodes) > 0 {
		c = v.Plan.nodes[n]
	}
	for _, id := range v.State.On(n) {
		if c == nil || !slices.Contains(c.gone, id) {
			dst = append(dst, v.State.Alloc(id))
		}
	}
	if c != nil {
		for _, i := range c.added {
			dst = append(dst, &v.Plan.Placements[i])
		}
	}
	return dst
}

// Gone reports whether the plan takes an allocation off its node.
func (v View) Gone(a *Allocation) bool {
	if v.Plan == nil || len(v.Plan.nodes) == 0 {
		return false
	}
	c, ok := v.Plan.nodes[a.Node]
	return ok && slices.Contains(c.gone, a.ID)
}

// Verify says in which dimension the plan overfills node n of the state, by
// the rules of the applier: what is to stop holds nothing any more. Empty is
// that it fits; "node is not ready" that n takes no work.
func (s *State) Verify(p *Plan, n topology.NodeID) string {
	c, ok := p.nodes[n]
	if !ok || len(c.added) == 0 {
		return ""
	}
	if s.Standing(n).Status != Ready || s.Standing(n).Ineligible && c.places(p) {
		return "node is not ready"
	}
	var on []*Allocation
	for _, id := range s.On(n) {
		if a := s.Alloc(id); a.Desired == Run && !slices.Contains(c.gone, id) {
			on = append(on, a)
		}
	}
	for _, i := range c.added {
		on = append(on, &p.Placements[i])
	}
	return Overfull(s.fleet.Machine(n), on)
}

// places reports whether the change brings a new allocation to its node.
func (c *change) places(p *Plan) bool {
	return slices.ContainsFunc(c.added, func(i int32) bool { return p.Placements[i].ID == NoAlloc })
}

// Overfull names the first dimension in which the allocations together exceed
// the machine or collide on it: instances, cores, cpu, memory, disk, network,
// devices. Empty is that they fit.
func Overfull(m *Machine, on []*Allocation) string {
	var sum Amount
	for _, a := range on {
		sum = sum.Plus(a.Amount)
	}
	switch {
	case m.Node.MaxInstances > 0 && len(on) > m.Node.MaxInstances:
		return "max allocs"
	case collide(on, func(g *Grant) []int16 { return g.Cores }):
		return "cores"
	case sum.CPU > m.Capacity.CPU:
		return "cpu"
	case sum.Memory > m.Capacity.Memory:
		return "memory"
	case sum.Disk > m.Capacity.Disk:
		return "disk"
	}
	if lacks := overNetworks(m, on); lacks != "" {
		return lacks
	}
	for k := range m.Devices {
		if len(FreeDevices(m, on, nil, k, 0)) < m.Devices[k].Count {
			return "devices"
		}
	}
	return ""
}

// collide reports whether two allocations were given the same thing.
func collide[T comparable](on []*Allocation, of func(*Grant) []T) bool {
	taken := map[T]bool{}
	for _, a := range on {
		if a.Grant == nil {
			continue
		}
		for _, x := range of(a.Grant) {
			if taken[x] {
				return true
			}
			taken[x] = true
		}
	}
	return false
}

func overNetworks(m *Machine, on []*Allocation) string {
	ports := func(g *Grant) (out []int32) {
		for _, n := range g.Networks {
			for _, p := range n.Ports {
				out = append(out, int32(n.Interface)<<16|p)
			}
		}
		return out
	}
	if collide(on, ports) {
		return "network: reserved port collision"
	}
	for i := range m.Node.Interfaces {
		if limit := m.mbits(i); limit > 0 && usedMbits(on, &Grant{}, i) > limit {
			return "network: bandwidth exceeded"
		}
	}
	return ""
}

// Commit carries out the plan at an instant except on the nodes that refused
// says, and returns the IDs of its placements, NoAlloc for those that were
// refused. An eviction falls with its placement.
func (s *State) Commit(p *Plan, at time.Duration, refused func(topology.NodeID) bool) []AllocID {
	out := map[topology.NodeID]bool{}
	for _, n := range p.Nodes() { // before anything changes
		out[n] = refused(n)
	}
	for _, h := range p.Stops {
		if out[s.Alloc(h.Alloc).Node] {
			continue
		}
		s.Update(h.Alloc, func(a *Allocation) {
			a.Desired = Stop
			if h.Client != Pending {
				a.Client = h.Client
				if a.Client.Terminal() {
					a.EndedAt = at
				}
			}
		})
	}
	ids := make([]AllocID, len(p.Placements))
	for i := range p.Placements {
		ids[i] = NoAlloc
		if a := p.Placements[i]; !out[a.Node] {
			ids[i] = s.carry(a, at)
		}
	}
	for _, e := range p.Evictions {
		if by := ids[e.For]; by != NoAlloc {
			s.Update(e.Alloc, func(a *Allocation) { a.Desired, a.EvictedBy = Evict, by })
		}
	}
	return ids
}

func (s *State) carry(a Allocation, at time.Duration) AllocID {
	if a.ID == NoAlloc {
		a.CreatedAt = at
		id := s.Add(a)
		if a.Previous != NoAlloc {
			s.Update(a.Previous, func(old *Allocation) { old.Next = id })
		}
		return id
	}
	s.Update(a.ID, func(old *Allocation) {
		old.Spec, old.Group, old.Amount, old.Grant, old.Deployment = a.Spec, a.Group, a.Amount, a.Grant, a.Deployment
	})
	return a.ID
}

// Instance is a new allocation of a group on node n that holds what the ask
// comes to there and the grant.
func Instance(j JobID, spec *workloads.Job, group, index int, n topology.NodeID, held Amount, g *Grant) Allocation {
	return Allocation{
		ID: NoAlloc, Job: j, Spec: spec, Group: int32(group), Index: int32(index), Node: n, Amount: held, Grant: g,
		Deployment: -1, Previous: NoAlloc, Next: NoAlloc, EvictedBy: NoAlloc,
	}
}
