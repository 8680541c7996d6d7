// Package solver says what a placement problem is, what an answer to it must
// hold, and how to ask for one.
package solver

import (
	"context"
	"errors"
	"fmt"
	"math"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// Objective is what a solver minimises.
type Objective string

const (
	// Latency is the mean over the placed pipelines of placement.Estimate in
	// seconds, weighted by their arrival rates (by 1 when any rate is unknown).
	Latency Objective = "latency"
	// Nodes is the number of nodes that hold anything.
	Nodes Objective = "nodes"
)

// Objectives lists every objective, for messages and schemas.
func Objectives() []Objective { return []Objective{Latency, Nodes} }

// A Problem is what to place, on what, and for what. It is not modified.
type Problem struct {
	Topology  *topology.Topology
	Workload  *workloads.Workload
	Model     placement.Model
	Objective Objective // empty: Latency when there are pipelines, otherwise Nodes
	// Incumbent is the placement in force, nil when nothing runs.
	Incumbent *placement.Placement
	// MaxSteps bounds the search in the solver's own steps, so that its answer
	// repeats on any machine; 0 is the solver's default.
	MaxSteps int64
	Seed     uint64
}

// Goal is the problem's objective, its default filled in.
func (p *Problem) Goal() Objective {
	switch {
	case p.Objective != "":
		return p.Objective
	case len(p.Workload.Pipelines) > 0:
		return Latency
	}
	return Nodes
}

// Status says what a solver found out.
type Status string

const (
	Unknown    Status = "unknown"    // neither a whole placement nor a proof
	Optimal    Status = "optimal"    // the placement is proved to be best
	Feasible   Status = "feasible"   // the placement runs; Bound says how good it is at least
	Infeasible Status = "infeasible" // proved: not everything can be placed
)

// Unplaced is an item without a node and the reason.
type Unplaced struct {
	Workload string
	Item     string
	Instance int
	Reason   string
}

// A Solution answers a Problem.
type Solution struct {
	Placement placement.Placement
	Status    Status
	Cost      float64 // in Unit; NaN when nothing is placed
	Bound     float64 // no placement of everything costs less; NaN when none is proved
	Unit      string
	Unplaced  []Unplaced
	Reason    string // why not everything is placed; empty when it is
	Steps     int64  // of the solver, whatever it counts
}

// Gap is (Cost-Bound)/Cost, NaN without a bound or a cost.
func (s *Solution) Gap() float64 {
	if s.Cost == 0 && s.Bound == 0 {
		return 0
	}
	return (s.Cost - s.Bound) / s.Cost
}

// A Solver finds a placement.
type Solver interface {
	// Solve returns the best placement that it finds for p, which it does not
	// modify. Its answer depends on p and the receiver alone. If ctx ends
	// first, it returns the best so far.
	//
	// That no placement exists is an answer, not an error.
	Solve(ctx context.Context, p *Problem) (Solution, error)
}

// Tolerance is how far a bound may exceed a cost by rounding, relative to it.
const Tolerance = 1e-9

// Solve runs s on p, checks that the placement can run, and computes what it
// costs: a solver is not believed. Call it rather than s.Solve.
func Solve(ctx context.Context, s Solver, p *Problem) (Solution, error) {
	sol, err := s.Solve(ctx, p)
	if err != nil {
		return Solution{}, err
	}
	if err := placement.Check(p.Topology, p.Workload, sol.Placement); err != nil {
		return Solution{}, fmt.Errorf("the solver's placement cannot run: %w", err)
	}
	missing := countUnplaced(sol.Placement)
	if missing > 0 && (sol.Status == Optimal || sol.Status == Feasible) {
		return Solution{}, fmt.Errorf("the solver calls a placement %s that leaves %d items out", sol.Status, missing)
	}
	if missing != len(sol.Unplaced) {
		return Solution{}, fmt.Errorf("the solver gives %d reasons for %d items without a node", len(sol.Unplaced), missing)
	}
	if missing > 0 && sol.Reason == "" {
		u := sol.Unplaced[0]
		sol.Reason = fmt.Sprintf("%s: %s", u.Workload, u.Reason)
	}
	if sol.Cost, sol.Unit, err = Cost(p, sol.Placement); err != nil {
		return Solution{}, err
	}
	if sol.Bound > sol.Cost+Tolerance*math.Abs(sol.Cost) && missing == 0 {
		return Solution{}, fmt.Errorf("the solver's bound %v lies above the cost %v of its own placement", sol.Bound, sol.Cost)
	}
	return sol, nil
}

// Weights are the pipelines' shares of the latency objective.
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

// Cost is the objective's value for a placement, and its unit.
func Cost(p *Problem, pl placement.Placement) (cost float64, unit string, err error) {
	switch p.Goal() {
	case Nodes:
		return nodesUsed(pl), "nodes", nil
	case Latency:
	default:
		return 0, "", fmt.Errorf("objective %q: allowed is one of %v", p.Objective, Objectives())
	}
	weights := Weights(p.Workload)
	var sum, total float64
	var faults []error
	for i := range p.Workload.Pipelines {
		if pl.Pipelines[i][0] == topology.None {
			continue
		}
		d, err := placement.Estimate(p.Topology, p.Model, &p.Workload.Pipelines[i], pl.Pipelines[i])
		if err != nil {
			faults = append(faults, err)
			continue
		}
		sum += weights[i] * d.Seconds()
		total += weights[i]
	}
	if total == 0 {
		return math.NaN(), "s", errors.Join(faults...)
	}
	return sum / total, "s", errors.Join(faults...)
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

func nodesUsed(pl placement.Placement) float64 {
	used := map[topology.NodeID]bool{}
	each(pl, func(n topology.NodeID) {
		if n != topology.None {
			used[n] = true
		}
	})
	return float64(len(used))
}

func countUnplaced(pl placement.Placement) int {
	count := 0
	each(pl, func(n topology.NodeID) {
		if n == topology.None {
			count++
		}
	})
	return count
}

// Leave lists every operator of pipeline p as unplaced for one reason.
func Leave(p *workloads.Pipeline, reason string) []Unplaced {
	out := make([]Unplaced, len(p.Operators))
	for j := range out {
		out[j] = Unplaced{Workload: p.Name, Item: p.Operators[j].Name, Reason: reason}
	}
	return out
}

// LeaveAll lists everything as unplaced for one reason.
func LeaveAll(w *workloads.Workload, reason string) []Unplaced {
	var out []Unplaced
	for i := range w.Pipelines {
		out = append(out, Leave(&w.Pipelines[i], reason)...)
	}
	for j := range w.Jobs {
		for _, g := range w.Jobs[j].Groups {
			for k := range g.Count {
				out = append(out, Unplaced{Workload: w.Jobs[j].Name, Item: g.Name, Instance: k, Reason: reason})
			}
		}
	}
	return out
}
