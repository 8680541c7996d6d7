package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"caravan/scenarios"
	"caravan/sim/controlplane"
	"caravan/sim/des"
	"caravan/solver"
	"caravan/solver/binpack"
	"caravan/solver/kubernetes"
	"caravan/solver/preempt"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
	"caravan/workloads/placement"
)

// A deciderRow is one way to choose nodes under a control plane.
type deciderRow struct {
	name, about string
	make        func(s *scenarios.Scenario, f *cluster.Fleet) controlplane.Decider
}

// deciderRows is every decider that exists; any solver serves as one too.
func deciderRows() []deciderRow {
	chain := func(spread bool, evictor solver.Evictor) func(*scenarios.Scenario, *cluster.Fleet) controlplane.Decider {
		return func(s *scenarios.Scenario, f *cluster.Fleet) controlplane.Decider {
			return &chainDecider{fleet: f, specs: map[*workloads.Group]*workloads.Job{}, chain: binpack.NewChain(f, binpack.Config{
				Spread: spread, Preempts: s.ControlPlane.Preempts, Evictor: evictor,
			})}
		}
	}
	scan := func(rank rank) func(*scenarios.Scenario, *cluster.Fleet) controlplane.Decider {
		return func(s *scenarios.Scenario, f *cluster.Fleet) controlplane.Decider { return newScan(f, s.Seed, rank) }
	}
	return []deciderRow{
		{"nomad", "the whole ranking chain of HashiCorp Nomad, packing", chain(false, preempt.Greedy{})},
		{"nomad-spread", "the same chain, spreading", chain(true, preempt.Greedy{})},
		{"nomad-exact", "the packing chain, evicting on a node the set of least priority times MHz", chain(false, preempt.Exact{})},
		{"best-fit", "the node that is left with the least of its scarcer resource", scan(tightest)},
		{"first-fit", "the first node with room", scan(foremost)},
		{"random", "any node with room", scan(anyNode)},
		{"kubernetes", "the default scheduler of Kubernetes, with its own order of evictions",
			func(s *scenarios.Scenario, f *cluster.Fleet) controlplane.Decider {
				stream := des.NewStream(s.Seed, "decider")
				return &kubernetesDecider{scheduler: kubernetes.New(f, rand.New(&stream))}
			}},
	}
}

func deciderNames() []string {
	var out []string
	for _, r := range deciderRows() {
		out = append(out, r.name)
	}
	return out
}

// newDecider makes the decider of that name for one region.
func newDecider(s *scenarios.Scenario, name string, f *cluster.Fleet) (controlplane.Decider, error) {
	for _, r := range deciderRows() {
		if r.name == name {
			return r.make(s, f), nil
		}
	}
	if contains(solverNames(), name) {
		algorithm, err := newSolver(name, 0)
		return &solverDecider{scan: newScan(f, s.Seed, foremost), scenario: s, algorithm: algorithm}, err
	}
	return nil, badInput(fmt.Errorf("controlplane.decider: %w", notOneOf(name, append(deciderNames(), solverNames()...))))
}

// A chainDecider asks the ranking chain.
type chainDecider struct {
	fleet *cluster.Fleet
	chain *binpack.Chain
	// specs holds one job for all that share their groups, so that the chain
	// prepares copies of a job once.
	specs map[*workloads.Group]*workloads.Job
	view  cluster.View
	req   controlplane.Request
	begun *workloads.Job
}

func (d *chainDecider) Begin(v cluster.View, e controlplane.Request) {
	d.view, d.req = v, e
	d.start(e.Job)
}

func (d *chainDecider) start(job *workloads.Job) {
	d.begun = job
	d.chain.Begin(d.view, d.req.ID, d.shared(job), d.req.Seed)
}

// shared is the first job seen with the groups of job, which is job but for
// its name and time.
func (d *chainDecider) shared(job *workloads.Job) *workloads.Job {
	key := &job.Groups[0]
	first, ok := d.specs[key]
	if !ok || first.Priority != job.Priority || first.Type != job.Type || len(first.Groups) != len(job.Groups) {
		d.specs[key] = job
		return job
	}
	return first
}

