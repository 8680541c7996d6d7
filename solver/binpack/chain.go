package binpack

import (
	"math"
	"math/bits"
	"math/rand/v2"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// Config is how a cluster decides. The zero value packs and never evicts.
type Config struct {
	// Spread scores nodes by how empty they are rather than how full.
	Spread bool
	// SpreadPools overrides Spread for node pools.
	SpreadPools map[string]bool
	// Preempts lists the job types that may evict others; DefaultPreemption is
	// upstream's. It needs an Evictor.
	Preempts []workloads.JobType
	Evictor  solver.Evictor
	// NoZeroAffinity leaves the affinity scorer out of the mean where the
	// weights that hold add up to 0, as releases up to 1.6 do.
	NoZeroAffinity bool
}

// DefaultPreemption is the job types that may evict others unless an operator
// says otherwise (nomad/config.go, DefaultSchedulerConfig).
func DefaultPreemption() []workloads.JobType { return []workloads.JobType{workloads.System} }

// The limits of the search (scheduler/stack.go and select.go).
const (
	batchLimit   = 2
	raisedLimit  = 100 // node_limit_for_feasibility_checks
	maxSkip      = 3
	skipAtOrLess = 0.0
)

// A Chain decides where the instances of jobs go as HashiCorp Nomad's
// schedulers do: nodes in a seeded random order pass through the feasibility
// checks, those that fit are scored by the mean of the scorers that apply, and
// the best of the first few is taken. It serves one cluster, one goroutine at a
// time, and allocates nothing for a node that it passes over.
type Chain struct {
	config Config
	fleet  *cluster.Fleet
	specs  map[*workloads.Job]*compiled
	lists  map[string]*readyList
	stood  uint64 // StandingIndex of lists

	// The evaluation.
	view   cluster.View
	job    cluster.JobID
	spec   *workloads.Job
	c      *compiled
	rng    *rand.PCG
	order  []topology.NodeID // the ready nodes, shuffled up to drawn
	drawn  int
	swaps  []int32 // to undo the shuffle
	offset int     // of the next node to visit; kept between instances
	seen   int     // nodes visited for this instance
	limit  int     // candidates; raised for good by affinities and spreads
	jobs   tally   // of all groups
	groups []tally
	past   progress
	// Σw of all groups that were looked at, and the lowest boost, as
	// scheduler/spread.go keeps them: never reset within an evaluation.
	spreadWeight int
	spreadSeen   []bool
	lowestBoost  float64

	// The instance.
	group    int
	penalty  []topology.NodeID
	evicting bool
	scored   []candidate
	skipped  []int32
	on       []*cluster.Allocation
	tallied  counts
}

// A candidate is a node on which the instance fits.
type candidate struct {
	node    topology.NodeID
	final   float64
	parts   [scorers]float64
	present uint8
	held    cluster.Amount
	grant   *cluster.Grant
	evict   []*cluster.Allocation
}

// A readyList is the nodes that take work in some datacenters and a pool.
type readyList struct{ nodes []topology.NodeID }

// NewChain decides for a cluster of these machines.
func NewChain(f *cluster.Fleet, config Config) *Chain {
	return &Chain{
		config: config, fleet: f, specs: map[*workloads.Job]*compiled{}, lists: map[string]*readyList{},
		rng: rand.NewPCG(0, 0), stood: math.MaxUint64,
	}
}

// Begin starts an evaluation of a job against a view. Equal views and seeds
// give equal decisions. The chain follows what the caller adds to the view's
// plan meanwhile.
func (c *Chain) Begin(v cluster.View, job cluster.JobID, spec *workloads.Job, seed uint64) {
	c.view, c.job, c.spec = v, job, spec
	c.c = c.compile(spec)
	c.restore()
	c.order = c.ready()
	c.rng.Seed(seed, 0)
	c.drawn, c.offset = 0, 0
	c.limit = batchLimit
	if n := len(c.order); spec.Type != workloads.Batch && n > 0 {
		c.limit = max(batchLimit, bits.Len(uint(n-1))) // the logarithm to base 2, rounded up
	}
	c.spreadWeight, c.lowestBoost = 0, -1
	c.spreadSeen = append(c.spreadSeen[:0], make([]bool, len(spec.Groups))...)
	c.recount()
}

// restore undoes the shuffle of the last evaluation, so that the next does not
// depend on it.
func (c *Chain) restore() {
	for i := len(c.swaps) - 1; i >= 0; i-- {
		j := c.swaps[i]
		c.order[i], c.order[j] = c.order[j], c.order[i]
	}
	c.swaps = c.swaps[:0]
}

// ready lists the nodes that take work in the job's datacenters and pool.
func (c *Chain) ready() []topology.NodeID {
	if at := c.view.StandingIndex(); at != c.stood {
		clear(c.lists)
		c.stood = at
	}
	l, ok := c.lists[c.c.where]
	if !ok {
		l = &readyList{}
		for i := range c.fleet.Len() {
			n := topology.NodeID(i)
			if c.view.Standing(n).Takes() && c.spec.In(c.fleet.Machine(n).Node) {
				l.nodes = append(l.nodes, n)
			}
		}
		c.lists[c.c.where] = l
	}
	return l.nodes
}

// Ready is how many nodes the evaluation can choose from.
func (c *Chain) Ready() int { return len(c.order) }

// visit is the next node in the shuffled order, round robin over all; ok is
// false when every node was visited for this instance. The shuffle is that of
// Fisher and Yates from the front, drawn only as far as nodes are visited.
func (c *Chain) visit() (topology.NodeID, bool) {
	n := len(c.order)
	if c.seen == n {
		return topology.None, false
	}
	if c.offset == n {
		c.offset = 0
	}
	if c.offset == c.drawn {
		hi, _ := bits.Mul64(c.rng.Uint64(), uint64(n-c.drawn))
		j := c.drawn + int(hi)
		c.order[c.drawn], c.order[j] = c.order[j], c.order[c.drawn]
		c.swaps = append(c.swaps, int32(j))
		c.drawn++
	}
	node := c.order[c.offset]
	c.offset++
	c.seen++
	return node, true
}

// Options narrow the choice for one instance.
type Options struct {
	Penalty   []topology.NodeID // on which an earlier try failed
	Preferred []topology.NodeID // are tried first, such as that of a sticky disk
	// Only, unless nil, is the nodes to consider instead of all that are ready:
	// one for a system job, or the present one for an update in place.
	Only []topology.NodeID
	// NoEviction keeps others where they are whatever the job's type.
	NoEviction bool
}

// A Decision is a node for an instance.
type Decision struct {
	Node  topology.NodeID
	Score float64
	Held  cluster.Amount
	Grant *cluster.Grant
	Evict []*cluster.Allocation // what must leave first
}

// Select chooses a node for one instance of a group; ok is false when none is
// feasible. It adds nothing to the plan. Evictions are tried only when nothing
// fits without.
func (c *Chain) Select(group int, o Options) (Decision, bool) {
	c.follow()
	c.group, c.penalty = group, o.Penalty
	c.raise()
	if d, ok := c.choose(o, false); ok {
		return d, true
	}
	if o.NoEviction || c.config.Evictor == nil || !c.preempts() {
		return Decision{}, false
	}
	return c.choose(o, true)
}

// Place selects a node for instance index of a group and adds it to the plan.
func (c *Chain) Place(group, index int, o Options) (Decision, bool) {
	d, ok := c.Select(group, o)
	if ok {
		a := cluster.Instance(c.job, c.spec, group, index, d.Node, d.Held, d.Grant)
		a.Score = d.Score
		c.view.Plan.Place(a, d.Evict...)
	}
	return d, ok
}

func (c *Chain) preempts() bool {
	for _, t := range c.config.Preempts {
		if t == c.spec.Type {
			return true
		}
	}
	return false
}

// raise lifts the limit for groups with affinities or spreads, which would be
// blind among few candidates.
func (c *Chain) raise() {
	g := &c.c.groups[c.group]
	if !c.spreadSeen[c.group] {
		c.spreadSeen[c.group] = true
		c.spreadWeight += g.spreadWeight
	}
	if len(g.affinities) > 0 || len(g.spreads) > 0 {
		c.limit = max(c.spec.Groups[c.group].Count, raisedLimit)
	}
}

// choose runs one pass, over the preferred nodes first.
func (c *Chain) choose(o Options, evicting bool) (Decision, bool) {
	c.evicting = evicting
	c.tallied.reset(len(c.c.rules))
	c.scored, c.skipped = c.scored[:0], c.skipped[:0]
	for _, subset := range [][]topology.NodeID{o.Only, o.Preferred} {
		if subset != nil {
			if best := c.best(subset, true); best >= 0 {
				return c.decision(best), true
			}
			if o.Only != nil {
				return Decision{}, false
			}
		}
	}
	c.seen = 0
	if best := c.best(nil, false); best >= 0 {
		return c.decision(best), true
	}
	return Decision{}, false
}

// best is the position in scored of the highest final score among those that
// the limit lets through, the first on ties; -1 when there is none. With only
// it looks at the subset alone, otherwise at the nodes in their order.
func (c *Chain) best(subset []topology.NodeID, only bool) int {
	limit := c.limit
	if only {
		limit = len(subset)
	}
	best := -1
	c.skipped = limited(limit, maxSkip, c.skipped[:0], func() (int, float64) {
		for {
			n, ok := topology.None, false
			if !only {
				n, ok = c.visit()
			} else if ok = len(subset) > 0; ok {
				n, subset = subset[0], subset[1:]
			}
			if !ok {
				return -1, 0
			}
			if c.consider(n) {
				return len(c.scored) - 1, c.scored[len(c.scored)-1].final
			}
		}
	}, func(i int) {
		if best < 0 || c.scored[i].final > c.scored[best].final {
			best = i
		}
	})
	return best
}

// limited emits the first limit options of next, which ends with -1. Up to skip
// options of no positive score are deferred, and only emitted when better ones
// run out (scheduler/select.go, LimitIterator). It returns the deferred ones in
// the room of skipped.
func limited(limit, skip int, skipped []int32, next func() (int, float64), emit func(int)) []int32 {
	back := 0 // deferred ones that were taken back
	again := func() (int, float64) {
		i, final := next()
		if i < 0 && back < len(skipped) {
			back++
			return int(skipped[back-1]), math.Inf(-1)
		}
		return i, final
	}
	for range limit {
		i, final := again()
		for i >= 0 && len(skipped) < skip && final <= skipAtOrLess {
			skipped = append(skipped, int32(i))
			i, final = next()
		}
		if i < 0 {
			if i, _ = again(); i < 0 {
				break
			}
		}
		emit(i)
	}
	return skipped
}

func (c *Chain) decision(i int) Decision {
	x := &c.scored[i]
	return Decision{Node: x.node, Score: x.final, Held: x.held, Grant: x.grant, Evict: x.evict}
}

// LookedAt is how many nodes the last Select looked at.
func (c *Chain) LookedAt() int { return c.tallied.evaluated }
