package ilp

import "math"

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
