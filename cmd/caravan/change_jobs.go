package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"caravan/scenarios"
	"caravan/solver/binpack"
	"caravan/solver/preempt"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// A reconciliation compares the jobs of a scenario with what runs, and decides
// what is missing in order of priority.
type reconciliation struct {
	force   *force
	nodes   *nodeSet
	jobs    []workloads.Job
	seed    uint64
	state   *cluster.State
	chain   *binpack.Chain
	ids     []cluster.JobID       // by job
	runs    map[slot]runningAlloc // what runs and may stay
	needs   []need                // what must be placed, by job
	changes []change
	kept    int
}

// A slot is a place for an instance: its job, group and number.
type slot struct{ job, group, index int }

// A runningAlloc is an instance in force.
type runningAlloc struct {
	id   cluster.AllocID // NoAlloc on a node that is not there
	node string
}

// A need is an instance to be placed.
type need struct {
	slot
	kind   string // created, moved or replaced
	from   *string
	reason string
	only   []topology.NodeID
	by     *evicting
}

func newReconciliation(s *scenarios.Scenario, n *nodeSet, f *force, types []workloads.JobType) *reconciliation {
	r := &reconciliation{force: f, nodes: n, jobs: s.Workload.Jobs, seed: s.Seed, runs: map[slot]runningAlloc{}}
	fleet := cluster.NewFleet(besidePipelines(s, n, f))
	r.state = cluster.New(fleet)
	r.chain = binpack.NewChain(fleet, binpack.Config{Spread: s.Solve.Solver == "binpack-spread", Preempts: types, Evictor: preempt.Greedy{}})
	for i := range n.nodes {
		if st := n.stand(topology.NodeID(i)); st != (cluster.Standing{}) {
			r.state.SetStanding(topology.NodeID(i), st)
		}
	}
	for i := range r.jobs {
		r.jobs[i].Settle(n.nodes)
		r.ids = append(r.ids, r.state.Submit(&r.jobs[i]))
	}
	return r
}

// besidePipelines is the nodes with what the pipelines in force hold reserved.
func besidePipelines(s *scenarios.Scenario, n *nodeSet, f *force) []topology.Node {
	nodes := slices.Clone(n.nodes)
	for i := range s.Workload.Pipelines {
		w := &s.Workload.Pipelines[i]
		for j := range w.Operators {
			if name, ok := f.ops[w.Name][w.Operators[j].Name]; ok && n.away(name) == "" {
				reserve(&nodes[n.at[name]], w.Operators[j].Demand)
			}
		}
	}
	return nodes
}

// reserve takes an amount off what a node can give, in the dimensions in which
// it is limited.
func reserve(n *topology.Node, d topology.Resources) {
	if n.CPU > 0 {
		n.Reserved.CPU += d.CPU
	}
	if n.Memory > 0 {
		n.Reserved.Memory += d.Memory
	}
	if n.Disk > 0 {
		n.Reserved.Disk += d.Disk
	}
}

// run finds every change: first what leaves, so that its room is free, then
// what is placed, the highest priority first.
func (r *reconciliation) run() {
	for i := range r.jobs {
		r.load(i)
	}
	r.dropped()
	for i := range r.jobs {
		for g := range r.jobs[i].Groups {
			r.reconcile(i, g)
		}
	}
	r.shrunk()
	order := make([]int, len(r.jobs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.jobs[b].Priority, r.jobs[a].Priority) })
	for _, i := range order {
		r.place(i)
	}
}

// running lists the instances of a group in force, by number.
func (r *reconciliation) running(job *workloads.Job, group string) []int {
	return slices.Sorted(maps.Keys(r.force.jobs[job.Name][group]))
}

// load puts the instances in force of a job on their nodes.
func (r *reconciliation) load(i int) {
	job := &r.jobs[i]
	for g := range job.Groups {
		for _, k := range r.running(job, job.Groups[g].Name) {
			name := r.force.jobs[job.Name][job.Groups[g].Name][k]
			x := runningAlloc{id: cluster.NoAlloc, node: name}
			if n, ok := r.nodes.at[name]; ok && r.nodes.standing[n] != "lost" {
				x.id = r.allocate(i, g, k, n)
			}
			r.runs[slot{i, g, k}] = x
		}
	}
}

// allocate books an instance on a node, as the version that runs there.
func (r *reconciliation) allocate(i, g, k int, n topology.NodeID) cluster.AllocID {
	spec := &r.jobs[i]
	ask := cluster.NewAsk(&spec.Groups[g])
	m := r.state.Fleet().Machine(n)
	var grant *cluster.Grant
	if ask.Named() {
		grant, _, _, _ = ask.Grant(m, cluster.View{State: r.state}.Append(nil, n))
	}
	a := cluster.Instance(r.ids[i], spec, g, k, n, ask.On(m), grant)
	a.Client = cluster.Running
	return r.state.Add(a)
}

