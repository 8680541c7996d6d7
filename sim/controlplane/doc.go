// Package controlplane simulates an orchestrator as HashiCorp's decides: jobs
// are registered, evaluations queue, schedulers work on snapshots at the same
// time, their plans are committed in part, and what found no room waits for
// it; allocations start, fail, restart, are evicted, rescheduled, rolled out,
// drained, lost and found again.
//
// Which node an instance gets is none of its business: it asks a [Decider].
package controlplane
