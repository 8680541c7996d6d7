package gap

import (
	"cmp"
	"context"
	"math"
	"slices"

	"caravan/workloads/instances"
)

// A search is the state of Solve.
type search struct {
	ctx    context.Context
	g      *instances.GAP
	m, n   int
	cost   []int64 // by agent*n + job
	weight []int64 // as cost
	grain  []int64 // of an agent's capacity in knapsacks
	limit  int64
	steps  int64
	nodes  int64 // of the branching
	halted bool  // by the limit or the context

	lower, upper int64 // of the optimum
	best         []int // the assignment that costs upper

	node
	sack        knapsack
	shift       []shift
	count       []int   // of agents that take a job in the relaxed solution
	taker       []int   // one of them
	here        []int64 // multipliers of the ascent
	way         []float64
	bound       []int64 // of the problem with a job on an agent, in 1/scale
	assigned    []int
	local       descent
	memory      []node // of saved nodes, one a level
	multipliers [][]int64
}

// A node is a part of the problem: which jobs are settled, and which agents
// are still open to the others.
type node struct {
	free    []int // jobs, ascending
	agent   []int // of settled jobs, -1 for free ones
	room    []int64
	open    []bool // by agent*n + job
	settled int64  // cost of the settled jobs
}

func (to *node) copy(from *node) {
	to.free = append(to.free[:0], from.free...)
	to.agent = append(to.agent[:0], from.agent...)
	to.room = append(to.room[:0], from.room...)
	to.open = append(to.open[:0], from.open...)
	to.settled = from.settled
}

// widest is the capacity in grains beyond which an agent's weights are rounded.
const widest = 1 << 14

func newSearch(ctx context.Context, g *instances.GAP, limit int64) *search {
	m, n := g.Agents(), g.Jobs()
	s := &search{ctx: ctx, g: g, m: m, n: n, limit: limit}
	s.lower, s.upper = math.MinInt64, math.MaxInt64
	s.cost, s.weight = slices.Concat(g.Cost...), slices.Concat(g.Weight...)
	s.grain = make([]int64, m)
	s.room = slices.Clone(g.Capacity)
	s.open = make([]bool, m*n)
	for i := range m {
		common := int64(0)
		for j := range n {
			s.open[i*n+j] = g.Weight[i][j] <= g.Capacity[i]
			common = divisor(common, g.Weight[i][j])
		}
		s.grain[i] = max(common, 1)
		for s.room[i]/s.grain[i] > widest {
			s.grain[i] *= 2
		}
	}
	s.agent = slices.Repeat([]int{-1}, n)
	for j := range n {
		s.free = append(s.free, j)
	}
	s.shift = make([]shift, n)
	s.count, s.taker, s.assigned = make([]int, n), make([]int, n), make([]int, n)
	s.bound = make([]int64, m*n)
	s.local.init(g, s.cost, s.weight)
	return s
}

