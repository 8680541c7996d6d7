package controlplane

import (
	"fmt"
	"slices"
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads/cluster"
)

// A worker is a scheduler process: it takes one evaluation at a time, makes a
// plan on the state as it is then, and waits for the outcome.
//
// A pass over the job happens at one instant, that of its snapshot; what it
// decided leaves the worker when its decision time is over. So the plan rests
// on what the state was, and meets what it has become, without a copy of it.
type worker struct {
	id      int32
	eval    *Evaluation
	token   uint64
	attempt int // without progress
	plan    *plan
	startAt time.Duration
	gen     uint16 // of its decision
	nack    uint16 // of its timeout
}

// dispatch hands ready evaluations to idle workers.
func (g *region) dispatch() {
	for g.up && len(g.idle) > 0 {
		e, token := g.broker.Dequeue()
		if e == nil {
			return
		}
		first := slices.Index(g.idle, slices.Min(g.idle))
		w := &g.workers[g.idle[first]]
		g.idle = slices.Delete(g.idle, first, first+1)
		w.eval, w.token, w.attempt, w.startAt = e, token, 0, g.run.now
		g.run.stats.queueWait.Add(g.run.now - e.queuedAt)
		g.armNack(w)
		g.pass(w)
	}
}

// rest returns a worker to the idle ones.
func (g *region) rest(w *worker) {
	w.eval, w.token, w.plan = nil, 0, nil
	w.nack++
	g.idle = append(g.idle, w.id)
	g.dispatch()
}

func (g *region) armNack(w *worker) {
	w.nack++
	g.run.eng.After(g.run.c.NackTimeout, prioServer, g.event(evNack, w.nack, w.id))
}

// pass looks at the job of the worker's evaluation and schedules the moment
// at which the plan is made.
func (g *region) pass(w *worker) {
	j := g.jobs[w.eval.Job]
	p := &plan{eval: w.eval, token: w.token, worker: w.id, opens: -1, closes: -1, freed: len(g.freed)}
	p.Job, p.Priority, p.AllAtOnce, p.Snapshot = j.id, w.eval.Priority, j.spec().AllAtOnce, g.state.Index()
	w.plan = p
	g.reconcile(j, p)
	if g.told() {
		g.tellJob("evaluate", j, fmt.Sprintf("%s, worker %d: %s", w.eval.Trigger, w.id, p.intent()))
	}
	w.gen++
	took := g.run.c.DecisionTime + time.Duration(p.looked)*g.run.c.PlacementTime
	g.run.stats.passes++
	g.run.eng.After(took, prioServer, g.event(evDecided, w.gen, w.id))
}

// intent is what a plan wants in a few words.
func (p *plan) intent() string {
	text, failed := "", 0
	add := func(n int, what string) {
		if n > 0 {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprint(what, " ", n)
		}
	}
	for _, u := range p.unplaced {
		failed += u.n
	}
	fresh := 0
	for i := range p.Placements {
		if p.Placements[i].ID == cluster.NoAlloc {
			fresh++
		}
	}
	add(fresh, "place")
	add(len(p.Placements)-fresh, "update in place")
	add(len(p.Stops), "stop")
	add(len(p.Evictions), "evict")
	add(len(p.unknown), "unknown")
	add(failed, "no room for")
	if text == "" {
		return "nothing to do"
	}
	return text
}

// decidedPlan hands the finished plan to the applier, or ends the evaluation
// when there is nothing to commit.
func (g *region) decidedPlan(w *worker, gen uint16) {
	if w.eval == nil || w.gen != gen {
		return
	}
	if !g.broker.Outstanding(w.eval, w.token) { // taken away meanwhile
		g.rest(w)
		return
	}
	if w.plan.empty() {
		g.finish(w)
		return
	}
	w.nack++ // no timeout while the plan waits
	w.plan.queuedAt = g.run.now
	g.queue.push(w.plan)
	g.run.stats.plans++
	g.check()
}

// outcome is the applier's answer: with refused nodes the worker looks at the
// newer state and tries again, as long as that leads on.
func (g *region) outcome(w *worker, p *plan) {
	if w.plan != p {
		return
	}
	g.armNack(w)
	if len(p.refused) == 0 {
		g.finish(w)
		return
	}
	if len(p.refused) < len(p.Nodes()) {
		w.attempt = 0 // some of it is state: progress
	} else if w.attempt++; w.attempt >= g.run.c.attempts(w.eval.Kind) {
		g.giveUp(w)
		return
	}
	g.run.stats.retried++
	g.pass(w)
}

