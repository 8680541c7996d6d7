package search

import (
	"context"
	"math"
	"math/rand/v2"
)

// A dual is the Lagrangian relaxation of the nodes' capacities: prices under
// which every item takes its cheapest path for itself.
type dual struct {
	m      *model
	rng    *rand.Rand
	p      *pricer
	dense  *dense
	shorts []short

	y     []float64 // prices by [node*dims+dim]
	unit  []float64 // by dimension: the price at which needs cost what items do
	wish  [][]int32 // the path that each item took last
	worth []float64 // what it then paid with prices, weighted
	use   []float64 // by the wishes, as y
	steps int64

	best  []float64 // prices of the best bound
	bound float64   // proved: over all nodes
}

func newDual(m *model, rng *rand.Rand) *dual {
	u := &dual{m: m, rng: rng, dense: newDense(m), y: make([]float64, m.n*m.dims), use: make([]float64, m.n*m.dims),
		unit: make([]float64, m.dims), wish: make([][]int32, len(m.items)), worth: make([]float64, len(m.items)),
		shorts: make([]short, len(m.items)), bound: math.Inf(-1)}
	u.best = make([]float64, len(u.y))
	return u
}

// list makes first short lists: nodes on which an item as a whole would be
// well off. It prices every item and returns one without a path, or -1.
func (u *dual) list() (homeless int) {
	most, longest := min(listed, u.m.n), 0
	for i := range u.m.items {
		longest = max(longest, u.m.items[i].ops)
	}
	most = min(u.m.n, max(most, longest))
	u.p = newPricer(u.m, longest, most)
	var cost float64
	for i := range u.m.items {
		it := &u.m.items[i]
		u.shorts[i] = newShort(u.m, it, u.dense.rough(it, most))
		if u.reprice(i); math.IsInf(u.worth[i], 1) {
			if math.IsInf(u.dense.cheapest(it, u.y), 1) {
				return i
			}
			u.shorts[i] = newShort(u.m, it, u.dense.shortlist(it, most))
			u.reprice(i)
		}
		cost += u.worth[i]
	}
	u.calibrate(cost)
	return -1
}

// prove prices every item over all nodes at the present prices: the sum less
// what the capacities are worth is a bound. With most > 0 it takes new short
// lists on the way. It returns an item without a path, or -1; an interrupted
// pass proves nothing.
func (u *dual) prove(ctx context.Context, most int) (homeless int, done bool) {
	var sum, size float64
	for i := range u.m.items {
		if ctx.Err() != nil {
			return -1, false
		}
		it := &u.m.items[i]
		c := u.dense.cheapest(it, u.y)
		if math.IsInf(c, 1) {
			return i, true
		}
		sum += c * it.weight
		size += math.Abs(c * it.weight)
		if most > 0 {
			u.shorts[i] = newShort(u.m, it, u.dense.shortlist(it, most))
		}
	}
	worth := u.capacityWorth(u.y)
	// Sums of so many terms may be off by rounding.
	off := 1e-15 * float64(u.m.ops+len(u.y)) * (size + worth)
	if bound := sum - worth - off; bound > u.bound {
		u.bound = bound
		copy(u.best, u.y)
	}
	return -1, true
}

func (u *dual) capacityWorth(y []float64) float64 {
	var sum float64
	for r, x := range y {
		if x > 0 {
			sum += x * u.m.capacity[r]
		}
	}
	return sum
}

// calibrate finds a price for each dimension.
func (u *dual) calibrate(cost float64) {
	total := make([]float64, u.m.dims)
	for i := range u.m.items {
		it := &u.m.items[i]
		for j := range it.ops {
			for d := range total {
				total[d] += it.need[j*u.m.dims+d]
			}
		}
	}
	for d, x := range total {
		u.unit[d] = 0
		if x > 0 {
			u.unit[d] = cost / x
		}
	}
}

// reprice finds item i's cheapest path on its list and books it.
func (u *dual) reprice(i int) {
	it := &u.m.items[i]
	u.book(i, -1)
	if u.wish[i] == nil {
		u.wish[i] = make([]int32, it.ops)
	}
	s := &u.shorts[i]
	u.p.load(s, it.weight, u.y, u.m.capacity)
	u.steps++
	c := u.p.cheapest(it, s, u.wish[i])
	if u.worth[i] = float64(c) * it.weight; c > math.MaxFloat32 {
		u.wish[i], u.worth[i] = nil, math.Inf(1)
		return
	}
	u.book(i, 1)
}

func (u *dual) book(i int, sign float64) {
	it, dims := &u.m.items[i], u.m.dims
	for j, v := range u.wish[i] {
		for d := range dims {
			u.use[int(v)*dims+d] += sign * it.need[j*dims+d]
		}
	}
}

// climb moves the prices towards where no node is overfull: a tenth of the
// items choose anew, then every price follows the load of all (surrogate
// subgradients; Zhao, Luh, Wang, 1999), by steps that shrink from wide to
// narrow. It ends at the mean of the prices of its second half.
func (u *dual) climb(ctx context.Context, passes int, wide, narrow float64) {
	const parts = 10
	n := len(u.m.items)
	mean := make([]float64, len(u.y))
	taken := 0.0
	for pass := range passes {
		done := float64(pass) / float64(passes)
		step := wide * math.Pow(narrow/wide, done)
		order := u.rng.Perm(n)
		for k := range parts {
			if ctx.Err() != nil {
				return
			}
			part := order[k*n/parts : (k+1)*n/parts]
			if len(part) == 0 {
				continue
			}
			for _, i := range part {
				u.reprice(i)
			}
			u.follow(step)
			if done >= 0.5 {
				taken++
				for r, x := range u.y {
					mean[r] += (x - mean[r]) / taken
				}
			}
		}
	}
	if taken > 0 {
		copy(u.y, mean)
	}
}

// follow raises the prices of what is overfull and lowers the others.
func (u *dual) follow(step float64) {
	dims := u.m.dims
	for r, c := range u.m.capacity {
		if math.IsInf(c, 1) {
			continue
		}
		load := 1.0 // overfull by as much as counts
		if c > 0 {
			load = min(1, u.use[r]/c-1)
		}
		u.y[r] = max(0, u.y[r]+step*load*u.unit[r%dims])
	}
}

// estimate is the bound on the short lists at the present prices.
func (u *dual) estimate() float64 {
	var sum float64
	for i := range u.m.items {
		u.reprice(i)
		sum += u.worth[i]
	}
	return sum - u.capacityWorth(u.y)
}
