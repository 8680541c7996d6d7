package ilp

import (
	"cmp"
	"container/heap"
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// A vertex of the search tree: the nodes that operators may still use, or the
// listed paths that are left, and what is known of the placements among them.
type vertex struct {
	lower  float64
	permit []bool
	pool   *pool     // nil while paths are not listed
	lists  [][]int32 // of the pool's paths
	center []float64 // duals of the parent's bound, without the cuts'; nil when those at hand fit
	order  int64     // of creation, which settles ties
	tried  float64   // gap at which listing was last too much
}

type vertexHeap []*vertex

func (h vertexHeap) Len() int { return len(h) }
func (h vertexHeap) Less(a, b int) bool {
	if h[a].lower != h[b].lower {
		return h[a].lower < h[b].lower
	}
	return h[a].order > h[b].order
}
func (h vertexHeap) Swap(a, b int) { h[a], h[b] = h[b], h[a] }
func (h *vertexHeap) Push(x any)   { *h = append(*h, x.(*vertex)) }
func (h *vertexHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// A tree is the search: branch and price, best bound first with dives.
type tree struct {
	*relaxation
	best      [][]int16 // nil until a placement is known
	cost      float64   // of best; what nothing reaches when there is none
	listed    int       // paths in the pools that open vertices hold
	root      float64   // the best bound told
	vertices  int64
	ease      float64 // relative gap up to which combining has been worth it
	permitted []bool  // at the root
	history   history
	reworking reworking
	rng       *rand.Rand
	limit     int64 // of vertices, 0 for none
	report    func(lower, cost float64)
}

// below is the least bound that rules a vertex out.
func (t *tree) below() float64 {
	return t.cost - max(t.m.step*(1-1e-6), 1e-9*math.Abs(t.cost))
}

// better records a placement.
func (t *tree) better(paths [][]int16, cost float64) {
	if cost < t.cost {
		t.best, t.cost = clonePaths(paths), cost
		t.tell()
	}
}

func (t *tree) tell() {
	if t.report != nil {
		t.report(t.root, t.cost)
	}
}

// search explores below a vertex until the best placement there is known, the
// limit is reached or the context ends; it returns the bound. It goes on where
// the bound is least, and where no placement is known yet it dives for one.
func (t *tree) search(ctx context.Context, root *vertex) float64 {
	open := vertexHeap{root}
	var dive *vertex
	for dive != nil || len(open) > 0 {
		present := dive
		if dive = nil; present == nil {
			present = heap.Pop(&open).(*vertex)
		}
		if present.lower > t.below() {
			t.release(present)
			continue
		}
		others := math.Inf(1)
		if len(open) > 0 {
			others = open[0].lower
		}
		if ctx.Err() != nil || t.limit > 0 && t.vertices >= t.limit {
			return min(present.lower, others)
		}
		t.progress(min(present.lower, others))
		if t.vertices%64 == 63 {
			t.improve(ctx)
		}
		t.rework(ctx, 2)
		zero, one, done := t.visit(ctx, present)
		if !done {
			return min(present.lower, others)
		}
		for _, child := range []*vertex{zero, one} {
			if child == nil {
				continue
			}
			t.hold(child)
			if child == one && t.dives(one, others) {
				dive = one
			} else {
				heap.Push(&open, child)
			}
		}
		t.release(present)
	}
	return t.cost
}

// dives reports whether to go on with a child rather than where the bound is
// least, that of the others: while no placement is known, and among listed
// paths while the child is not much worse, as the relaxation then has little
// to change.
func (t *tree) dives(child *vertex, others float64) bool {
	return t.best == nil || t.pool != nil && child.lower <= others+0.5*(t.below()-others)
}

// hold and release count the vertices of a pool, so that what all pools in use
// take is known.
func (t *tree) hold(v *vertex) {
	if v.pool != nil {
		if v.pool.vertices == 0 {
			t.listed += len(v.pool.cost)
		}
		v.pool.vertices++
	}
}

func (t *tree) release(v *vertex) {
	if v.pool != nil {
		if v.pool.vertices--; v.pool.vertices == 0 {
			t.listed -= len(v.pool.cost)
		}
	}
}

// improve looks for a better placement while much is open: the neighbourhood
// search again, from the best known, over all that the root left. Where parts
// are placed again (rework) it is of little use.
func (t *tree) improve(ctx context.Context) {
	if t.best == nil || len(t.m.items) >= partsFrom || t.cost-t.root < 1e-3*math.Abs(t.cost) {
		return
	}
	present := slices.Clone(t.p.permit)
	copy(t.p.permit, t.permitted)
	t.p.list()
	t.rebuild(ctx, 20*len(t.p.allowed))
	copy(t.p.permit, present)
	t.p.list()
}

// progress tells of a bound that rose.
func (t *tree) progress(lower float64) {
	if lower = min(lower, t.cost); math.IsInf(t.root, -1) || lower > t.root+1e-4*(t.cost-t.root) {
		t.root = lower
		t.tell()
	}
}

// visit bounds a vertex and branches when that does not settle it; done is
// false when the search ended before.
func (t *tree) visit(ctx context.Context, v *vertex) (zero, one *vertex, done bool) {
	t.vertices++
	t.take(v)
	t.tidy()
	lower := t.tighten(ctx, v)
	if lower > t.below() {
		return nil, nil, true
	}
	if ctx.Err() != nil {
		return nil, nil, false
	}
	if t.pool == nil {
		t.fix(t.below())
		if gap := t.below() - lower; gap < 0.7*v.tried {
			if p := t.enumerate(t.below()); p != nil && t.listed+len(p.cost) < openPaths {
				v.pool, v.lists, v.lower = p, p.all(), lower
				t.hold(v)
				t.identify(p)
				t.pool = p
				t.restrictTo(v.lists)
			} else {
				v.tried = gap
			}
		}
	}
	if t.pool != nil {
		done, over := t.settle(ctx)
		if done || over {
			return nil, nil, done
		}
	}
	t.tidy()
	b, ok := t.choose(ctx)
	if !ok {
		return nil, nil, true
	}
	zero, one = t.split(v, lower, b)
	return zero, one, true
}

// take restricts the relaxation to the vertex.
func (t *tree) take(v *vertex) {
	if t.pool != v.pool && v.pool != nil {
		t.identify(v.pool)
	}
	t.pool = v.pool
	if v.pool != nil {
		t.restrictTo(v.lists)
	} else {
		copy(t.p.permit, v.permit)
		t.p.list()
		t.mark()
	}
	if v.center != nil {
		t.center = append(t.center[:0], v.center...)
		t.fit()
	}
}

// settle filters the lists and tries to combine what is left; done says that
// nothing better is left, over that the context ended.
func (t *tree) settle(ctx context.Context) (done, over bool) {
	left, ok := t.filter(t.below())
	if !ok {
		return true, false
	}
	if left > combinePaths {
		return false, false
	}
	gap := (t.cost - t.lower) / t.cost
	try := gap < t.ease
	paths, cost, done := t.combine(ctx, t.below(), try)
	if paths != nil {
		t.better(paths, cost)
	}
	if done {
		t.ease = max(t.ease, 1.2*gap)
	} else if try {
		t.ease = 0.75 * gap
	}
	return done, !done && ctx.Err() != nil
}

// tighten bounds the vertex and adds cuts while they help.
func (t *tree) tighten(ctx context.Context, v *vertex) float64 {
	lower := max(v.lower, t.bound(ctx, t.below()))
	for round := 0; round < 2 && lower <= t.below() && ctx.Err() == nil; round++ {
		t.round()
		if t.separate(30) == 0 {
			break
		}
		before := lower
		lower = max(lower, t.bound(ctx, t.below()))
		if lower-before < 0.02*(t.below()-before) {
			break
		}
	}
	return lower
}

// round takes the placement that the master's solution suggests, when it is one.
func (t *tree) round() {
	paths := make([][]int16, len(t.m.items))
	var cost float64
	for j, id := range t.master.basis {
		if id >= 0 && t.master.x[j] > 0.5 {
			c := t.master.cols[id]
			paths[c.item] = c.path
			cost += c.cost
		}
	}
	for _, path := range paths {
		if path == nil {
			return
		}
	}
	if cost < t.cost && t.m.runs(paths) {
		t.better(paths, cost)
	}
}

// tidy keeps the master small: columns come back when they are priced again.
func (t *tree) tidy() {
	most := 3000 + 20*len(t.m.items)
	if t.pool != nil {
		most = 200 + 2*t.master.rows
	}
	for share := 0.3; len(t.master.cols) > most && share > 0.005; share /= 3 {
		t.forget(share * (t.cost - t.lower))
	}
	if len(t.cuts) > 30+2*t.m.nodes {
		t.shed()
	}
}

// A branching puts an operator on a node or keeps it off; among listed paths
// also, with operator anywhere, lets an item visit a node or not.
type branching struct {
	item, op int
	node     int16
	value    float64 // in the master's solution
	score    float64
}

const anywhere = -1

func (b *branching) holds(path []int16) bool {
	if b.op == anywhere {
		return slices.Contains(path, b.node)
	}
	return path[b.op] == b.node
}

// choose picks what to branch on by trying the most promising; ok is false
// when nothing is left to decide.
func (t *tree) choose(ctx context.Context) (b branching, ok bool) {
	list := t.fractional()
	if len(list) == 0 {
		return t.undecided()
	}
	if list = t.expect(list); len(list) > 1 {
		list = t.strong(ctx, list)
	}
	return slices.MaxFunc(list, func(a, b branching) int { return cmp.Compare(a.score, b.score) }), true
}

// undecided is a branching although the master's solution is a placement,
// which happens when its bound is not exact.
func (t *tree) undecided() (branching, bool) {
	if t.pool == nil {
		for i := range t.m.items {
			for j := range t.m.items[i].ops {
				if allowed := t.p.allowed[t.p.first[i]+j]; len(allowed) > 1 {
					return branching{item: i, op: j, node: allowed[0]}, true
				}
			}
		}
		return branching{}, false
	}
	for i, list := range t.lists {
		for _, c := range list[1:] {
			for j, v := range t.pool.path[c] {
				if v != t.pool.path[list[0]][j] {
					return branching{item: i, op: j, node: v}, true
				}
			}
		}
	}
	return branching{}, false
}

// fractional lists the branchings of fractional value, the most promising
// first.
func (t *tree) fractional() []branching {
	n := t.m.nodes
	stride := n * (longest(t.m) + 1)
	at := map[int]int{}
	var list []branching
	count := func(item, op int, v int16, x float64) {
		key := item*stride + (op+1)*n + int(v)
		k, known := at[key]
		if !known {
			k = len(list)
			at[key] = k
			list = append(list, branching{item: item, op: op, node: v})
		}
		list[k].value += x
	}
	for j, id := range t.master.basis {
		if id < 0 || t.master.x[j] < 1e-9 {
			continue
		}
		c := t.master.cols[id]
		for k, v := range c.path {
			count(int(c.item), k, v, t.master.x[j])
			if t.pool != nil && !slices.Contains(c.path[:k], v) {
				count(int(c.item), anywhere, v, t.master.x[j])
			}
		}
	}
	list = slices.DeleteFunc(list, func(b branching) bool { return b.value < 1e-6 || b.value > 1-1e-6 })
	t.promise(list)
	slices.SortFunc(list, func(a, b branching) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.item, b.item), cmp.Compare(a.op, b.op), cmp.Compare(a.node, b.node))
	})
	return list
}

