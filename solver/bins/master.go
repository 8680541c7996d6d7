package bins

import (
	"math"
	"slices"
)

// A pattern is what goes into one bin: copies of kinds.
type pattern struct {
	kinds  []int32
	copies []int32
}

// A master is the linear relaxation of covering every kind's items by the
// patterns known so far, each of cost one: a revised simplex with a dense
// inverse. Its duals lead to better patterns.
type master struct {
	demand   []float64 // items of each kind
	nudged   []float64 // the same, each a little more, so that ties are rare
	patterns []pattern
	swaps    int   // patterns m to m+swaps cost nothing: see exchanges
	basis    []int // by row: the surplus of a row, or m + a pattern
	inverse  []float64
	level    []float64 // value of each basic variable
	dual     []float64
	direct   []float64 // scratch: the entering column in terms of the basis
	cost     []float64 // reduced, of each surplus and each pattern
	weight   []float64 // Devex's, likewise
	pivots   int       // since the inverse was computed afresh
	total    int64     // pivots in all
}

// pivotTolerance is the least pivot and reduced cost that count as non-zero.
const pivotTolerance = 1e-9

// newMaster starts from one pattern a kind, the first ones, which so many
// exchanges follow.
func newMaster(demand []float64, first []pattern, swaps int) *master {
	m := len(demand)
	l := &master{
		demand: demand, nudged: make([]float64, m), patterns: first, swaps: swaps, basis: make([]int, m), inverse: make([]float64, m*m),
		level: make([]float64, m), dual: make([]float64, m), direct: make([]float64, m),
	}
	for i, d := range demand {
		l.nudged[i] = d + 1e-7*(1+float64(i*7919%997)/997)
	}
	l.reset()
	return l
}

// reset returns to the basis of the first patterns, each of one kind.
func (l *master) reset() {
	m := len(l.demand)
	clear(l.inverse)
	for i := range m {
		l.basis[i] = m + i
		c := float64(l.patterns[i].copies[0])
		l.inverse[i*m+i] = 1 / c
		l.level[i] = l.nudged[i] / c
	}
	l.pivots = 0
	l.price()
}

// price computes the duals: the sum of the inverse's rows whose basic variable
// is a pattern.
func (l *master) price() {
	m := len(l.demand)
	clear(l.dual)
	for r, b := range l.basis {
		if l.costs(b) {
			row := l.inverse[r*m : r*m+m]
			for i, v := range row {
				l.dual[i] += v
			}
		}
	}
}

// costs reports whether a variable, numbered as in reprice, is a bin.
func (l *master) costs(variable int) bool {
	m := len(l.demand)
	return variable >= m && (variable < 2*m || variable >= 2*m+l.swaps)
}

// reduced is the cost of a bin less a pattern's value at the duals.
func (l *master) reduced(p *pattern) float64 {
	cost := 1.0
	for k, i := range p.kinds {
		cost -= float64(l.dual[i] * float64(p.copies[k]))
	}
	return cost
}

// optimise pivots until no known pattern and no surplus improves. The entering
// variable is the one of the steepest descent in Devex's reference framework
// (Forrest and Goldfarb, 1992), which the calls of optimise begin afresh.
func (l *master) optimise(stop func() bool) {
	m, n := len(l.demand), len(l.patterns)
	l.cost = slices.Grow(l.cost[:0], m+n)[:m+n]
	l.weight = slices.Grow(l.weight[:0], m+n)[:m+n]
	for j := range l.weight {
		l.weight[j] = 1
	}
	l.reprice()
	fresh := true // no pivot since the costs were computed
	for count := 1; ; count++ {
		if count%64 == 0 && stop() {
			return
		}
		enter, steepest := -1, 0.0
		for j, c := range l.cost {
			if c < -pivotTolerance {
				if g := c * c / l.weight[j]; g > steepest {
					enter, steepest = j, g
				}
			}
		}
		if enter < 0 {
			if fresh {
				return
			}
			l.price()
			l.reprice()
			fresh = true
			continue
		}
		if !l.pivot(enter) {
			return
		}
		fresh = false
	}
}

// reprice computes the reduced costs: of the surplus of each row, then of each
// pattern.
func (l *master) reprice() {
	m := len(l.demand)
	copy(l.cost, l.dual)
	for j := range l.patterns {
		l.cost[m+j] = l.reduced(&l.patterns[j])
		if !l.costs(m + j) {
			l.cost[m+j]--
		}
	}
}

// pivot brings a variable, numbered as in reprice, into the basis; it reports
// whether it could.
func (l *master) pivot(enter int) bool {
	m := len(l.demand)
	l.direction(enter)
	leave, ratio := -1, math.Inf(1)
	for r, d := range l.direct {
		if d <= pivotTolerance {
			continue
		}
		q := max(l.level[r], 0) / d
		if leave < 0 || q < ratio-1e-12 || (q <= ratio+1e-12 && d > l.direct[leave]) {
			leave, ratio = r, q
		}
	}
	if leave < 0 {
		return false
	}
	row := l.inverse[leave*m : leave*m+m]
	scale, cost, weight := 1/l.direct[leave], l.cost[enter], l.weight[enter]
	for i := range row {
		row[i] *= scale
	}
	l.level[leave] = ratio
	for r, d := range l.direct {
		if r == leave || d == 0 {
			continue
		}
		subtract(l.inverse[r*m:r*m+m], d, row)
		l.level[r] -= float64(d * ratio)
	}
	subtract(l.dual, -cost, row)
	l.follow(row, cost, weight)
	l.basis[leave] = enter
	l.total++
	if l.pivots++; l.pivots > 100+2*m {
		l.refresh()
		l.reprice()
	}
	return true
}

