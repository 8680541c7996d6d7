package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"caravan/results"
	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
)

// summaryRows bounds each table of the summary; the saved run has all rows.
const summaryRows = 12

// printPlan writes where everything runs and what that costs.
func (a *app) printPlan(p *plan) {
	s := p.answer()
	fmt.Fprintf(a.stdout, "%s: %s, %s, %s, %s\n\n", s.Scenario,
		count(len(p.scenario.Topology.Nodes()), "node"), count(len(p.scenario.Topology.Links()), "link"),
		count(len(p.scenario.Workload.Pipelines), "pipeline"), count(len(p.scenario.Workload.Jobs)+len(p.arriving), "job"))
	fmt.Fprintln(a.stdout, p.verdict())
	if s.Reason != "" {
		fmt.Fprintf(a.stdout, "Reason: %s\n", s.Reason)
	}
	a.printPlacement(p)
	a.printRobust(s.Robust, s.Objective.Unit)
	a.printPreempted(s.Preempted)
	a.printUnplaced(s.Unplaced)
	a.printDecisions(s.Decisions)
	for _, w := range s.Warnings {
		fmt.Fprintf(a.stdout, "Warning: %s\n", w)
	}
}

// printRobust sets the chosen placement beside the one for the profile as given.
func (a *app) printRobust(r *robustAnswer, unit string) {
	if r == nil {
		return
	}
	fmt.Fprintf(a.stdout, "Over %s drawn around the given one, of %s compared:\n\n", count(r.Profiles, "profile"), count(r.Candidates, "placement"))
	g := grid{header: []string{"placement", "mean", "worst", "most that another would save"}, numbers: []int{1, 2, 3}}
	for _, row := range []struct {
		name string
		v    robustValue
	}{{"chosen", r.Chosen}, {"best for the given profile", r.Nominal}} {
		g.add(row.name, optional(row.v.Mean, unit), optional(row.v.Worst, unit), optional(row.v.Regret, unit))
	}
	g.render(a.stdout)
	if r.Bound != nil {
		fmt.Fprintf(a.stdout, "No placement has a mean below %s.\n", quantity(*r.Bound, unit))
	}
	fmt.Fprintln(a.stdout)
}

// verdict is the solver's answer in a sentence.
func (p *plan) verdict() string {
	s := p.answer()
	if p.decider != "" && len(p.scenario.Workload.Pipelines) == 0 {
		return fmt.Sprintf("A control plane places jobs as they come; the decider %s chooses nodes.", p.decider)
	}
	if len(p.arriving) > 0 && len(p.scenario.Workload.Pipelines) == 0 {
		return fmt.Sprintf("Jobs come and go: the %s policy places each as it arrives.", policyName(p.scenario, p.solver))
	}
	switch left := len(s.Unplaced); {
	case !p.placed() && left > 0 && len(s.Placement) > 0:
		return fmt.Sprintf("Placement by %s: %s, since not everything finds a node.%s", s.Solver, s.Status, remainder(s))
	case !p.placed():
		return fmt.Sprintf("Placement by %s: %s. Nothing was placed.", s.Solver, s.Status)
	}
	text := fmt.Sprintf("Placement by %s: %s, %s %s", s.Solver, s.Status, objectiveName(s.Objective.Name), optional(s.Objective.Value, s.Objective.Unit))
	switch {
	case s.Bound == nil:
		return text + "; no bound was proven."
	case s.Gap != nil && *s.Gap <= solver.Tolerance, s.Objective.Value != nil && *s.Bound >= *s.Objective.Value:
		return text + "; no placement does better."
	case s.Gap != nil && *s.Gap < tinyGap:
		return text + "; no placement is better by 0.0001 % or more."
	}
	return fmt.Sprintf("%s; at least %s whatever the placement, so at most %s could be gained.", text, optional(s.Bound, s.Objective.Unit), optional(s.Gap, "1"))
}

// remainder is what the placement of a part costs, where a bound says how good
// it is.
func remainder(s solveAnswer) string {
	switch {
	case s.Bound == nil || s.Objective.Value == nil:
		return ""
	case s.Gap != nil && *s.Gap <= 1e-6:
		return fmt.Sprintf(" What has one comes to %s %s; no placement that leaves out no more of any priority does better.",
			objectiveName(s.Objective.Name), optional(s.Objective.Value, s.Objective.Unit))
	}
	return fmt.Sprintf(" What has one comes to %s %s; placements that leave out no more of any priority to at least %s.",
		objectiveName(s.Objective.Name), optional(s.Objective.Value, s.Objective.Unit), optional(s.Bound, s.Objective.Unit))
}

