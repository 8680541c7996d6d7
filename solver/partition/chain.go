package partition

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A Chain is work to cut into stages of consecutive tasks.
type Chain struct {
	Work []float64 // of each task on a processor of speed 1
	// Cut is the time that the link between two stages takes when the first
	// ends with the task; nil when links take none.
	Cut []float64
}

// A Split assigns the tasks of a chain to processors.
type Split struct {
	Order      []int   // processors in the order of the chain
	Ends       []int   // the task after the last one of each, in that order
	Bottleneck float64 // the longest stage: of a processor, or of a link between two
	Bound      float64 // no split has a shorter one
	Proved     bool    // whether Bottleneck is the least
}

// Bottleneck cuts a chain into one stage for each processor, in this order,
// so that the longest stage is as short as possible. A stage can be empty.
// Time is O(P K^2), mostly much less (Bokhari, Partitioning problems in
// parallel, pipelined, and distributed computing, 1988).
func Bottleneck(ctx context.Context, c Chain, speeds []float64) (Split, error) {
	if err := c.check(speeds); err != nil {
		return Split{}, err
	}
	order := make([]int, len(speeds))
	for i := range order {
		order[i] = i
	}
	return newCutter(ctx, c).fixed(speeds, order), nil
}

// maxOrders bounds the table of BottleneckAnyOrder, in numbers.
const maxOrders = 1 << 24

// BottleneckAnyOrder is Bottleneck over all orders of the processors: exact by
// dynamic programming over how many processors of each speed are used, which
// is little when few speeds differ, and otherwise the best of three orders.
func BottleneckAnyOrder(ctx context.Context, c Chain, speeds []float64) (Split, error) {
	if err := c.check(speeds); err != nil {
		return Split{}, err
	}
	u := newCutter(ctx, c)
	best := Split{Bottleneck: math.Inf(1)}
	for _, by := range []func(a, b int) int{
		func(a, b int) int { return a - b },
		func(a, b int) int { return int(math.Copysign(1, speeds[a]-speeds[b])) },
		func(a, b int) int { return int(math.Copysign(1, speeds[b]-speeds[a])) },
	} {
		order := make([]int, len(speeds))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, by)
		if s := u.fixed(speeds, order); s.Bottleneck < best.Bottleneck {
			best = s
		}
	}
	best.Bound, best.Proved = u.bound(speeds), false
	if best.Bottleneck <= best.Bound {
		best.Proved = true
		return best, nil
	}
	return u.anyOrder(speeds, best), nil
}

func (c Chain) check(speeds []float64) error {
	var faults []error
	if len(c.Cut) > 0 && len(c.Cut) != len(c.Work) {
		faults = append(faults, fmt.Errorf("%d cuts for %d tasks", len(c.Cut), len(c.Work)))
	}
	if len(speeds) == 0 {
		faults = append(faults, errors.New("no processor"))
	}
	for i, x := range slices.Concat(c.Work, c.Cut) {
		if !(x >= 0) || math.IsInf(x, 0) {
			faults = append(faults, fmt.Errorf("task %d: work or cut: found %v, allowed is 0 or more", i%max(len(c.Work), 1), x))
		}
	}
	for i, s := range speeds {
		if !(s > 0) || math.IsInf(s, 0) {
			faults = append(faults, fmt.Errorf("processor %d: speed: found %v, allowed is a number above 0", i, s))
		}
	}
	return errors.Join(faults...)
}

// A cutter cuts one chain.
type cutter struct {
	ctx context.Context
	c   Chain
	sum []float64 // of the work before each task
}

func newCutter(ctx context.Context, c Chain) *cutter {
	u := &cutter{ctx: ctx, c: c, sum: make([]float64, len(c.Work)+1)}
	for i, w := range c.Work {
		u.sum[i+1] = u.sum[i] + w
	}
	return u
}

