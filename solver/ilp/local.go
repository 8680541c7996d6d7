package ilp

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// A local search changes an assignment step by step. Nodes may be overfull on
// the way.
type local struct {
	m     *model
	rng   *rand.Rand
	paths [][]int16
	use   []float64 // by row
	cost  float64
	over  float64 // how overfull the nodes are
}

func newLocal(m *model, rng *rand.Rand) *local {
	return &local{m: m, rng: rng, paths: make([][]int16, len(m.items)), use: make([]float64, m.rows)}
}

// place books operator j of item i on node v; sign -1 takes it away.
func (l *local) place(i, j int, v int16, sign float64) {
	it := &l.m.items[i]
	for d := range dims {
		if q := l.m.row[int(v)*dims+d]; q >= 0 {
			l.use[q] += sign * it.need[j*dims+d]
		}
	}
}

// excess is how overfull node v is.
func (l *local) excess(v int16) float64 {
	var sum float64
	for d := range dims {
		if q := l.m.row[int(v)*dims+d]; q >= 0 && l.use[q] > l.m.limit[q]*(1+epsilon) {
			sum += l.use[q]/l.m.limit[q] - 1 + 0.1
		}
	}
	return sum
}

// around is what operator j of item i costs with its links, on v.
func (l *local) around(i, j int, v int16) float64 {
	it, path, n := &l.m.items[i], l.paths[i], l.m.nodes
	c := it.own[j*n+int(v)]
	if j > 0 {
		c += it.link[j-1][int(v)*n+int(path[j-1])]
	}
	if j+1 < it.ops {
		c += it.link[j][int(path[j+1])*n+int(v)]
	}
	return c
}

// shift is what moving operator j of item i to v adds to its cost.
func (l *local) shift(i, j int, v int16) float64 {
	if it := &l.m.items[i]; !it.crowd && it.shape == nil {
		return l.around(i, j, v) - l.around(i, j, l.paths[i][j])
	}
	path := l.paths[i]
	before := l.m.cost(i, path)
	old := path[j]
	path[j] = v
	after := l.m.cost(i, path)
	path[j] = old
	return after - before
}

// start takes paths as the present state; a missing one is drawn.
func (l *local) start(paths [][]int16) {
	for i := range l.m.items {
		it := &l.m.items[i]
		if paths != nil && paths[i] != nil {
			l.paths[i] = slices.Clone(paths[i])
		} else {
			l.paths[i] = l.draw(it)
		}
		for j, v := range l.paths[i] {
			l.place(i, j, v, 1)
		}
		l.cost += l.m.cost(i, l.paths[i])
	}
	for v := range l.m.nodes {
		l.over += l.excess(int16(v))
	}
}

// draw returns a random path that has a route throughout when one is found
// by walking.
func (l *local) draw(it *item) []int16 {
	n := l.m.nodes
	path := make([]int16, it.ops)
	if it.shape != nil {
		it.shape.draw(l.rng, path)
		return path
	}
	for try := range 50 {
		fine := true
		for j := range path {
			var open []int16
			for v := range n {
				if !math.IsInf(it.own[j*n+v], 1) && (j == 0 || try >= 40 || !math.IsInf(it.link[j-1][v*n+int(path[j-1])], 1)) {
					open = append(open, int16(v))
				}
			}
			if fine = len(open) > 0; !fine {
				break
			}
			path[j] = open[l.rng.IntN(len(open))]
		}
		if fine {
			break
		}
	}
	return path
}

