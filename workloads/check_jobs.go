package workloads

import (
	"fmt"
	"path"
	"slices"
)

func (c *checker) job(j *Job) {
	where := fmt.Sprintf("job %q", j.Name)
	if j.Name == "" {
		c.fault(where, "name", `""`, "a name")
	}
	if j.Priority < 1 || j.Priority > MaxPriority {
		c.fault(where, "priority", j.Priority, "1 to 100")
	}
	if !slices.Contains([]JobType{Service, Batch, System, SysBatch}, j.Type) {
		c.fault(where, "type", fmt.Sprintf("%q", j.Type), "service, batch, system or sysbatch")
	}
	if len(j.Groups) == 0 {
		c.fault(where, "groups", "none", "at least one")
	}
	c.notNegative(where, "submit", j.SubmitAt.Seconds())
	c.constraints(where, j.Constraints)
	c.affinities(where, j.Affinities)
	c.spreads(where, j.Spreads)
	for _, glob := range j.Datacenters {
		if _, err := path.Match(glob, ""); err != nil {
			c.fault(where, "datacenters", fmt.Sprintf("%q", glob), "a name or a pattern such as dc*")
		}
	}
	for i := range j.Groups {
		c.group(fmt.Sprintf("%s: group %q", where, j.Groups[i].Name), &j.Groups[i])
	}
}

func (c *checker) group(at string, g *Group) {
	if g.Count < 1 {
		c.fault(at, "count", g.Count, "1 or more")
	}
	c.notNegative(at, "duration", g.Duration.Seconds())
	c.resources(at, g.Demand)
	c.constraints(at, g.Constraints)
	c.affinities(at, g.Affinities)
	c.spreads(at, g.Spreads)
	c.networks(at, g.Networks)
	c.policies(at, g)
	for _, d := range []*Dist{g.Runtime, g.Failure} {
		if d != nil {
			c.dist(at, "runtime, failure", *d)
		}
	}
	for _, q := range []struct {
		field string
		value float64
	}{
		{"startup", g.Startup.Seconds()}, {"image", float64(g.Image)}, {"health_delay", g.HealthDelay.Seconds()},
		{"checkpoint", g.Checkpoint.Seconds()}, {"deadline", g.Deadline.Seconds()}, {"stop_after_lost", g.StopAfterLost.Seconds()},
	} {
		c.notNegative(at, q.field, q.value)
	}
	names := map[string]bool{}
	for i := range g.Tasks {
		t := &g.Tasks[i]
		if t.Name == "" || names[t.Name] {
			c.fault(at, "task name", fmt.Sprintf("%q", t.Name), "a name of its own")
		}
		names[t.Name] = true
		c.task(fmt.Sprintf("%s: task %q", at, t.Name), t)
	}
}

func (c *checker) task(at string, t *Task) {
	if !slices.Contains([]Lifecycle{Main, PreStart, PostStart, PostStop}, t.Lifecycle) {
		c.fault(at, "lifecycle", fmt.Sprintf("%q", t.Lifecycle), "prestart, poststart or poststop")
	}
	if t.Sidecar && (t.Lifecycle == Main || t.Lifecycle == PostStop) {
		c.fault(at, "sidecar", true, "a sidecar of prestart or poststart")
	}
	c.notNegative(at, "cpu", float64(t.CPU))
	c.notNegative(at, "cores", float64(t.Cores))
	c.notNegative(at, "memory", float64(t.Memory))
	if t.MemoryMax != 0 && t.MemoryMax < t.Memory {
		c.fault(at, "memory_max", t.MemoryMax, "at least memory")
	}
	c.notNegative(at, "kill_timeout", t.KillTimeout.Seconds())
	c.constraints(at, t.Constraints)
	c.affinities(at, t.Affinities)
	c.networks(at, t.Networks)
	for i := range t.Devices {
		d := &t.Devices[i]
		if d.Name == "" || d.Count < 1 {
			c.fault(at, "device", fmt.Sprintf("%d of %q", d.Count, d.Name), "1 or more of type, vendor/type or vendor/type/model")
		}
		c.constraints(at, d.Constraints)
		c.affinities(at, d.Affinities)
	}
}

func (c *checker) affinities(at string, list []Affinity) {
	for i := range list {
		if w := list[i].Weight; w < -100 || w > 100 || w == 0 {
			c.fault(at, "affinity: weight", w, "-100 to 100 without 0")
		}
		c.constraints(at, []Constraint{list[i].Constraint})
	}
}

func (c *checker) spreads(at string, list []Spread) {
	for _, s := range list {
		if s.Attribute == "" || s.Weight < 1 || s.Weight > 100 {
			c.fault(at, "spread", fmt.Sprintf("%q with weight %d", s.Attribute, s.Weight), "an attribute and a weight from 1 to 100")
		}
		total := 0
		for _, t := range s.Targets {
			if t.Percent < 0 || t.Percent > 100 {
				c.fault(at, "spread: percent", t.Percent, "0 to 100")
			}
			total += t.Percent
		}
		if total > 100 {
			c.fault(at, "spread: sum of percents", total, "at most 100")
		}
	}
}

func (c *checker) networks(at string, list []Network) {
	for _, n := range list {
		c.notNegative(at, "mbits", float64(n.Mbits))
		for _, p := range n.Static {
			if p.Number < 1 || p.Number > 65535 {
				c.fault(at, "static port", p.Number, "1 to 65535")
			}
		}
	}
}

// policies checks the group's policies where it has its own.
func (c *checker) policies(at string, g *Group) {
	word := func(field, found string, allowed ...string) {
		if !slices.Contains(allowed, found) {
			c.fault(at, field, fmt.Sprintf("%q", found), fmt.Sprint(allowed))
		}
	}
	if r := g.Restart; r != nil {
		c.notNegative(at, "restart: attempts", float64(r.Attempts))
		c.notNegative(at, "restart: interval", r.Interval.Seconds())
		c.notNegative(at, "restart: delay", r.Delay.Seconds())
		word("restart: mode", string(r.Mode), string(RestartFail), string(RestartDelay))
	}
	if r := g.Reschedule; r != nil {
		c.notNegative(at, "reschedule: attempts", float64(r.Attempts))
		c.notNegative(at, "reschedule: interval", r.Interval.Seconds())
		c.notNegative(at, "reschedule: delay", r.Delay.Seconds())
		c.notNegative(at, "reschedule: max_delay", r.MaxDelay.Seconds())
		if r.Unlimited || r.Attempts > 0 {
			word("reschedule: delay_function", string(r.Function), string(ConstantDelay), string(ExponentialDelay), string(FibonacciDelay))
		}
	}
	if u := g.Update; u != nil {
		c.notNegative(at, "update: max_parallel", float64(u.MaxParallel))
		c.notNegative(at, "update: canary", float64(u.Canary))
		if u.ProgressDeadline > 0 && u.ProgressDeadline <= u.HealthyDeadline {
			c.fault(at, "update: progress_deadline", u.ProgressDeadline, "more than healthy_deadline, or 0")
		}
		if u.MinHealthyTime > u.HealthyDeadline {
			c.fault(at, "update: min_healthy_time", u.MinHealthyTime, "less than healthy_deadline")
		}
	}
	if m := g.Migrate; m != nil {
		c.notNegative(at, "migrate: max_parallel", float64(m.MaxParallel))
	}
	if d := g.Disconnect; d != nil {
		c.notNegative(at, "disconnect: lost_after", d.LostAfter.Seconds())
		word("disconnect: reconcile", string(d.Reconcile), string(BestScore), string(KeepOriginal), string(KeepReplacement), string(LongestRunning))
	}
}
