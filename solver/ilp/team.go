package ilp

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"caravan/solver"
)

const (
	teamStates = 20_000    // of a layer that a search for the cheapest path keeps
	teamTries  = 2_000_000 // instances placed while paths are listed
)

// A team is the shape of a job whose instances pay for, or are kept from, being
// on nodes of one value together: spreads and distances. Its operators are the
// instances. Those that are alike go to nodes of no lower number than the one
// before, so that a path stands for all its permutations.
//
// Its cheapest path is found by dynamic programming from instance to instance
// over the last node and the counts that can still matter.
type team struct {
	nodes, real int
	own         []float64
	group       []int  // by operator
	alike       []bool // by operator: as the one before
	counters    []solver.Counter
	base        []int    // of a counter's values among all counts
	size        int      // of the counts
	reach       [][]int  // by counter and value: its last node
	over        [][]bool // by counter and operator: none after it counts
	sorted      [][]bool // the same: those after it are all alike

	least []float64 // charge and cost, by operator
}

// team makes the shape of a job's item, whose own costs are filled in.
func (m *model) team(it *item, counters []solver.Counter) {
	t := &team{nodes: m.nodes, real: m.real, own: it.own, least: make([]float64, it.ops), counters: counters}
	for j := range it.ops {
		g, _ := it.slot(j)
		t.group = append(t.group, g)
		row := func(j int) []float64 { return it.own[j*m.nodes : (j+1)*m.nodes] }
		t.alike = append(t.alike, j > 0 && t.group[j-1] == g && slices.Equal(row(j-1), row(j)))
	}
	for i := range counters {
		c := &counters[i]
		t.base = append(t.base, t.size)
		t.size += len(c.Cost)
		reach := make([]int, len(c.Cost))
		for n, v := range c.Of {
			reach[v] = n
		}
		over, sorted := make([]bool, it.ops), make([]bool, it.ops)
		for j := it.ops - 1; j >= 0; j-- {
			last := j+1 == it.ops
			over[j] = last || over[j+1] && !t.counts(c, j+1)
			sorted[j] = last || t.alike[j+1] && sorted[j+1] || over[j]
		}
		t.reach, t.over, t.sorted = append(t.reach, reach), append(t.over, over), append(t.sorted, sorted)
	}
	it.shape, it.counters = t, counters
}

func (t *team) counts(c *solver.Counter, j int) bool { return c.Group < 0 || c.Group == t.group[j] }

// cost implements shape.
func (t *team) cost(path []int16) float64 {
	counts := make([]uint16, t.size)
	sum := 0.0
	for j, v := range path {
		sum += t.own[j*t.nodes+int(v)] + t.add(counts, j, v)
	}
	return sum
}

// add counts operator j on node v, and returns what that adds to the cost.
func (t *team) add(counts []uint16, j int, v int16) float64 {
	if int(v) >= t.real {
		return 0
	}
	sum := 0.0
	for i := range t.counters {
		c := &t.counters[i]
		if !t.counts(c, j) {
			continue
		}
		value := c.Of[v]
		n := &counts[t.base[i]+value]
		if math.IsInf(c.Cost[value][*n+1], 1) {
			return math.Inf(1)
		}
		sum += c.Cost[value][*n+1] - c.Cost[value][*n]
		*n++
	}
	return sum
}

// A squad is the cheapest way to place the first operators that leaves the
// same choices.
type squad struct {
	cost   float64
	node   int16
	before *squad
	counts []uint16
}

// choices visits the squads with operator j placed too, each with its cost.
func (t *team) choices(c *charge, x *squad, j int, visit func(*squad)) {
	for _, v := range c.allowed[j] {
		if t.alike[j] && v < x.node {
			continue
		}
		price := x.cost + t.own[j*t.nodes+int(v)] + c.pay[j*t.nodes+int(v)]
		if math.IsInf(price, 1) {
			continue
		}
		y := &squad{node: v, before: x, counts: slices.Clone(x.counts)}
		if y.cost = price + t.add(y.counts, j, v); !math.IsInf(y.cost, 1) {
			visit(y)
		}
	}
}

