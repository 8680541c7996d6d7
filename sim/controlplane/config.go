package controlplane

import (
	"cmp"
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// Config is everything that a simulation depends on.
type Config struct {
	Topology *topology.Topology
	Jobs     []workloads.Job // submitted at their SubmitAt
	Events   []workloads.Event
	Faults   []workloads.Fault // of nodes
	Absent   []topology.NodeID // that join later
	// Fleet is the machines of the topology.
	Fleet *cluster.Fleet
	// NewDecider makes the decider of a region.
	NewDecider func(region string) (Decider, error)
	Options
	// Duration is the horizon; 0 runs until nothing can change any more.
	Duration    time.Duration
	Seed        uint64
	Replication int
	// Timeline is told of every step, nil of none.
	Timeline func(Entry)
}

// Options are the constants of the model; the zero value of each means the
// default, HashiCorp's where it has one, and a time below 0 none at all.
type Options struct {
	// Workers schedule at the same time, in each region. Default 4.
	Workers int
	// DecisionTime passes for each pass over a job. Default 1 ms.
	DecisionTime time.Duration
	// PlacementTime passes for each instance that a pass looks for a node for.
	// Default 500 us, about what HashiCorp's scheduler takes among 10,000
	// nodes.
	PlacementTime time.Duration
	// VerifyTime passes for the check of a plan. Default 1 ms.
	VerifyTime time.Duration
	// CommitTime passes until a checked plan is state. Default 5 ms.
	CommitTime time.Duration
	// NackTimeout takes an evaluation from a worker that is silent for so
	// long, the time in the plan queue apart. Default 60 s.
	NackTimeout time.Duration
	Broker      BrokerOptions
	// Attempts of service and system jobs, and of batch jobs, to get a plan
	// committed without progress. Default 5 and 2.
	ServiceAttempts, BatchAttempts int
	// WakeFirst wakes, when room appears, the oldest of those that ask the same
	// and could take it, and the next once that one is placed, in place of all
	// whom the class of the node does not rule out. Who is placed is the same
	// but for the time that schedulers spend in vain. Default off.
	WakeFirst bool
	// Preempt allows evictions, by scheduler.
	Preempt [kinds]bool
	// ReportTime passes until the servers know what a client did. Default
	// 200 ms.
	ReportTime time.Duration
	// PullRate of images; default 100 MB/s.
	PullRate topology.BytesPerSecond
	// Home is the region whose servers users talk to; default the first node's.
	Home string
	// Forwarding is the time from one region's servers to another's. Default
	// 50 ms.
	Forwarding time.Duration
	// SubmitRetry passes before what a region without servers refused is sent
	// again. Default 30 s.
	SubmitRetry time.Duration
}

func (o Options) withDefaults() Options {
	o.Workers = cmp.Or(o.Workers, 4)
	for _, x := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&o.DecisionTime, time.Millisecond}, {&o.PlacementTime, 500 * time.Microsecond}, {&o.VerifyTime, time.Millisecond},
		{&o.CommitTime, 5 * time.Millisecond}, {&o.NackTimeout, time.Minute}, {&o.ReportTime, 200 * time.Millisecond},
		{&o.Forwarding, 50 * time.Millisecond}, {&o.SubmitRetry, 30 * time.Second},
	} {
		*x.value = max(0, cmp.Or(*x.value, x.fallback))
	}
	o.Broker = o.Broker.withDefaults()
	o.ServiceAttempts = cmp.Or(o.ServiceAttempts, 5)
	o.BatchAttempts = cmp.Or(o.BatchAttempts, 2)
	o.PullRate = cmp.Or(o.PullRate, 100e6)
	return o
}

// attempts is how often a scheduler tries without progress.
func (o *Options) attempts(k Kind) int {
	if k.ends() {
		return o.BatchAttempts
	}
	return o.ServiceAttempts
}

// The kinds of event.
const (
	evScript     uint8 = iota // index: one of Config.Events
	evSubmit                  // index: of Config.Jobs
	evFault                   // index: a fault begins
	evRepair                  // index: and ends
	evDecided                 // worker
	evNack                    // worker: the timeout of its evaluation
	evVerified                // region: the applier has checked a plan
	evCommitted               // region: the plan in flight is state
	evDue                     // region: a delayed evaluation
	evRetry                   // index: an evaluation after its nack
	evMaxPlans                // region: evaluations out of attempts
	evStart                   // alloc: its image is there
	evRun                     // alloc: it works
	evEnd                     // alloc: its work is done
	evFail                    // alloc: it fails
	evKilled                  // alloc: it has stopped
	evReport                  // alloc: the servers hear of it
	evHealthy                 // alloc: its checks have passed for long enough
	evUnhealthy               // alloc: they have not, in time
	evClientStop              // alloc: its client has been alone for too long
	evMissed                  // node: a heartbeat
	evProgress                // deployment: its deadline
	evWatch                   // deployment: its job is looked at again
	evDrain                   // region: the drainer looks at its nodes
	evDrainLimit              // node
	evDrainNode               // script entry and node: of a staggered drain
	evRegister                // index: a submission arrives, forwarded or again
	evStop                    // the horizon
)

// What happens at one instant goes in this order.
const (
	prioClient des.Priority = 1
	prioServer des.Priority = 2
	prioUser   des.Priority = 3
	prioEnd    des.Priority = 4
)
