// Package placement says where work runs, whether it may run there, and what
// one request then takes on an idle topology.
package placement

import "caravan/topology"

// A Placement assigns operators and group instances to nodes. A pipeline is
// placed whole or not at all; an unplaced one has only topology.None.
type Placement struct {
	Pipelines [][]topology.NodeID   // [pipeline][operator]
	Jobs      [][][]topology.NodeID // [job][group][instance]
}

// Contention says how operators that share a node slow each other down.
type Contention string

const (
	// Uncontended counts every operator as if it were alone.
	Uncontended Contention = "none"
	// Berkeley multiplies an operator's processing time on a node by the
	// number of operators of the same pipeline placed there (minlatsolver).
	Berkeley Contention = "berkeley"
)

// Network says how a message crosses a route of several links.
type Network string

const (
	// Fixed delays by the sum of latencies and bytes over the narrowest
	// bandwidth, however many messages are under way.
	Fixed Network = "fixed"
	// FIFO stores and forwards: each link serialises one message at a time.
	FIFO Network = "fifo"
	// Fair shares every link among the flows that cross it, max-min fairly.
	Fair Network = "fair"
)

// Model is how a placement is costed and simulated.
type Model struct {
	Contention Contention       // zero value: Uncontended
	Network    Network          // zero value: FIFO
	Routing    topology.Routing // zero value: RouteLatency
	// Compute is the discipline of every node that does not name its own.
	// Zero value: PerOperator under Berkeley contention, otherwise FCFS.
	Compute topology.Discipline
}

// Discipline is the one that node n serves by: its own, else the model's,
// else what the model's contention implies.
func (m Model) Discipline(n *topology.Node) topology.Discipline {
	switch {
	case n.Discipline != "":
		return n.Discipline
	case m.Compute != "":
		return m.Compute
	case m.Contention == Berkeley:
		return topology.PerOperator
	}
	return topology.FCFS
}
