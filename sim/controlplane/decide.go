package controlplane

import (
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// A Decider chooses nodes for the instances of one evaluation after another.
// It serves one region, one call at a time.
type Decider interface {
	// Begin starts an evaluation on the cluster as the state and the plan in
	// progress show it. Until the next Begin the state does not change, and
	// the plan grows by the caller's hand alone.
	Begin(v cluster.View, e Request)
	// Place chooses a node for one instance. ok is false when no node can take
	// it; c then holds the reason.
	Place(i Instance) (c Choice, ok bool)
	// Serves reports whether the constraints of a group let it on a node at
	// all, whatever is free there.
	Serves(job *workloads.Job, group int, n topology.NodeID) bool
}

// A Request is one evaluation as a Decider sees it.
type Request struct {
	ID   cluster.JobID
	Job  *workloads.Job // the newest version
	Kind Kind
	Seed uint64 // of the shuffle
	// Preempt allows evictions.
	Preempt bool
	// Explain asks for the reasons of choices and refusals.
	Explain bool
}

// An Instance is what is to be placed.
type Instance struct {
	Job   *workloads.Job // the version to run, most often that of the request
	Group int            // position in Job
	Index int
	// Only lists the nodes that may take it; nil is every node.
	Only []topology.NodeID
	// Avoid lists the nodes where it failed before.
	Avoid []topology.NodeID
	// Previous is whom it replaces, cluster.NoAlloc for nobody.
	Previous cluster.AllocID
}

// A Choice is where an instance goes and what it holds there.
type Choice struct {
	Node   topology.NodeID
	Amount cluster.Amount
	Grant  *cluster.Grant // nil when nothing by name
	Evict  []cluster.AllocID
	Score  float64
	Why    string // of the choice or the refusal, where it was asked for
}
