package maxmin

import "math"

// A bundle is all the flows of one route. They share bottleneck and level,
// so that the solver moves them as one. The bundle's clock reads the bytes
// that a flow of weight 1 has received since the bundle began: the reading of
// its bottleneck's clock plus offset.
type bundle struct {
	hops   []hop
	weight float64
	offset float64
	hash   uint32
	at     int32 // bottleneck, -1 while pending
	flows  int32
	root   int32 // heap of its flows
}

// A hop is a medium of a route. The hops of one cell are linked.
type hop struct {
	medium     int32
	cell       int32 // -1 at the bottleneck itself, and while pending
	prev, next place
}

// A place names a hop: a bundle and a position in its route.
type place struct{ bundle, hop int32 }

var nowhere = place{-1, -1}

// intern returns the bundle of a route, made on first use.
func (n *Network) intern(route []int32) int32 {
	h := hashRoute(route)
	mask := uint32(len(n.routes) - 1)
	i := h & mask
	for ; n.routes[i] >= 0; i = (i + 1) & mask {
		b := &n.bundles[n.routes[i]]
		if b.hash == h && equalRoute(b.hops, route) {
			return n.routes[i]
		}
	}
	if len(n.freeBundles) == 0 {
		n.freeBundles = append(n.freeBundles, int32(len(n.bundles)))
		n.bundles = append(n.bundles, bundle{})
		n.bundleNodes = append(n.bundleNodes, node{})
	}
	id := n.freeBundles[len(n.freeBundles)-1]
	n.freeBundles = n.freeBundles[:len(n.freeBundles)-1]
	b := &n.bundles[id]
	*b = bundle{hops: b.hops[:0], hash: h, at: -1, root: -1}
	for _, m := range route {
		b.hops = append(b.hops, hop{medium: m, cell: -1})
	}
	n.pending = append(n.pending, id)
	n.routes[i] = id
	if used := len(n.bundles) - len(n.freeBundles); 2*used > len(n.routes) {
		n.routes = newTable(2 * len(n.routes))
		for j := range n.bundles {
			if len(n.bundles[j].hops) > 0 {
				n.enlist(int32(j))
			}
		}
	}
	return id
}

func (n *Network) enlist(id int32) {
	mask := uint32(len(n.routes) - 1)
	i := n.bundles[id].hash & mask
	for n.routes[i] >= 0 {
		i = (i + 1) & mask
	}
	n.routes[i] = id
}

// release forgets a bundle without flows.
func (n *Network) release(id int32) {
	mask := uint32(len(n.routes) - 1)
	i := n.bundles[id].hash & mask
	for n.routes[i] != id {
		i = (i + 1) & mask
	}
	// Entries behind the hole that may move into it keep probing short.
	for j := (i + 1) & mask; n.routes[j] >= 0; j = (j + 1) & mask {
		home := n.bundles[n.routes[j]].hash & mask
		if (j-home)&mask >= (j-i)&mask {
			n.routes[i] = n.routes[j]
			i = j
		}
	}
	n.routes[i] = -1
	n.bundles[id].hops = n.bundles[id].hops[:0]
	n.freeBundles = append(n.freeBundles, id)
}

func newTable(size int) []int32 {
	t := make([]int32, size)
	for i := range t {
		t[i] = -1
	}
	return t
}

func hashRoute(route []int32) uint32 {
	h := uint64(len(route))
	for _, m := range route {
		h = (h ^ uint64(uint32(m))) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return uint32(h >> 32)
}

func equalRoute(hops []hop, route []int32) bool {
	if len(hops) != len(route) {
		return false
	}
	for k := range hops {
		if hops[k].medium != route[k] {
			return false
		}
	}
	return true
}

// enter puts flow i, whose key is set, into bundle b.
func (n *Network) enter(b, i int32) {
	u := &n.bundles[b]
	u.flows++
	u.root = insert(n.flowNodes, u.root, i, n.flowNodes[i].key)
	if u.root == i && u.at >= 0 {
		n.rekey(b)
	}
}

// withdraw takes flow i out of bundle b.
func (n *Network) withdraw(b, i int32) {
	u := &n.bundles[b]
	first := u.root == i
	u.flows--
	u.root = remove(n.flowNodes, u.root, i)
	if first && u.at >= 0 {
		if u.root >= 0 {
			n.rekey(b)
		} else {
			c := &n.clocks[u.at]
			c.root = remove(n.bundleNodes, c.root, b)
			n.retime(u.at)
		}
	}
}

// rekey puts bundle b where its first flow belongs among the bundles of its
// bottleneck.
func (n *Network) rekey(b int32) {
	u := &n.bundles[b]
	c := &n.clocks[u.at]
	c.root = remove(n.bundleNodes, c.root, b)
	c.root = insert(n.bundleNodes, c.root, b, n.flowNodes[u.root].key-u.offset)
	n.retime(u.at)
}

// reweigh adds w, which may be negative, to the weight of bundle b, and
// drops the bundle when no flow is left.
func (n *Network) reweigh(b int32, w float64) {
	u := &n.bundles[b]
	if u.flows == 0 && u.at >= 0 {
		n.leave(b)
		n.release(b)
		return
	}
	u.weight += w
	if u.at < 0 {
		return // pending: solve places or drops it
	}
	m := u.at
	level := n.media[m].level
	for k := range u.hops {
		h := &u.hops[k]
		if h.cell < 0 {
			n.media[h.medium].weight += w
			continue
		}
		n.cells.addWeight(n.columns, h.cell, w)
		x := &n.media[h.medium]
		x.used += float64(w * level)
		n.touch(h.medium)
	}
	n.touch(m)
}

// join makes m the bottleneck of bundle b, at the level that m has.
func (n *Network) join(b, m int32, reading float64) {
	u := &n.bundles[b]
	c := &n.clocks[m]
	x := &n.media[m]
	if x.weight == 0 {
		c.value, c.at, x.level = 0, n.now, 0
		x.top = math.Inf(1) // unknown: relevel looks at the whole row
		n.due.add(n.clocks, m)
	}
	u.at = m
	u.offset = reading - n.clockNow(m)
	c.root = insert(n.bundleNodes, c.root, b, n.flowNodes[u.root].key-u.offset)
	n.retime(m)
	for k := range u.hops {
		l := u.hops[k].medium
		if l == m {
			u.hops[k].cell = -1
			x.weight += u.weight
			continue
		}
		n.link(place{b, int32(k)}, m, u.weight)
		y := &n.media[l]
		y.used += float64(u.weight * x.level)
		y.top = max(y.top, x.level)
		n.touch(l)
	}
	n.touch(m)
}

// leave takes bundle b away from its bottleneck.
func (n *Network) leave(b int32) {
	u := &n.bundles[b]
	m := u.at
	x := &n.media[m]
	level := x.level
	for k := range u.hops {
		h := &u.hops[k]
		if h.cell < 0 {
			x.weight -= u.weight
			continue
		}
		n.media[h.medium].used -= float64(u.weight * level)
		n.unlink(place{b, int32(k)}, u.weight)
		n.touch(h.medium)
	}
	u.at = -1
	if x.weight == 0 {
		x.level = 0
		n.due.drop(n.clocks, m)
	}
	n.touch(m)
}

// move gives bundle b another bottleneck without losing its place in time.
func (n *Network) move(b, to int32) {
	reading := n.reading(b)
	if from := n.bundles[b].at; from >= 0 {
		c := &n.clocks[from]
		c.root = remove(n.bundleNodes, c.root, b)
		n.retime(from)
		n.leave(b)
	}
	n.join(b, to, reading)
}