// anneal improves the state by moves and swaps of operators, ever less
// willing to get worse and ever less tolerant of overfull nodes. It returns
// the cheapest state that fits, nil when it met none.
func (l *local) anneal(ctx context.Context, steps int) ([][]int16, float64) {
	type place struct{ item, op int }
	var ops []place
	open := make([][][]int16, len(l.m.items))
	for i := range l.m.items {
		it := &l.m.items[i]
		open[i] = make([][]int16, it.ops)
		for j := range it.ops {
			for v := range l.m.nodes {
				if !math.IsInf(it.own[j*l.m.nodes+v], 1) {
					open[i][j] = append(open[i][j], int16(v))
				}
			}
			if len(open[i][j]) > 1 {
				ops = append(ops, place{i, j})
			}
		}
	}
	var best [][]int16
	least := math.Inf(1)
	keep := func() {
		if l.cost < least-1e-9 && l.over < 1e-9 && l.m.runs(l.paths) {
			least, best = l.cost, clonePaths(l.paths)
		}
	}
	keep()
	if len(ops) == 0 {
		return best, least
	}
	mean := 1e4 / float64(max(1, len(ops)/max(1, len(l.m.items))))
	for step := range steps {
		if step%1024 == 0 && ctx.Err() != nil {
			break
		}
		done := float64(step) / float64(steps)
		heat := mean * 0.5 * math.Pow(0.004, done)
		blame := mean * 4 * (1 + 20*done)
		a := ops[l.rng.IntN(len(ops))]
		if l.rng.IntN(2) == 0 {
			v := l.suggest(a.item, a.op, open[a.item][a.op])
			l.move(a.item, a.op, v, heat, blame)
		} else {
			b := ops[l.rng.IntN(len(ops))]
			l.swap(a.item, a.op, b.item, b.op, heat, blame)
		}
		if l.over < 1e-9 && l.cost < least {
			keep()
		}
	}
	return best, least
}

func clonePaths(paths [][]int16) [][]int16 {
	out := make([][]int16, len(paths))
	for i := range paths {
		out[i] = slices.Clone(paths[i])
	}
	return out
}

// suggest draws a node for an operator, often a neighbour's.
func (l *local) suggest(i, j int, open []int16) int16 {
	path := l.paths[i]
	switch l.rng.IntN(4) {
	case 0:
		if j > 0 {
			return path[j-1]
		}
	case 1:
		if j+1 < len(path) {
			return path[j+1]
		}
	}
	return open[l.rng.IntN(len(open))]
}

// accepts decides on a change of cost.
func (l *local) accepts(change, heat float64) bool {
	return change <= 0 || l.rng.Float64() < math.Exp(-change/heat)
}

func (l *local) move(i, j int, v int16, heat, blame float64) {
	old := l.paths[i][j]
	if v == old || math.IsInf(l.m.items[i].own[j*l.m.nodes+int(v)], 1) {
		return
	}
	change := l.shift(i, j, v)
	if math.IsInf(change, 1) || math.IsNaN(change) {
		return
	}
	before := l.excess(old) + l.excess(v)
	l.place(i, j, old, -1)
	l.place(i, j, v, 1)
	over := l.excess(old) + l.excess(v) - before
	if !l.accepts(change+blame*over, heat) {
		l.place(i, j, v, -1)
		l.place(i, j, old, 1)
		return
	}
	l.paths[i][j] = v
	l.cost += change
	l.over += over
}

// swap exchanges the nodes of two operators.
func (l *local) swap(i, j, k, h int, heat, blame float64) {
	u, v := l.paths[i][j], l.paths[k][h]
	n := l.m.nodes
	if u == v || math.IsInf(l.m.items[i].own[j*n+int(v)], 1) || math.IsInf(l.m.items[k].own[h*n+int(u)], 1) {
		return
	}
	before := l.excess(u) + l.excess(v)
	change := l.shift(i, j, v)
	l.set(i, j, v)
	change += l.shift(k, h, u)
	l.set(k, h, u)
	over := l.excess(u) + l.excess(v) - before
	if math.IsInf(change, 1) || math.IsNaN(change) || !l.accepts(change+blame*over, heat) {
		l.set(k, h, v)
		l.set(i, j, u)
		return
	}
	l.cost += change
	l.over += over
}

// set moves an operator without counting the cost.
func (l *local) set(i, j int, v int16) {
	l.place(i, j, l.paths[i][j], -1)
	l.paths[i][j] = v
	l.place(i, j, v, 1)
}

// A rebuild is large neighbourhood search: it takes a few items out and places
// them again, each by the dynamic program on the capacity that is left, under
// the duals of the relaxation shaken at random.
type rebuild struct {
	r    *relaxation
	rng  *rand.Rand
	free []float64 // as model.capacity
	now  [][]int16
	cost float64
}

