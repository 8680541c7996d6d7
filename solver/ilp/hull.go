package ilp

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

const (
	hullRuns     = 16   // runs of a support that a hull cut looks at
	hullPatterns = 4000 // sets of runs that fit together
)

// hull separates the support of node v from the convex hull of the sets of
// runs that fit the node together, in all dimensions at once (a Fenchel cut,
// Boyd 1994): it lists the largest such sets and asks a small linear program
// for the weights that no set exceeds 1 with.
func (r *relaxation) hull(v int, s []support) (cut, float64) {
	s = slices.Clone(s)
	slices.SortStableFunc(s, func(a, b support) int { return cmp.Compare(b.value, a.value) })
	s = s[:min(len(s), hullRuns)]
	e := enumeration{r: r, node: v, s: s, conflicts: r.conflicts(s)}
	e.list(0, 0, make([]float64, dims))
	if len(e.patterns) > hullPatterns {
		return cut{}, 0
	}
	weight := gauge(e.patterns, s)
	c := r.liftHull(v, s, weight)
	return c, c.broken(s)
}

// conflicts lists, for each run of the support, the runs of its item that
// cannot stand beside it: they overlap or would be one run.
func (r *relaxation) conflicts(s []support) []uint32 {
	out := make([]uint32, len(s))
	for a := range s {
		for b := range s {
			if a != b && s[a].item == s[b].item && !r.apart(s[a].run, s[b].run, s[a].item) {
				out[a] |= 1 << b
			}
		}
	}
	return out
}

// apart reports whether an operator lies between two runs of an item.
func (r *relaxation) apart(a, b, item int) bool {
	k, reach := r.p.kind[item], r.p.reach(item)
	a, b = a-r.p.offset[item], b-r.p.offset[item]
	return r.p.start[k][b] > r.p.end[k][a]+reach || r.p.start[k][a] > r.p.end[k][b]+reach
}

// An enumeration lists the sets of runs that fit a node and to which no other
// run can be added.
type enumeration struct {
	r         *relaxation
	node      int
	s         []support
	conflicts []uint32
	patterns  []uint32
}

func (e *enumeration) list(t int, chosen uint32, used []float64) {
	if len(e.patterns) > hullPatterns {
		return
	}
	if t == len(e.s) {
		for a := range e.s {
			if chosen>>a&1 == 0 && e.conflicts[a]&chosen == 0 && e.fits(a, used) {
				return
			}
		}
		e.patterns = append(e.patterns, chosen)
		return
	}
	if e.conflicts[t]&chosen == 0 && e.fits(t, used) {
		more := slices.Clone(used)
		for d := range dims {
			more[d] += e.r.p.runNeed[e.s[t].run*dims+d]
		}
		e.list(t+1, chosen|1<<t, more)
	}
	e.list(t+1, chosen, used)
}

func (e *enumeration) fits(t int, used []float64) bool {
	for _, d := range e.r.p.active {
		if used[d]+e.r.p.runNeed[e.s[t].run*dims+d] > e.r.m.capacity[e.node*dims+d]*(1+epsilon) {
			return false
		}
	}
	return true
}

// gauge returns the weights w >= 0 that maximise the value of the support
// while every pattern weighs 1 at most: the duals of covering the support by
// patterns, found by the simplex method with a row for each run.
func gauge(patterns []uint32, s []support) []float64 {
	n := len(s)
	const (
		absent  = 10.0    // cost of covering a run by nothing
		surplus = 1 << 24 // surplus+a: too much of run a
	)
	inv := make([][]float64, n) // row-major
	basis := slices.Repeat([]int{-1}, n)
	x := make([]float64, n)
	for a := range s {
		inv[a] = make([]float64, n)
		inv[a][a] = 1
		x[a] = s[a].value * (1 + 1e-9*float64(a))
	}
	cost := func(id int) float64 {
		switch {
		case id < 0:
			return absent
		case id >= surplus:
			return 0
		}
		return 1
	}
	w := make([]float64, n)
	d := make([]float64, n)
	for range 60 * n {
		clear(w)
		for j, id := range basis {
			if c := cost(id); c != 0 {
				for a, v := range inv[j] {
					w[a] += c * v
				}
			}
		}
		enter, best := -1, -1e-9
		for t, set := range patterns {
			rc := 1.0
			for b := set; b != 0; b &= b - 1 {
				rc -= w[bits.TrailingZeros32(b)]
			}
			if rc < best {
				enter, best = t, rc
			}
		}
		for a, v := range w {
			if v < best {
				enter, best = surplus+a, v
			}
		}
		if enter < 0 {
			break
		}
		for j := range d {
			d[j] = 0
			if enter >= surplus {
				d[j] = -inv[j][enter-surplus]
				continue
			}
			for b := patterns[enter]; b != 0; b &= b - 1 {
				d[j] += inv[j][bits.TrailingZeros32(b)]
			}
		}
		if !exchange(inv, basis, x, d, enter) {
			break
		}
	}
	return normalise(w, patterns)
}

