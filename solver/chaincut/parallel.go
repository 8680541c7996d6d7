package chaincut

import (
	"slices"
	"time"

	"caravan/topology"
)

// maxMatrices bounds the numbers of the edges that a reduction has made, and
// maxProducts the sums that it makes for one of them; maxPairs bounds the pairs
// of nodes of an edge that it goes through.
const (
	maxMatrices = 1 << 25
	maxProducts = 1 << 28
	maxPairs    = 1 << 22
)

// A reduction shrinks a DAG to single operators: one between two others is
// replaced by an edge, edges side by side become one, and one with a single
// neighbour is folded into it. That succeeds for trees and for series-parallel
// graphs (Valdes, Tarjan, Lawler, The recognition of series parallel digraphs,
// 1982), and finds the least latency for every choice of the ends at each step.
// An operator with something folded into it from both sides cannot be folded
// that way, for what it should be early for and what it may be late for are at
// odds; it can once the latency is known to be at most limit.
type reduction struct {
	*search
	limit time.Duration
	mixed bool // that happened
	n     int
	own   [][]time.Duration
	head  [][]time.Duration // when an operator can start at the earliest, for what is folded
	tail  [][]time.Duration // what follows its end, for what is folded
	heads []bool
	tails []bool
	out   []map[int][]time.Duration // of an edge, from a to b at a*n+b; nil: a message of the first operator
	in    []map[int]bool
	kept  int // numbers in the edges that were made
	left  []bool
	undo  []func(nodes []topology.NodeID) // chooses the node of an operator that is gone
}

// seriesParallel is the exact optimum of trees and series-parallel graphs
// without contention; ok is false when the pipeline is neither or too large.
func (s *search) seriesParallel() (nodes []topology.NodeID, latency time.Duration, ok bool) {
	r, value, ok := s.reduce(forever)
	if !ok || value >= forever || !r.mixed {
		return r.choose(value), value, ok
	}
	low, high := value, forever // with every conflict ignored, and with none solved
	for step := max(value, 1); high == forever && step < forever && s.ctx.Err() == nil; step *= 2 {
		if _, v, _ := s.reduce(min(low+step, forever-1)); v < forever {
			high = min(low+step, forever-1)
		}
	}
	for low < high && s.ctx.Err() == nil {
		mid := low + (high-low)/2
		if _, v, _ := s.reduce(mid); v <= mid {
			high = mid
		} else {
			low = mid + 1
		}
	}
	r, value, _ = s.reduce(high)
	return r.choose(value), high, s.ctx.Err() == nil
}

// reduce shrinks the pipeline as far as it goes; ok reports whether that is
// all the way. The value is the latency, or a bound if conflicts were ignored,
// and forever where no placement has at most the limit.
func (s *search) reduce(limit time.Duration) (r *reduction, value time.Duration, ok bool) {
	r = s.newReduction(limit)
	for again := true; again; {
		again = false
		for v := range r.left {
			if r.left[v] && s.ctx.Err() == nil {
				again = r.shrink(v) || again
			}
		}
	}
	for v, left := range r.left {
		if !left {
			continue
		}
		if len(r.out[v])+len(r.in[v]) > 0 {
			return r, 0, false
		}
		best, at := forever, topology.None
		for _, a := range r.allowed[v] {
			if d := r.through(v, a); d < best {
				best, at = d, a
			}
		}
		value = max(value, best)
		r.undo = append(r.undo, func(nodes []topology.NodeID) { nodes[v] = at })
	}
	return r, value, true
}

func (s *search) newReduction(limit time.Duration) *reduction {
	k, n := len(s.allowed), len(s.slowed)
	r := &reduction{search: s, limit: limit, n: n, heads: make([]bool, k), tails: make([]bool, k), left: make([]bool, k)}
	for j := range k {
		r.left[j] = true
		r.own = append(r.own, slices.Repeat([]time.Duration{forever}, n))
		r.head, r.tail = append(r.head, make([]time.Duration, n)), append(r.tail, make([]time.Duration, n))
		r.out, r.in = append(r.out, map[int][]time.Duration{}), append(r.in, map[int]bool{})
		for _, a := range s.allowed[j] {
			r.own[j][a] = s.alone(j, a)
		}
		for _, i := range s.w.Operators[j].After {
			r.out[i][j], r.in[j][i] = nil, true
		}
	}
	return r
}

// join adds an edge beside those that are there.
func (r *reduction) join(u, w int, edge []time.Duration) {
	if _, parallel := r.out[u][w]; parallel {
		for _, a := range r.allowed[u] {
			for _, b := range r.allowed[w] {
				i := int(a)*r.n + int(b)
				edge[i] = max(edge[i], r.between(u, w, a, b))
			}
		}
	}
	r.out[u][w], r.in[w][u] = edge, true
}

// between is what edge u -> w takes from node a to node b.
func (r *reduction) between(u, w int, a, b topology.NodeID) time.Duration {
	if edge := r.out[u][w]; edge != nil {
		return edge[int(a)*r.n+int(b)]
	}
	return r.step(u, a, b)
}

