package maxmin

import (
	"cmp"
	"math"
	"slices"
)

// A medium is a capacity and its share in the present solution.
type medium struct {
	used     float64 // bytes/s of the flows whose bottleneck is elsewhere
	limit    float64 // used above it makes the medium a bottleneck
	weight   float64 // of the flows whose bottleneck is here
	level    float64 // bytes/s of a flow of weight 1 whose bottleneck is here
	top      float64 // no flow in used has a higher level; kept for bottlenecks
	capacity float64
	coarse   float64 // largest capacity since used was summed anew
	queued   bool
}

// tolerance is the relative excess of a level or a load that counts as
// rounding.
const tolerance = 1e-12

// negligible is the part of a capacity below which a change is not passed on.
const negligible = 1e-14

func (m *medium) setCapacity(c float64) {
	m.capacity = c
	m.limit = c * (1 + tolerance)
	m.coarse = max(m.coarse, c)
}

// coarseness is how far a capacity may fall before the rounding errors that
// its sums were allowed would show: 1e-16 times it stays well below 1e-9.
const coarseness = 1000

// share is the level at which the medium is full.
func (m *medium) share() float64 {
	if m.weight == 0 {
		return math.Inf(-1)
	}
	return (m.capacity - m.used) / m.weight
}

// A dirty medium is looked at in the order of the levels before the change,
// so that a medium follows those it depends on.
type dirty struct {
	key    float64
	medium int32
}

// touch queues a medium whose conditions may be broken.
func (n *Network) touch(m int32) {
	x := &n.media[m]
	if x.queued || x.weight == 0 && x.used <= x.limit {
		return
	}
	x.queued = true
	n.push(dirty{x.level, m})
}

func (n *Network) push(d dirty) {
	q := append(n.queue, d)
	i := len(q) - 1
	for i > 0 {
		p := (i - 1) / 2
		if q[p].key <= d.key {
			break
		}
		q[i] = q[p]
		i = p
	}
	q[i] = d
	n.queue = q
}

func (n *Network) pop() int32 {
	q := n.queue
	m := q[0].medium
	d := q[len(q)-1]
	q = q[:len(q)-1]
	n.queue = q
	if len(q) == 0 {
		return m
	}
	i := 0
	for {
		c := 2*i + 1
		if c >= len(q) {
			break
		}
		if c+1 < len(q) && q[c+1].key < q[c].key {
			c++
		}
		if q[c].key >= d.key {
			break
		}
		q[i] = q[c]
		i = c
	}
	q[i] = d
	return m
}

// solve brings rates and ends up to date with the changes of this instant.
func (n *Network) solve() {
	if !n.stale {
		return
	}
	n.stale = false
	if n.refill || 8*len(n.pending) > len(n.bundles)-len(n.freeBundles) {
		n.fill()
	} else {
		for _, b := range n.pending {
			n.admit(b)
		}
		n.pending = n.pending[:0]
		if !n.repair() {
			n.fill()
		}
	}
	n.punctual()
	n.refresh()
}

// admit gives a new bundle the bottleneck where its share would be the least.
func (n *Network) admit(b int32) {
	u := &n.bundles[b]
	if u.flows == 0 {
		n.release(b)
		return
	}
	best, least := int32(-1), math.Inf(1)
	for k := range u.hops {
		x := &n.media[u.hops[k].medium]
		if s := max(x.capacity-x.used, 0) / (x.weight + u.weight); s < least {
			best, least = u.hops[k].medium, s
		}
	}
	if best < 0 {
		n.unlimited(b)
		return
	}
	n.join(b, best, 0)
}

// unlimited ends the flows of a pending bundle that no medium holds back.
func (n *Network) unlimited(b int32) {
	u := &n.bundles[b]
	for u.root >= 0 {
		i := u.root
		u.root = remove(n.flowNodes, u.root, i)
		n.flows[i].bundle = -1
		n.finish(i)
	}
	n.release(b)
}

