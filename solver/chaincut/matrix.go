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
	hops   int               // of the longest route

	base  time.Duration  // scratch: the least rest
	order []sent         // scratch: destinations
	open  []sender       // scratch
	route topology.Route // scratch
}

// A line bounds a transfer time from below by delay + perByte*bytes, in
// nanoseconds. Single precision halves what the inner loop reads.
type line struct{ delay, perByte float32 }

// sent is a node and what follows from it, beyond what follows from the best.
type sent struct {
	rest float32
	to   topology.NodeID
}

// A sender is a node with what the lines say of its destinations. Times count
// from the base and in single precision, rough by what above adds.
type sender struct {
	at, to topology.NodeID // itself and its best destination, perhaps itself; None if there is none
	best   float32         // what that costs at least
	second float32         // what every other costs at least
	limit  float32         // what the best costs at most
	least  float32         // what leaving costs at least
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
			row[b] = line{float32(math.Inf(1)), math.MaxFloat32}
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
			row[l.To], m.hops = m.under(l.Latency, perByte(l.Bandwidth), 1), 1
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
			row[b], m.hops = m.under(d, slope, hops), max(m.hops, hops)
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

// cheapest implements carrier. The lines tell each sender's best destination
// from the others; where they cannot, for the second is as near as the lines
// are rough, exact times do.
func (x *matrix) cheapest(m message, g, h []time.Duration, at []topology.NodeID) {
	x.sort(g)
	x.open = x.open[:0]
	for _, a := range m.from {
		h[a], at[a] = m.stay(x.p.Topology, g, a)
		s := sender{at: a, to: at[a], best: float32(forever), second: float32(forever), limit: float32(math.Inf(1)), least: x.floors[a].at(float32(m.bytes))}
		if s.to != topology.None {
			s.best = float32(g[a] - x.base)
			s.limit = x.above(s.best)
		}
		x.open = append(x.open, s)
	}
	x.scan(float32(m.bytes))
	for i := range x.open {
		switch s := &x.open[i]; {
		case s.to == topology.None:
		case s.second <= s.limit:
			x.settle(m, s, g, h, at)
		case s.to != s.at:
			h[s.at], at[s.at] = min(x.time(m.bytes, s.at, s.to)+g[s.to], forever), s.to
		}
	}
}

// scan finds the best destinations by the lines. Destinations are tried from
// the least rest on, for each sender until what remains cannot win even at the
// least cost of leaving it. Senders that are done go to the end.
func (x *matrix) scan(bytes float32) {
	open := x.open
	for i, o := range x.order {
		if i%8 == 0 {
			for k := 0; k < len(open); {
				if s := &open[k]; o.rest+s.least > s.limit {
					last := len(open) - 1
					open[k], open[last], open = open[last], open[k], open[:last]
				} else {
					k++
				}
			}
			if len(open) == 0 {
				break
			}
		}
		column := x.lines[int(o.to)*x.n:][:x.n]
		for k := range open {
			s := &open[k]
			v := o.rest + column[s.at].at(bytes)
			switch {
			case v >= s.second:
			case v >= s.best:
				s.second = v
			default:
				s.best, s.second, s.to = v, s.best, o.to
				s.limit = min(s.limit, x.above(v))
			}
		}
	}
}

// settle finds the best destination of one sender by exact times.
func (x *matrix) settle(m message, s *sender, g, h []time.Duration, at []topology.NodeID) {
	for _, o := range x.order {
		if o.rest+s.least > s.limit {
			return
		}
		if o.rest+x.lines[int(o.to)*x.n+int(s.at)].at(float32(m.bytes)) > s.limit {
			continue
		}
		if d := x.time(m.bytes, s.at, o.to) + g[o.to]; d < h[s.at] || d == h[s.at] && o.to < at[s.at] {
			h[s.at], at[s.at] = d, o.to
		}
	}
}

// at is the line's value for a message.
func (l *line) at(bytes float32) float32 { return l.delay + float32(bytes*l.perByte) }

// above is no less than what the lines say, v nanoseconds, of anything that
// truly costs as little as something of which they say v: each hop may round,
// and each of some sums and products to 24 bits.
func (x *matrix) above(v float32) float32 { return v + v*0x1p-20 + float32(2*x.hops+2) }

// sort lists the nodes from which something follows, the least first.
func (x *matrix) sort(g []time.Duration) {
	x.base, x.order = slices.Min(g), x.order[:0]
	for b := range g {
		if g[b] < forever {
			x.order = append(x.order, sent{float32(g[b] - x.base), topology.NodeID(b)})
		}
	}
	slices.SortFunc(x.order, func(a, b sent) int { return cmp.Compare(a.rest, b.rest) })
}

// time is the exact transfer time between two nodes that a route joins.
func (x *matrix) time(bytes float64, a, b topology.NodeID) time.Duration {
	t := x.p.Topology
	if a == b {
		return 0
	}
	if x.links == nil {
		trace(t, t.Via(x.p.Model.RoutingOrDefault(), a), b, &x.route)
		return placement.RouteTime(t, x.p.Model, bytes, x.route)
	}
	one := x.links[int(a)*x.n+int(b):][:1]
	l := &t.Links()[one[0]]
	return placement.RouteTime(t, x.p.Model, bytes, topology.Route{Links: one, Latency: l.Latency, Narrow: l.Bandwidth})
}

// trace sets r to the route to b by the last links of the routes from its
// source. Its links go backwards, which no time depends on.
func trace(t *topology.Topology, via []topology.LinkID, b topology.NodeID, r *topology.Route) {
	*r = topology.Route{Links: r.Links[:0]}
	for at := b; via[at] >= 0; {
		l := &t.Links()[via[at]]
		r.Links, r.Latency = append(r.Links, via[at]), r.Latency+l.Latency
		if l.Bandwidth > 0 && (r.Narrow == 0 || l.Bandwidth < r.Narrow) {
			r.Narrow = l.Bandwidth
		}
		at = l.From
	}
}

// transfer is placement.TransferTime, forever without a route.
func transfer(p *solver.Problem, bytes float64, a, b topology.NodeID) time.Duration {
	d, ok := placement.TransferTime(p.Topology, p.Model, bytes, a, b)
	if !ok {
		return forever
	}
	return min(d, forever)
}
