package workloads

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"time"

	"caravan/topology"
)

// Settle fills in what follows from the rest of the job, so that every solver
// can read it in one place: the demand of groups that list tasks, and the
// constraints that the job, its tasks, their drivers, its datacenters and,
// where nodes are in pools, its pool put on a group. Again changes nothing.
func (j *Job) Settle(nodes []topology.Node) {
	implied := j.implied(nodes)
	for g := range j.Groups {
		group := &j.Groups[g]
		add := func(list []Constraint) {
			for _, c := range list {
				if !slices.ContainsFunc(group.Constraints, c.same) {
					group.Constraints = append(group.Constraints, c)
				}
			}
		}
		add(implied)
		for i := range group.Tasks {
			add(group.Tasks[i].Constraints)
			if d := group.Tasks[i].Driver; d != "" && slices.ContainsFunc(nodes, func(n topology.Node) bool { return len(n.Drivers) > 0 }) {
				add([]Constraint{{Attribute: "driver." + d, Operator: "is_set"}})
			}
		}
		if len(group.Tasks) > 0 {
			group.Demand = group.held()
		}
	}
}

// implied is what the job alone asks of nodes; distinct constraints of a job
// count its instances of all groups together, so they stay with it.
func (j *Job) implied(nodes []topology.Node) []Constraint {
	var out []Constraint
	if len(j.Datacenters) > 0 && !slices.Contains(j.Datacenters, "*") {
		out = append(out, Constraint{Attribute: "datacenter", Operator: "glob", Values: j.Datacenters})
	}
	pooled := slices.ContainsFunc(nodes, func(n topology.Node) bool { return n.Pool != "" })
	if pool := j.PoolOrDefault(); pool != EveryPool && (pooled || pool != DefaultPool) {
		values := []string{pool}
		if pool == DefaultPool {
			values = append(values, "")
		}
		out = append(out, Constraint{Attribute: "pool", Operator: "in", Values: values})
	}
	for _, c := range j.Constraints {
		if !c.Distinct() {
			out = append(out, c)
		}
	}
	return out
}

// PoolOrDefault is the job's node pool.
func (j *Job) PoolOrDefault() string {
	if j.Pool == "" {
		return DefaultPool
	}
	return j.Pool
}

func (c Constraint) same(d Constraint) bool {
	return c.Attribute == d.Attribute && c.Operator == d.Operator && slices.Equal(c.Values, d.Values)
}

// held is the most that the tasks hold at one time, dimension by dimension:
// the larger of what runs before, beside and after the main tasks, where a
// prestart sidecar runs before and beside (structs.go, AllocatedResources.
// Comparable). Cores are not CPU here, since what one is worth is the node's.
func (g *Group) held() topology.Resources {
	var before, beside, after topology.Resources
	for i := range g.Tasks {
		t := &g.Tasks[i]
		add := func(r *topology.Resources) {
			if t.Cores == 0 {
				r.CPU += t.CPU
			}
			r.Memory += t.Memory
		}
		switch {
		case t.Lifecycle == PreStart:
			add(&before)
			if t.Sidecar {
				add(&beside)
			}
		case t.Lifecycle == PostStop:
			add(&after)
		default:
			add(&beside)
		}
	}
	out := g.Demand
	out.CPU = max(before.CPU, beside.CPU, after.CPU)
	out.Memory = max(before.Memory, beside.Memory, after.Memory)
	return out
}

// Cores is how many whole cores the tasks hold; each has its own, whenever it
// runs.
func (g *Group) Cores() int {
	sum := 0
	for i := range g.Tasks {
		sum += g.Tasks[i].Cores
	}
	return sum
}

// AllNetworks lists what the group and its tasks ask of interfaces.
func (g *Group) AllNetworks() []Network {
	out := slices.Clone(g.Networks)
	for i := range g.Tasks {
		out = append(out, g.Tasks[i].Networks...)
	}
	return out
}

// AllDevices lists what the tasks ask of devices.
func (g *Group) AllDevices() []DeviceAsk {
	var out []DeviceAsk
	for i := range g.Tasks {
		out = append(out, g.Tasks[i].Devices...)
	}
	return out
}

// KillTimeout is the longest that a task of the group is given to stop.
func (g *Group) KillTimeout() time.Duration {
	longest := time.Duration(0)
	for i := range g.Tasks {
		longest = max(longest, g.Tasks[i].KillTimeout)
	}
	return cmp.Or(longest, DefaultKillTimeout)
}

