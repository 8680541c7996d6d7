// Package local improves a placement by simulated annealing, for any
// objective: it asks nothing of the objective but its value.
package local

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// Solver anneals the problem's objective, or another one in its place.
type Solver struct {
	// Objective replaces the problem's when not empty: what a planner would
	// do who looks at something else.
	Objective solver.Objective
	// Steps is how many moves are tried when the problem sets no limit; 0 is
	// DefaultSteps.
	Steps int64
}

// excess is the price of going over a limit, far above any objective.
const excess = 1e12

// DefaultSteps is how many moves are tried when nobody sets a limit.
const DefaultSteps = 30_000

// Solve implements solver.Solver. It proves nothing: the status is feasible,
// or unknown when its construction finds no room for everything.
func (s Solver) Solve(ctx context.Context, p *solver.Problem) (solver.Solution, error) {
	q := *p
	if s.Objective != "" {
		q.Objective = s.Objective
	}
	w, err := newWalk(&q)
	if err != nil {
		return solver.Solution{}, err
	}
	sol := solver.Solution{Status: solver.Feasible, Bound: math.NaN()}
	if reason := w.start(); reason != "" {
		sol.Placement, sol.Status, sol.Reason = placement.Unplaced(p.Workload), solver.Unknown, reason
		sol.Unplaced = solver.LeaveAll(p.Workload, reason)
		return sol, nil
	}
	steps := p.MaxSteps
	if steps == 0 {
		steps = s.Steps
	}
	if steps == 0 {
		steps = DefaultSteps
	}
	sol.Placement, sol.Steps = w.anneal(ctx, steps)
	if err := solver.Within(&q, sol.Placement); err != nil {
		sol.Status, sol.Reason = solver.Unknown, err.Error()
		sol.Placement, sol.Unplaced = placement.Unplaced(p.Workload), solver.LeaveAll(p.Workload, sol.Reason)
	}
	return sol, nil
}

// A slot is an operator or an instance that wants a node.
type slot struct {
	pipeline, op int // pipeline is -1 for an instance
	at           *topology.NodeID
	demand       topology.Resources
	open         []topology.NodeID // nodes that admit it when empty
	grant        placement.Grant
}

// A walk is a placement on its way.
type walk struct {
	p      *solver.Problem
	rng    *rand.Rand
	now    placement.Placement
	slots  []slot
	first  []int // a pipeline's first slot
	ledger *placement.Ledger
	cost   float64
}

func newWalk(p *solver.Problem) (*walk, error) {
	w := &walk{p: p, rng: rand.New(rand.NewPCG(p.Seed, 0x10ca1)), now: placement.Unplaced(p.Workload), ledger: placement.NewLedger(p.Topology)}
	for i := range p.Workload.Pipelines {
		pl := &p.Workload.Pipelines[i]
		pins, err := pl.Pins()
		if err != nil {
			return nil, err
		}
		w.first = append(w.first, len(w.slots))
		for j := range pl.Operators {
			o := &pl.Operators[j]
			w.slots = append(w.slots, slot{pipeline: i, op: j, at: &w.now.Pipelines[i][j], demand: o.Demand, open: w.open(o.Demand, o.Constraints, pins[j])})
		}
	}
	w.first = append(w.first, len(w.slots))
	for j := range p.Workload.Jobs {
		for g := range p.Workload.Jobs[j].Groups {
			group := &p.Workload.Jobs[j].Groups[g]
			open := w.open(group.Demand, group.Constraints, topology.None)
			for k := range group.Count {
				w.slots = append(w.slots, slot{pipeline: -1, at: &w.now.Jobs[j][g][k], demand: group.Demand, open: open})
			}
		}
	}
	return w, nil
}

func (w *walk) open(d topology.Resources, cs []workloads.Constraint, pin topology.NodeID) []topology.NodeID {
	var out []topology.NodeID
	for n := range w.p.Topology.Nodes() {
		id := topology.NodeID(n)
		if (pin == topology.None || pin == id) && w.ledger.Admits(id, d, cs) {
			out = append(out, id)
		}
	}
	return out
}

