package scenarios

import (
	"time"

	"caravan/workloads"
)

// set copies a written field over the default.
func set[T any](p place, key string, to *T, from T) {
	if p.has(key) {
		*to = from
	}
}

// policies fills in the group's policies where they are written: each absent
// field is as HashiCorp has it for the job's type.
func (b *builder) policies(out *workloads.Group, g *GroupFields, t workloads.JobType) {
	if r := g.Restart; r != nil {
		x := workloads.DefaultRestart(t)
		set(r.place, "attempts", &x.Attempts, r.Attempts)
		set(r.place, "interval", &x.Interval, time.Duration(r.Interval))
		set(r.place, "delay", &x.Delay, time.Duration(r.Delay))
		set(r.place, "mode", &x.Mode, workloads.RestartMode(r.Mode))
		out.Restart = &x
	}
	if r := g.Reschedule; r != nil {
		x := workloads.DefaultReschedule(t)
		if r.place.has("attempts") {
			x.Unlimited = false
		}
		set(r.place, "unlimited", &x.Unlimited, r.Unlimited)
		set(r.place, "attempts", &x.Attempts, r.Attempts)
		set(r.place, "interval", &x.Interval, time.Duration(r.Interval))
		set(r.place, "delay", &x.Delay, time.Duration(r.Delay))
		set(r.place, "delay_function", &x.Function, workloads.DelayFunction(r.DelayFunction))
		set(r.place, "max_delay", &x.MaxDelay, time.Duration(r.MaxDelay))
		out.Reschedule = &x
	}
	if m := g.Migrate; m != nil {
		x := workloads.DefaultMigrate()
		set(m.place, "max_parallel", &x.MaxParallel, m.MaxParallel)
		set(m.place, "min_healthy_time", &x.MinHealthyTime, time.Duration(m.MinHealthyTime))
		set(m.place, "healthy_deadline", &x.HealthyDeadline, time.Duration(m.HealthyDeadline))
		out.Migrate = &x
	}
	if d := g.Disconnect; d != nil {
		x := workloads.DefaultDisconnect()
		set(d.place, "lost_after", &x.LostAfter, time.Duration(d.LostAfter))
		set(d.place, "replace", &x.Replace, d.Replace)
		set(d.place, "reconcile", &x.Reconcile, workloads.Reconcile(d.Reconcile))
		out.Disconnect, out.StopAfterLost = &x, time.Duration(d.StopAfter)
	}
	b.update(out, g.Update, t)
}

func (b *builder) update(out *workloads.Group, u *Update, t workloads.JobType) {
	if u == nil {
		return
	}
	x := workloads.DefaultUpdate(t)
	set(u.place, "max_parallel", &x.MaxParallel, u.MaxParallel)
	set(u.place, "canary", &x.Canary, u.Canary)
	set(u.place, "min_healthy_time", &x.MinHealthyTime, time.Duration(u.MinHealthyTime))
	set(u.place, "healthy_deadline", &x.HealthyDeadline, time.Duration(u.HealthyDeadline))
	set(u.place, "progress_deadline", &x.ProgressDeadline, time.Duration(u.ProgressDeadline))
	set(u.place, "auto_promote", &x.AutoPromote, u.AutoPromote)
	set(u.place, "auto_revert", &x.AutoRevert, u.AutoRevert)
	set(u.place, "stagger", &x.Stagger, time.Duration(u.Stagger))
	if x.ProgressDeadline > 0 && x.ProgressDeadline <= x.HealthyDeadline {
		b.fault(u.place.key("progress_deadline"), "progress_deadline %s is not above healthy_deadline %s (allowed: more, or 0s)", x.ProgressDeadline, x.HealthyDeadline)
	}
	if x.MinHealthyTime > x.HealthyDeadline {
		b.fault(u.place.key("min_healthy_time"), "min_healthy_time %s is above healthy_deadline %s (allowed: less)", x.MinHealthyTime, x.HealthyDeadline)
	}
	out.Update = &x
}
