package controlplane

import (
	"slices"
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
	"caravan/workloads/draw"
)

// A cause is why work was cut short.
type cause uint8

const (
	byEviction cause = iota
	byLoss           // of its node
	byFailure        // of its own
	byStop           // of its job, or by a drain or an update
	causes
)

var causeNames = [causes]string{"evicted", "lost", "failed", "stopped"}

// preemptionGap is the least difference of priorities across which work is
// evicted (HashiCorp: preemption.go).
const preemptionGap = 10

// stats counts what the regions do together.
type stats struct {
	order   []int   // priorities, highest first
	classes []class // by position in order

	used, peak cluster.Amount
	area       [2]float64 // cpu in MHz x s, memory in bytes x s

	queueWait, serviceTime, planWait spans

	evaluations, passes, cancelled, nacks, failedEvals, gaveUp int
	plans, partial, refusedNodes, retried, mostBlocked         int
	nodesLost, drained, drains                                 int
	deploymentsDone, deploymentsFailed, reverts                int
	restarted, rescheduled                                     []int // by position in order
	pulls                                                      int
	pullTime                                                   time.Duration
	deepest                                                    int16
	cascades                                                   int // evictions by what replaced a victim
}

// spans are durations: their histogram and their exact sum.
type spans struct {
	des.Histogram
	sum time.Duration
}

// Add counts one.
func (s *spans) Add(d time.Duration) {
	s.Histogram.Add(d)
	s.sum += d
}

func (s *spans) merge(t *spans) {
	s.Histogram.Merge(&t.Histogram)
	s.sum += t.sum
}

// A class is what the jobs of one priority saw.
type class struct {
	submitted, started, completed int
	evicted, lost, failed, late   int
	wait, outage                  spans
	wasted                        [causes]float64 // core-seconds
	overhead                      float64         // core-seconds of start-up and pulls
	useful                        float64         // core-seconds of finished work
	working, lacking              int
	inversion                     float64 // instance-seconds
}

func (s *stats) init(r *run) {
	s.order = r.priorities()
	s.classes = make([]class, len(s.order))
	s.restarted, s.rescheduled = make([]int, len(s.order)), make([]int, len(s.order))
}

// priority is the position of a priority, the highest at 0.
func (s *stats) priority(p int) int { return slices.Index(s.order, p) }

// advance moves the areas under the curves on by dt.
func (s *stats) advance(dt time.Duration) {
	if dt == 0 {
		return
	}
	sec := dt.Seconds()
	// What is booked and taken off at one instant, in whatever order, is no peak.
	s.peak.CPU = max(s.peak.CPU, s.used.CPU)
	s.peak.Memory = max(s.peak.Memory, s.used.Memory)
	s.area[0] += sec * float64(s.used.CPU)
	s.area[1] += sec * float64(s.used.Memory)
	for i := range s.classes {
		if c := &s.classes[i]; c.lacking > 0 && s.worksBelow(i) {
			c.inversion += sec * float64(c.lacking)
		}
	}
}

// worksBelow reports whether anything works that the class at position i could
// evict.
func (s *stats) worksBelow(i int) bool {
	for k := len(s.order) - 1; k > i && s.order[i]-s.order[k] >= preemptionGap; k-- {
		if s.classes[k].working > 0 {
			return true
		}
	}
	return false
}

func (s *stats) lack(priority, sign int)    { s.classes[priority].lacking += sign }
func (s *stats) working(priority, sign int) { s.classes[priority].working += sign }

// filled notes that an instance works that lacked.
func (s *stats) filled(g *region, j *job, a *alloc, x *slot) {
	c := &s.classes[j.priority]
	c.lacking--
	waited := g.run.now - x.wantedAt
	if x.started {
		c.outage.Add(waited)
	} else {
		x.started = true
		c.started++
		c.wait.Add(waited)
	}
	if d := g.task(a).Deadline; d > 0 && !j.kind.ends() && waited > d {
		c.late++
	}
}

// finished notes that the work of an instance is done.
func (s *stats) finished(g *region, j *job, a *alloc, x *slot) {
	c := &s.classes[j.priority]
	c.completed++
	if d := g.task(a).Deadline; d > 0 && j.kind.ends() && g.run.now-x.askedAt > d {
		c.late++
	}
}

// coresOf is how many cores an allocation holds, by its CPU.
func (g *region) coresOf(a *alloc) float64 {
	return float64(g.task(a).Demand.CPU) / g.node(a.node).cores
}

func (s *stats) wasted(g *region, a *alloc, why cause, lost time.Duration) {
	s.classes[g.jobs[a.job].priority].wasted[why] += lost.Seconds() * g.coresOf(a)
}

func (s *stats) overhead(g *region, a *alloc, d time.Duration) {
	s.classes[g.jobs[a.job].priority].overhead += d.Seconds() * g.coresOf(a)
}

func (s *stats) done(g *region, a *alloc, ran time.Duration) {
	s.classes[g.jobs[a.job].priority].useful += ran.Seconds() * g.coresOf(a)
}

// pulled counts the pull of an image.
func (s *stats) pulled(g *region, a *alloc, d time.Duration) {
	s.pulls++
	s.pullTime += d
	s.overhead(g, a, d)
}

// evicted counts an eviction and how deep its cascade is.
func (s *stats) evicted(g *region, victim *alloc) {
	s.classes[g.jobs[victim.job].priority].evicted++
	s.deepest = max(s.deepest, victim.depth)
	if victim.depth > 1 {
		s.cascades++
	}
}

// use books an allocation, or with sign -1 takes it off.
func (s *stats) use(a cluster.Amount, sign float64) {
	s.used.CPU += topology.MHz(sign) * a.CPU
	s.used.Memory += topology.Bytes(sign) * a.Memory
}

// release takes off the books what an allocation holds once it is to stop, or
// has.
func (g *region) release(a *alloc, x *cluster.Allocation) {
	if !a.held {
		return
	}
	a.held = false
	g.run.stats.use(x.Amount, -1)
}

// gone counts the end of an allocation.
func (s *stats) gone(g *region, a *alloc, x *cluster.Allocation) {
	g.release(a, x)
	c := &s.classes[g.jobs[a.job].priority]
	switch x.Client {
	case cluster.Lost:
		c.lost++
	case cluster.Failed:
		c.failed++
	}
}

// duration is how long an instance works in all; 0 is until it is stopped. It
// is drawn from the seed, the job and the instance, so that every policy meets
// the same.
func (r *run) duration(j *job, a *alloc, t *workloads.Group) time.Duration {
	if t.Runtime == nil {
		return t.Duration
	}
	key := r.c.Seed ^ uint64(r.c.Replication)<<48 ^ uint64(j.id)<<24 ^ uint64(a.group)<<20 ^ uint64(a.index)
	if j.kind.everywhere() {
		key ^= uint64(a.node) << 32
	}
	stream := des.FromSeed(key * 0x9e3779b97f4a7c15)
	d := draw.New(*t.Runtime, true)
	return max(1, topology.Seconds(d.Draw(&stream)))
}

// sample draws from a distribution of seconds.
func (r *run) sample(d *workloads.Dist) float64 {
	s := draw.New(*d, true)
	return s.Draw(&r.draws)
}
