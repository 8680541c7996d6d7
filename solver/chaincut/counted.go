package chaincut

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"caravan/topology"
	"caravan/workloads/placement"
)

// runs is the exact optimum of a chain under k-multiplicative contention, with
// the room that nodes have, and with a period below a limit, by branch and
// bound: runs of operators are placed in order; what the placed ones cost with
// the counts so far, plus the best priced suffix, bounds every completion from
// below, since counts only grow. (The recursion of Berkeley's minlatsolver,
// which Upstream repeats, ignores that returning to a node slows the operators
// already there, and so misses optima.)
func (s *search) runs(below time.Duration) ([]topology.NodeID, time.Duration) {
	b := newBranching(newPrices(s, below))
	root, ok := b.raise()
	if ok && b.best > root {
		b.kick()
	}
	for i := 0; ok && i < 4 && b.best > root && b.fix(b.best) > 0; i++ { // fewer runs, better prices
		again, more := b.raise()
		if ok = more; again <= root+(b.best-root)/100 {
			root = max(root, again)
			break
		}
		root = max(root, again)
	}
	switch {
	case !ok && b.bestNodes == nil && b.ctx.Err() == nil:
		return nil, 0
	case ok && b.best > root:
		b.descend(0, topology.None, 0)
	case b.ctx.Err() != nil:
		b.halted = true
	}
	if b.halted {
		s.proved, s.stopped = false, b.bestNodes == nil
		return b.bestNodes, min(root, b.best)
	}
	return b.bestNodes, b.best
}

// branching is the state of the branch and bound.
type branching struct {
	*prices
	count     []int           // operators placed so far, by node
	work      []float64       // theirs, by node, in nanoseconds before rounding
	paid      []time.Duration // bound on their time and price, by node
	sum       time.Duration   // of paid
	path      []topology.NodeID
	best      time.Duration
	bestNodes []topology.NodeID
	near      [][]topology.NodeID // by operator, those worth trying
	children  [][]child           // scratch, by operator
	meter     *meter              // of what is placed, nil where the period does not matter
	probe     *meter              // of any placement
	tight     bool                // some placements have no room or too long a period
	halted    bool                // by the limit or the context
}

// child is a next run.
type child struct {
	bound, sent time.Duration
	end         int
	at          topology.NodeID
}

func newBranching(x *prices) *branching {
	n := len(x.share)
	b := &branching{
		prices: x, best: forever, count: make([]int, n), work: make([]float64, n), paid: make([]time.Duration, n),
		children: make([][]child, len(x.allowed)), tight: x.below < forever || x.demanding(),
	}
	if x.below < forever {
		b.meter, b.probe = newMeter(x.search), newMeter(x.search)
	}
	return b
}

// raise improves the prices, and the best placement from every path on the way.
func (b *branching) raise() (time.Duration, bool) {
	return b.prices.improve(func(nodes []topology.NodeID) time.Duration {
		if was := b.best; b.try(nodes) < was {
			b.polish(b.bestNodes, len(nodes))
		} else if was >= forever && b.tight {
			b.polish(nodes, 1)
		}
		return b.best
	})
}

// try takes a placement that is better than the best known, and returns the
// cost of the best.
func (b *branching) try(nodes []topology.NodeID) time.Duration {
	if d := b.cost(nodes); d < b.best && b.faults(nodes) == 0 {
		b.best, b.bestNodes = d, slices.Clone(nodes)
	}
	return b.best
}

// cost is the latency of a chain, forever when the nodes cannot run it.
func (s *search) cost(nodes []topology.NodeID) time.Duration { return s.suffixCost(0, nodes) }

// polish moves runs of a placement to other nodes, and exchanges the nodes of
// two operators, as long as that makes it better.
func (b *branching) polish(start []topology.NodeID, longest int) {
	b.shortlist()
	now, nodes := slices.Clone(start), make([]topology.NodeID, len(start))
	best, faults := b.cost(now), b.faults(now)
	tryRun := func(i, j int) {
		for k := i; k <= j; k++ {
			if !b.may[k][nodes[k]] {
				return
			}
		}
		d := b.cost(nodes)
		if d >= best && faults == 0 || d >= forever {
			return
		}
		if f := b.faults(nodes); f < faults || f == faults && d < best {
			best, faults = d, f
			copy(now, nodes)
		}
	}
	for was, had := forever, len(now)+2; (best < was || faults < had) && b.steps < b.limit && b.ctx.Err() == nil; {
		was, had = best, faults
		b.steps += int64(len(nodes))
		for i := range nodes {
			for j := i; j < len(nodes); j++ {
				for k := 0; k < len(b.near[i]) && j-i < longest; k++ {
					copy(nodes, now)
					for l := i; l <= j; l++ {
						nodes[l] = b.near[i][k]
					}
					tryRun(i, j)
				}
				copy(nodes, now)
				nodes[i], nodes[j] = nodes[j], nodes[i]
				tryRun(i, j)
			}
		}
	}
	b.try(now)
}

// maxNear is how many nodes polish tries for an operator.
const maxNear = 64

// shortlist chooses, for each operator, the nodes from which the rest takes
// least.
func (b *branching) shortlist() {
	if b.near != nil {
		return
	}
	for j, list := range b.allowed {
		if len(list) > maxNear {
			list = slices.Clone(list)
			slices.SortStableFunc(list, func(x, y topology.NodeID) int { return cmp.Compare(b.f[j][x], b.f[j][y]) })
			list = slices.Sorted(slices.Values(list[:maxNear]))
		}
		b.near = append(b.near, list)
	}
}