func longest(m *model) int {
	k := 0
	for i := range m.items {
		k = max(k, m.items[i].ops)
	}
	return k
}

// promise scores branchings without trying them: by how even their value and
// how large their demand is, and among listed paths by how far both sides
// raise the bound at once under the present duals.
func (t *tree) promise(list []branching) {
	if t.pool != nil {
		gap := t.cost - t.lower
		for k := range list {
			b := &list[k]
			on, off := math.Inf(1), math.Inf(1)
			for _, c := range t.lists[b.item] {
				v := t.value(c)
				if b.holds(t.pool.path[c]) {
					on = min(on, v)
				} else {
					off = min(off, v)
				}
			}
			least := min(on, off)
			b.score = (min(on-least, gap) + 0.02*gap*(1-b.value)) * (min(off-least, gap) + 0.02*gap*b.value)
			b.score += 1e-3 * gap * gap * min(b.value, 1-b.value)
		}
		return
	}
	for k := range list {
		b := &list[k]
		share := 0.1
		for _, d := range t.p.active {
			if q := t.m.row[int(b.node)*dims+d]; q >= 0 {
				share += t.m.items[b.item].need[b.op*dims+d] / t.m.limit[q]
			}
		}
		b.score = min(b.value, 1-b.value) * share
	}
}

