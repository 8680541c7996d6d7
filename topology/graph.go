package topology

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A Topology is an immutable set of nodes joined by directed links. Nodes and
// links are visited in ID order, so ranging over them is repeatable. Safe for
// concurrent use.
type Topology struct {
	nodes  []Node
	links  []Link
	media  int
	nodeID map[string]NodeID
	linkID map[string]LinkID
	// The links that leave node n are out[first[n]:first[n+1]], by LinkID.
	first []int32
	out   []LinkID

	trees [2][]tree // by routing and source, computed when asked for
}

// A tree is the shortest paths from one source.
type tree struct {
	once   sync.Once
	via    []LinkID // last link of the path to each node, -1 without one
	routes []Route  // by destination, filled in with via
}

// New checks nodes and links and joins them. Every fault is reported. A link
// without a name is called "from->to", and its parallels "from->to#2" and so
// on; links that carry the same Medium above 0 share its capacity, every other
// one has its own.
func New(nodes []Node, links []Link) (*Topology, error) {
	t := &Topology{
		nodes: slices.Clone(nodes), links: slices.Clone(links),
		nodeID: make(map[string]NodeID, len(nodes)), linkID: make(map[string]LinkID, len(links)),
	}
	var faults []error
	for i := range t.nodes {
		n := &t.nodes[i]
		faults = append(faults, n.check()...)
		if _, dup := t.nodeID[n.Name]; dup {
			faults = append(faults, fmt.Errorf("node %q: the name is taken", n.Name))
		}
		t.nodeID[n.Name] = NodeID(i)
	}
	shared := map[int]int{}
	for i := range t.links {
		l := &t.links[i]
		if err := t.checkLink(l); err != nil {
			faults = append(faults, err)
			continue
		}
		t.nameLink(LinkID(i))
		m, ok := shared[l.Medium]
		if !ok || l.Medium <= 0 {
			m = t.media
			t.media++
			if l.Medium > 0 {
				shared[l.Medium] = m
			}
		}
		l.Medium = m
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	t.index()
	return t, nil
}

// check returns what is wrong with a node.
func (n *Node) check() []error {
	var faults []error
	fault := func(field string, found any, allowed string) {
		faults = append(faults, fmt.Errorf("node %q: %s: found %v, allowed is %s", n.Name, field, found, allowed))
	}
	if n.Name == "" {
		fault("name", `""`, "a name")
	}
	if n.Cores < 1 {
		fault("cores", n.Cores, "1 or more")
	}
	if !(n.Speed > 0) || math.IsInf(n.Speed, 0) {
		fault("speed", n.Speed, "a number above 0")
	}
	for _, q := range []struct {
		field string
		value float64
	}{
		{"cpu", float64(n.CPU)}, {"memory", float64(n.Memory)}, {"disk", float64(n.Disk)}, {"gpus", float64(n.GPUs.Count)},
		{"reserved.cpu", float64(n.Reserved.CPU)}, {"reserved.memory", float64(n.Reserved.Memory)},
		{"reserved.disk", float64(n.Reserved.Disk)}, {"queue", float64(n.QueueLimit)},
		{"price", n.PricePerHour}, {"power.idle", n.IdleWatts}, {"power.busy", n.BusyWatts}, {"carbon", n.CarbonPerKWh},
	} {
		if !(q.value >= 0) || math.IsInf(q.value, 0) {
			fault(q.field, q.value, "0 or more")
		}
	}
	if n.Discipline != "" && !slices.Contains(Disciplines(), n.Discipline) {
		fault("discipline", strconv.Quote(string(n.Discipline)), fmt.Sprint(Disciplines()))
	}
	return faults
}

func (t *Topology) checkLink(l *Link) error {
	name := l.Name
	if name == "" {
		name = fmt.Sprintf("%d->%d", l.From, l.To)
	}
	n := NodeID(len(t.nodes))
	switch {
	case l.From < 0 || l.From >= n || l.To < 0 || l.To >= n:
		return fmt.Errorf("link %q: its ends must be nodes 0 to %d", name, n-1)
	case l.From == l.To:
		return fmt.Errorf("link %q: joins node %q to itself", name, t.nodes[l.From].Name)
	case !(l.Bandwidth >= 0) || math.IsInf(float64(l.Bandwidth), 0):
		return fmt.Errorf("link %q: bandwidth: found %v, allowed is 0 (infinite) or more", name, l.Bandwidth)
	case l.Latency < 0 || l.Jitter < 0:
		return fmt.Errorf("link %q: latency and jitter: found %v and %v, allowed is 0 or more", name, l.Latency, l.Jitter)
	case !(l.Loss >= 0 && l.Loss < 1):
		return fmt.Errorf("link %q: loss: found %v, allowed is 0 up to, but not, 1", name, l.Loss)
	case !(l.PricePerByte >= 0):
		return fmt.Errorf("link %q: price: found %v, allowed is 0 or more", name, l.PricePerByte)
	}
	return nil
}

// nameLink gives the link its default name and files it.
func (t *Topology) nameLink(id LinkID) {
	l := &t.links[id]
	if l.Name == "" {
		l.Name = t.nodes[l.From].Name + "->" + t.nodes[l.To].Name
	}
	base := l.Name
	for k := 2; ; k++ {
		if _, taken := t.linkID[l.Name]; !taken {
			break
		}
		l.Name = base + "#" + strconv.Itoa(k)
	}
	t.linkID[l.Name] = id
}

// index sorts the links by the node that they leave.
func (t *Topology) index() {
	t.first = make([]int32, len(t.nodes)+1)
	for _, l := range t.links {
		t.first[l.From+1]++
	}
	for i := range t.nodes {
		t.first[i+1] += t.first[i]
	}
	t.out = make([]LinkID, len(t.links))
	next := slices.Clone(t.first)
	for i, l := range t.links {
		t.out[next[l.From]] = LinkID(i)
		next[l.From]++
	}
	for i := range t.trees {
		t.trees[i] = make([]tree, len(t.nodes))
	}
}

// Nodes returns the nodes by NodeID; not to be modified.
func (t *Topology) Nodes() []Node { return t.nodes }

// Links returns the links by LinkID, each with its Name and its Medium, a
// dense number below Media; not to be modified.
func (t *Topology) Links() []Link { return t.links }

// Media is the number of separate capacities that links draw on.
func (t *Topology) Media() int { return t.media }

// NodeByName finds a node.
func (t *Topology) NodeByName(name string) (NodeID, bool) {
	id, ok := t.nodeID[name]
	return id, ok
}

// LinkByName finds a link.
func (t *Topology) LinkByName(name string) (LinkID, bool) {
	id, ok := t.linkID[name]
	return id, ok
}

// Outgoing returns the links that leave n, by LinkID; not to be modified.
func (t *Topology) Outgoing(n NodeID) []LinkID { return t.out[t.first[n]:t.first[n+1]] }

// Route returns the path between two nodes, empty from a node to itself, and
// whether there is one. Equal paths are told apart by the other criterion
// (hops or latency), then by the lowest link ID at the first difference seen
// from the destination. Under RouteDirect the fastest of the parallel links is
// taken. The first call from a source costs O(L log N); later ones are O(1).
func (t *Topology) Route(r Routing, from, to NodeID) (Route, bool) {
	if from == to {
		return Route{}, true
	}
	if r == RouteDirect {
		return t.direct(from, to)
	}
	which := 0
	if r == RouteHops {
		which = 1
	}
	tr := &t.trees[which][from]
	tr.once.Do(func() { t.grow(tr, from, r == RouteHops) })
	if tr.via[to] < 0 {
		return Route{}, false
	}
	return tr.routes[to], true
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

// A reach is a node on the frontier of a search.
type reach struct {
	node    NodeID
	hops    int32
	latency time.Duration
}

type frontier struct {
	list   []reach
	byHops bool
}

func (f *frontier) order(a, b reach) int {
	byLatency, byHops := cmp.Compare(a.latency, b.latency), cmp.Compare(a.hops, b.hops)
	if f.byHops {
		byLatency, byHops = byHops, byLatency
	}
	return cmp.Or(byLatency, byHops, cmp.Compare(a.node, b.node))
}

func (f *frontier) Len() int           { return len(f.list) }
func (f *frontier) Less(i, j int) bool { return f.order(f.list[i], f.list[j]) < 0 }
func (f *frontier) Swap(i, j int)      { f.list[i], f.list[j] = f.list[j], f.list[i] }
func (f *frontier) Push(x any)         { f.list = append(f.list, x.(reach)) }
func (f *frontier) Pop() any {
	x := f.list[len(f.list)-1]
	f.list = f.list[:len(f.list)-1]
	return x
}

// grow finds all shortest paths from a source (Dijkstra, 1959).
func (t *Topology) grow(tr *tree, from NodeID, byHops bool) {
	n := len(t.nodes)
	best := make([]reach, n)
	done := make([]bool, n)
	tr.via = make([]LinkID, n)
	tr.routes = make([]Route, n)
	for i := range tr.via {
		tr.via[i] = -1
	}
	best[from] = reach{node: from}
	f := &frontier{list: []reach{best[from]}, byHops: byHops}
	for f.Len() > 0 {
		at := heap.Pop(f).(reach)
		if done[at.node] {
			continue
		}
		done[at.node] = true
		if id := tr.via[at.node]; id >= 0 {
			tr.routes[at.node] = t.extend(tr.routes[t.links[id].From], id)
		}
		for _, id := range t.Outgoing(at.node) {
			l := &t.links[id]
			x := reach{l.To, at.hops + 1, at.latency + l.Latency}
			if l.To != from && !done[l.To] && (tr.via[l.To] < 0 || f.order(x, best[l.To]) < 0) {
				best[l.To], tr.via[l.To] = x, id
				heap.Push(f, x)
			}
		}
	}
}

// extend adds a link to the end of a route.
func (t *Topology) extend(r Route, id LinkID) Route {
	l := &t.links[id]
	narrow := r.Narrow
	if len(r.Links) == 0 || narrow == 0 || l.Bandwidth > 0 && l.Bandwidth < narrow {
		narrow = l.Bandwidth
	}
	if l.Bandwidth == 0 {
		narrow = r.Narrow
	}
	return Route{Links: append(slices.Clone(r.Links), id), Latency: r.Latency + l.Latency, Narrow: narrow}
}

// Components is the number of weakly connected parts.
func (t *Topology) Components() int {
	parent := make([]int, len(t.nodes))
	for i := range parent {
		parent[i] = i
	}
	find := func(x int) int {
		for parent[x] != x {
			parent[x] = parent[parent[x]]
			x = parent[x]
		}
		return x
	}
	parts := len(t.nodes)
	for _, l := range t.links {
		if a, b := find(int(l.From)), find(int(l.To)); a != b {
			parent[a] = b
			parts--
		}
	}
	return parts
}
