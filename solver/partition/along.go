package partition

import (
	"math"
	"slices"
)

// along finds the best layout along two orders of the pieces: each branch to
// its end, and all branches side by side.
func (s *split) along() {
	deep := make([]int, len(s.p.all))
	for v := range deep {
		deep[v] = v
	}
	for _, order := range [][]int{deep, s.p.wide()} {
		s.line(order)
	}
}

// wide is a topological order that takes turns between branches.
func (p *pieces) wide() []int {
	left := make([]int, len(p.all))
	var list []int
	for v := range p.all {
		if left[v] = len(p.prev[v]); left[v] == 0 {
			list = append(list, v)
		}
	}
	for i := 0; i < len(list); i++ {
		for _, w := range p.next[list[i]] {
			if left[w]--; left[w] == 0 {
				list = append(list, w)
			}
		}
	}
	return list
}

// line is the dynamic program over the prefixes of one order.
func (s *split) line(order []int) {
	k, n := s.states()
	best := make([][]float64, len(order)+1)
	from := make([][]origin, len(order)+1)
	for i := range best {
		best[i], from[i] = slices.Repeat([]float64{math.Inf(1)}, n), make([]origin, n)
	}
	best[0][0] = 0
	for start := range order {
		if s.ctx.Err() != nil {
			return
		}
		g := newGauge(s.p)
		for end := start; end < len(order); end++ {
			if g.add(order[end]); g.hopeless(s.upper) {
				break
			}
			accelerator, cpu := g.loads()
			for state, d := range best[start] {
				improve := func(now int, load float64, onAccelerator bool) {
					if x := max(d, load); x < best[end+1][now] {
						best[end+1][now], from[end+1][now] = x, origin{int32(start), int32(state), onAccelerator}
					}
				}
				if state%(k+1) < k {
					improve(state+1, accelerator, true)
				}
				if state/(k+1) < s.p.g.CPUs {
					improve(state+k+1, cpu, false)
				}
			}
		}
	}
	last := best[len(order)]
	state := 0
	for i, d := range last {
		if d < last[state] {
			state = i
		}
	}
	if last[state] >= s.upper {
		return
	}
	s.upper, s.shares = last[state], nil
	for at := len(order); at > 0; {
		o := from[at][state]
		s.shares = append(s.shares, share{slices.Sorted(slices.Values(order[o.ideal:at])), o.accelerator})
		at, state = int(o.ideal), int(o.state)
	}
}
