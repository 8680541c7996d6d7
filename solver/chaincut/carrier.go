package chaincut

import (
	"time"

	"caravan/solver"
	"caravan/topology"
)

// A carrier finds where each node had best send a message.
type carrier interface {
	// cheapest sets h[a], for each node a that is wanted, to the least time over
	// all nodes b of a message of so many bytes from a to b plus g[b], and at[a]
	// to the lowest b that attains it; h[a] is forever where there is none. A
	// node that may follow itself keeps the message at no cost.
	cheapest(bytes float64, g []time.Duration, wanted []topology.NodeID, h []time.Duration, at []topology.NodeID)
	// exact reports whether h is attained. Otherwise it is a lower bound.
	exact() bool
}

// maxDense is the most nodes of which all pairs are kept.
const maxDense = 4096

// newCarrier chooses by the size of the topology: all pairs where there are
// few nodes or many links, single links under direct routing, and the graph
// itself for large sparse networks.
func newCarrier(p *solver.Problem) carrier {
	n, links := len(p.Topology.Nodes()), len(p.Topology.Links())
	direct := p.Model.RoutingOrDefault() == topology.RouteDirect
	sparse := n > 256 && links < 32*n
	switch {
	case n <= maxDense && !sparse:
		return newMatrix(p)
	case direct:
		return &adjacency{p}
	}
	return newWalks(p)
}

// adjacency is a carrier over single links, each tried.
type adjacency struct{ p *solver.Problem }

func (c *adjacency) exact() bool { return true }

func (c *adjacency) cheapest(bytes float64, g []time.Duration, wanted []topology.NodeID, h []time.Duration, at []topology.NodeID) {
	t := c.p.Topology
	links := t.Links()
	for _, a := range wanted {
		h[a], at[a] = stay(t, g, a)
		for _, id := range t.Outgoing(a) {
			b := links[id].To
			if g[b] > h[a] {
				continue
			}
			d := transfer(c.p, bytes, a, b) + g[b] // of the fastest of parallel links
			if d < h[a] || d == h[a] && b < at[a] && d < forever {
				h[a], at[a] = d, b
			}
		}
	}
}

// stay is what keeping the message on node a comes to.
func stay(t *topology.Topology, g []time.Duration, a topology.NodeID) (time.Duration, topology.NodeID) {
	if t.Nodes()[a].NoColocate || g[a] >= forever {
		return forever, topology.None
	}
	return g[a], a
}
