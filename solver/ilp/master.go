package ilp

import (
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
