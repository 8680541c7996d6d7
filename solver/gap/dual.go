package gap

import (
	"math"
)

// scale is the resolution of multipliers: costs and multipliers are held in
// units of 1/scale, so that every bound is exact integer arithmetic.
const scale = 1 << 10

// evaluate solves the Lagrangian relaxation of the assignment constraints at
// multipliers u, one per job, in 1/scale of a cost:
//
//	L(u) = sum_j u_j + sum_i min { sum_j (c_ij - u_j) x_ij : knapsack i }
//
// over the jobs that are still free and the agents still open to them, plus
// the cost of jobs that are settled (Fisher, Jaikumar, Van Wassenhove, Manage.
// Sci. 32(9), 1986). It leaves the number of agents that take each job in
// s.count and one of them in s.taker.
func (s *search) evaluate(u []int64) int64 {
	total := s.settled * scale
	for _, j := range s.free {
		total += u[j]
		s.count[j] = 0
	}
	for i := range s.m {
		s.load(i, u)
		total -= s.sack.solve(s.width(i))
		s.steps += 1 + int64(len(s.sack.core))*s.width(i)/cells
		for x, taken := range s.sack.taken {
			if taken {
				j := s.sack.items[x].job
				s.count[j]++
				s.taker[j] = i
			}
		}
	}
	return total
}

// load fills the knapsack with the jobs that agent i would profit from.
func (s *search) load(i int, u []int64) {
	s.sack.items = s.sack.items[:0]
	room := s.width(i)
	for _, j := range s.free {
		if p := u[j] - s.cost[i*s.n+j]*scale; p > 0 && s.open[i*s.n+j] {
			if w := s.weight[i*s.n+j] / s.grain[i]; w <= room {
				s.sack.items = append(s.sack.items, item{j, p, w})
			}
		}
	}
}

// width is what is left of agent i's capacity, in grains. Weights are rounded
// down to grains, which relaxes the problem: a set that fits, fits in grains.
func (s *search) width(i int) int64 { return s.room[i] / s.grain[i] }

// An ascent is how ascend climbs.
type ascent struct {
	iterations int
	patience   int     // iterations without a better bound that halve the step
	step       float64 // of the Polyak rule at first
}

// ascend improves multipliers u by a deflected subgradient with Polyak's step
// towards target (Camerini, Fratta, Maffioli, Math. Prog. Study 3, 1975), in
// 1/scale, and leaves the best in u. It stops as soon as the bound is above the
// target, or when look, which sees every relaxed solution, returns true.
func (s *search) ascend(u []int64, target func() int64, a ascent, look func() bool) int64 {
	best := int64(math.MinInt64)
	s.here = append(s.here[:0], u...)
	s.way = resize(s.way, s.n)
	clear(s.way)
	stale := 0
	for range a.iterations {
		value := s.evaluate(s.here)
		if value > best {
			best, stale = value, 0
			copy(u, s.here)
		} else if stale++; stale >= a.patience {
			stale = 0
			a.step /= 2
			copy(s.here, u)
			clear(s.way)
			if a.step < 1e-3 {
				break
			}
			continue
		}
		goal := target()
		if best > goal || look() || s.stopped() {
			break
		}
		// A far target would make the steps useless long before it is lowered.
		goal = min(goal, best+max(best, -best)/128+scale)
		if !s.move(goal-value, a.step) {
			break
		}
	}
	return best
}

// move makes one step of the ascent; false when the relaxed solution assigns
// every job once, so that there is no direction.
func (s *search) move(gap int64, step float64) bool {
	const memory = 0.7 // of the direction before
	var dot, norm float64
	still := true
	for _, j := range s.free {
		g := float64(1 - s.count[j])
		still = still && g == 0
		d := g + float64(memory*s.way[j])
		s.way[j] = d
		norm += float64(d * d)
		dot += float64(d * g)
	}
	if still || norm == 0 {
		return false
	}
	if dot <= 0 {
		norm = 0
		for _, j := range s.free {
			s.way[j] = float64(1 - s.count[j])
			norm += float64(s.way[j] * s.way[j])
		}
	}
	length := step * float64(max(gap, scale/8)) / norm
	for _, j := range s.free {
		x := float64(s.here[j]) + math.Round(float64(length*s.way[j]))
		s.here[j] = int64(min(max(x, -steepest), steepest))
	}
	return true
}

// cells is how many entries of a knapsack's table are one step.
const cells = 1 << 10

// steepest bounds a multiplier, so that profit times weight in grains fits
// into 63 bits.
const steepest = 1 << 44
