package controlplane

import (
	"cmp"
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
)

// Config is everything that a simulation depends on.
type Config struct {
	Topology *topology.Topology
	Jobs     []workloads.Job // submitted at their SubmitAt
	Events   []Event
	Faults   []workloads.Fault // of nodes
	Absent   []topology.NodeID // that join later
	// NewDecider makes the decider of a region.
	NewDecider func(region string) Decider
	Options
	// Duration is the horizon; 0 runs until nothing can change any more.
	Duration    time.Duration
	Seed        uint64
	Replication int
	// Timeline is told of every step, nil of none.
	Timeline func(Entry)
}

// Options are the constants of the model; the zero value of each means the
// default, HashiCorp's where it has one.
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
	o.DecisionTime = cmp.Or(o.DecisionTime, time.Millisecond)
	o.PlacementTime = cmp.Or(o.PlacementTime, 500*time.Microsecond)
	o.VerifyTime = cmp.Or(o.VerifyTime, time.Millisecond)
	o.CommitTime = cmp.Or(o.CommitTime, 5*time.Millisecond)
	o.NackTimeout = cmp.Or(o.NackTimeout, time.Minute)
	o.Broker = o.Broker.withDefaults()
	o.ServiceAttempts = cmp.Or(o.ServiceAttempts, 5)
	o.BatchAttempts = cmp.Or(o.BatchAttempts, 2)
	o.ReportTime = cmp.Or(o.ReportTime, 200*time.Millisecond)
	o.PullRate = cmp.Or(o.PullRate, 100e6)
	o.Forwarding = cmp.Or(o.Forwarding, 50*time.Millisecond)
	o.SubmitRetry = cmp.Or(o.SubmitRetry, 30*time.Second)
	return o
}

// attempts is how often a scheduler tries without progress.
func (o *Options) attempts(k Kind) int {
	if k.ends() {
		return o.BatchAttempts
	}
	return o.ServiceAttempts
}

// An Action is what an [Event] does.
type Action string

// The actions.
const (
	Submit    Action = "submit"    // Job: a new one, or a new version
	Stop      Action = "stop"      // Name
	Scale     Action = "scale"     // Name, Group, Count
	Promote   Action = "promote"   // Name: its canaries
	Drain     Action = "drain"     // Nodes, within Limit
	Enable    Action = "enable"    // Nodes, which a drain left ineligible
	Disable   Action = "disable"   // Nodes take no new work
	Join      Action = "join"      // Nodes that were absent
	Fail      Action = "fail"      // Nodes stop working, or all of Region and its servers
	Repair    Action = "repair"    // what failed
	Partition Action = "partition" // Nodes lose their servers and work on
	Heal      Action = "heal"      // what was parted
)

// An Event is something that happens at a set time.
type Event struct {
	At     time.Duration
	Action Action
	Job    *workloads.Job
	Name   string // of a job
	Group  string // empty is the first
	Count  int
	Nodes  []topology.NodeID
	Region string
	// Limit of a drain: what still runs then is stopped. 0 is without limit,
	// below 0 at once.
	Limit        time.Duration
	IgnoreSystem bool // a drain leaves jobs of every node alone
	// Stagger is between one node of a drain and the next.
	Stagger time.Duration
}

// The kinds of event.
const (
	evScript     uint8 = iota // index: an Event
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
