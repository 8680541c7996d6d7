package controlplane

import (
	"fmt"
	"strings"
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// A region is one federation domain: nodes, servers and their state. Regions
// share nothing but the time that a message takes between them.
type region struct {
	run     *run
	name    string
	id      int
	members []topology.NodeID
	// silentNodes are members whose heartbeats the servers have given up.
	silentNodes int
	up          bool   // its servers work
	epoch       uint64 // counts its leaders: what an earlier one had under way is void

	state   *cluster.State // as schedulers see it
	decider Decider
	broker  *Broker
	open    []*Evaluation // that were not done when the servers went down
	blocked *blockedEvals
	maxed   []*Evaluation // out of attempts, until the next release
	queue   planQueue
	checked *plan // being checked by the applier, or waiting for the one in flight
	flying  *plan // checked, not yet state
	workers []worker
	idle    []int32 // workers

	jobs        []*job
	byName      map[string]*job
	allocs      []alloc
	deployments []deployment
	shapes      map[string]int32
	shapeOf     []*workloads.Job // one of each shape
	evaluations uint64
	dueAt       time.Duration // of the next wake-up for delayed evaluations; 0 is none
	draining    []topology.NodeID
	drainAt     time.Duration // of the drainer's next look; 0 is none
	// freed is the log of where room appeared, which tells where a placement
	// that failed can be tried again.
	freed   []topology.NodeID
	woken   []*Evaluation // scratch
	scratch reconciler
}

func newRegion(r *run, name string, id int) *region {
	g := &region{
		run: r, name: name, id: id, up: true, blocked: newBlocked(), queue: newPlanQueue(),
		byName: map[string]*job{}, shapes: map[string]int32{},
	}
	g.broker = NewBroker(r.c.Broker, r.draws.IntN)
	for i := range r.c.Workers {
		g.workers = append(g.workers, worker{id: int32(i)})
		g.idle = append(g.idle, int32(i))
	}
	return g
}

// found makes the state: the members that are there are ready.
func (g *region) found() (err error) {
	g.state = cluster.New(g.run.c.Fleet)
	for i := range g.run.nodes {
		n := &g.run.nodes[i]
		if int(n.region) != g.id {
			g.state.SetStanding(n.id, cluster.Standing{Status: cluster.Absent})
		}
	}
	for _, n := range g.run.c.Absent {
		if x := &g.run.nodes[n]; int(x.region) == g.id {
			x.alive = false
			g.state.SetStanding(n, cluster.Standing{Status: cluster.Absent})
		}
	}
	g.decider, err = g.run.c.NewDecider(g.name)
	return err
}

func (g *region) handle(ev des.Event, i int32) {
	switch ev.Kind() {
	case evDecided:
		g.decidedPlan(&g.workers[i], ev.Gen())
	case evNack:
		g.nackTimeout(&g.workers[i], ev.Gen())
	case evVerified:
		g.verified(ev.Gen())
	case evCommitted:
		g.committed(ev.Gen())
	case evDue:
		g.due()
	case evMaxPlans:
		g.releaseMaxed()
	case evProgress:
		g.progressDeadline(i, ev.Gen())
	case evWatch:
		g.watch(i)
	case evDrain:
		g.drainTick()
	default:
		g.client(ev, cluster.AllocID(i))
	}
}

// event is one of the region's own.
func (g *region) event(kind uint8, gen uint16, slot int32) des.Event {
	return des.NewEvent(kind, gen, uint32(slot)).WithAux(uint8(g.id))
}

// node is a member with what the simulation knows of it.
func (g *region) node(n topology.NodeID) *node { return &g.run.nodes[n] }

// register adds a job, or a version of one.
func (g *region) register(spec *workloads.Job) {
	j := g.byName[spec.Name]
	if j == nil {
		j = &job{name: spec.Name, id: g.state.Submit(spec), active: -1, priority: g.run.stats.priority(spec.Priority)}
		g.jobs = append(g.jobs, j)
		g.byName[spec.Name] = j
	} else {
		g.state.Resubmit(j.id, spec, false)
	}
	j.kind, j.stopped = kindOf(spec.Type), false
	g.reclass(j, g.run.stats.priority(spec.Priority))
	v := version{spec: spec, shape: g.shape(spec)}
	for i := range j.groups {
		v.at = append(v.at, int16(positionOf(spec, j.groups[i].name)))
	}
	for i := range spec.Groups {
		if !containsGroup(j.groups, spec.Groups[i].Name) {
			j.groups = append(j.groups, group{name: spec.Groups[i].Name})
			v.at = append(v.at, int16(i))
		}
	}
	j.versions = append(j.versions, v)
	if g.told() {
		g.tellJob("submit", j, describe(j))
	}
	g.want(j)
	g.evaluate(j, JobRegister)
}

// reclass moves what works and what lacks of a job to another priority.
func (g *region) reclass(j *job, to int) {
	from := j.priority
	j.priority = to
	if from == to {
		return
	}
	s := &g.run.stats
	for i := range j.groups {
		for k := range j.groups[i].slots {
			if j.groups[i].slots[k].wantedAt >= 0 {
				s.lack(from, -1)
				s.lack(to, +1)
			}
		}
	}
	for id := range g.allocs {
		if a := &g.allocs[id]; a.job == int32(j.id) && a.phase == working {
			s.working(from, -1)
			s.working(to, +1)
		}
	}
}

// describe is a version of a job in a few words.
func describe(j *job) string {
	spec := j.spec()
	var groups []string
	for i := range spec.Groups {
		text := spec.Groups[i].Name
		if !spec.Type.Everywhere() {
			text = fmt.Sprintf("%s x%d", text, spec.Groups[i].Count)
		}
		groups = append(groups, text)
	}
	return fmt.Sprintf("version %d, %s, priority %d: %s", j.current(), spec.Type, spec.Priority, strings.Join(groups, ", "))
}

// positionOf is where spec has a group, -1 nowhere.
func positionOf(spec *workloads.Job, name string) int {
	for i := range spec.Groups {
		if spec.Groups[i].Name == name {
			return i
		}
	}
	return -1
}

func containsGroup(groups []group, name string) bool {
	for i := range groups {
		if groups[i].name == name {
			return true
		}
	}
	return false
}

// want notes since when the instances that a new version asks for lack.
func (g *region) want(j *job) {
	for i := range j.groups {
		x := &j.groups[i]
		if j.kind.everywhere() {
			continue
		}
		n := j.wanted(i)
		for k := range max(n, len(x.slots)) {
			s := x.slot(int32(k))
			switch {
			case k >= n && s.wantedAt >= 0:
				g.run.stats.lack(j.priority, -1)
				s.wantedAt = -1
			case k < n && s.wantedAt < 0 && !s.finished && (s.last == cluster.NoAlloc || g.allocs[s.last].phase == gone):
				g.run.stats.lack(j.priority, +1)
				s.wantedAt = g.run.now
				if s.askedAt < 0 {
					s.askedAt = g.run.now
					g.run.stats.classes[j.priority].submitted++
				}
			}
		}
	}
}

// shape numbers what a job asks of nodes: equal shapes find room or none
// together.
func (g *region) shape(spec *workloads.Job) int32 {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d %q %q|", spec.Type, spec.Priority, spec.Datacenters, spec.Pool)
	for i := range spec.Groups {
		x := &spec.Groups[i]
		fmt.Fprintf(&b, "%v %v %v|", x.Demand, x.Constraints, x.Networks)
		for k := range x.Tasks {
			t := &x.Tasks[k]
			fmt.Fprintf(&b, "%q %d %v %v|", t.Driver, t.Cores, t.Devices, t.Networks)
		}
	}
	key := b.String()
	s, ok := g.shapes[key]
	if !ok {
		s = int32(len(g.shapeOf))
		g.shapes[key] = s
		g.shapeOf = append(g.shapeOf, spec)
	}
	return s
}

// learned is the entry of a job's shape with its verdicts: a class is
// ineligible when none of the groups may run on its nodes, and the shape has
// escaped the classes when nodes of one class differ.
func (g *region) learned(j *job) *blockedShape {
	entry := g.blocked.shape(j.versions[j.current()].shape)
	if entry.learned {
		return entry
	}
	entry.learned = true
	spec := j.spec()
	for _, n := range g.members {
		class := int32(g.run.c.Fleet.Machine(n).Class)
		v := ineligible
		for i := range spec.Groups {
			if g.decider.Serves(spec, i, n) {
				v = eligible
				break
			}
		}
		if int(class) < len(entry.eligible) && entry.eligible[class] != unseen && entry.eligible[class] != v {
			entry.escaped = true
			return entry
		}
		entry.mark(class, v)
	}
	return entry
}

// stop ends a job: its instances stop.
func (g *region) stop(j *job) {
	if j.stopped {
		return
	}
	j.stopped = true
	g.state.Resubmit(j.id, j.spec(), true)
	g.tellJob("stop", j, "")
	g.want(j)
	g.blocked.forget(int32(j.id))
	g.evaluate(j, JobDeregister)
}

// scale registers a version with another count.
func (g *region) scale(j *job, name string, count int) {
	spec := *j.spec()
	spec.Groups = append([]workloads.Group(nil), spec.Groups...)
	at := 0
	if name != "" {
		at = positionOf(&spec, name)
	}
	if at < 0 || at >= len(spec.Groups) {
		return
	}
	spec.Groups[at].Count = count
	g.register(&spec)
}

// evaluate asks for a job to be looked at.
func (g *region) evaluate(j *job, t Trigger) { g.evaluateAt(j, t, 0) }

// evaluateAt asks for it at an instant, or as soon as possible.
func (g *region) evaluateAt(j *job, t Trigger, at time.Duration) {
	g.enqueue(&Evaluation{Job: int32(j.id), Kind: j.kind, Priority: j.spec().Priority, Trigger: t, WaitUntil: at, Node: -1})
}

// enqueue gives evaluations their numbers and hands them to the broker, all
// before the first is served.
func (g *region) enqueue(list ...*Evaluation) {
	if !g.up { // the next leader finds them
		g.open = append(g.open, list...)
		return
	}
	for _, e := range list {
		g.evaluations++
		if e.CreateIndex == 0 {
			e.CreateIndex = g.evaluations
		}
		e.ModifyIndex = g.evaluations
		e.queuedAt = max(g.run.now, e.WaitUntil)
		g.broker.Enqueue(e, g.run.now)
	}
	g.run.stats.evaluations += len(list)
	g.armDue()
	g.dispatch()
}

// armDue schedules the wake-up for the next delayed evaluation.
func (g *region) armDue() {
	next, ok := g.broker.NextDue()
	if ok && (g.dueAt == 0 || next < g.dueAt) {
		g.dueAt = next
		g.run.eng.Schedule(next, prioServer, g.event(evDue, 0, 0))
	}
}

func (g *region) due() {
	if g.dueAt > g.run.now || !g.up {
		return
	}
	g.dueAt = 0
	g.broker.Due(g.run.now)
	g.armDue()
	g.dispatch()
}

// free notes that room has appeared on a node and wakes whom it may help.
func (g *region) free(n topology.NodeID) {
	g.freed = append(g.freed, n)
	class := int32(g.run.c.Fleet.Machine(n).Class)
	g.blocked.note(class, g.state.Index())
	if !g.up || g.blocked.len() == 0 {
		return
	}
	g.woken = g.blocked.unblockNode(int32(n), g.woken[:0])
	if g.run.c.WakeFirst {
		g.woken = g.firsts(class, n, g.woken)
	} else {
		g.woken = g.blocked.unblock(class, g.woken)
	}
	g.enqueue(g.woken...)
}

// firsts wakes the oldest of every shape that could take room on a node.
func (g *region) firsts(class int32, n topology.NodeID, woken []*Evaluation) []*Evaluation {
	for _, i := range append([]int32(nil), g.blocked.active...) {
		spec := g.shapeOf[i]
		if !g.blocked.shapes[i].wakes(class) {
			continue
		}
		for k := range spec.Groups {
			if g.mayTake(n, cluster.NoJob, spec, askOf(&spec.Groups[k])) {
				woken = append(woken, g.blocked.first(i))
				break
			}
		}
	}
	return woken
}

// block lets the work that found no node wait for room.
func (g *region) block(e *Evaluation, j *job) {
	g.learned(j)
	if missed, _ := g.blocked.block(e, j.versions[j.current()].shape); missed {
		g.enqueue(e)
		return
	}
	g.run.stats.mostBlocked = max(g.run.stats.mostBlocked, g.blocked.len())
}

// setStanding changes what the servers believe of a node.
func (g *region) setStanding(n topology.NodeID, change func(*cluster.Standing)) {
	s := g.state.Standing(n)
	change(&s)
	g.state.SetStanding(n, s)
}
