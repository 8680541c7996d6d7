package controlplane

import (
	"caravan/topology"
	"caravan/workloads/cluster"
)

// everyNode compares a group that runs one instance on every node with what
// there is, node by node.
func (r *reconciler) everyNode() {
	grp := &r.j.groups[r.group]
	if grp.byNode == nil {
		grp.byNode = map[topology.NodeID]cluster.AllocID{}
	}
	at := r.j.position(r.j.current(), r.group)
	if r.j.stopped || at < 0 {
		r.stopAll(grp)
		return
	}
	fresh := true
	for _, n := range r.g.members {
		id, ok := grp.byNode[n]
		if ok {
			s := r.g.state.Alloc(id)
			fresh = fresh && r.g.allocs[id].version != r.j.current()
			if s.Desired == cluster.Run && !s.Client.Terminal() {
				r.onNode(id, s, at)
				continue
			}
			done := s.Client == cluster.Complete && s.Desired == cluster.Run && r.j.kind == SysBatch
			if s.Desired != cluster.Run && !s.Client.Terminal() || done && r.g.allocs[id].version == r.j.current() {
				continue
			}
		}
		if r.g.state.Standing(n).Takes() && r.g.serves(r.j, at, n) {
			r.wants = append(r.wants, want{0, r.j.current(), false, cluster.NoAlloc, cluster.NoAlloc, n, ""})
		}
	}
	r.open(System, fresh, len(r.destructive))
	if d := r.deploymentState(); d != nil && d.status == deployFailed {
		return
	}
	for _, id := range r.destructive[:min(len(r.destructive), r.budget(r.stay, 0))] {
		r.wants = append(r.wants, want{0, r.j.current(), false, id, id, r.g.allocs[id].node, "replaced by version " + itoa(r.j.current())})
	}
}

// onNode sorts the living instance of one node.
func (r *reconciler) onNode(id cluster.AllocID, s *cluster.Allocation, at int) {
	a := &r.g.allocs[id]
	standing := r.g.state.Standing(a.node)
	switch {
	case standing.Status == cluster.Down || standing.Status == cluster.Disconnected:
		if r.policy.LostAfter > 0 && s.Client == cluster.Running {
			r.p.unknown = append(r.p.unknown, id)
		} else if s.Client != cluster.Unknown || r.g.run.now >= a.unknownAt+r.policy.LostAfter {
			r.p.Stop(s, cluster.Lost, "its node is gone")
		}
	case a.back:
		r.p.decided = append(r.p.decided, id)
		r.stay = append(r.stay, id)
	case a.migrate:
		r.p.Stop(s, cluster.Pending, "its node is drained")
	case a.version == r.j.current():
		r.stay = append(r.stay, id)
	case r.j.spec().Replaces(r.j.versions[a.version].spec, at):
		r.destructive = append(r.destructive, id)
	default:
		r.inPlace(id, at)
		r.stay = append(r.stay, id)
	}
}

func (r *reconciler) stopAll(grp *group) {
	for _, n := range r.g.members {
		if id, ok := grp.byNode[n]; ok {
			if s := r.g.state.Alloc(id); s.Desired == cluster.Run && !s.Client.Terminal() {
				r.p.Stop(s, cluster.Pending, "not wanted any more")
			}
		}
	}
}

// serves reports whether a group of the newest version may run on a node,
// from what is known of the node's class where that tells.
func (g *region) serves(j *job, at int, n topology.NodeID) bool {
	entry := g.learned(j)
	class := g.run.c.Fleet.Machine(n).Class
	if !entry.escaped && len(j.spec().Groups) == 1 && int(class) < len(entry.eligible) && entry.eligible[class] != unseen {
		return entry.eligible[class] == eligible
	}
	return g.decider.Serves(j.spec(), at, n)
}
