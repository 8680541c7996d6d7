package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"caravan/runner"
	"caravan/runner/kubernetes"
	"caravan/scenarios"
	"caravan/solver"
	scheduler "caravan/solver/kubernetes"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// idleImage is what a pod does nothing with; nodes without a kubelet never ask
// for it.
const idleImage = "caravan.local/pause:1"

// kubernetesDecisions compares with the scheduler of the cluster that kubectl
// would use, and removes all that it submitted.
func (a *app) kubernetesDecisions(ctx context.Context, f *validateFlags, s *scenarios.Scenario) (answer *agreementAnswer, err error) {
	b, err := kubernetes.New(kubernetes.Options{Image: cmp.Or(f.image, idleImage), Context: f.context})
	if err != nil {
		return nil, badInput(err)
	}
	if err := f.consent(a, b.Address()); err != nil {
		return nil, err
	}
	run := runner.NewRun("decisions", time.Now(), 0)
	d, err := b.Decide(ctx, run)
	if err != nil {
		return nil, err
	}
	jobs, err := f.decided(s, d.Machines(), b.Address(), tainting(d.Taints()))
	if err != nil {
		return nil, err
	}
	p := newPodMirror(d, newTally(s.Name, "kubernetes", b.Address(), len(d.Machines()), len(jobs)))
	if f.scoreLog != "" {
		if p.log, err = kubernetes.OpenScoreLog(f.scoreLog); err != nil {
			return nil, badInput(fmt.Errorf("--scheduler-log: %w", err))
		}
		defer func() { err = errors.Join(err, p.log.Close()) }()
	}
	defer func() {
		_, left := b.Clean(context.WithoutCancel(ctx), run)
		err = errors.Join(err, left)
	}()
	if err := d.Prepare(ctx, prioritiesOf(jobs)); err != nil {
		return nil, err
	}
	for i := range jobs {
		if err := p.decide(ctx, &jobs[i]); err != nil {
			return nil, err
		}
		if (i+1)%20 == 0 {
			fmt.Fprintf(a.stderr, "%d of %d jobs decided\n", i+1, len(jobs))
		}
	}
	return p.finish(), nil
}