// start places everything: the incumbent where there is one, otherwise whole
// pipelines in order, the fewest choices first, each operator as near to the
// one before it as there is room. It returns why that failed.
func (w *walk) start() string {
	if in := w.p.Incumbent; in != nil && placement.Check(w.p.Topology, w.p.Workload, *in) == nil && w.adopt(in) {
		w.cost = w.value()
		return ""
	}
	const tries = 50
	reason := ""
	for try := range tries {
		if reason = w.construct(try); reason == "" {
			if w.cost = w.value(); !math.IsInf(w.cost, 1) {
				return ""
			}
			reason = "no routes join the nodes that have room"
		}
		w.clear()
	}
	return reason
}

func (w *walk) adopt(in *placement.Placement) bool {
	k := 0
	take := func(n topology.NodeID) bool {
		ok := n != topology.None && w.put(k, n)
		k++
		return ok
	}
	for _, nodes := range in.Pipelines {
		for _, n := range nodes {
			if !take(n) {
				w.clear()
				return false
			}
		}
	}
	for _, job := range in.Jobs {
		for _, group := range job {
			for _, n := range group {
				if !take(n) {
					w.clear()
					return false
				}
			}
		}
	}
	return true
}

func (w *walk) construct(try int) string {
	order := make([]int, len(w.slots))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(w.slots[a].open) - len(w.slots[b].open) })
	if try > 0 {
		w.rng.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	}
	for _, k := range order {
		s := &w.slots[k]
		best := topology.None
		score := math.Inf(1)
		for _, n := range s.open {
			if !w.ledger.Fits(n, s.demand) || w.clashes(k, n) {
				continue
			}
			c := w.rng.Float64() * float64(1+try)
			if near := w.nearness(k, n); near < math.MaxFloat64 {
				c += near
			}
			if c < score {
				best, score = n, c
			}
		}
		if best == topology.None {
			return "no room is left for " + w.name(k) + " beside what was placed before it"
		}
		w.put(k, best)
	}
	return ""
}

func (w *walk) name(k int) string {
	if s := &w.slots[k]; s.pipeline >= 0 {
		return w.p.Workload.Pipelines[s.pipeline].Name + "/" + w.p.Workload.Pipelines[s.pipeline].Operators[s.op].Name
	}
	return "an instance"
}

// nearness is how long what is placed around slot k takes to reach n, in
// hundredths of seconds.
func (w *walk) nearness(k int, n topology.NodeID) float64 {
	s := &w.slots[k]
	if s.pipeline < 0 {
		return 0
	}
	pl := &w.p.Workload.Pipelines[s.pipeline]
	nodes := w.now.Pipelines[s.pipeline]
	total := placement.ServiceTime(pl.MeanWork(s.op), 1, w.p.Topology.Nodes()[n].Speed).Seconds()
	add := func(op int, from, to topology.NodeID) {
		if from == topology.None || to == topology.None {
			return
		}
		d, ok := placement.TransferTime(w.p.Topology, w.p.Model, pl.MeanOutput(op), from, to)
		if !ok {
			total = math.Inf(1)
			return
		}
		total += d.Seconds()
	}
	for _, a := range pl.Operators[s.op].After {
		add(a, nodes[a], n)
	}
	for _, b := range pl.Successors(s.op) {
		add(s.op, n, nodes[b])
	}
	return 100 * total
}

// clashes reports whether slot k may not share n with an operator before or
// after it.
func (w *walk) clashes(k int, n topology.NodeID) bool {
	s := &w.slots[k]
	if s.pipeline < 0 || !w.p.Topology.Nodes()[n].NoColocate {
		return false
	}
	pl := &w.p.Workload.Pipelines[s.pipeline]
	nodes := w.now.Pipelines[s.pipeline]
	if slices.ContainsFunc(pl.Successors(s.op), func(b int) bool { return nodes[b] == n }) {
		return true
	}
	for a := range pl.Operators {
		if nodes[a] == n && a != s.op && slices.Contains(pl.Successors(a), s.op) {
			return true
		}
	}
	return false
}

func (w *walk) put(k int, n topology.NodeID) bool {
	s := &w.slots[k]
	g, ok := w.ledger.Take(n, s.demand)
	if ok {
		s.grant = g
		*s.at = n
	}
	return ok
}

func (w *walk) lift(k int) topology.NodeID {
	s := &w.slots[k]
	n := *s.at
	if n != topology.None {
		w.ledger.Give(n, s.demand, s.grant)
		*s.at = topology.None
	}
	return n
}

func (w *walk) clear() {
	for k := range w.slots {
		w.lift(k)
	}
}