func newRebuild(r *relaxation, rng *rand.Rand, paths [][]int16, cost float64) *rebuild {
	b := &rebuild{r: r, rng: rng, free: slices.Clone(r.m.capacity), now: clonePaths(paths), cost: cost}
	for i := range b.now {
		b.book(i, -1)
	}
	return b
}

func (b *rebuild) book(i int, sign float64) {
	it := &b.r.m.items[i]
	for j, v := range b.now[i] {
		for _, d := range b.r.p.active {
			b.free[int(v)*dims+d] += sign * it.need[j*dims+d]
		}
	}
}

// run makes the given number of steps and returns the cheapest paths met.
func (b *rebuild) run(ctx context.Context, steps int) ([][]int16, float64) {
	r := b.r
	best, least := clonePaths(b.now), b.cost
	center := slices.Clone(r.center)
	y := make([]float64, len(center))
	r.p.limit = b.free
	defer func() { r.p.limit = r.m.capacity }()
	first := len(r.m.items)
	for step := range steps {
		if step%16 == 0 && ctx.Err() != nil {
			break
		}
		chosen := b.pick()
		f := b.rng.Float64() * 1.2
		for q := first; q < first+r.m.rows; q++ {
			y[q] = center[q] * f * (0.5 + b.rng.Float64())
		}
		r.prices(y)
		slackness := least * 0.01 * (1 - float64(step)/float64(steps)) * b.rng.Float64()
		b.replace(chosen, least+slackness)
		if b.cost < least-1e-9*math.Abs(least) && r.m.runs(b.now) {
			best, least = clonePaths(b.now), b.cost
		}
	}
	return best, least
}

// pick draws two to five items, half of them from the nodes of the first.
func (b *rebuild) pick() []int {
	n := len(b.now)
	count := min(n, 2+b.rng.IntN(4))
	chosen := []int{b.rng.IntN(n)}
	for tries := 0; len(chosen) < count && tries < 50; tries++ {
		i := b.rng.IntN(n)
		if b.rng.IntN(2) == 0 {
			path := b.now[chosen[0]]
			v := path[b.rng.IntN(len(path))]
			i = guest(b.now, v, i)
		}
		if !slices.Contains(chosen, i) {
			chosen = append(chosen, i)
		}
	}
	b.rng.Shuffle(len(chosen), func(x, y int) { chosen[x], chosen[y] = chosen[y], chosen[x] })
	return chosen
}

// guest is the first item from i on, around the circle, that uses node v.
func guest(paths [][]int16, v int16, i int) int {
	for k := range paths {
		if g := (i + k) % len(paths); slices.Contains(paths[g], v) {
			return g
		}
	}
	return i
}

// replace places the chosen items anew and keeps that when it fits and costs
// less than before, or less than limit.
func (b *rebuild) replace(chosen []int, limit float64) {
	old := make([][]int16, len(chosen))
	before := b.cost
	for t, i := range chosen {
		old[t] = b.now[i]
		b.book(i, 1)
		b.cost -= b.r.m.cost(i, b.now[i])
	}
	placed := 0
	for _, i := range chosen {
		path := make([]int16, b.r.m.items[i].ops)
		if math.IsInf(b.r.p.cheapest(i, path), 1) || path[0] < 0 {
			break
		}
		b.now[i] = path
		b.book(i, -1)
		b.cost += b.r.m.cost(i, path)
		placed++
		if b.overfull(path) {
			break
		}
	}
	last := placed > 0 && b.overfull(b.now[chosen[placed-1]])
	if placed == len(chosen) && !last && (b.cost <= before || b.cost <= limit) {
		return
	}
	for t, i := range chosen {
		if t < placed {
			b.book(i, 1)
		}
		b.now[i] = old[t]
		b.book(i, -1)
	}
	b.cost = before
}

func (b *rebuild) overfull(path []int16) bool {
	for _, v := range path {
		for _, d := range b.r.p.active {
			if b.free[int(v)*dims+d] < -epsilon*b.r.m.capacity[int(v)*dims+d] {
				return true
			}
		}
	}
	return false
}
