package ilp

import (
	"math"
	"slices"
)

// Once few paths of every item can still be part of a placement better than
// the best known, they are listed and the search goes on over the lists: then
// pricing is a scan, and reduced costs rule out single paths.

const (
	mostPaths = 100_000   // that are listed at once
	openPaths = 1_000_000 // in all pools that open vertices hold
)

// A pool holds the listed paths, by item, in one piece.
type pool struct {
	first []int32 // an item's first path
	cost  []float64
	path  [][]int16
	runs  []int32 // cells of r.cells that a path's runs pay, by start
	start []int32

	rows  []int32 // resources that a path takes, by from
	takes []float64
	from  []int32

	vertices int // open ones that hold it
}

// enumerate lists the paths whose reduced cost leaves room in the gap below
// upper; nil when there are too many. The duals are those of the bound.
func (r *relaxation) enumerate(upper float64) *pool {
	r.prices(r.center)
	p := &pool{start: []int32{0}, from: []int32{0}}
	for i := range r.m.items {
		p.first = append(p.first, int32(len(p.cost)))
		if !r.listPaths(p, i, upper-r.lower) {
			return nil
		}
	}
	p.first = append(p.first, int32(len(p.cost)))
	return p
}

// listPaths appends the paths of item i whose reduced cost is within the gap.
// It follows the forward program backwards and turns around where the gap is
// used up; false means that there are too many.
func (r *relaxation) listPaths(out *pool, i int, gap float64) bool {
	p, it, n := r.p, &r.m.items[i], r.m.nodes
	if it.shape != nil {
		return it.shape.each(p.charge(i), gap, func(path []int16) bool { return r.list(out, i, path, 0, math.Inf(1)) })
	}
	p.forward(i)
	last := p.allowed[p.first[i]+it.ops-1]
	best := math.Inf(1)
	for _, v := range last {
		best = min(best, p.dist[(it.ops-1)*n+int(v)])
	}
	room := best + gap
	path := make([]int16, it.ops)
	var back func(j int, v int16, suffix float64) bool
	back = func(j int, v int16, suffix float64) bool {
		fine := true
		p.extend(i, j, int(v), func(a int, cost float64) {
			path[a] = v
			total := suffix + cost
			if !fine || total+p.arrive[a*n+int(v)] > room {
				return
			}
			if a == 0 {
				fine = r.list(out, i, path, total, room)
				return
			}
			link := it.link[a-1][int(v)*n : (int(v)+1)*n]
			for _, h := range p.allowed[p.first[i]+a-1] {
				if h != v && total+link[h]+p.dist[(a-1)*n+int(h)] <= room {
					if fine = back(a-1, h, total+link[h]); !fine {
						return
					}
				}
			}
		})
		return fine
	}
	for _, v := range last {
		if !back(it.ops-1, v, 0) {
			return false
		}
	}
	return true
}

// list appends one path unless its true cost takes it past room: under
// Berkeley contention the program counts too little for a path that returns
// to a node. It reports false when the list of the item is full.
func (r *relaxation) list(out *pool, i int, path []int16, total, room float64) bool {
	cost := r.m.cost(i, path)
	if it := &r.m.items[i]; it.crowd && it.shape == nil && total+cost-r.contiguous(i, path) > room {
		return true
	}
	out.cost = append(out.cost, cost)
	out.path = append(out.path, slices.Clone(path))
	r.p.eachRun(i, path, func(node, run int) {
		out.runs = append(out.runs, int32(node*r.p.runs()+run))
	})
	out.start = append(out.start, int32(len(out.runs)))
	r.demand(out, i, path)
	return len(out.cost) <= mostPaths
}

// demand appends what a path takes of each row.
func (r *relaxation) demand(out *pool, i int, path []int16) {
	it := &r.m.items[i]
	first := out.from[len(out.from)-1]
	for j, v := range path {
		for _, d := range r.p.active {
			q := r.m.row[int(v)*dims+d]
			need := it.need[j*dims+d]
			if q < 0 || need == 0 {
				continue
			}
			if at := slices.Index(out.rows[first:], q); at >= 0 {
				out.takes[int(first)+at] += need
			} else {
				out.rows, out.takes = append(out.rows, q), append(out.takes, need)
			}
		}
	}
	out.from = append(out.from, int32(len(out.rows)))
}