// objectiveName is the objective as a phrase.
func objectiveName(name string) string {
	switch name {
	case "latency":
		return "mean idle latency"
	case "nodes":
		return "used"
	case "queueing-latency":
		return "mean latency under load"
	case "worst-latency":
		return "longest idle latency"
	case "throughput":
		return "utilisation of the busiest node or link"
	case "deadline-misses":
		return "requests past their deadline"
	case "spread":
		return "instances beyond their spreads"
	case "fragmentation":
		return "left over on nodes in use"
	}
	return name
}

// printPlacement draws a line for each operator, or for each group and node.
func (a *app) printPlacement(p *plan) {
	rows := merged(p.placements())
	if len(rows) == 0 {
		return
	}
	g := grid{header: []string{"workload", "item", "node", "instances"}, numbers: []int{3}}
	for _, r := range rows[:min(len(rows), placementRows)] {
		g.add(r.Workload, r.Item, r.Node, fmt.Sprint(r.Instance))
	}
	fmt.Fprintln(a.stdout)
	g.render(a.stdout)
	a.printMore(len(rows)-placementRows, "placements", "--output csv lists all")
	fmt.Fprintln(a.stdout)
}

// placementRows bounds the placement table of people; JSON and CSV have all.
const placementRows = 40

// merged counts the instances of one item on one node as one row, in order of
// first appearance; Instance becomes their number.
func merged(placed []results.Placed) []results.Placed {
	var out []results.Placed
	at := map[results.Placed]int{}
	for _, x := range placed {
		x.Instance = 0
		i, ok := at[x]
		if !ok {
			i = len(out)
			at[x] = i
			out = append(out, x)
		}
		out[i].Instance++
	}
	return out
}

func (a *app) printUnplaced(unplaced []results.Unplaced) {
	if len(unplaced) == 0 {
		return
	}
	fmt.Fprintf(a.stdout, "%s found no node:\n", count(len(unplaced), "instance"))
	for _, u := range unplaced[:min(len(unplaced), summaryRows)] {
		fmt.Fprintf(a.stdout, "  %s %s %d: %s\n", u.Workload, u.Item, u.Instance, u.Reason)
	}
	a.printMore(len(unplaced)-summaryRows, "instances", "--output csv lists all")
}

// printMore says that a table was cut.
func (a *app) printMore(n int, what, where string) {
	if n > 0 {
		fmt.Fprintf(a.stdout, "  ... and %d more %s; %s\n", n, what, where)
	}
}

// printRun writes what the simulation measured.
func (a *app) printRun(s simulated) {
	sim := s.plan.scenario.Simulate
	length := "until " + count(sim.Requests, "request") + " were answered"
	if sim.Requests == 0 {
		length = "of " + topology.FormatDuration(sim.Duration)
	}
	fmt.Fprintf(a.stdout, "Simulated %s %s, seed %d. Intervals are 95 %% confidence.\n\n",
		count(len(s.run.Replications), "replication"), length, s.run.Stamp.Seed)
	a.printPipelines(s)
	a.printJobs(s)
	a.printNodes(s)
	for _, w := range s.run.Warnings {
		if !slices.Contains(s.plan.scenario.Warnings, w) {
			fmt.Fprintf(a.stdout, "Warning: %s\n", w)
		}
	}
}

