package gap

import (
	"cmp"
	"slices"
)

// An item of an agent's knapsack: a job that it would take for its profit.
type item struct {
	job    int
	profit int64 // above 0
	weight int64
}

// A knapsack solves 0/1 knapsacks exactly, one after another in the same
// memory.
type knapsack struct {
	items []item
	taken []bool  // of items, after solve
	split int     // the first item that does not fit behind all before it
	core  []int   // items that no bound decides
	table []int64 // rows of values, one for each item of the core
	ahead []int64 // as table, from the last item backwards
}

// byRatio orders items by falling profit over weight, then by job.
func byRatio(a, b item) int {
	return cmp.Or(cmp.Compare(b.profit*a.weight, a.profit*b.weight), cmp.Compare(a.job, b.job))
}

// dantzig is the relaxation bound of room filled from items[from:], which are
// in order of ratio, leaving out one item: profit of the whole ones, and of
// the first that does not fit its share, rounded down.
func (k *knapsack) dantzig(from int, room int64, without int) int64 {
	var sum int64
	for x := from; x < len(k.items); x++ {
		it := &k.items[x]
		if x == without {
			continue
		}
		if it.weight > room {
			return sum + it.profit*room/it.weight
		}
		room -= it.weight
		sum += it.profit
	}
	return sum
}

// solve fills k.taken with a set of k.items of the largest profit that fits
// into room, and returns that profit. Items whose bound by Dantzig's
// relaxation decides them are left out of the table, which holds the others,
// the core (Martello and Toth, Knapsack Problems, 1990, sections 2.2 and 2.6).
func (k *knapsack) solve(room int64) int64 {
	slices.SortFunc(k.items, byRatio)
	n := len(k.items)
	k.taken = resize(k.taken, n)
	k.split = n
	var value, used int64
	for x := range k.items {
		it := &k.items[x]
		k.taken[x] = used+it.weight <= room
		if k.taken[x] {
			used += it.weight
			value += it.profit
		} else if k.split == n {
			k.split = x
		}
	}
	if k.split == n {
		return value
	}
	fixed, left := k.reduce(room, value)
	if len(k.core) == 0 {
		return value
	}
	if best := k.fill(left); fixed+best > value {
		k.take(left, best)
		return fixed + best
	}
	return value
}

// reduce puts into k.core the items that neither bound decides against a
// known value, and returns the profit of those that every better set holds and
// the room that they leave.
func (k *knapsack) reduce(room, value int64) (fixed, left int64) {
	k.core = k.core[:0]
	left = room
	spare := room
	var ahead int64 // profit of the items before the split
	for x := range k.split {
		ahead += k.items[x].profit
		spare -= k.items[x].weight
	}
	for x := range k.items {
		it := &k.items[x]
		if x < k.split {
			if ahead-it.profit+k.dantzig(k.split, spare+it.weight, -1) <= value {
				fixed += it.profit
				left -= it.weight
				continue
			}
		} else if k.with(x, ahead, spare) <= value {
			continue
		}
		k.core = append(k.core, x)
	}
	return fixed, left
}

// with bounds a set that holds item x from the split on: items before the
// split are given up, worst ratio first, until it fits.
func (k *knapsack) with(x int, ahead, room int64) int64 {
	it := &k.items[x]
	room -= it.weight
	sum := ahead + it.profit
	for y := k.split - 1; room < 0; y-- {
		if y < 0 {
			return 0
		}
		out := &k.items[y]
		if out.weight >= -room {
			// The share that stays, rounded down; weight is above 0 here.
			return sum - (out.profit*(-room)+out.weight-1)/out.weight
		}
		room += out.weight
		sum -= out.profit
	}
	return sum + k.dantzig(k.split, room, x)
}

// fill computes table[x][c], the largest profit of the core's first x items in
// c, for those c that the items behind x may leave, and returns the last one.
func (k *knapsack) fill(room int64) int64 {
	width := room + 1
	k.table = resize(k.table, int(width)*(len(k.core)+1))
	var rest int64
	for _, x := range k.core {
		rest += k.items[x].weight
	}
	clear(k.table[max(0, room-rest):width])
	for row, x := range k.core {
		it := &k.items[x]
		rest -= it.weight
		last := k.table[row*int(width):][:width]
		next := k.table[(row+1)*int(width):][:width]
		relax(next, last, max(0, room-rest), it.weight, it.profit)
	}
	return k.table[len(k.core)*int(width)+int(room)]
}

// relax sets next[c] = max(last[c], last[c-weight]+profit) for c from low on.
func relax(next, last []int64, low, weight, profit int64) {
	width := int64(len(next))
	if weight > low {
		end := min(weight, width)
		copy(next[low:end], last[low:end])
		low = end
	}
	if low >= width {
		return
	}
	to, same, less := next[low:], last[low:], last[low-weight:width-weight]
	for c := range to {
		to[c] = max(same[c], less[c]+profit)
	}
}

// take reads the set of value best in room back from the table.
func (k *knapsack) take(room, best int64) {
	for x := range k.taken {
		k.taken[x] = x < k.split
	}
	width := int(room) + 1
	for row := len(k.core) - 1; row >= 0; row-- {
		x := k.core[row]
		k.taken[x] = k.table[row*width+int(room)] != best
		if k.taken[x] {
			best -= k.items[x].profit
			room -= k.items[x].weight
		}
	}
}

// A shift says what the best profit of a knapsack loses when one item is
// decided: when it must stay out, and when it must come in.
type shift struct{ out, in int64 }

// shifts computes the shift of every item from tables of all items, from the
// front and from the back, and returns the best profit in every room.
func (k *knapsack) shifts(room int64, to []shift) []int64 {
	n, width := len(k.items), int(room)+1
	k.table = resize(k.table, (n+1)*width)
	k.ahead = resize(k.ahead, (n+1)*width)
	clear(k.table[:width])
	clear(k.ahead[n*width:])
	for x := range n {
		relax(k.table[(x+1)*width:][:width], k.table[x*width:][:width], 0, k.items[x].weight, k.items[x].profit)
	}
	for x := n - 1; x >= 0; x-- {
		relax(k.ahead[x*width:][:width], k.ahead[(x+1)*width:][:width], 0, k.items[x].weight, k.items[x].profit)
	}
	row := k.table[n*width:]
	for x, it := range k.items {
		front, back := k.table[x*width:][:width], k.ahead[(x+1)*width:][:width]
		to[x] = shift{out: row[room] - split(front, back)}
		if to[x].out == 0 {
			left := room - it.weight + 1
			to[x].in = row[room] - it.profit - split(front[:left], back[:left])
		}
	}
	return row
}

// split is the best sum of two values whose rooms share the whole.
func split(front, back []int64) int64 {
	best := int64(0)
	last := len(back) - 1
	for c, v := range front {
		best = max(best, v+back[last-c])
	}
	return best
}

// resize returns a slice of length n, in s's memory when that is large enough.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
