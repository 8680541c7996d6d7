package main

import (
	"fmt"
	"strings"

	"caravan/results"
)

// printRuns writes what run found for one scenario, under one solver or under
// several that are compared. first is true for the first scenario of the
// command line.
func (a *app) printRuns(sims []simulated, f *runFlags, first bool) error {
	compared := len(sims) > 1
	switch f.output.value {
	case "csv":
		return writeMetricsCSV(a.stdout, sims, first)
	case "json":
		if !compared {
			return a.writeJSON(sims[0].answer())
		}
		diffs, err := differences(sims)
		if err != nil {
			return err
		}
		c := runComparison{Version: shapeVersion, Scenario: sims[0].scenario.Name, Differences: orEmpty(diffs)}
		for _, s := range sims {
			c.Runs = append(c.Runs, s.answer())
		}
		return a.writeJSON(c)
	}
	if !first {
		fmt.Fprintln(a.stdout)
	}
	for i, s := range sims {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		a.printPlan(s.plan)
		if s.run != nil {
			a.printRun(s)
			fmt.Fprintf(a.stdout, "Saved %s\n", s.saved)
		}
	}
	if compared {
		return a.printDifferences(sims)
	}
	a.printNext(sims[0], f)
	return nil
}

// answer is the run as the command prints it.
func (s simulated) answer() runAnswer {
	out := runAnswer{
		solveAnswer: s.plan.answer(), Metrics: []results.Metric{}, Saved: s.saved,
		Stamp: stampOf(s.plan),
	}
	if s.run != nil {
		out.Metrics, out.Replications, out.Warnings = s.run.Metrics, len(s.run.Replications), s.run.Warnings
	}
	return out
}

// printNext suggests what to try from here.
func (a *app) printNext(s simulated, f *runFlags) {
	arg := s.plan.scenario.Name
	if len(f.cmd.Flags().Args()) == 1 {
		arg = f.cmd.Flags().Arg(0)
	}
	var next []string
	if s.run == nil {
		next = append(next, "caravan solve "+arg+" --output json", "caravan scenarios --show tutorial")
	} else {
		next = append(next,
			"caravan run "+arg+" --compare "+strings.Join(alternatives(s.plan), ","),
			"caravan run "+arg+" --precision 1%",
			"caravan run "+arg+" --seed 2",
		)
	}
	fmt.Fprintf(a.stdout, "Next:\n  %s\n", strings.Join(next, "\n  "))
}

// alternatives is the solver that ran and the next one of the catalogue.
func alternatives(p *plan) []string {
	names := solverNames()
	if p.decider != "" {
		names = deciderNames()
	}
	for _, other := range names {
		if other != p.name() {
			return []string{p.name(), other}
		}
	}
	return []string{p.name()}
}
