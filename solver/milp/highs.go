//go:build highs

package milp

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/bartolsthoorn/gohighs/highs"
)

// NewHiGHS is the engine HiGHS on one thread. The binding cannot interrupt it,
// so the limit, of its own clock, stands in for the context; 0 is none.
func NewHiGHS(limit time.Duration) (Engine, error) { return highsEngine{limit}, nil }

type highsEngine struct{ limit time.Duration }

// Solve implements Engine.
func (e highsEngine) Solve(_ context.Context, m *Model, gap float64) (Answer, error) {
	s, err := highs.NewSolver()
	if err != nil {
		return Answer{}, err
	}
	defer s.Close()
	err = errors.Join(s.SetBoolOption("output_flag", false), s.SetIntOption("threads", 1),
		s.SetFloatOption("mip_rel_gap", gap), s.SetFloatOption("mip_abs_gap", 0))
	if e.limit > 0 {
		err = errors.Join(err, s.SetFloatOption("time_limit", e.limit.Seconds()))
	}
	if err == nil {
		err = pass(s, m)
	}
	if err != nil {
		return Answer{}, err
	}
	found, err := s.Run()
	if err != nil {
		return Answer{}, err
	}
	return answer(s, m, found)
}

func pass(s *highs.Solver, m *Model) error {
	var lower, upper, value []float64
	var start, index []int
	for _, r := range m.Rows {
		start = append(start, len(index))
		index, value = append(index, r.Index...), append(value, r.Value...)
		lower, upper = append(lower, r.Lower), append(upper, r.Upper)
	}
	kinds := make([]highs.VariableType, len(m.Cost))
	for j, whole := range m.Integer {
		if kinds[j] = highs.Continuous; whole {
			kinds[j] = highs.Integer
		}
	}
	return s.PassModel(len(m.Cost), len(m.Rows), m.Cost, m.Lower, m.Upper, lower, upper, start, index, value, kinds, false, 0)
}

func answer(s *highs.Solver, m *Model, found *highs.Solution) (Answer, error) {
	a := Answer{Bound: math.Inf(-1), Optimal: found.IsOptimal(), Infeasible: found.IsInfeasible()}
	switch found.Status {
	case highs.ModelStatusLoadError, highs.ModelStatusModelError, highs.ModelStatusPresolveError, highs.ModelStatusSolveError:
		return a, errors.New("HiGHS: " + found.Status.String())
	}
	// A feasible point exists when HiGHS says that its primal status is 2.
	if primal, err := s.GetIntInfo("primal_solution_status"); err == nil && primal == 2 {
		a.Values = found.ColValues
	}
	if bound, err := s.GetFloatInfo("mip_dual_bound"); err == nil && !math.IsNaN(bound) && math.Abs(bound) < 1e30 {
		a.Bound = bound
	}
	if steps, err := s.GetInt64Info("mip_node_count"); err == nil {
		a.Steps = max(0, steps)
	}
	return a, nil
}
