package runner

import (
	"time"

	"caravan/topology"
)

// An Allocation is one instance that holds room on a node of a cluster.
type Allocation struct {
	ID    string
	Job   string // name of the submitted job; empty for a job of others
	Group string
	Index int
	Node  string
	// StartedAt is Unix time; 0 where the cluster's decisions do not ask.
	StartedAt time.Duration
	topology.Resources
}

// A NodeScore is what a cluster's scorers gave to a node, by their names.
type NodeScore struct {
	Node  string
	Final float64
	Parts map[string]float64
}
