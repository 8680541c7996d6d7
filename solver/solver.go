// Package solver says what a placement problem is, what an answer to it must
// hold, and how to ask for one.
package solver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// A Problem is what to place, on what, and for what. It is not modified.
type Problem struct {
	Topology  *topology.Topology
	Workload  *workloads.Workload
	Model     placement.Model
	Objective Objective // empty: Latency when there are pipelines, otherwise Nodes
	// Also adds to the objective others by weight, in the units of both.
	Also []Term
	// Limits hold for every placement: what exceeds one is no answer.
	Limits []Limit
	// Incumbent is the placement in force, nil when nothing runs.
	Incumbent *placement.Placement
	// MaxSteps bounds the search in the solver's own steps, so that its answer
	// repeats on any machine; 0 is the solver's default.
	MaxSteps int64
	Seed     uint64
}

// A Term is an objective that counts so much.
type Term struct {
	Objective Objective
	Weight    float64
}

// A Limit is the most that an objective may come to.
type Limit struct {
	Objective Objective
	Most      float64 // in the objective's unit
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

// Weighs reports whether an objective counts in what is minimised.
func (p *Problem) Weighs(o Objective) bool {
	return p.Goal() == o || slices.ContainsFunc(p.Also, func(t Term) bool { return t.Objective == o })
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
	// Bound is what no placement of everything is below or, where some is left
	// out, none that leaves out no more of any priority; NaN when none is proved.
	Bound     float64
	Unit      string
	Unplaced  []Unplaced
	Evicted   []Evicted  // what left its node of the incumbent for others; unplaced, or elsewhere
	Decisions []Decision // how instances of jobs were decided, by solvers that say
	Reason    string     // why not everything is placed; empty when it is
	Steps     int64      // of the solver, whatever it counts
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
	if missing == 0 {
		var over *Excess
		switch err := Within(p, sol.Placement); {
		case errors.As(err, &over):
			sol.refuse(p, over.Error())
			missing = countUnplaced(sol.Placement)
		case err != nil:
			return Solution{}, err
		}
	}
	if missing > sol.Displaced() && (sol.Status == Optimal || sol.Status == Feasible) {
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

// refuse takes back a placement, of a solver that does not heed limits.
func (s *Solution) refuse(p *Problem, reason string) {
	s.Placement, s.Status, s.Reason = placement.Unplaced(p.Workload), Unknown, reason
	s.Unplaced, s.Evicted = LeaveAll(p.Workload, reason), nil
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
