package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"caravan/runner"
	"caravan/runner/nomad"
	"caravan/solver"
	"caravan/solver/binpack"
	"caravan/solver/preempt"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// scoreTolerance is how far two scores may be apart and still be the same.
const scoreTolerance = 1e-3

// maxLive is how many submitted jobs stay on the cluster at once; the oldest
// goes first, so that decisions are made on full and on emptier nodes.
const maxLive = 40

// agreementAnswer is the JSON of caravan validate --decisions.
type agreementAnswer struct {
	Version        int            `json:"version"`
	Scenario       string         `json:"scenario"`
	Scheduler      string         `json:"scheduler"` // nomad or kubernetes
	Cluster        string         `json:"cluster"`
	Nodes          int            `json:"nodes"`
	Jobs           int            `json:"jobs"`
	Instances      int            `json:"instances"` // decisions: placed or refused
	Agreed         int            `json:"agreed"`
	Agreement      float64        `json:"agreement"`
	Unplaced       int            `json:"unplaced"`       // refused by both
	ScoresCompared int            `json:"scoresCompared"` // of single scorers on single nodes
	Scorers        []scorerAnswer `json:"scorers"`
	Preemptions    int            `json:"preemptions"` // instances for which others were evicted
	SameEvictions  int            `json:"sameEvictions"`
	PlansKept      int            `json:"plansKept"` // jobs of which the dry run announced what then happened
	Disagreements  []disagreement `json:"disagreements"`
}

// A scorerAnswer is the worst difference of one scorer.
type scorerAnswer struct {
	Scorer   string  `json:"scorer"`
	Compared int     `json:"compared"`
	Worst    float64 `json:"worst"`
}

// A disagreement is one decision that differs, and in what.
type disagreement struct {
	Job     string `json:"job"`
	Group   string `json:"group"`
	Index   int    `json:"index"`
	Server  string `json:"server"`
	Caravan string `json:"caravan"`
	Reason  string `json:"reason"`
	// Known is a difference of the server's that is understood; empty when it
	// is not.
	Known string `json:"known"`
}

// A tally counts what agrees.
type tally struct {
	answer *agreementAnswer
	worst  map[string]*scorerAnswer
}

func newTally(scenario, scheduler, address string, nodes, jobs int) tally {
	return tally{worst: map[string]*scorerAnswer{}, answer: &agreementAnswer{
		Version: shapeVersion, Scenario: scenario, Scheduler: scheduler, Cluster: address, Nodes: nodes, Jobs: jobs,
		Scorers: []scorerAnswer{}, Disagreements: []disagreement{},
	}}
}

// A held state is what a cluster holds, as Caravan's deciders read it.
type held struct {
	state *cluster.State
	jobs  map[string]cluster.JobID
	ids   map[string]cluster.AllocID // by the cluster's names
	names map[cluster.AllocID]string
}

// hold makes the state of a cluster from its allocations. specs are the jobs
// that were submitted; one of others holds room, and is never evicted here.
func hold(fleet *cluster.Fleet, list []runner.Allocation, specs map[string]*workloads.Job, nodes map[string]topology.NodeID) (held, error) {
	h := held{state: cluster.New(fleet), jobs: map[string]cluster.JobID{}, ids: map[string]cluster.AllocID{}, names: map[cluster.AllocID]string{}}
	for _, x := range list {
		of, ok := specs[x.Job]
		if !ok {
			of = &workloads.Job{Name: x.ID, Type: workloads.Service, Priority: workloads.MaxPriority, Groups: []workloads.Group{{Name: x.Group, Count: 1, Demand: x.Resources}}}
		}
		node, ok := nodes[x.Node]
		group := slices.IndexFunc(of.Groups, func(g workloads.Group) bool { return g.Name == x.Group })
		if !ok || group < 0 {
			return h, fmt.Errorf("allocation %s of %s on %s belongs to nothing that is known", x.ID, x.Group, x.Node)
		}
		if _, ok := h.jobs[of.Name]; !ok {
			h.jobs[of.Name] = h.state.Submit(of)
		}
		ask := cluster.NewAsk(&of.Groups[group])
		a := cluster.Instance(h.jobs[of.Name], of, group, x.Index, node, ask.On(fleet.Machine(node)), nil)
		a.Client, a.StartedAt = cluster.Running, x.StartedAt
		id := h.state.Add(a)
		h.ids[x.ID], h.names[id] = id, x.ID
	}
	return h, nil
}

