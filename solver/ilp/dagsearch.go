package ilp

import (
	"container/heap"
	"math"
	"slices"
)

const (
	dagPartials = 20_000    // that a search for the cheapest path may keep
	dagTries    = 2_000_000 // operators placed while paths are listed
)

// prepare computes what the bounds are made of, and returns the sum of the
// least charges; +Inf when an operator has no node.
func (d *dag) prepare(c *charge) float64 {
	sum := 0.0
	for j, list := range c.allowed {
		d.least[j] = math.Inf(1)
		for _, v := range list {
			at := j*d.nodes + int(v)
			d.least[j] = min(d.least[j], c.pay[at]+d.added[at])
		}
		sum += d.least[j]
	}
	if math.IsInf(sum, 1) {
		return sum
	}
	for j := len(d.in) - 1; j >= 0; j-- {
		d.follow(c, j)
	}
	for j := range d.in {
		for _, v := range c.allowed[j] {
			most := 0.0
			for _, a := range d.in[j] {
				way := math.Inf(1)
				for _, u := range c.allowed[a.from] {
					way = min(way, d.head[a.from*d.nodes+int(u)]+d.extra(c, a.from, int(u))+d.link[a.link][int(v)*d.nodes+int(u)])
				}
				most = max(most, way)
			}
			d.head[j*d.nodes+int(v)] = most + d.time(j, int(v))
		}
	}
	return sum
}

// follow computes what comes after operator j at least, and what comes with it
// when nothing comes before.
func (d *dag) follow(c *charge, j int) {
	d.lone[j] = math.Inf(1)
	for _, v := range c.allowed[j] {
		most := 0.0
		for _, a := range d.out[j] {
			way := math.Inf(1)
			for _, u := range c.allowed[a.to] {
				at := a.to*d.nodes + int(u)
				way = min(way, d.link[a.link][int(u)*d.nodes+int(v)]+d.time(a.to, int(u))+d.extra(c, a.to, int(u))+d.tail[at])
			}
			d.after[a.link][v] = way
			most = max(most, way)
		}
		d.tail[j*d.nodes+int(v)] = most
		d.lone[j] = min(d.lone[j], d.time(j, int(v))+d.extra(c, j, int(v))+most)
	}
}

// extra is what operator j pays on node v above its least charge.
func (d *dag) extra(c *charge, j, v int) float64 {
	at := j*d.nodes + v
	return c.pay[at] + d.added[at] - d.least[j]
}

// rest is the longest way, whose operators so far, step of them, ended at end
// on the nodes of path; done is the longest that is over.
func (d *dag) rest(step int, done float64, end []float64, path []int16) float64 {
	for _, j := range d.starts[step] {
		done = max(done, d.lone[j])
	}
	for _, a := range d.ahead[step] {
		done = max(done, end[a.from]+d.after[a.link][path[a.from]])
	}
	return done
}

// A partial assignment has nodes for the first operators of the order.
type partial struct {
	bound float64
	price float64 // charges above the least
	done  float64 // the longest way that is over
	step  int
	dead  bool // another is as good
	path  []int16
	end   []float64
}

type partials []*partial

func (h partials) Len() int { return len(h) }
func (h partials) Less(a, b int) bool {
	if h[a].bound != h[b].bound {
		return h[a].bound < h[b].bound
	}
	return h[a].step > h[b].step
}
func (h partials) Swap(a, b int) { h[a], h[b] = h[b], h[a] }
func (h *partials) Push(x any)   { *h = append(*h, x.(*partial)) }
func (h *partials) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// children visits the assignments that place one more operator than x.
func (d *dag) children(c *charge, base float64, x *partial, visit func(*partial)) {
	j := d.order[x.step]
	for _, v := range c.allowed[j] {
		if x.step > 0 && d.left(v) != d.left(x.path[d.order[0]]) {
			continue
		}
		price := x.price + d.extra(c, j, int(v))
		end := d.finish(j, int(v), 1, x.end, x.path)
		if math.IsInf(price+end, 1) {
			continue
		}
		y := &partial{price: price, done: x.done, step: x.step + 1, path: slices.Clone(x.path), end: slices.Clone(x.end)}
		y.path[j], y.end[j] = v, end
		if len(d.out[j]) == 0 {
			y.done = max(y.done, end)
		}
		if y.bound = base + price + d.rest(y.step, y.done, y.end, y.path); !math.IsInf(y.bound, 1) {
			visit(y)
		}
	}
}