// value is the objective, +Inf where a route is missing. What exceeds a limit
// costs so much that the walk leaves it as fast as it can.
func (w *walk) value() float64 {
	c, _, err := solver.Cost(w.p, w.now)
	for _, l := range w.p.Limits {
		if v, err := solver.Value(w.p, l.Objective, w.now); err == nil && v > l.Most {
			c += excess * (1 + (v-l.Most)/max(math.Abs(l.Most), 1e-9))
		}
	}
	switch {
	case err != nil:
		return math.Inf(1)
	case math.IsNaN(c):
		return 0
	}
	return c
}

// anneal makes moves, ever less willing to get worse, and returns the best
// placement met.
func (w *walk) anneal(ctx context.Context, steps int64) (placement.Placement, int64) {
	best, least := clone(w.now), w.cost
	scale := size(w.cost)
	for step := range steps {
		if step%16 == 0 && ctx.Err() != nil {
			return best, step
		}
		heat := scale * 0.03 * math.Pow(1e-4, float64(step)/float64(steps))
		undo := w.move()
		if undo == nil {
			continue
		}
		c := w.value()
		if c <= w.cost || w.rng.Float64() < math.Exp((w.cost-c)/heat) {
			w.cost = c
			if c < least {
				best, least = clone(w.now), c
				scale = size(least)
			}
			continue
		}
		undo()
	}
	return best, steps
}

// size is what a change of cost is measured by.
func size(cost float64) float64 {
	return max(math.Abs(math.Mod(cost, excess)), 1e-12)
}

func clone(p placement.Placement) placement.Placement {
	out := placement.Placement{}
	for _, nodes := range p.Pipelines {
		out.Pipelines = append(out.Pipelines, slices.Clone(nodes))
	}
	for _, job := range p.Jobs {
		var groups [][]topology.NodeID
		for _, g := range job {
			groups = append(groups, slices.Clone(g))
		}
		out.Jobs = append(out.Jobs, groups)
	}
	if out.Pipelines == nil {
		out.Pipelines = [][]topology.NodeID{}
	}
	if out.Jobs == nil {
		out.Jobs = [][][]topology.NodeID{}
	}
	return out
}

// move changes the placement in one of three ways and returns how to take it
// back; nil when the move drawn was none.
func (w *walk) move() (undo func()) {
	k := w.rng.IntN(len(w.slots))
	switch r := w.rng.IntN(10); {
	case r < 5:
		open := w.slots[k].open
		return w.relocate([]int{k}, []topology.NodeID{open[w.rng.IntN(len(open))]})
	case r < 7:
		h := w.rng.IntN(len(w.slots))
		return w.relocate([]int{k, h}, []topology.NodeID{*w.slots[h].at, *w.slots[k].at})
	}
	// A stretch of a pipeline goes where one of its operators is, or elsewhere.
	i := w.slots[k].pipeline
	if i < 0 {
		return nil
	}
	a, b := w.first[i]+w.rng.IntN(w.first[i+1]-w.first[i]), w.first[i]+w.rng.IntN(w.first[i+1]-w.first[i])
	a, b = min(a, b), max(a, b)
	to := *w.slots[k].at
	if w.rng.IntN(2) == 0 {
		to = w.slots[a].open[w.rng.IntN(len(w.slots[a].open))]
	}
	var ks []int
	var nodes []topology.NodeID
	for s := a; s <= b; s++ {
		if slices.Contains(w.slots[s].open, to) {
			ks, nodes = append(ks, s), append(nodes, to)
		}
	}
	return w.relocate(ks, nodes)
}

// relocate moves slots to nodes, or changes nothing and returns nil.
func (w *walk) relocate(ks []int, to []topology.NodeID) (undo func()) {
	same := true
	for t, k := range ks {
		if !slices.Contains(w.slots[k].open, to[t]) {
			return nil
		}
		same = same && *w.slots[k].at == to[t]
	}
	if same || len(ks) == 2 && ks[0] == ks[1] {
		return nil
	}
	from := make([]topology.NodeID, len(ks))
	for t, k := range ks {
		from[t] = w.lift(k)
	}
	undo = func() {
		for _, k := range ks {
			w.lift(k)
		}
		for t, k := range ks {
			w.put(k, from[t])
		}
	}
	for t, k := range ks {
		if w.clashes(k, to[t]) || !w.put(k, to[t]) {
			undo()
			return nil
		}
	}
	return undo
}