func prioritiesOf(jobs []workloads.Job) []int {
	var list []int
	for i := range jobs {
		list = append(list, jobs[i].Priority)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// tainting makes jobs such as Kubernetes knows: wishes for labels, even
// spreads, and minding some of the taints.
func tainting(hard, soft []kubernetes.Taint) func(*rand.Rand, *workloads.Job) {
	return func(rng *rand.Rand, j *workloads.Job) {
		g := &j.Groups[0]
		for i := range g.Affinities {
			g.Affinities[i].Weight = max(g.Affinities[i].Weight, -g.Affinities[i].Weight)
		}
		for i := range g.Spreads {
			g.Spreads[i].Targets = nil
		}
		for _, t := range hard {
			if rng.IntN(3) > 0 {
				g.Constraints = append(g.Constraints, workloads.Constraint{Attribute: "taint." + t.Key, Operator: "!=", Values: []string{t.Value}})
			}
		}
		for _, t := range soft {
			if rng.IntN(2) == 0 {
				mind := workloads.Constraint{Attribute: "taint." + t.Key, Operator: "=", Values: []string{t.Value}}
				g.Affinities = append(g.Affinities, workloads.Affinity{Constraint: mind, Weight: -workloads.DefaultWeight})
			}
		}
	}
}

// A podMirror decides beside a scheduler about the same pods on the same nodes.
type podMirror struct {
	tally
	held  // before one decision
	d     *kubernetes.Decisions
	log   *kubernetes.ScoreLog // nil is none
	fleet *cluster.Fleet
	nodes map[string]topology.NodeID
	specs map[string]*workloads.Job // submitted, settled
	live  []string                  // names of the jobs on the cluster, the oldest first
	own   *scheduler.Scheduler      // of one decision
}

func newPodMirror(d *kubernetes.Decisions, t tally) *podMirror {
	machines := d.Machines()
	p := &podMirror{
		tally: t, d: d, fleet: cluster.NewFleet(machines),
		nodes: map[string]topology.NodeID{}, specs: map[string]*workloads.Job{},
	}
	for i := range machines {
		p.nodes[machines[i].Name] = topology.NodeID(i)
	}
	return p
}

func (p *podMirror) name(n topology.NodeID) string { return p.fleet.Machine(n).Node.Name }

// decide lets the scheduler and Caravan decide about one job, pod by pod, until
// one of a group is refused: the others would be, too.
func (p *podMirror) decide(ctx context.Context, job *workloads.Job) error {
	if len(p.live) >= maxLive {
		if err := p.d.Withdraw(ctx, p.live[0]); err != nil {
			return err
		}
		p.live = p.live[1:]
	}
	spec := *job
	spec.Groups = slices.Clone(job.Groups)
	spec.Settle(p.d.Machines())
	p.specs[job.Name] = &spec
	p.live = append(p.live, job.Name)
	told := true
	for g := range spec.Groups {
		for i := range spec.Groups[g].Count {
			if err := p.d.Settle(ctx); err != nil {
				return err
			}
			if err := p.begin(ctx, &spec); err != nil {
				return err
			}
			v, err := p.d.Submit(ctx, &spec, g, i, p.log)
			if err != nil {
				return err
			}
			told = told && v.Told
			p.compare(&spec, g, i, v)
			if v.Node == "" {
				break
			}
		}
	}
	if told {
		p.answer.PlansKept++
	}
	return nil
}

// begin makes the state that the scheduler is in, and starts an evaluation.
func (p *podMirror) begin(ctx context.Context, spec *workloads.Job) error {
	list, err := p.d.Allocations(ctx)
	if err != nil {
		return err
	}
	if p.held, err = hold(p.fleet, list, p.specs, p.nodes); err != nil {
		return err
	}
	id, ok := p.jobs[spec.Name]
	if !ok {
		id = p.state.Submit(spec)
	}
	p.own = scheduler.New(p.fleet, rand.New(rand.NewPCG(0, 0))) // which nothing here draws from
	p.own.Begin(cluster.View{State: p.state, Plan: &cluster.Plan{Job: id, Priority: spec.Priority}}, id)
	return nil
}

// compare weighs the scheduler's verdict on one pod.
func (p *podMirror) compare(spec *workloads.Job, g, index int, v kubernetes.Verdict) {
	p.answer.Instances++
	found := p.own.Candidates(spec, g)
	var harm []scheduler.Victims
	if len(found) == 0 {
		harm = p.own.LeastHarm(spec, g)
	}
	own, reason := "no node", ""
	switch {
	case len(found) > 0:
		own, reason = p.chosen(found, v)
	case len(harm) > 0:
		own, reason = p.evicted(harm, v)
	case v.Node != "":
		reason = "no room here: " + counted(p.own.Reasons(spec, g))
	default:
		p.answer.Unplaced++
		reason = p.refused(spec, g, v)
	}
	if reason == "" {
		p.answer.Agreed++
		return
	}
	p.disagree(spec, g, index, cmp.Or(v.Node, "no node"), own, reason, "")
}

// chosen compares a placement beside others: every score, and whether the node
// is one of the best.
func (p *podMirror) chosen(found []scheduler.Candidate, v kubernetes.Verdict) (own, reason string) {
	best := found[0].Score
	for _, c := range found {
		best = max(best, c.Score)
	}
	var equals []string
	for _, c := range found {
		if c.Score == best {
			equals = append(equals, p.name(c.Node))
		}
	}
	own = strings.Join(equals, " or ")
	switch {
	case v.Node == "":
		return own, v.Message
	case len(v.Evicted) > 0:
		return own, fmt.Sprintf("%d evicted there; here there is room", len(v.Evicted))
	}
	if p.log != nil {
		reason = p.scores(found, v.Scores)
	}
	if reason == "" && !slices.Contains(equals, v.Node) {
		reason = "another node has a higher score here"
	}
	return own, reason
}

// scores compares what every plugin gave to every node with room, and returns
// the first difference in words. The scheduler scores only where there are two.
func (p *podMirror) scores(found []scheduler.Candidate, theirs []runner.NodeScore) (reason string) {
	if len(found) == 1 && len(theirs) == 0 {
		return ""
	}
	if len(found) != len(theirs) {
		return fmt.Sprintf("%d nodes have room there, %d here", len(theirs), len(found))
	}
	for _, s := range theirs {
		i := slices.IndexFunc(found, func(c scheduler.Candidate) bool { return p.name(c.Node) == s.Node })
		if i < 0 {
			return s.Node + " has no room here"
		}
		own := map[string]float64{"final": found[i].Score}
		for _, part := range found[i].Parts {
			own[part.Scorer] = part.Score
		}
		there := maps.Clone(s.Parts)
		there["final"] = s.Final
		both := maps.Clone(own)
		maps.Copy(both, there)
		for _, scorer := range slices.Sorted(maps.Keys(both)) {
			if p.note(scorer, there[scorer]-own[scorer]) > scoreTolerance {
				reason = cmp.Or(reason, fmt.Sprintf("%s on %s: %.0f there, %.0f here", scorer, s.Node, there[scorer], own[scorer]))
			}
		}
	}
	return reason
}

// evicted compares an eviction: whether the node is one of those where it does
// least harm, and who leaves it.
func (p *podMirror) evicted(harm []scheduler.Victims, v kubernetes.Verdict) (own, reason string) {
	var equals []string
	for i := range harm {
		equals = append(equals, p.name(harm[i].Node))
	}
	own = strings.Join(equals, " or ")
	if v.Node == "" {
		return own, v.Message
	}
	p.answer.Preemptions++
	i := slices.Index(equals, v.Node)
	if i < 0 {
		return own, fmt.Sprintf("evictions there: %s; here %s", p.leaving(v.Evicted), p.leaving(p.idsOf(&harm[0])))
	}
	if here := p.idsOf(&harm[i]); !slices.Equal(p.alike(here), p.alike(v.Evicted)) {
		return own, fmt.Sprintf("evictions on %s: %s there, %s here", v.Node, p.leaving(v.Evicted), p.leaving(here))
	}
	p.answer.SameEvictions++
	return own, ""
}

func (p *podMirror) idsOf(v *scheduler.Victims) []string {
	var ids []string
	for _, a := range v.Evict {
		ids = append(ids, p.names[a.ID])
	}
	return ids
}

// alike names pods by what the scheduler tells them apart by: pods of one group
// that started in one second are the same to it.
func (p *podMirror) alike(ids []string) []string {
	var list []string
	for _, id := range ids {
		a := p.state.Alloc(p.ids[id])
		list = append(list, fmt.Sprintf("%s/%s/%d", a.Spec.Name, a.TaskGroup().Name, a.StartedAt))
	}
	slices.Sort(list)
	return list
}

// leaving describes pods for people.
func (p *podMirror) leaving(ids []string) string {
	var list []string
	for _, id := range ids {
		a := p.state.Alloc(p.ids[id])
		list = append(list, fmt.Sprintf("%s[%d] (priority %d, %.0f MHz, %s)", a.Spec.Name, a.Index, a.Priority(), float64(a.CPU), topology.FormatBytes(a.Memory)))
	}
	return cmp.Or(strings.Join(list, ", "), "none")
}

// refused compares why both found no node.
func (p *podMirror) refused(spec *workloads.Job, g int, v kubernetes.Verdict) string {
	own := map[string]int{}
	for _, r := range p.own.Reasons(spec, g) {
		own[r.What] = r.Nodes
	}
	if maps.Equal(own, v.Reasons) {
		return ""
	}
	return fmt.Sprintf("%s; here: %s", v.Message, counted(p.own.Reasons(spec, g)))
}

// counted writes how many nodes are left out for what.
func counted(list []solver.NodeCount) string {
	var parts []string
	for _, r := range list {
		parts = append(parts, fmt.Sprintf("%d %s", r.Nodes, r.What))
	}
	return strings.Join(parts, ", ")
}