func divisor(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (s *search) stopped() bool {
	if !s.halted {
		s.halted = s.steps >= s.limit || s.ctx.Err() != nil
	}
	return s.halted
}

// settle gives job j to agent i; false when it has no room.
func (s *search) settle(j, i int) bool {
	if s.room[i] -= s.weight[i*s.n+j]; s.room[i] < 0 {
		return false
	}
	s.agent[j] = i
	s.settled += s.cost[i*s.n+j]
	k, _ := slices.BinarySearch(s.free, j)
	s.free = slices.Delete(s.free, k, k+1)
	for _, other := range s.free {
		if s.weight[i*s.n+other] > s.room[i] {
			s.open[i*s.n+other] = false
		}
	}
	return true
}

// propagate settles jobs to which one agent is open; false when one has none.
func (s *search) propagate() bool {
	for again := true; again; {
		again = false
		for k := len(s.free) - 1; k >= 0; k-- {
			j, only, open := s.free[k], -1, 0
			for i := range s.m {
				if s.open[i*s.n+j] {
					only = i
					open++
				}
			}
			if open == 0 || open == 1 && !s.settle(j, only) {
				return false
			}
			again = again || open == 1
		}
	}
	return true
}

// fix closes every agent to a job when the relaxation at u with that job on it
// costs more than z, and propagates. What a job on agent i costs more is what
// i's knapsack loses with it and what the others lose without it (as in Posta,
// Ferland, Michelon, Comput. Optim. Appl. 52, 2012, but exact by tables). It
// returns the number of agents closed; false when nothing of z or less is left.
func (s *search) fix(u []int64, z int64) (closed int, ok bool) {
	total := s.settled * scale
	for _, j := range s.free {
		total += u[j]
	}
	without := resize(s.here, s.n) // what others lose without a job
	clear(without)
	for i := range s.m {
		s.load(i, u)
		row := s.sack.shifts(s.width(i), s.shift)
		s.steps += 1 + int64(4*len(row)*len(s.sack.items))/cells
		profit := row[len(row)-1]
		total -= profit
		for _, j := range s.free {
			if at := i*s.n + j; s.open[at] {
				p := u[j] - s.cost[at]*scale
				s.bound[at] = profit - row[s.width(i)-s.weight[at]/s.grain[i]] - p
			}
		}
		for x, it := range s.sack.items {
			s.bound[i*s.n+it.job] = s.shift[x].in - s.shift[x].out
			without[it.job] += s.shift[x].out
		}
	}
	for i := range s.m {
		for _, j := range s.free {
			if at := i*s.n + j; s.open[at] {
				if s.bound[at] += total + without[j]; s.bound[at] > z*scale {
					s.open[at] = false
					closed++
				}
			}
		}
	}
	return closed, total <= z*scale && s.propagate()
}

// decide looks for an assignment of cost z or less below the node, by depth
// first search from multipliers u. It reports true when there is none, which
// holds only if the search was not stopped and s.upper is still above z.
func (s *search) decide(u []int64, z int64, depth int) bool {
	target := func() int64 { return z * scale }
	if s.nodes++; s.nodes%64 == 1 {
		s.evaluate(u)
		s.round()
	}
	look := func() bool { s.whole(); return s.upper <= z }
	for {
		if s.ascend(u, target, ascent{iterations: 60, patience: 6, step: 1}, look) > z*scale {
			return true
		}
		if s.upper <= z || s.stopped() {
			return false
		}
		before := len(s.free)
		closed, ok := s.fix(u, z)
		if !ok {
			return true
		}
		if len(s.free) == 0 {
			s.offer(s.agent)
			return s.upper > z
		}
		if before-len(s.free) < 1+before/20 && closed < 1+before/4 {
			break
		}
	}
	return s.branch(u, z, depth)
}

// branch decides the node by giving one job to each agent in turn, that of the
// lowest bound first.
func (s *search) branch(u []int64, z int64, depth int) bool {
	if len(s.memory) <= depth {
		s.memory = append(s.memory, node{})
		s.multipliers = append(s.multipliers, make([]int64, s.n))
	}
	j := s.choose(z)
	var agents []int
	for i := range s.m {
		if s.open[i*s.n+j] {
			agents = append(agents, i)
		}
	}
	slices.SortStableFunc(agents, func(a, b int) int { return cmp.Compare(s.bound[a*s.n+j], s.bound[b*s.n+j]) })
	s.memory[depth].copy(&s.node)
	for _, i := range agents {
		s.node.copy(&s.memory[depth])
		copy(s.multipliers[depth], u)
		if s.settle(j, i) && s.propagate() && !s.decide(s.multipliers[depth], z, depth+1) {
			return false
		}
	}
	return true
}

// choose is the free job whose children together look smallest: each counts
// for less the further its bound has come from the lowest towards z.
func (s *search) choose(z int64) int {
	low := int64(math.MaxInt64)
	for _, j := range s.free {
		for i := range s.m {
			if at := i*s.n + j; s.open[at] {
				low = min(low, s.bound[at])
			}
		}
	}
	best, least := -1, math.Inf(1)
	for _, j := range s.free {
		size := 0.0
		for i := range s.m {
			if at := i*s.n + j; s.open[at] {
				x := 1 + 8*float64(s.bound[at]-low)/float64(z*scale-low+1)
				size += 1 / (x * x)
			}
		}
		if size < least {
			best, least = j, size
		}
	}
	return best
}

// dive settles the most certain tenth of the free jobs again and again, each
// on its agent of the lowest bound, until none is free or no assignment of cost
// z or less is left; then the descent completes the assignment.
func (s *search) dive(u []int64, z int64) {
	above := new(node)
	above.copy(&s.node)
	target := func() int64 { return z * scale }
	look := func() bool { s.whole(); return s.upper <= z }
	for len(s.free) > 0 && !s.stopped() {
		if s.ascend(u, target, ascent{iterations: 25, patience: 5, step: 1}, look) > z*scale || s.upper <= z {
			break
		}
		if _, ok := s.fix(u, z); !ok || !s.commit() {
			break
		}
	}
	copy(s.assigned, s.agent)
	s.node.copy(above)
	for _, j := range s.free {
		if s.assigned[j] >= 0 {
			continue
		}
		s.assigned[j] = s.taker[j]
		if s.count[j] == 0 {
			s.assigned[j] = s.cheapest(j)
		}
	}
	s.local.set(s.assigned)
	s.polish(30)
}

// commit settles the tenth of the free jobs whose two lowest bounds lie
// furthest apart; false when some job is left without an agent.
func (s *search) commit() bool {
	type choice struct {
		job, agent int
		margin     int64
	}
	var all []choice
	for _, j := range s.free {
		c := choice{j, -1, 0}
		low, second := int64(math.MaxInt64), int64(math.MaxInt64)
		for i := range s.m {
			if at := i*s.n + j; s.open[at] {
				if s.bound[at] < low {
					low, second, c.agent = s.bound[at], low, i
				} else {
					second = min(second, s.bound[at])
				}
			}
		}
		c.margin = second - low
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b choice) int { return cmp.Compare(b.margin, a.margin) })
	for _, c := range all[:(len(all)+9)/10] {
		if s.open[c.agent*s.n+c.job] && !s.settle(c.job, c.agent) {
			return false
		}
	}
	return s.propagate()
}

// whole offers the relaxed solution if it gives every job to one agent.
func (s *search) whole() {
	copy(s.assigned, s.agent)
	for _, j := range s.free {
		if s.count[j] != 1 {
			return
		}
		s.assigned[j] = s.taker[j]
	}
	s.offer(s.assigned)
}

// offer keeps an assignment that is cheaper than the best.
func (s *search) offer(agent []int) {
	if cost, ok := s.g.Evaluate(agent); ok && cost < s.upper {
		s.upper = cost
		s.best = append(s.best[:0], agent...)
	}
}
