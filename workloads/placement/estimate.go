package placement

import (
	"fmt"
	"math"
	"time"

	"caravan/topology"
	"caravan/workloads"
)

// ComputeTime is the service time of operator op of p when its operators run
// on the given nodes: work/speed, and under Berkeley contention work*k/speed
// with k the operators of p on the same node.
func ComputeTime(t *topology.Topology, m Model, p *workloads.Pipeline, op int, nodes []topology.NodeID) time.Duration {
	n := &t.Nodes()[nodes[op]]
	k := 1
	if m.Discipline(n) == topology.PerOperator {
		k = 0
		for _, other := range nodes {
			if other == nodes[op] {
				k++
			}
		}
	}
	return ServiceTime(p.MeanWork(op), k, n.Speed)
}

// ServiceTime is work seconds, slowed k-fold, on a machine of the given speed.
func ServiceTime(work float64, k int, speed float64) time.Duration {
	return topology.ServiceTime(work*float64(k), speed)
}

// TransferTime is how long a message of so many bytes takes between two nodes
// when no other is under way, and whether there is a route: nothing on one
// node; under FIFO the sum over the links of serialisation and latency; under
// Fixed and Fair the route's latency and the serialisation on its narrowest
// link.
func TransferTime(t *topology.Topology, m Model, bytes float64, from, to topology.NodeID) (time.Duration, bool) {
	if from == to {
		return 0, true
	}
	route, ok := t.Route(m.RoutingOrDefault(), from, to)
	if !ok {
		return 0, false
	}
	return RouteTime(t, m, bytes, route), true
}

// RouteTime is TransferTime over a known route.
func RouteTime(t *topology.Topology, m Model, bytes float64, route topology.Route) time.Duration {
	if m.NetworkOrDefault() != FIFO {
		return route.Latency + carry(m, bytes, route.Narrow)
	}
	var d time.Duration
	for _, l := range route.Links {
		link := &t.Links()[l]
		d += topology.SerialisationTime(bytes, link.Bandwidth) + link.Latency
	}
	return d
}

// carry is the time of the bytes on the narrowest link. A flow's end is
// rounded up to the nanosecond at which it has surely ended, a fixed delay to
// the nearest.
func carry(m Model, bytes float64, narrow topology.BytesPerSecond) time.Duration {
	if m.NetworkOrDefault() == Fair && narrow > 0 {
		return time.Duration(math.Ceil(bytes/float64(narrow)*1e9 - flowSlack))
	}
	return topology.SerialisationTime(bytes, narrow)
}

// flowSlack is how far below an instant, in nanoseconds, a flow counts as
// ended at it: float error, not time.
const flowSlack = 1e-3

// NetworkOrDefault is the network model, FIFO when none is named.
func (m Model) NetworkOrDefault() Network {
	if m.Network == "" {
		return FIFO
	}
	return m.Network
}

// RoutingOrDefault is the routing, by latency when none is named.
func (m Model) RoutingOrDefault() topology.Routing {
	if m.Routing == "" {
		return topology.RouteLatency
	}
	return m.Routing
}

// Estimate is the latency of one request of p on an otherwise idle topology,
// with every work and output at its mean: the sum along a chain, the critical
// path of a DAG, and for a routed pipeline the expectation by visit ratios.
// The simulation of one such request takes exactly as long. Operators of a DAG
// that run side by side on one node, and messages that leave one node side by
// side over one link, are counted as if they did not meet.
func Estimate(t *topology.Topology, m Model, p *workloads.Pipeline, nodes []topology.NodeID) (time.Duration, error) {
	if len(nodes) != len(p.Operators) {
		return 0, fmt.Errorf("pipeline %q: %d nodes for %d operators", p.Name, len(nodes), len(p.Operators))
	}
	for j, n := range nodes {
		if n < 0 || int(n) >= len(t.Nodes()) {
			return 0, fmt.Errorf("pipeline %q: operator %q has no node", p.Name, p.Operators[j].Name)
		}
	}
	if p.Routed() {
		return expected(t, m, p, nodes)
	}
	end := make([]time.Duration, len(nodes))
	var last time.Duration
	for j := range nodes {
		var ready time.Duration
		for _, a := range p.Operators[j].After {
			d, err := transfer(t, m, p, a, j, nodes)
			if err != nil {
				return 0, err
			}
			ready = max(ready, end[a]+d)
		}
		end[j] = ready + ComputeTime(t, m, p, j, nodes)
		last = max(last, end[j])
	}
	return last, nil
}

func transfer(t *topology.Topology, m Model, p *workloads.Pipeline, from, to int, nodes []topology.NodeID) (time.Duration, error) {
	d, ok := TransferTime(t, m, p.MeanOutput(from), nodes[from], nodes[to])
	if !ok {
		all := t.Nodes()
		return 0, fmt.Errorf("pipeline %q: no %s route from %q on %q to %q on %q", p.Name, m.RoutingOrDefault(),
			p.Operators[from].Name, all[nodes[from]].Name, p.Operators[to].Name, all[nodes[to]].Name)
	}
	return d, nil
}

func expected(t *topology.Topology, m Model, p *workloads.Pipeline, nodes []topology.NodeID) (time.Duration, error) {
	visits, err := p.VisitRatios()
	if err != nil {
		return 0, err
	}
	var sum float64
	for j := range p.Operators {
		sum += visits[j] * ComputeTime(t, m, p, j, nodes).Seconds()
		for _, b := range p.Operators[j].Next {
			d, err := transfer(t, m, p, j, b.To, nodes)
			if err != nil {
				return 0, err
			}
			sum += visits[j] * b.Probability * d.Seconds()
		}
	}
	return topology.Seconds(sum), nil
}
