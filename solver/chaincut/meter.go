package chaincut

import (
	"time"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// A meter adds up how long nodes and links are busy with one request.
type meter struct {
	*search
	node   []time.Duration // work of all cores together; under PerOperator of the busiest operator
	medium []time.Duration // nil where messages do not wait for each other
	count  []int           // operators, by node
}

func newMeter(s *search) *meter {
	m := &meter{search: s, node: make([]time.Duration, len(s.slowed)), count: make([]int, len(s.slowed))}
	if s.p.Model.NetworkOrDefault() != placement.Fixed {
		m.medium = make([]time.Duration, s.p.Topology.Media())
	}
	return m
}

// change adds operator j, the last of nodes and one of k on its node, or with
// sign -1 takes it away.
func (m *meter) change(j int, nodes []topology.NodeID, k int, sign time.Duration) {
	a := nodes[j]
	if m.slowed[a] {
		if sign < 0 {
			k--
		}
		m.node[a] = 0
		for i, n := range nodes {
			if n == a && (sign > 0 || i != j) {
				m.node[a] = max(m.node[a], m.compute(i, a, k))
			}
		}
	} else {
		m.node[a] += sign * m.compute(j, a, 1)
	}
	if m.medium == nil {
		return
	}
	for _, i := range m.w.Operators[j].After {
		for _, id := range m.links(nodes[i], a).Links {
			l := &m.p.Topology.Links()[id]
			m.medium[l.Medium] += sign * topology.SerialisationTime(m.output[i], l.Bandwidth)
		}
	}
}

func (s *search) links(a, b topology.NodeID) topology.Route {
	r, _ := s.p.Topology.Route(s.p.Model.RoutingOrDefault(), a, b)
	return r
}

// at is how long node a is busy with one request.
func (m *meter) at(a topology.NodeID) time.Duration {
	n := &m.p.Topology.Nodes()[a]
	switch m.p.Model.Discipline(n) {
	case topology.PerOperator:
		return m.node[a]
	case topology.Delay:
		return 0 // it has a server for everybody
	}
	return m.node[a] / time.Duration(n.Cores)
}

// between is how long the busiest link of the route between two nodes is.
func (m *meter) between(a, b topology.NodeID) time.Duration {
	var d time.Duration
	if m.medium == nil || a == b {
		return 0
	}
	for _, id := range m.links(a, b).Links {
		d = max(d, m.medium[m.p.Topology.Links()[id].Medium])
	}
	return d
}

// Period is how long the busiest node or link is busy with one request of w
// when its operators run on the given nodes: requests cannot follow each other
// faster. A node divides its work among its cores; where operators have servers
// of their own the slowest counts. A link is busy while it serialises, and not
// at all under the fixed network model. Pipelines with routing probabilities
// have no such period: their requests differ.
func Period(t *topology.Topology, m placement.Model, w *workloads.Pipeline, nodes []topology.NodeID) time.Duration {
	return newMeter(bareSearch(t, m, w)).period(nodes)
}

// period is Period, on a meter that has counted nothing; it is so again after.
func (m *meter) period(nodes []topology.NodeID) time.Duration {
	for j, a := range nodes {
		m.count[a]++
		m.change(j, nodes[:j+1], m.count[a], 1)
	}
	var d time.Duration
	for j, a := range nodes {
		d = max(d, m.at(a))
		for _, i := range m.w.Operators[j].After {
			d = max(d, m.between(nodes[i], a))
		}
	}
	for j := len(nodes) - 1; j >= 0; j-- {
		a := nodes[j]
		m.change(j, nodes[:j+1], m.count[a], -1)
		m.count[a]--
	}
	return d
}
