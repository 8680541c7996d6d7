package scenarios

// Job is long-running or terminating work that reserves resources. A job of
// one group can give the group's fields itself. With groups, the job's own
// constraints, affinities, spreads and meta hold for all of them, and its
// policies for those without one.
type Job struct {
	// Name of the job.
	Name string `json:"name"`
	// Type is HashiCorp's: service, batch, system or sysbatch. The last two run
	// one instance on every node that takes them.
	Type string `json:"type,omitempty" default:"service" enum:"service,batch,system,sysbatch"`
	// Priority of the job, 1 to 100; higher goes first.
	Priority int `json:"priority,omitempty" default:"50" min:"1" max:"100"`
	// Submit is when the job arrives.
	Submit Duration `json:"submit,omitempty" default:"0s"`
	// Copies replicates the job: name-1 to name-COPIES.
	Copies int `json:"copies,omitempty" min:"1" max:"200000"`
	// Over is the span from submit on within which the copies are submitted,
	// at instants drawn at random; absent submits all at once.
	Over Duration `json:"over,omitempty" default:"0s"`
	// Region is the federation domain that the job is submitted to.
	Region string `json:"region,omitempty"`
	// Datacenters where it may run, or patterns such as dc*. Absent is all.
	Datacenters Names `json:"datacenters,omitempty"`
	// NodePool where it may run; all is every pool.
	NodePool string `json:"node_pool,omitempty" default:"default"`
	// AllAtOnce places all instances that a plan holds, or none.
	AllAtOnce bool `json:"all_at_once,omitempty" default:"false"`
	// Groups of equal instances.
	Groups []Group `json:"groups,omitempty"`
	GroupFields
}

// Group is a number of equal instances that are placed one by one.
type Group struct {
	// Name of the group.
	Name string `json:"name"`
	GroupFields
}

// GroupFields are the fields of a group apart from its name.
type GroupFields struct {
	here
	// Count of instances.
	Count int `json:"count,omitempty" default:"1" min:"1" max:"200000"`
	Demand
	// Constraints on the node of each instance; all must hold.
	Constraints []Constraint `json:"constraints,omitempty"`
	// Affinities are constraints that are preferred rather than required.
	Affinities []Affinity `json:"affinities,omitempty"`
	// Spreads keep instances apart by the values of an attribute.
	Spreads []Spread `json:"spreads,omitempty"`
	// Tasks that run together on the node. Their cpu and memory are then the
	// group's: the most that runs at one time. Absent is one task.
	Tasks []Task `json:"tasks,omitempty"`
	// Networks are ports and bandwidth that the tasks share.
	Networks []Network `json:"networks,omitempty"`
	// Sticky prefers the old node when an instance is replaced.
	Sticky bool `json:"sticky,omitempty" default:"false"`
	// Meta are texts of the job; a change replaces its instances.
	Meta map[string]string `json:"meta,omitempty"`
	// Restart is how often a failed task starts again on its node.
	Restart *Restart `json:"restart,omitempty"`
	// Reschedule is how often a failed instance is placed again.
	Reschedule *Reschedule `json:"reschedule,omitempty"`
	// Update is how a new version replaces the old one.
	Update *Update `json:"update,omitempty"`
	// Migrate is how instances leave a draining node.
	Migrate *Migrate `json:"migrate,omitempty"`
	// Disconnect is what happens when a node stops answering.
	Disconnect *Disconnect `json:"disconnect,omitempty"`
	// Duration that an instance runs; absent is until the end.
	Duration Duration `json:"duration,omitempty" default:"0s"`
	// Runtime draws each instance's duration instead.
	Runtime *DurationDist `json:"runtime,omitempty"`
	// Startup passes from placement until it runs, the image apart.
	Startup Duration `json:"startup,omitempty" default:"0s"`
	// Image is pulled before the first start on a node.
	Image Bytes `json:"image,omitempty" default:"0B"`
	// HealthDelay passes from running until it counts as healthy.
	HealthDelay Duration `json:"health_delay,omitempty" default:"0s"`
	// Unhealthy instances never pass their checks, as a faulty version's.
	Unhealthy bool `json:"unhealthy,omitempty" default:"false"`
	// Failure is the time after which an instance fails by itself: a duration
	// (exponential with that mean) or a distribution. Absent is never.
	Failure *FaultDist `json:"failure,omitempty"`
	// Checkpoint is how often progress is saved for an instance that is evicted
	// or fails; absent is never.
	Checkpoint Duration `json:"checkpoint,omitempty" default:"0s"`
	// Deadline from submission to the end of an instance, or to the running of
	// one without an end. Absent is none.
	Deadline Duration `json:"deadline,omitempty" default:"0s"`
}

