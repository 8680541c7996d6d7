package maxmin

import (
	"math"
	"time"
)

// A clock tells how many bytes a flow of weight 1 whose bottleneck is this
// medium has received: it runs at the medium's level. A change of level
// touches the clock alone, however many flows it serves.
type clock struct {
	value float64
	at    time.Duration // when it read value
	root  int32         // heap of the bundles by the reading at which their first flow ends
	place int32         // in dues, -1 when nobody's bottleneck
	due   time.Duration // when the first flow ends, rounded up
	late  bool          // due is to be recomputed
}

// slack is the rounding error, in nanoseconds, that is not rounded up to a
// whole one: equal flows end at one instant.
const slack = 1e-3

// rewind is the span, in nanoseconds at the present level, after which a
// clock starts again at zero: 2^12 s, when its last bit is worth 1 ps.
const rewind = 4096e9

// clockNow reads the clock of medium m at the present instant.
func (n *Network) clockNow(m int32) float64 {
	c := &n.clocks[m]
	if c.at == n.now {
		return c.value
	}
	return c.value + float64(n.media[m].level*float64(n.now-c.at)*1e-9)
}

// reading reads the clock of bundle b at the present instant.
func (n *Network) reading(b int32) float64 {
	u := &n.bundles[b]
	if u.at < 0 {
		return 0
	}
	return n.clockNow(u.at) + u.offset
}

// settle brings the clock of m to the present, as a change of level requires.
func (n *Network) settle(m int32) {
	c := &n.clocks[m]
	if c.at == n.now {
		return
	}
	level := n.media[m].level
	c.value += float64(level * float64(n.now-c.at) * 1e-9)
	c.at = n.now
	if level > 0 && c.value*1e9 > rewind*level {
		n.rewind(m)
	}
}

// rewind sets the clocks of m and of its bundles to zero, so that long runs
// stay as exact as short ones.
func (n *Network) rewind(m int32) {
	c := &n.clocks[m]
	for b := range n.bundles {
		u := &n.bundles[b]
		if u.at != m || len(u.hops) == 0 {
			continue
		}
		past := c.value + u.offset
		for i := range n.flows {
			if n.flows[i].live && n.flows[i].bundle == int32(b) {
				n.flowNodes[i].key -= past
			}
		}
		u.offset = 0
		n.bundleNodes[b].key = n.flowNodes[u.root].key
	}
	c.value = 0
}

// retime has the next end at m recomputed before it is asked for.
func (n *Network) retime(m int32) {
	c := &n.clocks[m]
	if !c.late {
		c.late = true
		n.late = append(n.late, m)
	}
}

// dueAt returns when the clock of m, settled, reads key.
func (n *Network) dueAt(m int32, key float64) time.Duration {
	left := key - n.clocks[m].value
	if left <= 0 {
		return n.now
	}
	x := left / n.media[m].level * 1e9
	x = math.Ceil(x - max(slack, float64(x*4e-16)))
	if !(x < float64(never-n.now)) {
		return never
	}
	return n.now + time.Duration(x)
}

// punctual recomputes the next ends that changed.
func (n *Network) punctual() {
	d := &n.due
	many := len(n.late)*8 > len(d.order)
	if many {
		d.sorted = false
	} else if !d.sorted {
		d.sort(n.clocks)
	}
	d.best = -1
	for _, m := range n.late {
		c := &n.clocks[m]
		c.late = false
		if c.place < 0 {
			continue
		}
		n.settle(m)
		c.due = n.dueAt(m, n.bundleNodes[c.root].key)
		if d.sorted {
			d.fix(n.clocks, m)
		}
	}
	n.late = n.late[:0]
}

// first returns the medium where the next flow ends, -1 without flows.
func (n *Network) first() int32 {
	d := &n.due
	if len(d.order) == 0 {
		return -1
	}
	if d.sorted {
		return d.order[0]
	}
	if d.best < 0 {
		d.best = d.order[0]
		at := n.clocks[d.best].due
		for _, m := range d.order {
			if t := n.clocks[m].due; t < at {
				d.best, at = m, t
			}
		}
	}
	return d.best
}

// retire ends the flows that are due at the present instant.
func (n *Network) retire() {
	for {
		m := n.first()
		if m < 0 || n.clocks[m].due > n.now {
			return
		}
		n.settle(m)
		c := &n.clocks[m]
		for {
			i := n.bundles[c.root].root
			n.exit(i)
			n.finish(i)
			if c.root < 0 {
				break
			}
			if c.due = n.dueAt(m, n.bundleNodes[c.root].key); c.due > n.now {
				if n.due.sorted {
					n.due.fix(n.clocks, m)
				}
				n.due.best = -1
				break
			}
		}
	}
}

// dues holds the media that are somebody's bottleneck, by the instants of
// their next ends: as a binary heap while few change at a time, and
// unordered, to be searched from end to end, while many do.
type dues struct {
	order  []int32
	sorted bool
	best   int32 // unordered: the first, -1 unknown
}

func (d *dues) add(cs []clock, m int32) {
	cs[m].place = int32(len(d.order))
	cs[m].due = never
	d.order = append(d.order, m)
	d.best = -1
}

func (d *dues) drop(cs []clock, m int32) {
	p := cs[m].place
	last := d.order[len(d.order)-1]
	d.order[p] = last
	cs[last].place = p
	d.order = d.order[:len(d.order)-1]
	cs[m].place = -1
	cs[m].due = never
	d.best = -1
	if d.sorted && last != m {
		d.fix(cs, last)
	}
}

func (d *dues) sort(cs []clock) {
	d.sorted = true
	for i := len(d.order)/2 - 1; i >= 0; i-- {
		d.down(cs, int32(i))
	}
}

func (d *dues) fix(cs []clock, m int32) {
	i := cs[m].place
	for i > 0 {
		p := (i - 1) / 2
		up := d.order[p]
		if cs[up].due <= cs[m].due {
			break
		}
		d.order[i] = up
		cs[up].place = i
		i = p
	}
	d.order[i] = m
	cs[m].place = i
	d.down(cs, i)
}

func (d *dues) down(cs []clock, i int32) {
	m := d.order[i]
	for {
		k := 2*i + 1
		if int(k) >= len(d.order) {
			break
		}
		if int(k)+1 < len(d.order) && cs[d.order[k+1]].due < cs[d.order[k]].due {
			k++
		}
		low := d.order[k]
		if cs[low].due >= cs[m].due {
			break
		}
		d.order[i] = low
		cs[low].place = i
		i = k
	}
	d.order[i] = m
	cs[m].place = i
}
