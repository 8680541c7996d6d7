package ilp

import (
	"math"
	"slices"
)

// A column is one path of one item.
type column struct {
	item int32
	id   int32 // in the pool, -1 outside
	cost float64
	path []int16
	idx  []int32 // rows beyond the item's own, ascending
	val  []float64
	in   bool // basic
	dead bool // ruled out where the search stands
}

// The master is the restricted linear program over the columns known so far:
//
//	min sum cost*x  with  sum of an item's columns + its absence = 1,
//	                      sum of val*x <= rhs in every other row,  x >= 0.
//
// Absence costs so much that it only stays where nothing fits, which also
// gives every restriction a first basis. The inverse of the basis is kept
// dense by columns, as few rows bind at a time and the rest stay unit vectors.
type master struct {
	items int
	rows  int // items, then resources, then cuts
	big   float64
	rhs   []float64
	cols  []*column

	basis  []int32 // by position: a column, or slack(row)
	slacks []bool  // by row: whether its slack or absence is basic
	inv    [][]float64
	x      []float64 // by position
	y      []float64 // dual by row

	direction []float64
	nonzero   []int32
	price     []int32 // candidate columns
	pivots    int64
	work      int64 // products in pivots, at most
	fresh     int   // pivots since the inverse was computed
	resets    int
}

const (
	epsilon  = 1e-9 // a pivot element or a value below it counts as zero
	negative = 1e-7 // a reduced cost above -negative does not enter
)

func slack(row int) int32 { return int32(-1 - row) }

func newMaster(items int, rhs []float64, big float64) *master {
	s := &master{items: items, rows: len(rhs), big: big, rhs: slices.Clone(rhs)}
	s.crash()
	return s
}

// crash makes the basis of slacks and absences.
func (s *master) crash() {
	for _, c := range s.cols {
		c.in = false
	}
	s.basis = s.basis[:0]
	s.slacks = slices.Repeat([]bool{true}, s.rows)
	s.inv = s.inv[:0]
	for r := range s.rows {
		s.basis = append(s.basis, slack(r))
		v := make([]float64, s.rows)
		v[r] = 1
		s.inv = append(s.inv, v)
	}
	s.x = slices.Clone(s.rhs)
	s.fresh = 0
	s.duals()
}

// cost is what a basic variable pays.
func (s *master) cost(id int32) float64 {
	switch {
	case id >= 0:
		return s.cols[id].cost
	case int(-1-id) < s.items:
		return s.big
	}
	return 0
}

func (s *master) duals() {
	s.y = append(s.y[:0], make([]float64, s.rows)...)
	for t := range s.inv {
		var sum float64
		for j, v := range s.inv[t] {
			if v != 0 {
				sum += v * s.cost(s.basis[j])
			}
		}
		s.y[t] = sum
	}
}

func (s *master) objective() float64 {
	var sum float64
	for j, id := range s.basis {
		sum += s.cost(id) * s.x[j]
	}
	return sum
}

// reduced is the reduced cost of a column.
func (s *master) reduced(c *column) float64 {
	rc := c.cost - s.y[c.item]
	for t, r := range c.idx {
		rc -= s.y[r] * c.val[t]
	}
	return rc
}

// enter computes how the basic variables change as id grows.
func (s *master) enter(id int32) {
	if len(s.direction) != s.rows {
		s.direction = make([]float64, s.rows)
	}
	d := s.direction
	if id < 0 {
		copy(d, s.inv[-1-id])
		return
	}
	c := s.cols[id]
	copy(d, s.inv[c.item])
	for t, r := range c.idx {
		v := c.val[t]
		for j, b := range s.inv[r] {
			d[j] += v * b
		}
	}
}

// pivot lets id take position l of the basis; enter(id) was called. The
// reduced cost of id updates the duals.
func (s *master) pivot(id int32, l int, rc float64) {
	d := s.direction
	step := s.x[l] / d[l]
	for j := range d {
		s.x[j] -= step * d[j]
	}
	s.x[l] = step
	nz := s.nonzero[:0]
	for j, v := range d {
		if j != l && (v > 1e-12 || v < -1e-12) {
			nz = append(nz, int32(j))
		}
	}
	s.nonzero = nz
	inverse := 1 / d[l]
	for t, col := range s.inv {
		p := col[l]
		if p == 0 {
			continue
		}
		p *= inverse
		if p < 1e-13 && p > -1e-13 {
			col[l] = 0
			continue
		}
		for _, j := range nz {
			col[j] -= p * d[j]
		}
		col[l] = p
		s.y[t] += rc * p
	}
	s.leave(s.basis[l])
	s.basis[l] = id
	if id >= 0 {
		s.cols[id].in = true
	} else {
		s.slacks[-1-id] = true
	}
	s.pivots++
	s.work += int64(s.rows * len(nz))
	if s.fresh++; s.fresh >= 150 {
		s.refactor()
	}
}