// key names what matters of a squad once operator j is placed.
func (t *team) key(x *squad, j int, out []byte) []byte {
	if j+1 < len(t.alike) && t.alike[j+1] {
		out = append(out, byte(x.node), byte(x.node>>8))
	}
	for i := range t.counters {
		if t.over[i][j] {
			continue
		}
		for v, reach := range t.reach[i] {
			if !t.sorted[i][j] || reach >= int(x.node) {
				n := x.counts[t.base[i]+v]
				out = append(out, byte(n), byte(n>>8))
			}
		}
	}
	return out
}

// prepare computes the least charges and costs, and returns their sum.
func (t *team) prepare(c *charge) float64 {
	sum := 0.0
	for j, list := range c.allowed {
		t.least[j] = math.Inf(1)
		for _, v := range list {
			t.least[j] = min(t.least[j], t.own[j*t.nodes+int(v)]+c.pay[j*t.nodes+int(v)])
		}
		sum += t.least[j]
	}
	return sum
}

// cheapest implements shape.
func (t *team) cheapest(c *charge, path []int16) float64 {
	relaxed := t.prepare(c)
	layer := []*squad{{counts: make([]uint16, t.size)}}
	cut := false
	var key []byte
	for j := range t.group {
		at := map[string]int{}
		var next []*squad
		for _, x := range layer {
			t.choices(c, x, j, func(y *squad) {
				key = t.key(y, j, key[:0])
				k, known := at[string(key)]
				switch {
				case !known:
					at[string(key)] = len(next)
					next = append(next, y)
				case y.cost < next[k].cost:
					next[k] = y
				}
			})
		}
		if len(next) > teamStates {
			slices.SortStableFunc(next, func(a, b *squad) int { return cmp.Compare(a.cost, b.cost) })
			next, cut = next[:teamStates], true
		}
		layer = next
	}
	path[0] = -1
	switch {
	case len(layer) > 0:
		best := slices.MinFunc(layer, func(a, b *squad) int { return cmp.Compare(a.cost, b.cost) })
		for j, x := len(path)-1, best; j >= 0; j, x = j-1, x.before {
			path[j] = x.node
		}
		if !cut {
			return best.cost
		}
	case !cut:
		return math.Inf(1)
	}
	return relaxed
}

// through implements shape. It leaves out what instances pay together.
func (t *team) through(c *charge, out []float64) float64 {
	best := t.cheapest(c, make([]int16, len(t.group)))
	sum := 0.0
	for _, x := range t.least {
		sum += x
	}
	for j, list := range c.allowed {
		for _, v := range list {
			at := j*t.nodes + int(v)
			out[at] = sum - t.least[j] + t.own[at] + c.pay[at]
		}
	}
	return best
}

// each implements shape.
func (t *team) each(c *charge, gap float64, visit func(path []int16) bool) bool {
	path := make([]int16, len(t.group))
	room := t.cheapest(c, path) + gap
	if math.IsInf(room, 1) {
		return true
	}
	after := make([]float64, len(path)+1)
	for j := len(path) - 1; j >= 0; j-- {
		after[j] = after[j+1] + t.least[j]
	}
	tries := 0
	var down func(x *squad, j int) bool
	down = func(x *squad, j int) bool {
		if j == len(path) {
			return visit(path)
		}
		fine := true
		t.choices(c, x, j, func(y *squad) {
			if tries++; fine && y.cost+after[j+1] <= room {
				path[j] = y.node
				fine = tries < teamTries && down(y, j+1)
			}
		})
		return fine
	}
	return down(&squad{counts: make([]uint16, t.size)}, 0)
}

// draw implements shape: instance after instance on any node that keeps its
// distance, when there is one.
func (t *team) draw(rng *rand.Rand, path []int16) {
	counts := make([]uint16, t.size)
	for j := range path {
		var open []int16
		for v := range t.nodes {
			if !math.IsInf(t.own[j*t.nodes+v], 1) {
				open = append(open, int16(v))
			}
		}
		for try := range 20 {
			path[j] = open[rng.IntN(len(open))]
			with := slices.Clone(counts)
			if !math.IsInf(t.add(with, j, path[j]), 1) || try == 19 {
				counts = with
				break
			}
		}
	}
}