// finish ends the evaluation: what found no node is blocked until there is
// room.
func (g *region) finish(w *worker) {
	e, p := w.eval, w.plan
	j := g.jobs[e.Job]
	for _, u := range p.unplaced {
		if g.told() {
			g.tellJob("blocked", j, fmt.Sprintf("%s: no room for %d: %s", j.groups[u.group].name, u.n, u.why))
		}
	}
	if len(p.unplaced) == 0 { // nothing of the job waits any more
		g.blocked.forget(e.Job)
	}
	g.ack(w, j)
	g.spread(e, p, j)
	done := false
	for _, u := range p.unplaced {
		if u.node == topology.None && done {
			continue // one evaluation speaks for all groups
		}
		done = done || u.node == topology.None
		g.block(&Evaluation{
			Job: e.Job, Kind: e.Kind, Priority: e.Priority, Trigger: QueuedAllocs,
			CreateIndex: e.CreateIndex, Node: int32(u.node), snapshot: p.Snapshot,
		}, j)
	}
	g.rest(w)
}

// spread lets others that ask the same know how it went: that there is no room,
// or, where they wake one by one, that the next may try.
func (g *region) spread(e *Evaluation, p *plan, j *job) {
	if len(j.groups) != 1 || j.kind.everywhere() {
		return
	}
	i := j.versions[j.current()].shape
	if s := g.blocked.shape(i); len(p.unplaced) > 0 {
		if !s.known && !apart(j.spec()) {
			s.known, s.open, s.seen = true, s.open[:0], p.freed
		}
		return
	}
	if len(p.Placements) == 0 {
		return
	}
	if g.run.c.WakeFirst {
		if next := g.blocked.first(i); next != nil {
			g.enqueue(next)
		}
	}
}

// ack ends the delivery and lets the next evaluation of the job go on.
func (g *region) ack(w *worker, j *job) {
	g.run.stats.serviceTime.Add(g.run.now - w.startAt)
	cancelled, err := g.broker.Ack(w.eval, w.token, g.run.now)
	if err != nil {
		panic(fmt.Sprintf("controlplane: job %s: %v", j.name, err))
	}
	g.run.stats.cancelled += len(cancelled)
}

// giveUp ends an evaluation whose plans were refused too often. What it
// wanted waits for the next release.
func (g *region) giveUp(w *worker) {
	j := g.jobs[w.eval.Job]
	g.tellJob("gave-up", j, "its plans were refused too often")
	g.run.stats.gaveUp++
	g.ack(w, j)
	if len(g.maxed) == 0 {
		g.run.eng.After(maxPlansRelease, prioServer, g.event(evMaxPlans, 0, 0))
	}
	g.maxed = append(g.maxed, &Evaluation{
		Job: w.eval.Job, Kind: w.eval.Kind, Priority: w.eval.Priority, Trigger: MaxPlans, Node: -1,
	})
	g.rest(w)
}

// maxPlansRelease is between two releases of evaluations out of attempts.
const maxPlansRelease = time.Minute

func (g *region) releaseMaxed() {
	list := g.maxed
	g.maxed = nil
	g.enqueue(list...)
}

// A retry is an evaluation between a nack and its next delivery.
type retry struct {
	region *region
	eval   *Evaluation
	epoch  uint64
}

// nackTimeout takes an evaluation from a silent worker.
func (g *region) nackTimeout(w *worker, gen uint16) {
	if w.eval == nil || w.nack != gen {
		return
	}
	e := w.eval
	delay, gaveUp, err := g.broker.Nack(e, w.token)
	if err != nil {
		return
	}
	g.run.stats.nacks++
	g.tellJob("nack", g.jobs[e.Job], fmt.Sprintf("worker %d was silent for %s", w.id, topology.FormatDuration(g.run.c.NackTimeout)))
	if gaveUp {
		g.failed(e)
		return
	}
	g.run.retries = append(g.run.retries, retry{g, e, g.epoch})
	g.run.eng.After(delay, prioServer, des.NewEvent(evRetry, 0, uint32(len(g.run.retries)-1)))
}

func (r *run) retryNow(i int) {
	x := r.retries[i]
	if x.epoch != x.region.epoch {
		return // its servers were lost; the new ones have queued it again
	}
	x.eval.queuedAt = r.now
	x.region.broker.Retry(x.eval, r.now)
	x.region.dispatch()
}

// failed gives up an evaluation whose deliveries are used up; another follows
// after a while.
func (g *region) failed(e *Evaluation) {
	j := g.jobs[e.Job]
	g.run.stats.failedEvals++
	g.run.stats.cancelled += len(g.broker.Drop(e, g.run.now))
	g.tellJob("eval-failed", j, "its deliveries are used up")
	g.evaluateAt(j, FailedFollowUp, g.run.now+followUpDelay(&g.run.draws))
}