func (d *chainDecider) Place(i controlplane.Instance) (controlplane.Choice, bool) {
	if i.Job != d.begun {
		d.start(i.Job)
	}
	o := binpack.Options{Penalty: i.Avoid, Only: i.Only}
	if i.Previous != cluster.NoAlloc && i.Job.Groups[i.Group].StickyDisk {
		o.Preferred = []topology.NodeID{d.view.Alloc(i.Previous).Node}
	}
	c, ok := d.chain.Select(i.Group, o)
	out := controlplane.Choice{Node: c.Node, Amount: c.Held, Grant: c.Grant, Score: c.Score}
	for _, a := range c.Evict {
		out.Evict = append(out.Evict, a.ID)
	}
	switch {
	case !d.req.Explain:
	case ok:
		out.Why = fmt.Sprintf("score %.3f", c.Score)
	default:
		out.Why = d.chain.Explain().String()
	}
	return out, ok
}

func (d *chainDecider) Serves(job *workloads.Job, group int, n topology.NodeID) bool {
	return d.chain.Admits(d.shared(job), group, n)
}

// A kubernetesDecider asks Kubernetes' default scheduler.
type kubernetesDecider struct {
	scheduler *kubernetes.Scheduler
	req       controlplane.Request
}

func (d *kubernetesDecider) Begin(v cluster.View, e controlplane.Request) {
	d.req = e
	d.scheduler.Begin(v, e.ID)
}

func (d *kubernetesDecider) Place(i controlplane.Instance) (controlplane.Choice, bool) {
	c, ok := d.scheduler.Select(i.Job, i.Group, i.Only, d.req.Preempt)
	out := controlplane.Choice{Node: c.Node, Amount: c.Held, Grant: c.Grant, Score: c.Score}
	for _, a := range c.Evict {
		out.Evict = append(out.Evict, a.ID)
	}
	switch {
	case !d.req.Explain:
	case ok:
		out.Why = fmt.Sprintf("score %.0f", c.Score)
	default:
		out.Why = "no node has room"
	}
	return out, ok
}

func (d *kubernetesDecider) Serves(job *workloads.Job, group int, n topology.NodeID) bool {
	return d.scheduler.Admits(job, group, n)
}

// A rank says how a scan prefers nodes.
type rank uint8

const (
	tightest rank = iota
	foremost
	anyNode
)

// A scan looks at every node and evicts the lowest priorities first where it
// may and must.
type scan struct {
	fleet *cluster.Fleet
	rank  rank
	rng   *rand.Rand
	asks  map[*workloads.Group]*cluster.Ask
	view  cluster.View
	req   controlplane.Request
	on    []*cluster.Allocation
}

func newScan(f *cluster.Fleet, seed uint64, r rank) *scan {
	stream := des.NewStream(seed, "decider")
	return &scan{fleet: f, rank: r, rng: rand.New(&stream), asks: map[*workloads.Group]*cluster.Ask{}}
}

func (s *scan) Begin(v cluster.View, e controlplane.Request) { s.view, s.req = v, e }

func (s *scan) Serves(job *workloads.Job, group int, n topology.NodeID) bool {
	m := s.fleet.Machine(n)
	if !job.In(m.Node) {
		return false
	}
	for i := range job.Groups[group].Constraints {
		if !job.Groups[group].Constraints[i].Allows(m.Node) {
			return false
		}
	}
	return true
}

func (s *scan) ask(g *workloads.Group) *cluster.Ask {
	a, ok := s.asks[g]
	if !ok {
		made := cluster.NewAsk(g)
		a = &made
		s.asks[g] = a
	}
	return a
}

func (s *scan) Place(i controlplane.Instance) (controlplane.Choice, bool) {
	ask := s.ask(&i.Job.Groups[i.Group])
	best, seen := controlplane.Choice{Node: topology.None}, 0
	for n := range topology.NodeID(s.fleet.Len()) {
		c, ok := s.fits(i, ask, n)
		if !ok {
			continue
		}
		seen++
		if best.Node == topology.None || s.rank == tightest && c.Score > best.Score || s.rank == anyNode && s.rng.IntN(seen) == 0 {
			best = c
		}
		if s.rank == foremost {
			break
		}
	}
	if best.Node == topology.None && s.req.Preempt {
		best = s.evicting(i, ask)
	}
	if best.Node == topology.None {
		best.Why = "no node has room"
	}
	return best, best.Node != topology.None
}

// usable reports whether an instance may go to node n at all.
func (s *scan) usable(i controlplane.Instance, n topology.NodeID) bool {
	return (i.Only == nil || slices.Contains(i.Only, n)) && s.view.Standing(n).Takes() && s.Serves(i.Job, i.Group, n)
}

