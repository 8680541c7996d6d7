package workloads

import (
	"time"

	"caravan/topology"
)

// A Job is long-running or terminating work that reserves resources, as an
// orchestrator knows it. The words are HashiCorp's.
type Job struct {
	Name     string
	Type     JobType
	Priority int // 1..100, default 50
	Groups   []Group
	SubmitAt time.Duration // since the start of the run

	// AllAtOnce commits a plan whole or not at all.
	AllAtOnce   bool
	Region      string            // federation domain; empty is that of the server it is submitted to
	Datacenters []string          // globs such as dc* of which a node's must match one; empty is every datacenter
	Pool        string            // node pool; empty is "default", "all" is every pool
	Constraints []Constraint      // on every instance of every group
	Affinities  []Affinity        // of every instance of every group
	Spreads     []Spread          // of every group
	Meta        map[string]string // a change replaces instances
	Version     int               // counts the submissions of a name from 0
}

// JobType is HashiCorp's: service, batch, system or sysbatch.
type JobType string

const (
	Service  JobType = "service"
	Batch    JobType = "batch"
	System   JobType = "system"
	SysBatch JobType = "sysbatch"
)

// Everywhere reports whether the type runs one instance on every eligible
// node, whatever the count of its groups.
func (t JobType) Everywhere() bool { return t == System || t == SysBatch }

// Ends reports whether instances of the type are meant to finish.
func (t JobType) Ends() bool { return t == Batch || t == SysBatch }

// A Group is Count equal instances that are placed one by one. Each runs the
// group's tasks together on one node.
type Group struct {
	Name  string
	Count int
	// Demand is what an instance holds as every solver weighs it. With Tasks it
	// is what Settle makes of them, except Disk, which the group asks itself.
	Demand topology.Resources
	// Constraints must all hold on the node. Settle adds to the group's own
	// those that its job, tasks, drivers, datacenters and pool imply.
	Constraints []Constraint
	Affinities  []Affinity
	Spreads     []Spread
	Tasks       []Task    // none is one task that demands Demand
	Networks    []Network // shared by the tasks
	StickyDisk  bool      // a replacement prefers the node of the instance that it follows
	Meta        map[string]string

	// The policies; nil is the default for the job's type, see RestartOf etc.
	Restart    *Restart
	Reschedule *Reschedule
	Update     *Update
	Migrate    *Migrate
	Disconnect *Disconnect
	// StopAfterLost stops instances on a client that has lost its servers for
	// so long (stop_on_client_after); 0 never does.
	StopAfterLost time.Duration

	// Duration is how long an instance runs once started; 0 runs until the end.
	Duration time.Duration
	// Runtime draws each instance's duration in seconds in place of Duration;
	// nil keeps Duration.
	Runtime *Dist
	Behaviour
}

// Behaviour is what an orchestrator cannot know and a simulation must: how an
// instance of a group starts, fails and resumes.
type Behaviour struct {
	Startup     time.Duration  // from placement to running, the image apart
	Image       topology.Bytes // pulled before the first start on a node; 0 is there already
	HealthDelay time.Duration  // from running until its checks pass
	// Unhealthy instances run but never pass their checks, as a faulty version does.
	Unhealthy bool
	// Failure draws the seconds of running after which an instance fails; nil never does.
	Failure *Dist
	// Checkpoint is the interval at which progress is saved; 0 saves none, so
	// that an evicted instance starts from the beginning.
	Checkpoint time.Duration
	// Deadline of an instance, from its submission to its end or, for a
	// service, to its running; 0 is none.
	Deadline time.Duration
}

// Lifecycle says when a task runs relative to the main tasks of its group.
type Lifecycle string

const (
	Main      Lifecycle = ""          // for as long as the group
	PreStart  Lifecycle = "prestart"  // before the main tasks start
	PostStart Lifecycle = "poststart" // once they run
	PostStop  Lifecycle = "poststop"  // after they have stopped
)

// A Task is one process or container of a group.
type Task struct {
	Name      string
	Driver    string // such as docker or exec; empty runs anywhere
	Lifecycle Lifecycle
	Sidecar   bool // of prestart and poststart: keeps running beside the main tasks

	CPU    topology.MHz // ignored where Cores is given
	Cores  int          // whole cores of its own
	Memory topology.Bytes
	// MemoryMax is the limit that the task may grow to where the cluster allows
	// oversubscription; 0 is Memory. Placement weighs Memory alone.
	MemoryMax topology.Bytes
	Devices   []DeviceAsk
	Networks  []Network

	Constraints []Constraint
	Affinities  []Affinity
	KillTimeout time.Duration // from the signal to stop until it is killed; 0 is DefaultKillTimeout
	Config      string        // whatever the driver is told; a change replaces instances
	Meta        map[string]string
}

// A DeviceAsk is a number of devices of one kind, all from one device group.
type DeviceAsk struct {
	Name        string // type, vendor/type or vendor/type/model
	Count       int
	Constraints []Constraint // on device.vendor, device.type, device.model and device.attr.NAME
	Affinities  []Affinity
}

// A Network is bandwidth and ports on one interface of the node.
type Network struct {
	Mbits   int
	Static  []Port // on the number asked for
	Dynamic []Port // on any free number of the dynamic range
}

// A Port is a port of the host by its label.
type Port struct {
	Label  string
	Number int // 0 for a dynamic one
}
