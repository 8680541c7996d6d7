package ilp

import (
	"cmp"
	"context"
	"math"
	"slices"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// places is the resource that only the nodes for what is left out run out of.
const places = placement.Dimensions

// unit is what an item left out costs while they are counted.
const unit = 1e4

// A leaving says how much may be left out. To leave an item out is to place it
// on a node beyond the real ones, that of its priority, where it takes one
// place: so the rest of the search need not know. Priority by priority, the
// items left out are counted while those of higher ones keep their number; at
// last the objective counts. A nil leaving leaves nothing out.
type leaving struct {
	classes []int // priorities, falling
	items   []int // by class
	most    []int // that may be left out, of the classes that are settled
	proved  int   // of these, as many from the first on are the least
	final   bool  // all are settled

	impossible bool // something must be left out
}

func newLeaving(w *workloads.Workload) *leaving {
	count := map[int]int{}
	for i := range w.Pipelines {
		count[w.Pipelines[i].Priority]++
	}
	for j := range w.Jobs {
		for _, g := range w.Jobs[j].Groups {
			count[w.Jobs[j].Priority] += g.Count
		}
	}
	l := &leaving{}
	for priority, n := range count {
		if n > 0 {
			l.classes = append(l.classes, priority)
		}
	}
	slices.SortFunc(l.classes, func(a, b int) int { return cmp.Compare(b, a) })
	for _, priority := range l.classes {
		l.items = append(l.items, count[priority])
	}
	return l
}

// counting reports whether the items left out are counted.
func (l *leaving) counting() bool { return l != nil && !l.final }

// ignores reports whether a priority has its turn later.
func (l *leaving) ignores(priority int) bool {
	return l.counting() && priority < l.classes[len(l.most)]
}

// addNodes makes the nodes for what is left out.
func (l *leaving) addNodes(m *model) {
	if l == nil {
		return
	}
	for h := range l.classes {
		if h > len(l.most) {
			return
		}
		for range places {
			m.capacity = append(m.capacity, math.Inf(1))
		}
		room := math.Inf(1)
		if h < len(l.most) {
			room = float64(l.most[h])
		}
		m.capacity = append(m.capacity, room)
		m.crowds = append(m.crowds, false)
		m.nodes++
	}
}

// addItem lets an item be left out.
func (l *leaving) addItem(m *model, it *item, priority int, terms solver.Terms) {
	if l == nil {
		return
	}
	it.class = slices.Index(l.classes, priority)
	present := it.class == len(l.most)
	if !present && l.most[it.class] == 0 {
		return
	}
	n, v := m.nodes, m.real+it.class
	it.need[places] = 1
	for j := range it.ops {
		it.own[j*n+v] = 0
		if it.slots != nil {
			it.need[j*dims+places] = 1
		}
		switch {
		case l.counting():
		case it.pipeline >= 0:
			it.own[j*n+v] = terms.Left(it.pipeline, j)
		default:
			g, k := it.slot(j)
			it.own[j*n+v] = terms.LeftInstance(it.job, g, k)
		}
		if it.added != nil {
			it.added[j*n+v] = it.own[j*n+v]
		}
	}
	for j := range it.ops {
		if l.counting() && present && it.need[j*dims+places] > 0 {
			it.own[j*n+v] = 1
		}
	}
	for _, link := range it.link {
		link[v*n+v] = 0
	}
}

// uncounted keeps of an objective only where there is a route.
func uncounted(t solver.Terms) solver.Terms {
	edge := t.Edge
	t.Own = func(int, int, topology.NodeID) float64 { return 0 }
	t.Added = t.Own
	t.Edge = func(i, op int, from, to topology.NodeID) float64 {
		if math.IsInf(edge(i, op, from, to), 1) {
			return math.Inf(1)
		}
		return 0
	}
	t.Instance = func(int, int, int, topology.NodeID) float64 { return 0 }
	t.Counters = slices.DeleteFunc(slices.Clone(t.Counters), func(c solver.Counter) bool {
		return !slices.ContainsFunc(c.Cost, func(cost []float64) bool { return math.IsInf(cost[len(cost)-1], 1) })
	})
	return t
}

// leaveOut places what is worth most of a problem of which not everything was
// placed, without saying what comes instead if that fails. Homeless is what
// fits nowhere by itself.
func (s Solver) leaveOut(ctx context.Context, p *solver.Problem, without solver.Solution, homeless []solver.Unplaced) (solver.Solution, error) {
	l := newLeaving(p.Workload)
	l.impossible = without.Status == solver.Infeasible
	best := placement.Unplaced(p.Workload)
	for h := range l.classes {
		t, err := s.stage(p, l, best)
		if err != nil || t.best == nil {
			return without, err
		}
		bound := t.cost
		if t.cost > 0 {
			bound = t.solve(ctx, p)
		}
		best = t.m.placement(p.Workload, t.best)
		l.most = append(l.most, int(math.Round(t.cost*t.m.scale)))
		l.impossible = l.impossible || bound > 0.5*unit
		if l.proved == h && bound >= t.below() {
			l.proved++
		}
	}
	l.final = true
	t, err := s.stage(p, l, best)
	if err != nil || t.best == nil {
		return without, err
	}
	return s.rest(t, l, p, t.solve(ctx, p), homeless)
}

// share is by how much the objective grows as means are taken over what is
// placed rather than over everything.
func (l *leaving) share(p *solver.Problem, pipelines [][]topology.NodeID) float64 {
	if !p.Weighs(solver.Latency) {
		return 1
	}
	var all, placed float64
	for i, w := range solver.Weights(p.Workload) {
		all += w
		if pipelines[i][0] != topology.None {
			placed += w
		}
	}
	return all / placed
}

// stage starts a search where the placement leaves off: what it has no node
// for is placed as it comes, by falling priority, where there is room.
func (s Solver) stage(p *solver.Problem, l *leaving, from placement.Placement) (*tree, error) {
	m, _, err := compile(p, l)
	if err != nil {
		return nil, err
	}
	t := Solver{}.tree(m)
	if l.final {
		t = s.tree(m)
	}
	paths, _ := m.paths(from)
	b := newRebuild(t.relaxation, t.rng, paths, 0)
	t.prices(make([]float64, len(t.limits)))
	for v := m.real; v < m.nodes; v++ {
		t.p.unit[v*dims+places] = t.cost // to be left out comes last
	}
	t.p.limit = b.free
	order := t.p.order(len(m.items))
	slices.SortStableFunc(order, func(a, b int16) int { return cmp.Compare(m.items[a].class, m.items[b].class) })
	var cost float64
	for _, k := range order {
		i := int(k)
		if b.now[i] == nil {
			b.insert(i)
		}
		cost += m.cost(i, b.now[i])
	}
	t.p.limit = m.capacity
	if m.runs(b.now) {
		t.better(b.now, cost)
	}
	return t, nil
}

// insert gives an item its cheapest path, or leaves it out where that overfills
// a node.
func (b *rebuild) insert(i int) {
	m := b.r.m
	it := &m.items[i]
	b.now[i] = make([]int16, it.ops)
	if !math.IsInf(b.r.p.cheapest(i, b.now[i]), 1) && b.now[i][0] >= 0 {
		b.book(i, -1)
		if !b.overfull(b.now[i]) && m.problemRuns(b.now) {
			return
		}
		for j := it.ops - 1; it.slots != nil && j >= 0; j-- { // some of its instances may do
			b.book(i, 1)
			b.now[i][j] = int16(m.real + it.class)
			if b.book(i, -1); !b.overfull(b.now[i]) && m.problemRuns(b.now) {
				return
			}
		}
		b.book(i, 1)
	}
	b.now[i] = m.outside(it)
	b.book(i, -1)
}

// outside is the path of an item that is left out.
func (m *model) outside(it *item) []int16 {
	return slices.Repeat([]int16{int16(m.real + it.class)}, it.ops)
}

// problemRuns reports whether a part of the items can be where they are, as far
// as amounts do not say.
func (m *model) problemRuns(paths [][]int16) bool {
	return !m.shares || placement.Check(m.problem.Topology, m.problem.Workload, m.placement(m.problem.Workload, paths)) == nil
}

// paths reads a placement. An item without a node is left out, where that is
// allowed and the model has such nodes; whole says that no path is missing.
func (m *model) paths(pl placement.Placement) (paths [][]int16, whole bool) {
	paths, whole = make([][]int16, len(m.items)), true
	for i := range m.items {
		it := &m.items[i]
		path := make([]int16, it.ops)
		for j := range it.ops {
			if it.pipeline >= 0 {
				path[j] = int16(pl.Pipelines[it.pipeline][j])
			} else {
				g, k := it.slot(j)
				path[j] = int16(pl.Jobs[it.job][g][k])
			}
		}
		m.reorder(it, path)
		if !slices.Contains(path, int16(topology.None)) {
			paths[i] = path
			continue
		}
		whole = false
	}
	return paths, whole
}
