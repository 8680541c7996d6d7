package controlplane

import (
	"time"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// A phase is what is really going on on the node, which the servers hear of
// later or never.
type phase uint8

const (
	unborn   phase = iota // the client has not heard of it
	waiting               // for those that it evicted to stop
	starting              // image and start-up
	working
	backoff // between a failure and a restart
	crashed // its machine has failed
	killing
	gone
)

// An alloc is what the simulation knows of an allocation beyond what the
// servers do; both have one number.
type alloc struct {
	job     int32
	group   int16 // position in job.groups
	version int16 // position in job.versions
	index   int32
	node    topology.NodeID

	held bool // counts as allocated
	// canaryOf is the deployment whose canary it is, -1 for none.
	canaryOf int32
	// migrate is set where a drain asks that it move.
	migrate bool
	// back is set when its node answers again, until a scheduler has decided
	// between it and its replacement.
	back bool
	// depth is 1 when it replaces a victim of an eviction, one more when what
	// evicted the victim itself replaced one.
	depth int16

	unknownAt  time.Duration // since when its node is silent
	followUpAt time.Duration // when the replacement of a failed or unknown one is due; 0 is undecided
	past       []rescheduleEvent

	// What its client knows.
	phase     phase
	said      cluster.Client // what the client will report, or has
	verdict   cluster.Health // of its checks, likewise
	quiet     bool           // that is under way
	life      uint16         // generation of its events
	checks    uint16         // generation of its health events
	waitsFor  int16          // victims that have not stopped
	restarts  int16          // within the interval that began at windowAt
	windowAt  time.Duration
	runningAt time.Duration
	judgedAt  time.Duration     // since when its health is watched
	waiters   []cluster.AllocID // that begin when it has stopped
}

// A job is what a region knows of a registered job.
type job struct {
	name     string
	id       cluster.JobID
	kind     Kind
	versions []version
	stopped  bool
	groups   []group // of every version
	priority int     // position among the priorities
	active   int32   // deployment under way, -1 without one
}

// A version is one registration of a job.
type version struct {
	spec   *workloads.Job
	stable bool    // its deployment was successful
	at     []int16 // by position in job.groups: position in spec.Groups, or -1
	shape  int32   // of its constraints, for blocked evaluations
}

// A group is what has become of the instances of a task group.
type group struct {
	name   string
	allocs []cluster.AllocID // that count or may count again, by ID
	byNode map[topology.NodeID]cluster.AllocID
	slots  []slot // by index of the instance
}

// A slot is an instance of a group through all its allocations.
type slot struct {
	last     cluster.AllocID // the newest, cluster.NoAlloc before the first
	finished bool            // its work is done
	started  bool            // has run once
	askedAt  time.Duration   // when it was first asked for, -1 before
	saved    time.Duration   // progress that outlives the allocation
	wantedAt time.Duration   // since when it lacks, -1 while it works or is done
	// holdUntil delays the replacement until the lost one has surely stopped.
	holdUntil time.Duration
}

// spec is the newest version.
func (j *job) spec() *workloads.Job { return j.versions[len(j.versions)-1].spec }

// current is the number of the newest version.
func (j *job) current() int16 { return int16(len(j.versions) - 1) }

// task is the group at position g of a version, nil where it has none.
func (j *job) task(v int16, g int) *workloads.Group {
	at := j.position(v, g)
	if at < 0 {
		return nil
	}
	return &j.versions[v].spec.Groups[at]
}

// position is where group g stands in the spec of a version, -1 nowhere.
func (j *job) position(v int16, g int) int {
	if list := j.versions[v].at; g < len(list) {
		return int(list[g])
	}
	return -1
}

// groupOf is the position in job.groups of group at of a version's spec.
func (j *job) groupOf(v int16, at int) int {
	for i, p := range j.versions[v].at {
		if int(p) == at {
			return i
		}
	}
	return -1
}

// wanted is how many instances of group g the newest version asks for.
func (j *job) wanted(g int) int {
	t := j.task(j.current(), g)
	if t == nil || j.stopped {
		return 0
	}
	return t.Count
}

// kindOf is the scheduler of a job type.
func kindOf(t workloads.JobType) Kind {
	switch t {
	case workloads.Batch:
		return Batch
	case workloads.System:
		return System
	case workloads.SysBatch:
		return SysBatch
	}
	return Service
}

// everywhere reports whether the scheduler places one instance on each node.
func (k Kind) everywhere() bool { return k == System || k == SysBatch }

// ends reports whether the scheduler's instances are meant to finish.
func (k Kind) ends() bool { return k == Batch || k == SysBatch }

// slot is instance i of the group.
func (g *group) slot(i int32) *slot {
	for len(g.slots) <= int(i) {
		g.slots = append(g.slots, slot{last: cluster.NoAlloc, wantedAt: -1, askedAt: -1})
	}
	return &g.slots[i]
}

// A node is a machine beyond what the servers know of it.
type node struct {
	id     topology.NodeID
	region int32
	cores  float64 // MHz of one core
	images map[imageKey]bool
	allocs []cluster.AllocID // there, in order of arrival
	unsaid []cluster.AllocID // whose news waits until the servers answer
	drain  *drain

	alive  bool   // the machine works
	broken int    // failures that are not repaired
	linked bool   // it reaches the servers
	beat   uint16 // generation of its heartbeat timer
}

type imageKey struct {
	job   cluster.JobID
	group int16
	size  topology.Bytes
}

// reachable reports whether node and servers can talk.
func (n *node) reachable() bool { return n.alive && n.linked }