// exchange makes one simplex step; it reports false when nothing bounds it.
func exchange(inv [][]float64, basis []int, x, d []float64, enter int) bool {
	l, step := -1, math.Inf(1)
	for j, v := range d {
		if v > 1e-9 && x[j]/v < step {
			l, step = j, x[j]/v
		}
	}
	if l < 0 {
		return false
	}
	for j, v := range d {
		x[j] -= step * v
	}
	x[l] = step
	f := 1 / d[l]
	for a := range inv[l] {
		inv[l][a] *= f
	}
	for j, g := range d {
		if j == l || g == 0 {
			continue
		}
		for a, v := range inv[l] {
			inv[j][a] -= g * v
		}
	}
	basis[l] = enter
	return true
}

// normalise makes the weights valid whatever the rounding: none is negative
// and no pattern exceeds 1.
func normalise(w []float64, patterns []uint32) []float64 {
	largest := 1.0
	for a := range w {
		if w[a] < 1e-9 {
			w[a] = 0
		}
	}
	for _, set := range patterns {
		var v float64
		for b := set; b != 0; b &= b - 1 {
			v += w[bits.TrailingZeros32(b)]
		}
		largest = max(largest, v)
	}
	for a := range w {
		w[a] /= largest
	}
	return w
}

// liftHull gives the runs outside the support the weight of one that they
// could be exchanged for: one they contain, or, where their item can have a
// single run on the node, one that demands no more in any dimension.
func (r *relaxation) liftHull(v int, s []support, weight []float64) cut {
	c := cut{node: v, weight: make([]float64, r.p.runs()), limit: 1}
	for t, x := range s {
		if weight[t] == 0 {
			continue
		}
		k := r.p.kind[x.item]
		single := !r.double(x.item, v)
		first := r.p.offset[x.item]
		run := x.run - first
		for b := range r.p.start[k] {
			contains := r.p.start[k][b] <= r.p.start[k][run] && r.p.end[k][b] >= r.p.end[k][run]
			if (contains || single && r.dominates(first+b, x.run)) && c.weight[first+b] < weight[t] {
				c.weight[first+b] = weight[t]
			}
		}
	}
	r.block(&c, s, weight)
	return c
}

// dominates reports whether run a demands at least what run b does.
func (r *relaxation) dominates(a, b int) bool {
	for _, d := range r.p.active {
		if r.p.runNeed[a*dims+d] < r.p.runNeed[b*dims+d] {
			return false
		}
	}
	return true
}

// double reports whether an item can have two separate runs on a node.
func (r *relaxation) double(item, v int) bool {
	k, reach := r.p.kind[item], r.p.reach(item)
	first := r.p.offset[item]
	for a := range r.p.start[k] {
		for b := range r.p.start[k] {
			if r.p.start[k][b] <= r.p.end[k][a]+reach {
				continue
			}
			fits := true
			for _, d := range r.p.active {
				fits = fits && r.p.runNeed[(first+a)*dims+d]+r.p.runNeed[(first+b)*dims+d] <= r.m.capacity[v*dims+d]
			}
			if fits {
				return true
			}
		}
	}
	return false
}

// block gives weight 1 to the runs of items outside the support that leave no
// room for any weighted run, nor for each other, in one dimension.
func (r *relaxation) block(c *cut, s []support, weight []float64) {
	in := map[int]bool{}
	for _, x := range s {
		in[x.item] = true
	}
	for _, d := range r.p.active {
		capacity := r.m.capacity[c.node*dims+d]
		least := math.Inf(1)
		for t, x := range s {
			if weight[t] > 0 {
				least = min(least, r.p.runNeed[x.run*dims+d])
			}
		}
		any := false
		for i := range r.m.items {
			if in[i] {
				continue
			}
			for run := r.p.offset[i]; run < r.p.offset[i]+r.m.items[i].runs(); run++ {
				if need := r.p.runNeed[run*dims+d]; need > capacity/2 && need+least > capacity {
					c.weight[run] = 1
					any = true
				}
			}
		}
		if any {
			return // another dimension's runs could stand beside these
		}
	}
}
