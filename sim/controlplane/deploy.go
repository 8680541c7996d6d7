package controlplane

import (
	"fmt"
	"slices"
	"time"

	"caravan/workloads"
	"caravan/workloads/cluster"
)

// watchBatch is how long the watcher of deployments gathers changes before it
// has the job looked at.
const watchBatch = time.Second

// A deployStatus is where a deployment stands.
type deployStatus uint8

const (
	deployProposed deployStatus = iota // in a plan that is not state
	deployRunning
	deployFailed
	deploySuccessful
	deployCancelled
)

var deployNames = [...]string{"proposed", "running", "failed", "successful", "cancelled"}

func (s deployStatus) String() string { return deployNames[s] }

// A deployment is a version of a job on its way in.
type deployment struct {
	job     cluster.JobID
	version int16
	status  deployStatus
	groups  []deployGroup // as of the job
	watchAt time.Duration // of the evaluation that is under way; 0 is none
	gen     uint16        // of the progress deadline
}

// A deployGroup is what a deployment has done of one group.
type deployGroup struct {
	update   workloads.Update
	canaries int // wanted before the promotion; 0 goes without
	promoted bool
	total    int // instances wanted
	healthy  int
	progress time.Duration // by when the next must be healthy; 0 before the first placement
}

// canarying reports whether a group waits for its promotion.
func (d *deployment) canarying(group int) bool {
	return group < len(d.groups) && d.groups[group].canaries > 0 && !d.groups[group].promoted
}

// proposeDeployment makes the deployment of the newest version that a plan
// begins when it is committed.
func (g *region) proposeDeployment(j *job) int32 {
	d := deployment{job: j.id, version: j.current()}
	for i := range j.groups {
		dg := deployGroup{total: j.wanted(i)}
		if at := j.position(j.current(), i); at >= 0 {
			dg.update = j.spec().UpdateOf(at)
		}
		if j.kind == System {
			dg.total = g.nodesFor(j, i)
		}
		if dg.update.MaxParallel == 0 {
			dg.total, dg.update = 0, workloads.Update{}
		}
		if dg.update.Canary > 0 && g.replacesAny(j, i) {
			dg.canaries = min(dg.update.Canary, dg.total)
		}
		d.groups = append(d.groups, dg)
	}
	if n := len(g.deployments); n > 0 && g.deployments[n-1].status == deployProposed && g.deployments[n-1].job == j.id {
		g.deployments[n-1] = d
		return int32(n - 1)
	}
	g.deployments = append(g.deployments, d)
	return int32(len(g.deployments) - 1)
}

// nodesFor counts the nodes that take a group which runs everywhere.
func (g *region) nodesFor(j *job, group int) int {
	at, n := j.position(j.current(), group), 0
	if at < 0 {
		return 0
	}
	for _, id := range g.members {
		if g.state.Standing(id).Takes() && g.serves(j, at, id) {
			n++
		}
	}
	return n
}

// replacesAny reports whether the newest version replaces instances of a group.
func (g *region) replacesAny(j *job, group int) bool {
	at := j.position(j.current(), group)
	return slices.ContainsFunc(j.groups[group].allocs, func(id cluster.AllocID) bool {
		a, s := &g.allocs[id], g.state.Alloc(id)
		if a.canaryOf >= 0 && g.deployments[a.canaryOf].canarying(group) {
			return false // it stops
		}
		return a.version != j.current() && s.Desired == cluster.Run && j.spec().Replaces(j.versions[a.version].spec, at)
	})
}

// openDeployment begins the deployment of a plan.
func (g *region) openDeployment(j *job, p *plan) {
	if p.opens < 0 || g.deployments[p.opens].version != j.current() {
		return
	}
	d := &g.deployments[p.opens]
	d.status = deployRunning
	j.active = p.opens
	if g.told() {
		text := fmt.Sprintf("of version %d begins", d.version)
		for i := range d.groups {
			if d.groups[i].canaries > 0 {
				text += fmt.Sprintf(", %d canary", d.groups[i].canaries)
			}
		}
		g.tellJob("deployment", j, text)
	}
}

// inDeployment counts a placement in its deployment: the clock of progress
// starts with the first.
func (g *region) inDeployment(j *job, s *cluster.Allocation, id cluster.AllocID) {
	if s.Deployment < 0 {
		return
	}
	d := &g.deployments[s.Deployment]
	dg := &d.groups[g.allocs[id].group]
	if dg.progress == 0 && dg.update.ProgressDeadline > 0 {
		dg.progress = g.run.now + dg.update.ProgressDeadline
		g.armProgress(s.Deployment)
	}
}

// armProgress schedules the look at the next deadline of progress.
func (g *region) armProgress(i int32) {
	d := &g.deployments[i]
	next := time.Duration(0)
	for k := range d.groups {
		if dg := &d.groups[k]; dg.progress > 0 && dg.healthy < dg.total && (next == 0 || dg.progress < next) {
			next = dg.progress
		}
	}
	d.gen++
	if next > 0 {
		g.run.eng.Schedule(max(next, g.run.now), prioServer, g.event(evProgress, d.gen, i))
	}
}

// progressDeadline fails a deployment that has not got on in time.
func (g *region) progressDeadline(i int32, gen uint16) {
	d := &g.deployments[i]
	if d.gen != gen || d.status != deployRunning {
		return
	}
	g.failDeployment(i, "no progress in time")
}

