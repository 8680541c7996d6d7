package chaincut

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads/placement"
)

// walks is a carrier over the graph: instead of the routes, of which there
// are N^2, it takes the cheapest walk, which one search from all destinations
// at once finds in O(L log N). No route is cheaper. On a tree, and wherever
// routes are the cheapest walks, h is attained.
type walks struct {
	p       *solver.Problem
	into    [][]topology.LinkID // links by the node that they enter
	classes []topology.BytesPerSecond
	class   []int // of each link, its position in classes
	cost    []time.Duration
	label   []mark // scratch
	heap    marks  // scratch
}

// maxClasses is how many bandwidths are told apart where the narrowest link
// of a route sets its time. Beyond it a class is a range, counted as its best.
const maxClasses = 32

func newWalks(p *solver.Problem) *walks {
	n, links := len(p.Topology.Nodes()), p.Topology.Links()
	w := &walks{p: p, into: make([][]topology.LinkID, n), class: make([]int, len(links)), cost: make([]time.Duration, len(links)), label: make([]mark, n)}
	for i := range links {
		w.into[links[i].To] = append(w.into[links[i].To], topology.LinkID(i))
	}
	if p.Model.NetworkOrDefault() == placement.FIFO {
		w.classes = []topology.BytesPerSecond{0} // links add up: one class holds them all
		return w
	}
	for i := range links {
		w.classes = append(w.classes, links[i].Bandwidth)
	}
	faster := func(a, b topology.BytesPerSecond) int { return cmp.Compare(perByte(a), perByte(b)) }
	slices.SortFunc(w.classes, faster)
	w.classes = slices.Compact(w.classes)
	if every := (len(w.classes) + maxClasses - 1) / maxClasses; every > 1 {
		for i := 0; i*every < len(w.classes); i++ {
			w.classes[i] = w.classes[i*every]
		}
		w.classes = w.classes[:(len(w.classes)+every-1)/every]
	}
	for i := range links {
		at, found := slices.BinarySearchFunc(w.classes, links[i].Bandwidth, faster)
		if !found {
			at--
		}
		w.class[i] = at
	}
	return w
}

// exact reports false: a walk may be cheaper than the route.
func (w *walks) exact() bool { return false }

// cheapest implements carrier, as a bound.
func (w *walks) cheapest(m message, g, h []time.Duration, at []topology.NodeID) {
	for _, a := range m.from {
		h[a], at[a] = m.stay(w.p.Topology, g, a)
	}
	for i := range w.classes {
		extra := w.price(m.bytes, i)
		w.search(g, false)
		for _, a := range m.from {
			l := w.label[a]
			if l.to == a {
				l = w.leave(a)
			}
			if d := l.cost + extra; l.cost < forever && (d < h[a] || d == h[a] && l.to < at[a]) {
				h[a], at[a] = d, l.to
			}
		}
	}
}

// reach sets h[b], for every node b, to the least over all nodes a of g[a]
// plus the time from a to b: cheapest the other way around.
func (w *walks) reach(bytes float64, g, h []time.Duration) {
	for b := range h {
		h[b], _ = message{}.stay(w.p.Topology, g, topology.NodeID(b))
	}
	for i := range w.classes {
		extra := w.price(bytes, i)
		w.search(g, true)
		for b := range h {
			h[b] = min(h[b], w.label[b].cost+extra)
		}
	}
}

// price sets what each link costs a message among the links of a class and
// the faster ones, and returns what is paid once.
func (w *walks) price(bytes float64, class int) time.Duration {
	t, m := w.p.Topology, w.p.Model
	links := t.Links()
	if m.NetworkOrDefault() == placement.FIFO {
		for i := range links {
			w.cost[i] = topology.SerialisationTime(bytes, links[i].Bandwidth) + links[i].Latency
		}
		return 0
	}
	for i := range links {
		w.cost[i] = links[i].Latency
		if w.class[i] > class {
			w.cost[i] = forever
		}
	}
	return placement.RouteTime(t, m, bytes, topology.Route{Narrow: w.classes[class]})
}

// leave is the cheapest walk out of a, whose own label says to stay. It may
// come back to a: a bound still.
func (w *walks) leave(a topology.NodeID) mark {
	best := mark{cost: forever}
	for _, id := range w.p.Topology.Outgoing(a) {
		l := w.label[w.p.Topology.Links()[id].To]
		if x := (mark{w.cost[id] + l.cost, l.to, a}); l.cost < forever && x.before(best) {
			best = x
		}
	}
	return best
}

// search labels every node with the cheapest walk from it to any node that g
// gives something, or from any such node to it.
func (w *walks) search(g []time.Duration, forward bool) {
	t := w.p.Topology
	w.heap = w.heap[:0]
	for b := range w.label {
		w.label[b] = mark{g[b], topology.NodeID(b), topology.NodeID(b)}
		if g[b] < forever {
			w.heap = append(w.heap, w.label[b])
		}
	}
	heap.Init(&w.heap)
	for len(w.heap) > 0 {
		m := heap.Pop(&w.heap).(mark)
		if m != w.label[m.at] {
			continue
		}
		links := w.into[m.at]
		if forward {
			links = t.Outgoing(m.at)
		}
		for _, id := range links {
			next := t.Links()[id].From
			if forward {
				next = t.Links()[id].To
			}
			x := mark{m.cost + w.cost[id], m.to, next}
			if w.cost[id] < forever && x.before(w.label[next]) {
				w.label[next] = x
				heap.Push(&w.heap, x)
			}
		}
	}
}

// A mark is what a node pays at least, and the node at the walk's other end.
type mark struct {
	cost   time.Duration
	to, at topology.NodeID
}

// before orders by cost, equals by the lower end.
func (m mark) before(o mark) bool { return m.cost < o.cost || m.cost == o.cost && m.to < o.to }

// marks is a heap.
type marks []mark

func (h marks) Len() int           { return len(h) }
func (h marks) Less(i, j int) bool { return h[i].before(h[j]) }
func (h marks) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *marks) Push(x any)        { *h = append(*h, x.(mark)) }
func (h *marks) Pop() any {
	x := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return x
}
