package topology

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A tree is the shortest paths from one source.
type tree struct {
	once   sync.Once
	via    []LinkID // last link of the path to each node, -1 without one
	table  sync.Once
	routes []atomic.Pointer[Route] // by destination, made when asked for
}

// Route returns the path between two nodes, empty from a node to itself, and
// whether there is one. Equal paths are told apart by the other criterion
// (hops or latency), then by the lowest link ID at the first difference seen
// from the destination. Under RouteDirect the fastest of the parallel links is
// taken. The first call from a source costs O(L log N), the first for a pair
// the length of the path; later ones are O(1).
func (t *Topology) Route(r Routing, from, to NodeID) (Route, bool) {
	if from == to {
		return Route{}, true
	}
	if r == RouteDirect {
		return t.direct(from, to)
	}
	tr := t.tree(r, from)
	if tr.via[to] < 0 {
		return Route{}, false
	}
	tr.table.Do(func() { tr.routes = make([]atomic.Pointer[Route], len(t.nodes)) })
	made := tr.routes[to].Load()
	if made == nil {
		made = t.follow(tr.via, to)
		tr.routes[to].Store(made) // another caller stores an equal one
	}
	return *made, true
}

// Via returns, by node, the last link of the route from a source, -1 at the
// source and where no route leads; not to be modified. It is nil under
// RouteDirect, whose routes are single links. It is cheaper than a Route for
// every node.
func (t *Topology) Via(r Routing, from NodeID) []LinkID {
	if r == RouteDirect {
		return nil
	}
	return t.tree(r, from).via
}

func (t *Topology) tree(r Routing, from NodeID) *tree {
	which := 0
	if r == RouteHops {
		which = 1
	}
	tr := &t.trees[which][from]
	tr.once.Do(func() {
		horizon := int64(math.MaxInt64)
		if r != RouteHops {
			horizon = t.horizon(from)
		}
		tr.via, _ = t.grow(from, r == RouteHops, horizon)
	})
	return tr
}

func (t *Topology) direct(from, to NodeID) (Route, bool) {
	best := LinkID(-1)
	for _, id := range t.Outgoing(from) {
		if l := &t.links[id]; l.To == to && (best < 0 || l.Latency < t.links[best].Latency) {
			best = id
		}
	}
	if best < 0 {
		return Route{}, false
	}
	l := &t.links[best]
	return Route{Links: []LinkID{best}, Latency: l.Latency, Narrow: l.Bandwidth}, true
}

// follow walks a tree back from a node to its source.
func (t *Topology) follow(via []LinkID, to NodeID) *Route {
	hops := 0
	for n := to; via[n] >= 0; n = t.links[via[n]].From {
		hops++
	}
	r := &Route{Links: make([]LinkID, hops)}
	for n := to; via[n] >= 0; {
		id := via[n]
		l := &t.links[id]
		hops--
		r.Links[hops] = id
		r.Latency += l.Latency
		if l.Bandwidth > 0 && (r.Narrow == 0 || l.Bandwidth < r.Narrow) {
			r.Narrow = l.Bandwidth
		}
		n = l.From
	}
	return r
}

// An arc is a link as the search of routes reads it.
type arc struct {
	latency time.Duration
	to      NodeID
	id      LinkID
}

// arcsFrom returns the links that leave n, the fastest first.
func (t *Topology) arcsFrom(n NodeID) []arc {
	t.arcsOf.Do(func() {
		t.arcs = make([]arc, len(t.out))
		for i, id := range t.out {
			t.arcs[i] = arc{t.links[id].Latency, t.links[id].To, id}
		}
		for i := range t.nodes {
			slices.SortFunc(t.arcs[t.first[i]:t.first[i+1]], func(a, b arc) int {
				return cmp.Or(cmp.Compare(a.latency, b.latency), cmp.Compare(a.id, b.id))
			})
		}
	})
	return t.arcs[t.first[n]:t.first[n+1]]
}

