package ilp

import "math"

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
