package controlplane

import (
	"slices"
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
	g := r.g
	spec := r.j.versions[w.version].spec
	at := r.j.position(w.version, r.group)
	only := r.only[:0]
	if w.node != topology.None {
		only = append(only, w.node)
	} else if w.stop == cluster.NoAlloc {
		list, known := r.candidates()
		if known && len(list) == 0 {
			return "as before", false
		}
		if known && len(list) <= fewOpen {
			only = append(only, list...)
		}
	}
	r.only = only
	if len(only) == 0 {
		only = nil
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
		Job: spec, Group: at, Index: int(w.index), Only: only, Avoid: r.avoid(w), Previous: w.previous,
	})
	if !ok {
		if w.stop != cluster.NoAlloc {
			r.p.Unstop(g.state.Alloc(w.stop))
		}
		return c.Why, false
	}
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

// mostOpen bounds the nodes that are kept in mind as candidates; past it every
// node is asked again. Up to fewOpen the decider is told of them: it would look
// at no more nodes that fit in any case.
const (
	mostOpen = 256
	fewOpen  = 2
)

// candidates lists the only nodes that could take an instance of the job, when
// known says that all others were tried in vain and nothing was freed there
// since: placements only take room, and what they take could be evicted before
// as after. Nothing is known of a job with stops in its plan.
func (r *reconciler) candidates() (list []topology.NodeID, known bool) {
	g, spec := r.g, r.j.spec()
	s := g.blocked.shape(r.j.versions[r.j.current()].shape)
	if !s.known || len(spec.Groups) != 1 || len(r.p.Stops) > 0 {
		return nil, false
	}
	for _, n := range g.freed[s.seen:] {
		if !slices.Contains(s.open, n) {
			s.open = append(s.open, n)
		}
		if len(s.open) > mostOpen {
			s.known = false
			return nil, false
		}
	}
	s.seen = len(g.freed)
	ask := askOf(&spec.Groups[0])
	s.open = slices.DeleteFunc(s.open, func(n topology.NodeID) bool { return !g.mayTake(n, cluster.NoJob, spec, ask) })
	return s.open, true
}

// apart reports whether the job's instances keep a distance from each other, so
// that what one job finds says nothing of another.
func apart(spec *workloads.Job) bool {
	distinct := func(c workloads.Constraint) bool { return c.Distinct() }
	return slices.ContainsFunc(spec.Constraints, distinct) || slices.ContainsFunc(spec.Groups[0].Constraints, distinct)
}

func askOf(t *workloads.Group) cluster.Amount {
	return cluster.Amount{CPU: t.Demand.CPU, Memory: t.Demand.Memory, Disk: t.Demand.Disk}
}

// mayTake reports whether node n could have room for an amount that a job asks,
// which evicts no instances of its own.
func (g *region) mayTake(n topology.NodeID, id cluster.JobID, spec *workloads.Job, ask cluster.Amount) bool {
	if !g.state.Standing(n).Takes() {
		return false
	}
	free := g.run.c.Fleet.Machine(n).Capacity.Less(g.state.Used(n))
	if free.Covers(ask) {
		return true
	}
	if !g.run.c.Preempt[kindOf(spec.Type)] {
		return false
	}
	for _, a := range g.state.On(n) {
		if s := g.state.Alloc(a); s.Job != id && spec.Priority-s.Priority() >= preemptionGap {
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
