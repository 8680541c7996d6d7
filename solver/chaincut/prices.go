package chaincut

import (
	"math"
	"slices"
	"time"

	"caravan/topology"
)

// prices bound what a chain costs where operators get in each other's way. A
// chain is a sequence of runs: operators in a row on one node, then a message
// to another. An operator that is one of k on a node uses up 1/k of it under
// k-multiplicative contention; elsewhere it uses up what it demands of the
// node's capacity, or of the period that it may be busy. No node can be used up
// more than once. Relaxing that with a price for each node (Lagrange) leaves a
// recursion over runs, in which r operators on node a pay
//
//	min over k >= r of k*work + r*price(a)/k
//
// or their work and their share of the price, and the bound is its value less
// the sum of all prices.
type prices struct {
	*search
	below  time.Duration   // the period must be less; forever is any
	price  []time.Duration // by node
	total  time.Duration   // of all prices
	before []float64       // work of the operators before each, in seconds
	asked  []float64       // what they use up, in the unit of room
	room   []float64       // by node; +Inf where they do not use it up
	may    [][]bool        // by operator and node
	reach  [][]int16       // by operator and node: the last end of a run that has room
	dead   []bool          // runs that no better placement has, by first, last and node; nil: none

	f    [][]time.Duration   // the rest from the start of a run
	h    [][]time.Duration   // the rest from the end of a run, by the operator that comes next
	to   [][]topology.NodeID // where h sends
	ends [][]int16           // where the run of f ends

	share []float64 // scratch: how much of each node a path uses up
}

func newPrices(s *search, below time.Duration) *prices {
	k, n := len(s.allowed), len(s.p.Topology.Nodes())
	x := &prices{search: s, below: below, price: make([]time.Duration, n), share: make([]float64, n), before: make([]float64, k+1)}
	for j := range k + 1 {
		x.h = append(x.h, make([]time.Duration, n))
		x.to = append(x.to, make([]topology.NodeID, n))
		if j == k {
			break
		}
		x.before[j+1] = x.before[j] + s.work[j]
		x.f, x.ends = append(x.f, make([]time.Duration, n)), append(x.ends, make([]int16, n))
		x.may = append(x.may, make([]bool, n))
		for _, a := range s.allowed[j] {
			x.may[j][a] = true
		}
	}
	x.setRoom()
	x.setReach()
	return x
}

// crowd bounds the time and the price of c operators with so much work
// together (in nanoseconds on this node) where at least c are: the least over
// k >= c of k*work + c*price/k, less what rounding may take. The sum is convex
// in k.
func (x *prices) crowd(work float64, c int, price time.Duration) (time.Duration, int) {
	top := len(x.allowed)
	at := func(k int) float64 { return float64(float64(k)*work) + float64(c)*float64(price)/float64(k) }
	k := top
	if root := math.Sqrt(float64(c) * float64(price) / work); root < float64(top) {
		k = max(int(root), c)
	}
	if next := min(k+1, top); at(next) < at(k) {
		k = next
	}
	return time.Duration(at(k)*(1-1e-12) - 0.5*float64(c)), k
}

// run is what the operators from one to before another pay on node a, and
// how much of it they use up.
func (x *prices) run(from, end int, a topology.NodeID) (time.Duration, float64) {
	r := end - from
	if !x.slowed[a] {
		used := (x.asked[end] - x.asked[from]) / x.room[a]
		toll := time.Duration(used * float64(x.price[a]) * (1 - 1e-9))
		if r == 1 {
			return x.alone(from, a) + toll, used
		}
		return time.Duration(x.sumWork(from, end, a)*(1-1e-12)-0.5*float64(r)) + toll, used
	}
	if r == 1 && x.price[a] == 0 {
		return x.alone(from, a), 1
	}
	work := x.sumWork(from, end, a)
	if work == 0 && x.price[a] == 0 {
		return 0, 1
	}
	d, k := x.crowd(work, r, x.price[a])
	return d, float64(r) / float64(k)
}

// sumWork is the time of operators on node a, each alone, in nanoseconds
// before rounding.
func (x *prices) sumWork(from, end int, a topology.NodeID) float64 {
	return (x.before[end] - x.before[from]) / x.p.Topology.Nodes()[a].Speed * 1e9
}

// runEnds is the last end that a run of operators can have that starts with
// from on node a.
func (x *prices) runEnds(from int, a topology.NodeID) int {
	if x.p.Topology.Nodes()[a].NoColocate {
		return from + 1
	}
	return int(x.reach[from][a])
}

// recur solves the priced recursion and returns its bound; ok is false when
// the context ends.
func (x *prices) recur() (bound time.Duration, ok bool) {
	k := len(x.allowed)
	for j := k - 1; j >= 0; j-- {
		if x.ctx.Err() != nil {
			return 0, false
		}
		for a := range x.f[j] {
			x.f[j][a], x.h[j][a] = forever, forever
		}
		for _, a := range x.allowed[j] {
			for end, last := j+1, x.runEnds(j, a); end <= last; end++ {
				d, _ := x.run(j, end, a)
				if d >= x.f[j][a] {
					break // and longer runs cost more
				}
				if rest := d + x.h[end][a]; rest < x.f[j][a] && !x.isDead(j, end, a) {
					x.f[j][a], x.ends[j][a] = rest, int16(end)
				}
			}
		}
		if j > 0 {
			x.carrier().cheapest(message{x.output[j-1], x.allowed[j-1], true}, x.f[j], x.h[j], x.to[j])
		}
		x.steps++
	}
	return min(slices.Min(x.f[0]), forever) - x.total, true
}