// kicks is how often the best placement is disturbed and polished again.
const kicks = 30

// kick moves three operators of the best placement at random and polishes
// what comes of it (iterated local search).
func (b *branching) kick() {
	b.shortlist()
	rng := rand.New(rand.NewPCG(b.p.Seed, 1))
	for range kicks {
		if b.ctx.Err() != nil || b.steps > b.limit/2 {
			return
		}
		nodes := slices.Clone(b.bestNodes)
		if nodes == nil {
			if nodes = nodesOf(b.prices.path()); nodes == nil {
				return
			}
		}
		for range 3 {
			j := rng.IntN(len(nodes))
			nodes[j] = b.near[j][rng.IntN(len(b.near[j]))]
		}
		b.polish(nodes, 1)
	}
}

// descend places the runs from operator j on, after one that ended on node
// last; sent is the time of the transfers between those before.
func (b *branching) descend(j int, last topology.NodeID, sent time.Duration) {
	if j == len(b.allowed) {
		if d := b.cost(b.path); d < b.best { // it has room: enter saw to that
			b.best, b.bestNodes = d, slices.Clone(b.path)
		}
		return
	}
	list := b.expand(j, last, sent)
	slices.SortFunc(list, func(x, y child) int {
		return cmp.Or(cmp.Compare(x.bound, y.bound), cmp.Compare(y.end, x.end), cmp.Compare(x.at, y.at))
	})
	b.children[j] = list
	for _, c := range list {
		if b.steps++; b.steps > b.limit || b.steps&255 == 0 && b.ctx.Err() != nil {
			b.halted = true
		}
		if b.halted || c.bound >= b.best {
			return // and so do the others
		}
		grants, ok := b.enter(j, c)
		if !ok {
			continue
		}
		count, work, paid := b.count[c.at], b.work[c.at], b.paid[c.at]
		b.count[c.at] += c.end - j
		b.work[c.at] += b.sumWork(j, c.end, c.at)
		b.paid[c.at] = b.pay(j, c.end, c.at)
		b.sum += b.paid[c.at] - paid
		b.descend(c.end, c.at, c.sent)
		b.leave(j, c, grants)
		b.sum -= b.paid[c.at] - paid
		b.count[c.at], b.work[c.at], b.paid[c.at] = count, work, paid
	}
}

// enter puts a run on the path, if its node has room and stays below the
// period.
func (b *branching) enter(j int, c child) ([]placement.Grant, bool) {
	var grants []placement.Grant
	short := true
	for i := j; i < c.end; i++ {
		if b.tight {
			g, ok := b.ledger.Take(c.at, b.w.Operators[i].Demand)
			if !ok {
				b.leave(j, child{end: i, at: c.at}, grants)
				return nil, false
			}
			grants = append(grants, g)
		}
		b.path = append(b.path, c.at)
		if b.meter != nil {
			b.meter.count[c.at]++
			b.meter.change(i, b.path, b.meter.count[c.at], 1)
		}
	}
	if b.meter != nil {
		if short = b.meter.at(c.at) < b.below; short && j > 0 {
			short = b.meter.between(b.path[j-1], c.at) < b.below
		}
	}
	if !short {
		b.leave(j, c, grants)
	}
	return grants, short
}

// leave takes a run off again.
func (b *branching) leave(j int, c child, grants []placement.Grant) {
	for i := c.end - 1; i >= j; i-- {
		if b.tight {
			b.ledger.Give(c.at, b.w.Operators[i].Demand, grants[i-j])
		}
		if b.meter != nil {
			b.meter.change(i, b.path, b.meter.count[c.at], -1)
			b.meter.count[c.at]--
		}
		b.path = b.path[:i]
	}
}

// expand lists the runs that may come next, with a bound on every completion.
func (b *branching) expand(j int, last topology.NodeID, sent time.Duration) []child {
	list := b.children[j][:0]
	for _, a := range b.allowed[j] {
		base := sent + b.sum - b.total
		if a == last || base+b.f[j][a] >= b.best {
			continue
		}
		d := time.Duration(0)
		if j > 0 {
			d = b.step(j-1, last, a)
		}
		if base += d; base+b.f[j][a] >= b.best {
			continue
		}
		for end, top := j+1, b.runEnds(j, a); end <= top; end++ {
			if b.isDead(j, end, a) || b.h[end][a] >= forever {
				continue
			}
			count, work := b.count[a], b.work[a]
			b.count[a] += end - j
			b.work[a] += b.sumWork(j, end, a)
			bound := base + b.pay(j, end, a) - b.paid[a] + b.h[end][a]
			b.count[a], b.work[a] = count, work
			if bound < b.best {
				list = append(list, child{bound, sent + d, end, a})
			}
		}
	}
	return list
}

// pay bounds the time and price of the operators placed on node a, the last
// of which are a run that is not yet on the path.
func (b *branching) pay(from, end int, a topology.NodeID) time.Duration {
	if b.count[a] == end-from {
		d, _ := b.run(from, end, a)
		return d
	}
	if !b.slowed[a] {
		d, _ := b.run(from, end, a)
		return b.paid[a] + d
	}
	if b.work[a] == 0 {
		return 0
	}
	d, _ := b.crowd(b.work[a], b.count[a], b.price[a])
	return d
}