// contiguous is the cost of a path as the dynamic program counts it: each run
// crowds itself alone.
func (r *relaxation) contiguous(i int, path []int16) float64 {
	it, n := &r.m.items[i], r.m.nodes
	var sum float64
	r.p.eachRun(i, path, func(node, run int) {
		a, b := r.p.start[it.ops][run-r.p.offset[i]], r.p.end[it.ops][run-r.p.offset[i]]
		for j := a; j <= b; j++ {
			k := 1
			if r.m.crowds[node] {
				k = int(b-a) + 1
			}
			sum += it.own[int(j)*n+node] * float64(k)
		}
	})
	for j := 1; j < len(path); j++ {
		sum += it.link[j-1][int(path[j])*n+int(path[j-1])]
	}
	return sum
}

// tabulate fills cells: what each run on each node pays under the prices set.
func (r *relaxation) tabulate() {
	runs := r.p.runs()
	if len(r.cells) != runs*r.m.nodes {
		r.cells = make([]float64, runs*r.m.nodes)
	}
	for v := range r.m.nodes {
		row := r.cells[v*runs : (v+1)*runs]
		clear(row)
		for _, d := range r.p.active {
			u := r.p.unit[v*dims+d]
			if u == 0 {
				continue
			}
			for run := range row {
				row[run] += u * r.p.runNeed[run*dims+d]
			}
		}
		if t := r.p.penalty[v]; t != nil {
			for run, x := range t {
				row[run] += x
			}
		}
	}
}

// value is what listed path c pays under the prices tabulated.
func (r *relaxation) value(c int32) float64 {
	p := r.pool
	v := p.cost[c]
	for _, cell := range p.runs[p.start[c]:p.start[c+1]] {
		v += r.cells[cell]
	}
	return v
}

// scan is the cheapest listed path of item i that is left, -1 without one.
func (r *relaxation) scan(i int) (float64, int32) {
	best, at := math.Inf(1), int32(-1)
	for _, c := range r.lists[i] {
		if v := r.value(c); v < best {
			best, at = v, c
		}
	}
	return best, at
}

// all is every path of the pool, by item.
func (p *pool) all() [][]int32 {
	out := make([][]int32, len(p.first)-1)
	for i := range out {
		for c := p.first[i]; c < p.first[i+1]; c++ {
			out[i] = append(out[i], c)
		}
	}
	return out
}

// filter drops the listed paths that cost more than the gap leaves under the
// duals of the bound; it returns how many are left and whether every item has
// one.
func (r *relaxation) filter(upper float64) (left int, ok bool) {
	r.prices(r.center)
	r.tabulate()
	gap := upper - r.lower
	lists := make([][]int32, len(r.lists))
	for i, list := range r.lists {
		best, _ := r.scan(i)
		for _, c := range list {
			if r.value(c)-best <= gap {
				lists[i] = append(lists[i], c)
			}
		}
		if len(lists[i]) == 0 {
			return 0, false
		}
		left += len(lists[i])
	}
	r.lists = lists
	return left, true
}

// identify gives the master's columns their numbers in a new pool.
func (r *relaxation) identify(p *pool) {
	known := map[string]*column{}
	for _, c := range r.master.cols {
		c.id = -1
		r.key(int(c.item), c.path)
		known[string(r.keyBuf)] = c
	}
	for i := range r.m.items {
		for c := p.first[i]; c < p.first[i+1]; c++ {
			r.key(i, p.path[c])
			if col := known[string(r.keyBuf)]; col != nil {
				col.id = c
			}
		}
	}
}

// restrictTo leaves the listed paths alone.
func (r *relaxation) restrictTo(lists [][]int32) {
	r.lists = lists
	alive := make([]bool, len(r.pool.cost))
	for _, list := range lists {
		for _, c := range list {
			alive[c] = true
		}
	}
	for _, c := range r.master.cols {
		c.dead = c.id < 0 || !alive[c.id]
	}
}
