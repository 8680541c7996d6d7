package gap

import (
	"math"
	"math/rand/v2"

	"caravan/workloads/instances"
)

// A descent moves and swaps jobs. Overload is allowed for a price per unit of
// weight, in 1/scale of a cost, that rises while an agent stays overloaded and
// falls while it does not (strategic oscillation, as in Yagiura, Ibaraki,
// Glover, Eur. J. Oper. Res. 169, 2006).
type descent struct {
	m, n         int
	cost, weight []int64
	capacity     []int64

	agent []int
	load  []int64
	price []int64
}

func (d *descent) init(g *instances.GAP, cost, weight []int64) {
	d.m, d.n, d.cost, d.weight, d.capacity = g.Agents(), g.Jobs(), cost, weight, g.Capacity
	d.agent, d.load, d.price = make([]int, d.n), make([]int64, d.m), make([]int64, d.m)
	for i := range d.price {
		d.price[i] = scale
	}
}

func (d *descent) set(agent []int) {
	copy(d.agent, agent)
	clear(d.load)
	for j, i := range agent {
		d.load[i] += d.weight[i*d.n+j]
	}
}

// change is the price of an agent's overload after its load grows by w, less
// that before.
func (d *descent) change(i int, w int64) int64 {
	before := max(0, d.load[i]-d.capacity[i])
	return (max(0, d.load[i]+w-d.capacity[i]) - before) * d.price[i]
}

// relocate moves job j where that is cheapest, if it is cheaper than staying.
func (d *descent) relocate(j int, open []bool) bool {
	i := d.agent[j]
	base := d.change(i, -d.weight[i*d.n+j]) - d.cost[i*d.n+j]*scale
	best, to := int64(0), -1
	for k := range d.m {
		if at := k*d.n + j; k != i && open[at] {
			if delta := base + d.cost[at]*scale + d.change(k, d.weight[at]); delta < best {
				best, to = delta, k
			}
		}
	}
	if to >= 0 {
		d.move(j, to)
	}
	return to >= 0
}

func (d *descent) move(j, to int) {
	i := d.agent[j]
	d.load[i] -= d.weight[i*d.n+j]
	d.load[to] += d.weight[to*d.n+j]
	d.agent[j] = to
}

// exchange swaps the agents of job j and the first job after it that gains.
func (d *descent) exchange(j int, open []bool) bool {
	n := d.n
	for l := j + 1; l < n; l++ {
		a, b := d.agent[j], d.agent[l]
		if a == b || !open[b*n+j] || !open[a*n+l] {
			continue
		}
		delta := (d.cost[b*n+j] + d.cost[a*n+l] - d.cost[a*n+j] - d.cost[b*n+l]) * scale
		delta += d.change(a, d.weight[a*n+l]-d.weight[a*n+j]) + d.change(b, d.weight[b*n+j]-d.weight[b*n+l])
		if delta < 0 {
			d.move(j, b)
			d.move(l, a)
			return true
		}
	}
	return false
}

// descend reaches a local optimum over moves and swaps within open agents.
func (d *descent) descend(open []bool) {
	for again := true; again; {
		again = false
		for j := range d.agent {
			if d.relocate(j, open) {
				again = true
			}
		}
		if again {
			continue
		}
		for j := range d.agent {
			if d.exchange(j, open) {
				again = true
			}
		}
	}
}

// reprice lets overloaded agents pay more and others less; it reports whether
// none is overloaded.
func (d *descent) reprice() bool {
	fits := true
	for i := range d.price {
		if d.load[i] > d.capacity[i] {
			fits = false
			d.price[i] = min(d.price[i]+d.price[i]/4+1, 1<<30)
		} else {
			d.price[i] = max(d.price[i]-d.price[i]/16, scale/16)
		}
	}
	return fits
}

// round makes an assignment of the relaxed solution: a job that several agents
// take stays with the cheapest, one that none takes goes where it costs least,
// overload counted. The descent does the rest.
func (s *search) round() {
	copy(s.assigned, s.agent)
	for _, j := range s.free {
		if s.count[j] == 1 {
			s.assigned[j] = s.taker[j]
		} else {
			s.assigned[j] = s.cheapest(j)
		}
	}
	s.local.set(s.assigned)
	s.polish(8)
}

// polish descends and reprices until an assignment fits, a few times at most.
func (s *search) polish(rounds int) {
	for range rounds {
		s.local.descend(s.open)
		if s.local.reprice() {
			s.offer(s.local.agent)
			return
		}
	}
}

func (s *search) cheapest(j int) int {
	to, least := -1, int64(math.MaxInt64)
	for i := range s.m {
		if at := i*s.n + j; s.open[at] && s.cost[at] < least {
			to, least = i, s.cost[at]
		}
	}
	return to
}

// shake goes on from the descent's assignment: overload is priced until it is
// gone, and an assignment that fits is disturbed by a few random moves.
func (s *search) shake(z int64, rng *rand.Rand) {
	d := &s.local
	for range 50 {
		if s.upper <= z || s.stopped() {
			return
		}
		s.steps += int64(d.n*d.n) / (cells / 4)
		d.descend(s.open)
		if !d.reprice() {
			continue
		}
		s.offer(d.agent)
		for range 2 + rng.IntN(4) {
			j, i := s.free[rng.IntN(len(s.free))], rng.IntN(d.m)
			if s.open[i*d.n+j] {
				d.move(j, i)
			}
		}
	}
}