// A mirror decides beside a Nomad server about the same jobs on the same nodes.
type mirror struct {
	tally
	held    // before one decision
	backend *nomad.Backend
	run     string
	driver  string
	fleet   *cluster.Fleet
	config  binpack.Config
	nodes   map[string]topology.NodeID
	specs   map[string]*workloads.Job // submitted, settled
	live    []string                  // names of the jobs on the server, the oldest first
	chain   *binpack.Chain            // of one decision
	plan    *cluster.Plan
}

// compareDecisions submits jobs one by one and compares what the server decides
// with what Caravan does in the same state. It removes all that it submitted.
func (a *app) compareDecisions(ctx context.Context, b *nomad.Backend, scenario string, jobs []workloads.Job) (answer *agreementAnswer, err error) {
	machines, err := b.Machines(ctx)
	if err != nil {
		return nil, err
	}
	if len(machines) == 0 {
		return nil, fmt.Errorf("the cluster at %s has no node that takes work", b.Address())
	}
	m := &mirror{
		backend: b, run: runner.NewRun("decisions", time.Now(), len(jobs)), fleet: cluster.NewFleet(machines),
		nodes: map[string]topology.NodeID{}, specs: map[string]*workloads.Job{}, tally: newTally(scenario, "nomad", b.Address(), len(machines), len(jobs)),
	}
	if m.driver, err = idleDriver(machines); err != nil {
		return nil, err
	}
	for i := range machines {
		m.nodes[machines[i].Name] = topology.NodeID(i)
	}
	m.config.Evictor, m.config.NoZeroAffinity = preempt.Greedy{}, beforeZeroAffinity(machines)
	if m.config.Spread, m.config.Preempts, err = b.Scheduling(ctx); err != nil {
		return nil, err
	}
	defer func() {
		_, left := b.Clean(context.WithoutCancel(ctx), m.run)
		err = errors.Join(err, left)
	}()
	for i := range jobs {
		if err := m.decide(ctx, &jobs[i]); err != nil {
			return nil, err
		}
		if (i+1)%20 == 0 {
			fmt.Fprintf(a.stderr, "%d of %d jobs decided\n", i+1, len(jobs))
		}
	}
	return m.finish(), nil
}

// beforeZeroAffinity reports whether the nodes run a release whose affinities
// have no say where they add up to 0. 1.6.3 is one (scheduler/rank.go), 2.0 is
// not; the releases between count as the newer.
func beforeZeroAffinity(machines []topology.Node) bool {
	v, _ := machines[0].Attribute("attr.nomad.version")
	var major, minor int
	_, err := fmt.Sscanf(v, "%d.%d", &major, &minor)
	return err == nil && (major < 1 || major == 1 && minor <= 6)
}

// idleDriver is one that every node has and whose tasks can do nothing.
func idleDriver(machines []topology.Node) (string, error) {
	for _, d := range []string{"mock_driver", "raw_exec"} {
		if !slices.ContainsFunc(machines, func(n topology.Node) bool { return !slices.Contains(n.Drivers, d) }) {
			return d, nil
		}
	}
	return "", errors.New("no driver for tasks that do nothing is on every node (allowed: mock_driver, raw_exec)")
}

func (t *tally) finish() *agreementAnswer {
	for _, name := range slices.Sorted(maps.Keys(t.worst)) {
		t.answer.Scorers = append(t.answer.Scorers, *t.worst[name])
		t.answer.ScoresCompared += t.worst[name].Compared
	}
	t.answer.Agreement = float64(t.answer.Agreed) / float64(max(1, t.answer.Instances))
	return t.answer
}

// decide lets the server and Caravan decide about one job.
func (m *mirror) decide(ctx context.Context, job *workloads.Job) error {
	if len(m.live) >= maxLive {
		if err := m.withdraw(ctx, m.live[0]); err != nil {
			return err
		}
	}
	if err := m.backend.Settle(ctx); err != nil {
		return err
	}
	spec := *job
	spec.Groups = slices.Clone(job.Groups)
	spec.Settle(m.machines())
	if err := m.begin(ctx, &spec); err != nil {
		return err
	}
	v, err := m.backend.Submit(ctx, m.run, m.driver, job)
	if err != nil {
		return err
	}
	m.specs[job.Name] = &spec
	m.live = append(m.live, job.Name)
	m.compare(&spec, v)
	if len(v.Unplaced) > 0 { // or it would be placed at some later instant
		return m.withdraw(ctx, job.Name)
	}
	return nil
}