// split makes the two children: the operator stays off the node, or goes there.
func (t *tree) split(v *vertex, lower float64, b branching) (zero, one *vertex) {
	center := slices.Clone(t.center[:len(t.m.items)+t.m.rows])
	zero = &vertex{lower: lower, order: 2 * t.vertices, center: center, tried: v.tried}
	one = &vertex{lower: lower, order: 2*t.vertices + 1, tried: v.tried}
	if t.pool != nil {
		zero.pool, one.pool = t.pool, t.pool
		zero.lists, one.lists = slices.Clone(t.lists), slices.Clone(t.lists)
		zero.lists[b.item], one.lists[b.item] = nil, nil
		for _, c := range t.lists[b.item] {
			if b.holds(t.pool.path[c]) {
				one.lists[b.item] = append(one.lists[b.item], c)
			} else {
				zero.lists[b.item] = append(zero.lists[b.item], c)
			}
		}
		return zero, one
	}
	n := t.m.nodes
	zero.permit, one.permit = slices.Clone(t.p.permit), slices.Clone(t.p.permit)
	row := (t.p.first[b.item] + b.op) * n
	zero.permit[row+int(b.node)] = false
	for u := range n {
		one.permit[row+u] = one.permit[row+u] && u == int(b.node)
	}
	return zero, one
}