// Replaces reports whether going from group old to group g replaces the
// instances rather than leaving them where they run: a change of what the
// tasks are or hold, of networks, affinities or spreads (scheduler/util.go,
// tasksUpdated). Counts, constraints and policies change in place.
func (g *Group) Replaces(old *Group) bool {
	if g.Demand.Disk != old.Demand.Disk || g.StickyDisk != old.StickyDisk || len(g.Tasks) != len(old.Tasks) ||
		!sameDemand(g.Demand, old.Demand) || !maps.Equal(g.Meta, old.Meta) || !sameNetworks(g.Networks, old.Networks) {
		return true
	}
	if !slices.EqualFunc(g.Affinities, old.Affinities, Affinity.same) || !slices.EqualFunc(g.Spreads, old.Spreads, Spread.same) {
		return true
	}
	for i := range g.Tasks {
		if !g.Tasks[i].same(&old.Tasks[i]) {
			return true
		}
	}
	return g.Unhealthy != old.Unhealthy || g.Image != old.Image
}

// Replaces reports whether version j of a job replaces the instances of group
// g of version old.
func (j *Job) Replaces(old *Job, g int) bool {
	for i := range old.Groups {
		if old.Groups[i].Name == j.Groups[g].Name {
			return j.Groups[g].Replaces(&old.Groups[i]) || !maps.Equal(j.Meta, old.Meta)
		}
	}
	return true
}

func sameDemand(a, b topology.Resources) bool {
	return a.CPU == b.CPU && a.Memory == b.Memory && a.GPUs == b.GPUs && a.GPUMilli == b.GPUMilli && slices.Equal(a.GPUModel, b.GPUModel)
}

func sameNetworks(a, b []Network) bool {
	return slices.EqualFunc(a, b, func(x, y Network) bool {
		return x.Mbits == y.Mbits && slices.Equal(x.Static, y.Static) && slices.Equal(x.Dynamic, y.Dynamic)
	})
}

func (a Affinity) same(b Affinity) bool {
	return a.Weight == b.Weight && a.Constraint.same(b.Constraint)
}

func (s Spread) same(t Spread) bool {
	return s.Attribute == t.Attribute && s.Weight == t.Weight && slices.Equal(s.Targets, t.Targets)
}

func (d DeviceAsk) same(e DeviceAsk) bool {
	return d.Name == e.Name && d.Count == e.Count && slices.EqualFunc(d.Constraints, e.Constraints, Constraint.same) &&
		slices.EqualFunc(d.Affinities, e.Affinities, Affinity.same)
}

func (t *Task) same(u *Task) bool {
	return t.Name == u.Name && t.Driver == u.Driver && t.Lifecycle == u.Lifecycle && t.Sidecar == u.Sidecar &&
		t.CPU == u.CPU && t.Cores == u.Cores && t.Memory == u.Memory && t.MemoryMax == u.MemoryMax &&
		t.Config == u.Config && maps.Equal(t.Meta, u.Meta) && sameNetworks(t.Networks, u.Networks) &&
		slices.EqualFunc(t.Devices, u.Devices, DeviceAsk.same) && slices.EqualFunc(t.Affinities, u.Affinities, Affinity.same)
}

// In reports whether a node is in the job's datacenters and pool.
func (j *Job) In(n *topology.Node) bool {
	if pool := j.PoolOrDefault(); pool != EveryPool && pool != cmp.Or(n.Pool, DefaultPool) {
		return false
	}
	return len(j.Datacenters) == 0 || slices.ContainsFunc(j.Datacenters, func(glob string) bool {
		ok, err := path.Match(glob, n.Datacenter)
		return ok && err == nil
	})
}

// Eligible is how many of the nodes could run group g, as far as they alone
// decide it.
func (j *Job) Eligible(g int, nodes []topology.Node) int {
	count := 0
	for i := range nodes {
		allowed := !slices.ContainsFunc(j.Groups[g].Constraints, func(c Constraint) bool { return !c.Allows(&nodes[i]) })
		if allowed && j.In(&nodes[i]) {
			count++
		}
	}
	return count
}

// Prefers reports whether the job has affinities or spreads, which say where it
// would rather run than where it may.
func (j Job) Prefers() bool {
	prefers := len(j.Affinities)+len(j.Spreads) > 0
	for i := range j.Groups {
		g := &j.Groups[i]
		prefers = prefers || len(g.Affinities)+len(g.Spreads) > 0
		for k := range g.Tasks {
			prefers = prefers || len(g.Tasks[k].Affinities) > 0
		}
	}
	return prefers
}

// Arriving reports whether jobs come or go during a run: then they are placed
// as they arrive, and not by a solver beforehand.
func (w *Workload) Arriving() bool {
	return slices.ContainsFunc(w.Jobs, func(j Job) bool {
		return j.SubmitAt > 0 || slices.ContainsFunc(j.Groups, func(g Group) bool { return g.Duration > 0 })
	})
}
