package bins

import (
	"cmp"
	"context"
	"math"
	"slices"

	"caravan/topology"
	"caravan/workloads/placement"
)

// A trial is a depth-first branch and bound over pieces, those with the fewest
// nodes to go to first, then the largest. A piece tries the nodes in use, the
// fullest first, then one empty node of each sort, the largest first.
type trial struct {
	f      *fleet
	ctx    context.Context
	ledger *placement.Ledger
	order  []int // pieces
	size   [][]int64
	after  [][]int64 // by position of the order: what it and the rest demand
	room   [][]int64 // left on each node; nil where nothing may go
	nodes  []int     // by falling room
	sort   []int     // of each node: nodes of one sort may stand for each other
	held   []int     // pieces on each node
	used   int64

	now       placement.Placement
	placement *placement.Placement // best so far
	best      int64                // nodes that it uses
	goal      int64                // proved to be needed
	steps     int64
	limit     int64
	cut       bool // a limit ended the search
}

func (f *fleet) newTrial(ctx context.Context, goal, limit int64) *trial {
	_, sizes, rooms := f.relaxed()
	t := &trial{
		f: f, ctx: ctx, ledger: placement.NewLedger(f.p.Topology), size: sizes, room: rooms, held: make([]int, len(f.nodes)),
		now: placement.Unplaced(f.p.Workload), best: math.MaxInt32, goal: goal, limit: limit,
	}
	choices := make([]int, len(f.pieces))
	total := make([]int64, 4)
	for i, row := range f.allowed {
		t.order = append(t.order, i)
		for _, ok := range row {
			if ok {
				choices[i]++
			}
		}
		for d, x := range sizes[i] {
			total[d] += x
		}
	}
	share := func(v []int64) float64 {
		var sum float64
		for d, x := range v {
			sum += float64(x) / float64(max(total[d], 1))
		}
		return sum
	}
	slices.SortStableFunc(t.order, func(a, b int) int {
		return cmp.Or(cmp.Compare(choices[a], choices[b]), cmp.Compare(share(sizes[b]), share(sizes[a])))
	})
	t.after = make([][]int64, len(t.order)+1)
	t.after[len(t.order)] = make([]int64, 4)
	for k := len(t.order) - 1; k >= 0; k-- {
		t.after[k] = slices.Clone(t.after[k+1])
		for d, x := range sizes[t.order[k]] {
			t.after[k][d] += x
		}
	}
	for n, r := range rooms {
		if r != nil {
			t.nodes = append(t.nodes, n)
		}
	}
	slices.SortStableFunc(t.nodes, func(a, b int) int { return cmp.Compare(share(rooms[b]), share(rooms[a])) })
	t.sort = f.sorts(rooms)
	return t
}

// sorts numbers the nodes that may stand for each other: same room, same GPUs,
// same pieces allowed. Where pipelines run every node is its own, as its links
// tell it apart.
func (f *fleet) sorts(rooms [][]int64) []int {
	out := make([]int, len(f.nodes))
	for n := range out {
		out[n] = n
		if len(f.p.Workload.Pipelines) > 0 {
			continue
		}
		for m := range n {
			if out[m] == m && slices.Equal(rooms[m], rooms[n]) && f.nodes[m].GPUs == f.nodes[n].GPUs &&
				!slices.ContainsFunc(f.allowed, func(row []bool) bool { return row[m] != row[n] }) {
				out[n] = m
				break
			}
		}
	}
	return out
}

// offer keeps a placement of everything when it runs and uses fewer nodes.
func (t *trial) offer(pl placement.Placement, used int) {
	if int64(used) < t.best && t.f.runs(pl) {
		t.best, t.placement = int64(used), &pl
	}
}

// try places the pieces from position k on in every way that may beat the best.
func (t *trial) try(k int) {
	if t.used+t.missing(k) >= t.best || t.best <= t.goal {
		return
	}
	if k == len(t.order) {
		t.offer(t.copy(), int(t.used))
		return
	}
	i := t.order[k]
	for _, n := range t.candidates(i) {
		if t.steps++; t.steps > t.limit || t.steps%1024 == 0 && t.ctx.Err() != nil {
			t.cut = true
		}
		if t.cut {
			return
		}
		id := topology.NodeID(n)
		if !t.f.joins(&t.now, i, id) {
			continue
		}
		grant, ok := t.ledger.Take(id, t.f.pieces[i].demand)
		if !ok {
			continue
		}
		t.move(i, n, 1)
		*t.f.pieces[i].at(&t.now) = id
		t.try(k + 1)
		*t.f.pieces[i].at(&t.now) = topology.None
		t.move(i, n, -1)
		t.ledger.Give(id, t.f.pieces[i].demand, grant)
		if t.best <= t.goal {
			return
		}
	}
}

func (t *trial) move(i, n, sign int) {
	for d, x := range t.size[i] {
		t.room[n][d] -= int64(sign) * x
	}
	t.held[n] += sign
	switch {
	case sign > 0 && t.held[n] == 1:
		t.used++
	case sign < 0 && t.held[n] == 0:
		t.used--
	}
}

// candidates are the nodes to try for a piece, in order.
func (t *trial) candidates(i int) []int {
	var open, empty []int
	for _, n := range t.nodes {
		switch {
		case !t.f.allowed[i][n]:
		case t.held[n] > 0:
			open = append(open, n)
		case !slices.ContainsFunc(empty, func(m int) bool { return t.sort[m] == t.sort[n] }):
			empty = append(empty, n)
		}
	}
	slices.SortStableFunc(open, func(a, b int) int { return cmp.Compare(t.left(a), t.left(b)) })
	return append(open, empty...)
}

// left is the sum of a node's free shares of everything that is demanded.
func (t *trial) left(n int) float64 {
	var sum float64
	for d, x := range t.room[n] {
		sum += float64(x) / float64(max(t.after[0][d], 1))
	}
	return sum
}

// missing is how many empty nodes the pieces from position k on need beside
// those in use: the fewest of the largest that hold what those do not.
func (t *trial) missing(k int) int64 {
	most := int64(0)
	for d, need := range t.after[k] {
		for _, n := range t.nodes {
			if t.held[n] > 0 {
				need -= t.room[n][d]
			}
		}
		if need <= 0 {
			continue
		}
		var rooms []int64
		for _, n := range t.nodes {
			if t.held[n] == 0 {
				rooms = append(rooms, t.room[n][d])
			}
		}
		slices.Sort(rooms)
		used := int64(0)
		for e := len(rooms) - 1; e >= 0 && need > 0; e-- {
			need -= rooms[e]
			used++
		}
		if need > 0 {
			return math.MaxInt32 // there is not so much room
		}
		most = max(most, used)
	}
	return most
}

// copy is the placement as it stands.
func (t *trial) copy() placement.Placement {
	pl := placement.Unplaced(t.f.p.Workload)
	for i := range t.f.pieces {
		*t.f.pieces[i].at(&pl) = *t.f.pieces[i].at(&t.now)
	}
	return pl
}
