package topology

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
)

// A Topology is an immutable set of nodes joined by directed links. Nodes and
// links are visited in ID order, so ranging over them is repeatable. Safe for
// concurrent use.
type Topology struct {
	nodes    []Node
	links    []Link
	media    int
	nodeID   map[string]NodeID
	linkID   map[string]LinkID // filled in when asked for
	linkIDOf sync.Once
	// The links that leave node n are out[first[n]:first[n+1]], by LinkID.
	first []int32
	out   []LinkID

	trees  [2][]tree // by routing and source, computed when asked for
	arcs   []arc     // the links again, for the search of routes
	arcsOf sync.Once
	beyond []int64 // by node, what horizon returns
	hub    sync.Once
}

// New checks nodes and links and joins them. Every fault is reported. A link
// without a name is called "from->to", and its parallels "from->to#2" and so
// on; links that carry the same Medium above 0 share its capacity, every other
// one has its own.
func New(nodes []Node, links []Link) (*Topology, error) {
	t := &Topology{
		nodes: slices.Clone(nodes), links: slices.Clone(links),
		nodeID: make(map[string]NodeID, len(nodes)),
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
		m, ok := t.media, false
		if l.Medium > 0 {
			if m, ok = shared[l.Medium]; !ok {
				m, shared[l.Medium] = t.media, t.media
			}
		}
		if !ok {
			t.media++
		}
		l.Medium = m
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	t.index()
	t.nameLinks()
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
	n := NodeID(len(t.nodes))
	fault := ""
	switch {
	case l.From < 0 || l.From >= n || l.To < 0 || l.To >= n:
		fault = fmt.Sprintf("its ends must be nodes 0 to %d", n-1)
	case l.From == l.To:
		fault = fmt.Sprintf("joins node %q to itself", t.nodes[l.From].Name)
	case !(l.Bandwidth >= 0) || math.IsInf(float64(l.Bandwidth), 0):
		fault = fmt.Sprintf("bandwidth: found %v, allowed is 0 (infinite) or more", l.Bandwidth)
	case l.Latency < 0 || l.Jitter < 0:
		fault = fmt.Sprintf("latency and jitter: found %v and %v, allowed is 0 or more", l.Latency, l.Jitter)
	case !(l.Loss >= 0 && l.Loss < 1):
		fault = fmt.Sprintf("loss: found %v, allowed is 0 up to, but not, 1", l.Loss)
	case !(l.PricePerByte >= 0):
		fault = fmt.Sprintf("price: found %v, allowed is 0 or more", l.PricePerByte)
	default:
		return nil
	}
	return fmt.Errorf("link %q: %s", l.label(), fault)
}

// label is the link's name, or its ends by number before it has one.
func (l *Link) label() string {
	if l.Name != "" {
		return l.Name
	}
	return fmt.Sprintf("%d->%d", l.From, l.To)
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
	t.linkIDOf.Do(func() {
		if t.linkID != nil {
			return
		}
		t.linkID = make(map[string]LinkID, len(t.links))
		for i := range t.links {
			t.linkID[t.links[i].Name] = LinkID(i)
		}
	})
	id, ok := t.linkID[name]
	return id, ok
}

// Outgoing returns the links that leave n, by LinkID; not to be modified.
func (t *Topology) Outgoing(n NodeID) []LinkID { return t.out[t.first[n]:t.first[n+1]] }

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