// judged carries out what follows from the verdict on an allocation.
func (g *region) judged(j *job, id cluster.AllocID) {
	s := g.state.Alloc(id)
	if g.told() {
		what := "healthy"
		if s.Health == cluster.Unhealthy {
			what = "unhealthy"
		}
		g.tellAlloc(what, id, "")
	}
	if s.Deployment < 0 || g.deployments[s.Deployment].status != deployRunning {
		return
	}
	d := &g.deployments[s.Deployment]
	dg := &d.groups[g.allocs[id].group]
	if s.Health == cluster.Unhealthy {
		if _, again := g.rescheduleAt(j, &g.allocs[id], g.run.now); dg.update.ProgressDeadline == 0 || !again {
			g.failDeployment(s.Deployment, "an instance is unhealthy")
			return
		}
		g.watchSoon(s.Deployment)
		return
	}
	dg.healthy++
	if dg.update.ProgressDeadline > 0 {
		dg.progress = g.run.now + dg.update.ProgressDeadline
		g.armProgress(s.Deployment)
	}
	g.autoPromote(s.Deployment)
	g.watchSoon(s.Deployment)
}

// autoPromote promotes the canaries when those of every group are healthy and
// every group that has some asks for it.
func (g *region) autoPromote(i int32) {
	d := &g.deployments[i]
	any := false
	for k := range d.groups {
		dg := &d.groups[k]
		if !d.canarying(k) {
			continue
		}
		if !dg.update.AutoPromote || dg.healthy < dg.canaries {
			return
		}
		any = true
	}
	if any {
		g.promote(i)
	}
}

// promote lets the rest of the group follow its canaries.
func (g *region) promote(i int32) {
	d := &g.deployments[i]
	if d.status != deployRunning {
		return
	}
	for k := range d.groups {
		d.groups[k].promoted = true
	}
	g.tellJob("promote", g.jobs[d.job], fmt.Sprintf("the canaries of version %d", d.version))
	g.evaluate(g.jobs[d.job], DeploymentWatcher)
}

// watchSoon has the job of a deployment looked at, with all that changes
// meanwhile.
func (g *region) watchSoon(i int32) {
	d := &g.deployments[i]
	if d.watchAt > g.run.now {
		return
	}
	d.watchAt = g.run.now + watchBatch
	g.run.eng.Schedule(d.watchAt, prioServer, g.event(evWatch, 0, i))
}

func (g *region) watch(i int32) {
	d := &g.deployments[i]
	d.watchAt = 0
	if d.status == deployRunning && g.up {
		g.evaluate(g.jobs[d.job], DeploymentWatcher)
	}
}

// failDeployment ends a deployment without success; where a group asks for it
// the newest stable version comes back, if it is another.
func (g *region) failDeployment(i int32, why string) {
	d := &g.deployments[i]
	j := g.jobs[d.job]
	d.status = deployFailed
	g.run.stats.deploymentsFailed++
	revert := slices.ContainsFunc(d.groups, func(dg deployGroup) bool { return dg.update.AutoRevert })
	g.tellJob("deployment", j, fmt.Sprintf("of version %d failed: %s", d.version, why))
	if revert {
		for v := int(j.current()) - 1; v >= 0; v-- {
			if old := &j.versions[v]; old.stable && !sameSpec(old.spec, j.spec()) {
				g.run.stats.reverts++
				g.tellJob("revert", j, fmt.Sprintf("to version %d", v))
				back := *old.spec
				g.register(&back)
				return
			}
		}
	}
	g.evaluate(j, DeploymentWatcher)
}

// sameSpec reports whether two versions of a job run the same.
func sameSpec(a, b *workloads.Job) bool {
	if len(a.Groups) != len(b.Groups) {
		return false
	}
	for i := range a.Groups {
		if a.Groups[i].Name != b.Groups[i].Name || a.Groups[i].Count != b.Groups[i].Count || a.Replaces(b, i) {
			return false
		}
	}
	return true
}

// cancelOldDeployment ends the deployment of an older version, or of a job
// that is stopped.
func (g *region) cancelOldDeployment(j *job) {
	if j.active < 0 {
		return
	}
	d := &g.deployments[j.active]
	if d.status == deployRunning && (d.version != j.current() || j.stopped) {
		d.status = deployCancelled
		g.tellJob("deployment", j, fmt.Sprintf("of version %d is cancelled", d.version))
	}
}

// finishedDeployment reports whether the deployment under way has nothing left
// to do: the plan replaces nothing, and all that it wants is healthy and, with
// canaries, promoted.
func (g *region) finishedDeployment(j *job, p *plan) bool {
	if j.active < 0 || p.opens >= 0 {
		return false
	}
	d := &g.deployments[j.active]
	if d.status != deployRunning || len(p.Placements) > 0 || len(p.unplaced) > 0 {
		return false
	}
	for i := range j.groups {
		if i >= len(d.groups) || d.canarying(i) {
			return false
		}
		for _, id := range j.groups[i].allocs {
			if s := g.state.Alloc(id); s.Desired == cluster.Run && g.allocs[id].version != d.version && s.Client != cluster.Failed && !p.stops(id) {
				return false
			}
		}
		if d.groups[i].healthy < min(d.groups[i].total, j.wanted(i)) {
			return false
		}
	}
	return true
}

// stops reports whether the plan stops an allocation.
func (p *plan) stops(id cluster.AllocID) bool {
	return slices.ContainsFunc(p.Stops, func(h cluster.Halt) bool { return h.Alloc == id })
}

// closeDeployment ends a deployment with success: its version is stable.
func (g *region) closeDeployment(j *job, p *plan) {
	if p.closes < 0 || p.closes != j.active {
		return
	}
	d := &g.deployments[p.closes]
	if d.status != deployRunning {
		return
	}
	d.status = deploySuccessful
	d.gen++
	j.versions[d.version].stable = true
	g.run.stats.deploymentsDone++
	g.tellJob("deployment", j, fmt.Sprintf("of version %d was successful", d.version))
}
