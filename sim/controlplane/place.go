package controlplane

import (
	"strconv"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

func itoa(v int16) string { return strconv.Itoa(int(v)) }

// note adds what the simulation knows of the placement that was added last.
func (p *plan) note(version int16, why string) {
	p.versions = append(p.versions, version)
	p.why = append(p.why, why)
}

// place asks the decider for a node for everything that the group wants. The
// first refusal speaks for the rest of the group, node by node for jobs that
// run everywhere.
func (r *reconciler) place() {
	refused := 0
	why := ""
	for i := range r.wants {
		w := &r.wants[i]
		if refused > 0 && w.node == topology.None {
			refused++
			continue
		}
		if text, ok := r.placeOne(w); !ok {
			if w.node != topology.None {
				r.p.unplaced = append(r.p.unplaced, unplaced{r.group, 1, w.node, text})
				continue
			}
			refused, why = 1, text
		}
	}
	if refused > 0 {
		r.p.unplaced = append(r.p.unplaced, unplaced{r.group, refused, topology.None, why})
	}
}

// placeOne adds one placement to the plan; ok is false when no node takes it.
func (r *reconciler) placeOne(w *want) (why string, ok bool) {
	g, grp := r.g, &r.j.groups[r.group]
	spec := r.j.versions[w.version].spec
	at := r.j.position(w.version, r.group)
	if w.node == topology.None && w.stop == cluster.NoAlloc && r.stillFull(grp, &spec.Groups[at]) {
		grp.refused = len(g.freed)
		return "as before", false
	}
	if !r.begun {
		r.begun = true
		g.decider.Begin(cluster.View{State: g.state, Plan: &r.p.Plan}, Request{
			ID: r.j.id, Job: r.j.spec(), Kind: r.j.kind, Seed: g.run.seed(r.p.eval, g.state.Index()),
			Preempt: g.run.c.Preempt[r.j.kind], Explain: g.told(),
		})
	}
	if w.stop != cluster.NoAlloc {
		r.p.Stop(g.state.Alloc(w.stop), cluster.Pending, w.reason)
	}
	r.p.looked++
	c, ok := g.decider.Place(Instance{
		Job: spec, Group: at, Index: int(w.index), Node: w.node, Avoid: r.avoid(w), Previous: w.previous,
	})
	if !ok {
		if w.stop != cluster.NoAlloc {
			r.p.Unstop(g.state.Alloc(w.stop))
		} else if w.node == topology.None {
			grp.refused = len(g.freed)
		}
		return c.Why, false
	}
	grp.refused = -1
	r.add(w, spec, at, c)
	return "", true
}

// add puts a placement and its evictions into the plan.
func (r *reconciler) add(w *want, spec *workloads.Job, at int, c Choice) {
	x := cluster.Instance(r.j.id, spec, at, int(w.index), c.Node, c.Amount, c.Grant)
	x.Score, x.Previous, x.Canary = c.Score, w.previous, w.canary
	if w.version == r.j.current() {
		x.Deployment = r.deployment
	}
	victims := make([]*cluster.Allocation, 0, len(c.Evict))
	for _, id := range c.Evict {
		victims = append(victims, r.g.state.Alloc(id))
	}
	r.p.Place(x, victims...)
	r.p.note(w.version, c.Why)
}

// avoid is where the predecessors that failed ran: the last one, and those
// whose failures its policy remembers.
func (r *reconciler) avoid(w *want) []topology.NodeID {
	if w.previous == cluster.NoAlloc || r.g.state.Alloc(w.previous).Client != cluster.Failed {
		return nil
	}
	var out []topology.NodeID
	for id, n := w.previous, len(r.g.allocs[w.previous].past); id != cluster.NoAlloc && n >= 0; n-- {
		out = append(out, r.g.allocs[id].node)
		id = r.g.state.Alloc(id).Previous
	}
	return out
}

// mostFreed bounds the nodes that are looked at in place of asking again.
const mostFreed = 64

// stillFull reports whether a group that found no node before cannot find one
// now: nothing in the plan makes room, and no node where room appeared since
// then would have enough even without all that could be evicted.
func (r *reconciler) stillFull(grp *group, t *workloads.Group) bool {
	if grp.refused < 0 || len(r.p.Stops) > 0 || len(r.g.freed)-grp.refused > mostFreed {
		return false
	}
	ask := cluster.Amount{CPU: t.Demand.CPU, Memory: t.Demand.Memory, Disk: t.Demand.Disk}
	for _, n := range r.g.freed[grp.refused:] {
		if r.mayTake(n, ask) {
			return false
		}
	}
	return true
}

// mayTake reports whether node n could have room for an amount.
func (r *reconciler) mayTake(n topology.NodeID, ask cluster.Amount) bool {
	g := r.g
	if !g.state.Standing(n).Takes() {
		return false
	}
	free := g.run.c.Fleet.Machine(n).Capacity.Less(g.state.Used(n))
	if free.Covers(ask) {
		return true
	}
	if !g.run.c.Preempt[r.j.kind] {
		return false
	}
	for _, id := range g.state.On(n) {
		if s := g.state.Alloc(id); s.Priority() < r.j.spec().Priority {
			if free = free.Plus(s.Amount); free.Covers(ask) {
				return true
			}
		}
	}
	return false
}

// seed is that of the shuffle of an evaluation on a state.
func (r *run) seed(e *Evaluation, index uint64) uint64 {
	return r.c.Seed ^ e.CreateIndex*0x9e3779b97f4a7c15 ^ index*0xbf58476d1ce4e5b9 ^ uint64(e.Job)<<48
}
