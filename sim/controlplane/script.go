package controlplane

import (
	"cmp"
	"slices"

	"caravan/sim/des"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// script carries out a timed event.
func (r *run) script(e *workloads.Event) {
	switch e.Action {
	case workloads.Submit:
		r.submit(e.Job)
	case workloads.Stop, workloads.Scale, workloads.Promote:
		r.onJob(e)
	case workloads.Drain:
		r.startDrains(e)
	case workloads.Fail, workloads.Repair:
		r.onRegion(e)
	}
	for _, id := range e.Nodes {
		n := &r.nodes[id]
		g := r.regions[n.region]
		switch e.Action {
		case workloads.Enable:
			g.enable(n)
		case workloads.Disable:
			g.disable(n)
		case workloads.Join, workloads.Repair:
			g.repair(n)
		case workloads.Fail:
			g.fail(n)
		case workloads.Partition:
			g.part(n)
		case workloads.Heal:
			g.heal(n)
		}
	}
}

// onJob carries out an event about a job, in the region that has it.
func (r *run) onJob(e *workloads.Event) {
	for _, g := range r.regions {
		j := g.byName[e.Name]
		if j == nil || !g.up {
			continue
		}
		switch e.Action {
		case workloads.Stop:
			g.stop(j)
		case workloads.Scale:
			g.scale(j, e.Group, e.Count)
		case workloads.Promote:
			if j.active >= 0 {
				g.promote(j.active)
			}
		}
	}
}

// startDrains drains nodes, at once or one after another.
func (r *run) startDrains(e *workloads.Event) {
	if e.Stagger > 0 && len(e.Nodes) > 0 {
		r.parked = append(r.parked, drainStep{event: e})
		r.drainNext(int32(len(r.parked) - 1))
		return
	}
	for _, id := range e.Nodes {
		n := &r.nodes[id]
		r.regions[n.region].startDrain(n, e)
	}
}

// onRegion fails or repairs the servers of a region; its nodes are listed in
// the event.
func (r *run) onRegion(e *workloads.Event) {
	if e.Region == "" {
		return
	}
	g := r.regionOf(e.Region)
	if e.Action == workloads.Fail {
		g.down()
	} else {
		g.rise()
	}
}

// down has the servers of a region stop: what they had under way is void.
func (g *region) down() {
	if !g.up {
		return
	}
	g.up = false
	g.epoch++
	g.tell("servers", Entry{Text: "down"})
	g.open = g.broker.All()
	for i := range g.workers {
		w := &g.workers[i]
		w.eval, w.token, w.plan = nil, 0, nil
		w.gen++
		w.nack++
	}
	g.queue, g.checked, g.flying = newPlanQueue(), nil, nil
}

// rise has the servers work again under a new leader, who queues again what
// was not done, and gives silent nodes longer than usual.
func (g *region) rise() {
	if g.up {
		return
	}
	g.up = true
	g.tell("servers", Entry{Text: "up; a leader is elected"})
	g.idle = g.idle[:0]
	for i := range g.workers {
		g.idle = append(g.idle, int32(i))
	}
	g.broker = NewBroker(g.run.c.Broker, g.run.draws.IntN)
	g.dueAt = 0
	open := g.open
	g.open = nil
	slices.SortFunc(open, func(a, b *Evaluation) int { return cmp.Compare(a.CreateIndex, b.CreateIndex) })
	for _, e := range open {
		e.deliveries, e.token = 0, 0
	}
	g.enqueue(open...)
	for _, j := range g.jobs {
		if j.active >= 0 && g.deployments[j.active].status == deployRunning {
			g.evaluate(j, DeploymentWatcher)
		}
	}
	for _, id := range g.members {
		n := g.node(id)
		switch standing := g.state.Standing(id); {
		case n.reachable():
			g.answer(n)
		case standing.Status == cluster.Ready:
			n.beat++
			g.run.eng.After(heartbeatFailover, prioServer, des.NewEvent(evMissed, n.beat, uint32(id)))
		}
	}
	if len(g.draining) > 0 {
		g.drainAt = 0
		g.armDrain()
	}
}
