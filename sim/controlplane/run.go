package controlplane

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
)

// A run is the state of a simulation.
type run struct {
	c       Config
	eng     des.Engine
	now     time.Duration
	nodes   []node
	regions []*region
	home    *region

	faults  []faulty
	pending []submission // on their way to a region, or to be sent again
	retries []retry
	parked  []drainStep
	stats   stats
	draws   des.Stream // of the servers and clients
}

// A submission is a job on its way to its region.
type submission struct {
	job    *workloads.Job
	region int32
}

// Run simulates one replication.
func Run(ctx context.Context, c Config) (results.Replication, error) {
	r, err := simulate(ctx, c)
	if err != nil {
		return results.Replication{}, err
	}
	return r.report(), nil
}

// simulate runs until the horizon, or until nothing can change any more.
func simulate(ctx context.Context, c Config) (*run, error) {
	if c.Topology == nil || c.Fleet == nil || c.NewDecider == nil {
		return nil, errors.New("controlplane: a Config needs a Topology, its Fleet and a NewDecider")
	}
	c.Options = c.Options.withDefaults()
	r := &run{c: c, draws: des.NewStream(c.Seed, "control-plane", strconv.Itoa(c.Replication))}
	if err := r.build(); err != nil {
		return nil, err
	}
	r.begin()
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, fmt.Errorf("simulation of the control plane stopped at %v of virtual time: %w", r.now, context.Cause(ctx))
		}
		ev, ok := r.eng.Next()
		if !ok {
			break
		}
		r.stats.advance(r.eng.Now() - r.now)
		r.now = r.eng.Now()
		if ev.Kind() == evStop {
			break
		}
		r.handle(ev)
	}
	return r, nil
}

// build makes the regions and their nodes.
func (r *run) build() error {
	nodes := r.c.Topology.Nodes()
	byName := map[string]*region{}
	r.nodes = make([]node, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		g := byName[n.Region]
		if g == nil {
			g = newRegion(r, n.Region, len(r.regions))
			byName[n.Region] = g
			r.regions = append(r.regions, g)
		}
		r.nodes[i] = node{
			id: topology.NodeID(i), region: int32(g.id), alive: true, linked: true,
			cores: max(1, float64(n.CPU)/float64(max(1, n.Cores))),
		}
		g.members = append(g.members, topology.NodeID(i))
	}
	if len(r.regions) > 255 {
		return fmt.Errorf("controlplane: %d regions (allowed: up to 255)", len(r.regions))
	}
	if len(r.regions) == 0 {
		return errors.New("controlplane: no nodes")
	}
	r.home = r.regions[0]
	if r.c.Home != "" {
		if r.home = byName[r.c.Home]; r.home == nil {
			return fmt.Errorf("controlplane: no region %q", r.c.Home)
		}
	}
	for _, g := range r.regions {
		if err := g.found(); err != nil {
			return err
		}
	}
	r.stats.init(r)
	return nil
}

// begin schedules what is known beforehand.
func (r *run) begin() {
	for i := range r.c.Jobs {
		r.eng.Schedule(r.c.Jobs[i].SubmitAt, prioUser, des.NewEvent(evSubmit, 0, uint32(i)))
	}
	for i := range r.c.Events {
		r.eng.Schedule(r.c.Events[i].At, prioUser, des.NewEvent(evScript, 0, uint32(i)))
	}
	r.beginFaults()
	if r.c.Duration > 0 {
		r.eng.Schedule(r.c.Duration, prioEnd, des.NewEvent(evStop, 0, 0))
	}
}

func (r *run) handle(ev des.Event) {
	i := int32(ev.Slot())
	switch ev.Kind() {
	case evScript:
		r.script(&r.c.Events[i])
	case evSubmit:
		r.submit(&r.c.Jobs[i])
	case evRegister:
		r.arrive(int(i))
	case evFault:
		r.faultBegins(i)
	case evRepair:
		r.faultEnds(i)
	case evDrainNode:
		r.drainNext(i)
	case evRetry:
		r.retryNow(int(i))
	case evMissed:
		n := &r.nodes[i]
		if n.beat == ev.Gen() {
			r.regions[n.region].missed(n)
		}
	case evDrainLimit:
		n := &r.nodes[i]
		r.regions[n.region].drainLimit(n, ev.Gen())
	default:
		r.regions[ev.Aux()].handle(ev, i)
	}
}

// regionOf finds the region that a job asks for: its own, or the home region.
func (r *run) regionOf(name string) *region {
	for _, g := range r.regions {
		if g.name == name && name != "" {
			return g
		}
	}
	return r.home
}

// submit sends a job to its region, which takes a while when it is another.
func (r *run) submit(job *workloads.Job) {
	g := r.regionOf(job.Region)
	delay := time.Duration(0)
	if g != r.home {
		delay = r.c.Forwarding
	}
	r.send(submission{job, int32(g.id)}, delay)
}

func (r *run) send(s submission, delay time.Duration) {
	r.pending = append(r.pending, s)
	i := len(r.pending) - 1
	if delay == 0 {
		r.arrive(i)
		return
	}
	r.eng.After(delay, prioServer, des.NewEvent(evRegister, 0, uint32(i)))
}

// arrive hands a submission to its region, or keeps it to be sent again.
func (r *run) arrive(i int) {
	s := r.pending[i]
	g := r.regions[s.region]
	if !g.up || !r.home.up {
		r.tellRefused(s)
		r.eng.After(r.c.SubmitRetry, prioServer, des.NewEvent(evRegister, 0, uint32(i)))
		return
	}
	g.register(s.job)
}

func (r *run) tellRefused(s submission) {
	g := r.regions[s.region]
	g.tell("submit-refused", Entry{Job: s.job.Name, Text: "no servers answer; sent again in " + topology.FormatDuration(r.c.SubmitRetry)})
}

func (r *run) nodeName(n topology.NodeID) string { return r.c.Topology.Nodes()[n].Name }

// priorities lists the priorities of all jobs that can be submitted, highest
// first.
func (r *run) priorities() []int {
	seen := map[int]bool{}
	var out []int
	add := func(p int) {
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	for i := range r.c.Jobs {
		add(r.c.Jobs[i].Priority)
	}
	for i := range r.c.Events {
		if job := r.c.Events[i].Job; job != nil {
			add(job.Priority)
		}
	}
	slices.SortFunc(out, func(a, b int) int { return cmp.Compare(b, a) })
	return out
}
