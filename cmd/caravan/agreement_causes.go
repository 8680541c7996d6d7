package main

import (
	"math"
	"slices"

	"caravan/runner/nomad"
	"caravan/solver/binpack"
	"caravan/solver/preempt"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// The causes that are understood. One is named only where deciding anew under
// it gives all that the server reported: the scores, the choice, the evictions.
const (
	// ignoresOwn: looking for evictions, the server counts the room of the same
	// job's instances as free (preemption.go, SetCandidates). Its applier then
	// refuses the plan, and after some attempts the server gives up.
	ignoresOwn = "the server forgets what the same job was just given on the node"
	// refusedBeside: an instance of a lower number was in the same plan, and the
	// applier refused it; where it was is not on record, and is searched for.
	refusedBeside = "another part of the same plan was refused, and is not on record"
	// endedBetween: what an earlier attempt evicted had ended before the next
	// was decided, and no longer held room.
	endedBetween = "what the attempt before evicted had ended by then"
)

// maxHidden is how many refused instances are searched for at most.
const maxHidden = 3

// cause names why the server decided otherwise about instance p of group g, by
// deciding anew under one cause after the other; empty when none gives the
// server's figures.
func (m *mirror) cause(spec *workloads.Job, g int, p nomad.Placed) string {
	for _, h := range []struct {
		state *cluster.State
		name  string
	}{{m.state, ignoresOwn}, {m.ended(), endedBetween}} {
		if h.state == nil {
			continue
		}
		if m.reproduces(h.state, m.plan, spec, g, p) {
			return h.name
		}
		if hidden := m.hidden(g, p); len(hidden) > 0 && len(hidden) <= maxHidden {
			if m.found(h.state, nil, hidden, spec, g, p) {
				return refusedBeside
			}
		}
	}
	return ""
}

// ended is the state with all that is to leave gone; nil when nothing is.
func (m *mirror) ended() *cluster.State {
	var s *cluster.State
	for i := range m.state.Allocs() {
		if a := m.state.Alloc(cluster.AllocID(i)); a.Desired == cluster.Evict && !a.Client.Terminal() {
			if s == nil {
				s = m.state.Clone()
			}
			s.Update(a.ID, func(a *cluster.Allocation) { a.Client = cluster.Complete })
		}
	}
	return s
}

// hidden are the numbers below p's that no attempt so far has placed. Instances
// of a group are decided by rising number, and none after the first failure, so
// that these were in the plan of p.
func (m *mirror) hidden(g int, p nomad.Placed) []int {
	placed := map[int]bool{}
	for _, a := range m.plan.Placements {
		placed[int(a.Index)] = placed[int(a.Index)] || int(a.Group) == g
	}
	for _, id := range m.state.Of(m.plan.Job) {
		a := m.state.Alloc(id)
		placed[int(a.Index)] = placed[int(a.Index)] || int(a.Group) == g
	}
	var list []int
	for i := range p.Index {
		if !placed[i] {
			list = append(list, i)
		}
	}
	return list
}

// found reports whether the hidden instances have nodes beside which Caravan
// decides as the server did. at are the nodes of the first of them.
func (m *mirror) found(s *cluster.State, at []topology.NodeID, hidden []int, spec *workloads.Job, g int, p nomad.Placed) bool {
	if len(at) == len(hidden) {
		plan, ok := m.replay(s, at, hidden, spec, g)
		return ok && m.reproduces(s, plan, spec, g, p)
	}
	for n := range m.fleet.Len() {
		if m.found(s, append(slices.Clone(at), topology.NodeID(n)), hidden, spec, g, p) {
			return true
		}
	}
	return false
}

// replay makes the plan so far with the hidden instances at their numbers; ok
// is false when one has no room on its node.
func (m *mirror) replay(s *cluster.State, at []topology.NodeID, hidden []int, spec *workloads.Job, g int) (*cluster.Plan, bool) {
	plan := &cluster.Plan{Job: m.plan.Job, Priority: spec.Priority, AllAtOnce: spec.AllAtOnce}
	hide := func(below int) bool {
		for ; len(hidden) > 0 && hidden[0] < below; hidden, at = hidden[1:], at[1:] {
			if _, ok := m.forgetful(s, plan, spec).Place(g, hidden[0], binpack.Options{Only: at[:1]}); !ok {
				return false
			}
		}
		return true
	}
	for i, a := range m.plan.Placements {
		if int(a.Group) == g && !hide(int(a.Index)) {
			return nil, false
		}
		var victims []*cluster.Allocation
		for _, e := range m.plan.Evictions {
			if e.For == i {
				victims = append(victims, s.Alloc(e.Alloc))
			}
		}
		plan.Place(a, victims...)
	}
	return plan, hide(math.MaxInt)
}

// forgetful is a chain that evicts as the server does.
func (m *mirror) forgetful(s *cluster.State, plan *cluster.Plan, spec *workloads.Job) *binpack.Chain {
	config := m.config
	config.Evictor = preempt.Greedy{ForgetsOwn: true}
	c := binpack.NewChain(m.fleet, config)
	c.Begin(cluster.View{State: s, Plan: plan}, plan.Job, spec, 1)
	return c
}

// overfills reports whether the applier refuses what the server, forgetful as it
// is, would do with the next instance of group g.
func (m *mirror) overfills(spec *workloads.Job, g int) bool {
	plan, ok := m.replay(m.state, nil, nil, spec, g)
	if !ok {
		return false
	}
	d, ok := m.forgetful(m.state, plan, spec).Place(g, 0, binpack.Options{})
	return ok && m.state.Verify(plan, d.Node) != ""
}

// reproduces reports whether Caravan, as forgetful as the server, decides in
// this state and plan all that the server reported of p.
func (m *mirror) reproduces(s *cluster.State, plan *cluster.Plan, spec *workloads.Job, g int, p nomad.Placed) bool {
	var looked []topology.NodeID
	for _, x := range p.Scores {
		looked = append(looked, m.nodes[x.Node])
	}
	c := m.forgetful(s, plan, spec)
	d, ok := c.Select(g, binpack.Options{Only: looked})
	if !ok || math.Abs(d.Score-finalOf(p, p.Node)) > scoreTolerance {
		return false
	}
	none := mirror{tally: newTally("", "", "", 0, 0), fleet: m.fleet}
	if none.scores(p, c.Explain()) != "" {
		return false
	}
	d, ok = c.Select(g, binpack.Options{Only: []topology.NodeID{m.nodes[p.Node]}})
	var own []string
	for _, a := range d.Evict {
		own = append(own, m.names[a.ID])
	}
	return ok && slices.Equal(m.alike(own), m.alike(p.Evicted))
}
