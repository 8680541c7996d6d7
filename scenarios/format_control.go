package scenarios

// ControlPlane says how the orchestrator that places jobs during a run
// behaves. The defaults are HashiCorp Nomad's where it has one.
type ControlPlane struct {
	here
	// Decider places instances: nomad (the whole ranking chain, packing),
	// nomad-spread, nomad-exact (evicting what disturbs least), best-fit,
	// first-fit, random, kubernetes (its default scheduler), or any solver by
	// its name, one instance at a time.
	Decider string `json:"decider,omitempty" default:"nomad"`
	// Workers are the schedulers that work at the same time, in each region.
	Workers int `json:"workers,omitempty" default:"4" min:"1" max:"1024"`
	// DecisionTime passes for each pass of a scheduler over a job.
	DecisionTime Duration `json:"decision_time,omitempty" default:"1ms"`
	// PlacementTime passes for each instance that it looks for a node for.
	PlacementTime Duration `json:"placement_time,omitempty" default:"500us"`
	// VerifyTime passes for the check of a plan.
	VerifyTime Duration `json:"verify_time,omitempty" default:"1ms"`
	// CommitTime passes until a checked plan is state.
	CommitTime Duration `json:"commit_time,omitempty" default:"5ms"`
	// NackTimeout takes an evaluation from a scheduler that is silent.
	NackTimeout Duration `json:"nack_timeout,omitempty" default:"60s"`
	// DeliveryLimit is how often an evaluation is handed out before it fails.
	DeliveryLimit int `json:"delivery_limit,omitempty" default:"3" min:"1" max:"1000"`
	// ServiceAttempts to get a plan committed, without progress.
	ServiceAttempts int `json:"service_attempts,omitempty" default:"5" min:"1" max:"1000"`
	// BatchAttempts to get a plan committed, without progress.
	BatchAttempts int `json:"batch_attempts,omitempty" default:"2" min:"1" max:"1000"`
	// PeekLast orders evaluations of different job types as HashiCorp's queue
	// really does: by the last slots of its heaps.
	PeekLast bool `json:"peek_last,omitempty" default:"false"`
	// Preemption says which types of job may evict work of a priority lower by
	// 10 or more.
	Preemption Preemption `json:"preemption,omitempty" default:"{}"`
	// Wake says whose blocked evaluations room wakes: class, all whom the class of
	// the node does not rule out, as HashiCorp does; or first, the oldest of
	// each kind that could take the room, and the next once that is placed. Who
	// gets the room is the same; schedulers work less in vain.
	Wake string `json:"wake,omitempty" default:"class" enum:"class,first"`
	// ReportTime passes until the servers know what a node did.
	ReportTime Duration `json:"report_time,omitempty" default:"200ms"`
	// PullRate is how fast a node fetches an image that it does not have.
	PullRate Bandwidth `json:"pull_rate,omitempty" default:"800Mbit/s"`
	// Home is the region whose servers jobs are submitted to. The default is
	// that of the first node.
	Home string `json:"home,omitempty"`
	// Forwarding is the time from one region's servers to another's.
	Forwarding Duration `json:"forwarding,omitempty" default:"50ms"`
	// SubmitRetry passes before what a region without servers refused is sent
	// again.
	SubmitRetry Duration `json:"submit_retry,omitempty" default:"30s"`
}

// Preemption switches evictions by type of the job that asks.
type Preemption struct {
	// Service jobs may evict.
	Service bool `json:"service,omitempty" default:"false"`
	// Batch jobs may evict.
	Batch bool `json:"batch,omitempty" default:"false"`
	// System jobs may evict.
	System bool `json:"system,omitempty" default:"true"`
	// Sysbatch jobs may evict.
	Sysbatch bool `json:"sysbatch,omitempty" default:"false"`
}

// Event is something that is done to the cluster, or happens to it, at a set
// time: exactly one of the actions.
type Event struct {
	here
	// At is when it happens.
	At Duration `json:"at"`
	// Submit this job: a new one, or a new version of one by its name.
	Submit *Job `json:"submit,omitempty"`
	// Stop this job.
	Stop string `json:"stop,omitempty"`
	// Scale this job to count instances.
	Scale string `json:"scale,omitempty"`
	// Group of the job to scale; the default is its first.
	Group string `json:"group,omitempty"`
	// Count of instances to scale to.
	Count int `json:"count,omitempty" min:"0" max:"200000"`
	// Promote the canaries of this job.
	Promote string `json:"promote,omitempty"`
	// Drain these nodes: a node, a list, or a selection such as `class == edge`.
	Drain Names `json:"drain,omitempty"`
	// Deadline of a drain: what still runs then is stopped.
	Deadline Duration `json:"deadline,omitempty" default:"1h"`
	// Force a drain: everything stops at once.
	Force bool `json:"force,omitempty" default:"false"`
	// IgnoreSystem leaves jobs that run on every node on a drained one.
	IgnoreSystem bool `json:"ignore_system,omitempty" default:"false"`
	// Stagger is between one node of a drain and the next.
	Stagger Duration `json:"stagger,omitempty" default:"0s"`
	// Enable these nodes for new work, as after a drain.
	Enable Names `json:"enable,omitempty"`
	// Disable these nodes for new work.
	Disable Names `json:"disable,omitempty"`
	// Join these nodes to the cluster, of which they are no part before.
	Join Names `json:"join,omitempty"`
	// Fail these nodes.
	Fail Names `json:"fail,omitempty"`
	// FailRegion fails all nodes and servers of a region.
	FailRegion string `json:"fail_region,omitempty"`
	// Partition cuts these nodes off their servers; they work on.
	Partition Names `json:"partition,omitempty"`
	// For is how long a failure or partition lasts; absent is until the end.
	For Duration `json:"for,omitempty" default:"0s"`
}