// fits tries node n. Its score is how full its fuller resource gets.
func (s *scan) fits(i controlplane.Instance, ask *cluster.Ask, n topology.NodeID) (controlplane.Choice, bool) {
	if !s.usable(i, n) {
		return controlplane.Choice{}, false
	}
	m := s.fleet.Machine(n)
	held, free := ask.On(m), s.view.Free(n)
	if !free.Covers(held) {
		return controlplane.Choice{}, false
	}
	c := controlplane.Choice{Node: n, Amount: held}
	if ask.Named() {
		s.on = s.view.Append(s.on[:0], n)
		grant, _, _, lacks := ask.Grant(m, s.on)
		if lacks != "" {
			return controlplane.Choice{}, false
		}
		c.Grant = grant
	}
	after := free.Less(held)
	c.Score = 1 - min(share(float64(after.CPU), m.ScaleCPU), share(float64(after.Memory), m.ScaleMemory))
	return c, true
}

// share is x of a total, 1 where that is unconstrained.
func share(x, total float64) float64 {
	if total == 0 {
		return 1
	}
	return x / total
}

// evicting finds the node on which the least priority is evicted in sum, the
// first on ties.
func (s *scan) evicting(i controlplane.Instance, ask *cluster.Ask) controlplane.Choice {
	best, least := controlplane.Choice{Node: topology.None}, 0
	for n := range topology.NodeID(s.fleet.Len()) {
		if !s.usable(i, n) {
			continue
		}
		m := s.fleet.Machine(n)
		held := ask.On(m)
		s.on = s.view.Append(s.on[:0], n)
		victims, ok := preempt.Greedy{}.Evict(solver.EvictRequest{
			View: s.view, Machine: m, Node: n, Job: s.req.ID, Priority: s.req.Job.Priority, Ask: ask, Held: held, On: s.on,
		})
		if !ok {
			continue
		}
		sum := 0
		c := controlplane.Choice{Node: n, Amount: held}
		for _, v := range victims {
			sum += v.Priority()
			c.Evict = append(c.Evict, v.ID)
		}
		if best.Node == topology.None || sum < least {
			best, least = c, sum
		}
	}
	return best
}

// A solverDecider has a solver place one instance at a time on what is free.
// Where it finds nothing, evictions are those of a scan.
type solverDecider struct {
	*scan
	scenario  *scenarios.Scenario
	algorithm solver.Solver
}

func (d *solverDecider) Place(i controlplane.Instance) (controlplane.Choice, bool) {
	group := i.Job.Groups[i.Group]
	group.Count = 1
	job := *i.Job
	job.Groups = []workloads.Group{group}
	nodes := make([]topology.Node, 0, d.fleet.Len())
	var at []topology.NodeID
	for n := range topology.NodeID(d.fleet.Len()) {
		if _, ok := d.fits(i, d.ask(&i.Job.Groups[i.Group]), n); ok {
			free, x := d.view.Free(n), *d.fleet.Machine(n).Node
			x.Reserved = topology.Resources{}
			x.CPU, x.Memory, x.Disk = leftOf(x.CPU, free.CPU), leftOf(x.Memory, free.Memory), leftOf(x.Disk, free.Disk)
			nodes, at = append(nodes, x), append(at, n)
		}
	}
	if chosen, ok := d.solve(nodes, job); ok {
		return d.fits(i, d.ask(&i.Job.Groups[i.Group]), at[chosen])
	}
	return d.scan.Place(i)
}

// solve is the node of the only instance of a job.
func (d *solverDecider) solve(nodes []topology.Node, job workloads.Job) (topology.NodeID, bool) {
	if len(nodes) == 0 {
		return topology.None, false
	}
	topo, err := topology.New(nodes, nil)
	if err != nil {
		return topology.None, false
	}
	problem := &solver.Problem{
		Topology: topo, Workload: &workloads.Workload{Jobs: []workloads.Job{job}},
		Model: placement.Model{}, Objective: solver.Objective("nodes"), Seed: d.scenario.Seed,
	}
	s, err := solver.Solve(context.Background(), d.algorithm, problem)
	if err != nil || len(s.Placement.Jobs) == 0 || s.Placement.Jobs[0][0][0] == topology.None {
		return topology.None, false
	}
	return s.Placement.Jobs[0][0][0], true
}

// leftOf is what is free of a capacity; an unconstrained one stays 0.
func leftOf[T topology.MHz | topology.Bytes](capacity, free T) T {
	if capacity == 0 {
		return 0
	}
	return free
}

// deciderHelp lists the deciders for people.
func deciderHelp() string {
	var b strings.Builder
	for _, r := range deciderRows() {
		fmt.Fprintf(&b, "  %-14s %s\n", r.name, r.about)
	}
	return b.String()
}