func (m *mirror) machines() []topology.Node {
	var list []topology.Node
	for i := range m.fleet.Len() {
		list = append(list, *m.fleet.Machine(topology.NodeID(i)).Node)
	}
	return list
}

func (m *mirror) withdraw(ctx context.Context, name string) error {
	m.live = slices.DeleteFunc(m.live, func(n string) bool { return n == name })
	return m.backend.Withdraw(ctx, m.run, name)
}

// begin makes the state that the server is in, and starts an evaluation.
func (m *mirror) begin(ctx context.Context, spec *workloads.Job) error {
	list, err := m.backend.Allocations(ctx, m.run)
	if err != nil {
		return err
	}
	if m.held, err = hold(m.fleet, list, m.specs, m.nodes); err != nil {
		return err
	}
	m.attempt(m.state.Submit(spec), spec)
	return nil
}

// attempt starts a plan for the job.
func (m *mirror) attempt(id cluster.JobID, spec *workloads.Job) {
	m.plan = &cluster.Plan{Job: id, Priority: spec.Priority, AllAtOnce: spec.AllAtOnce}
	m.chain = binpack.NewChain(m.fleet, m.config)
	m.chain.Begin(cluster.View{State: m.state, Plan: m.plan}, id, spec, 1)
}

// attempts are the instants at which the server applied plans for the job, in
// order. When its applier refuses a part of a plan, the rest is in force, and
// the server decides about the part anew, with a plan that is empty again.
func attempts(list []nomad.Placed) []uint64 {
	var all []uint64
	for _, p := range list {
		all = append(all, p.Attempt)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// compare goes through the server's verdict instance by instance, and follows
// it, so that one difference does not make the next.
func (m *mirror) compare(spec *workloads.Job, v nomad.Verdict) {
	evicted := 0
	all := attempts(v.Placed)
	for n := range max(1, len(all)) {
		if n > 0 {
			m.state.Commit(m.plan, 0, func(topology.NodeID) bool { return false })
			m.attempt(m.plan.Job, spec)
		}
		for g := range spec.Groups {
			for _, p := range v.Placed {
				if p.Group == spec.Groups[g].Name && p.Attempt == all[n] {
					evicted += len(p.Evicted)
					m.instance(spec, g, p)
				}
			}
			if why, ok := v.Unplaced[spec.Groups[g].Name]; ok && n >= len(all)-1 {
				m.refused(spec, g, why)
			}
		}
	}
	wanted := 0
	for g := range spec.Groups {
		wanted += spec.Groups[g].Count
	}
	if v.PlanPlace == wanted && v.PlanUnplaced == (len(v.Unplaced) > 0) && (v.PlanEvict > 0) == (evicted > 0) {
		m.answer.PlansKept++
	}
}

// refused compares the refusal of a group's next instance.
func (m *mirror) refused(spec *workloads.Job, g int, why string) {
	m.answer.Instances++
	d, ok := m.chain.Select(g, binpack.Options{})
	if !ok {
		m.answer.Agreed++
		m.answer.Unplaced++
		return
	}
	known := ""
	if m.overfills(spec, g) {
		known = ignoresOwn
	}
	reason := fmt.Sprintf("%s there; here it evicts %d", why, len(d.Evict))
	m.disagree(spec, g, -1, "no node", m.fleet.Machine(d.Node).Node.Name, reason, known)
}

func (t *tally) disagree(spec *workloads.Job, g, index int, server, caravan, reason, known string) {
	t.answer.Disagreements = append(t.answer.Disagreements, disagreement{
		Job: spec.Name, Group: spec.Groups[g].Name, Index: index, Server: server, Caravan: caravan, Reason: reason, Known: known,
	})
}

// instance compares one placement: the score of each node that the server
// compared, by scorer, then the choice among these nodes, then the evictions.
// Only these nodes are compared, since which ones a service looks at is the
// luck of the server's shuffle.
func (m *mirror) instance(spec *workloads.Job, g int, p nomad.Placed) {
	m.answer.Instances++
	var looked []topology.NodeID
	for _, s := range p.Scores {
		looked = append(looked, m.nodes[s.Node])
	}
	d, ok := m.chain.Select(g, binpack.Options{Only: looked})
	reason := ""
	if !ok {
		reason = "Caravan finds none of the compared nodes feasible: " + m.chain.Explain().String()
	} else {
		reason = m.scores(p, m.chain.Explain())
	}
	choice := m.fleet.Machine(d.Node).Node.Name
	if reason == "" && choice != p.Node && math.Abs(d.Score-finalOf(p, p.Node)) > scoreTolerance {
		reason = fmt.Sprintf("score %.4f there and %.4f here", finalOf(p, p.Node), d.Score)
	}
	known := m.cause(spec, g, p)
	if less := m.follow(spec, g, p); reason == "" {
		reason = less
	}
	if reason != "" {
		m.disagree(spec, g, p.Index, p.Node, choice, reason, known)
		return
	}
	m.answer.Agreed++
}

// finalOf is the server's score of a node.
func finalOf(p nomad.Placed, node string) float64 {
	for _, s := range p.Scores {
		if s.Node == node {
			return s.Final
		}
	}
	return math.NaN()
}

// scores compares every scorer on every node that both scored, and returns the
// first difference in words.
func (m *mirror) scores(p nomad.Placed, e solver.Explanation) (reason string) {
	for _, s := range p.Scores {
		i := slices.IndexFunc(e.Top, func(t solver.NodeScore) bool { return m.fleet.Machine(t.Node).Node.Name == s.Node })
		if i < 0 {
			return fmt.Sprintf("%s does not fit here: %s", s.Node, e)
		}
		own := map[string]float64{"final": e.Top[i].Final}
		for _, part := range e.Top[i].Parts {
			own[part.Scorer] = part.Score
		}
		theirs := maps.Clone(s.Parts)
		if theirs == nil {
			theirs = map[string]float64{}
		}
		theirs["final"] = s.Final
		for _, scorer := range slices.Sorted(maps.Keys(theirs)) {
			if diff := m.note(scorer, theirs[scorer]-own[scorer]); diff > scoreTolerance {
				reason = cmp.Or(reason, fmt.Sprintf("%s on %s: %.4f there, %.4f here", scorer, s.Node, theirs[scorer], own[scorer]))
			}
		}
	}
	return reason
}

// note keeps the worst difference of a scorer.
func (t *tally) note(scorer string, difference float64) float64 {
	w, ok := t.worst[scorer]
	if !ok {
		w = &scorerAnswer{Scorer: scorer}
		t.worst[scorer] = w
	}
	w.Compared++
	w.Worst = max(w.Worst, math.Abs(difference))
	return math.Abs(difference)
}

// follow compares the evictions on the server's node, and puts the instance
// there in the plan, with the server's evictions.
func (m *mirror) follow(spec *workloads.Job, g int, p nomad.Placed) (reason string) {
	node := m.nodes[p.Node]
	d, ok := m.chain.Select(g, binpack.Options{Only: []topology.NodeID{node}})
	var own []string
	for _, a := range d.Evict {
		own = append(own, m.names[a.ID])
	}
	theirs := p.Evicted
	if len(theirs)+len(own) > 0 {
		m.answer.Preemptions++
		if slices.Equal(m.alike(own), m.alike(theirs)) {
			m.answer.SameEvictions++
		} else {
			reason = fmt.Sprintf("evictions on %s: %s there, %s here", p.Node, m.victims(theirs), m.victims(own))
		}
	}
	if !ok {
		return cmp.Or(reason, fmt.Sprintf("%s is not feasible here", p.Node))
	}
	var victims []*cluster.Allocation
	for _, id := range theirs {
		if alloc, ok := m.ids[id]; ok {
			victims = append(victims, m.state.Alloc(alloc))
		}
	}
	m.plan.Place(cluster.Instance(m.plan.Job, spec, g, p.Index, node, d.Held, d.Grant), victims...)
	return reason
}

// alike names allocations by their groups, in order: the server tells instances
// of one group apart by chance (context.go, ProposedAllocs, ranges over a map).
func (m *mirror) alike(ids []string) []string {
	var list []string
	for _, id := range ids {
		a := m.state.Alloc(m.ids[id])
		list = append(list, a.Spec.Name+"/"+a.TaskGroup().Name)
	}
	slices.Sort(list)
	return list
}

// victims describes allocations of the server for people.
func (m *mirror) victims(ids []string) string {
	if len(ids) == 0 {
		return "none"
	}
	var list []string
	for _, id := range ids {
		a := m.state.Alloc(m.ids[id])
		list = append(list, fmt.Sprintf("%s[%d] (priority %d, %.0f MHz, %s)", a.Spec.Name, a.Index, a.Priority(), float64(a.CPU), topology.FormatBytes(a.Memory)))
	}
	return strings.Join(list, ", ")
}
