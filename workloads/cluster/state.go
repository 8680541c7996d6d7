package cluster

import (
	"slices"

	"caravan/topology"
	"caravan/workloads"
)

// NodeStatus is what the servers know of a node.
type NodeStatus uint8

const (
	Ready        NodeStatus = iota
	Initializing            // registered, not yet heard from
	Disconnected            // silent, with allocations that may return
	Down                    // silent: its allocations are lost
	Absent                  // not part of the cluster
)

func (s NodeStatus) String() string {
	return [...]string{"ready", "initializing", "disconnected", "down", "absent"}[s]
}

// A Standing is whether a node takes work.
type Standing struct {
	Status     NodeStatus
	Ineligible bool // for new work, by an operator or a drain
	Draining   bool
}

// Takes reports whether the node takes new work.
func (s Standing) Takes() bool { return s.Status == Ready && !s.Ineligible && !s.Draining }

// A State is a cluster at one instant. Write methods belong to one writer;
// a Snapshot never changes and is safe for concurrent use. Reading a node's
// usage, its allocations, a job or its allocations is O(1).
type State struct {
	fleet *Fleet
	// index counts the writes; standing counts those to nodes' standings.
	index, standing uint64
	epoch           uint64
	frozen          bool

	nodes  vector[nodeState]
	jobs   vector[jobState]
	allocs vector[Allocation]
}

type nodeState struct {
	standing Standing
	index    uint64 // of the last change
	used     Amount // by what the client has not called terminal
	leaving  Amount // of used, by what is to stop
	allocs   list   // of used
}

type jobState struct {
	spec    *workloads.Job
	stopped bool
	allocs  list // all
}

// A list is allocations by ID. Its slice belongs to the writer of its epoch;
// others copy it before they write.
type list struct {
	ids   []AllocID
	epoch uint64
}

func (l *list) own(epoch uint64) {
	if l.epoch != epoch {
		l.ids, l.epoch = append(make([]AllocID, 0, len(l.ids)+2), l.ids...), epoch
	}
}

func (l *list) insert(id AllocID, epoch uint64) {
	l.own(epoch)
	at, _ := slices.BinarySearch(l.ids, id)
	l.ids = slices.Insert(l.ids, at, id)
}

func (l *list) remove(id AllocID, epoch uint64) {
	l.own(epoch)
	if at, ok := slices.BinarySearch(l.ids, id); ok {
		l.ids = slices.Delete(l.ids, at, at+1)
	}
}

// New is an empty cluster whose machines are all ready.
func New(f *Fleet) *State {
	s := &State{fleet: f, epoch: 1}
	for range f.Len() {
		s.nodes.push(nodeState{}, s.epoch)
	}
	return s
}

// Snapshot is the state as it is, for reading only. O(1).
func (s *State) Snapshot() *State {
	c := s.Clone()
	c.frozen = true
	return c
}

// Clone is a state of its own that starts as this one is. O(1).
func (s *State) Clone() *State {
	if !s.frozen {
		s.epoch++
	}
	c := *s
	c.epoch, c.frozen = s.epoch+1, false
	return &c
}

func (s *State) write() {
	if s.frozen {
		panic("cluster: a snapshot was written to")
	}
	s.index++
}

// Fleet is the machines of the cluster.
func (s *State) Fleet() *Fleet { return s.fleet }

// Index counts the writes so far: a later state of one cluster has a higher one.
func (s *State) Index() uint64 { return s.index }

// StandingIndex is the index of the last write to any node's standing: what
// follows from standings alone holds while it stays.
func (s *State) StandingIndex() uint64 { return s.standing }

// NodeIndex is the index of the last write to node n or its allocations.
func (s *State) NodeIndex(n topology.NodeID) uint64 { return s.nodes.at(int(n)).index }

// Standing says whether node n takes work.
func (s *State) Standing(n topology.NodeID) Standing { return s.nodes.at(int(n)).standing }

// SetStanding changes whether node n takes work.
func (s *State) SetStanding(n topology.NodeID, st Standing) {
	s.write()
	x := s.node(n)
	x.standing, x.index, s.standing = st, s.index, s.index
}

