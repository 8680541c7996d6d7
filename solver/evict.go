package solver

import (
	"caravan/topology"
	"caravan/workloads/cluster"
)

// An Evictor chooses which allocations on a node must leave for an ask to fit.
type Evictor interface {
	// Evict returns the victims in the order in which they are chosen; ok is
	// false when no allowed victims make enough room.
	Evict(r EvictRequest) (victims []*cluster.Allocation, ok bool)
}

// An EvictRequest asks for room on one node.
type EvictRequest struct {
	View     cluster.View
	Machine  *cluster.Machine
	Node     topology.NodeID
	Job      cluster.JobID // asks, and is never evicted for itself
	Priority int           // of Job
	Ask      *cluster.Ask
	Held     cluster.Amount        // Ask on this machine
	On       []*cluster.Allocation // what is on the node, as the plan leaves it
}
