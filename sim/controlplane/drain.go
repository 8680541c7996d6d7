package controlplane

import (
	"fmt"
	"slices"
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// drainCoalesce is how long the drainer gathers changes before it looks at its
// nodes.
const drainCoalesce = 5 * time.Second

// A drain is a node on its way out of service.
type drain struct {
	since        time.Duration
	limit        time.Duration // 0 is without end
	over         bool          // past its limit
	ignoreSystem bool
	gen          uint16
}

// A drainStep is the rest of a drain that takes one node after another.
type drainStep struct {
	event *workloads.Event
	next  int
}

// drainNext drains one node of a staggered drain and schedules the next.
func (r *run) drainNext(i int32) {
	s := &r.parked[i]
	n := &r.nodes[s.event.Nodes[s.next]]
	r.regions[n.region].startDrain(n, s.event)
	if s.next++; s.next < len(s.event.Nodes) {
		r.eng.After(s.event.Stagger, prioUser, des.NewEvent(evDrainNode, 0, uint32(i)))
	}
}

// startDrain takes a node out of service: it gets no new work, and what runs
// there moves.
func (g *region) startDrain(n *node, e *workloads.Event) {
	gen := uint16(1)
	if n.drain != nil {
		gen = n.drain.gen + 1
	}
	n.drain = &drain{since: g.run.now, limit: e.Limit, ignoreSystem: e.IgnoreSystem, gen: gen}
	g.setStanding(n.id, func(s *cluster.Standing) { s.Draining, s.Ineligible = true, true })
	text := "without a deadline"
	switch {
	case e.Limit > 0:
		text = "deadline " + topology.FormatDuration(e.Limit)
		g.run.eng.After(e.Limit, prioServer, des.NewEvent(evDrainLimit, gen, uint32(n.id)))
	case e.Limit < 0:
		text = "at once"
	}
	g.tellNode("drain", n, text)
	if !slices.Contains(g.draining, n.id) {
		g.draining = append(g.draining, n.id)
	}
	if e.Limit < 0 {
		g.drainLimit(n, gen)
		return
	}
	g.armDrain()
}

// armDrain schedules the drainer's next look at its nodes.
func (g *region) armDrain() {
	if g.drainAt == 0 && len(g.draining) > 0 {
		g.drainAt = g.run.now + drainCoalesce
		g.run.eng.Schedule(g.drainAt, prioServer, g.event(evDrain, 0, 0))
	}
}

// drainLimit has everything that a node still runs stop, jobs that run
// everywhere too.
func (g *region) drainLimit(n *node, gen uint16) {
	if n.drain == nil || n.drain.gen != gen {
		return
	}
	n.drain.over = true
	g.tellNode("drain-limit", n, "")
	g.armDrain()
}

// drainTick marks what may leave now, and ends the drains of empty nodes. The
// allocations of a group leave a few at a time: as many as are healthy beyond
// its count less max_parallel.
func (g *region) drainTick() {
	g.drainAt = 0
	if !g.up {
		return
	}
	var touched []*job
	for _, id := range slices.Clone(g.draining) {
		n := g.node(id)
		others, left := g.runningOn(n)
		if left == 0 {
			g.endDrain(n)
			continue
		}
		for _, a := range g.state.On(id) {
			j := g.jobs[g.allocs[a].job]
			if g.mark(n, j, a, others) && !slices.Contains(touched, j) {
				touched = append(touched, j)
			}
		}
	}
	for _, j := range touched {
		g.evaluate(j, NodeDrain)
	}
}

// runningOn counts what a draining node runs of jobs that do not run
// everywhere, and all that must leave.
func (g *region) runningOn(n *node) (others, left int) {
	for _, id := range g.state.On(n.id) {
		switch {
		case !g.jobs[g.allocs[id].job].kind.everywhere():
			others++
			left++
		case !n.drain.ignoreSystem:
			left++
		}
	}
	return others, left
}

// mark lets an allocation leave its node when its turn has come.
func (g *region) mark(n *node, j *job, id cluster.AllocID, others int) bool {
	a, s := &g.allocs[id], g.state.Alloc(id)
	if a.migrate || s.Desired != cluster.Run {
		return false
	}
	switch {
	case j.kind.everywhere():
		// They go last.
		a.migrate = !n.drain.ignoreSystem && (n.drain.over || others == 0)
	case n.drain.over:
		a.migrate = true
	case j.kind == Batch:
		// Batch work may finish until the deadline.
	default:
		a.migrate = g.spare(j, int(a.group)) > 0
	}
	if a.migrate {
		g.run.stats.drained++
	}
	return a.migrate
}

// spare is how many healthy instances a group has beyond its count less those
// that may move at once.
func (g *region) spare(j *job, group int) int {
	at := j.position(j.current(), group)
	if at < 0 {
		return 1
	}
	well := 0
	for _, id := range j.groups[group].allocs {
		s := g.state.Alloc(id)
		if s.Desired == cluster.Run && s.Client == cluster.Running && s.Health == cluster.Healthy && !g.allocs[id].migrate {
			well++
		}
	}
	return well - (j.wanted(group) - j.spec().MigrateOf(at).MaxParallel)
}

// endDrain has a node done with its drain; it stays ineligible.
func (g *region) endDrain(n *node) {
	g.tellNode("drained", n, fmt.Sprintf("after %s; it stays ineligible", topology.FormatDuration((g.run.now-n.drain.since).Round(time.Second))))
	g.run.stats.drains++
	n.drain = &drain{gen: n.drain.gen + 1}
	g.setStanding(n.id, func(s *cluster.Standing) { s.Draining = false })
	g.draining = slices.DeleteFunc(g.draining, func(x topology.NodeID) bool { return x == n.id })
}

// enable lets a node have new work again.
func (g *region) enable(n *node) {
	if n.drain != nil {
		n.drain.gen++
	}
	g.draining = slices.DeleteFunc(g.draining, func(x topology.NodeID) bool { return x == n.id })
	g.setStanding(n.id, func(s *cluster.Standing) { s.Draining, s.Ineligible = false, false })
	g.tellNode("eligible", n, "")
	for _, id := range g.state.On(n.id) {
		g.allocs[id].migrate = false
	}
	g.free(n.id)
	g.everywhereJobs()
}

// disable keeps new work from a node.
func (g *region) disable(n *node) {
	g.setStanding(n.id, func(s *cluster.Standing) { s.Ineligible = true })
	g.tellNode("ineligible", n, "")
}
