package controlplane

import (
	"cmp"
	"slices"
	"time"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// The windows within which reschedules count as due, and share an evaluation.
const (
	rescheduleSoon  = time.Second
	rescheduleBatch = 5 * time.Second
)

// A want is an instance to be placed.
type want struct {
	index    int32
	version  int16
	canary   bool
	previous cluster.AllocID // whom it replaces
	stop     cluster.AllocID // who stops when it is placed, cluster.NoAlloc for nobody
	node     topology.NodeID // the only one that may take it, or None
	reason   string          // of the stop
}

// A reconciler sorts the allocations of one group by what is to become of
// them. Its lists are reused from pass to pass.
type reconciler struct {
	g     *region
	j     *job
	p     *plan
	begun bool // the decider knows of the evaluation

	group  int
	count  int
	update workloads.Update
	policy workloads.Disconnect
	// deployment of the newest version that is not over with success, -1 for
	// none; a failed one holds everything up.
	deployment int32

	stay        []cluster.AllocID // alive, or failed and waiting for its delay
	canaries    []cluster.AllocID // of the deployment under way, not promoted
	migrating   []cluster.AllocID
	again       []cluster.AllocID // failed or silent, to be replaced at once
	back        []cluster.AllocID // answering again
	destructive []cluster.AllocID
	taken       []bool // by index
	wants       []want
	only        []topology.NodeID // scratch
	followAt    time.Duration     // of the last follow-up evaluation of the pass
}

// reconcile compares what a job wants with what it has and plans the
// difference.
func (g *region) reconcile(j *job, p *plan) {
	r := &g.scratch
	r.g, r.j, r.p, r.begun, r.followAt = g, j, p, false, -1
	g.cancelOldDeployment(j)
	for i := range j.groups {
		r.reset(i)
		if j.kind.everywhere() {
			r.everyNode()
		} else {
			r.sort()
			r.reconnect()
			r.dropCanaries()
			r.excess()
			r.updates()
			r.missing()
		}
		r.place()
	}
	if g.finishedDeployment(j, p) {
		p.closes = j.active
	}
}

// reset prepares the lists for a group.
func (r *reconciler) reset(i int) {
	r.group, r.count, r.deployment = i, r.j.wanted(i), -1
	r.stay, r.canaries, r.migrating, r.again = r.stay[:0], r.canaries[:0], r.migrating[:0], r.again[:0]
	r.back, r.destructive, r.wants, r.taken = r.back[:0], r.destructive[:0], r.wants[:0], r.taken[:0]
	r.update = workloads.Update{}
	r.policy = workloads.Disconnect{}
	if at := r.j.position(r.j.current(), i); at >= 0 {
		r.update, r.policy = r.j.spec().UpdateOf(at), r.j.spec().DisconnectOf(at)
	}
	if r.update.MaxParallel == 0 { // replaces everything at once, without a deployment
		r.update = workloads.Update{}
	}
	if d := r.j.active; d >= 0 && r.g.deployments[d].version == r.j.current() && r.g.deployments[d].status != deploySuccessful {
		r.deployment = d
	}
}

// sort puts every allocation of the group into its list.
func (r *reconciler) sort() {
	for _, id := range r.j.groups[r.group].allocs {
		s := r.g.state.Alloc(id)
		if s.Desired != cluster.Run {
			continue
		}
		a := &r.g.allocs[id]
		switch s.Client {
		case cluster.Failed:
			r.failed(id, a, s)
		case cluster.Unknown:
			r.silent(id, a, s)
		case cluster.Pending, cluster.Running:
			r.alive(id, a, s)
		}
	}
}

// alive sorts an allocation that its client has called pending or running.
func (r *reconciler) alive(id cluster.AllocID, a *alloc, s *cluster.Allocation) {
	standing := r.g.state.Standing(a.node)
	switch {
	case a.back:
		r.back = append(r.back, id)
	case standing.Status == cluster.Down || standing.Status == cluster.Disconnected:
		if r.policy.LostAfter > 0 && s.Client == cluster.Running {
			r.p.unknown = append(r.p.unknown, id)
			r.stay = append(r.stay, id)
			return
		}
		r.lost(id)
	case a.migrate:
		r.migrating = append(r.migrating, id)
	default:
		r.stay = append(r.stay, id)
	}
}

// lost plans the end of an allocation whose node is gone. Where the client
// stops what has lost its servers, the replacement waits until it has.
func (r *reconciler) lost(id cluster.AllocID) {
	r.p.Stop(r.g.state.Alloc(id), cluster.Lost, "its node is gone")
	a := &r.g.allocs[id]
	t := r.j.task(a.version, r.group)
	if t == nil || t.StopAfterLost == 0 {
		return
	}
	s := r.j.groups[r.group].slot(a.index)
	s.holdUntil = r.g.run.now + t.StopAfterLost + t.KillTimeout()
	r.follow(s.holdUntil, AllocStop)
}

// silent sorts an allocation on a node that does not answer.
func (r *reconciler) silent(id cluster.AllocID, a *alloc, s *cluster.Allocation) {
	now := r.g.run.now
	switch {
	case now >= a.unknownAt+r.policy.LostAfter:
		r.lost(id)
	case s.Next != cluster.NoAlloc || !r.policy.Replace:
		if s.Next == cluster.NoAlloc {
			r.stay = append(r.stay, id)
		}
	case a.followUpAt-now <= rescheduleSoon:
		r.again = append(r.again, id)
	default:
		r.stay = append(r.stay, id)
	}
}

// failed sorts a failed allocation: it is replaced at once, later, or never.
func (r *reconciler) failed(id cluster.AllocID, a *alloc, s *cluster.Allocation) {
	if s.Next != cluster.NoAlloc {
		return
	}
	due, ok := r.g.rescheduleAt(r.j, a, s.EndedAt)
	switch {
	case !ok: // never
		if r.j.kind.ends() {
			r.j.groups[r.group].slot(a.index).finished = true
		}
		r.stay = append(r.stay, id)
	case due-r.g.run.now <= rescheduleSoon || a.followUpAt > 0 && a.followUpAt-r.g.run.now <= rescheduleSoon:
		r.again = append(r.again, id)
	default:
		if a.followUpAt == 0 {
			a.followUpAt = r.follow(due, AllocFailure)
		}
		r.stay = append(r.stay, id)
	}
}

// follow asks for another evaluation at an instant, or shares the last one
// that is a little earlier. It returns when the evaluation is due.
func (r *reconciler) follow(at time.Duration, t Trigger) time.Duration {
	if r.followAt >= 0 && at >= r.followAt && at-r.followAt <= rescheduleBatch {
		return r.followAt
	}
	r.followAt = at
	r.g.evaluateAt(r.j, t, at)
	return at
}

// rescheduleAt is when a failed allocation is to be replaced; ok is false when
// its policy does not replace it any more.
func (g *region) rescheduleAt(j *job, a *alloc, endedAt time.Duration) (at time.Duration, ok bool) {
	pos := j.position(a.version, int(a.group))
	policy := j.versions[a.version].spec.RescheduleOf(pos)
	past := remembered(&policy, a.past, endedAt)
	if !policy.Unlimited && len(past) >= policy.Attempts {
		return 0, false
	}
	return endedAt + rescheduleDelay(&policy, past, endedAt), true
}

// reconnect decides between allocations whose node answers again and their
// replacements.
func (r *reconciler) reconnect() {
	for _, id := range r.back {
		r.p.decided = append(r.p.decided, id)
		other := r.replacement(id)
		switch {
		case other == cluster.NoAlloc:
			r.stay = append(r.stay, id)
		case r.keepsOriginal(id, other):
			r.stay = slices.DeleteFunc(r.stay, func(x cluster.AllocID) bool { return x == other })
			r.stay = append(r.stay, id)
			r.p.kept = append(r.p.kept, id)
			r.p.Stop(r.g.state.Alloc(other), cluster.Pending, "the original is back")
		default:
			r.p.Stop(r.g.state.Alloc(id), cluster.Pending, "its replacement stays")
		}
	}
}

// replacement is the newest replacement of an allocation that is wanted.
func (r *reconciler) replacement(id cluster.AllocID) cluster.AllocID {
	for x := r.g.state.Alloc(id).Next; x != cluster.NoAlloc; {
		s := r.g.state.Alloc(x)
		if s.Next == cluster.NoAlloc {
			if s.Desired == cluster.Run && !s.Client.Terminal() {
				return x
			}
			break
		}
		x = s.Next
	}
	return cluster.NoAlloc
}

// keepsOriginal applies the group's policy to an original and its replacement.
func (r *reconciler) keepsOriginal(id, other cluster.AllocID) bool {
	s, t := r.g.state.Alloc(id), r.g.state.Alloc(other)
	if a, b := &r.g.allocs[id], &r.g.allocs[other]; a.version != b.version {
		return a.version > b.version
	}
	switch r.policy.Reconcile {
	case workloads.KeepOriginal:
		return true
	case workloads.KeepReplacement:
		return false
	case workloads.LongestRunning:
		return t.Client != cluster.Running || r.g.allocs[id].runningAt <= r.g.allocs[other].runningAt
	}
	return t.Client != cluster.Running || s.Score >= t.Score
}

// dropCanaries takes the canaries of the deployment under way apart, and stops
// those of one that was not promoted and never will be. What promoted canaries
// stand for stops.
func (r *reconciler) dropCanaries() {
	var replaced []int32
	r.stay = slices.DeleteFunc(r.stay, func(id cluster.AllocID) bool {
		a, s := &r.g.allocs[id], r.g.state.Alloc(id)
		if a.canaryOf < 0 {
			return false
		}
		d := &r.g.deployments[a.canaryOf]
		switch {
		case d.groups[r.group].promoted:
			if a.version == r.j.current() {
				replaced = append(replaced, s.Index)
			}
			return false
		case a.canaryOf == r.deployment && d.status == deployRunning:
			r.canaries = append(r.canaries, id)
			return true
		}
		r.p.Stop(s, cluster.Pending, "the canary's deployment is over")
		return true
	})
	if len(replaced) == 0 {
		return
	}
	r.stay = slices.DeleteFunc(r.stay, func(id cluster.AllocID) bool {
		s := r.g.state.Alloc(id)
		if a := &r.g.allocs[id]; a.canaryOf >= 0 && a.version == r.j.current() || !slices.Contains(replaced, s.Index) {
			return false
		}
		r.p.Stop(s, cluster.Pending, "the canary takes its place")
		return true
	})
}

// excess stops what has a number past the count.
func (r *reconciler) excess() {
	for _, list := range []*[]cluster.AllocID{&r.stay, &r.migrating, &r.again, &r.canaries} {
		*list = slices.DeleteFunc(*list, func(id cluster.AllocID) bool {
			s := r.g.state.Alloc(id)
			if int(s.Index) < r.count {
				return false
			}
			if s.Client != cluster.Failed {
				r.p.Stop(s, cluster.Pending, "not wanted any more")
			}
			return true
		})
	}
	r.taken = slices.Grow(r.taken, r.count)[:r.count]
	clear(r.taken)
	for _, list := range [][]cluster.AllocID{r.stay, r.migrating, r.again} {
		for _, id := range list {
			r.taken[r.g.allocs[id].index] = true
		}
	}
}

// updates changes older versions in place where it can, and lists the others.
func (r *reconciler) updates() {
	if r.count == 0 {
		return
	}
	current, inPlace, fresh := r.j.current(), 0, true
	at := r.j.position(current, r.group)
	for _, id := range r.stay {
		a, s := &r.g.allocs[id], r.g.state.Alloc(id)
		if a.version == current {
			fresh = false
			continue
		}
		if s.Client == cluster.Failed || s.Client == cluster.Unknown {
			continue
		}
		if r.j.spec().Replaces(r.j.versions[a.version].spec, at) {
			r.destructive = append(r.destructive, id)
		} else {
			inPlace++
		}
	}
	r.open(Service, fresh, inPlace+len(r.destructive))
	if inPlace > 0 {
		for _, id := range r.stay {
			r.inPlace(id, at)
		}
	}
}

// open begins a deployment of the newest version with the plan, where it is
// the first look at the version or something is left to change.
func (r *reconciler) open(k Kind, fresh bool, changes int) {
	if r.deployment >= 0 || r.update.MaxParallel == 0 || r.j.kind != k {
		return
	}
	seen := r.j.active >= 0 && r.g.deployments[r.j.active].version == r.j.current()
	if changes == 0 && (!fresh || seen) {
		return
	}
	if r.p.opens < 0 {
		r.p.opens = r.g.proposeDeployment(r.j)
	}
	r.deployment = r.p.opens
}

// inPlace changes an allocation to the newest version where it runs.
func (r *reconciler) inPlace(id cluster.AllocID, at int) {
	a, s := &r.g.allocs[id], r.g.state.Alloc(id)
	if a.version == r.j.current() || s.Client == cluster.Failed || s.Client == cluster.Unknown || slices.Contains(r.destructive, id) {
		return
	}
	c := *s
	c.Spec, c.Group, c.Deployment = r.j.spec(), int32(at), r.deployment
	r.p.Change(s, c)
	r.p.note(r.j.current(), "")
}

// missing lists what is to be placed: first what replaces an old version or
// leaves a draining node, then what lacks.
func (r *reconciler) missing() {
	if r.count == 0 {
		return
	}
	d := r.deploymentState()
	held := d != nil && (d.status == deployFailed || d.canarying(r.group))
	canarying := r.update.Canary > 0 && r.j.kind == Service &&
		(len(r.destructive) > 0 && (d == nil || !d.groups[r.group].promoted) || d != nil && d.canarying(r.group))
	held = held || canarying
	lacking := r.lacking(held)
	switch {
	case d != nil && d.status == deployFailed:
	case canarying:
		r.addCanaries()
	default:
		r.replaceOld(len(lacking))
	}
	for _, id := range r.migrating {
		if r.j.kind.ends() {
			r.p.Stop(r.g.state.Alloc(id), cluster.Pending, "its node is drained")
			continue
		}
		version := r.j.current()
		if held {
			version = r.g.allocs[id].version
		}
		r.wants = append(r.wants, want{r.g.allocs[id].index, version, false, id, id, topology.None, "its node is drained"})
	}
	r.wants = append(r.wants, lacking...)
}

func (r *reconciler) deploymentState() *deployment {
	if r.deployment < 0 {
		return nil
	}
	return &r.g.deployments[r.deployment]
}

// lacking is what replaces the failed, and fills the free numbers. While a
// deployment holds everything up, only what ran before is replaced, by the
// version that it had.
func (r *reconciler) lacking(held bool) []want {
	var out []want
	add := func(index int32, previous cluster.AllocID) {
		version := r.j.current()
		if held {
			if previous == cluster.NoAlloc {
				return
			}
			version = r.g.allocs[previous].version
			if version == r.j.current() && r.j.position(version, r.group) >= 0 && r.g.state.Alloc(previous).Client == cluster.Failed {
				return // the failed version is not tried again
			}
		}
		out = append(out, want{index, version, false, previous, cluster.NoAlloc, topology.None, ""})
	}
	for _, id := range r.again {
		add(r.g.allocs[id].index, id)
	}
	grp := &r.j.groups[r.group]
	for i := range int32(r.count) {
		s := grp.slot(i)
		if r.taken[i] || s.finished || s.holdUntil > r.g.run.now {
			continue
		}
		add(i, s.last)
	}
	return out
}

// addCanaries wants instances of the new version beside the old.
func (r *reconciler) addCanaries() {
	has := make([]bool, r.update.Canary)
	for _, id := range r.canaries {
		if i := int(r.g.allocs[id].index); i < len(has) {
			has[i] = true
		}
	}
	for i := range min(r.update.Canary, r.count) {
		if !has[i] {
			r.wants = append(r.wants, want{int32(i), r.j.current(), true, cluster.NoAlloc, cluster.NoAlloc, topology.None, ""})
		}
	}
}

// replaceOld wants replacements of the old version, as many as may be down at
// once: of a deployment max_parallel less what is not healthy yet, and less
// what is placed besides.
func (r *reconciler) replaceOld(placing int) {
	slices.SortFunc(r.destructive, func(a, b cluster.AllocID) int {
		return cmp.Compare(r.g.allocs[a].index, r.g.allocs[b].index)
	})
	for _, id := range r.destructive[:min(len(r.destructive), r.budget(r.stay, placing))] {
		r.wants = append(r.wants, want{r.g.allocs[id].index, r.j.current(), false, id, id, topology.None, "replaced by version " + itoa(r.j.current())})
	}
}

// budget is how many old instances may be replaced at once.
func (r *reconciler) budget(alive []cluster.AllocID, placing int) int {
	if r.update.MaxParallel == 0 {
		return len(r.destructive)
	}
	limit := r.update.MaxParallel - placing
	for _, id := range alive {
		s := r.g.state.Alloc(id)
		if r.deployment < 0 || s.Deployment != r.deployment {
			continue
		}
		switch s.Health {
		case cluster.Unhealthy:
			return 0
		case cluster.Unjudged:
			limit--
		}
	}
	return max(0, limit)
}
