package workloads

import (
	"time"

	"caravan/topology"
)

// HashiCorp Nomad's defaults (api/jobs.go, api/tasks.go, api/resources.go and
// nomad/structs/structs.go of 2.0): the only place that holds them.
const (
	DefaultPriority     = 50
	MaxPriority         = 100
	DefaultWeight       = 50 // of an affinity and of a spread
	DefaultKillTimeout  = 5 * time.Second
	DefaultPool         = "default"
	EveryPool           = "all"
	DefaultTaskCPU      = topology.MHz(100)
	DefaultTaskMemory   = 300 * topology.MiB
	DefaultDisk         = 300 * topology.MiB
	MinDynamicPort      = 20000
	MaxDynamicPort      = 32000
	DefaultInterfaceMbs = 1000 // of an interface whose speed is unknown
)

// RestartMode says what happens when the attempts of an interval are used up.
type RestartMode string

const (
	RestartFail  RestartMode = "fail"  // the instance fails, and may be rescheduled
	RestartDelay RestartMode = "delay" // it waits for the next interval
)

// Restart is how often a failed task starts again on its node.
type Restart struct {
	Attempts int // within Interval
	Interval time.Duration
	Delay    time.Duration // before each; the client adds up to a quarter at random
	Mode     RestartMode
}

// DelayFunction says how reschedule delays grow.
type DelayFunction string

const (
	ConstantDelay    DelayFunction = "constant"
	ExponentialDelay DelayFunction = "exponential" // twice the last
	FibonacciDelay   DelayFunction = "fibonacci"   // the last two together
)

// Reschedule is how often a failed instance is placed again.
type Reschedule struct {
	Unlimited bool
	Attempts  int // within Interval, unless Unlimited
	Interval  time.Duration
	Delay     time.Duration // the first; it grows by Function up to MaxDelay
	Function  DelayFunction
	MaxDelay  time.Duration
}

// Update is how a new version of a job replaces the old one.
type Update struct {
	MaxParallel      int // instances replaced at once
	Canary           int // instances of the new version beside the old, until promoted
	MinHealthyTime   time.Duration
	HealthyDeadline  time.Duration // within which an instance must become healthy
	ProgressDeadline time.Duration // within which the next instance must; 0 fails on the first unhealthy
	AutoPromote      bool
	AutoRevert       bool
	Stagger          time.Duration // between batches of a system job
}

// Migrate is how instances leave a draining node.
type Migrate struct {
	MaxParallel     int
	MinHealthyTime  time.Duration
	HealthyDeadline time.Duration
}

// Reconcile says which instance stays when a lost one returns beside its
// replacement.
type Reconcile string

const (
	BestScore       Reconcile = "best_score"
	KeepOriginal    Reconcile = "keep_original"
	KeepReplacement Reconcile = "keep_replacement"
	LongestRunning  Reconcile = "longest_running"
)

// Disconnect is what happens to instances whose node stops answering.
type Disconnect struct {
	LostAfter time.Duration // until then they are unknown rather than lost; 0 is lost at once
	Replace   bool          // while unknown
	Reconcile Reconcile
}

// DefaultRestart is that of a job type.
func DefaultRestart(t JobType) Restart {
	if t.Ends() {
		return Restart{Attempts: 3, Interval: 24 * time.Hour, Delay: 15 * time.Second, Mode: RestartFail}
	}
	return Restart{Attempts: 2, Interval: 30 * time.Minute, Delay: 15 * time.Second, Mode: RestartFail}
}

// DefaultReschedule is that of a job type: none for those that run everywhere.
func DefaultReschedule(t JobType) Reschedule {
	switch t {
	case Service:
		return Reschedule{Unlimited: true, Delay: 30 * time.Second, Function: ExponentialDelay, MaxDelay: time.Hour}
	case Batch:
		return Reschedule{Attempts: 1, Interval: 24 * time.Hour, Delay: 5 * time.Second, Function: ConstantDelay}
	}
	return Reschedule{}
}

// DefaultUpdate is that of service and system jobs; the others replace all at
// once, which MaxParallel 0 says.
func DefaultUpdate(t JobType) Update {
	if t.Ends() {
		return Update{}
	}
	return Update{
		MaxParallel: 1, MinHealthyTime: 10 * time.Second, HealthyDeadline: 5 * time.Minute,
		ProgressDeadline: 10 * time.Minute, Stagger: 30 * time.Second,
	}
}

// DefaultMigrate is that of every job type.
func DefaultMigrate() Migrate {
	return Migrate{MaxParallel: 1, MinHealthyTime: 10 * time.Second, HealthyDeadline: 5 * time.Minute}
}

// DefaultDisconnect is that of every job type.
func DefaultDisconnect() Disconnect { return Disconnect{Replace: true, Reconcile: BestScore} }

// RestartOf is the policy of group g, its own or the default.
func (j *Job) RestartOf(g int) Restart { return or(j.Groups[g].Restart, DefaultRestart(j.Type)) }

// RescheduleOf is the policy of group g, its own or the default.
func (j *Job) RescheduleOf(g int) Reschedule {
	return or(j.Groups[g].Reschedule, DefaultReschedule(j.Type))
}

// UpdateOf is the policy of group g, its own or the default.
func (j *Job) UpdateOf(g int) Update { return or(j.Groups[g].Update, DefaultUpdate(j.Type)) }

// MigrateOf is the policy of group g, its own or the default.
func (j *Job) MigrateOf(g int) Migrate { return or(j.Groups[g].Migrate, DefaultMigrate()) }

// DisconnectOf is the policy of group g, its own or the default.
func (j *Job) DisconnectOf(g int) Disconnect { return or(j.Groups[g].Disconnect, DefaultDisconnect()) }

func or[T any](own *T, fallback T) T {
	if own != nil {
		return *own
	}
	return fallback
}
