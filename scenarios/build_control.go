package scenarios

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
)

// ControlPlaneSpec is how the orchestrator of a run behaves, defaults filled in.
type ControlPlaneSpec struct {
	Decider                                             string
	Workers                                             int
	DecisionTime, PlacementTime, VerifyTime, CommitTime time.Duration
	NackTimeout                                         time.Duration
	DeliveryLimit, ServiceAttempts, BatchAttempts       int
	PeekLast, WakeFirst                                 bool
	Preempts                                            []workloads.JobType
	ReportTime                                          time.Duration
	PullRate                                            topology.BytesPerSecond
	Home                                                string
	Forwarding, SubmitRetry                             time.Duration
	Absent                                              []topology.NodeID // nodes that join during the run
}

// controlPlane is nil for a scenario that has neither the section nor events.
func (b *builder) controlPlane(f *File, events []workloads.Event) *ControlPlaneSpec {
	if f.ControlPlane == nil {
		if len(events) == 0 {
			return nil
		}
		f.ControlPlane = &ControlPlane{}
		b.structure(reflect.ValueOf(f.ControlPlane).Elem(), place{&value{kind: mapping, at: position{line: 1, column: 1}}, "controlplane"})
	}
	c := f.ControlPlane
	out := &ControlPlaneSpec{
		Decider: c.Decider, Workers: c.Workers,
		DecisionTime: time.Duration(c.DecisionTime), PlacementTime: time.Duration(c.PlacementTime),
		VerifyTime: time.Duration(c.VerifyTime), CommitTime: time.Duration(c.CommitTime),
		NackTimeout: time.Duration(c.NackTimeout), DeliveryLimit: c.DeliveryLimit,
		ServiceAttempts: c.ServiceAttempts, BatchAttempts: c.BatchAttempts, PeekLast: c.PeekLast, WakeFirst: c.Wake == "first",
		ReportTime: time.Duration(c.ReportTime), PullRate: topology.BytesPerSecond(c.PullRate), Home: c.Home,
		Forwarding: time.Duration(c.Forwarding), SubmitRetry: time.Duration(c.SubmitRetry),
	}
	for _, x := range []struct {
		on bool
		t  workloads.JobType
	}{
		{c.Preemption.Service, workloads.Service}, {c.Preemption.Batch, workloads.Batch},
		{c.Preemption.System, workloads.System}, {c.Preemption.Sysbatch, workloads.SysBatch},
	} {
		if x.on {
			out.Preempts = append(out.Preempts, x.t)
		}
	}
	if c.Home != "" && !slices.ContainsFunc(b.nodes, func(n topology.Node) bool { return n.Region == c.Home }) {
		b.unknown(c.place.key("home"), "region", c.Home, b.regions())
	}
	for i := range events {
		if events[i].Action == workloads.Join {
			out.Absent = append(out.Absent, events[i].Nodes...)
		}
	}
	return out
}

// regions lists the regions of the nodes, a few at most.
func (b *builder) regions() []string {
	var out []string
	for i := range b.nodes {
		if r := b.nodes[i].Region; r != "" && !contains(out, r) && len(out) < maxListed {
			out = append(out, r)
		}
	}
	return out
}

// jobCopies settles a job and stamps its copies, which share their groups.
func (b *builder) jobCopies(j *Job, base workloads.Job) []workloads.Job {
	out := []workloads.Job{base}
	b.settle(out)
	base = out[0]
	at := make([]time.Duration, max(1, j.Copies))
	if j.Over > 0 {
		stream := des.NewStream(b.seed, "submissions", j.Name)
		for i := range at {
			at[i] = time.Duration(stream.Float64() * float64(j.Over))
		}
		slices.Sort(at)
	}
	for i := range at {
		job := base
		job.SubmitAt += at[i]
		if j.Copies > 0 {
			job.Name = fmt.Sprintf("%s-%d", base.Name, i+1)
		}
		out = append(out[:i], job)
	}
	return out
}

// events makes the timed events, each with its end where it has one, in order
// of time.
func (b *builder) events(list []Event, w *workloads.Workload) []workloads.Event {
	var out []workloads.Event
	for i := range list {
		if e := &list[i]; e.place.v != nil && e.place.v.kind == mapping {
			out = append(out, b.event(e)...)
		}
	}
	slices.SortStableFunc(out, func(a, c workloads.Event) int { return int(min(1, max(-1, a.At-c.At))) })
	if w != nil {
		b.eventJobs(list, w)
	}
	return out
}

