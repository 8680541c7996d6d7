package ilp

import (
	"fmt"

	"caravan/solver"
)

// rest answers with what the last stage placed; homeless is what fits nowhere
// by itself.
func (s Solver) rest(t *tree, l *leaving, p *solver.Problem, bound float64, homeless []solver.Unplaced) (solver.Solution, error) {
	sol := t.answer(p, bound)
	reasons := map[solver.Unplaced]string{}
	for _, u := range homeless {
		why := u.Reason
		u.Reason = ""
		reasons[u] = why
	}
	for i, path := range t.best {
		it := &t.m.items[i]
		for _, u := range named(p, it, path, t.m.real) {
			why := reasons[u]
			if u.Reason = why; why == "" {
				u.Reason = l.reason(it.class)
			}
			sol.Unplaced = append(sol.Unplaced, u)
		}
	}
	if len(sol.Unplaced) == 0 {
		return sol, nil
	}
	sol.Status = solver.Unknown
	if l.impossible || len(homeless) > 0 {
		sol.Status = solver.Infeasible
	}
	sol.Reason = sol.Unplaced[0].Workload + ": " + sol.Unplaced[0].Reason
	cost, _, err := solver.Cost(p, sol.Placement)
	sol.Bound = cost - l.share(p, sol.Placement.Pipelines)*(t.cost*t.m.scale-sol.Bound)
	return sol, err
}

// named lists what of an item is left out, without reasons.
func named(p *solver.Problem, it *item, path []int16, real int) (out []solver.Unplaced) {
	if it.pipeline >= 0 {
		if int(path[0]) >= real {
			out = solver.Leave(&p.Workload.Pipelines[it.pipeline], "")
		}
		return out
	}
	job := &p.Workload.Jobs[it.job]
	for j, v := range path {
		if g, k := it.slot(j); int(v) >= real {
			out = append(out, solver.Unplaced{Workload: job.Name, Item: job.Groups[g].Name, Instance: k})
		}
	}
	return out
}

// reason says why something of a class is left out.
func (l *leaving) reason(class int) string {
	beside := "together"
	if class > 0 {
		beside = "beside what is of higher priority"
	}
	all, placed := l.items[class], l.items[class]-l.most[class]
	if class >= l.proved {
		return fmt.Sprintf("no room was found: %d of the %d of priority %d were placed, and that more fit %s is not ruled out", placed, all, l.classes[class], beside)
	}
	return fmt.Sprintf("no room: of the %d of priority %d at most %d fit %s", all, l.classes[class], placed, beside)
}
