package preempt

import (
	"cmp"
	"math"
	"slices"

	"caravan/solver"
	"caravan/workloads/cluster"
)

// Exact evicts the set whose disruption is least, found by branch and bound,
// of all that would make room. The zero value is ready.
type Exact struct {
	// Disruption is what evicting an allocation costs, above 0; nil is
	// solver.Disruption.
	Disruption func(*cluster.Allocation) float64
	// MaxSteps bounds the search on one node; 0 is DefaultSteps. Beyond it the
	// best set that was found is taken.
	MaxSteps int
}

// DefaultSteps is far more than the search has needed for 60 candidates.
const DefaultSteps = 200_000

// Total is the disruption of a set of victims; nil of is solver.Disruption.
func Total(victims []*cluster.Allocation, of func(*cluster.Allocation) float64) float64 {
	if of == nil {
		of = solver.Disruption
	}
	sum := 0.0
	for _, a := range victims {
		sum += of(a)
	}
	return sum
}

// Evict implements solver.Evictor.
func (e Exact) Evict(r solver.EvictRequest) ([]*cluster.Allocation, bool) {
	x := e.newExact(r)
	if !x.roomWithout(x.items) {
		return nil, false
	}
	if greedy, ok := (Greedy{}).Evict(r); ok {
		x.offer(greedy, Total(greedy, e.Disruption))
	}
	x.branch(0, x.short, 0)
	return x.best, len(x.best) > 0
}

// exact is the search on one node. Items are decided in their order.
type exact struct {
	search
	items []item
	byUse [3][]int32 // per dimension: items by rising cost of what they free
	short [3]float64 // what the ask lacks in cpu, memory and disk
	named bool
	state []bool // evicted, of the items decided so far
	best  []*cluster.Allocation
	cost  float64
	steps int // left
}

type item struct {
	a    *cluster.Allocation
	cost float64
	use  [3]float64
	same int // the first item that is equal to this one, itself when none
}

func amounts(a cluster.Amount) [3]float64 {
	return [3]float64{float64(a.CPU), float64(a.Memory), float64(a.Disk)}
}

func (e Exact) newExact(r solver.EvictRequest) *exact {
	of := e.Disruption
	if of == nil {
		of = solver.Disruption
	}
	x := &exact{search: *newSearch(r), cost: math.Inf(1), named: r.Ask.Named() || r.Machine.Node.MaxInstances > 0, steps: cmp.Or(e.MaxSteps, DefaultSteps)}
	for _, a := range x.on {
		if Preemptible(a, r.Job, r.Priority) {
			x.items = append(x.items, item{a: a, cost: of(a), use: amounts(a.Amount)})
		}
	}
	// The dearest first: whether they can stay decides most.
	slices.SortStableFunc(x.items, func(a, b item) int {
		return cmp.Or(cmp.Compare(b.cost, a.cost), cmp.Compare(b.use[0], a.use[0]), cmp.Compare(b.use[1], a.use[1]), cmp.Compare(b.use[2], a.use[2]))
	})
	for i := range x.items {
		x.items[i].same = i
		if p := i - 1; p >= 0 && x.items[p].a.Grant == nil && x.items[i].a.Grant == nil && x.items[p].cost == x.items[i].cost && x.items[p].use == x.items[i].use {
			x.items[i].same = x.items[p].same
		}
	}
	need := amounts(r.Held)
	for d, free := range amounts(x.free()) {
		x.short[d] = need[d] - free
		order := make([]int32, len(x.items))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortStableFunc(order, func(a, b int32) int {
			return cmp.Compare(x.items[a].cost*x.items[b].use[d], x.items[b].cost*x.items[a].use[d])
		})
		x.byUse[d] = order
	}
	x.state = make([]bool, len(x.items))
	return x
}

// roomWithout reports whether the ask fits when all of the items are gone.
func (x *exact) roomWithout(items []item) bool {
	gone := make([]*cluster.Allocation, len(items))
	for i := range items {
		gone[i] = items[i].a
	}
	return x.fitsWithout(gone)
}

func (x *exact) fitsWithout(gone []*cluster.Allocation) bool {
	s := x.search
	s.on = slices.DeleteFunc(slices.Clone(s.on), func(a *cluster.Allocation) bool { return slices.Contains(gone, a) })
	return s.fits()
}

func (x *exact) offer(victims []*cluster.Allocation, cost float64) {
	if cost < x.cost {
		x.best, x.cost = slices.Clone(victims), cost
	}
}

// chosen is the items that are evicted among the first n.
func (x *exact) chosen(n int) []*cluster.Allocation {
	var out []*cluster.Allocation
	for i := range n {
		if x.state[i] {
			out = append(out, x.items[i].a)
		}
	}
	return out
}

// branch decides item i and those after it. Evicting more never takes room
// away, so that a set that makes room needs nothing added.
func (x *exact) branch(i int, short [3]float64, cost float64) {
	if x.steps--; x.steps < 0 {
		return
	}
	if short[0] <= 0 && short[1] <= 0 && short[2] <= 0 {
		if victims := x.chosen(i); !x.named || x.fitsWithout(victims) {
			x.offer(victims, cost)
			return
		}
	}
	if i == len(x.items) || cost+x.bound(i, short) >= x.cost {
		return
	}
	if x.named && !x.fitsWithout(append(x.chosen(i), x.rest(i)...)) {
		return
	}
	it := &x.items[i]
	next := i + 1
	for next < len(x.items) && x.items[next].same == it.same {
		next++ // staying, it keeps its equals
	}
	x.branch(next, short, cost)
	x.state[i] = true
	x.branch(i+1, [3]float64{short[0] - it.use[0], short[1] - it.use[1], short[2] - it.use[2]}, cost+it.cost)
	x.state[i] = false
}

func (x *exact) rest(i int) []*cluster.Allocation {
	var out []*cluster.Allocation
	for _, it := range x.items[i:] {
		out = append(out, it.a)
	}
	return out
}

// bound is the least cost of making up what is short with the items from i on,
// in the worst dimension and taking parts of items (Dantzig); +Inf when they do
// not suffice.
func (x *exact) bound(i int, short [3]float64) float64 {
	worst := 0.0
	for d, need := range short {
		cost := 0.0
		for _, k := range x.byUse[d] {
			if need <= 0 {
				break
			}
			it := &x.items[k]
			if int(k) < i || it.use[d] <= 0 {
				continue
			}
			cost += it.cost * min(1, need/it.use[d])
			need -= it.use[d]
		}
		if need > 0 {
			return math.Inf(1)
		}
		worst = max(worst, cost)
	}
	return worst
}
