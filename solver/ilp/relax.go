package ilp

import (
	"context"
	"math"
	"slices"
)

// A cut is an inequality over the runs on one node that every placement
// satisfies: the weights of the runs there add up to limit at most.
type cut struct {
	node   int
	weight []float64 // by offset+run
	limit  float64
	by     float64 // how far it was broken when it was found
}

// A relaxation bounds the problem from below by column generation, where the
// search stands: the pricer holds which nodes each operator may still use.
type relaxation struct {
	m      *model
	p      *pricer
	master *master
	cuts   []cut
	cutsAt [][]int32 // by node
	shelf  [][]cut   // cuts shed, by node, the latest last
	limits []float64 // true right-hand sides by row; the master's are looser, against degeneracy
	seen   map[string]struct{}
	tables [][]float64 // of penalties, by node, reused

	center []float64 // the duals of the best bound
	lower  float64   // that bound
	passes int64     // pricing passes over all items

	pool  *pool     // nil while paths are priced by dynamic programming
	lists [][]int32 // the pool's paths that are left, by item
	cells []float64 // what a run on a node pays, by [node*runs+run]

	dense  []float64 // scratch of coefficients, by row
	touch  []int32
	path   []int16
	keyBuf []byte
}

func newRelaxation(m *model, worst float64) *relaxation {
	r := &relaxation{m: m, p: newPricer(m), cutsAt: make([][]int32, m.nodes), shelf: make([][]cut, m.nodes), seen: map[string]struct{}{}, tables: make([][]float64, m.nodes)}
	var rhs []float64
	for range m.items {
		r.limits = append(r.limits, 1)
		rhs = append(rhs, 1)
	}
	for q := range m.rows {
		r.limits = append(r.limits, 1)
		rhs = append(rhs, 1+looser(q))
	}
	r.master = newMaster(len(m.items), rhs, 10*worst+1)
	longest := 0
	for i := range m.items {
		longest = max(longest, m.items[i].ops)
	}
	r.path = make([]int16, longest)
	r.center = make([]float64, len(rhs))
	r.lower = math.Inf(-1)
	return r
}

// work is about how many products the relaxation has computed: a measure of
// time that is the same on every machine.
func (r *relaxation) work() int64 {
	return r.passes*int64(len(r.p.allowed)*r.m.nodes*r.m.nodes) + r.master.work
}

// looser spreads the right-hand sides so that few bases are degenerate.
func looser(row int) float64 {
	h := uint32(row+1) * 2654435761
	return 1e-6 * (1 + float64(h>>16)/65536)
}

// prices hands the duals to the pricer.
func (r *relaxation) prices(y []float64) {
	first := len(r.m.items)
	for c, q := range r.m.row {
		r.p.unit[c] = 0
		if q >= 0 {
			r.p.unit[c] = -y[first+int(q)] / r.m.limit[q]
		}
	}
	first += r.m.rows
	for v := range r.p.penalty {
		r.p.penalty[v] = nil
	}
	for q := range r.cuts {
		if first+q >= len(y) || y[first+q] == 0 {
			continue
		}
		c := &r.cuts[q]
		t := r.p.penalty[c.node]
		if t == nil {
			if r.tables[c.node] == nil {
				r.tables[c.node] = make([]float64, r.p.runs())
			}
			t = r.tables[c.node]
			clear(t)
			r.p.penalty[c.node] = t
		}
		pay := -y[first+q]
		for run, w := range c.weight {
			if w != 0 {
				t[run] += pay * w
			}
		}
	}
}

// lagrange is the bound that the duals y give. Each item's cheapest path is
// visited, with its number in the pool or -1.
func (r *relaxation) lagrange(y []float64, visit func(i int, path []int16, id int32)) float64 {
	r.passes++
	r.prices(y)
	if r.pool != nil {
		r.tabulate()
	}
	var bound float64
	for q := len(r.m.items); q < len(r.limits); q++ {
		bound += y[q] * r.limits[q]
	}
	for i := range r.m.items {
		path, id := r.path[:r.m.items[i].ops], int32(-1)
		var v float64
		if r.pool == nil {
			v = r.p.cheapest(i, path)
		} else if v, id = r.scan(i); id >= 0 {
			path = r.pool.path[id]
		}
		bound += v
		if math.IsInf(v, 1) {
			return v
		}
		if path[0] >= 0 {
			visit(i, path, id)
		}
	}
	return bound
}

// add makes a column of the path unless it is known.
func (r *relaxation) add(i int, path []int16, id int32) bool {
	r.key(i, path)
	if _, known := r.seen[string(r.keyBuf)]; known {
		return false
	}
	r.seen[string(r.keyBuf)] = struct{}{}
	c := &column{item: int32(i), id: id, cost: r.m.cost(i, path), path: slices.Clone(path)}
	r.resources(c)
	r.entries(c, 0)
	r.master.cols = append(r.master.cols, c)
	return true
}