// repair restores the conditions of the solution around the changes. It
// returns false when it took too many steps.
func (n *Network) repair() bool {
	for budget := 64 + 4*len(n.due.order); len(n.queue) > 0; budget-- {
		if budget == 0 {
			return false
		}
		n.relevel(n.pop())
	}
	return true
}

// relevel gives a medium the level at which it is full, takes over the flows
// that would be faster, and passes the change on.
func (n *Network) relevel(m int32) {
	x := &n.media[m]
	level := x.share()
	if level < x.top || x.weight == 0 && x.used > x.limit {
		level = n.absorb(m) // while queued, so that it does not queue itself
	}
	x.queued = false
	if x.weight == 0 {
		return
	}
	level = max(level, 0)
	delta := level - x.level
	if math.Abs(delta)*x.weight <= negligible*x.capacity {
		return
	}
	n.settle(m)
	n.retime(m)
	x.level = level
	column := n.columns[m]
	n.credit += len(column)
	for i := range column {
		e := &column[i]
		y := &n.media[e.medium]
		y.used += float64(e.weight * delta)
		if y.weight > 0 {
			y.top = max(y.top, level)
		} else if y.used <= y.limit {
			continue
		}
		if !y.queued {
			y.queued = true
			n.push(dirty{y.level, e.medium})
		}
	}
}

// A rival is a cell of flows that may be faster than a medium allows.
type rival struct {
	level float64
	cell  int32
	at    int32
}

// absorb makes m the bottleneck of the flows across it that are faster than
// its share, the fastest first because each one taken over raises the share.
// It recomputes used and top on the way, and returns the share.
func (n *Network) absorb(m int32) float64 {
	x := &n.media[m]
	n.resum(m)
	level := x.share()
	if x.weight == 0 && x.used <= x.limit || level >= x.top*(1-tolerance) {
		return level
	}
	rivals := n.scratch.rivals[:0]
	for _, id := range n.rows[m] {
		at := n.cells.all[id].at
		if l := n.media[at].level; l*(1-tolerance) > level {
			rivals = append(rivals, rival{l, id, at})
		}
	}
	if len(rivals) > 1 {
		slices.SortFunc(rivals, func(a, b rival) int {
			return cmp.Or(cmp.Compare(b.level, a.level), cmp.Compare(a.at, b.at))
		})
	}
	n.scratch.rivals = rivals
	for _, r := range rivals {
		if r.level*(1-tolerance) <= level {
			break
		}
		n.takeOver(r.cell, m)
		level = x.share()
	}
	n.resum(m) // what was taken over may have dwarfed what is left
	return x.share()
}

// takeOver moves the bundles of a cell to the bottleneck m.
func (n *Network) takeOver(cell, m int32) {
	ids := n.scratch.ids[:0]
	for p := n.cells.all[cell].head; p != nowhere; p = n.hop(p).next {
		ids = append(ids, p.bundle)
	}
	n.scratch.ids = ids
	for _, b := range ids {
		if n.bundles[b].at != m { // a route may cross m twice
			n.move(b, m)
		}
	}
}

// resum recomputes what a medium carries from its row.
func (n *Network) resum(m int32) {
	used, top := 0.0, 0.0
	for _, id := range n.rows[m] {
		c := &n.cells.all[id]
		l := n.media[c.at].level
		used += float64(n.columns[c.at][c.column].weight * l)
		top = max(top, l)
	}
	x := &n.media[m]
	x.used, x.top, x.coarse = used, top, x.capacity
}

// refresh recomputes the sums of a few media, in turn, so that the rounding
// of their updates cannot pile up. It reads one entry for eight that were
// updated.
func (n *Network) refresh() {
	for n.credit >= 8*(len(n.rows[n.sweep])+8) {
		n.credit -= 8 * (len(n.rows[n.sweep]) + 8)
		n.resum(n.sweep)
		n.sweep = (n.sweep + 1) % int32(len(n.media))
	}
}
