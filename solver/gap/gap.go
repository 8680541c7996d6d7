// Package gap solves generalised assignment problems exactly: a Lagrangian
// bound from exact knapsacks, assignments repaired from it, and branch and
// bound on the question whether an assignment of at most some cost exists.
package gap

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"caravan/workloads/instances"
)

// Options bound a search.
type Options struct {
	// MaxSteps bounds the work; 0 is 10^7. A step is a knapsack solved, or a
	// thousand entries of its table.
	MaxSteps int64
}

// A Result is an assignment and what is known of the optimum.
type Result struct {
	Agent  []int // of every job; nil when none was found
	Cost   int64 // of the assignment; math.MaxInt64 without one
	Bound  int64 // no assignment costs less
	Proved bool  // Cost is the optimum or, without an assignment, none exists
	Steps  int64
}

// Solve finds the assignment of least cost of a problem that passes Check.
// When the steps or ctx end first, the result holds the best assignment so far
// and a valid bound.
func Solve(ctx context.Context, g *instances.GAP, o Options) Result {
	if o.MaxSteps <= 0 {
		o.MaxSteps = 10_000_000
	}
	s := newSearch(ctx, g, o.MaxSteps)
	if !s.propagate() {
		s.lower = math.MaxInt64
	} else if len(s.free) == 0 {
		s.offer(s.agent)
		s.lower = s.upper
	} else {
		s.solve()
	}
	r := Result{Agent: s.best, Cost: s.upper, Bound: min(s.lower, s.upper), Steps: s.steps}
	r.Proved = s.lower >= s.upper
	return r
}

// solve bounds the problem and repairs assignments on the way, then closes the
// gap.
func (s *search) solve() {
	costliest, cheapest := s.extremes()
	s.lower = cheapest
	u := s.start()
	target := func() int64 { return (min(s.upper, costliest+1) - 1) * scale }
	turn := 0
	value := s.ascend(u, target, ascent{iterations: 2000, patience: 30, step: 1.5}, func() bool {
		if turn++; turn%25 == 1 {
			s.round()
		}
		return false
	})
	s.raise(value)
	s.narrow(u, costliest, rand.New(rand.NewPCG(1, uint64(s.n))))
}

// narrow closes the gap between the bounds: it decides costs close to the lower
// bound first, where most jobs are fixed and the search is small, then higher
// ones, each with a share of the steps, which grows as long as the gap stays.
func (s *search) narrow(u []int64, costliest int64, rng *rand.Rand) {
	const nearest = 64
	root := new(node)
	all := s.limit
	for budget := max(all/100, 1000); s.lower < s.upper && !s.stopped(); budget *= 4 {
		for part := int64(nearest); part > 0 && s.lower < s.upper && !s.stopped(); {
			z := costliest
			if s.upper < math.MaxInt64 {
				z = s.lower + (s.upper-1-s.lower)/part
			}
			s.limit = min(all, s.steps+budget)
			root.copy(&s.node)
			none := s.attempt(slices.Clone(u), z, rng)
			s.node.copy(root)
			s.halted, s.limit = false, all
			switch {
			case none && z == costliest:
				s.lower = math.MaxInt64
			case none:
				s.lower = z + 1
			case s.upper > z:
				part /= 8
			}
		}
		if s.best != nil {
			s.combine(u, budget/2, rng)
		}
	}
}

// attempt looks for an assignment of cost z or less, first by local search
// among what the bound leaves; true when there is none.
func (s *search) attempt(u []int64, z int64, rng *rand.Rand) bool {
	if _, ok := s.fix(u, z); !ok {
		return true
	}
	if len(s.free) == 0 {
		s.offer(s.agent)
		return s.upper > z
	}
	s.evaluate(u)
	s.round()
	s.shake(z, rng)
	if s.upper > z {
		s.dive(slices.Clone(u), z)
	}
	return s.upper > z && s.decide(u, z, 0)
}

// combine settles most of the jobs on which the relaxation and the best
// assignment agree, and searches the rest for a better one, several times
// (relaxation induced neighbourhoods: Danna, Rothberg, Le Pape, Math. Prog.
// 102, 2005), each time with a budget of steps.
func (s *search) combine(u []int64, budget int64, rng *rand.Rand) {
	above := new(node)
	above.copy(&s.node)
	limit := s.limit
	for stale := 0; stale < 4 && s.lower < s.upper && !s.stopped(); stale++ {
		s.evaluate(u)
		for _, j := range slices.Clone(s.free) {
			if i := s.best[j]; s.count[j] == 1 && s.taker[j] == i && s.open[i*s.n+j] && rng.IntN(8) > 0 {
				s.settle(j, i)
			}
		}
		if s.propagate() {
			s.limit = min(limit, s.steps+budget)
			before := s.upper
			if s.decide(slices.Clone(u), s.upper-1, 0); s.upper < before {
				stale = -1
			}
		}
		s.halted, s.limit = false, limit
		s.node.copy(above)
	}
}

// raise lifts the lower bound to a value of the relaxation, rounded up.
func (s *search) raise(value int64) {
	bound := value / scale
	if value > bound*scale {
		bound++
	}
	s.lower = max(s.lower, bound)
}

// start is the second lowest cost of each job, a multiplier at which one agent
// or two want it.
func (s *search) start() []int64 {
	u := make([]int64, s.n)
	for _, j := range s.free {
		low, second := int64(math.MaxInt64), int64(math.MaxInt64)
		for i := range s.m {
			if at := i*s.n + j; s.open[at] {
				if c := s.cost[at]; c < low {
					low, second = c, low
				} else {
					second = min(second, c)
				}
			}
		}
		u[j] = second * scale
	}
	return u
}

// extremes are the costs of giving every job to its most and least expensive
// open agent.
func (s *search) extremes() (most, least int64) {
	most, least = s.settled, s.settled
	for _, j := range s.free {
		high, low := int64(math.MinInt64), int64(math.MaxInt64)
		for i := range s.m {
			if at := i*s.n + j; s.open[at] {
				high, low = max(high, s.cost[at]), min(low, s.cost[at])
			}
		}
		most += high
		least += low
	}
	return most, least
}
