package controlplane

import (
	"cmp"
	"time"
)

// A Kind is a scheduler: one of the four types of job.
type Kind uint8

// The schedulers, in the order in which equal heads are counted.
const (
	Service Kind = iota
	Batch
	System
	SysBatch
	kinds
)

// A Trigger is why an evaluation was made.
type Trigger uint8

// The triggers, in HashiCorp's words.
const (
	JobRegister Trigger = iota
	JobDeregister
	NodeUpdate
	NodeDrain
	AllocStop
	AllocFailure // and its delayed reschedule
	Preempted
	QueuedAllocs // a blocked evaluation
	MaxPlans
	DeploymentWatcher
	FailedFollowUp
	Reconnect
	MaxDisconnect
)

var triggerNames = [...]string{
	"job-register", "job-deregister", "node-update", "node-drain", "alloc-stop", "alloc-failure", "preemption",
	"queued-allocs", "max-plan-attempts", "deployment-watcher", "failed-follow-up", "reconnect", "max-disconnect-timeout",
}

// String is the trigger's name.
func (t Trigger) String() string { return triggerNames[t] }

// An Evaluation asks for one job to be looked at by a scheduler.
type Evaluation struct {
	Job      int32 // position of the job in its region
	Kind     Kind
	Priority int
	Trigger  Trigger
	// CreateIndex orders equals in the queue; ModifyIndex says which of a
	// job's pending evaluations is the newest.
	CreateIndex, ModifyIndex uint64
	// WaitUntil delays the evaluation; zero is at once.
	WaitUntil time.Duration
	// Node is whom a blocked evaluation of a system job waits for, -1 for all.
	Node int32

	queuedAt   time.Duration // when it became ready, or will
	deliveries int
	token      uint64 // of the delivery under way, 0 without one
	shape      int32  // of its job, while it is blocked
	snapshot   uint64 // index of the state in which a blocked one failed
}

// before reports whether e is served before f: the higher priority, then the
// earlier made.
func (e *Evaluation) before(f *Evaluation) bool {
	return cmp.Or(cmp.Compare(f.Priority, e.Priority), cmp.Compare(e.CreateIndex, f.CreateIndex)) < 0
}

// fresher reports whether e, of the pending evaluations of a job, is promoted
// before f: the higher priority, then the later changed.
func (e *Evaluation) fresher(f *Evaluation) bool {
	return cmp.Or(cmp.Compare(f.Priority, e.Priority), cmp.Compare(f.ModifyIndex, e.ModifyIndex)) < 0
}
