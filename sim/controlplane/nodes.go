package controlplane

import (
	"slices"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
	"caravan/workloads/draw"
)

// fail has a machine stop: what ran there loses its progress, and the servers
// learn of it when its heartbeat is missed.
func (g *region) fail(n *node) {
	if n.broken++; !n.alive {
		return
	}
	n.alive = false
	g.tellNode("node-fails", n, "")
	var dying []cluster.AllocID
	for _, id := range n.allocs {
		a := &g.allocs[id]
		if a.phase == killing {
			dying = append(dying, id)
			continue
		}
		g.interrupt(id, byLoss)
		a.phase = crashed
		a.life++
		a.checks++
		g.lacks(g.jobs[a.job], a, id)
	}
	for _, id := range dying {
		g.ends(id, cluster.Complete)
	}
	g.armMissed(n)
}

// part cuts a node off its servers; what runs there goes on.
func (g *region) part(n *node) {
	if !n.linked || !n.alive {
		return
	}
	n.linked = false
	g.tellNode("partition", n, "")
	for _, id := range n.allocs {
		if t := g.task(&g.allocs[id]); t.StopAfterLost > 0 {
			g.at(t.StopAfterLost, evClientStop, id)
		}
	}
	g.armMissed(n)
}

// armMissed schedules the moment at which the servers find a node missing.
func (g *region) armMissed(n *node) {
	n.beat++
	base := heartbeatBase(g.nodesUp())
	g.run.eng.After(missedAfter(base, &g.run.draws), prioServer, des.NewEvent(evMissed, n.beat, uint32(n.id)))
}

// nodesUp counts the nodes whose heartbeats the servers wait for.
func (g *region) nodesUp() int { return len(g.members) - g.silentNodes }

// missed has the servers give up a silent node: it is down, or disconnected
// when something on it may outlive that.
func (g *region) missed(n *node) {
	standing := g.state.Standing(n.id)
	if n.reachable() || !g.up || standing.Status == cluster.Absent || standing.Status == cluster.Down {
		return
	}
	status := cluster.Down
	var jobs []*job
	for _, id := range g.state.On(n.id) {
		s, j := g.state.Alloc(id), g.jobs[g.allocs[id].job]
		if s.Desired == cluster.Run && s.Client == cluster.Running && s.Spec.DisconnectOf(int(s.Group)).LostAfter > 0 {
			status = cluster.Disconnected
		}
		if !slices.Contains(jobs, j) {
			jobs = append(jobs, j)
		}
	}
	g.silentNodes++
	g.run.stats.nodesLost++
	g.setStanding(n.id, func(s *cluster.Standing) { s.Status = status })
	g.tellNode("node-"+status.String(), n, "its heartbeat was missed")
	for _, j := range jobs {
		g.evaluate(j, NodeUpdate)
	}
}

// answer has a node work and reach its servers again. One that they have not
// missed goes on; another registers anew.
func (g *region) answer(n *node) {
	if !n.reachable() {
		return
	}
	n.beat++
	if !g.up {
		return
	}
	standing := g.state.Standing(n.id)
	missed := standing.Status != cluster.Ready
	if missed {
		if standing.Status != cluster.Absent {
			g.silentNodes--
		}
		g.setStanding(n.id, func(s *cluster.Standing) { s.Status = cluster.Ready })
		g.tellNode("node-ready", n, "")
	}
	g.sync(n)
	if missed {
		g.free(n.id)
		g.everywhereJobs()
	}
}

// everywhereJobs has the jobs that run on every node looked at.
func (g *region) everywhereJobs() {
	for _, j := range g.jobs {
		if j.kind.everywhere() && !j.stopped {
			g.evaluate(j, NodeUpdate)
		}
	}
}

// sync has client and servers tell each other what happened while they were
// apart.
func (g *region) sync(n *node) {
	unsaid := n.unsaid
	n.unsaid = nil
	for _, id := range unsaid {
		g.allocs[id].quiet = false
		g.say(id)
	}
	for _, id := range slices.Clone(n.allocs) {
		a, s := &g.allocs[id], g.state.Alloc(id)
		switch {
		case s.Desired != cluster.Run || s.Client.Terminal():
			g.kill(id)
		case a.phase == unborn:
			g.armHealth(id)
			g.pull(id)
		case a.phase == crashed:
			g.armHealth(id)
			g.starts(id)
		default:
			g.say(id)
		}
	}
}

// repair has a machine work again once nothing keeps it down any more.
func (g *region) repair(n *node) {
	n.broken = max(0, n.broken-1)
	if n.alive || n.broken > 0 {
		return
	}
	n.alive = true
	g.tellNode("node-works", n, "")
	g.answer(n)
}

// heal joins a node and its servers.
func (g *region) heal(n *node) {
	if n.linked {
		return
	}
	n.linked = true
	g.tellNode("heal", n, "")
	g.answer(n)
}

// A faulty is a fault as the simulation runs it.
type faulty struct {
	workloads.Fault
	up, down draw.Sampler
	stream   des.Stream
}

// beginFaults schedules the first failure of every fault.
func (r *run) beginFaults() {
	for i := range r.c.Faults {
		f := faulty{
			Fault: r.c.Faults[i], up: draw.New(r.c.Faults[i].MTBF, true), down: draw.New(r.c.Faults[i].MTTR, true),
			stream: des.FromSeed(r.c.Seed ^ uint64(i+1)*0x94d049bb133111eb ^ uint64(r.c.Replication)<<40),
		}
		at := f.At
		if f.Recurring() {
			at = topology.Seconds(f.up.Draw(&f.stream))
		}
		r.faults = append(r.faults, f)
		r.eng.Schedule(at, prioUser, des.NewEvent(evFault, 0, uint32(i)))
	}
}

func (r *run) faultBegins(i int32) {
	f := &r.faults[i]
	for _, n := range f.Nodes {
		r.regions[r.nodes[n].region].fail(&r.nodes[n])
	}
	switch {
	case f.Recurring():
		r.eng.After(topology.Seconds(f.down.Draw(&f.stream)), prioUser, des.NewEvent(evRepair, 0, uint32(i)))
	case f.For > 0:
		r.eng.After(f.For, prioUser, des.NewEvent(evRepair, 0, uint32(i)))
	}
}

func (r *run) faultEnds(i int32) {
	f := &r.faults[i]
	for _, n := range f.Nodes {
		r.regions[r.nodes[n].region].repair(&r.nodes[n])
	}
	if f.Recurring() {
		r.eng.After(topology.Seconds(f.up.Draw(&f.stream)), prioUser, des.NewEvent(evFault, 0, uint32(i)))
	}
}