// key writes what names a path into keyBuf.
func (r *relaxation) key(i int, path []int16) {
	b := append(r.keyBuf[:0], byte(i), byte(i>>8), byte(i>>16))
	for _, v := range path {
		b = append(b, byte(v), byte(v>>8))
	}
	r.keyBuf = b
}

// resources appends to a new column its entries in the rows of the resources.
func (r *relaxation) resources(c *column) {
	it := &r.m.items[c.item]
	for j, v := range c.path {
		for _, d := range r.p.active {
			if q := r.m.row[int(v)*dims+d]; q >= 0 && it.need[j*dims+d] > 0 {
				r.collect(len(r.m.items)+int(q), it.need[j*dims+d]/r.m.limit[q])
			}
		}
	}
	r.flush(c)
}

// entries appends to a column its entries in the cuts from number first on.
func (r *relaxation) entries(c *column, first int) {
	base := len(r.m.items) + r.m.rows
	r.p.eachRun(int(c.item), c.path, func(node, run int) {
		at := r.cutsAt[node]
		for k := len(at) - 1; k >= 0 && int(at[k]) >= first; k-- {
			if w := r.cuts[at[k]].weight[run]; w != 0 {
				r.collect(base+int(at[k]), w)
			}
		}
	})
	r.flush(c)
}

func (r *relaxation) collect(row int, v float64) {
	for len(r.dense) <= row {
		r.dense = append(r.dense, 0)
	}
	if r.dense[row] == 0 {
		r.touch = append(r.touch, int32(row))
	}
	r.dense[row] += v
}

func (r *relaxation) flush(c *column) {
	slices.Sort(r.touch)
	for _, row := range r.touch {
		c.idx = append(c.idx, row)
		c.val = append(c.val, r.dense[row])
		r.dense[row] = 0
	}
	r.touch = r.touch[:0]
}

// improves reports whether a path has a negative reduced cost in the master,
// and then adds it.
func (r *relaxation) improves(i int, path []int16, id int32) bool {
	y := r.master.y
	it := &r.m.items[i]
	rc := r.m.cost(i, path) - y[i]
	base := len(r.m.items)
	for j, v := range path {
		for _, d := range r.p.active {
			if q := r.m.row[int(v)*dims+d]; q >= 0 {
				rc -= y[base+int(q)] * it.need[j*dims+d] / r.m.limit[q]
			}
		}
	}
	base += r.m.rows
	r.p.eachRun(i, path, func(node, run int) {
		for _, q := range r.cutsAt[node] {
			rc -= y[base+int(q)] * r.cuts[q].weight[run]
		}
	})
	return rc < -negative && r.add(i, path, id)
}

// bound solves the relaxation, as far as that helps: it stops when the bound
// passes cutoff, when master and bound meet, or when what is left between
// them is a small part of what separates the bound from cutoff. The bound
// holds whenever it stops.
func (r *relaxation) bound(ctx context.Context, cutoff float64) float64 {
	r.lower = math.Inf(-1)
	r.fit()
	r.try(r.center)
	if r.lower > cutoff {
		return r.lower
	}
	r.master.reoptimise()
	for ctx.Err() == nil {
		z := r.master.objective()
		if z-r.lower < max(1e-9*math.Abs(z), 0.001*(cutoff-r.lower), 1e-6) || r.lower > cutoff {
			return r.lower
		}
		if r.generate() == 0 || r.lower > cutoff {
			return r.lower
		}
		r.master.primal(50 * (r.master.rows + 100))
	}
	return r.lower
}

// fit gives the center a value for every row.
func (r *relaxation) fit() {
	for len(r.center) < r.master.rows {
		r.center = append(r.center, 0)
	}
	r.center = r.center[:r.master.rows]
}

// try evaluates the bound at y and keeps the better; every path found that
// improves the master becomes a column. It returns their number.
func (r *relaxation) try(y []float64) int {
	added := 0
	b := r.lagrange(y, func(i int, path []int16, id int32) {
		if r.improves(i, path, id) {
			added++
		}
	})
	if b > r.lower {
		r.lower = b
		r.center = append(r.center[:0], y...)
	}
	return added
}

// generate prices between the center and the master's duals, which steadies
// them, and at the latter when nothing improves in between.
func (r *relaxation) generate() int {
	first := len(r.m.items)
	clipped := slices.Clone(r.master.y)
	for q := first; q < len(clipped); q++ {
		clipped[q] = min(clipped[q], 0)
	}
	mixed := slices.Clone(clipped)
	for _, a := range []float64{0.7, 0.4} {
		for q := first; q < len(mixed); q++ {
			mixed[q] = a*r.center[q] + (1-a)*clipped[q]
		}
		if n := r.try(mixed); n > 0 {
			return n
		}
	}
	return r.try(clipped)
}

