// Package robust chooses a placement that stays good when the profile of the
// work was wrong: among those that are best for some profile within the error,
// the one that does best over all of them.
package robust

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"

	"caravan/solver"
)

// Rule is what a placement is chosen by.
type Rule string

const (
	Mean   Rule = "mean"   // the least mean cost over the profiles
	Worst  Rule = "worst"  // the least cost in the worst profile
	Regret Rule = "regret" // the least of the most that another choice would have saved (Savage, 1951)
)

// Rules lists every rule, for messages.
func Rules() []string { return []string{string(Mean), string(Worst), string(Regret)} }

// Options say how wrong a profile may be.
type Options struct {
	// Error is the coefficient of variation of the factor by which each
	// operator's work, and each operator's output, differs from the profile.
	// Factors are lognormal with mean 1 and independent.
	Error    float64
	Profiles int // drawn; 0 is DefaultProfiles
	Rule     Rule
}

// DefaultProfiles is how many profiles are drawn when nobody says.
const DefaultProfiles = 20

// A Report says what the placements cost over the profiles, in the unit of the
// problem's objective.
type Report struct {
	Profiles   int
	Candidates int // different placements that were the answer to some profile
	Chosen     Value
	Nominal    Value // of the placement that is best for the profile as given
	// Bound is below the mean cost of any placement, NaN when some profile has
	// no bound: the mean of what is best for each profile, had it been known.
	Bound float64
}

// A Value is what one placement costs over the profiles.
type Value struct{ Mean, Worst, Regret float64 }

func (v Value) by(r Rule) float64 {
	switch r {
	case Worst:
		return v.Worst
	case Regret:
		return v.Regret
	}
	return v.Mean
}

// Choose solves p and each drawn profile with s. The solution costs what it
// does under the profile as given, and its bound is for that one.
func Choose(ctx context.Context, s solver.Solver, p *solver.Problem, o Options) (solver.Solution, Report, error) {
	if o.Error < 0 || math.IsNaN(o.Error) || math.IsInf(o.Error, 0) || o.Profiles < 0 {
		return solver.Solution{}, Report{}, fmt.Errorf("profile error %v over %d profiles: allowed are numbers of at least 0", o.Error, o.Profiles)
	}
	if o.Profiles == 0 {
		o.Profiles = DefaultProfiles
	}
	nominal, err := solver.Solve(ctx, s, p)
	if err != nil || len(nominal.Unplaced) > 0 {
		return nominal, Report{}, err
	}
	profiles := draw(p, o)
	r := Report{Profiles: len(profiles)}
	found := []solver.Solution{nominal}
	for _, q := range profiles {
		sol, err := solver.Solve(ctx, s, q)
		if err != nil {
			return solver.Solution{}, Report{}, err
		}
		r.Bound += sol.Bound / float64(len(profiles))
		if len(sol.Unplaced) == 0 && !slices.ContainsFunc(found, func(f solver.Solution) bool { return reflect.DeepEqual(f.Placement, sol.Placement) }) {
			found = append(found, sol)
		}
	}
	values, err := assess(profiles, found)
	if err != nil {
		return solver.Solution{}, Report{}, err
	}
	best := 0
	for k := range values {
		if values[k].by(o.Rule) < values[best].by(o.Rule) {
			best = k
		}
	}
	r.Candidates, r.Chosen, r.Nominal = len(found), values[best], values[0]
	out := nominal
	if best > 0 {
		out.Placement = found[best].Placement
		out.Cost, out.Unit, err = solver.Cost(p, out.Placement)
		if out.Cost > nominal.Cost {
			out.Status = solver.Feasible
		}
	}
	return out, r, errors.Join(err, solver.Within(p, out.Placement))
}

// draw makes the problems with other profiles.
func draw(p *solver.Problem, o Options) []*solver.Problem {
	sigma := math.Sqrt(math.Log1p(o.Error * o.Error))
	out := make([]*solver.Problem, o.Profiles)
	for k := range out {
		rng := rand.New(rand.NewPCG(p.Seed, 0x70f11e<<16|uint64(k)))
		factor := func() float64 { return math.Exp(sigma*rng.NormFloat64() - sigma*sigma/2) }
		w := *p.Workload
		w.Pipelines = slices.Clone(w.Pipelines)
		for i := range w.Pipelines {
			ops := slices.Clone(w.Pipelines[i].Operators)
			for j := range ops {
				ops[j].Work, ops[j].Output = ops[j].Work.Times(factor()), ops[j].Output.Times(factor())
			}
			w.Pipelines[i].Operators = ops
		}
		q := *p
		q.Workload = &w
		out[k] = &q
	}
	return out
}

// assess is what each placement costs over the profiles; one that breaks a
// limit under some profile has no finite cost.
func assess(profiles []*solver.Problem, found []solver.Solution) ([]Value, error) {
	costs := make([][]float64, len(found))
	for k, f := range found {
		for _, q := range profiles {
			cost, _, err := solver.Cost(q, f.Placement)
			if err != nil {
				return nil, err
			}
			if solver.Within(q, f.Placement) != nil {
				cost = math.Inf(1)
			}
			costs[k] = append(costs[k], cost)
		}
	}
	out := make([]Value, len(found))
	for x := range profiles {
		least := math.Inf(1)
		for k := range found {
			least = min(least, costs[k][x])
		}
		for k := range found {
			v := &out[k]
			v.Mean += costs[k][x] / float64(len(profiles))
			v.Worst = max(v.Worst, costs[k][x])
			if regret := costs[k][x] - least; !math.IsNaN(regret) {
				v.Regret = max(v.Regret, regret)
			}
		}
	}
	return out, nil
}
