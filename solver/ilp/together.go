package ilp

import (
	"math"
	"slices"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads/placement"
)

// countersOf are those of a job.
func countersOf(all []solver.Counter, job int) (out []solver.Counter) {
	for _, c := range all {
		if c.Job == job {
			out = append(out, c)
		}
	}
	return out
}

// slot is the group and the instance that operator j of a job's item is.
func (it *item) slot(j int) (group, instance int) {
	if it.slots != nil {
		return it.slots[j][0], it.slots[j][1]
	}
	return it.group, it.instance
}

// together makes one item of all instances of a job.
func (m *model) together(p *solver.Problem, terms solver.Terms, ledger *placement.Ledger, j int, l *leaving) item {
	out := item{pipeline: -1, job: j}
	for g := range p.Workload.Jobs[j].Groups {
		for k := range p.Workload.Jobs[j].Groups[g].Count {
			it := m.instance(p, terms, ledger, j, g, k)
			out.ops++
			out.own, out.need = append(out.own, it.own...), append(out.need, it.need...)
			out.slots = append(out.slots, [2]int{g, k})
		}
	}
	if out.ops > 0 {
		l.addItem(m, &out, p.Workload.Jobs[j].Priority, terms)
	}
	return out
}

// roofless lists the instances of a job's item that no node can hold.
func (m *model) roofless(p *solver.Problem, it *item) (out []solver.Unplaced) {
	job := &p.Workload.Jobs[it.job]
	for j, s := range it.slots {
		if math.IsInf(slices.Min(it.own[j*m.nodes:(j+1)*m.nodes]), 1) {
			out = append(out, solver.Unplaced{Workload: job.Name, Item: job.Groups[s[0]].Name, Instance: s[1], Reason: "no node can hold it"})
		}
	}
	return out
}

// reorder puts the instances of a team that are alike in the order in which its
// paths have them. Where some may be left out, those without a node are.
func (m *model) reorder(it *item, path []int16) {
	t, ok := it.shape.(*team)
	if !ok {
		return
	}
	for j, v := range path {
		if v == int16(topology.None) && m.nodes > m.real {
			path[j] = int16(m.real + it.class)
		}
	}
	for a := 0; a < len(path); {
		b := a + 1
		for b < len(path) && t.alike[b] {
			b++
		}
		slices.Sort(path[a:b])
		a = b
	}
}