// A reach is how far a node is from the source, first by what the routing
// minimises, then by the other criterion.
type reach struct {
	far, then int64 // latency and hops, or hops and latency
	node      NodeID
}

func (a *reach) before(b *reach) bool {
	if a.far != b.far {
		return a.far < b.far
	}
	if a.then != b.then {
		return a.then < b.then
	}
	return a.node < b.node
}

// A frontier is a heap of reaches, the nearest on top.
type frontier []reach

func (f *frontier) push(x reach) {
	h := append(*f, x)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !x.before(&h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = x
	*f = h
}

func (f *frontier) pop() reach {
	h := *f
	top, x := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*f = h
	if len(h) == 0 {
		return top
	}
	i := 0
	for {
		least, end := i, min(4*i+5, len(h))
		for c, y := 4*i+1, &x; c < end; c++ {
			if h[c].before(y) {
				least, y = c, &h[c]
			}
		}
		if least == i {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = x
	return top
}

// crowded is how many links a node has on average where horizon is worth it,
// and how many of them it looks at.
const crowded = 32

// horizon is no less than the latency from a node to any other: that of some
// path to node 0, and from there to the farthest. It says nothing, the largest
// number, in sparse networks and where node 0 does not reach all.
func (t *Topology) horizon(from NodeID) int64 {
	if len(t.links) < crowded*len(t.nodes) {
		return math.MaxInt64
	}
	t.hub.Do(func() {
		t.beyond = slices.Repeat([]int64{math.MaxInt64}, len(t.nodes))
		_, far := t.grow(0, false, math.MaxInt64)
		if t.beyond[0] = slices.Max(far); t.beyond[0] == math.MaxInt64 {
			return
		}
		for better := true; better; {
			better = false
			for i := range t.nodes {
				arcs := t.arcsFrom(NodeID(i))
				for _, a := range arcs[:min(crowded, len(arcs))] {
					if d := t.beyond[a.to]; d < math.MaxInt64 && d+int64(a.latency) < t.beyond[i] {
						t.beyond[i], better = d+int64(a.latency), true
					}
				}
			}
		}
	})
	return t.beyond[from]
}

// grow finds the last links of all shortest paths from a source (Dijkstra,
// 1959), and how far they lead. Links are tried from the fastest on, and no
// further than they can bring some node nearer: in a dense network that is a
// small part of them. No node is farther than the horizon.
func (t *Topology) grow(from NodeID, byHops bool, horizon int64) ([]LinkID, []int64) {
	n := len(t.nodes)
	far, then, via := make([]int64, n), make([]int64, n), make([]LinkID, n)
	for i := range via {
		via[i], far[i] = -1, math.MaxInt64
	}
	far[from] = 0
	done, left := make([]bool, n), n
	f := append(make(frontier, 0, n), reach{node: from})
	farthest, tried := horizon, 0 // no node that is not done is farther
	for len(f) > 0 && left > 0 {
		at := f.pop()
		if done[at.node] {
			continue
		}
		done[at.node] = true
		left--
		if tried >= n {
			tried, farthest = 0, min(farthestOf(far, done), horizon)
		}
		arcs, longest := t.arcsFrom(at.node), time.Duration(math.MaxInt64)
		if !byHops {
			longest = time.Duration(farthest - at.far)
		} else if at.far >= farthest {
			continue // its neighbours are reached at least as well
		}
		for i := range arcs {
			a := &arcs[i]
			if a.latency > longest {
				break
			}
			tried++
			x, y := at.far+int64(a.latency), at.then+1
			if byHops {
				x, y = at.far+1, at.then+int64(a.latency)
			}
			if was := far[a.to]; x < was || x == was && y < then[a.to] {
				far[a.to], then[a.to], via[a.to] = x, y, a.id
				f.push(reach{x, y, a.to})
			}
		}
	}
	return via, far
}

func farthestOf(far []int64, done []bool) int64 {
	most := int64(0)
	for i, x := range far {
		if x > most && !done[i] {
			most = x
		}
	}
	return most
}
