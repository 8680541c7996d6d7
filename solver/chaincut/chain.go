package chaincut

import (
	"slices"
	"time"

	"caravan/topology"
	"caravan/workloads/placement"
)

// A suffix holds, for each operator j and node a, the least time from the
// start of j on a to the end of the pipeline when no operator slows another,
// and the node of j+1 that attains it (the lowest one on ties).
//
//	f(j, a) = compute(j, a) + min over b of step(j, a, b) + f(j+1, b)
//
// It is the shortest path in the layered graph of operators and nodes, found
// in O(K N^2) or, over the links of a sparse network, in O(K L log N).
type suffix struct {
	f    [][]time.Duration // forever where the operator may not run
	next [][]topology.NodeID
}

// suffixes computes the suffix by a carrier. It is nil when the context ends.
func (s *search) suffixes() *suffix {
	k, n := len(s.allowed), len(s.p.Topology.Nodes())
	x := &suffix{f: make([][]time.Duration, k), next: make([][]topology.NodeID, k)}
	for j := k - 1; j >= 0; j-- {
		if s.ctx.Err() != nil {
			s.stopped = true
			return nil
		}
		x.f[j], x.next[j] = slices.Repeat([]time.Duration{forever}, n), slices.Repeat([]topology.NodeID{topology.None}, n)
		if j+1 < k {
			s.carrier().cheapest(message{bytes: s.output[j], from: s.allowed[j]}, x.f[j+1], x.f[j], x.next[j])
		}
		for _, a := range s.allowed[j] {
			rest := x.f[j][a]
			if j+1 == k {
				rest = 0
			}
			x.f[j][a] = min(s.alone(j, a)+rest, forever)
		}
		s.steps += int64(len(s.allowed[j]))
	}
	return x
}

// alone is the time of operator j on node a when no other is there.
func (s *search) alone(j int, a topology.NodeID) time.Duration { return s.compute(j, a, 1) }

// path follows the suffix from the best node of the first operator.
func (x *suffix) path() ([]topology.NodeID, time.Duration) {
	a := topology.NodeID(0)
	for b := range x.f[0] {
		if x.f[0][b] < x.f[0][a] {
			a = topology.NodeID(b)
		}
	}
	bound := x.f[0][a]
	if bound >= forever {
		return nil, forever
	}
	nodes := make([]topology.NodeID, len(x.f))
	for j := range nodes {
		nodes[j] = a
		a = x.next[j][a]
	}
	return nodes, bound
}

// chain is the exact optimum when operators do not slow each other.
func (s *search) chain() ([]topology.NodeID, time.Duration) {
	x := s.suffixes()
	if x == nil {
		return nil, 0
	}
	nodes, bound := x.path()
	if nodes == nil || s.carrier().exact() {
		return nodes, bound
	}
	cost := s.sum(nodes)
	if cost == bound {
		return nodes, bound // the walks of the path are routes
	}
	return s.refine(x, nodes, cost)
}

// sum is the latency of a chain without contention, forever when the nodes
// cannot run it.
func (s *search) sum(nodes []topology.NodeID) time.Duration {
	var d time.Duration
	for j, a := range nodes {
		d += s.alone(j, a)
		if j+1 < len(nodes) {
			if d += s.step(j, a, nodes[j+1]); d >= forever {
				return forever
			}
		}
	}
	return d
}

// refine finds the exact optimum where walks are cheaper than routes. Only
// nodes through which even the walks cost less than the best known placement
// are tried, each with its routes.
func (s *search) refine(x *suffix, nodes []topology.NodeID, cost time.Duration) ([]topology.NodeID, time.Duration) {
	_, bound := x.path()
	kept := s.survivors(x, cost)
	k := len(kept)
	f := make([]map[topology.NodeID]time.Duration, k)
	next := make([]map[topology.NodeID]topology.NodeID, k)
	for j := k - 1; j >= 0; j-- {
		f[j], next[j] = map[topology.NodeID]time.Duration{}, map[topology.NodeID]topology.NodeID{}
		for _, a := range kept[j] {
			if s.ctx.Err() != nil {
				s.proved = false
				return s.runnable(nodes, cost), bound
			}
			s.steps++
			rest, to := time.Duration(0), topology.None
			if j+1 < k {
				rest, to = s.route(j, a, kept[j+1], f[j+1])
			}
			if rest < forever {
				f[j][a], next[j][a] = s.alone(j, a)+rest, to
			}
		}
	}
	best := topology.None
	for _, a := range kept[0] {
		if d, ok := f[0][a]; ok && d < cost {
			best, cost = a, d
		}
	}
	if best != topology.None {
		nodes = make([]topology.NodeID, k)
		for j, a := 0, best; j < k; j++ {
			nodes[j] = a
			a = next[j][a]
		}
	}
	return s.runnable(nodes, cost), cost
}

// runnable is nodes, or nil when their cost says that they cannot run.
func (s *search) runnable(nodes []topology.NodeID, cost time.Duration) []topology.NodeID {
	if cost >= forever {
		return nil
	}
	return nodes
}

// survivors lists, by operator, the nodes through which some walk costs less
// than the best known placement, by falling promise.
func (s *search) survivors(x *suffix, cost time.Duration) [][]topology.NodeID {
	w := newWalks(s.p)
	n := len(s.p.Topology.Nodes())
	before, came := make([]time.Duration, n), make([]time.Duration, n)
	kept := make([][]topology.NodeID, len(s.allowed))
	for j, list := range s.allowed {
		if j > 0 {
			w.reach(s.output[j-1], before, came)
		}
		for a := range before {
			before[a] = forever
		}
		for _, a := range list {
			if came[a]+x.f[j][a] < cost {
				kept[j] = append(kept[j], a)
				before[a] = came[a] + s.alone(j, a)
			}
		}
		slices.SortStableFunc(kept[j], func(a, b topology.NodeID) int { return int(min(max(x.f[j][a]-x.f[j][b], -1), 1)) })
	}
	return kept
}

// route is the best exact continuation of operator j on node a among the
// nodes that are left.
func (s *search) route(j int, a topology.NodeID, to []topology.NodeID, f map[topology.NodeID]time.Duration) (time.Duration, topology.NodeID) {
	t := s.p.Topology
	via := t.Via(s.p.Model.RoutingOrDefault(), a)
	best, at := forever, topology.None
	r := topology.Route{}
	for _, b := range to {
		rest, ok := f[b]
		if !ok || rest > best {
			continue
		}
		d := time.Duration(0)
		switch {
		case a != b && via[b] < 0, a == b && t.Nodes()[a].NoColocate:
			continue
		case a != b:
			trace(t, via, b, &r)
			d = placement.RouteTime(t, s.p.Model, s.output[j], r)
		}
		if d += rest; d < best || d == best && b < at {
			best, at = d, b
		}
	}
	return best, at
}