// A stretch is a run of a path.
type stretch struct {
	from, end int
	at        topology.NodeID
}

// path follows the recursion from the best node of the first operator; nil
// when there is none.
func (x *prices) path() []stretch {
	var out []stretch
	a := topology.NodeID(0)
	for b := range x.f[0] {
		if x.f[0][b] < x.f[0][a] {
			a = topology.NodeID(b)
		}
	}
	for j := 0; j < len(x.f) && x.f[j][a] < forever; {
		end := int(x.ends[j][a])
		out = append(out, stretch{j, end, a})
		j, a = end, x.to[end][a]
	}
	return out
}

// nodesOf spells out a path.
func nodesOf(path []stretch) []topology.NodeID {
	var nodes []topology.NodeID
	for _, r := range path {
		nodes = append(nodes, slices.Repeat([]topology.NodeID{r.at}, r.end-r.from)...)
	}
	return nodes
}

// rounds is how often prices are raised and lowered: fewer times where a round
// takes long, and when prices are good already.
func (x *prices) rounds(again bool) int {
	n := len(x.share)
	pairs := n * n
	if !x.carrier().exact() {
		pairs = 600 * n // about what a search of the graph costs
	}
	most := 250
	if again {
		most = 80
	}
	return min(most, max(40, 1_000_000_000/(len(x.f)*pairs)))
}

// improve looks for good prices by subgradients with Polyak's step and keeps
// the best. It hands every path on the way to try, which returns the least
// cost known so far. It returns the bound; ok is false when there is no path
// or the context ends.
func (x *prices) improve(try func([]topology.NodeID) time.Duration) (best time.Duration, ok bool) {
	best = math.MinInt64
	kept := slices.Clone(x.price)
	scale, stale := 1.0, 0
	for range x.rounds(x.total > 0) {
		d, ok := x.recur()
		if !ok {
			return max(best, 0), false
		}
		path := x.path()
		if len(path) == 0 {
			return max(best, 0), false
		}
		upper := try(nodesOf(path))
		if d > best {
			best, stale = d, 0
			copy(kept, x.price)
		} else if stale++; stale == 5 {
			scale, stale = scale*0.7, 0
		}
		aim := upper
		if upper >= forever {
			aim = best + best/10 // a guess, where nothing is known to fit
		}
		if best >= upper || x.steps > x.limit || !x.move(path, scale*float64(min(aim-d, aim))) {
			break
		}
	}
	copy(x.price, kept)
	x.sumPrices()
	_, ok = x.recur()
	return best, ok
}

// move changes the prices along the subgradient: dearer where the path uses
// up more than there is. It reports false when the path breaks nothing.
func (x *prices) move(path []stretch, step float64) bool {
	clear(x.share)
	for _, r := range path {
		_, used := x.run(r.from, r.end, r.at)
		x.share[r.at] += used
	}
	norm := 0.0
	for a, u := range x.share {
		if g := u - 1; g > 0 || x.price[a] > 0 {
			norm += g * g
		}
	}
	if norm == 0 {
		return false
	}
	for a, u := range x.share {
		if x.slowed[a] || !math.IsInf(x.room[a], 1) {
			x.price[a] = max(0, x.price[a]+time.Duration(step*(u-1)/norm))
		}
	}
	x.sumPrices()
	return x.total < forever/16 // prices without end say that nothing has room; the search will find out
}

func (x *prices) sumPrices() {
	x.total = 0
	for _, p := range x.price {
		x.total += p
	}
}

// isDead reports whether a run has been ruled out.
func (x *prices) isDead(from, end int, a topology.NodeID) bool {
	return x.dead != nil && x.dead[x.runIndex(from, end, a)]
}

func (x *prices) runIndex(from, end int, a topology.NodeID) int {
	return (from*len(x.f)+end-1)*len(x.share) + int(a)
}

// maxFixing bounds the table of runs and the pairs of nodes that fix looks at.
const maxFixing = 1 << 24

// fix rules out the runs through which even the priced recursion costs no
// less than the best known placement. It returns how many it ruled out.
func (x *prices) fix(upper time.Duration) int {
	k, n := len(x.f), len(x.share)
	if k*k*n > maxFixing || k*n*n > maxFixing {
		return 0
	}
	if x.dead == nil {
		x.dead = make([]bool, k*k*n)
	}
	came := make([][]time.Duration, k+1) // by operator that comes next and node, before and then after the move
	for j := range came {
		came[j] = slices.Repeat([]time.Duration{forever}, n)
	}
	clear(came[0])
	ruled := 0
	for j := range k {
		if j > 0 {
			came[j] = x.arrive(j, came[j])
		}
		for _, a := range x.allowed[j] {
			for end, last := j+1, x.runEnds(j, a); end <= last; end++ {
				i := x.runIndex(j, end, a)
				d, _ := x.run(j, end, a)
				switch here := came[j][a] + d; {
				case x.dead[i]:
				case here >= forever || here+x.h[end][a]-x.total >= upper:
					x.dead[i] = true
					ruled++
				default:
					came[end][a] = min(came[end][a], here)
				}
			}
		}
	}
	return ruled
}

// arrive moves on from where the runs before operator j ended.
func (x *prices) arrive(j int, ended []time.Duration) []time.Duration {
	out := slices.Repeat([]time.Duration{forever}, len(ended))
	for _, a := range x.allowed[j-1] {
		if ended[a] >= forever {
			continue
		}
		for _, b := range x.allowed[j] {
			if a != b && x.f[j][b] < forever {
				out[b] = min(out[b], ended[a]+x.step(j-1, a, b))
			}
		}
	}
	return out
}
