package solver

import (
	"errors"
	"fmt"
	"math"
	"time"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// Objective is what a solver minimises. Means over pipelines are weighted by
// their arrival rates, or by 1 when any rate is unknown, and leave out what is
// not placed.
type Objective string

const (
	// Latency is the mean over the pipelines of placement.Estimate, in seconds.
	Latency Objective = "latency"
	// WorstLatency is the longest of those estimates, in seconds.
	WorstLatency Objective = "worst-latency"
	// QueueingLatency is the mean of placement.Sojourn, in seconds: the waiting
	// that all the load together causes is counted.
	QueueingLatency Objective = "queueing-latency"
	// DeadlineMisses is the share of requests whose pipeline's Estimate exceeds
	// its deadline.
	DeadlineMisses Objective = "deadline-misses"
	// Throughput is the utilisation of the busiest node or link at the given
	// rates: the placement bears 1/Throughput times as much.
	Throughput Objective = "throughput"
	// Money is what the nodes in use and the bytes on priced links cost, in
	// currency units an hour.
	Money Objective = "money"
	// Energy is the power that the nodes in use draw, in watts: idle, and
	// towards busy in proportion to utilisation (Fan, Weber, Barroso, 2007).
	Energy Objective = "energy"
	// Nodes is the number of nodes that hold anything.
	Nodes Objective = "nodes"
	// Fragmentation is the share of cpu and memory that is left on nodes in
	// use, their mean.
	Fragmentation Objective = "fragmentation"
	// Moves is the number of operators and instances that are elsewhere than
	// the incumbent has them; what it has nowhere does not count.
	Moves Objective = "moves"
	// Affinity is the share of the jobs' preferences that is not met, the mean
	// over the instances that have any.
	Affinity Objective = "affinity"
	// Spread is the share of instances beyond what the spreads of their group
	// want on nodes of one value, the mean over the instances that are spread.
	Spread Objective = "spread"
)

// Objectives lists every objective, for messages and schemas.
func Objectives() []Objective {
	return []Objective{Latency, WorstLatency, QueueingLatency, DeadlineMisses, Throughput, Money, Energy, Nodes, Fragmentation, Moves, Affinity, Spread}
}

// Unit is the unit of an objective's values; "1" for shares and utilisations.
func (o Objective) Unit() string {
	switch o {
	case Latency, WorstLatency, QueueingLatency:
		return "s"
	case Nodes:
		return "nodes"
	case Moves:
		return "moves"
	case Money:
		return "/h"
	case Energy:
		return "W"
	}
	return "1"
}

// Amount is a value of the objective with its unit, for people.
func (o Objective) Amount(v float64) string {
	if o.Unit() == "1" {
		return fmt.Sprintf("%.6g", v)
	}
	return fmt.Sprintf("%.6g %s", v, o.Unit())
}

// Weights are the pipelines' shares of the means.
func Weights(w *workloads.Workload) []float64 {
	out := make([]float64, len(w.Pipelines))
	known := true
	for i := range w.Pipelines {
		out[i] = w.Pipelines[i].Arrivals.MeanRate()
		known = known && out[i] > 0
	}
	if !known {
		for i := range out {
			out[i] = 1
		}
	}
	return out
}

// Cost is the value of the problem's objective, with the others that are added
// to it, for a placement, and its unit; NaN when nothing is placed that it is
// about.
func Cost(p *Problem, pl placement.Placement) (cost float64, unit string, err error) {
	if cost, err = Value(p, p.Goal(), pl); err != nil {
		return 0, "", err
	}
	for _, t := range p.Also {
		v, err := Value(p, t.Objective, pl)
		if err != nil {
			return 0, "", err
		}
		cost += t.Weight * v
	}
	return cost, p.Goal().Unit(), nil
}

// An Excess is a limit that a placement exceeds.
type Excess struct {
	Limit
	Value float64
}

func (e *Excess) Error() string {
	return fmt.Sprintf("the %s of the placement that was found is %s, allowed is %s", e.Objective, e.Objective.Amount(e.Value), e.Objective.Amount(e.Most))
}

// Within says which limit a placement of everything exceeds, as an Excess.
func Within(p *Problem, pl placement.Placement) error {
	for _, l := range p.Limits {
		v, err := Value(p, l.Objective, pl)
		if err != nil {
			return err
		}
		if v > l.Most+Tolerance*math.Abs(l.Most) {
			return &Excess{l, v}
		}
	}
	return nil
}

// Value is one objective's value for a placement.
func Value(p *Problem, goal Objective, pl placement.Placement) (cost float64, err error) {
	switch goal {
	case Latency, WorstLatency, DeadlineMisses:
		cost, err = overPipelines(p, goal, pl, func(i int) (time.Duration, error) {
			return placement.Estimate(p.Topology, p.Model, &p.Workload.Pipelines[i], pl.Pipelines[i])
		})
	case QueueingLatency:
		var load placement.Load
		if load, err = placement.NewLoad(p.Topology, p.Model, p.Workload, pl); err == nil {
			cost, err = overPipelines(p, goal, pl, func(i int) (time.Duration, error) {
				return placement.Sojourn(p.Topology, p.Model, &p.Workload.Pipelines[i], pl.Pipelines[i], load)
			})
		}
	case Throughput:
		var load placement.Load
		load, err = placement.NewLoad(p.Topology, p.Model, p.Workload, pl)
		cost = load.Busiest()
	case Money:
		cost, err = money(p, pl)
	case Energy:
		cost, err = power(p, pl)
	case Nodes:
		cost = float64(len(used(pl)))
	case Fragmentation:
		cost = leftOver(p, pl)
	case Moves:
		cost = moved(p, pl)
	case Affinity:
		cost = unmetWishes(p, pl)
	case Spread:
		cost = unevenness(p, pl)
	default:
		err = fmt.Errorf("objective %q: allowed is one of %v", goal, Objectives())
	}
	return cost, err
}

// moved counts what is elsewhere than in the placement in force.
func moved(p *Problem, pl placement.Placement) float64 {
	if p.Incumbent == nil {
		return 0
	}
	var before, now []topology.NodeID
	each(*p.Incumbent, func(n topology.NodeID) { before = append(before, n) })
	each(pl, func(n topology.NodeID) { now = append(now, n) })
	count := 0.0
	for i := range min(len(before), len(now)) {
		if before[i] != topology.None && before[i] != now[i] {
			count++
		}
	}
	return count
}

// overPipelines folds the latencies of what is placed into the goal's value.
func overPipelines(p *Problem, goal Objective, pl placement.Placement, latency func(i int) (time.Duration, error)) (float64, error) {
	weights := Weights(p.Workload)
	var sum, late, total, worst float64
	var faults []error
	for i := range p.Workload.Pipelines {
		if pl.Pipelines[i][0] == topology.None {
			continue
		}
		d, err := latency(i)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		sum += weights[i] * d.Seconds()
		total += weights[i]
		worst = max(worst, d.Seconds())
		if deadline := p.Workload.Pipelines[i].Deadline; deadline > 0 && d > deadline {
			late += weights[i]
		}
	}
	if total == 0 {
		return math.NaN(), errors.Join(faults...)
	}
	switch goal {
	case WorstLatency:
		return worst, errors.Join(faults...)
	case DeadlineMisses:
		return late / total, errors.Join(faults...)
	}
	return sum / total, errors.Join(faults...)
}

func each(pl placement.Placement, f func(topology.NodeID)) {
	for _, nodes := range pl.Pipelines {
		for _, n := range nodes {
			f(n)
		}
	}
	for _, job := range pl.Jobs {
		for _, group := range job {
			for _, n := range group {
				f(n)
			}
		}
	}
}

// used is the set of nodes that hold anything.
func used(pl placement.Placement) map[topology.NodeID]bool {
	out := map[topology.NodeID]bool{}
	each(pl, func(n topology.NodeID) {
		if n != topology.None {
			out[n] = true
		}
	})
	return out
}

func money(p *Problem, pl placement.Placement) (float64, error) {
	holds := used(pl)
	var sum float64
	for i := range p.Topology.Nodes() { // in order: sums of floats depend on it
		if holds[topology.NodeID(i)] {
			sum += p.Topology.Nodes()[i].PricePerHour
		}
	}
	for i := range p.Workload.Pipelines {
		w := &p.Workload.Pipelines[i]
		nodes := pl.Pipelines[i]
		if nodes[0] == topology.None {
			continue
		}
		perHour := w.Arrivals.MeanRate() * 3600
		for j := range nodes {
			for _, k := range w.Successors(j) {
				route, ok := p.Topology.Route(p.Model.RoutingOrDefault(), nodes[j], nodes[k])
				if nodes[j] != nodes[k] && !ok {
					return 0, fmt.Errorf("pipeline %q: no route from operator %q to %q", w.Name, w.Operators[j].Name, w.Operators[k].Name)
				}
				for _, l := range route.Links {
					sum += perHour * w.MeanOutput(j) * p.Topology.Links()[l].PricePerByte
				}
			}
		}
	}
	return sum, nil
}

func power(p *Problem, pl placement.Placement) (float64, error) {
	load, err := placement.NewLoad(p.Topology, p.Model, p.Workload, pl)
	if err != nil {
		return 0, err
	}
	holds := used(pl)
	var sum float64
	for i, n := range p.Topology.Nodes() {
		if holds[topology.NodeID(i)] {
			sum += n.IdleWatts + (n.BusyWatts-n.IdleWatts)*min(1, load.Nodes[i])
		}
	}
	return sum, nil
}

// leftOver is the mean share of cpu and memory that nodes in use have left.
func leftOver(p *Problem, pl placement.Placement) float64 {
	whole, rest := placement.NewLedger(p.Topology), placement.NewLedger(p.Topology)
	book := func(n topology.NodeID, d topology.Resources) {
		if n != topology.None {
			rest.Take(n, d)
		}
	}
	for i, nodes := range pl.Pipelines {
		for j, n := range nodes {
			book(n, p.Workload.Pipelines[i].Operators[j].Demand)
		}
	}
	for j, job := range pl.Jobs {
		for g, group := range job {
			for _, n := range group {
				book(n, p.Workload.Jobs[j].Groups[g].Demand)
			}
		}
	}
	holds := used(pl)
	var sum, count float64
	for i := range p.Topology.Nodes() {
		n := topology.NodeID(i)
		if !holds[n] {
			continue
		}
		all, free := whole.Free(n), rest.Free(n)
		for d := range 2 { // cpu and memory
			if all[d] > 0 && !math.IsInf(all[d], 1) {
				sum += free[d] / all[d]
				count++
			}
		}
	}
	if count == 0 {
		return 0
	}
	return sum / count
}
