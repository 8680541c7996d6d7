package bins

import (
	"cmp"
	"slices"
)

// unit is the value of a bin in the pricing problem, where the duals are whole
// numbers: what it proves holds without rounding errors.
const unit = 1 << 40

// cells is how many entries all bounding tables have at most.
const cells = 1 << 21

// A pricer finds the patterns that are worth most at given values of the
// kinds: knapsacks whose items may exclude each other. A depth-first search is
// bounded by one table a dimension, the knapsack without exclusions over sizes
// in steps of grain, rounded down.
type pricer struct {
	s      *state
	value  []int64 // of an item of each kind
	order  []int   // kinds of positive value, the largest first
	grain  []int64 // by dimension
	width  []int   // cells of each table
	tables [][]int64

	room   []int64 // left in the bin
	chosen pattern
	worth  int64
	best   int64
	found  pattern
	steps  int64 // since the search began
	limit  int64
}

func newPricer(s *state) *pricer {
	p := &pricer{s: s, value: make([]int64, len(s.kinds)), room: make([]int64, len(s.capacity))}
	for _, c := range s.capacity {
		most := int64(cells / len(s.capacity) / (len(s.kinds) + 1))
		g := max(c/most, 1)
		if c/g > most {
			g++
		}
		p.grain = append(p.grain, g)
		p.width = append(p.width, int(c/g)+1)
		p.tables = append(p.tables, nil)
	}
	return p
}

// solve returns patterns worth more than a bin, the most valuable first, and
// an upper bound on the value of every pattern.
func (p *pricer) solve(dual []float64, most int) ([]pattern, int64) {
	p.order = p.order[:0]
	for i, y := range dual {
		p.value[i] = max(int64(y*unit), 0)
		if p.value[i] > 0 {
			p.order = append(p.order, i)
		}
	}
	for d := range p.tables {
		p.fill(d)
	}
	type lead struct {
		at    int
		bound int64
	}
	var leads []lead
	copy(p.room, p.s.capacity)
	for at, k := range p.order {
		if b := p.leading(at, k); b > unit {
			leads = append(leads, lead{at, b})
		}
	}
	slices.SortStableFunc(leads, func(a, b lead) int { return cmp.Compare(b.bound, a.bound) })
	ceiling := int64(unit)
	var out []pattern
	for _, l := range leads {
		if l.bound <= ceiling && len(out) >= most {
			break
		}
		p.best = unit + unit>>34
		if len(out) >= most {
			p.best = ceiling
		}
		start := p.best
		p.steps, p.limit = 0, 20_000
		p.lead(l.at)
		if p.steps > p.limit {
			ceiling = max(ceiling, l.bound)
		}
		if p.best > start {
			out = append(out, p.found)
		}
		ceiling = max(ceiling, p.best)
	}
	return out, ceiling
}

// fill computes the table of dimension d: the most that the kinds from
// position i of the order on are worth in so many cells.
func (p *pricer) fill(d int) {
	w := p.width[d]
	need := (len(p.order) + 1) * w
	if cap(p.tables[d]) < need {
		p.tables[d] = make([]int64, need)
	}
	t := p.tables[d][:need]
	p.tables[d] = t
	clear(t[len(p.order)*w:])
	for i := len(p.order) - 1; i >= 0; i-- {
		k := p.order[i]
		size, value := int(p.s.kinds[k].size[d]/p.grain[d]), p.value[k]
		to, from := t[i*w:i*w+w], t[(i+1)*w:(i+1)*w+w]
		most := p.s.most(k)
		if size == 0 {
			for c, v := range from {
				to[c] = v + int64(most)*value
			}
			continue
		}
		copy(to[:min(size, w)], from)
		for c := size; c < w; c++ {
			v := from[c]
			for n, at := 1, c-size; n <= most && at >= 0; n, at = n+1, at-size {
				v = max(v, from[at]+int64(n)*value)
			}
			to[c] = v
		}
	}
}

