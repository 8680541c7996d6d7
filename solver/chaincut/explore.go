package chaincut

import (
	"cmp"
	"slices"
	"time"

	"caravan/topology"
)

// An explorer places the operators of a DAG one after the other, by branch
// and bound: the fastest placement within the capacities of the nodes and below
// a period, or the one of the shortest period. What is placed, and beyond each
// placed operator the longest of the cheapest ways on, bounds every completion
// from below.
type explorer struct {
	*search
	tail       [][]time.Duration // by operator and node: from its end to the pipeline's at least
	meter      *meter
	contiguous bool // an operator joins its predecessors or goes to a node without others
	byPeriod   bool // what is minimised

	returns []int         // by node: the last operator that can only be there, -1 without one
	floor   time.Duration // nothing is better
	nodes   []topology.NodeID
	end     []time.Duration
	below   time.Duration // the period must be less
	best    time.Duration
	found   []topology.NodeID
	options [][]option // scratch, by operator
	visits  int64
	halted  bool
}

// option is a node for the next operator.
type option struct {
	bound, latency, period time.Duration
	at                     topology.NodeID
}

// newExplorer returns nil when the context ends first.
func (s *search) newExplorer() *explorer {
	k := len(s.allowed)
	e := &explorer{search: s, meter: newMeter(s), end: make([]time.Duration, k), below: forever, best: forever, options: make([][]option, k)}
	e.tail = s.tails()
	if e.tail == nil {
		return nil
	}
	e.returns = slices.Repeat([]int{-1}, len(s.slowed))
	for j, list := range s.allowed {
		if len(list) == 1 {
			e.returns[list[0]] = j
		}
	}
	return e
}

// leastPeriod bounds every period: of the operator that is long wherever it
// runs, and of all work on all cores.
func (e *explorer) leastPeriod() time.Duration {
	var longest time.Duration
	var power float64
	spread := true // whether nodes share their work among requests
	for i := range e.slowed {
		n := &e.p.Topology.Nodes()[i]
		d := e.p.Model.Discipline(n)
		spread = spread && d != topology.Delay && d != topology.PerOperator
		power += float64(n.Cores) * n.Speed
	}
	var work float64
	for j, list := range e.allowed {
		least := forever
		for _, a := range list {
			n := &e.p.Topology.Nodes()[a]
			switch d := e.compute(j, a, 1); e.p.Model.Discipline(n) {
			case topology.Delay:
				least = 0
			case topology.PerOperator:
				least = min(least, d)
			default:
				least = min(least, d/time.Duration(n.Cores))
			}
		}
		longest, work = max(longest, least), work+e.work[j]
	}
	if spread {
		longest = max(longest, time.Duration(work/power*1e9*(1-1e-12))-time.Duration(len(e.allowed)))
	}
	return longest
}

// tails bounds what follows each operator: the longest over its successors of
// the cheapest way through each.
func (s *search) tails() [][]time.Duration {
	k, n := len(s.allowed), len(s.slowed)
	tail := make([][]time.Duration, k)
	for j := range tail {
		tail[j] = make([]time.Duration, n)
	}
	start, way, to := make([]time.Duration, n), make([]time.Duration, n), make([]topology.NodeID, n)
	for j := k - 1; j >= 0; j-- {
		for a := range start {
			start[a] = forever
		}
		for _, a := range s.allowed[j] {
			start[a] = min(s.alone(j, a)+tail[j][a], forever)
		}
		for _, i := range s.w.Operators[j].After {
			if s.ctx.Err() != nil {
				s.stopped = true
				return nil
			}
			s.carrier().cheapest(message{bytes: s.output[i], from: s.allowed[i]}, start, way, to)
			for _, a := range s.allowed[i] {
				tail[i][a] = max(tail[i][a], way[a])
			}
		}
	}
	return tail
}

// root bounds the latency of every placement.
func (e *explorer) root() time.Duration {
	bound := time.Duration(0)
	for j, list := range e.allowed {
		least := forever
		for _, a := range list {
			least = min(least, e.alone(j, a)+e.tail[j][a])
		}
		bound = max(bound, least)
	}
	return bound
}