// Used is what the allocations on n hold that its client has not called
// terminal: what schedulers count.
func (s *State) Used(n topology.NodeID) Amount { return s.nodes.at(int(n)).used }

// Wanted is Used without what is to stop or evicted: what the applier of plans
// counts.
func (s *State) Wanted(n topology.NodeID) Amount {
	x := s.nodes.at(int(n))
	return x.used.Less(x.leaving)
}

// On lists the allocations on n that its client has not called terminal, by
// ID; not to be modified.
func (s *State) On(n topology.NodeID) []AllocID { return s.nodes.at(int(n)).allocs.ids }

// Jobs is the number of jobs that were ever submitted.
func (s *State) Jobs() int { return s.jobs.n }

// Job is the present version of a job and whether it is stopped.
func (s *State) Job(j JobID) (spec *workloads.Job, stopped bool) {
	x := s.jobs.at(int(j))
	return x.spec, x.stopped
}

// Of lists the allocations of a job, ended ones too, by ID; not to be modified.
func (s *State) Of(j JobID) []AllocID { return s.jobs.at(int(j)).allocs.ids }

// Allocs is the number of allocations that were ever made.
func (s *State) Allocs() int { return s.allocs.n }

// Alloc is an allocation; not to be modified.
func (s *State) Alloc(a AllocID) *Allocation { return s.allocs.at(int(a)) }

// Submit adds a job.
func (s *State) Submit(spec *workloads.Job) JobID {
	s.write()
	s.jobs.push(jobState{spec: spec}, s.epoch)
	return JobID(s.jobs.n - 1)
}

// Resubmit gives a job another version, or with stopped ends it.
func (s *State) Resubmit(j JobID, spec *workloads.Job, stopped bool) {
	s.write()
	x := s.job(j)
	x.spec, x.stopped = spec, stopped
}

// Add makes an allocation and gives it its ID.
func (s *State) Add(a Allocation) AllocID {
	s.write()
	a.ID = AllocID(s.allocs.n)
	s.allocs.push(a, s.epoch)
	s.job(a.Job).allocs.insert(a.ID, s.epoch)
	s.count(&a, 1)
	return a.ID
}

// Update changes an allocation by f, which must leave its ID and Job alone.
func (s *State) Update(id AllocID, f func(*Allocation)) {
	s.write()
	a := s.allocs.edit(int(id), s.epoch)
	before := *a
	f(a)
	if before.Client.Terminal() == a.Client.Terminal() && before.Node == a.Node && before.Amount == a.Amount &&
		(before.Desired == Run) == (a.Desired == Run) {
		s.node(a.Node).index = s.index
		return
	}
	s.count(&before, -1)
	s.count(a, 1)
}

// Forget drops the job's record of allocations that are over and of which keep
// says false.
func (s *State) Forget(j JobID, keep func(*Allocation) bool) {
	s.write()
	x := s.job(j)
	x.allocs.own(s.epoch)
	x.allocs.ids = slices.DeleteFunc(x.allocs.ids, func(id AllocID) bool {
		a := s.Alloc(id)
		return a.Client.Terminal() && !keep(a)
	})
}

// count books an allocation on its node, or with sign -1 takes it off.
func (s *State) count(a *Allocation, sign int) {
	if a.Client.Terminal() {
		return
	}
	x := s.node(a.Node)
	x.index = s.index
	apply := Amount.Plus
	if sign < 0 {
		apply = Amount.Less
	}
	x.used = apply(x.used, a.Amount)
	if a.Desired != Run {
		x.leaving = apply(x.leaving, a.Amount)
	}
	if sign > 0 {
		x.allocs.insert(a.ID, s.epoch)
		return
	}
	if x.allocs.remove(a.ID, s.epoch); len(x.allocs.ids) == 0 {
		x.used, x.leaving = Amount{}, Amount{} // without the rounding of fractional MHz
	}
}

// node and job are entries to be modified.
func (s *State) node(n topology.NodeID) *nodeState { return s.nodes.edit(int(n), s.epoch) }
func (s *State) job(j JobID) *jobState             { return s.jobs.edit(int(j), s.epoch) }
