package search

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// A rebuild is large neighbourhood search (Shaw, 1998): it takes a few items
// out and places them again, each by the dynamic program on the room that is
// left, under the dual prices shaken at random.
type rebuild struct {
	*state
	u     *dual
	rng   *rand.Rand
	steps int64

	guilt []float64 // on top of the prices, as free: of nodes that were too full
	plus  []float64 // scratch: prices and guilt
	old   [][]int32 // scratch: paths of the items taken out

	best  [][]int32 // the cheapest whole placement met
	least float64
}

func newRebuild(u *dual, rng *rand.Rand) *rebuild {
	return &rebuild{state: newState(u.m), u: u, rng: rng, guilt: make([]float64, len(u.y)), plus: make([]float64, len(u.y)), least: math.Inf(1)}
}

// place finds the cheapest path of item i in the room that is left, under
// prices of a share of about f of the dual ones, and puts it there. It reports
// whether there is one.
func (b *rebuild) place(i int, f float64) bool {
	it, s := &b.m.items[i], &b.u.shorts[i]
	b.steps++
	b.u.p.load(s, it.weight, b.u.y, b.free)
	b.u.p.shake(b.rng, s, f)
	path := make([]int32, it.ops)
	if b.u.p.cheapest(it, s, path) > math.MaxFloat32 {
		return false
	}
	b.put(i, path)
	if b.overfull(path) >= 0 { // it came back to a node
		b.take(i)
		return false
	}
	return true
}

// construct places every item that is out, the largest first. An item that
// finds no room evicts others, from nodes that become the dearer the more
// often that happens. It gives up after so many evictions.
func (b *rebuild) construct(ctx context.Context, evictions int) bool {
	var queue []int
	for i := range b.paths {
		if b.paths[i] == nil {
			queue = append(queue, i)
		}
	}
	size := b.sizes()
	slices.SortStableFunc(queue, func(i, k int) int { return cmp.Compare(size[k], size[i]) })
	for len(queue) > 0 && evictions >= 0 && ctx.Err() == nil {
		i := queue[0]
		queue = queue[1:]
		if b.place(i, 1) {
			continue
		}
		before := len(queue)
		queue = b.force(i, queue)
		evictions -= 1 + len(queue) - before
	}
	return b.out == 0
}

// sizes is what the items' needs are worth.
func (b *rebuild) sizes() []float64 {
	out := make([]float64, len(b.m.items))
	for i := range out {
		for r, x := range b.m.items[i].need {
			out[i] += x * b.u.unit[r%b.m.dims]
		}
	}
	return out
}

// force places item i as if it came first and appends to the queue those that
// have to go.
func (b *rebuild) force(i int, queue []int) []int {
	it, s := &b.m.items[i], &b.u.shorts[i]
	for r, y := range b.u.y {
		b.plus[r] = y + b.guilt[r]
	}
	b.u.p.load(s, it.weight, b.plus, b.m.capacity)
	path := make([]int32, it.ops)
	b.steps++
	if b.u.p.cheapest(it, s, path) > math.MaxFloat32 {
		return append(queue, i)
	}
	b.put(i, path)
	for {
		v := b.overfull(path)
		if v < 0 {
			return queue
		}
		b.blame(v)
		others := slices.DeleteFunc(slices.Clone(b.guests[v]), func(g int32) bool { return int(g) == i })
		if len(others) == 0 { // the item alone is too much for the node
			b.take(i)
			return append(queue, i)
		}
		out := int(others[b.rng.IntN(len(others))])
		b.take(out)
		queue = append(queue, out)
	}
}

// blame raises the price of what node v lacks.
func (b *rebuild) blame(v int32) {
	dims := b.m.dims
	for d := range dims {
		if r := int(v)*dims + d; b.free[r] < 0 {
			b.guilt[r] += 0.1 * b.u.unit[d]
		}
	}
}

// run takes so many steps, a step being an item placed. What it accepts gets
// stricter towards the end (Kirkpatrick, Gelatt, Vecchi, 1983).
func (b *rebuild) run(ctx context.Context, steps int64) {
	first := b.steps
	mean := b.total / float64(len(b.paths))
	pause := 0
	for round := 0; b.steps-first < steps; round++ {
		if round%16 == 0 && ctx.Err() != nil {
			break
		}
		left := 1 - float64(b.steps-first)/float64(steps)
		b.change(mean * 0.02 * left * left)
		if pause--; pause <= 0 && b.total < b.least*(1-1e-12) {
			b.keep()
			pause = len(b.paths) / 4
		}
	}
	b.keep()
}

// keep remembers the present state when it is whole, runs, and is the best.
func (b *rebuild) keep() {
	if b.out == 0 && b.total < b.least && b.m.runs(b.paths) {
		b.best, b.least = b.clonePaths(), b.total
	}
}

// change takes some items out and places them anew, and undoes that when the
// cost rises by more than the heat allows.
func (b *rebuild) change(heat float64) {
	chosen := b.pick()
	before := b.total
	b.old = b.old[:0]
	for _, i := range chosen {
		b.old = append(b.old, b.take(i))
	}
	f := b.rng.Float64() * 1.2
	placed := 0
	for _, i := range chosen {
		if !b.place(i, f) {
			break
		}
		placed++
	}
	if placed == len(chosen) && b.total-before <= -heat*math.Log(1-b.rng.Float64()) {
		return
	}
	for _, i := range chosen[:placed] {
		b.take(i)
	}
	for k, i := range chosen {
		b.put(i, b.old[k])
	}
	b.total = before
}

// pick draws two to five items: one that pays much more than under the prices
// alone, and others from nodes that it is on or would like to be on.
func (b *rebuild) pick() []int {
	n := len(b.paths)
	first := b.rng.IntN(n)
	for range 2 {
		if i := b.rng.IntN(n); b.regret(i) > b.regret(first) {
			first = i
		}
	}
	chosen := []int{first}
	count := min(n, 2+b.rng.IntN(4))
	for tries := 0; len(chosen) < count && tries < 20; tries++ {
		i := b.rng.IntN(n)
		if b.rng.IntN(4) > 0 {
			path := b.paths[first]
			if wish := b.u.wish[first]; wish != nil && b.rng.IntN(2) == 0 {
				path = wish
			}
			if guests := b.guests[path[b.rng.IntN(len(path))]]; len(guests) > 0 {
				i = int(guests[b.rng.IntN(len(guests))])
			}
		}
		if !slices.Contains(chosen, i) {
			chosen = append(chosen, i)
		}
	}
	b.rng.Shuffle(len(chosen), func(x, y int) { chosen[x], chosen[y] = chosen[y], chosen[x] })
	return chosen
}

// regret is what item i pays more than at best under the prices.
func (b *rebuild) regret(i int) float64 {
	return b.cost[i] + b.m.pay(&b.m.items[i], b.paths[i], b.u.y) - b.u.worth[i]
}

// reset returns to the best state.
func (b *rebuild) reset() { b.set(b.best) }
