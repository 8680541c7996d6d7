package ilp

import "slices"

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
