package bins

import "math"

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
	basis    []int // by row: a pattern, or ^row of a surplus
	inverse  []float64
	level    []float64 // value of each basic variable
	dual     []float64
	direct   []float64 // scratch: the entering column in terms of the basis
	pivots   int       // since the inverse was computed afresh
	total    int64     // pivots in all
}

// pivotTolerance is the least pivot and reduced cost that count as non-zero.
const pivotTolerance = 1e-9

// newMaster starts from one pattern a kind, its first ones.
func newMaster(demand []float64, first []pattern) *master {
	m := len(demand)
	l := &master{
		demand: demand, nudged: make([]float64, m), patterns: first, basis: make([]int, m), inverse: make([]float64, m*m),
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
		l.basis[i] = i
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
		if b >= 0 {
			row := l.inverse[r*m : r*m+m]
			for i, v := range row {
				l.dual[i] += v
			}
		}
	}
}

// reduced is a pattern's cost less its value at the duals.
func (l *master) reduced(p *pattern) float64 {
	cost := 1.0
	for k, i := range p.kinds {
		cost -= float64(l.dual[i] * float64(p.copies[k]))
	}
	return cost
}

// optimise pivots until no known pattern and no surplus improves.
func (l *master) optimise(stop func() bool) {
	for count := 0; ; count++ {
		if count%64 == 63 && stop() {
			return
		}
		enter, cost := math.MaxInt, -pivotTolerance
		for j := range l.patterns {
			if c := l.reduced(&l.patterns[j]); c < cost {
				enter, cost = j, c
			}
		}
		for i, y := range l.dual {
			if y < cost {
				enter, cost = ^i, y
			}
		}
		if enter == math.MaxInt || !l.pivot(enter, cost) {
			return
		}
	}
}

// pivot brings a variable into the basis; it reports whether it could.
func (l *master) pivot(enter int, cost float64) bool {
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
	pivotRow := l.inverse[leave*m : leave*m+m]
	scale := 1 / l.direct[leave]
	for i := range pivotRow {
		pivotRow[i] *= scale
	}
	l.level[leave] = ratio
	for r, d := range l.direct {
		if r == leave || d == 0 {
			continue
		}
		row := l.inverse[r*m : r*m+m]
		for i, v := range pivotRow {
			row[i] -= float64(d * v)
		}
		l.level[r] -= float64(d * ratio)
	}
	for i, v := range pivotRow {
		l.dual[i] += float64(cost * v)
	}
	l.basis[leave] = enter
	l.total++
	if l.pivots++; l.pivots > max(100, m) {
		l.refresh()
	}
	return true
}

// direction is the inverse times the entering column.
func (l *master) direction(enter int) {
	m := len(l.demand)
	if enter < 0 {
		for r := range m {
			l.direct[r] = -l.inverse[r*m+^enter]
		}
		return
	}
	p := &l.patterns[enter]
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
		if b < 0 {
			a[^b*m+c] = -1
			continue
		}
		for k, i := range l.patterns[b].kinds {
			a[int(i)*m+c] = float64(l.patterns[b].copies[k])
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

// use is how much of each pattern the relaxation takes: patterns and amounts.
func (l *master) use() (used []int, amount []float64) {
	for r, b := range l.basis {
		if b >= 0 && l.level[r] > 1e-6 {
			used = append(used, b)
			amount = append(amount, l.level[r])
		}
	}
	return used, amount
}
