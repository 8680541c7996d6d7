package controlplane

import (
	"time"

	"caravan/workloads/cluster"
)

// healthPolicy is how long an allocation must be well to count as healthy, and
// within which time: as its deployment has it, or its migration.
func (g *region) healthPolicy(id cluster.AllocID) (well, within time.Duration, ok bool) {
	a := &g.allocs[id]
	j := g.jobs[a.job]
	spec, at := j.versions[a.version].spec, j.position(a.version, int(a.group))
	if j.kind.ends() {
		return 0, 0, false
	}
	if g.state.Alloc(id).Deployment >= 0 {
		u := spec.UpdateOf(at)
		return u.MinHealthyTime, u.HealthyDeadline, true
	}
	m := spec.MigrateOf(at)
	return m.MinHealthyTime, m.HealthyDeadline, true
}

// armHealth schedules the verdict on an allocation that is not healthy in time.
func (g *region) armHealth(id cluster.AllocID) {
	a := &g.allocs[id]
	_, within, ok := g.healthPolicy(id)
	if !ok || a.verdict != cluster.Unjudged {
		return
	}
	left := max(0, a.judgedAt+within-g.run.now)
	g.run.eng.After(left, prioClient, g.event(evUnhealthy, a.checks, int32(id)))
}

// armHealthAgain starts the checks of a restarted allocation anew; its
// deadline stays.
func (g *region) armHealthAgain(id cluster.AllocID) {
	g.allocs[id].checks++
	g.armHealth(id)
}

// passChecks schedules the moment at which an allocation has been well for
// long enough.
func (g *region) passChecks(id cluster.AllocID) {
	a := &g.allocs[id]
	well, _, ok := g.healthPolicy(id)
	t := g.task(a)
	if !ok || t.Unhealthy || a.verdict != cluster.Unjudged {
		return
	}
	g.run.eng.After(t.HealthDelay+well, prioClient, g.event(evHealthy, a.checks, int32(id)))
}

// judgeAgain forgets the verdict on an allocation that a deployment has taken
// over in place, and watches it anew.
func (g *region) judgeAgain(id cluster.AllocID) {
	a := &g.allocs[id]
	a.verdict, a.judgedAt = cluster.Unjudged, g.run.now
	g.state.Update(id, func(s *cluster.Allocation) { s.Health = cluster.Unjudged })
	g.armHealthAgain(id)
	if a.phase == working {
		g.passChecks(id)
	}
}
