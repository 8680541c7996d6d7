package controlplane

import (
	"strconv"

	"caravan/results"
	"caravan/sim/des"
)

// An adder collects the values of a replication.
type adder struct{ rep *results.Replication }

func (a adder) add(name, subject, stat, unit string, x float64) {
	a.rep.Values = append(a.rep.Values, results.Value{Name: name, Subject: subject, Stat: stat, Unit: unit, Value: x})
}

func (a adder) count(name, subject, unit string, n int) {
	a.add(name, subject, "count", unit, float64(n))
}

// durations adds mean and quantiles.
func (a adder) durations(name, subject string, h *spans) {
	if h.Count() == 0 {
		return
	}
	a.add(name, subject, "mean", "s", h.sum.Seconds()/float64(h.Count()))
	a.add(name, subject, "p50", "s", h.Quantile(0.5).Seconds())
	a.add(name, subject, "p95", "s", h.Quantile(0.95).Seconds())
	a.add(name, subject, "max", "s", h.Max().Seconds())
}

// report turns the counters into the record of the replication.
func (r *run) report() results.Replication {
	rep := results.Replication{Index: r.c.Replication, Events: r.eng.Fired(), End: r.now}
	a := adder{&rep}
	s := &r.stats
	r.settle()
	all := s.total()
	a.class(&all, "jobs")
	if len(s.order) > 1 {
		for i, p := range s.order {
			a.class(&s.classes[i], "jobs/priority "+strconv.Itoa(p))
		}
	}
	a.allocated(r)
	a.control(s)
	rep.Histograms = append(rep.Histograms, histogram("jobs", "wait", &all.wait.Histogram), histogram("jobs", "outage", &all.outage.Histogram))
	return rep
}

// settle counts as late what has not worked or ended at the end of the run
// though its deadline has passed.
func (r *run) settle() {
	for _, g := range r.regions {
		for _, j := range g.jobs {
			for i := range j.groups {
				for k := range j.groups[i].slots {
					r.settleSlot(j, i, &j.groups[i].slots[k])
				}
			}
		}
	}
}

func (r *run) settleSlot(j *job, group int, s *slot) {
	t := j.task(j.current(), group)
	if t == nil || t.Deadline == 0 || s.finished || j.stopped {
		return
	}
	since := s.wantedAt
	if j.kind.ends() {
		since = s.askedAt
	}
	if since >= 0 && r.now-since > t.Deadline {
		r.stats.classes[j.priority].late++
	}
}

// total adds the classes up.
func (s *stats) total() class {
	var t class
	for i := range s.classes {
		c := &s.classes[i]
		t.submitted += c.submitted
		t.started += c.started
		t.completed += c.completed
		t.evicted += c.evicted
		t.lost += c.lost
		t.failed += c.failed
		t.late += c.late
		t.wait.merge(&c.wait)
		t.outage.merge(&c.outage)
		t.overhead += c.overhead
		t.useful += c.useful
		t.inversion += c.inversion
		for k := range c.wasted {
			t.wasted[k] += c.wasted[k]
		}
	}
	return t
}

func (a adder) class(c *class, subject string) {
	a.count("submitted", subject, "instances", c.submitted)
	a.count("placed", subject, "instances", c.started)
	a.count("unplaced", subject, "instances", max(0, c.submitted-c.started))
	a.count("completed", subject, "instances", c.completed)
	a.count("evicted", subject, "instances", c.evicted)
	a.count("lost", subject, "instances", c.lost)
	a.count("failed", subject, "instances", c.failed)
	a.count("late", subject, "instances", c.late)
	a.durations("wait", subject, &c.wait)
	a.durations("outage", subject, &c.outage)
	wasted := 0.0
	for i := range c.wasted {
		wasted += c.wasted[i]
		a.add("wasted", subject+"/"+causeNames[i], "sum", "core s", c.wasted[i])
	}
	a.add("wasted", subject, "sum", "core s", wasted)
	a.add("overhead", subject, "sum", "core s", c.overhead)
	a.add("useful", subject, "sum", "core s", c.useful)
	a.add("inversion", subject, "sum", "instance s", c.inversion)
}

// allocated adds how much of the cluster was held.
func (a adder) allocated(r *run) {
	var cpu, memory float64
	for i, n := range r.c.Topology.Nodes() {
		m := r.c.Fleet.Machine(r.nodes[i].id)
		if n.CPU > 0 {
			cpu += float64(m.Capacity.CPU)
		}
		if n.Memory > 0 {
			memory += float64(m.Capacity.Memory)
		}
	}
	s, span := &r.stats, r.now.Seconds()
	for _, d := range []struct {
		name              string
		area, peak, total float64
	}{{"cpu", s.area[0], float64(s.peak.CPU), cpu}, {"memory", s.area[1], float64(s.peak.Memory), memory}} {
		if d.total > 0 && span > 0 {
			a.add("allocated", d.name, "mean", "1", d.area/(d.total*span))
			a.add("allocated", d.name, "max", "1", d.peak/d.total)
		}
	}
}

// control adds what the control plane did.
func (a adder) control(s *stats) {
	restarted, rescheduled := 0, 0
	for i := range s.restarted {
		restarted += s.restarted[i]
		rescheduled += s.rescheduled[i]
	}
	for _, x := range []struct {
		name, subject, unit string
		n                   int
	}{
		{"evaluations", "", "evaluations", s.evaluations}, {"passes", "", "passes", s.passes},
		{"cancelled", "evaluations", "evaluations", s.cancelled}, {"nacks", "evaluations", "evaluations", s.nacks},
		{"failed", "evaluations", "evaluations", s.failedEvals}, {"gave-up", "evaluations", "evaluations", s.gaveUp},
		{"plans", "", "plans", s.plans}, {"partial", "plans", "plans", s.partial}, {"refused", "plans", "nodes", s.refusedNodes},
		{"retried", "plans", "passes", s.retried},
		{"nodes-lost", "", "nodes", s.nodesLost}, {"drains", "", "nodes", s.drains}, {"drained", "", "instances", s.drained},
		{"restarted", "", "instances", restarted}, {"rescheduled", "", "instances", rescheduled}, {"pulls", "", "images", s.pulls},
		{"deployments", "successful", "deployments", s.deploymentsDone}, {"deployments", "failed", "deployments", s.deploymentsFailed},
		{"deployments", "reverted", "deployments", s.reverts}, {"cascade", "evictions", "instances", s.cascades},
	} {
		a.count(x.name, x.subject, x.unit, x.n)
	}
	a.add("blocked", "evaluations", "max", "evaluations", float64(s.mostBlocked))
	a.add("cascade", "depth", "max", "levels", float64(s.deepest))
	a.durations("queue-wait", "evaluations", &s.queueWait)
	a.durations("service-time", "evaluations", &s.serviceTime)
	a.durations("queue-wait", "plans", &s.planWait)
}

func histogram(subject, name string, h *des.Histogram) results.Histogram {
	out := results.Histogram{Subject: subject, Name: name}
	for b := range h.Buckets() {
		out.LowNS = append(out.LowNS, int64(b.Low))
		out.HighNS = append(out.HighNS, int64(b.High)+1)
		out.Counts = append(out.Counts, b.Count)
	}
	return out
}
