package ilp

import (
	"cmp"
	"math"
	"slices"
)

// violation is how far a cut must be broken before it is worth a row.
const violation = 0.02

// shelved is how many cuts that were shed a node keeps.
const shelved = 40

// A support is what the master's solution puts on one node: runs and how much
// of each, item by item.
type support struct {
	run   int // offset+run
	item  int
	value float64
}

// supports collects the master's solution by node, ordered by run.
func (r *relaxation) supports() [][]support {
	value := make([]map[int]float64, r.m.nodes)
	for j, id := range r.master.basis {
		if id < 0 || r.master.x[j] < 1e-7 {
			continue
		}
		c := r.master.cols[id]
		r.p.eachRun(int(c.item), c.path, func(node, run int) {
			if value[node] == nil {
				value[node] = map[int]float64{}
			}
			value[node][run] += r.master.x[j]
		})
	}
	out := make([][]support, r.m.nodes)
	for v, runs := range value {
		for run, x := range runs {
			item, _ := slices.BinarySearch(r.p.offset, run+1)
			out[v] = append(out[v], support{run: run, item: item - 1, value: x})
		}
		slices.SortFunc(out[v], func(a, b support) int { return cmp.Compare(a.run, b.run) })
	}
	return out
}

// separate adds the most violated cuts, at most limit, and returns how many.
func (r *relaxation) separate(limit int) int {
	var all []cut
	for v, s := range r.supports() {
		if len(s) < 2 {
			continue
		}
		if c, by := r.unshelve(v, s); by > violation {
			c.by = by
			all = append(all, c)
			continue
		}
		before := len(all)
		for _, d := range r.p.active {
			if r.m.row[v*dims+d] < 0 {
				continue
			}
			if c, by := r.cover(v, d, s); by > violation {
				c.by = by
				all = append(all, c)
			}
		}
		if len(all) == before {
			if c, by := r.hull(v, s); by > violation {
				c.by = by
				all = append(all, c)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b cut) int { return cmp.Compare(b.by, a.by) })
	all = all[:min(limit, len(all))]
	if len(all) > 0 {
		r.insert(all)
	}
	return len(all)
}

// shelve keeps a cut that was shed; the oldest of its node goes when they are
// many.
func (r *relaxation) shelve(c cut) {
	shelf := r.shelf[c.node]
	if len(shelf) >= shelved {
		shelf = shelf[:copy(shelf, shelf[1:])]
	}
	r.shelf[c.node] = append(shelf, c)
}

// unshelve takes back the cut on node v that the support violates most, when
// it does so far enough.
func (r *relaxation) unshelve(v int, s []support) (cut, float64) {
	at, most := -1, violation
	for k := range r.shelf[v] {
		if by := r.shelf[v][k].broken(s); by > most {
			at, most = k, by
		}
	}
	if at < 0 {
		return cut{}, 0
	}
	c := r.shelf[v][at]
	r.shelf[v] = slices.Delete(r.shelf[v], at, at+1)
	return c, most
}

// broken is how far the support violates the cut.
func (c *cut) broken(s []support) float64 {
	by := -c.limit
	for _, x := range s {
		by += x.value * c.weight[x.run]
	}
	return by
}

// An option of an item in a cover is to count every run of at least so much.
type option struct {
	item   int
	weight int     // in units of the knapsack
	least  float64 // demand
	cost   float64 // what the support lacks of 1
}

// cover finds a set of items whose runs on node v, each of at least some
// demand in dimension d, overflow it together: at most all but one of them can
// be there. The set is chosen exactly, by a multiple-choice knapsack over the
// thresholds that the support suggests. Then runs as large as the h largest
// members together weigh h (Balas, Facets of the knapsack polytope, 1975).
func (r *relaxation) cover(v, d int, s []support) (cut, float64) {
	capacity := r.m.capacity[v*dims+d]
	unit := r.grid(d, capacity)
	room := int(math.Floor(capacity/unit + 1e-9))
	groups := r.options(v, d, unit, s)
	if len(groups) < 2 {
		return cut{}, 0
	}
	members, total := choose(groups, room+1)
	if total >= 1-violation {
		return cut{}, 0
	}
	r.shrink(members, v, d, unit, room+1)
	c := r.lift(members, v, d)
	return c, c.broken(s)
}

// grid is a unit in which demands of dimension d are counted, rounded down:
// their greatest common divisor where that leaves few units, a fraction of the
// capacity otherwise.
func (r *relaxation) grid(d int, capacity float64) float64 {
	const most = 2048
	var g uint64
	for run := range r.p.runs() {
		x := r.p.runNeed[run*dims+d]
		if x != math.Trunc(x) {
			return capacity / most
		}
		g = gcd(g, uint64(x))
	}
	if g == 0 || capacity/float64(g) > most {
		return capacity / most
	}
	return float64(g)
}

// options lists each item's thresholds, from the largest demand down.
func (r *relaxation) options(v, d int, unit float64, s []support) [][]option {
	var groups [][]option
	for a := 0; a < len(s); {
		b := a
		for b < len(s) && s[b].item == s[a].item {
			b++
		}
		runs := slices.Clone(s[a:b])
		demand := func(x support) float64 { return r.p.runNeed[x.run*dims+d] }
		slices.SortStableFunc(runs, func(x, y support) int { return cmp.Compare(demand(y), demand(x)) })
		var group []option
		sum := 0.0
		for t, x := range runs {
			sum += x.value
			if t+1 < len(runs) && demand(runs[t+1]) == demand(x) {
				continue
			}
			w := int(math.Floor(demand(x)/unit + 1e-9))
			if w == 0 || r.twice(x.item, v, d, demand(x)) {
				break
			}
			group = append(group, option{item: x.item, weight: w, least: demand(x), cost: max(0, 1-sum)})
		}
		if len(group) > 0 {
			groups = append(groups, group)
		}
		a = b
	}
	return groups
}

// twice reports whether an item could have two separate runs of at least that
// demand on the node at once.
func (r *relaxation) twice(item, v, d int, least float64) bool {
	capacity := r.m.capacity[v*dims+d]
	if 2*least > capacity {
		return false
	}
	k := r.m.items[item].ops
	if r.m.items[item].shape != nil {
		return r.pair(item, capacity, d, least)
	}
	need := func(a, b int) float64 { return r.p.runNeed[(r.p.offset[item]+runID(k, a, b))*dims+d] }
	for a := range k {
		for b := a; b < k && need(a, b) <= capacity; b++ {
			if need(a, b) < least {
				continue
			}
			for c := b + 2; c < k; c++ {
				for e := c; e < k && need(a, b)+need(c, e) <= capacity; e++ {
					if need(c, e) >= least {
						return true
					}
				}
			}
		}
	}
	return false
}

// choose picks at most one option a group, of least total cost, whose weights
// reach the target.
func choose(groups [][]option, target int) ([]option, float64) {
	tables := make([][]float64, len(groups)+1) // least cost by weight, after so many groups
	tables[0] = slices.Repeat([]float64{math.Inf(1)}, target+1)
	tables[0][0] = 0
	for g, options := range groups {
		next := slices.Clone(tables[g])
		for _, o := range options {
			for w, c := range tables[g] {
				if to := min(target, w+o.weight); c+o.cost < next[to]-1e-12 {
					next[to] = c + o.cost
				}
			}
		}
		tables[g+1] = next
	}
	total := tables[len(groups)][target]
	if math.IsInf(total, 1) {
		return nil, total
	}
	var out []option
	w := target
	for g := len(groups) - 1; g >= 0; g-- {
		if tables[g][w] == tables[g+1][w] {
			continue
		}
		var o int
		o, w = stepBack(tables[g], groups[g], tables[g+1][w], w, target)
		out = append(out, groups[g][o])
	}
	return out, total
}

// stepBack finds the option and the weight before it that gave value at w.
func stepBack(table []float64, options []option, value float64, w, target int) (at, from int) {
	for o := range options {
		low := w - options[o].weight
		high := low
		if w == target {
			high = target
		}
		for f := max(0, low); f <= high; f++ {
			if table[f]+options[o].cost == value && min(target, f+options[o].weight) == w {
				return o, f
			}
		}
	}
	panic("ilp: a table without its origin")
}

// shrink lowers the largest thresholds as far as the members still overflow
// the node, so that the cut counts more runs.
func (r *relaxation) shrink(members []option, v, d int, unit float64, target int) {
	spare := -target
	for _, o := range members {
		spare += o.weight
	}
	for spare > 0 {
		big := 0
		for i := range members {
			if members[i].weight > members[big].weight {
				big = i
			}
		}
		o := &members[big]
		least := float64(o.weight-1) * unit
		if o.weight <= 1 || r.twice(o.item, v, d, least) {
			return
		}
		o.weight--
		o.least = least
		spare--
	}
}

// lift makes the cut of the members and gives every larger run its weight.
func (r *relaxation) lift(members []option, v, d int) cut {
	sizes := make([]float64, 0, len(members))
	least := map[int]float64{}
	for _, o := range members {
		sizes = append(sizes, o.least)
		least[o.item] = o.least
	}
	slices.SortFunc(sizes, func(a, b float64) int { return cmp.Compare(b, a) })
	sums := []float64{0} // of the h largest
	for _, x := range sizes {
		sums = append(sums, sums[len(sums)-1]+x)
	}
	c := cut{node: v, weight: make([]float64, r.p.runs()), limit: float64(len(members) - 1)}
	item := 0
	for run := range c.weight {
		for item+1 < len(r.p.offset) && r.p.offset[item+1] <= run {
			item++
		}
		need := r.p.runNeed[run*dims+d]
		h := 0
		for h+1 < len(sums) && sums[h+1] <= need {
			h++
		}
		if x, in := least[item]; in && h == 0 && need >= x {
			h = 1
		}
		c.weight[run] = float64(h)
	}
	return c
}