func (s *master) leave(id int32) {
	if id >= 0 {
		s.cols[id].in = false
	} else {
		s.slacks[-1-id] = false
	}
}

// refactor computes the inverse anew. Slack columns are unit vectors, so only
// the block of the other rows is inverted; a singular basis falls back to the
// first one.
func (s *master) refactor() {
	var open []int32 // rows whose slack is not basic
	place := make([]int32, s.rows)
	for r := range s.rows {
		place[r] = -1
		if !s.slacks[r] {
			place[r] = int32(len(open))
			open = append(open, int32(r))
		}
	}
	k := len(open)
	block := make([][]float64, k) // row-major: rows of the basis matrix, then of the inverse
	for i := range block {
		block[i] = make([]float64, 2*k)
		block[i][k+i] = 1
	}
	var structural []int32 // positions of columns
	for j, id := range s.basis {
		if id < 0 {
			continue
		}
		at := len(structural)
		structural = append(structural, int32(j))
		c := s.cols[id]
		if p := place[c.item]; p >= 0 {
			block[p][at] = 1
		}
		for t, r := range c.idx {
			if p := place[r]; p >= 0 {
				block[p][at] = c.val[t]
			}
		}
	}
	if len(structural) != k || !invert(block, k) {
		s.resets++
		s.crash()
		return
	}
	s.expand(block, open, structural)
	s.fresh = 0
	s.solve()
	s.duals()
}

// invert brings the left half of the block to the identity; the right half
// then is the inverse.
func invert(b [][]float64, k int) bool {
	for c := range k {
		best := c
		for r := c + 1; r < k; r++ {
			if math.Abs(b[r][c]) > math.Abs(b[best][c]) {
				best = r
			}
		}
		if math.Abs(b[best][c]) < 1e-11 {
			return false
		}
		b[c], b[best] = b[best], b[c]
		f := 1 / b[c][c]
		row := b[c][c:]
		for t := range row {
			row[t] *= f
		}
		for r := range k {
			if g := b[r][c]; g != 0 && r != c {
				for t, v := range row {
					if v != 0 {
						b[r][c+t] -= g * v
					}
				}
			}
		}
	}
	return true
}

// expand fills the inverse from that of the block.
func (s *master) expand(block [][]float64, open, structural []int32) {
	k := len(open)
	position := make([]int32, s.rows) // of a basic slack, by row
	for j, id := range s.basis {
		if id < 0 {
			position[-1-id] = int32(j)
		}
	}
	for t := range s.inv {
		clear(s.inv[t])
		if s.slacks[t] {
			s.inv[t][position[t]] = 1
		}
	}
	for i, r := range open {
		col := s.inv[r]
		for at, j := range structural {
			v := block[at][k+i]
			if v == 0 {
				continue
			}
			col[j] = v
			c := s.cols[s.basis[j]]
			if s.slacks[c.item] {
				col[position[c.item]] -= v
			}
			for t, q := range c.idx {
				if s.slacks[q] {
					col[position[q]] -= v * c.val[t]
				}
			}
		}
	}
}

// solve computes the values of the basic variables.
func (s *master) solve() {
	clear(s.x)
	for t, col := range s.inv {
		if b := s.rhs[t]; b != 0 {
			for j, v := range col {
				s.x[j] += b * v
			}
		}
	}
}

// primal pivots until no known column improves, at most limit times.
func (s *master) primal(limit int) {
	s.price = s.price[:0]
	for range limit {
		id, rc := s.choose()
		if id == math.MinInt32 {
			return
		}
		s.enter(id)
		l := s.ratio()
		if l < 0 {
			return // the direction is noise: every column is bounded by its item's row
		}
		s.pivot(id, l, rc)
	}
}

