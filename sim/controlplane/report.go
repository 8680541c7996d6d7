package controlplane

import (
	"slices"

	"caravan/workloads/cluster"
)

// report lets the servers hear what a client says of an allocation.
func (g *region) report(id cluster.AllocID) {
	a := &g.allocs[id]
	if n := g.node(a.node); !g.up || !n.reachable() {
		n.unsaid = append(n.unsaid, id)
		return
	}
	a.quiet = false
	s := g.state.Alloc(id)
	if s.Client.Terminal() || s.Client == a.said && s.Health == a.verdict {
		return
	}
	was, judged := s.Client, s.Health != a.verdict
	g.state.Update(id, func(s *cluster.Allocation) {
		s.Client, s.Health = a.said, a.verdict
		switch {
		case a.said == cluster.Running && was != cluster.Running:
			s.StartedAt = g.run.now
		case a.said.Terminal():
			s.EndedAt = g.run.now
		}
	})
	j := g.jobs[a.job]
	if was != a.said {
		g.saidOf(id, was)
	}
	if judged && a.verdict != cluster.Unjudged {
		g.judged(j, id)
	}
	if a.said.Terminal() {
		g.over(j, id)
	}
	if was == cluster.Unknown && a.said == cluster.Running {
		a.back = true
		g.evaluate(j, Reconnect)
	}
	if len(g.draining) > 0 {
		g.armDrain()
	}
}

// saidOf tells the story of a change of status.
func (g *region) saidOf(id cluster.AllocID, was cluster.Client) {
	if !g.told() {
		return
	}
	s := g.state.Alloc(id)
	switch {
	case s.Client == cluster.Complete && s.Desired != cluster.Run:
		g.tellAlloc("stopped", id, "")
	case s.Client == cluster.Running && was == cluster.Unknown:
		g.tellAlloc("reconnect", id, "it ran all along, or again")
	default:
		g.tellAlloc(s.Client.String(), id, "")
	}
}

// over carries out what follows when an allocation holds nothing any more.
func (g *region) over(j *job, id cluster.AllocID) {
	a, s := &g.allocs[id], g.state.Alloc(id)
	g.run.stats.gone(g, a, s)
	if s.Client != cluster.Failed || s.Desired != cluster.Run {
		g.pruned(id)
	}
	if s.Client == cluster.Failed && s.Desired == cluster.Run && !j.stopped {
		g.evaluate(j, AllocFailure)
	}
	g.free(a.node)
}

// pruned takes an allocation that will never count again off its group's list.
func (g *region) pruned(id cluster.AllocID) {
	a := &g.allocs[id]
	j := g.jobs[a.job]
	grp := &j.groups[a.group]
	if i, ok := slices.BinarySearch(grp.allocs, id); ok {
		grp.allocs = slices.Delete(grp.allocs, i, i+1)
	}
	if len(g.state.Of(j.id)) > 2*len(grp.allocs)+32 {
		g.state.Forget(j.id, func(s *cluster.Allocation) bool { return s.Client == cluster.Failed && s.Next == cluster.NoAlloc })
	}
	if g.state.Standing(a.node).Draining {
		g.armDrain()
	}
}

// markUnknown notes that an allocation's node is silent: it may return until
// its time is over, and meanwhile is replaced when its policy says so.
func (g *region) markUnknown(id cluster.AllocID) {
	a := &g.allocs[id]
	if s := g.state.Alloc(id); s.Client != cluster.Running || s.Desired != cluster.Run {
		return
	}
	j := g.jobs[a.job]
	now := g.run.now
	g.state.Update(id, func(s *cluster.Allocation) { s.Client, s.EndedAt = cluster.Unknown, now })
	g.tellAlloc("unknown", id, "")
	at := j.position(a.version, int(a.group))
	spec := j.versions[a.version].spec
	policy, again := spec.DisconnectOf(at), spec.RescheduleOf(at)
	a.unknownAt, a.followUpAt = now, now+policy.LostAfter
	if policy.Replace {
		if d := rescheduleDelay(&again, remembered(&again, a.past, now), now); d < policy.LostAfter {
			a.followUpAt = now + d
			g.evaluateAt(j, AllocFailure, a.followUpAt)
		}
	}
	g.evaluateAt(j, MaxDisconnect, now+policy.LostAfter)
}
