// Package jobs simulates jobs that arrive at a cluster, are placed one
// instance at a time by an online policy, run, and leave.
//
// What finds no room waits, the highest priority first and in order of
// submission within one, and is tried again when something leaves.
package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"caravan/results"
	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// A Placer decides where one instance goes on a cluster that it keeps the
// books of.
type Placer interface {
	// Place takes room for a demand; ok is false when no node has any.
	Place(d topology.Resources, cs []workloads.Constraint) (n topology.NodeID, g placement.Grant, ok bool)
	// Release gives back what Place took.
	Release(n topology.NodeID, d topology.Resources, g placement.Grant)
}

// Config is everything that a simulation of jobs depends on.
type Config struct {
	Topology *topology.Topology
	Jobs     []workloads.Job
	Placer   Placer // fresh: with everything free
	// Duration is the horizon; 0 runs until the last instance has left or
	// nothing can change any more.
	Duration time.Duration
	// Replication numbers the record.
	Replication int
	// Hold, when set, is told of every instance that had room, as it leaves or
	// at the end.
	Hold func(Holding)
}

// A Holding is the time in which an instance held its room on a node.
type Holding struct {
	Job, Group, Instance int // positions in Config.Jobs, in its groups, and its number
	Node                 topology.NodeID
	StartAt, EndAt       time.Duration
}

// The kinds of event.
const (
	evSubmit uint8 = iota // job: is submitted
	evLeave               // instance: ends
	evEnd                 // the horizon
)

const (
	prioLeave  des.Priority = 1 // room is made before it is asked for
	prioSubmit des.Priority = 2
	prioEnd    des.Priority = 3
)

// An instance is one copy of a task group.
type instance struct {
	job, group, index int32
	node              topology.NodeID // None while it waits and after it left
	grant             placement.Grant
	placedAt          time.Duration
}

// run is the state of a simulation.
type run struct {
	c         Config
	eng       des.Engine
	now       time.Duration
	instances []instance
	waiting   queue
	shapes    map[string]int32 // demand and constraints to a shape number
	shapeOf   [][]int32        // by job and group
	classes   map[int]*class   // by priority
	order     []int            // priorities
	all       class
	used      capacity // allocated now
	total     capacity
	areas     capacity // allocated x seconds
	peak      capacity
	queued    float64 // waiting x seconds
	lastAt    time.Duration
}

// capacity is an amount in every dimension that is reported.
type capacity struct{ cpu, memory, gpus float64 }

// class gathers what one priority saw.
type class struct {
	wait              des.Histogram
	sum               float64
	submitted, placed uint64
}

// Run simulates one replication.
func Run(ctx context.Context, c Config) (results.Replication, error) {
	if c.Topology == nil || c.Placer == nil {
		return results.Replication{}, errors.New("jobs: a Config needs a Topology and a Placer")
	}
	r := &run{c: c, shapes: map[string]int32{}, classes: map[int]*class{}}
	for _, n := range c.Topology.Nodes() {
		r.total.cpu += float64(n.CPU - n.Reserved.CPU)
		r.total.memory += float64(n.Memory - n.Reserved.Memory)
		r.total.gpus += float64(n.GPUs.Count)
	}
	r.prepare()
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return results.Replication{}, fmt.Errorf("simulation of jobs stopped at %v of virtual time: %w", r.now, ctx.Err())
		}
		ev, ok := r.eng.Next()
		if !ok {
			break
		}
		r.advance(r.eng.Now())
		if ev.Kind() == evEnd {
			break
		}
		r.handle(ev)
	}
	for i := range r.instances {
		r.held(&r.instances[i])
	}
	return r.report(), nil
}

// prepare numbers the distinct demands and schedules the submissions.
func (r *run) prepare() {
	r.shapeOf = make([][]int32, len(r.c.Jobs))
	for j := range r.c.Jobs {
		job := &r.c.Jobs[j]
		for g := range job.Groups {
			key := fmt.Sprint(job.Groups[g].Demand, job.Groups[g].Constraints)
			s, ok := r.shapes[key]
			if !ok {
				s = int32(len(r.shapes))
				r.shapes[key] = s
			}
			r.shapeOf[j] = append(r.shapeOf[j], s)
		}
		if r.classes[job.Priority] == nil {
			r.classes[job.Priority] = &class{}
			r.order = append(r.order, job.Priority)
		}
		r.eng.Schedule(job.SubmitAt, prioSubmit, des.NewEvent(evSubmit, 0, uint32(j)))
	}
	if r.c.Duration > 0 {
		r.eng.Schedule(r.c.Duration, prioEnd, des.NewEvent(evEnd, 0, 0))
	}
}

// advance moves the clock and the areas under the curves.
func (r *run) advance(now time.Duration) {
	dt := (now - r.lastAt).Seconds()
	r.areas.cpu += dt * r.used.cpu
	r.areas.memory += dt * r.used.memory
	r.areas.gpus += dt * r.used.gpus
	r.queued += dt * float64(r.waiting.n)
	r.now, r.lastAt = now, now
}

func (r *run) handle(ev des.Event) {
	switch ev.Kind() {
	case evSubmit:
		r.submit(int32(ev.Slot()))
	case evLeave:
		r.leave(ev.Slot())
	}
}

