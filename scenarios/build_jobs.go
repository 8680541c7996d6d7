package scenarios

import (
	"maps"
	"math"
	"reflect"
	"slices"
	"time"

	"caravan/topology"
	"caravan/workloads"
)

// shared are the fields of a job that hold for its groups, or for those that
// have none of their own.
var shared = []string{"constraints", "affinities", "spreads", "meta", "restart", "reschedule", "update", "migrate", "disconnect"}

func (b *builder) job(j *Job, taken map[string]bool) (workloads.Job, bool) {
	if j.place.v == nil || j.place.v.kind != mapping || !b.unique(j.place, "job", j.Name, taken) {
		return workloads.Job{}, false
	}
	out := workloads.Job{
		Name: j.Name, Type: workloads.JobType(j.Type), Priority: j.Priority, SubmitAt: time.Duration(j.Submit),
		Region: j.Region, Datacenters: j.Datacenters.List, AllAtOnce: j.AllAtOnce,
	}
	if j.NodePool != workloads.DefaultPool {
		out.Pool = j.NodePool
	}
	if len(j.Groups) == 0 {
		out.Groups = []workloads.Group{b.group(j.Name, &j.GroupFields, out.Type)}
		return out, true
	}
	for _, k := range keys(reflect.TypeFor[GroupFields]()) {
		if j.place.has(k) && !slices.Contains(shared, k) {
			b.fault(j.place.key(k), "both the job and its groups say %q (allowed: in each group, when there are groups)", k)
		}
	}
	out.Constraints = b.constraints(j.Constraints, j.place)
	out.Affinities = b.affinities(j.Affinities)
	out.Spreads, out.Meta = b.spreads(j.Spreads), j.Meta
	names := map[string]bool{}
	for i := range j.Groups {
		g := &j.Groups[i]
		b.unique(j.place.key("groups").item(i), "group", g.Name, names)
		g.inherit(&j.GroupFields)
		out.Groups = append(out.Groups, b.group(g.Name, &g.GroupFields, out.Type))
	}
	return out, true
}

// inherit takes the policies of the job where the group has none.
func (g *GroupFields) inherit(j *GroupFields) {
	inherit(&g.Restart, j.Restart)
	inherit(&g.Reschedule, j.Reschedule)
	inherit(&g.Update, j.Update)
	inherit(&g.Migrate, j.Migrate)
	inherit(&g.Disconnect, j.Disconnect)
}

func inherit[T any](own **T, from *T) {
	if *own == nil {
		*own = from
	}
}

func (b *builder) group(name string, g *GroupFields, t workloads.JobType) workloads.Group {
	out := workloads.Group{
		Name: name, Count: g.Count, Demand: g.Demand.resources(),
		Constraints: b.constraints(g.Constraints, g.place), Affinities: b.affinities(g.Affinities),
		Spreads: b.spreads(g.Spreads), Networks: networks(g.Networks), StickyDisk: g.Sticky, Meta: g.Meta,
		Duration: time.Duration(g.Duration),
		Behaviour: workloads.Behaviour{
			Startup: time.Duration(g.Startup), Image: topology.Bytes(g.Image), HealthDelay: time.Duration(g.HealthDelay),
			Unhealthy: g.Unhealthy, Checkpoint: time.Duration(g.Checkpoint), Deadline: time.Duration(g.Deadline),
		},
	}
	if g.Runtime != nil {
		out.Runtime = &g.Runtime.Dist
	}
	if g.Failure != nil {
		out.Failure = &g.Failure.Dist
	}
	b.policies(&out, g, t)
	names := map[string]bool{}
	for i := range g.Tasks {
		task := &g.Tasks[i]
		b.unique(task.place, "task", task.Name, names)
		out.Tasks = append(out.Tasks, b.task(task))
	}
	if len(g.Tasks) > 0 {
		for _, k := range []string{"cpu", "memory"} {
			if g.place.has(k) {
				b.fault(g.place.key(k), "both the group and its tasks say %q (allowed: in each task, when there are tasks)", k)
			}
		}
	}
	return out
}

