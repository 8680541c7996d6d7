package solver

import (
	"context"
	"math"
	"slices"

	"caravan/workloads/placement"
)

// A Point is a placement and what it costs by two objectives.
type Point struct {
	Placement placement.Placement
	A, B      float64
}

// Front is a Pareto front of objectives a and b, found by s: the placements of
// least a as b is limited ever more tightly, from the least a to the least b in
// n steps (the epsilon-constraint method, Haimes, Lasdon and Wismer, 1971). The
// points ascend in a and descend in b, and none is worse in both than another.
// It is empty when s finds no placement. With a solver that proves nothing the
// front is what was found.
func Front(ctx context.Context, s Solver, p *Problem, a, b Objective, n int) ([]Point, error) {
	find := func(goal Objective, limit float64) (*Point, error) {
		q := *p
		q.Objective, q.Also = goal, nil
		if !math.IsInf(limit, 1) {
			q.Limits = append(slices.Clone(p.Limits), Limit{b, limit})
		}
		sol, err := Solve(ctx, s, &q)
		if err != nil || countUnplaced(sol.Placement) > 0 {
			return nil, err
		}
		pt := Point{Placement: sol.Placement}
		if pt.A, err = Value(p, a, sol.Placement); err != nil {
			return nil, err
		}
		pt.B, err = Value(p, b, sol.Placement)
		return &pt, err
	}
	first, err := find(a, math.Inf(1))
	if err != nil || first == nil {
		return nil, err
	}
	last, err := find(b, math.Inf(1))
	if err != nil || last == nil {
		return nil, err
	}
	points := []Point{*first, *last}
	for k := 1; k < n && ctx.Err() == nil; k++ {
		limit := first.B + (last.B-first.B)*float64(k)/float64(n)
		pt, err := find(a, limit)
		if err != nil {
			return nil, err
		}
		if pt != nil {
			points = append(points, *pt)
		}
	}
	return undominated(points), nil
}

// undominated keeps the points that no other beats in both objectives.
func undominated(points []Point) []Point {
	slices.SortStableFunc(points, func(x, y Point) int {
		switch {
		case x.A != y.A && x.A < y.A, x.A == y.A && x.B < y.B:
			return -1
		case x.A == y.A && x.B == y.B:
			return 0
		}
		return 1
	})
	var out []Point
	for _, pt := range points {
		if len(out) == 0 || pt.B < out[len(out)-1].B {
			out = append(out, pt)
		}
	}
	return out
}