// leave ends an allocation that was in force.
func (r *reconciliation) leave(id cluster.AllocID) {
	if id != cluster.NoAlloc {
		r.state.Update(id, func(a *cluster.Allocation) { a.Desired, a.Client = cluster.Stop, cluster.Complete })
	}
}

// dropped stops the jobs and groups that the scenario has no more.
func (r *reconciliation) dropped() {
	wanted := map[string]bool{} // job and group
	for i := range r.jobs {
		for _, g := range r.jobs[i].Groups {
			wanted[r.jobs[i].Name+"\x00"+g.Name] = true
		}
	}
	for _, p := range r.force.placed {
		old := r.force.versions[p.Workload]
		known := slices.ContainsFunc(r.jobs, func(j workloads.Job) bool { return j.Name == p.Workload })
		if wanted[p.Workload+"\x00"+p.Item] || !known && old == nil {
			continue
		}
		what := "the job is no longer in the scenario"
		if known {
			what = "the group is no longer in its job"
		}
		r.tell(change{Change: "stopped", Workload: p.Workload, Item: p.Item, Instance: p.Instance, From: &p.Node, Reason: what})
	}
}

func (r *reconciliation) tell(c change) { r.changes = append(r.changes, c) }

// about is a change of a slot.
func (r *reconciliation) about(s slot, kind string, from, to *string, reason string) change {
	job := &r.jobs[s.job]
	return change{
		Change: kind, Workload: job.Name, Item: job.Groups[s.group].Name, Instance: s.index, Priority: job.Priority,
		From: from, To: to, Reason: reason,
	}
}

// reconcile says what becomes of the instances of a group.
func (r *reconciliation) reconcile(i, g int) {
	job := &r.jobs[i]
	if job.Type.Everywhere() {
		r.everywhere(i, g)
		return
	}
	group := &job.Groups[g]
	for _, k := range r.running(job, group.Name) {
		if s := (slot{i, g, k}); k >= group.Count {
			x := r.runs[s]
			r.leave(x.id)
			delete(r.runs, s)
			r.tell(r.about(s, "stopped", &x.node, nil, fmt.Sprintf("the count is %d", group.Count)))
		}
	}
	for k := range group.Count {
		s := slot{i, g, k}
		if x, ok := r.runs[s]; ok {
			r.present(s, x)
		} else {
			r.needs = append(r.needs, need{slot: s, kind: "created"})
		}
	}
}

// present decides whether an instance may stay as it is.
func (r *reconciliation) present(s slot, x runningAlloc) {
	job := &r.jobs[s.job]
	kind, reason := "", ""
	old := r.force.versions[job.Name]
	switch away := r.nodes.away(x.node); {
	case away != "":
		kind, reason = "moved", away
	case old != nil && job.Replaces(old, s.group):
		kind, reason = "replaced", "the job has changed"
	case !r.chain.Admits(job, s.group, r.nodes.at[x.node]):
		kind, reason = "moved", x.node+" no longer satisfies its rules"
	}
	if kind == "" {
		if old != nil && updates(job, old, s.group) {
			r.tell(r.about(s, "updated", &x.node, &x.node, "the job has changed in ways that need no new instance"))
			return
		}
		r.kept++
		return
	}
	r.leave(x.id)
	delete(r.runs, s)
	r.needs = append(r.needs, need{slot: s, kind: kind, from: &x.node, reason: reason})
}

// updates reports whether a group differs in what changes in place: its
// rules and policies, and the priority of its job.
func updates(job, old *workloads.Job, g int) bool {
	i := slices.IndexFunc(old.Groups, func(o workloads.Group) bool { return o.Name == job.Groups[g].Name })
	if i < 0 {
		return false
	}
	plain := func(j *workloads.Job, g int) string {
		x := &j.Groups[g]
		return fmt.Sprint(j.Type, j.Priority, j.Pool, j.Datacenters, x.Constraints,
			j.RestartOf(g), j.RescheduleOf(g), j.UpdateOf(g), j.MigrateOf(g), j.DisconnectOf(g))
	}
	return plain(job, g) != plain(old, i)
}

