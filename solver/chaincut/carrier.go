package chaincut

import (
	"time"

	"caravan/solver"
	"caravan/topology"
)

// A carrier finds where each node had best send a message.
type carrier interface {
	// cheapest sets h[a], for each sender a, to the least time over all nodes b
	// of the message from a to b plus g[b], and at[a] to the lowest b that
	// attains it; h[a] is forever where there is none.
	cheapest(m message, g, h []time.Duration, at []topology.NodeID)
	// exact reports whether h is attained. Otherwise it is a lower bound.
	exact() bool
}

// A message is what its senders want to be rid of. A node that may follow
// itself can keep it at no cost, unless the message must leave.
type message struct {
	bytes  float64
	from   []topology.NodeID
	leaves bool
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

func (c *adjacency) cheapest(m message, g, h []time.Duration, at []topology.NodeID) {
	t := c.p.Topology
	links := t.Links()
	for _, a := range m.from {
		h[a], at[a] = m.stay(t, g, a)
		for _, id := range t.Outgoing(a) {
			b := links[id].To
			if g[b] > h[a] {
				continue
			}
			d := transfer(c.p, m.bytes, a, b) + g[b] // of the fastest of parallel links
			if d < h[a] || d == h[a] && b < at[a] && d < forever {
				h[a], at[a] = d, b
			}
		}
	}
}

// stay is what keeping the message on node a comes to.
func (m message) stay(t *topology.Topology, g []time.Duration, a topology.NodeID) (time.Duration, topology.NodeID) {
	if m.leaves || t.Nodes()[a].NoColocate || g[a] >= forever {
		return forever, topology.None
	}
	return g[a], a
}
