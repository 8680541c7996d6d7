package ilp

import (
	"cmp"
	"context"
	"slices"
)

const (
	combinePaths = 6000      // listed in all, for combine to try
	combineTests = 4_000_000 // of whether a path still fits
)

// A combination searches for one listed path an item, together within the
// capacities and cheaper than the best known, depth first.
//
// With one path fixed for every item, the cost is the bound, plus the reduced
// costs of the paths, plus the price of what each row has left. The search
// counts the second as it goes, and of the third what the rows keep even if
// every item to come takes the most it can.
type combination struct {
	r     *relaxation
	ctx   context.Context
	lists [][]ranked
	price []float64   // of a unit left in a row; later rows are free
	free  []float64   // left by row
	most  [][]float64 // the most that an item takes, by item and row with a price
	ahead []float64   // the sum of most over the items to come
	taken []int       // position in the list by item, -1 for none yet
	start [][]int     // position of an item's first path that may fit, by depth and item
	tests int64
	upper float64   // cost to beat
	found [][]int16 // nil when nothing beats upper
}

// A ranked path stands in the order of its reduced cost.
type ranked struct {
	id    int32
	extra float64 // reduced cost above the item's least
	use   []share
}

// raise lifts what an item takes at most of each row to what the path takes.
func (x *ranked) raise(most []float64) {
	for _, s := range x.use {
		if int(s.row) < len(most) {
			most[s.row] = max(most[s.row], s.amount)
		}
	}
}

// A share is what a path takes of a row.
type share struct {
	row    int32
	amount float64
}

// combine settles what is left below the present bound; done is false when
// that takes too long. The filter has tabulated the prices of the bound.
func (r *relaxation) combine(ctx context.Context, upper float64, try bool) (paths [][]int16, cost float64, done bool) {
	c := combination{r: r, ctx: ctx, upper: upper, taken: slices.Repeat([]int{-1}, len(r.lists))}
	place := c.index()
	for i, list := range r.lists {
		best, _ := r.scan(i)
		ranks := make([]ranked, len(list))
		most := make([]float64, len(c.price))
		for k, id := range list {
			ranks[k] = ranked{id: id, extra: r.value(id) - best, use: c.shares(i, id, place)}
			ranks[k].raise(most)
		}
		for q, m := range most {
			c.ahead[q] += m
		}
		slices.SortStableFunc(ranks, func(a, b ranked) int { return cmp.Compare(a.extra, b.extra) })
		c.lists, c.most = append(c.lists, ranks), append(c.most, most)
	}
	if !c.probe(r.lower) {
		return nil, upper, true
	}
	for i := range c.lists {
		r.lists[i] = r.lists[i][:0:0]
		for _, x := range c.lists[i] {
			r.lists[i] = append(r.lists[i], x.id)
		}
	}
	if !try {
		return nil, upper, false
	}
	for range len(c.lists) + 2 {
		c.start = append(c.start, make([]int, len(c.lists)))
	}
	done = c.extend(0, r.lower, 0)
	return c.found, c.upper, done
}

// probe drops every path beside which the cheapest paths of the other items
// that still fit cost too much; it reports false when an item has none left.
func (c *combination) probe(bound float64) bool {
	for again := true; again; {
		again = false
		for i := range c.lists {
			c.commit(i, -1)
			kept := c.lists[i][:0]
			for _, x := range c.lists[i] {
				if c.survives(i, &x, bound) {
					kept = append(kept, x)
				}
			}
			if len(kept) == 0 {
				return false
			}
			if len(kept) < len(c.lists[i]) {
				again = again || len(kept) < len(c.lists[i])*9/10
				clear(c.most[i])
				for _, x := range kept {
					x.raise(c.most[i])
				}
			}
			c.lists[i] = kept
			c.commit(i, 1)
		}
	}
	return true
}

// survives reports whether a path of item i can be part of something better.
func (c *combination) survives(i int, x *ranked, bound float64) bool {
	c.book(x, -1)
	defer c.book(x, 1)
	bound += x.extra + c.wasted()
	for j := range c.lists {
		if j == i {
			continue
		}
		k := c.next(j, 0, c.upper-bound)
		if k < 0 {
			return false
		}
		bound += c.lists[j][k].extra
	}
	return bound < c.upper
}

