package solver

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"caravan/workloads/placement"
)

// InOrder minimises the problem's objective and then each of the objectives in
// then, while every earlier one stays at the value that it reached. A stage is
// given to s or, where s does not take limits, to second. The cost, the bound
// and the status are those of the first stage.
func InOrder(ctx context.Context, s, second Solver, p *Problem, then []Objective) (Solution, error) {
	first, err := Solve(ctx, s, p)
	if err != nil || countUnplaced(first.Placement) > 0 {
		return first, err
	}
	q := *p
	q.Limits = slices.Clone(p.Limits)
	best := first.Placement
	goals := []Objective{p.Goal()}
	for _, t := range p.Also {
		goals = append(goals, t.Objective)
	}
	q.Also = nil
	for _, goal := range then {
		for _, done := range goals {
			most, err := Value(p, done, best)
			if err != nil {
				return Solution{}, err
			}
			q.Limits = append(q.Limits, Limit{done, most})
		}
		q.Objective = goal
		if best, err = next(ctx, s, second, &q, best); err != nil {
			return Solution{}, fmt.Errorf("then %s: %w", goal, err)
		}
		goals = []Objective{goal}
	}
	first.Placement = best
	first.Cost, first.Unit, err = Cost(p, best)
	first.Bound = min(first.Bound, first.Cost)
	return first, err
}

// next is the best placement that s or second finds for q, at is one that keeps
// its limits.
func next(ctx context.Context, s, second Solver, q *Problem, at placement.Placement) (placement.Placement, error) {
	sol, err := Solve(ctx, s, q)
	if errors.Is(err, ErrUnsupported) {
		r := *q
		if !aboutMoves(q) {
			r.Incumbent = &at // a start
		}
		sol, err = Solve(ctx, second, &r)
	}
	if err != nil || countUnplaced(sol.Placement) > 0 {
		return at, err
	}
	before, err := Value(q, q.Objective, at)
	if err != nil || sol.Cost >= before {
		return at, err
	}
	return sol.Placement, nil
}

// aboutMoves reports whether the placement in force has a say in a problem.
func aboutMoves(q *Problem) bool {
	return q.Objective == Moves || slices.ContainsFunc(q.Limits, func(l Limit) bool { return l.Objective == Moves })
}