// choose returns the variable of least reduced cost among the candidates,
// MinInt32 when none enters.
func (s *master) choose() (int32, float64) {
	best, id := -negative, int32(math.MinInt32)
	kept := s.price[:0]
	for _, j := range s.price {
		c := s.cols[j]
		if c.in || c.dead {
			continue
		}
		if rc := s.reduced(c); rc < -negative {
			kept = append(kept, j)
			if rc < best {
				best, id = rc, j
			}
		}
	}
	s.price = kept
	for r := range s.rows {
		if s.slacks[r] {
			continue
		}
		rc := -s.y[r]
		if r < s.items {
			rc += s.big
		}
		if rc < best {
			best, id = rc, slack(r)
		}
	}
	if id != math.MinInt32 {
		return id, best
	}
	for j, c := range s.cols {
		if c.in || c.dead {
			continue
		}
		if rc := s.reduced(c); rc < -negative {
			s.price = append(s.price, int32(j))
			if rc < best {
				best, id = rc, int32(j)
			}
		}
	}
	return id, best
}

// ratio chooses who leaves as the entering variable grows: of those that
// reach zero first, within a tolerance, the one of largest pivot.
func (s *master) ratio() int {
	d := s.direction
	bound := math.Inf(1)
	for j, v := range d {
		if v > epsilon {
			if q := (math.Max(s.x[j], 0) + 1e-8) / v; q < bound {
				bound = q
			}
		}
	}
	l, largest := -1, 0.0
	for j, v := range d {
		if v > epsilon && v > largest && math.Max(s.x[j], 0) <= bound*v {
			l, largest = j, v
		}
	}
	return l
}

// dual restores feasibility after columns died or rows were added: who is
// negative or dead leaves. It reports failure when that took too long.
func (s *master) dual(limit int) bool {
	row := make([]float64, s.rows)
	for range limit {
		l := s.worst()
		if l < 0 {
			return true
		}
		for t := range s.inv {
			row[t] = s.inv[t][l]
		}
		sign := 1.0 // the leaving variable must fall
		if s.x[l] < 0 {
			sign = -1
		}
		id, rc := s.dualRatio(row, sign)
		if id == math.MinInt32 {
			return false
		}
		s.enter(id)
		if math.Abs(s.direction[l]) < epsilon {
			return false
		}
		s.pivot(id, l, rc)
	}
	return false
}

// worst is the basic position that violates its bounds most, -1 when none does.
func (s *master) worst() int {
	l, most := -1, 1e-9
	for j, id := range s.basis {
		v := -s.x[j]
		if id >= 0 && s.cols[id].dead {
			v = math.Abs(s.x[j]) + 1e-8
		}
		if v > most {
			l, most = j, v
		}
	}
	return l
}

// dualRatio chooses who enters: least reduced cost per unit of change.
func (s *master) dualRatio(row []float64, sign float64) (int32, float64) {
	best, size, id, cost := math.Inf(1), 0.0, int32(math.MinInt32), 0.0
	try := func(j int32, rc, alpha float64) {
		alpha *= sign
		if alpha < 1e-7 {
			return
		}
		q := math.Max(rc, 0) / alpha
		if q < best-1e-12 || q <= best+1e-12 && alpha > size {
			best, size, id, cost = q, alpha, j, rc
		}
	}
	for r := range s.rows {
		if s.slacks[r] {
			continue
		}
		rc := -s.y[r]
		if r < s.items {
			rc += s.big
		}
		try(slack(r), rc, row[r])
	}
	for j, c := range s.cols {
		if c.in || c.dead {
			continue
		}
		alpha := row[c.item]
		for t, r := range c.idx {
			alpha += row[r] * c.val[t]
		}
		if alpha*sign > 1e-7 {
			try(int32(j), s.reduced(c), alpha)
		}
	}
	return id, cost
}

// reoptimise solves the program again after the set of columns or rows changed.
func (s *master) reoptimise() {
	if !s.dual(4*s.rows + 100) {
		s.crash()
	}
	s.primal(50 * (s.rows + 100))
}