// Task is one process or container of a group.
type Task struct {
	here
	// Name of the task, unique in its group.
	Name string `json:"name"`
	// Driver that runs it, such as docker. Absent runs anywhere.
	Driver string `json:"driver,omitempty"`
	// Lifecycle is when it runs: main with the group, or before the main tasks
	// start, once they run, or after they stop.
	Lifecycle string `json:"lifecycle,omitempty" default:"main" enum:"main,prestart,poststart,poststop"`
	// Sidecar keeps a prestart or poststart task running beside the main ones.
	Sidecar bool `json:"sidecar,omitempty" default:"false"`
	// CPU reserved.
	CPU MHz `json:"cpu,omitempty" default:"100MHz"`
	// Cores of its own instead of cpu.
	Cores int `json:"cores,omitempty" default:"0" min:"0" max:"1000000"`
	// Memory reserved.
	Memory Bytes `json:"memory,omitempty" default:"300MiB"`
	// MemoryMax that it may grow to; absent is memory.
	MemoryMax Bytes `json:"memory_max,omitempty" default:"0B"`
	// Devices that it needs.
	Devices []Device `json:"devices,omitempty"`
	// Networks are its own ports and bandwidth.
	Networks []Network `json:"networks,omitempty"`
	// Constraints on the node; all must hold.
	Constraints []Constraint `json:"constraints,omitempty"`
	// Affinities are constraints that are preferred rather than required.
	Affinities []Affinity `json:"affinities,omitempty"`
	// KillTimeout passes from the signal to stop until it is killed.
	KillTimeout Duration `json:"kill_timeout,omitempty" default:"5s"`
	// Config is what the driver is told; a change replaces instances.
	Config string `json:"config,omitempty"`
	// Meta are texts of the task; a change replaces instances.
	Meta map[string]string `json:"meta,omitempty"`
}

// Device is a number of devices of one kind for a task.
type Device struct {
	here
	// Name is type, vendor/type or vendor/type/model.
	Name string `json:"name"`
	// Count of devices.
	Count int `json:"count,omitempty" default:"1" min:"1" max:"1024"`
	// Constraints such as `device.attr.memory >= 8 GiB`.
	Constraints []Constraint `json:"constraints,omitempty"`
	// Affinities among devices.
	Affinities []Affinity `json:"affinities,omitempty"`
}

// Network is ports and bandwidth on one interface of the node.
type Network struct {
	here
	// Mbits are megabits per second.
	Mbits int `json:"mbits,omitempty" default:"0" min:"0" max:"10000000"`
	// Static ports by their label, such as {http: 8080}.
	Static map[string]int `json:"static,omitempty" min:"1" max:"65535"`
	// Dynamic ports by their label; each is any free one from 20000 to 32000.
	Dynamic Names `json:"dynamic,omitempty"`
}

// Rule is a constraint in its long form.
type Rule struct {
	// Attribute such as class, attr.kernel.name or meta.rack.
	Attribute string `json:"attribute,omitempty"`
	// Operator that compares.
	Operator string `json:"operator,omitempty" default:"=" enum:"=,!=,<,<=,>,>=,version,semver,regexp,set_contains,set_contains_any,is_set,is_not_set,distinct_hosts,distinct_property,in,glob"`
	// Value to compare with, or a list of values.
	Value Names `json:"value,omitempty"`
}

// Affinity is a constraint that is preferred: a text such as class == edge, or
// a map with a weight.
type Affinity struct {
	here
	// Constraint that is preferred to hold.
	Constraint Constraint `json:"constraint"`
	// Weight among the affinities, -100 to 100 without 0; below 0 avoids.
	Weight int `json:"weight,omitempty" default:"50" min:"-100" max:"100"`
}