// bound is the most that the kinds from position i on can add.
func (p *pricer) bound(i int) int64 {
	least := int64(1) << 62
	for d, t := range p.tables {
		least = min(least, t[i*p.width[d]+int(p.room[d]/p.grain[d])])
	}
	return least
}

// leading bounds the patterns of which kind k, at a position of the order, is
// the first.
func (p *pricer) leading(at, k int) int64 {
	best := int64(0)
	most := p.fit(k)
	for n := 1; n <= most; n++ {
		p.take(k, 1)
		best = max(best, int64(n)*p.value[k]+p.bound(at+1))
	}
	p.take(k, -most)
	return best
}

// fit is how many items of kind k there are and have room.
func (p *pricer) fit(k int) int {
	n := p.s.most(k)
	for d, s := range p.s.kinds[k].size {
		if s > 0 {
			n = min(n, int(p.room[d]/s))
		}
	}
	return n
}

func (p *pricer) take(k, n int) {
	for d, s := range p.s.kinds[k].size {
		p.room[d] -= int64(n) * s
	}
}

// push puts n items of kind k into the bin, pop takes the last kind out.
func (p *pricer) push(k, n int) {
	p.take(k, n)
	p.worth += int64(n) * p.value[k]
	p.chosen.kinds = append(p.chosen.kinds, int32(k))
	p.chosen.copies = append(p.chosen.copies, int32(n))
}

func (p *pricer) pop() {
	last := len(p.chosen.kinds) - 1
	k, n := int(p.chosen.kinds[last]), int(p.chosen.copies[last])
	p.take(k, -n)
	p.worth -= int64(n) * p.value[k]
	p.chosen.kinds, p.chosen.copies = p.chosen.kinds[:last], p.chosen.copies[:last]
}

// lead searches the patterns that begin with the kind at a position.
func (p *pricer) lead(at int) {
	k := p.order[at]
	for n := p.fit(k); n >= 1; n-- {
		p.push(k, n)
		if p.worth+p.bound(at+1) > p.best {
			p.search(at + 1)
		}
		p.pop()
	}
}

// search completes the pattern from the kinds at position i and after, the
// more promising branch first.
func (p *pricer) search(i int) {
	if p.worth > p.best {
		p.keep()
	}
	for ; i < len(p.order); i++ {
		if p.steps++; p.steps > p.limit || p.worth+p.bound(i) <= p.best {
			return
		}
		k := p.order[i]
		most := p.fit(k)
		if most == 0 || p.excluded(k) {
			continue
		}
		skip := p.worth + p.bound(i+1)
		later := false
		for n := most; n >= 1; n-- {
			p.push(k, n)
			if b := p.worth + p.bound(i+1); b > p.best {
				if b >= skip {
					p.search(i + 1)
				} else {
					later = true
				}
			}
			p.pop()
		}
		if !later {
			continue
		}
		p.search(i + 1)
		for n := most; n >= 1; n-- {
			p.push(k, n)
			if b := p.worth + p.bound(i+1); b > p.best && b < skip {
				p.search(i + 1)
			}
			p.pop()
		}
		return
	}
}

func (p *pricer) excluded(k int) bool {
	for _, c := range p.chosen.kinds {
		if p.s.apart(int(c), k) {
			return true
		}
	}
	return false
}

// keep remembers the pattern, filled up with kinds that are worth nothing.
func (p *pricer) keep() {
	p.best = p.worth
	count := len(p.chosen.kinds)
	for k := range p.value {
		if p.value[k] == 0 {
			if n := p.fit(k); n > 0 && !p.excluded(k) {
				p.push(k, n)
			}
		}
	}
	p.found = pattern{slices.Clone(p.chosen.kinds), slices.Clone(p.chosen.copies)}
	for len(p.chosen.kinds) > count {
		p.pop()
	}
}
