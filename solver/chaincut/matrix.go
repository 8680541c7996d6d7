package chaincut

import (
	"cmp"
	"math"
	"slices"
	"time"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads/placement"
)

// matrix is a carrier that knows of every pair of nodes how long a message
// takes at least, as a line: so long, and so much longer by the byte.
type matrix struct {
	p      *solver.Problem
	n      int
	lines  []line            // from a to b at b*n+a
	floors []line            // the least line out of each node
	links  []topology.LinkID // from a to b at a*n+b under direct routing, otherwise nil

	order  []sent // scratch: destinations
	active []open // scratch: senders
}

// A line bounds a transfer time from below by delay + perByte*bytes, in
// nanoseconds. Single precision halves what the inner loop reads.
type line struct{ delay, perByte float32 }

// sent is a node and what follows from it.
type sent struct {
	rest float64
	to   topology.NodeID
}

// open is a sender whose best destination may be yet to come.
type open struct {
	limit, least float64 // what it is known to pay at most, and what leaving it costs at least
	at           topology.NodeID
}

func newMatrix(p *solver.Problem) *matrix {
	n := len(p.Topology.Nodes())
	m := &matrix{p: p, n: n, lines: make([]line, n*n), floors: make([]line, n), order: make([]sent, 0, n)}
	if p.Model.RoutingOrDefault() == topology.RouteDirect {
		m.links = make([]topology.LinkID, n*n)
	}
	row := make([]line, n)
	for a := range n {
		for b := range row {
			row[b].delay = float32(math.Inf(1))
		}
		if m.links != nil {
			m.directRow(topology.NodeID(a), row)
		} else {
			m.routedRow(topology.NodeID(a), row)
		}
		least := line{float32(math.Inf(1)), math.MaxFloat32}
		for b := range row {
			least.delay = min(least.delay, row[b].delay)
			least.perByte = min(least.perByte, row[b].perByte)
			m.lines[b*n+a] = row[b]
		}
		m.floors[a] = least
	}
	return m
}

// directRow keeps the fastest link to each neighbour, as topology.Route does.
func (m *matrix) directRow(a topology.NodeID, row []line) {
	links := m.links[int(a)*m.n:][:m.n]
	for b := range links {
		links[b] = -1
	}
	all := m.p.Topology.Links()
	for _, id := range m.p.Topology.Outgoing(a) {
		if l := &all[id]; links[l.To] < 0 || l.Latency < all[links[l.To]].Latency {
			links[l.To] = id
			row[l.To] = m.under(l.Latency, perByte(l.Bandwidth), 1)
		}
	}
}

// routedRow follows the tree of routes from a.
func (m *matrix) routedRow(a topology.NodeID, row []line) {
	via := m.p.Topology.Via(m.p.Model.RoutingOrDefault(), a)
	all := m.p.Topology.Links()
	stored := m.p.Model.NetworkOrDefault() == placement.FIFO
	for b := range via {
		var d time.Duration
		var slope float64
		hops := 0
		for at := topology.NodeID(b); via[at] >= 0; hops++ {
			l := &all[via[at]]
			d += l.Latency
			if s := perByte(l.Bandwidth); stored {
				slope += s
			} else {
				slope = max(slope, s)
			}
			at = l.From
		}
		if hops > 0 {
			row[b] = m.under(d, slope, hops)
		}
	}
}

// perByte is how long a byte takes, in nanoseconds.
func perByte(b topology.BytesPerSecond) float64 {
	if b == 0 {
		return 0
	}
	return 1e9 / float64(b)
}

// under makes a line that is surely not above the time of a route: each hop
// may round half a nanosecond down.
func (m *matrix) under(latency time.Duration, slope float64, hops int) line {
	return line{below(float64(latency) - float64(hops)), below(slope * (1 - 1e-12))}
}

// below is the next single-precision number at or under x.
func below(x float64) float32 {
	f := float32(min(x, math.MaxFloat32))
	if float64(f) > x {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}

func (m *matrix) exact() bool { return true }

// cheapest implements carrier. Destinations are tried from the least rest on,
// for each sender until what remains cannot win even at the least cost of
// leaving it.
func (x *matrix) cheapest(m message, g, h []time.Duration, at []topology.NodeID) {
	x.sort(g)
	x.active = x.active[:0]
	for _, a := range m.from {
		h[a], at[a] = m.stay(x.p.Topology, g, a)
		least := float64(x.floors[a].delay) + float64(m.bytes*float64(x.floors[a].perByte))
		x.active = append(x.active, open{loose(h[a]), least, a})
	}
	for i, o := range x.order {
		if len(x.active) == 0 {
			break
		}
		if i < 8 || i%8 == 0 {
			x.active = slices.DeleteFunc(x.active, func(s open) bool { return o.rest+s.least > s.limit })
		}
		column := x.lines[int(o.to)*x.n:][:x.n]
		for k := range x.active {
			s := &x.active[k]
			l := &column[s.at]
			if o.rest+float64(l.delay)+float64(m.bytes*float64(l.perByte)) <= s.limit && s.at != o.to {
				d := x.time(m.bytes, s.at, o.to) + g[o.to]
				if d < h[s.at] || d == h[s.at] && o.to < at[s.at] {
					h[s.at], at[s.at], s.limit = d, o.to, loose(d)
				}
			}
		}
	}
}

// loose is d with what floating-point sums may miss.
func loose(d time.Duration) float64 { return float64(d)*(1+1e-15) + 1 }

// sort lists the nodes from which something follows, the least first.
func (m *matrix) sort(g []time.Duration) {
	m.order = m.order[:0]
	for b := range g {
		if g[b] < forever {
			m.order = append(m.order, sent{float64(g[b]), topology.NodeID(b)})
		}
	}
	slices.SortFunc(m.order, func(x, y sent) int { return cmp.Or(cmp.Compare(x.rest, y.rest), cmp.Compare(x.to, y.to)) })
}

// time is the exact transfer time between two different nodes.
func (m *matrix) time(bytes float64, a, b topology.NodeID) time.Duration {
	if m.links == nil {
		return transfer(m.p, bytes, a, b)
	}
	one := m.links[int(a)*m.n+int(b):][:1]
	if one[0] < 0 {
		return forever
	}
	l := &m.p.Topology.Links()[one[0]]
	return placement.RouteTime(m.p.Topology, m.p.Model, bytes, topology.Route{Links: one, Latency: l.Latency, Narrow: l.Bandwidth})
}

// transfer is placement.TransferTime, forever without a route.
func transfer(p *solver.Problem, bytes float64, a, b topology.NodeID) time.Duration {
	d, ok := placement.TransferTime(p.Topology, p.Model, bytes, a, b)
	if !ok {
		return forever
	}
	return min(d, forever)
}