// index chooses the rows that matter: those with a price, and then the other
// resources.
func (c *combination) index() (place []int32) {
	r := c.r
	base := len(r.m.items)
	place = slices.Repeat([]int32{-1}, len(r.limits))
	add := func(q int) {
		place[q] = int32(len(c.free))
		c.free = append(c.free, r.limits[q]*(1+epsilon))
	}
	for q := base; q < len(r.limits); q++ {
		if r.center[q] != 0 {
			add(q)
			c.price = append(c.price, -r.center[q])
		}
	}
	for q := base; q < base+r.m.rows; q++ {
		if place[q] < 0 {
			add(q)
		}
	}
	c.ahead = make([]float64, len(c.price))
	return place
}

// shares lists what a path takes of the rows that matter, the resources first.
func (c *combination) shares(i int, id int32, place []int32) []share {
	r, p := c.r, c.r.pool
	base := len(r.m.items)
	var out []share
	for t := p.from[id]; t < p.from[id+1]; t++ {
		q := p.rows[t]
		out = append(out, share{place[base+int(q)], p.takes[t] / r.m.limit[q]})
	}
	base += r.m.rows
	first := len(out)
	r.p.eachRun(i, p.path[id], func(node, run int) {
		for _, q := range r.cutsAt[node] {
			w := r.cuts[q].weight[run]
			row := place[base+int(q)]
			if w == 0 || row < 0 {
				continue
			}
			if at := slices.IndexFunc(out[first:], func(s share) bool { return s.row == row }); at >= 0 {
				out[first+at].amount += w
			} else {
				out = append(out, share{row, w})
			}
		}
	})
	return out
}

// wasted is the price of what stays free whatever the items to come take.
func (c *combination) wasted() float64 {
	var sum float64
	free, ahead := c.free[:len(c.price)], c.ahead[:len(c.price)]
	for q, p := range c.price {
		if w := free[q] - ahead[q]; w > 0 {
			sum += p * w
		}
	}
	return sum
}

// extend fixes one more item, the one that costs most at least. Bound is what
// the items fixed so far and the others at their least come to, spent is the
// cost of the former. What did not fit before does not fit below.
func (c *combination) extend(depth int, bound, spent float64) bool {
	start, after := c.start[depth], c.start[depth+1]
	floor := bound + c.wasted()
	item, at, most := -1, 0, -1.0
	rest := 0.0
	for i := range c.lists {
		if c.taken[i] >= 0 {
			continue
		}
		k := c.next(i, start[i], c.upper-floor)
		if k < 0 {
			return true
		}
		after[i] = k
		extra := c.lists[i][k].extra
		if rest += extra; floor+rest >= c.upper {
			return true
		}
		if score := extra + 1e-3/float64(len(c.lists[i])); score > most {
			item, at, most = i, k, score
		}
	}
	if item < 0 {
		c.take(spent)
		return true
	}
	others := floor + rest - c.lists[item][at].extra
	c.commit(item, -1)
	defer c.commit(item, 1)
	for k := at; k >= 0; k = c.next(item, k+1, c.upper-others) {
		x := &c.lists[item][k]
		c.book(x, -1)
		c.taken[item] = k
		ok := c.extend(depth+1, bound+x.extra, spent+c.r.pool.cost[x.id])
		c.taken[item] = -1
		c.book(x, 1)
		if !ok || c.tests > combineTests || c.ctx.Err() != nil {
			return false
		}
	}
	return true
}

// commit takes an item out of those to come, or puts it back.
func (c *combination) commit(item int, sign float64) {
	for q, m := range c.most[item] {
		c.ahead[q] += sign * m
	}
}

func (c *combination) book(x *ranked, sign float64) {
	for _, s := range x.use {
		c.free[s.row] += sign * s.amount
	}
}

// next is the position of the first path of item i from k on that fits and
// costs less than room, -1 without one.
func (c *combination) next(i, k int, room float64) int {
	list := c.lists[i]
search:
	for ; k < len(list) && list[k].extra < room; k++ {
		c.tests++
		for _, s := range list[k].use {
			if s.amount > c.free[s.row] {
				continue search
			}
		}
		return k
	}
	return -1
}

// take records the combination when it is cheaper and can run.
func (c *combination) take(cost float64) {
	if cost >= c.upper {
		return
	}
	paths := make([][]int16, len(c.lists))
	for i, k := range c.taken {
		paths[i] = c.r.pool.path[c.lists[i][k].id]
	}
	if c.r.m.runs(paths) {
		c.found, c.upper = paths, cost
	}
}