// root is the assignment of nothing.
func (d *dag) root() *partial {
	return &partial{path: make([]int16, len(d.in)), end: make([]float64, len(d.in))}
}

// cheapest implements shape.
func (d *dag) cheapest(c *charge, path []int16) float64 {
	base := d.prepare(c)
	if math.IsInf(base, 1) {
		return base
	}
	path[0] = -1
	open := partials{d.root()}
	known := map[string][]*partial{}
	for kept := 0; len(open) > 0; {
		x := heap.Pop(&open).(*partial)
		switch {
		case x.dead:
			continue
		case x.step == len(d.order):
			copy(path, x.path)
			return x.bound
		case kept > dagPartials:
			lower := x.bound
			d.dive(c, base, x, path)
			return lower
		}
		d.children(c, base, x, func(y *partial) {
			if d.useful(known, y) {
				kept++
				heap.Push(&open, y)
			}
		})
	}
	return math.Inf(1)
}

// useful records y unless a known assignment makes it superfluous; those that
// y makes superfluous die.
func (d *dag) useful(known map[string][]*partial, y *partial) bool {
	key := []byte{byte(y.step), 0}
	if d.left(y.path[d.order[0]]) {
		key[1] = 1
	}
	for _, j := range d.open[y.step] {
		key = append(key, byte(y.path[j]), byte(y.path[j]>>8))
	}
	list := known[string(key)]
	for _, x := range list {
		if d.covers(x, y) {
			return false
		}
	}
	list = slices.DeleteFunc(list, func(x *partial) bool {
		x.dead = x.dead || d.covers(y, x)
		return x.dead
	})
	known[string(key)] = append(list, y)
	return true
}

// covers reports whether x, with the same open operators on the same nodes, is
// at least as good as y however both go on.
func (d *dag) covers(x, y *partial) bool {
	late := max(0, x.done-y.done)
	for _, j := range d.open[x.step] {
		late = max(late, x.end[j]-y.end[j])
	}
	return x.price+late <= y.price
}

// dive completes an assignment by the best child each time; path is left alone
// when that comes to an end.
func (d *dag) dive(c *charge, base float64, x *partial, path []int16) {
	for x.step < len(d.order) {
		var best *partial
		d.children(c, base, x, func(y *partial) {
			if best == nil || y.bound < best.bound {
				best = y
			}
		})
		if x = best; x == nil {
			return
		}
	}
	copy(path, x.path)
}

// through implements shape.
func (d *dag) through(c *charge, out []float64) float64 {
	best := d.cheapest(c, make([]int16, len(d.in)))
	if math.IsInf(best, 1) {
		return best // out keeps what rules everything out
	}
	base := 0.0
	for _, x := range d.least {
		base += x
	}
	for j, list := range c.allowed {
		for _, v := range list {
			at := j*d.nodes + int(v)
			out[at] = base + d.extra(c, j, int(v)) + d.head[at] + d.tail[at]
		}
	}
	return best
}

// each implements shape.
func (d *dag) each(c *charge, gap float64, visit func(path []int16) bool) bool {
	room := d.cheapest(c, make([]int16, len(d.in))) + gap
	if math.IsInf(room, 1) {
		return true
	}
	base := 0.0
	for _, x := range d.least {
		base += x
	}
	tries := 0
	var down func(x *partial) bool
	down = func(x *partial) bool {
		if x.step == len(d.order) {
			total := d.cost(x.path)
			for j, v := range x.path {
				total += c.pay[j*d.nodes+int(v)]
			}
			return total > room || visit(x.path)
		}
		fine := true
		d.children(c, base, x, func(y *partial) {
			if tries++; fine && y.bound <= room {
				fine = tries < dagTries && down(y)
			}
		})
		return fine
	}
	return down(d.root())
}