// grow appends rows, whose values the known columns already hold.
func (s *master) grow(rhs []float64) {
	old := s.rows
	s.rows += len(rhs)
	s.rhs = append(s.rhs, rhs...)
	s.y = append(s.y, make([]float64, len(rhs))...)
	activity := make([][]float64, len(rhs)) // of the new rows, by old position
	for q := range activity {
		activity[q] = make([]float64, old)
	}
	for j, id := range s.basis {
		if id < 0 {
			continue
		}
		c := s.cols[id]
		for t := len(c.idx) - 1; t >= 0 && int(c.idx[t]) >= old; t-- {
			activity[int(c.idx[t])-old][j] = c.val[t]
		}
	}
	for t := range old {
		col := s.inv[t]
		for q := range rhs {
			var v float64
			for j, a := range activity[q] {
				if a != 0 {
					v -= a * col[j]
				}
			}
			col = append(col, v)
		}
		s.inv[t] = col
	}
	for q, b := range rhs {
		v := make([]float64, s.rows)
		v[old+q] = 1
		s.inv = append(s.inv, v)
		s.basis = append(s.basis, slack(old+q))
		s.slacks = append(s.slacks, true)
		for j, a := range activity[q] {
			b -= a * s.x[j]
		}
		s.x = append(s.x, b)
	}
}

// drop removes rows whose slacks are basic; the columns' rows are renumbered
// by renamed, which is -1 for a dropped row.
func (s *master) drop(gone func(row int) bool) (renamed []int32) {
	renamed = make([]int32, s.rows)
	next := int32(0)
	for r := range s.rows {
		renamed[r] = -1
		if !gone(r) {
			renamed[r] = next
			next++
		}
	}
	for _, c := range s.cols {
		k := 0
		for t, r := range c.idx {
			if q := renamed[r]; q >= 0 {
				c.idx[k], c.val[k] = q, c.val[t]
				k++
			}
		}
		c.idx, c.val = c.idx[:k], c.val[:k]
	}
	keep := make([]bool, s.rows) // positions
	var basis []int32
	var x []float64
	for j, id := range s.basis {
		if id < 0 && renamed[-1-id] < 0 {
			continue
		}
		keep[j] = true
		if id < 0 {
			id = slack(int(renamed[-1-id]))
		}
		basis = append(basis, id)
		x = append(x, s.x[j])
	}
	var inv [][]float64
	var rhs, y []float64
	var slacks []bool
	for r := range s.rows {
		if renamed[r] < 0 {
			continue
		}
		col := make([]float64, 0, next)
		for j, v := range s.inv[r] {
			if keep[j] {
				col = append(col, v)
			}
		}
		inv = append(inv, col)
		rhs, y, slacks = append(rhs, s.rhs[r]), append(y, s.y[r]), append(slacks, s.slacks[r])
	}
	s.rows, s.basis, s.x, s.inv, s.rhs, s.y, s.slacks = int(next), basis, x, inv, rhs, y, slacks
	return renamed
}

// purge forgets the columns that keep says no to, basic ones excepted.
func (s *master) purge(keep func(*column) bool) {
	renamed := make([]int32, len(s.cols))
	kept := s.cols[:0]
	for j, c := range s.cols {
		if c.in || keep(c) {
			renamed[j] = int32(len(kept))
			kept = append(kept, c)
		}
	}
	clear(s.cols[len(kept):])
	s.cols = kept
	for j, id := range s.basis {
		if id >= 0 {
			s.basis[j] = renamed[id]
		}
	}
	s.price = s.price[:0]
}

// A basisState is what restore needs to take a basis up again.
type basisState struct {
	basis  []int32
	slacks []bool
	inv    [][]float64
	x, y   []float64
	fresh  int
}

func (s *master) save() *basisState {
	b := &basisState{basis: slices.Clone(s.basis), slacks: slices.Clone(s.slacks), x: slices.Clone(s.x), y: slices.Clone(s.y), fresh: s.fresh}
	for _, col := range s.inv {
		b.inv = append(b.inv, slices.Clone(col))
	}
	return b
}

func (s *master) restore(b *basisState) {
	for _, id := range s.basis {
		s.leave(id)
	}
	copy(s.basis, b.basis)
	copy(s.slacks, b.slacks)
	copy(s.x, b.x)
	copy(s.y, b.y)
	for t := range s.inv {
		copy(s.inv[t], b.inv[t])
	}
	s.fresh = b.fresh
	for _, id := range s.basis {
		if id >= 0 {
			s.cols[id].in = true
		}
	}
}
