package solver

import (
	"errors"
	"fmt"
	"math"

	"caravan/topology"
	"caravan/workloads/placement"
)

// Terms is an objective that is a sum over operators and over the messages
// between them, taken apart: what each pays, in the objective's unit.
type Terms struct {
	// Own is what an operator pays on a node that it has to itself.
	Own func(pipeline, op int, n topology.NodeID) float64
	// Added is the part of Own that is no time: where a pipeline is no chain, the
	// rest of Own and Edge count along its longest way only, and Added adds up.
	Added func(pipeline, op int, n topology.NodeID) float64
	// Edge is what the output of an operator pays on its way to one that follows
	// it; +Inf when there is no route.
	Edge func(pipeline, op int, from, to topology.NodeID) float64
	// Instance is what an instance of a job's group pays; it depends on the
	// instance only when there is a placement in force.
	Instance func(job, group, instance int, n topology.NodeID) float64
	// Counters are what instances of a job pay together, and what keeps them
	// apart whatever the objective.
	Counters []Counter
	// Left and LeftInstance are what an operator and an instance pay that are
	// left out.
	Left         func(pipeline, op int) float64
	LeftInstance func(job, group, instance int) float64
	// Quantum divides every term; 0 when none does.
	Quantum float64
}

// ErrUnsupported is the fault of a problem that a solver does not take, though
// another may.
var ErrUnsupported = errors.New("not for this solver")

// Terms takes the objective, with those that are added to it, apart. It fails
// for an objective that is no sum, and for pipelines whose latency is none:
// those that are not chains.
func (p *Problem) Terms() (Terms, error) {
	for i := range p.Workload.Pipelines {
		if w := &p.Workload.Pipelines[i]; !w.IsChain() {
			return Terms{}, fmt.Errorf("%w: pipeline %q is not a chain", ErrUnsupported, w.Name)
		}
	}
	t, err := p.PathTerms()
	if err == nil && p.Weighs(Spread) {
		return Terms{}, fmt.Errorf("%w: objective %q is no sum over instances", ErrUnsupported, Spread)
	}
	return t, err
}

// PathTerms is Terms for pipelines that are any DAG, of which Added says what
// is a sum. Those whose requests choose their ways are none.
func (p *Problem) PathTerms() (Terms, error) {
	if len(p.Limits) > 0 {
		return Terms{}, fmt.Errorf("%w: an objective with limits is no sum over operators", ErrUnsupported)
	}
	for i := range p.Workload.Pipelines {
		if w := &p.Workload.Pipelines[i]; w.Routed() {
			return Terms{}, fmt.Errorf("%w: the requests of pipeline %q choose their ways", ErrUnsupported, w.Name)
		}
	}
	t := Terms{
		Added: func(int, int, topology.NodeID) float64 { return 0 },
		Own:   func(int, int, topology.NodeID) float64 { return 0 },
		Edge: func(i, op int, from, to topology.NodeID) float64 {
			if _, ok := placement.TransferTime(p.Topology, p.Model, p.Workload.Pipelines[i].MeanOutput(op), from, to); !ok {
				return math.Inf(1)
			}
			return 0
		},
		Instance:     func(int, int, int, topology.NodeID) float64 { return 0 },
		Left:         func(int, int) float64 { return 0 },
		LeftInstance: func(int, int, int) float64 { return 0 },
		Counters:     Distances(p),
	}
	for _, x := range append([]Term{{p.Goal(), 1}}, p.Also...) {
		switch x.Objective {
		case Latency:
			t.addLatency(p, x.Weight)
		case Moves:
			t.addMoves(p, x.Weight)
		case Affinity:
			t.addAffinity(p, x.Weight)
		case Spread:
			t.addSpread(p, x.Weight)
		default:
			return Terms{}, fmt.Errorf("%w: objective %q is no sum over operators", ErrUnsupported, x.Objective)
		}
	}
	if len(p.Also) > 0 || p.Goal() != Latency {
		t.Quantum = 0
	}
	return t, nil
}

// addLatency adds the idle latency of chains.
func (t *Terms) addLatency(p *Problem, weight float64) {
	weights := Weights(p.Workload)
	var total float64
	equal := true
	for _, w := range weights {
		total += w
		equal = equal && w == weights[0]
	}
	if equal && total > 0 {
		t.Quantum = weights[0] / total * 1e-9 // the nanosecond
	}
	nodes, own, edge := p.Topology.Nodes(), t.Own, t.Edge
	t.Own = func(i, op int, n topology.NodeID) float64 {
		w := &p.Workload.Pipelines[i]
		return own(i, op, n) + weight*weights[i]/total*placement.ServiceTime(w.MeanWork(op), 1, nodes[n].Speed).Seconds()
	}
	t.Edge = func(i, op int, from, to topology.NodeID) float64 {
		d, _ := placement.TransferTime(p.Topology, p.Model, p.Workload.Pipelines[i].MeanOutput(op), from, to)
		return edge(i, op, from, to) + weight*weights[i]/total*d.Seconds()
	}
}

// addMoves adds what leaves the node where the placement in force has it.
func (t *Terms) addMoves(p *Problem, weight float64) {
	if p.Incumbent == nil {
		return
	}
	moved := func(from, to topology.NodeID) float64 {
		if from == topology.None || from == to {
			return 0
		}
		return weight
	}
	own, added, instance := t.Own, t.Added, t.Instance
	t.Own = func(i, op int, n topology.NodeID) float64 {
		return own(i, op, n) + moved(p.Incumbent.Pipelines[i][op], n)
	}
	t.Added = func(i, op int, n topology.NodeID) float64 {
		return added(i, op, n) + moved(p.Incumbent.Pipelines[i][op], n)
	}
	t.Instance = func(j, g, k int, n topology.NodeID) float64 {
		return instance(j, g, k, n) + moved(p.Incumbent.Jobs[j][g][k], n)
	}
	left, leftInstance := t.Left, t.LeftInstance
	t.Left = func(i, op int) float64 { return left(i, op) + moved(p.Incumbent.Pipelines[i][op], topology.None) }
	t.LeftInstance = func(j, g, k int) float64 {
		return leftInstance(j, g, k) + moved(p.Incumbent.Jobs[j][g][k], topology.None)
	}
}

// addAffinity adds the preferences of jobs that a node does not meet.
func (t *Terms) addAffinity(p *Problem, weight float64) {
	w := newWishes(p)
	instance := t.Instance
	t.Instance = func(j, g, k int, n topology.NodeID) float64 {
		return instance(j, g, k, n) + weight*w.unmet(j, g, n)/float64(max(1, w.instances))
	}
}

// addSpread adds the instances beyond what spreads want.
func (t *Terms) addSpread(p *Problem, weight float64) {
	for _, c := range spreadCounters(p) {
		for _, cost := range c.Cost {
			for n := range cost {
				cost[n] *= weight
			}
		}
		t.Counters = append(t.Counters, c)
	}
}
