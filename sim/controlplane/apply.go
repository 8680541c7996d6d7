package controlplane

import (
	"fmt"
	"slices"

	"caravan/topology"
	"caravan/workloads/cluster"
)

// check starts the check of the next plan when the applier is free. One plan
// is checked while another is in flight.
func (g *region) check() {
	if g.checked != nil || !g.up {
		return
	}
	p := g.queue.pop()
	if p == nil {
		return
	}
	g.checked = p
	g.run.stats.planWait.Add(g.run.now - p.queuedAt)
	g.run.eng.After(g.run.c.VerifyTime, prioServer, g.event(evVerified, uint16(g.epoch), 0))
}

// verified has the check of a plan done; it goes on its way as soon as none
// is in flight.
func (g *region) verified(epoch uint16) {
	if epoch != uint16(g.epoch) || g.checked == nil {
		return
	}
	p := g.checked
	if !g.broker.Outstanding(p.eval, p.token) { // of a worker that was given up
		g.checked = nil
		if w := &g.workers[p.worker]; w.plan == p {
			g.rest(w)
		}
		g.check()
		return
	}
	p.refused, _ = Apply(g.optimistic(), &p.Plan) // the next pass sees the newest state in any case
	p.verified = true
	g.launch()
}

// optimistic is the state as the plan in flight will leave it.
func (g *region) optimistic() *cluster.State {
	if g.flying == nil {
		return g.state
	}
	s := g.state.Clone()
	s.Commit(&g.flying.Plan, g.run.now, g.flying.refuses)
	return s
}

// refuses reports whether the applier refused the plan on node n.
func (p *plan) refuses(n topology.NodeID) bool {
	return len(p.refused) > 0 && slices.Contains(p.refused, n)
}

// launch sends a verified plan on its way when none is in flight.
func (g *region) launch() {
	if g.flying != nil || g.checked == nil || !g.checked.verified {
		return
	}
	g.flying, g.checked = g.checked, nil
	g.run.eng.After(g.run.c.CommitTime, prioServer, g.event(evCommitted, uint16(g.epoch), 0))
	g.check()
}

// committed makes the plan in flight state and answers its worker.
func (g *region) committed(epoch uint16) {
	if epoch != uint16(g.epoch) || g.flying == nil {
		return
	}
	p := g.flying
	g.flying = nil
	if len(p.refused) > 0 {
		g.run.stats.partial++
		g.run.stats.refusedNodes += len(p.refused)
		if g.told() {
			g.tellJob("plan-refused", g.jobs[p.Job], fmt.Sprintf("the plan of worker %d does not fit %s any more", p.worker, g.nodeNames(p.refused)))
		}
	}
	g.commit(p)
	g.launch()
	g.outcome(&g.workers[p.worker], p)
}

func (g *region) nodeNames(list []topology.NodeID) string {
	text := ""
	for i, n := range list {
		if i > 0 {
			text += ", "
		}
		text += g.run.nodeName(n)
	}
	return text
}

// commit carries out what the applier accepted.
func (g *region) commit(p *plan) {
	j := g.jobs[p.Job]
	g.openDeployment(j, p)
	ids := g.state.Commit(&p.Plan, g.run.now, p.refuses)
	for i := range p.Stops {
		h := &p.Stops[i]
		if !p.refuses(g.allocs[h.Alloc].node) {
			g.stopped(h)
		}
	}
	for i, id := range ids {
		if id != cluster.NoAlloc {
			g.placed(j, p, i, id)
		}
	}
	g.evicted(p, ids)
	for i, id := range ids {
		if id != cluster.NoAlloc && p.Placements[i].ID == cluster.NoAlloc {
			g.deliver(id)
		}
	}
	for _, id := range p.unknown {
		g.markUnknown(id)
	}
	for _, id := range p.decided {
		g.allocs[id].back = false
	}
	for _, id := range p.kept {
		g.state.Update(id, func(a *cluster.Allocation) { a.Next = cluster.NoAlloc })
		j.groups[g.allocs[id].group].slot(g.allocs[id].index).last = id
	}
	g.closeDeployment(j, p)
}

// stopped carries out one stop: the client hears of it, if it can.
func (g *region) stopped(h *cluster.Halt) {
	g.tellAlloc("stop", h.Alloc, h.Reason)
	a := &g.allocs[h.Alloc]
	g.release(a, g.state.Alloc(h.Alloc))
	if h.Client.Terminal() {
		g.run.stats.gone(g, a, g.state.Alloc(h.Alloc))
		g.pruned(h.Alloc)
		g.settleNode(a.node)
		if g.state.Standing(a.node).Takes() {
			g.free(a.node)
		}
	}
	if j := g.jobs[a.job]; a.migrate && j.kind == Batch {
		s := j.groups[a.group].slot(a.index) // is not replaced
		if s.finished = true; s.wantedAt >= 0 {
			s.wantedAt = -1
			g.run.stats.lack(j.priority, -1)
		}
	}
	g.kill(h.Alloc)
}