// The keys of an event that say what it does, and those that go with each.
var eventActions = []struct {
	key    string
	action workloads.Action
	with   []string
	undo   workloads.Action // after for
}{
	{"submit", workloads.Submit, nil, ""}, {"stop", workloads.Stop, nil, ""},
	{"scale", workloads.Scale, []string{"group", "count"}, ""}, {"promote", workloads.Promote, nil, ""},
	{"drain", workloads.Drain, []string{"deadline", "force", "ignore_system", "stagger"}, ""},
	{"enable", workloads.Enable, nil, ""}, {"disable", workloads.Disable, nil, ""}, {"join", workloads.Join, nil, ""},
	{"fail", workloads.Fail, []string{"for"}, workloads.Repair},
	{"fail_region", workloads.Fail, []string{"for"}, workloads.Repair},
	{"partition", workloads.Partition, []string{"for"}, workloads.Heal},
}

// event is one event, and its end when it lasts for a while.
func (b *builder) event(e *Event) []workloads.Event {
	chosen := -1
	var found, all []string
	for i, a := range eventActions {
		all = append(all, a.key)
		if e.place.has(a.key) {
			chosen = i
			found = append(found, a.key)
		}
	}
	if len(found) != 1 {
		b.fault(e.place, "%d actions are given (allowed: exactly one of %s)", len(found), strings.Join(all, ", "))
		return nil
	}
	action := eventActions[chosen]
	for _, a := range eventActions {
		for _, k := range a.with {
			if e.place.has(k) && !contains(action.with, k) {
				b.fault(e.place.key(k), "it does not go with %s (allowed: with %s)", action.key, a.key)
				return nil
			}
		}
	}
	out := workloads.Event{At: time.Duration(e.At), Action: action.action, Group: e.Group, Count: e.Count}
	switch action.key {
	case "submit":
		job, ok := b.job(e.Submit, map[string]bool{})
		if !ok {
			return nil
		}
		out.Job = &b.jobCopies(e.Submit, job)[0]
	case "stop", "scale", "promote":
		out.Name = map[string]string{"stop": e.Stop, "scale": e.Scale, "promote": e.Promote}[action.key]
		if action.key == "scale" && !e.place.has("count") {
			b.fault(e.place, "how many instances there shall be is not given (allowed: count)")
		}
	case "fail_region":
		out.Region, out.Nodes = e.FailRegion, b.inRegion(e.place.key("fail_region"), e.FailRegion)
	default:
		out.Nodes = b.chosen(e.names(action.key))
	}
	if action.action == workloads.Drain {
		out.Limit, out.IgnoreSystem, out.Stagger = time.Duration(e.Deadline), e.IgnoreSystem, time.Duration(e.Stagger)
		if e.Force {
			out.Limit = -1
		}
	}
	if e.For == 0 || action.undo == "" {
		return []workloads.Event{out}
	}
	end := out
	end.At, end.Action = out.At+min(time.Duration(e.For), math.MaxInt64-out.At), action.undo
	return []workloads.Event{out, end}
}

// names is what an action on nodes names.
func (e *Event) names(key string) *Names {
	return map[string]*Names{
		"drain": &e.Drain, "enable": &e.Enable, "disable": &e.Disable, "join": &e.Join, "fail": &e.Fail, "partition": &e.Partition,
	}[key]
}

// inRegion is the nodes of a region.
func (b *builder) inRegion(p place, name string) []topology.NodeID {
	var out []topology.NodeID
	for i := range b.nodes {
		if b.nodes[i].Region == name {
			out = append(out, topology.NodeID(i))
		}
	}
	if len(out) == 0 {
		b.unknown(p, "region", name, b.regions())
	}
	return out
}

// eventJobs checks that the jobs that events name exist.
func (b *builder) eventJobs(list []Event, w *workloads.Workload) {
	known := map[string]bool{}
	var names []string
	add := func(name string) {
		known[name] = true
		if len(names) < maxListed {
			names = append(names, name)
		}
	}
	for i := range w.Jobs {
		add(w.Jobs[i].Name)
	}
	for i := range list {
		if list[i].Submit != nil {
			add(list[i].Submit.Name)
		}
	}
	for i := range list {
		e := &list[i]
		for _, x := range []struct{ key, name string }{{"stop", e.Stop}, {"scale", e.Scale}, {"promote", e.Promote}} {
			if x.name != "" && !known[x.name] {
				b.unknown(e.place.key(x.key), "job", x.name, names)
			}
		}
	}
}