// climb improves the center by subgradient steps towards target, and adds the
// paths met in the second half as columns.
func (r *relaxation) climb(ctx context.Context, steps int, target float64) {
	r.fit()
	first := len(r.m.items)
	y := slices.Clone(r.center)
	use := make([]float64, len(y)) // of the rows, less their limits
	length, stale := 1.0, 0
	r.lower = math.Inf(-1)
	for step := range steps {
		if ctx.Err() != nil {
			return
		}
		for q := first; q < len(use); q++ {
			use[q] = -r.limits[q]
		}
		b := r.lagrange(y, func(i int, path []int16, id int32) {
			r.spend(i, path, use)
			if step > steps/2 {
				r.add(i, path, id)
			}
		})
		if b > r.lower {
			r.lower, stale = b, 0
			copy(r.center, y)
		} else if stale++; stale >= 10 {
			length, stale = length*0.6, 0
			copy(y, r.center)
		}
		var norm float64
		for q := first; q < len(use); q++ {
			if use[q] > 0 || y[q] < 0 {
				norm += use[q] * use[q]
			}
		}
		if norm == 0 || r.lower > target || math.IsInf(b, 1) {
			return
		}
		move := length * (target - b) / norm
		for q := first; q < len(use); q++ {
			y[q] = min(0, y[q]-move*use[q])
		}
	}
}

// spend adds to use what a path takes of every row.
func (r *relaxation) spend(i int, path []int16, use []float64) {
	it := &r.m.items[i]
	base := len(r.m.items)
	for j, v := range path {
		for _, d := range r.p.active {
			if q := r.m.row[int(v)*dims+d]; q >= 0 {
				use[base+int(q)] += it.need[j*dims+d] / r.m.limit[q]
			}
		}
	}
	base += r.m.rows
	r.p.eachRun(i, path, func(node, run int) {
		for _, q := range r.cutsAt[node] {
			use[base+int(q)] += r.cuts[q].weight[run]
		}
	})
}

// insert adds cuts as rows.
func (r *relaxation) insert(cuts []cut) {
	var rhs []float64
	first := len(r.cuts)
	for _, c := range cuts {
		q := len(r.cuts)
		r.cuts = append(r.cuts, c)
		r.cutsAt[c.node] = append(r.cutsAt[c.node], int32(q))
		r.limits = append(r.limits, c.limit)
		rhs = append(rhs, c.limit+looser(q))
	}
	for _, c := range r.master.cols {
		r.entries(c, first)
	}
	r.master.grow(rhs)
	r.fit()
}

// shed drops the cuts that do not bind.
func (r *relaxation) shed() {
	base := len(r.m.items) + r.m.rows
	loose := make([]bool, r.master.rows)
	for j, id := range r.master.basis {
		if id < 0 && int(-1-id) >= base && r.master.x[j] > 1e-6 {
			loose[-1-id] = true
		}
	}
	if !slices.Contains(loose, true) {
		return
	}
	var cuts []cut
	var limits, center []float64
	for q := range loose {
		if loose[q] {
			r.shelve(r.cuts[q-base])
			continue
		}
		limits, center = append(limits, r.limits[q]), append(center, r.center[q])
		if q >= base {
			cuts = append(cuts, r.cuts[q-base])
		}
	}
	r.master.drop(func(row int) bool { return loose[row] })
	r.cuts, r.limits, r.center = cuts, limits, center
	for v := range r.cutsAt {
		r.cutsAt[v] = r.cutsAt[v][:0]
	}
	for q := range r.cuts {
		r.cutsAt[r.cuts[q].node] = append(r.cutsAt[r.cuts[q].node], int32(q))
	}
	r.lower = r.lagrange(r.center, func(int, []int16, int32) {})
}

// mark says which columns use a node that is ruled out.
func (r *relaxation) mark() {
	n := r.m.nodes
	for _, c := range r.master.cols {
		c.dead = false
		o := r.p.first[c.item] * n
		for j, v := range c.path {
			if !r.p.permit[o+j*n+int(v)] {
				c.dead = true
				break
			}
		}
	}
}

// forget drops columns that cost too much under the duals to matter soon.
func (r *relaxation) forget(above float64) {
	r.master.purge(func(c *column) bool {
		if r.master.reduced(c) < above {
			return true
		}
		r.key(int(c.item), c.path)
		delete(r.seen, string(r.keyBuf))
		return false
	})
}