// everywhere runs one instance on each node that takes it.
func (r *reconciliation) everywhere(i, g int) {
	job := &r.jobs[i]
	group := &job.Groups[g]
	covered, next := map[topology.NodeID]bool{}, 0
	for _, k := range r.running(job, group.Name) {
		s := slot{i, g, k}
		x := r.runs[s]
		next = max(next, k+1)
		n, there := r.nodes.at[x.node]
		reason := r.nodes.away(x.node)
		switch {
		case reason != "":
		case !r.chain.Admits(job, g, n):
			reason = x.node + " no longer satisfies its rules"
		case covered[n]:
			reason = x.node + " runs one already"
		}
		if there && reason == "" {
			covered[n] = true
			r.present(s, x)
			continue
		}
		r.leave(x.id)
		delete(r.runs, s)
		r.tell(r.about(s, "stopped", &x.node, nil, reason))
	}
	for n := range r.nodes.nodes {
		id := topology.NodeID(n)
		if !covered[id] && r.nodes.standing[id] == "" && r.chain.Admits(job, g, id) {
			r.needs = append(r.needs, need{slot: slot{i, g, next}, kind: "created", only: []topology.NodeID{id}})
			next++
		}
	}
}

// shrunk moves what nodes have no room for any more, the lowest priority and
// then the last instance first.
func (r *reconciliation) shrunk() {
	byAlloc := map[cluster.AllocID]slot{}
	for s, x := range r.runs {
		if x.id != cluster.NoAlloc {
			byAlloc[x.id] = s
		}
	}
	for n := range r.nodes.nodes {
		m := r.state.Fleet().Machine(topology.NodeID(n))
		for {
			var on []*cluster.Allocation
			for _, id := range r.state.On(topology.NodeID(n)) {
				on = append(on, r.state.Alloc(id))
			}
			lacks := cluster.Overfull(m, on)
			if lacks == "" || len(on) == 0 {
				break
			}
			worst := slices.MinFunc(on, func(a, b *cluster.Allocation) int {
				return cmp.Or(cmp.Compare(a.Priority(), b.Priority()), cmp.Compare(b.ID, a.ID))
			})
			s := byAlloc[worst.ID]
			name := r.nodes.nodes[n].Name
			r.leave(worst.ID)
			delete(r.runs, s)
			r.kept--
			r.needs = append(r.needs, need{slot: s, kind: "moved", from: &name, reason: name + " has too little " + lacks})
		}
	}
}

// place decides what a job needs, and makes room where it may.
func (r *reconciliation) place(i int) {
	job := &r.jobs[i]
	var mine []need
	r.needs = slices.DeleteFunc(r.needs, func(n need) bool {
		if n.job == i {
			mine = append(mine, n)
		}
		return n.job == i
	})
	if len(mine) == 0 {
		return
	}
	slices.SortStableFunc(mine, func(a, b need) int { return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.index, b.index)) })
	plan := &cluster.Plan{Job: r.ids[i], Priority: job.Priority}
	r.chain.Begin(cluster.View{State: r.state, Plan: plan}, r.ids[i], job, r.seed+uint64(i))
	for _, n := range mine {
		d, ok := r.chain.Place(n.group, n.index, binpack.Options{Only: n.only})
		if !ok {
			r.blocked(n, r.chain.Explain().String())
			continue
		}
		to := r.nodes.nodes[d.Node].Name
		for _, v := range d.Evict {
			r.evicted(v, job)
		}
		c := r.about(n.slot, n.kind, n.from, &to, n.reason)
		if n.by != nil {
			c.Change, c.By = "evicted", n.by
		}
		r.tell(c)
	}
	r.state.Commit(plan, 0, func(topology.NodeID) bool { return false })
	for _, e := range plan.Evictions {
		r.leave(e.Alloc)
	}
}

// blocked tells of what found no room.
func (r *reconciliation) blocked(n need, why string) {
	if n.reason != "" {
		why = n.reason + "; " + why
	}
	c := r.about(n.slot, "blocked", n.from, nil, why)
	if n.by != nil {
		c.Change, c.By = "evicted", n.by
	}
	r.tell(c)
}

// evicted makes an instance look for another node, after those of higher
// priorities.
func (r *reconciliation) evicted(v *cluster.Allocation, by *workloads.Job) {
	i := slices.Index(r.ids, v.Job)
	s := slot{i, int(v.Group), int(v.Index)}
	from := r.nodes.nodes[v.Node].Name
	if _, ok := r.runs[s]; ok {
		r.kept--
		delete(r.runs, s)
	}
	r.needs = append(r.needs, need{
		slot: s, kind: "moved", from: &from, by: &evicting{Workload: by.Name, Priority: by.Priority},
		reason: fmt.Sprintf("for %s (priority %d)", by.Name, by.Priority),
	})
}
