// Package chaincut places pipelines for least latency. A chain is placed
// exactly by a shortest-path recursion over operators and nodes, and where
// operators slow each other or nodes run out of room by branch and bound over
// runs of operators; trees and series-parallel graphs by reduction; other DAGs
// by branch and bound. Pipelines whose requests choose their ways are placed
// exactly when they are small, otherwise by local search. Front and MinPeriod
// trade latency for throughput.
package chaincut

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// Solver places one pipeline after the other, the highest priority first, in
// what room the earlier ones left. It leaves jobs alone.
type Solver struct {
	// Contiguous is for the throughput of one pipeline: an operator joins its
	// predecessors or has a node without them, so that a chain is cut into
	// stretches with a node each.
	Contiguous bool
}

// DefaultSteps bounds the branch and bound of one pipeline when the problem
// sets no limit.
const DefaultSteps = 5_000_000

// forever marks what cannot be: far above any latency, far below overflow.
const forever = time.Duration(math.MaxInt64 / 4)

// Solve implements solver.Solver. The bound is the weighted mean of each
// pipeline's own optimum on an empty topology.
func (c Solver) Solve(ctx context.Context, p *solver.Problem) (solver.Solution, error) {
	steady := p.Goal() == solver.Throughput && len(p.Also) == 0 && len(p.Limits) == 0
	if steady || c.Contiguous {
		switch s, err := soleSearch(ctx, p); {
		case steady && err == nil:
			return s.steadiest(c.Contiguous)
		case c.Contiguous && err == nil:
			return solver.Solution{}, fmt.Errorf("%w: contiguous cuts are for the objective throughput alone, found %q", solver.ErrUnsupported, p.Goal())
		case c.Contiguous:
			return solver.Solution{}, fmt.Errorf("%w: contiguous cuts: %w", solver.ErrUnsupported, err)
		}
	}
	sol := solver.Solution{Placement: placement.Unplaced(p.Workload), Status: solver.Optimal, Bound: math.NaN()}
	ledger := placement.NewLedger(p.Topology)
	empty := placement.NewLedger(p.Topology)
	var net sharedCarrier
	weights := solver.Weights(p.Workload)
	bounds := make([]time.Duration, len(p.Workload.Pipelines))
	for _, i := range byPriority(p.Workload) {
		w := &p.Workload.Pipelines[i]
		s := newSearch(ctx, p, w, empty, &net)
		ideal, bound, fault := s.best()
		bounds[i] = bound
		sol.Steps += s.steps
		if fault != "" {
			sol.Unplaced = append(sol.Unplaced, solver.Leave(w, fault)...)
			switch {
			case !s.stopped:
				sol.Status = solver.Infeasible
			case sol.Status != solver.Infeasible:
				sol.Status = solver.Unknown
			}
			continue
		}
		nodes := ideal
		exact := s.proved
		if !take(ledger, w, nodes) {
			exact = false
			again := newSearch(ctx, p, w, ledger, &net)
			nodes, _, _ = again.best()
			sol.Steps += again.steps
			if nodes != nil {
				take(ledger, w, nodes)
			}
		}
		if nodes == nil {
			sol.Unplaced = append(sol.Unplaced, solver.Leave(w, "no room is left by pipelines placed before it")...)
			if sol.Status != solver.Infeasible {
				sol.Status = solver.Unknown
			}
			continue
		}
		sol.Placement.Pipelines[i] = nodes
		if !exact && sol.Status == solver.Optimal {
			sol.Status = solver.Feasible
		}
	}
	leaveJobs(p, &sol)
	if p.Goal() == solver.Latency && len(sol.Unplaced) == 0 {
		sol.Bound = weightedMean(bounds, weights)
	}
	if sol.Status == solver.Optimal && (p.Goal() != solver.Latency || len(p.Also) > 0) {
		sol.Status = solver.Feasible // best latency proves nothing about another objective
	}
	return sol, nil
}