// printPipelines draws a line for each pipeline, group of equal ones or class:
// what an idle topology would give, and what was measured under load.
func (a *app) printPipelines(s simulated) {
	m := index(s.run.Metrics)
	g := grid{header: []string{"pipeline", "idle", "mean", "p50", "p95", "p99", "throughput", "dropped"}, numbers: []int{1, 2, 3, 4, 5, 6, 7}}
	deadlines := slices.ContainsFunc(s.plan.scenario.Workload.Pipelines, func(p workloads.Pipeline) bool { return p.Deadline > 0 })
	if deadlines {
		g.header, g.numbers = append(g.header, "late"), append(g.numbers, 8)
	}
	idle := meanPredictions(s.plan)
	var subjects []string
	for _, x := range s.run.Metrics {
		if x.Name == "throughput" {
			subjects = append(subjects, x.Workload)
		}
	}
	for _, name := range subjects[:min(len(subjects), summaryRows)] {
		expected := "-"
		if v, ok := idle[name]; ok {
			expected = quantity(v, "s")
		}
		row := []string{name, expected, m.show("latency", name, "mean"), m.short("latency", name, "p50"),
			m.short("latency", name, "p95"), m.short("latency", name, "p99"),
			m.show("throughput", name, "mean"), quantity(m.dropped(name), "1")}
		if deadlines {
			row = append(row, m.short("late", name, "ratio"))
		}
		g.add(row...)
	}
	if len(g.rows) > 0 {
		g.render(a.stdout)
		a.printMore(len(subjects)-summaryRows, "pipelines", "--output csv lists all")
		fmt.Fprintln(a.stdout)
	}
}

// printJobs draws what arriving jobs saw, in all and by priority, and how much
// of the cluster they held.
func (a *app) printJobs(s simulated) {
	m := index(s.run.Metrics)
	if s.plan.decider != "" {
		a.printControl(s.run.Metrics)
		a.printAllocated(s.run.Metrics, m)
		return
	}
	g := grid{header: []string{"jobs", "submitted", "placed", "unplaced", "mean wait", "p95 wait", "longest wait"}, numbers: []int{1, 2, 3, 4, 5, 6}}
	for _, x := range s.run.Metrics {
		if x.Name != "submitted" {
			continue
		}
		name := x.Workload
		g.add(strings.TrimPrefix(name, "jobs/"), m.show("submitted", name, "count"), m.show("placed", name, "count"), m.show("unplaced", name, "count"),
			m.show("wait", name, "mean"), m.short("wait", name, "p95"), m.short("wait", name, "max"))
	}
	if len(g.rows) == 0 {
		return
	}
	g.render(a.stdout)
	fmt.Fprintln(a.stdout)
	a.printAllocated(s.run.Metrics, m)
}

// printAllocated draws how much of the cluster jobs held.
func (a *app) printAllocated(metrics []results.Metric, m metricIndex) {
	h := grid{header: []string{"allocated", "mean", "peak"}, numbers: []int{1, 2}}
	for _, x := range metrics {
		if x.Name == "allocated" && x.Stat == "mean" {
			h.add(x.Workload, showMetric(x), m.short("allocated", x.Workload, "max"))
		}
	}
	h.render(a.stdout)
	fmt.Fprintln(a.stdout)
}

// meanPredictions is the idle latency of each pipeline, or the mean over the
// pipelines of a group, in seconds.
func meanPredictions(p *plan) map[string]float64 {
	sum, n := map[string]float64{}, map[string]float64{}
	group := map[string]string{}
	for _, x := range p.scenario.Workload.Pipelines {
		group[x.Name] = x.Group
	}
	for _, x := range p.predictions() {
		name := x.Workload
		if group[name] != "" {
			name = group[name]
		}
		sum[name] += x.Value
		n[name]++
	}
	for name := range sum {
		sum[name] /= n[name]
	}
	return sum
}

// printNodes draws the busiest nodes, busiest first, equals by position.
func (a *app) printNodes(s simulated) {
	m := index(s.run.Metrics)
	var busy []results.Metric
	for _, n := range s.plan.scenario.Topology.Nodes() {
		if x, ok := m[metricKey{"utilisation", n.Name, "mean"}]; ok && !math.IsNaN(x.Value) {
			busy = append(busy, x)
		}
	}
	slices.SortStableFunc(busy, func(x, y results.Metric) int {
		switch {
		case x.Value > y.Value:
			return -1
		case x.Value < y.Value:
			return 1
		}
		return 0
	})
	g := grid{header: []string{"node", "utilisation"}, numbers: []int{1}}
	for _, x := range busy[:min(len(busy), summaryRows)] {
		g.add(x.Workload, showMetric(x))
	}
	if len(g.rows) > 0 {
		g.render(a.stdout)
		a.printMore(len(busy)-summaryRows, "nodes", "--output csv lists all")
		fmt.Fprintln(a.stdout)
	}
}

// count is "1 node" or "2 nodes".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "y") {
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(noun, "y"))
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
