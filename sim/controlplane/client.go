package controlplane

import (
	"math"
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// client handles the events of an allocation on its node. Those of an earlier
// life of it are stale.
func (g *region) client(ev des.Event, id cluster.AllocID) {
	a := &g.allocs[id]
	switch ev.Kind() {
	case evReport:
		g.report(id)
		return
	case evHealthy, evUnhealthy:
		if a.checks == ev.Gen() && a.verdict == cluster.Unjudged {
			a.verdict = cluster.Healthy
			if ev.Kind() == evUnhealthy {
				a.verdict = cluster.Unhealthy
			}
			g.say(id)
		}
		return
	}
	if a.life != ev.Gen() {
		return
	}
	switch ev.Kind() {
	case evStart:
		g.starts(id)
	case evRun:
		g.runs(id)
	case evEnd:
		g.ends(id, cluster.Complete)
	case evFail:
		g.fails(id)
	case evKilled:
		g.ends(id, cluster.Complete)
	case evClientStop:
		if !g.node(a.node).linked {
			g.endNow(id)
		}
	}
}

// task is the group that an allocation runs.
func (g *region) task(a *alloc) *workloads.Group {
	return g.jobs[a.job].task(a.version, int(a.group))
}

// at schedules an event of an allocation's present life.
func (g *region) at(d time.Duration, kind uint8, id cluster.AllocID) {
	g.run.eng.After(d, prioClient, g.event(kind, g.allocs[id].life, int32(id)))
}

// deliver lets the client of a new allocation hear of it; what evicted others
// waits until they have stopped.
func (g *region) deliver(id cluster.AllocID) {
	a := &g.allocs[id]
	g.node(a.node).allocs = append(g.node(a.node).allocs, id)
	a.judgedAt = g.run.now
	if !g.node(a.node).reachable() {
		return
	}
	g.armHealth(id)
	if a.waitsFor > 0 {
		a.phase = waiting
		return
	}
	g.pull(id)
}

// pull fetches the image, where the node does not have it, and starts.
func (g *region) pull(id cluster.AllocID) {
	a := &g.allocs[id]
	n, t := g.node(a.node), g.task(a)
	a.phase = starting
	wait := time.Duration(0)
	if t.Image > 0 {
		key := imageKey{g.jobs[a.job].id, a.group, t.Image}
		if !n.images[key] {
			if n.images == nil {
				n.images = map[imageKey]bool{}
			}
			n.images[key] = true
			wait = topology.Seconds(float64(t.Image) / float64(g.run.c.PullRate))
			g.run.stats.pulled(g, a, wait)
		}
	}
	if wait > 0 {
		g.at(wait, evStart, id)
		return
	}
	g.starts(id)
}

// starts begins the start-up.
func (g *region) starts(id cluster.AllocID) {
	a := &g.allocs[id]
	a.phase = starting
	if d := g.task(a).Startup; d > 0 {
		g.run.stats.overhead(g, a, d)
		g.at(d, evRun, id)
		return
	}
	g.runs(id)
}

// runs has the main tasks of an allocation work.
func (g *region) runs(id cluster.AllocID) {
	a := &g.allocs[id]
	now, t, j := g.run.now, g.task(a), g.jobs[a.job]
	a.phase, a.said, a.runningAt = working, cluster.Running, now
	g.run.stats.working(j.priority, +1)
	g.filled(j, a)
	left := time.Duration(math.MaxInt64)
	if d := g.run.duration(j, a, t); d > 0 {
		left = d
		if s := g.slotOf(j, a); s != nil {
			left -= s.saved
		}
		left = max(left, 0)
	}
	if t.Failure != nil {
		if f := topology.Seconds(g.run.sample(t.Failure)); f < left {
			g.at(f, evFail, id)
			left = math.MaxInt64
		}
	}
	if left < math.MaxInt64 {
		g.at(left, evEnd, id)
	}
	g.passChecks(id)
	g.say(id)
}

// slotOf is the instance of an allocation, nil for jobs that run everywhere.
func (g *region) slotOf(j *job, a *alloc) *slot {
	if j.kind.everywhere() {
		return nil
	}
	return j.groups[a.group].slot(a.index)
}

// filled notes that an instance works again, or for the first time.
func (g *region) filled(j *job, a *alloc) {
	s := g.slotOf(j, a)
	if s == nil || s.wantedAt < 0 {
		return
	}
	g.run.stats.filled(g, j, a, s)
	s.wantedAt = -1
}

// lacks notes that an instance does not work any more, unless its work is
// done, nobody wants it, or another allocation of it works.
func (g *region) lacks(j *job, a *alloc, id cluster.AllocID) {
	s := g.slotOf(j, a)
	if s == nil || s.finished || s.wantedAt >= 0 || int(a.index) >= j.wanted(int(a.group)) {
		return
	}
	if s.last != id && s.last != cluster.NoAlloc && g.allocs[s.last].phase == working {
		return
	}
	s.wantedAt = g.run.now
	g.run.stats.lack(j.priority, +1)
}

// interrupt ends a stretch of work that is not done: what the last checkpoint
// does not hold is lost.
func (g *region) interrupt(id cluster.AllocID, c cause) {
	a := &g.allocs[id]
	if a.phase != working {
		return
	}
	j := g.jobs[a.job]
	g.run.stats.working(j.priority, -1)
	ran := g.run.now - a.runningAt
	lost := time.Duration(0)
	if s := g.slotOf(j, a); s != nil && j.kind.ends() {
		done := s.saved + ran
		kept := s.saved
		if every := g.task(a).Checkpoint; every > 0 {
			kept = max(kept, done/every*every)
		}
		lost = done - kept
		s.saved = kept
	}
	g.run.stats.wasted(g, a, c, lost)
}

// fails has the tasks of an allocation fail: its node restarts them, as long
// as its policy has attempts left.
func (g *region) fails(id cluster.AllocID) {
	a := &g.allocs[id]
	j := g.jobs[a.job]
	g.interrupt(id, byFailure)
	p := j.versions[a.version].spec.RestartOf(j.position(a.version, int(a.group)))
	now := g.run.now
	if a.restarts == 0 || now-a.windowAt > p.Interval {
		a.restarts, a.windowAt = 0, now
	}
	delay := jitter(p.Delay, &g.run.draws)
	if int(a.restarts) >= p.Attempts {
		if p.Mode != workloads.RestartDelay || p.Attempts == 0 {
			g.lacks(j, a, id)
			g.ends(id, cluster.Failed)
			return
		}
		delay += max(0, a.windowAt+p.Interval-now)
	} else {
		a.restarts++
	}
	g.lacks(j, a, id)
	g.run.stats.restarted[j.priority]++
	if g.told() {
		g.tellAlloc("restart", id, "failed; again in "+topology.FormatDuration(delay.Round(time.Millisecond)))
	}
	a.phase = backoff
	a.life++
	g.armHealthAgain(id)
	g.at(delay, evStart, id)
}

// ends has an allocation stop for good.
func (g *region) ends(id cluster.AllocID, said cluster.Client) {
	a := &g.allocs[id]
	j := g.jobs[a.job]
	if said == cluster.Complete && a.phase == working {
		g.run.stats.working(j.priority, -1)
		g.run.stats.done(g, a, g.run.now-a.runningAt)
		if s := g.slotOf(j, a); s != nil {
			g.run.stats.finished(g, j, a, s)
			s.finished = true
		}
	}
	a.said = said
	g.leave(id)
	g.say(id)
}

// leave is the end of an allocation's last life: those that wait for it go on.
func (g *region) leave(id cluster.AllocID) {
	a := &g.allocs[id]
	a.phase = gone
	a.life++
	a.checks++
	g.node(a.node).remove(id)
	waiters := a.waiters
	a.waiters = nil
	for _, w := range waiters {
		x := &g.allocs[w]
		if x.waitsFor--; x.waitsFor == 0 && x.phase == waiting {
			g.pull(w)
		}
	}
}

// remove takes an allocation off the node's list.
func (n *node) remove(id cluster.AllocID) {
	for i, x := range n.allocs {
		if x == id {
			n.allocs = append(n.allocs[:i], n.allocs[i+1:]...)
			return
		}
	}
}

// kill has the client stop an allocation, when it can hear of it.
func (g *region) kill(id cluster.AllocID) {
	a := &g.allocs[id]
	if a.phase == killing || a.phase == gone || !g.node(a.node).reachable() {
		return
	}
	j := g.jobs[a.job]
	if a.phase != working {
		g.endNow(id)
		return
	}
	why := byStop
	if g.state.Alloc(id).Desired == cluster.Evict {
		why = byEviction
	}
	g.interrupt(id, why)
	t := g.task(a)
	a.phase = killing
	a.life++
	a.checks++
	g.lacks(j, a, id)
	g.at(t.KillTimeout(), evKilled, id)
}

// endNow has an allocation stop without delay.
func (g *region) endNow(id cluster.AllocID) {
	a := &g.allocs[id]
	if a.phase == gone {
		return
	}
	g.interrupt(id, byLoss)
	a.said = cluster.Complete
	g.leave(id)
	g.lacks(g.jobs[a.job], a, id)
	g.say(id)
}

// say lets the servers hear of a change, after a while and if the node
// reaches them.
func (g *region) say(id cluster.AllocID) {
	a := &g.allocs[id]
	if a.quiet {
		return // with the news that is under way
	}
	a.quiet = true
	if n := g.node(a.node); !n.reachable() {
		n.unsaid = append(n.unsaid, id)
		return
	}
	g.run.eng.After(g.run.c.ReportTime, prioServer, g.event(evReport, 0, int32(id)))
}