// leaveJobs says why jobs have no node.
func leaveJobs(p *solver.Problem, sol *solver.Solution) {
	for i := range p.Workload.Jobs {
		j := &p.Workload.Jobs[i]
		for _, g := range j.Groups {
			for k := range g.Count {
				sol.Unplaced = append(sol.Unplaced, solver.Unplaced{Workload: j.Name, Item: g.Name, Instance: k, Reason: "chaincut places pipelines only"})
			}
		}
		sol.Status = solver.Unknown
	}
}

func weightedMean(bounds []time.Duration, weights []float64) float64 {
	var sum, total float64
	for i, b := range bounds {
		sum += weights[i] * b.Seconds()
		total += weights[i]
	}
	if total == 0 {
		return math.NaN()
	}
	return sum / total
}

// byPriority orders pipelines by falling priority, equals as in the file.
func byPriority(w *workloads.Workload) []int {
	order := make([]int, len(w.Pipelines))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(w.Pipelines[b].Priority, w.Pipelines[a].Priority)
	})
	return order
}

// take reserves all of a pipeline's operators, or none.
func take(l *placement.Ledger, w *workloads.Pipeline, nodes []topology.NodeID) bool {
	grants := make([]placement.Grant, 0, len(nodes))
	for j, n := range nodes {
		g, ok := l.Take(n, w.Operators[j].Demand)
		if !ok {
			for k := range grants {
				l.Give(nodes[k], w.Operators[k].Demand, grants[k])
			}
			return false
		}
		grants = append(grants, g)
	}
	return true
}

// overfilled is the first operator for which its node has no room left by
// those before it.
func overfilled(l *placement.Ledger, w *workloads.Pipeline, nodes []topology.NodeID) (int, bool) {
	grants := make([]placement.Grant, 0, len(nodes))
	defer func() {
		for k := range grants {
			l.Give(nodes[k], w.Operators[k].Demand, grants[k])
		}
	}()
	for j, n := range nodes {
		g, ok := l.Take(n, w.Operators[j].Demand)
		if !ok {
			return j, true
		}
		grants = append(grants, g)
	}
	return 0, false
}

// A search finds the best nodes for one pipeline.
type search struct {
	ctx     context.Context
	p       *solver.Problem
	w       *workloads.Pipeline
	work    []float64           // mean, by operator
	output  []float64           // mean, by operator
	allowed [][]topology.NodeID // candidates by operator, ascending
	why     string              // an operator without candidates
	slowed  []bool              // by node: operators of the pipeline slow each other there
	counted bool                // on some node
	tally   []int               // scratch: operators by node
	ledger  *placement.Ledger   // the room that is left
	net     *sharedCarrier
	limit   int64
	steps   int64
	proved  bool
	stopped bool // by the context, before anything was found
}

// A sharedCarrier is made when it is first asked for.
type sharedCarrier struct{ made carrier }

func (s *search) carrier() carrier {
	if s.net.made == nil {
		s.net.made = newCarrier(s.p)
	}
	return s.net.made
}

func newSearch(ctx context.Context, p *solver.Problem, w *workloads.Pipeline, l *placement.Ledger, net *sharedCarrier) *search {
	s := bareSearch(p.Topology, p.Model, w)
	s.ctx, s.p, s.ledger, s.net, s.limit = ctx, p, l, net, p.MaxSteps
	if s.limit == 0 {
		s.limit = DefaultSteps
	}
	pins, err := w.Pins()
	if err != nil {
		s.why = err.Error()
		return s
	}
	for j := range w.Operators {
		list := s.candidates(j, pins[j], l)
		if len(list) == 0 && s.why == "" {
			s.why = s.lack(j, pins[j], l)
		}
		s.allowed = append(s.allowed, list)
	}
	return s
}

// bareSearch knows a pipeline and a topology but no candidates.
func bareSearch(t *topology.Topology, m placement.Model, w *workloads.Pipeline) *search {
	nodes := t.Nodes()
	s := &search{p: &solver.Problem{Topology: t, Model: m}, w: w, slowed: make([]bool, len(nodes)), tally: make([]int, len(nodes))}
	for j := range w.Operators {
		s.work = append(s.work, w.MeanWork(j))
		s.output = append(s.output, w.MeanOutput(j))
	}
	for i := range nodes {
		s.slowed[i] = m.Discipline(&nodes[i]) == topology.PerOperator
		s.counted = s.counted || s.slowed[i]
	}
	return s
}