// subtract takes a multiple of one row off another.
func subtract(row []float64, d float64, pivot []float64) {
	row = row[:len(pivot)]
	for i, v := range pivot {
		row[i] -= float64(d * v)
	}
}

// follow brings reduced costs and weights up to date after a pivot on a row of
// the inverse, scaled.
func (l *master) follow(row []float64, cost, weight float64) {
	m := len(row)
	update := func(j int, alpha float64) {
		l.cost[j] -= float64(cost * alpha)
		l.weight[j] = max(l.weight[j], alpha*alpha*weight)
	}
	for i, v := range row {
		if v != 0 {
			update(i, -v)
		}
	}
	for j := range l.patterns {
		p := &l.patterns[j]
		var alpha float64
		for k, i := range p.kinds {
			alpha += float64(row[i] * float64(p.copies[k]))
		}
		if alpha != 0 {
			update(m+j, alpha)
		}
	}
}

// direction is the inverse times the entering column.
func (l *master) direction(enter int) {
	m := len(l.demand)
	if enter < m {
		for r := range m {
			l.direct[r] = -l.inverse[r*m+enter]
		}
		return
	}
	p := &l.patterns[enter-m]
	for r := range m {
		row := l.inverse[r*m : r*m+m]
		var sum float64
		for k, i := range p.kinds {
			sum += float64(row[i] * float64(p.copies[k]))
		}
		l.direct[r] = sum
	}
}

// refresh computes the inverse of the basis afresh by elimination, to shed
// rounding errors; from a singular basis it starts over.
func (l *master) refresh() {
	m := len(l.demand)
	a := make([]float64, m*m)
	for c, b := range l.basis {
		if b < m {
			a[b*m+c] = -1
			continue
		}
		p := &l.patterns[b-m]
		for k, i := range p.kinds {
			a[int(i)*m+c] = float64(p.copies[k])
		}
	}
	clear(l.inverse)
	for i := range m {
		l.inverse[i*m+i] = 1
	}
	for c := range m {
		best := c
		for r := c + 1; r < m; r++ {
			if math.Abs(a[r*m+c]) > math.Abs(a[best*m+c]) {
				best = r
			}
		}
		if math.Abs(a[best*m+c]) < pivotTolerance {
			l.reset()
			return
		}
		swapRows(a, m, c, best)
		swapRows(l.inverse, m, c, best)
		eliminate(a, l.inverse, m, c)
	}
	for r := range m {
		row := l.inverse[r*m : r*m+m]
		var sum float64
		for i, v := range row {
			sum += float64(v * l.nudged[i])
		}
		l.level[r] = sum
	}
	l.pivots = 0
	l.price()
}

func swapRows(a []float64, m, r, s int) {
	if r == s {
		return
	}
	for i := range m {
		a[r*m+i], a[s*m+i] = a[s*m+i], a[r*m+i]
	}
}

// eliminate makes column c of a a unit vector, and does the same to inverse.
func eliminate(a, inverse []float64, m, c int) {
	scale := 1 / a[c*m+c]
	row, other := a[c*m:c*m+m], inverse[c*m:c*m+m]
	for i := range m {
		row[i] *= scale
		other[i] *= scale
	}
	for r := range m {
		f := a[r*m+c]
		if r == c || f == 0 {
			continue
		}
		to, toOther := a[r*m:r*m+m], inverse[r*m:r*m+m]
		for i := c; i < m; i++ {
			to[i] -= float64(f * row[i])
		}
		for i, v := range other {
			toOther[i] -= float64(f * v)
		}
	}
}

// value is the relaxation's least number of bins.
func (l *master) value() float64 {
	var sum float64
	for i, y := range l.dual {
		sum += float64(y * l.demand[i])
	}
	return sum
}

// use is how much of each pattern the relaxation takes, exchanges carried out.
func (l *master) use() (used []pattern, amount []float64) {
	const least = 1e-6
	m := len(l.demand)
	swapped := make([]float64, l.swaps)
	for r, b := range l.basis {
		switch {
		case b < m || l.level[r] < least:
		case l.costs(b):
			used, amount = append(used, l.patterns[b-m]), append(amount, l.level[r])
		default:
			swapped[b-2*m] = l.level[r]
		}
	}
	for n, x := range swapped {
		swap := &l.patterns[m+n]
		from, to := int(swap.kinds[0]), int(swap.kinds[1])
		for at := 0; at < len(used) && x > least; at++ {
			if used[at].copiesOf(from) == 0 || used[at].copiesOf(to) >= int32(l.demand[to]) {
				continue
			}
			y := min(x, amount[at])
			x -= y
			used, amount = append(used, used[at].exchange(from, to)), append(amount, y)
			amount[at] -= y
		}
	}
	return used, amount
}
