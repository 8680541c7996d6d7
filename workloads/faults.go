package workloads

import (
	"time"

	"caravan/topology"
)

// A Fault takes nodes or links out of service: at set instants when Every is
// zero, otherwise again and again with random times between failures and to
// repair.
type Fault struct {
	Nodes []topology.NodeID // fail together; a region fault lists all of its nodes
	Links []topology.LinkID // fail together

	At  time.Duration // scheduled: when it goes down
	For time.Duration // scheduled: how long it stays down; 0 is until the end

	MTBF Dist // seconds up between failures; its Mean > 0 makes the fault recurring
	MTTR Dist // seconds down

	// LoseWork drops requests that the node holds; otherwise they wait and
	// start their current operator again when it returns.
	LoseWork bool
}

// Recurring reports whether the fault follows MTBF and MTTR rather than At.
func (f Fault) Recurring() bool { return f.MTBF.Mean > 0 }

// A LinkChange sets a link's bandwidth and latency from an instant on: one
// step of a schedule or of a recorded trace.
type LinkChange struct {
	Link      topology.LinkID
	At        time.Duration
	Bandwidth topology.BytesPerSecond // 0 is infinite
	Latency   time.Duration
}