// candidates are the nodes that may run operator j by itself.
func (s *search) candidates(j int, pin topology.NodeID, l *placement.Ledger) []topology.NodeID {
	o := &s.w.Operators[j]
	nodes := s.p.Topology.Nodes()
	var list []topology.NodeID
	for i := range nodes {
		n := topology.NodeID(i)
		if (pin == topology.None || pin == n) && placement.AllowsAll(&nodes[i], o.Constraints) == nil && l.Fits(n, o.Demand) {
			list = append(list, n)
		}
	}
	return list
}

// lack says why operator j has no candidate.
func (s *search) lack(j int, pin topology.NodeID, l *placement.Ledger) string {
	o := &s.w.Operators[j]
	nodes := s.p.Topology.Nodes()
	filtered, full := 0, map[string]int{}
	for i := range nodes {
		n := topology.NodeID(i)
		switch {
		case pin != topology.None && pin != n:
		case placement.AllowsAll(&nodes[i], o.Constraints) != nil:
			filtered++
		default:
			full[l.Lacks(n, o.Demand)]++
		}
	}
	out := fmt.Sprintf("operator %q fits no node", o.Name)
	if pin != topology.None {
		out = fmt.Sprintf("operator %q does not fit %q, to which it is pinned", o.Name, nodes[pin].Name)
	}
	if filtered > 0 {
		out += fmt.Sprintf("; constraints leave out %d", filtered)
	}
	for _, dims := range slices.Sorted(keys(full)) {
		verb := "lack"
		if full[dims] == 1 {
			verb = "lacks"
		}
		out += fmt.Sprintf("; %d %s %s", full[dims], verb, dims)
	}
	return out
}

func keys(m map[string]int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// best returns the nodes, a lower bound on the latency, and, when there is no
// placement, why.
func (s *search) best() (nodes []topology.NodeID, bound time.Duration, fault string) {
	s.proved, s.stopped, s.steps = true, false, 0
	if s.why != "" {
		return nil, 0, s.why
	}
	switch {
	case s.w.Routed():
		nodes, bound = s.routed()
	case !s.w.IsChain():
		nodes, bound = s.dag()
	case s.counted:
		nodes, bound = s.runs(forever)
	default:
		nodes, bound = s.chain()
	}
	if nodes != nil && !s.roomy(nodes) {
		if nodes, bound = s.roomier(bound); nodes == nil && !s.stopped {
			return nil, 0, "no placement has room for all of its operators at once"
		}
	}
	switch {
	case nodes != nil:
		return nodes, bound, ""
	case s.stopped:
		return nil, 0, "the search was stopped before it found a placement"
	}
	return nil, 0, fmt.Sprintf("no %s route joins nodes that may run its operators and have room for them", s.p.Model.RoutingOrDefault())
}

// roomier is best where the best placement overfills a node; lower is what it
// would cost.
func (s *search) roomier(lower time.Duration) ([]topology.NodeID, time.Duration) {
	s.proved, s.stopped = true, false
	if !s.w.IsChain() {
		return s.explore(nil, lower)
	}
	nodes, bound := s.runs(forever)
	return nodes, max(lower, bound)
}

// compute is the service time of operator j on node n among k of its kind.
func (s *search) compute(j int, n topology.NodeID, k int) time.Duration {
	if !s.slowed[n] {
		k = 1
	}
	return placement.ServiceTime(s.work[j], k, s.p.Topology.Nodes()[n].Speed)
}

// step is the time to send the output of operator j from node a to node b.
func (s *search) step(j int, a, b topology.NodeID) time.Duration {
	if a == b {
		if s.p.Topology.Nodes()[a].NoColocate {
			return forever
		}
		return 0
	}
	d, ok := placement.TransferTime(s.p.Topology, s.p.Model, s.output[j], a, b)
	if !ok {
		return forever
	}
	return d
}