// Spread keeps instances apart by the values of an attribute: evenly, or by
// the shares of its targets.
type Spread struct {
	here
	// Attribute whose values are spread over, such as datacenter.
	Attribute string `json:"attribute"`
	// Weight among the spreads.
	Weight int `json:"weight,omitempty" default:"50" min:"1" max:"100"`
	// Targets are shares of the instances by value, such as {dc1: 80%}; what
	// they leave is for all other values.
	Targets map[string]Share `json:"targets,omitempty"`
}

// Restart is how often a failed task starts again on its node. What is absent
// is as HashiCorp has it for the type of the job.
type Restart struct {
	here
	// Attempts within the interval.
	Attempts int `json:"attempts,omitempty" min:"0" max:"1000000"`
	// Interval in which attempts count.
	Interval Duration `json:"interval,omitempty"`
	// Delay before each attempt.
	Delay Duration `json:"delay,omitempty"`
	// Mode when the attempts are used up: fail, or delay until the interval is
	// over.
	Mode string `json:"mode,omitempty" enum:"fail,delay"`
}

// Reschedule is how often a failed instance is placed again. What is absent is
// as HashiCorp has it for the type of the job.
type Reschedule struct {
	here
	// Unlimited attempts.
	Unlimited bool `json:"unlimited,omitempty"`
	// Attempts within the interval.
	Attempts int `json:"attempts,omitempty" min:"0" max:"1000000"`
	// Interval in which attempts count.
	Interval Duration `json:"interval,omitempty"`
	// Delay before the first attempt.
	Delay Duration `json:"delay,omitempty"`
	// DelayFunction by which the delay grows.
	DelayFunction string `json:"delay_function,omitempty" enum:"constant,exponential,fibonacci"`
	// MaxDelay that it grows to.
	MaxDelay Duration `json:"max_delay,omitempty"`
}

// Update is how a new version replaces the old one. What is absent is as
// HashiCorp has it.
type Update struct {
	here
	// MaxParallel instances are replaced at once.
	MaxParallel int `json:"max_parallel,omitempty" min:"0" max:"200000"`
	// Canary instances of the new version run beside the old until promoted.
	Canary int `json:"canary,omitempty" min:"0" max:"200000"`
	// MinHealthyTime that an instance must be healthy for.
	MinHealthyTime Duration `json:"min_healthy_time,omitempty"`
	// HealthyDeadline within which it must be.
	HealthyDeadline Duration `json:"healthy_deadline,omitempty"`
	// ProgressDeadline within which the next instance must be; 0 fails on the
	// first that is not.
	ProgressDeadline Duration `json:"progress_deadline,omitempty"`
	// AutoPromote when all canaries are healthy.
	AutoPromote bool `json:"auto_promote,omitempty"`
	// AutoRevert to the last stable version on failure.
	AutoRevert bool `json:"auto_revert,omitempty"`
	// Stagger between batches of a system job.
	Stagger Duration `json:"stagger,omitempty"`
}

// Migrate is how instances leave a draining node.
type Migrate struct {
	here
	// MaxParallel instances leave at once.
	MaxParallel int `json:"max_parallel,omitempty" min:"1" max:"200000"`
	// MinHealthyTime that a replacement must be healthy for.
	MinHealthyTime Duration `json:"min_healthy_time,omitempty"`
	// HealthyDeadline within which it must be.
	HealthyDeadline Duration `json:"healthy_deadline,omitempty"`
}

// Disconnect is what happens to instances whose node stops answering.
type Disconnect struct {
	here
	// LostAfter is how long they count as unknown rather than lost.
	LostAfter Duration `json:"lost_after,omitempty"`
	// Replace them meanwhile.
	Replace bool `json:"replace,omitempty"`
	// Reconcile says which instance stays when the node returns.
	Reconcile string `json:"reconcile,omitempty" enum:"best_score,keep_original,keep_replacement,longest_running"`
	// StopAfter is how long an instance keeps running on its side of the cut;
	// absent is forever (stop_on_client_after).
	StopAfter Duration `json:"stop_on_client_after,omitempty"`
}