func (r *run) submit(j int32) {
	job := &r.c.Jobs[j]
	for g := range job.Groups {
		for k := range job.Groups[g].Count {
			i := uint32(len(r.instances))
			r.instances = append(r.instances, instance{job: j, group: int32(g), index: int32(k), node: topology.None})
			r.classes[job.Priority].submitted++
			r.all.submitted++
			// A shape of which others wait has no room, and may not overtake.
			if shape := r.shapeOf[j][g]; r.waiting.some(shape) || !r.place(i) {
				r.waiting.push(job.Priority, shape, i)
			}
		}
	}
}

func (r *run) group(i uint32) *workloads.Group {
	x := &r.instances[i]
	return &r.c.Jobs[x.job].Groups[x.group]
}

// place starts instance i if there is room for it.
func (r *run) place(i uint32) bool {
	group := r.group(i)
	n, grant, ok := r.c.Placer.Place(group.Demand, group.Constraints)
	if !ok {
		return false
	}
	x := &r.instances[i]
	x.node, x.grant, x.placedAt = n, grant, r.now
	job := &r.c.Jobs[x.job]
	wait := r.now - job.SubmitAt
	for _, c := range []*class{r.classes[job.Priority], &r.all} {
		c.placed++
		c.wait.Add(wait)
		c.sum += wait.Seconds()
	}
	r.use(group.Demand, 1)
	if group.Duration > 0 {
		r.eng.Schedule(r.now+group.Duration, prioLeave, des.NewEvent(evLeave, 0, i))
	}
	return true
}

// use adds a demand to what is allocated, or with sign -1 takes it off.
func (r *run) use(d topology.Resources, sign float64) {
	milli := d.GPUMilli
	if milli == 0 {
		milli = 1000
	}
	r.used.cpu += sign * float64(d.CPU)
	r.used.memory += sign * float64(d.Memory)
	r.used.gpus += sign * float64(d.GPUs*milli) / 1000
	r.peak.cpu = max(r.peak.cpu, r.used.cpu)
	r.peak.memory = max(r.peak.memory, r.used.memory)
	r.peak.gpus = max(r.peak.gpus, r.used.gpus)
}

// leave ends instance i and lets those that wait try again: in order, one try
// for each shape, since equal demands fail alike.
func (r *run) leave(i uint32) {
	group := r.group(i)
	x := &r.instances[i]
	r.c.Placer.Release(x.node, group.Demand, x.grant)
	r.held(x)
	x.node = topology.None
	r.use(group.Demand, -1)
	r.waiting.retry(r.place)
}

// held reports the time that x had room.
func (r *run) held(x *instance) {
	if r.c.Hold != nil && x.node != topology.None {
		r.c.Hold(Holding{int(x.job), int(x.group), int(x.index), x.node, x.placedAt, r.now})
	}
}

// report turns the counters into the record of the replication.
func (r *run) report() results.Replication {
	end := r.now
	rep := results.Replication{Index: r.c.Replication, Events: r.eng.Fired(), End: end}
	add := func(name, subject, stat, unit string, x float64) {
		rep.Values = append(rep.Values, results.Value{Name: name, Subject: subject, Stat: stat, Unit: unit, Value: x})
	}
	span := end.Seconds()
	r.all.report(add, "jobs")
	if len(r.order) > 1 {
		slices.SortFunc(r.order, func(a, b int) int { return cmp.Compare(b, a) })
		for _, p := range r.order {
			r.classes[p].report(add, "jobs/priority "+strconv.Itoa(p))
		}
	}
	for _, d := range []struct {
		name              string
		area, peak, total float64
	}{
		{"cpu", r.areas.cpu, r.peak.cpu, r.total.cpu}, {"memory", r.areas.memory, r.peak.memory, r.total.memory},
		{"gpu", r.areas.gpus, r.peak.gpus, r.total.gpus},
	} {
		if d.total > 0 {
			add("allocated", d.name, "mean", "1", ratio(d.area, d.total*span))
			add("allocated", d.name, "max", "1", d.peak/d.total)
		}
	}
	add("queue", "jobs", "mean", "instances", ratio(r.queued, span))
	if r.all.wait.Count() > 0 {
		h := results.Histogram{Subject: "jobs", Name: "wait"}
		for b := range r.all.wait.Buckets() {
			h.LowNS = append(h.LowNS, int64(b.Low))
			h.HighNS = append(h.HighNS, int64(b.High)+1)
			h.Counts = append(h.Counts, b.Count)
		}
		rep.Histograms = append(rep.Histograms, h)
	}
	return rep
}

func (c *class) report(add func(name, subject, stat, unit string, x float64), subject string) {
	add("submitted", subject, "count", "instances", float64(c.submitted))
	add("placed", subject, "count", "instances", float64(c.placed))
	add("unplaced", subject, "count", "instances", float64(c.submitted-c.placed))
	add("wait", subject, "mean", "s", ratio(c.sum, float64(c.placed)))
	if c.placed > 0 {
		add("wait", subject, "p50", "s", c.wait.Quantile(0.5).Seconds())
		add("wait", subject, "p95", "s", c.wait.Quantile(0.95).Seconds())
		add("wait", subject, "max", "s", c.wait.Max().Seconds())
	}
}

// ratio is a/b, 0 over an empty span.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