// through is how long the pipeline takes at least because of operator v on
// node a, forever if longer than the limit.
func (r *reduction) through(v int, a topology.NodeID) time.Duration {
	d := r.own[v][a]
	if d >= forever || r.head[v][a] >= forever || r.tail[v][a] >= forever {
		return forever
	}
	if d += r.head[v][a] + r.tail[v][a]; d > r.limit {
		return forever
	}
	return d
}

// shrink removes operator v if it can.
func (r *reduction) shrink(v int) bool {
	switch {
	case len(r.in[v]) == 1 && len(r.out[v]) == 1 && !r.heads[v] && !r.tails[v]:
		u, w := first(r.in[v]), first(r.out[v])
		if sums := len(r.allowed[u]) * len(r.allowed[v]); sums > maxProducts/len(r.allowed[w]) || r.kept+r.n*r.n > maxMatrices {
			return false
		}
		r.series(v, u, w)
	case len(r.in[v]) == 1 && len(r.out[v]) == 0 && r.pairs(first(r.in[v]), v):
		r.foldBack(v, first(r.in[v]))
	case len(r.in[v]) == 0 && len(r.out[v]) == 1 && r.pairs(v, first(r.out[v])):
		r.foldOn(v, first(r.out[v]))
	default:
		return false
	}
	r.left[v] = false
	return true
}

// pairs reports whether edge u -> w has few enough.
func (r *reduction) pairs(u, w int) bool { return len(r.allowed[u])*len(r.allowed[w]) <= maxPairs }

// first is the only key of a map.
func first[V any](m map[int]V) int {
	for k := range m {
		return k
	}
	return -1
}

func (r *reduction) cut(u, w int) {
	delete(r.out[u], w)
	delete(r.in[w], u)
}

// series replaces u -> v -> w by u -> w.
func (r *reduction) series(v, u, w int) {
	n := r.n
	edge, via := slices.Repeat([]time.Duration{forever}, n*n), slices.Repeat([]int32{-1}, n*n)
	r.kept += n * n
	on := slices.Repeat([]time.Duration{forever}, n*n)
	for _, b := range r.allowed[v] {
		for _, c := range r.allowed[w] {
			on[int(b)*n+int(c)] = r.between(v, w, b, c)
		}
	}
	for _, a := range r.allowed[u] {
		for _, b := range r.allowed[v] {
			d := r.between(u, v, a, b)
			if d >= forever {
				continue
			}
			d += r.own[v][b]
			for _, c := range r.allowed[w] {
				i := int(a)*n + int(c)
				if x := d + on[int(b)*n+int(c)]; x < edge[i] {
					edge[i], via[i] = x, int32(b)
				}
			}
		}
	}
	r.cut(u, v)
	r.cut(v, w)
	r.undo = append(r.undo, func(nodes []topology.NodeID) { nodes[v] = topology.NodeID(via[int(nodes[u])*n+int(nodes[w])]) })
	r.join(u, w, edge)
}

// foldBack takes v, which nothing follows, into its predecessor u.
func (r *reduction) foldBack(v, u int) {
	r.mixed = r.mixed || r.heads[v]
	at := make([]topology.NodeID, r.n)
	for _, a := range r.allowed[u] {
		best := forever
		at[a] = topology.None
		for _, b := range r.allowed[v] {
			if r.through(v, b) >= forever {
				continue
			}
			if d := r.between(u, v, a, b) + r.own[v][b] + r.tail[v][b]; d < best {
				best, at[a] = d, b
			}
		}
		r.tail[u][a] = max(r.tail[u][a], best)
	}
	r.cut(u, v)
	r.tails[u] = true
	r.undo = append(r.undo, func(nodes []topology.NodeID) { nodes[v] = at[nodes[u]] })
}

// foldOn takes v, which follows nothing, into its successor w.
func (r *reduction) foldOn(v, w int) {
	r.mixed = r.mixed || r.tails[v]
	at := make([]topology.NodeID, r.n)
	for _, c := range r.allowed[w] {
		best := forever
		at[c] = topology.None
		for _, b := range r.allowed[v] {
			if r.through(v, b) >= forever {
				continue
			}
			if d := r.head[v][b] + r.own[v][b] + r.between(v, w, b, c); d < best {
				best, at[c] = d, b
			}
		}
		r.head[w][c] = max(r.head[w][c], best)
	}
	r.cut(v, w)
	r.heads[w] = true
	r.undo = append(r.undo, func(nodes []topology.NodeID) { nodes[v] = at[nodes[w]] })
}

// choose goes back and gives every operator its node, nil without a placement.
func (r *reduction) choose(value time.Duration) []topology.NodeID {
	if value >= forever {
		return nil
	}
	nodes := make([]topology.NodeID, len(r.left))
	for i := len(r.undo) - 1; i >= 0; i-- {
		r.undo[i](nodes)
	}
	return nodes
}
