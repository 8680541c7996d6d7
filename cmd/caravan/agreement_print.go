package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"

	"caravan/scenarios"
	"caravan/topology"
	"caravan/workloads"
)

// validateDecisions compares the decisions about the scenario's jobs, and about
// random ones, with those of a real server.
func (a *app) validateDecisions(ctx context.Context, f *validateFlags, arg string) error {
	deciders := map[string]func(context.Context, *validateFlags, *scenarios.Scenario) (*agreementAnswer, error){
		"nomad": a.nomadDecisions, "kubernetes": a.kubernetesDecisions,
	}
	decide, ok := deciders[f.cluster.value]
	if !ok {
		return badInput(fmt.Errorf("--decisions: found --cluster %q, allowed: nomad, kubernetes", f.cluster.value))
	}
	if f.random < 0 || f.preempt < 0 {
		return badInput(fmt.Errorf("--random-jobs, --preemption-cases: found %d and %d, allowed: 0 or more", f.random, f.preempt))
	}
	s, err := f.load(a, arg)
	if err != nil {
		return err
	}
	answer, err := decide(ctx, f, s)
	if err != nil {
		return err
	}
	if err := a.printAgreement(answer, f.output.value); err != nil {
		return err
	}
	if f.tolerance > 0 && 1-answer.Agreement > float64(f.tolerance) {
		return &exitError{code: exitInfeasible}
	}
	return nil
}

// nomadDecisions compares with the Nomad server that the environment names.
func (a *app) nomadDecisions(ctx context.Context, f *validateFlags, s *scenarios.Scenario) (*agreementAnswer, error) {
	b, err := f.nomad(a)
	if err != nil {
		return nil, err
	}
	machines, err := b.Machines(ctx)
	if err != nil {
		return nil, err
	}
	jobs, err := f.decided(s, machines, b.Address(), nil)
	if err != nil {
		return nil, err
	}
	return a.compareDecisions(ctx, b, s.Name, jobs)
}

// decided are the jobs to decide about: the scenario's, then random ones, which
// adapt, unless nil, changes to what the scheduler knows, then the cases of
// eviction.
func (f *validateFlags) decided(s *scenarios.Scenario, machines []topology.Node, address string, adapt func(*rand.Rand, *workloads.Job)) ([]workloads.Job, error) {
	if len(machines) == 0 {
		return nil, fmt.Errorf("the cluster at %s has no node that takes work", address)
	}
	var jobs []workloads.Job
	if s.Workload != nil {
		jobs = append(jobs, s.Workload.Jobs...)
	}
	rng := rand.New(rand.NewPCG(s.Seed, 0x6465636964650a))
	random := randomJobs(rng, machines, f.random)
	for i := range random {
		if adapt != nil {
			adapt(rng, &random[i])
		}
	}
	jobs = append(jobs, random...)
	for _, list := range preemptionJobs(rng, machines, f.preempt) {
		jobs = append(jobs, list...)
	}
	if len(jobs) == 0 {
		return nil, badInput(errors.New("the scenario has no jobs to decide about, and --random-jobs asks for none"))
	}
	return jobs, nil
}

// announced is how a scheduler says what it does beside doing it.
var announced = map[string]string{"nomad": "The server's dry run foretold", "kubernetes": "The scheduler's events tell the same of"}

func (a *app) printAgreement(d *agreementAnswer, format string) error {
	switch format {
	case "json":
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(d)
	case "csv":
		w := csv.NewWriter(a.stdout)
		rows := [][]string{{"job", "group", "index", "server", "caravan", "reason", "known"}}
		for _, x := range d.Disagreements {
			rows = append(rows, []string{x.Job, x.Group, strconv.Itoa(x.Index), x.Server, x.Caravan, x.Reason, x.Known})
		}
		return w.WriteAll(rows)
	}
	out := func(format string, args ...any) { fmt.Fprintf(a.stdout, format, args...) }
	out("%s: %d jobs on %d nodes of %s\n\n", d.Scenario, d.Jobs, d.Nodes, d.Cluster)
	out("Of %d decisions, %d agree (%.1f %%); of these both refused %d.\n", d.Instances, d.Agreed, 100*d.Agreement, d.Unplaced)
	out("Of %d placements that evicted others, %d evict the same. %s %d of %d jobs.\n\n", d.Preemptions, d.SameEvictions, announced[d.Scheduler], d.PlansKept, d.Jobs)
	g := grid{header: []string{"scorer", "compared", "largest difference"}, numbers: []int{1, 2}}
	for _, s := range d.Scorers {
		g.add(s.Scorer, strconv.Itoa(s.Compared), strconv.FormatFloat(s.Worst, 'g', 2, 64))
	}
	g.render(a.stdout)
	if len(d.Disagreements) == 0 {
		return nil
	}
	out("\nDisagreements:\n")
	for _, x := range d.Disagreements {
		out("  %s %s[%d]: %s there, %s here; %s", x.Job, x.Group, x.Index, x.Server, x.Caravan, x.Reason)
		if x.Known != "" {
			out(" (%s)", x.Known)
		}
		out("\n")
	}
	return nil
}