func (b *builder) task(t *Task) workloads.Task {
	out := workloads.Task{
		Name: t.Name, Driver: t.Driver, Sidecar: t.Sidecar, Cores: t.Cores, CPU: topology.MHz(t.CPU),
		Memory: topology.Bytes(t.Memory), MemoryMax: topology.Bytes(t.MemoryMax), Networks: networks(t.Networks),
		Constraints: b.constraints(t.Constraints, t.place), Affinities: b.affinities(t.Affinities),
		KillTimeout: time.Duration(t.KillTimeout), Config: t.Config, Meta: t.Meta,
	}
	if t.Lifecycle != "main" {
		out.Lifecycle = workloads.Lifecycle(t.Lifecycle)
	}
	if t.Sidecar && out.Lifecycle != workloads.PreStart && out.Lifecycle != workloads.PostStart {
		b.fault(t.place.key("sidecar"), "a sidecar goes with lifecycle prestart or poststart (allowed: with one of them)")
	}
	if t.MemoryMax > 0 && t.MemoryMax < t.Memory {
		b.fault(t.place.key("memory_max"), "memory_max %s is less than memory %s (allowed: at least memory)",
			topology.FormatBytes(topology.Bytes(t.MemoryMax)), topology.FormatBytes(topology.Bytes(t.Memory)))
	}
	for i := range t.Devices {
		d := &t.Devices[i]
		ask := workloads.DeviceAsk{Name: d.Name, Count: d.Count, Affinities: b.affinities(d.Affinities)}
		for _, c := range d.Constraints {
			ask.Constraints = append(ask.Constraints, c.Rule)
		}
		out.Devices = append(out.Devices, ask)
	}
	return out
}

func (b *builder) affinities(list []Affinity) []workloads.Affinity {
	var out []workloads.Affinity
	for i := range list {
		a := &list[i]
		if v := a.place.v.get("weight"); v != nil && v.text == "0" {
			b.fault(a.place.key("weight"), "an affinity of weight 0 prefers nothing (allowed: -100 to 100 without 0)")
		}
		out = append(out, workloads.Affinity{Constraint: a.Constraint.Rule, Weight: a.Weight})
	}
	return out
}

func (b *builder) spreads(list []Spread) []workloads.Spread {
	var out []workloads.Spread
	for i := range list {
		s := workloads.Spread{Attribute: list[i].Attribute, Weight: list[i].Weight}
		total := 0
		for _, value := range slices.Sorted(maps.Keys(list[i].Targets)) {
			percent := int(math.Round(100 * float64(list[i].Targets[value])))
			total += percent
			s.Targets = append(s.Targets, workloads.SpreadTarget{Value: value, Percent: percent})
		}
		if total > 100 {
			b.fault(list[i].place.key("targets"), "the shares add up to %d%% (allowed: at most 100%%)", total)
		}
		out = append(out, s)
	}
	return out
}

func networks(list []Network) []workloads.Network {
	var out []workloads.Network
	for i := range list {
		n := workloads.Network{Mbits: list[i].Mbits}
		for _, label := range slices.Sorted(maps.Keys(list[i].Static)) {
			n.Static = append(n.Static, workloads.Port{Label: label, Number: list[i].Static[label]})
		}
		for _, label := range list[i].Dynamic.List {
			n.Dynamic = append(n.Dynamic, workloads.Port{Label: label})
		}
		out = append(out, n)
	}
	return out
}

// settle fills in what follows from the nodes: what jobs imply for their
// groups, and how many instances those have that run everywhere.
func (b *builder) settle(jobs []workloads.Job) {
	for i := range jobs {
		j := &jobs[i]
		j.Settle(b.nodes)
		if !j.Type.Everywhere() {
			continue
		}
		for g := range j.Groups {
			j.Groups[g].Count = max(1, j.Eligible(g, b.nodes))
		}
	}
}
