package search

import (
	"cmp"
	"math"
	"slices"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads/placement"
)

// Lines bound the time of a message between every two different nodes from
// below: delay + perByte*bytes, in nanoseconds, for messages of no more than
// the largest of the problem. Single precision halves what the inner loops
// read. Nodes lie in blocks of similar ones, with bounds of their own.
type lines struct {
	n              int
	id             []topology.NodeID // by place
	place          []int32           // by node
	delay, perByte []float32         // [from*n+to]; +Inf without a route and on one node
	block          []int32           // first place of each block, and n
	nearest        []float32         // [from*blocks+block]: the least delay into a block
	cheapest       []float32         // and the least perByte
}

// blockSize is how many nodes a block holds at most: about the square root of
// a thousand nodes, so that a bound costs as much as what it may save.
const blockSize = 16

func newLines(p *solver.Problem, largest float64) *lines {
	n := len(p.Topology.Nodes())
	l := &lines{n: n, delay: make([]float32, n*n), perByte: make([]float32, n*n), place: make([]int32, n)}
	probe := prober{p: p, largest: max(largest, 1)}
	for a := range n {
		probe.row(topology.NodeID(a), l.delay[a*n:][:n], l.perByte[a*n:][:n])
	}
	for v := range n {
		l.id = append(l.id, topology.NodeID(v))
	}
	l.split(l.features(largest/4), 0, n)
	l.block = append(l.block, int32(n))
	for at, v := range l.id {
		l.place[v] = int32(at)
	}
	l.delay, l.perByte = l.permuted(l.delay), l.permuted(l.perByte)
	l.nearest, l.cheapest = l.least(l.delay), l.least(l.perByte)
	return l
}

// send is the bound for so many bytes.
func (l *lines) send(bytes float64, from, to int32) float64 {
	if from == to {
		return 0
	}
	at := int(from)*l.n + int(to)
	return float64(l.delay[at]) + float64(bytes*float64(l.perByte[at]))
}

// features are what a message from some sixteen nodes pays to reach each node:
// nodes alike in it are alike as receivers.
func (l *lines) features(bytes float64) [][]float32 {
	marks := min(16, l.n)
	out := make([][]float32, 2*marks)
	for k := range marks {
		a := k * l.n / marks
		far, slow := make([]float32, l.n), make([]float32, l.n)
		for v := range l.n {
			if d := l.delay[a*l.n+v]; !math.IsInf(float64(d), 1) {
				far[v], slow[v] = d, float32(bytes)*l.perByte[a*l.n+v]
			}
		}
		out[2*k], out[2*k+1] = far, slow
	}
	return out
}

// split orders the nodes at lo to hi by halving them along the feature that
// spreads them most, down to blocks (a k-d tree; Bentley, 1975).
func (l *lines) split(features [][]float32, lo, hi int) {
	if hi-lo <= blockSize {
		l.block = append(l.block, int32(lo))
		return
	}
	var widest []float32
	most := -1.0
	for _, f := range features {
		var sum, square float64
		for _, v := range l.id[lo:hi] {
			sum += float64(f[v])
			square += float64(f[v]) * float64(f[v])
		}
		if spread := square - sum*sum/float64(hi-lo); spread > most {
			most, widest = spread, f
		}
	}
	slices.SortFunc(l.id[lo:hi], func(a, b topology.NodeID) int {
		return cmp.Or(cmp.Compare(widest[a], widest[b]), cmp.Compare(a, b))
	})
	mid := int(uint(lo+hi) / 2)
	l.split(features, lo, mid)
	l.split(features, mid, hi)
}

// permuted is a matrix by node as one by place.
func (l *lines) permuted(by []float32) []float32 {
	out := make([]float32, len(by))
	for a, from := range l.id {
		row := by[int(from)*l.n:][:l.n]
		for b, to := range l.id {
			out[a*l.n+b] = row[to]
		}
	}
	return out
}

// least is the minimum from each node into each block.
func (l *lines) least(by []float32) []float32 {
	blocks := len(l.block) - 1
	out := make([]float32, l.n*blocks)
	for a := range l.n {
		for k := range blocks {
			out[a*blocks+k] = slices.Min(by[a*l.n+int(l.block[k]) : a*l.n+int(l.block[k+1])])
		}
	}
	return out
}

// A prober measures transfer times.
type prober struct {
	p       *solver.Problem
	largest float64           // bytes
	link    []topology.LinkID // fastest link to each neighbour, under direct routing
}

// row fills what a message from a pays to every node.
func (x *prober) row(a topology.NodeID, delay, perByte []float32) {
	direct := x.p.Model.RoutingOrDefault() == topology.RouteDirect
	if direct {
		x.neighbours(a)
	}
	inf := float32(math.Inf(1))
	for b := range delay {
		to := topology.NodeID(b)
		var r topology.Route
		ok := to != a
		switch {
		case !ok:
		case direct:
			if ok = x.link[b] >= 0; ok {
				l := &x.p.Topology.Links()[x.link[b]]
				r = topology.Route{Links: x.link[b : b+1], Latency: l.Latency, Narrow: l.Bandwidth}
			}
		default:
			r, ok = x.p.Topology.Route(x.p.Model.RoutingOrDefault(), a, to)
		}
		delay[b], perByte[b] = inf, math.MaxFloat32
		if ok {
			delay[b], perByte[b] = x.line(r)
		}
	}
}

// line draws the bound through two messages; each hop may round by half a
// nanosecond, one way at one end and the other way in between.
func (x *prober) line(r topology.Route) (delay, perByte float32) {
	off := float64(len(r.Links))
	none := placement.RouteTime(x.p.Topology, x.p.Model, 0, r)
	full := placement.RouteTime(x.p.Topology, x.p.Model, x.largest, r)
	return below(max(0, float64(none)-off)), below(max(0, float64(full-none)-off) / x.largest)
}

// neighbours finds the link to each neighbour as topology.Route does.
func (x *prober) neighbours(a topology.NodeID) {
	if x.link == nil {
		x.link = make([]topology.LinkID, len(x.p.Topology.Nodes()))
	}
	for b := range x.link {
		x.link[b] = -1
	}
	all := x.p.Topology.Links()
	for _, id := range x.p.Topology.Outgoing(a) {
		if l := &all[id]; x.link[l.To] < 0 || l.Latency < all[x.link[l.To]].Latency {
			x.link[l.To] = id
		}
	}
}

// below is the next single-precision number at or under x.
func below(x float64) float32 {
	f := float32(min(x, math.MaxFloat32))
	if float64(f) > x {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}