// settleNode has a disconnected node down once nothing on it may return.
func (g *region) settleNode(n topology.NodeID) {
	if g.state.Standing(n).Status != cluster.Disconnected {
		return
	}
	for _, id := range g.state.On(n) {
		if s := g.state.Alloc(id); s.Client == cluster.Unknown || s.Client == cluster.Running {
			return
		}
	}
	g.setStanding(n, func(s *cluster.Standing) { s.Status = cluster.Down })
	g.tellNode("node-down", g.node(n), "nothing on it may return any more")
}

// evicted carries out the evictions: the victims stop, what evicted them
// waits, and their jobs are looked at.
func (g *region) evicted(p *plan, ids []cluster.AllocID) {
	for _, e := range p.Evictions {
		by := ids[e.For]
		if by == cluster.NoAlloc {
			continue
		}
		victim, taker := &g.allocs[e.Alloc], &g.allocs[by]
		victim.depth = taker.depth + 1
		g.run.stats.evicted(g, victim)
		g.release(victim, g.state.Alloc(e.Alloc))
		if g.told() {
			g.tellAlloc("evict", e.Alloc, fmt.Sprintf("priority %d, for %s of priority %d", g.state.Alloc(e.Alloc).Priority(), g.jobs[taker.job].name, g.state.Alloc(by).Priority()))
		}
		if victim.phase != gone {
			taker.waitsFor++
			victim.waiters = append(victim.waiters, by)
		}
		g.kill(e.Alloc)
	}
	for i, e := range p.Evictions {
		if ids[e.For] != cluster.NoAlloc && !sameJobBefore(g, p.Evictions[:i], e.Alloc) {
			g.evaluate(g.jobs[g.allocs[e.Alloc].job], Preempted)
		}
	}
}

// sameJobBefore reports whether one of list has the job of an allocation.
func sameJobBefore(g *region, list []cluster.Eviction, id cluster.AllocID) bool {
	return slices.ContainsFunc(list, func(e cluster.Eviction) bool { return g.allocs[e.Alloc].job == g.allocs[id].job })
}

// placed makes the record of a placement that is state, or notes the version
// that an allocation changed to in place.
func (g *region) placed(j *job, p *plan, i int, id cluster.AllocID) {
	c := &p.Placements[i]
	x := j.groupOf(p.versions[i], int(c.Group))
	if c.ID != cluster.NoAlloc {
		a := &g.allocs[id]
		a.version = p.versions[i]
		g.tellAlloc("update", id, "in place")
		g.inDeployment(j, c, id)
		if c.Deployment >= 0 {
			g.judgeAgain(id)
		}
		return
	}
	for len(g.allocs) <= int(id) {
		g.allocs = append(g.allocs, alloc{})
	}
	a := &g.allocs[id]
	*a = alloc{
		job: int32(j.id), group: int16(x), version: p.versions[i], index: c.Index, node: c.Node,
		said: cluster.Pending, canaryOf: -1, held: true,
	}
	if c.Canary {
		a.canaryOf = c.Deployment
	}
	g.run.stats.use(c.Amount, +1)
	grp := &j.groups[x]
	grp.allocs = append(grp.allocs, id)
	if c.Previous != cluster.NoAlloc {
		old := &g.allocs[c.Previous]
		if g.state.Alloc(c.Previous).Desired == cluster.Evict {
			a.depth = old.depth
		}
		a.past = g.replaced(j, old, c.Previous)
	}
	if j.kind.everywhere() {
		grp.byNode[c.Node] = id
	} else {
		grp.slot(c.Index).last = id
	}
	g.inDeployment(j, c, id)
	if g.told() {
		g.tellAlloc("place", id, p.why[i])
	}
	if g.state.Standing(c.Node).Status != cluster.Ready { // since the check
		g.evaluate(j, NodeUpdate)
	}
}

// replaced is the history that a replacement goes on with: that of its
// predecessor, and its failure when that is why.
func (g *region) replaced(j *job, old *alloc, id cluster.AllocID) []rescheduleEvent {
	was := g.state.Alloc(id)
	if was.Client != cluster.Failed && was.Client != cluster.Unknown {
		return old.past
	}
	spec := j.task(old.version, int(old.group))
	if spec == nil {
		return nil
	}
	policy := j.versions[old.version].spec.RescheduleOf(j.position(old.version, int(old.group)))
	past := append([]rescheduleEvent(nil), remembered(&policy, old.past, g.run.now)...)
	g.run.stats.rescheduled[j.priority]++
	return append(past, rescheduleEvent{at: g.run.now, delay: max(0, old.followUpAt-was.EndedAt)})
}