// cut is what the link takes when a stage ends before task i.
func (u *cutter) cut(i int) float64 {
	if i == 0 || i == len(u.c.Work) || u.c.Cut == nil {
		return 0
	}
	return u.c.Cut[i-1]
}

// bound is the longest task on the fastest processor, or everything on all.
func (u *cutter) bound(speeds []float64) float64 {
	total := 0.0
	for _, s := range speeds {
		total += s
	}
	longest := 0.0
	for _, w := range u.c.Work {
		longest = max(longest, w)
	}
	return max(longest/slices.Max(speeds), u.sum[len(u.c.Work)]/total*(1-1e-12))
}

// stage improves f(end), the shortest bottleneck of the tasks before each,
// by one more processor. It reports from where the last stage runs.
func (u *cutter) stage(before []float64, speed float64, after []float64, from []int32) {
	for end := range after {
		for start := end; start >= 0; start-- {
			load := (u.sum[end] - u.sum[start]) / speed
			if load >= after[end] {
				break // and earlier starts load it more
			}
			if d := max(before[start], load, u.cut(start)); d < after[end] {
				after[end], from[end] = d, int32(start)
			}
		}
	}
}

// fixed is exact for processors in this order.
func (u *cutter) fixed(speeds []float64, order []int) Split {
	k := len(u.c.Work)
	f := slices.Repeat([]float64{math.Inf(1)}, k+1)
	f[0] = 0
	from := make([][]int32, len(order))
	for p, q := range order {
		next := slices.Clone(f)
		from[p] = make([]int32, k+1)
		for end := range from[p] {
			from[p][end] = int32(end) // an empty stage
		}
		u.stage(f, speeds[q], next, from[p])
		f = next
	}
	s := Split{Order: order, Ends: make([]int, len(order)), Bottleneck: f[k], Bound: f[k], Proved: true}
	for p, end := len(order)-1, k; p >= 0; p-- {
		s.Ends[p] = end
		end = int(from[p][end])
	}
	return s
}

// anyOrder tries all orders of the speeds; best is a split already known.
func (u *cutter) anyOrder(speeds []float64, best Split) Split {
	kinds := slices.Compact(slices.Sorted(slices.Values(speeds)))
	count, weight, states := make([]int, len(kinds)), make([]int, len(kinds)), 1
	k := len(u.c.Work)
	for i, s := range kinds {
		for _, x := range speeds {
			if x == s {
				count[i]++
			}
		}
		weight[i] = states
		if states *= count[i] + 1; states*(k+1) > maxOrders {
			return best
		}
	}
	f, from, kind := make([][]float64, states), make([][]int32, states), make([][]int8, states)
	for state := range states {
		f[state] = slices.Repeat([]float64{math.Inf(1)}, k+1)
		from[state], kind[state] = make([]int32, k+1), make([]int8, k+1)
		if state == 0 {
			f[0][0] = 0
			continue
		}
		if u.ctx.Err() != nil {
			return best
		}
		for i := range kinds {
			if state/weight[i]%(count[i]+1) == 0 {
				continue
			}
			was, start := slices.Clone(f[state]), make([]int32, k+1)
			u.stage(f[state-weight[i]], kinds[i], f[state], start)
			for end, d := range f[state] {
				if d < was[end] {
					from[state][end], kind[state][end] = start[end], int8(i)
				}
			}
		}
	}
	last := f[states-1][k]
	best.Proved, best.Bound = true, min(last, best.Bottleneck)
	if last >= best.Bottleneck {
		return best
	}
	best.Bottleneck = last
	best.Order, best.Ends = make([]int, len(speeds)), make([]int, len(speeds))
	used := make([]bool, len(speeds))
	for p, state, end := len(speeds)-1, states-1, k; p >= 0; p-- {
		i := int(kind[state][end])
		best.Ends[p] = end
		for q, s := range speeds {
			if s == kinds[i] && !used[q] {
				best.Order[p], used[q] = q, true
				break
			}
		}
		end, state = int(from[state][end]), state-weight[i]
	}
	return best
}
