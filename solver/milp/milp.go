// Package milp states a placement problem as one mixed-integer linear program
// and hands it to a generic engine, or writes it down for any other. It is the
// yardstick for the solvers that know what they are solving.
package milp

import (
	"context"
	"fmt"
	"math"

	"caravan/solver"
	"caravan/workloads/placement"
)

// An Engine solves models.
type Engine interface {
	// Solve minimises until the relative gap is reached or the context ends,
	// and returns the values of the variables, nil without a solution, and the
	// bound proved, -Inf for none, in units of Model.Cost.
	Solve(ctx context.Context, m *Model, gap float64) (Answer, error)
}

// An Answer is what an engine found.
type Answer struct {
	Values     []float64 // nil without a solution
	Bound      float64   // -Inf when nothing is proved
	Optimal    bool      // within the gap asked for
	Infeasible bool
	Steps      int64 // vertices of its search tree
}

// Gap is the relative gap that counts as optimal.
const Gap = 1e-6

// Solver is a generic engine on the flow formulation.
type Solver struct{ Engine Engine }

// Solve implements solver.Solver.
func (s Solver) Solve(ctx context.Context, p *solver.Problem) (solver.Solution, error) {
	m, err := Build(p)
	if err != nil {
		return solver.Solution{}, err
	}
	if ctx.Err() != nil {
		return without(p, solver.Unknown, "the search ended before it began"), nil
	}
	a, err := s.Engine.Solve(ctx, m, Gap)
	if err != nil {
		return solver.Solution{}, err
	}
	if a.Infeasible {
		return without(p, solver.Infeasible, "no placement of everything fits"), nil
	}
	if a.Values == nil {
		return without(p, solver.Unknown, "the search ended before it found a placement"), nil
	}
	sol := solver.Solution{Placement: m.Placement(p.Workload, a.Values), Status: solver.Feasible, Bound: math.NaN(), Steps: a.Steps}
	if !math.IsInf(a.Bound, -1) {
		sol.Bound = a.Bound * m.Scale
	}
	if a.Optimal {
		sol.Status = solver.Optimal
	}
	// The engine's tolerances let its bound lie above the exact cost by a little.
	if cost, _, err := solver.Cost(p, sol.Placement); err == nil && sol.Bound > cost && sol.Bound <= cost*(1+Gap) {
		sol.Bound = cost
	}
	if err := placement.Check(p.Topology, p.Workload, sol.Placement); err != nil {
		return without(p, solver.Unknown, fmt.Sprintf("the engine's answer cannot run: %v", err)), nil
	}
	return sol, nil
}

func without(p *solver.Problem, status solver.Status, reason string) solver.Solution {
	return solver.Solution{Placement: placement.Unplaced(p.Workload), Status: status, Bound: math.NaN(), Reason: reason, Unplaced: solver.LeaveAll(p.Workload, reason)}
}