// run explores; the best placement is in found, proved if not halted.
func (e *explorer) run() {
	e.nodes = e.nodes[:0]
	e.descend(0, 0)
}

func (e *explorer) descend(lower, period time.Duration) {
	j := len(e.nodes)
	if j == len(e.allowed) {
		e.best, e.found = lower, slices.Clone(e.nodes)
		return
	}
	list := e.options[j][:0]
	for _, a := range e.allowed[j] {
		if o, ok := e.option(a, lower, period); ok {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(x, y option) int {
		return cmp.Or(cmp.Compare(x.bound, y.bound), cmp.Compare(x.latency, y.latency), cmp.Compare(x.at, y.at))
	})
	e.options[j] = list
	e.steps += int64(len(e.allowed[j]) / 4)
	for _, o := range list {
		e.steps++
		if e.visits++; e.steps > e.limit || e.visits&63 == 0 && e.ctx.Err() != nil {
			e.halted = true
		}
		if e.halted || o.bound >= e.best || e.best <= e.floor {
			return // and so do the others
		}
		grant, ok := e.ledger.Take(o.at, e.w.Operators[j].Demand)
		if !ok {
			continue
		}
		e.place(o.at)
		e.latency()
		e.descend(o.bound, o.period)
		e.unplace()
		e.ledger.Give(o.at, e.w.Operators[j].Demand, grant)
	}
}

// option bounds every completion that puts the next operator on node a; ok is
// false when none is better than what is known.
func (e *explorer) option(a topology.NodeID, lower, period time.Duration) (option, bool) {
	j := len(e.nodes)
	if e.tail[j][a] >= forever || !e.ledger.Fits(a, e.w.Operators[j].Demand) || e.contiguous && !e.joins(a) {
		return option{}, false
	}
	for _, i := range e.w.Operators[j].After {
		if e.step(i, e.nodes[i], a) >= forever {
			return option{}, false
		}
	}
	e.place(a)
	latency := e.latency()
	period = max(period, e.meter.at(a))
	for _, i := range e.w.Operators[j].After {
		period = max(period, e.meter.between(e.nodes[i], a))
	}
	e.unplace()
	o := option{max(lower, latency), latency, period, a}
	if e.byPeriod {
		o.bound = max(lower, period)
	}
	return o, o.bound < e.best && period < e.below
}

// joins reports whether node a holds nothing yet or a predecessor of the next
// operator. A chain must not leave a node to which it has to return.
func (e *explorer) joins(a topology.NodeID) bool {
	j := len(e.nodes)
	for _, i := range e.w.Operators[j].After {
		if e.nodes[i] == a {
			return true
		}
		if e.returns[e.nodes[i]] >= j && e.w.IsChain() {
			return false
		}
	}
	return !slices.Contains(e.nodes, a)
}

func (e *explorer) place(a topology.NodeID) {
	j := len(e.nodes)
	e.nodes = append(e.nodes, a)
	e.tally[a]++
	e.meter.change(j, e.nodes, e.tally[a], 1)
}

func (e *explorer) unplace() {
	j := len(e.nodes) - 1
	a := e.nodes[j]
	e.meter.change(j, e.nodes, e.tally[a], -1)
	e.tally[a]--
	e.nodes = e.nodes[:j]
}

// latency computes when the placed operators end and bounds the whole.
func (e *explorer) latency() time.Duration {
	bound, first := time.Duration(0), 0
	if !e.counted {
		first = len(e.nodes) - 1 // the others stay as they were
	}
	for j := first; j < len(e.nodes); j++ {
		a := e.nodes[j]
		ready := time.Duration(0)
		for _, i := range e.w.Operators[j].After {
			ready = max(ready, e.end[i]+e.step(i, e.nodes[i], a))
		}
		e.end[j] = ready + e.compute(j, a, e.tally[a])
		bound = max(bound, e.end[j]+e.tail[j][a])
	}
	return min(bound, forever)
}
