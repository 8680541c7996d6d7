package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"caravan/results"
	"caravan/sim/controlplane"
	"caravan/topology"
)

// storyFlags are the flags of caravan story.
type storyFlags struct {
	scenarioFlags
	decider, only string
	jobs          []string
	replication   int
	output        *enum
}

// storyAnswer is the JSON of caravan story.
type storyAnswer struct {
	Version  int           `json:"version"`
	Scenario string        `json:"scenario"`
	Decider  string        `json:"decider"`
	Seed     uint64        `json:"seed"`
	Entries  []entryAnswer `json:"entries"`
}

// entryAnswer is one step of a story.
type entryAnswer struct {
	At     float64 `json:"at"`
	Region string  `json:"region"`
	What   string  `json:"what"`
	Job    string  `json:"job"`
	Alloc  string  `json:"alloc"`
	Node   string  `json:"node"`
	Text   string  `json:"text"`
}

func newStoryCommand(a *app) *cobra.Command {
	f := &storyFlags{}
	cmd := &cobra.Command{
		Use:   "story SCENARIO",
		Short: "Tell step by step what the control plane of a scenario does",
		Long: `Story simulates one replication of a scenario that has a controlplane section
or events, and prints what happens: submissions, evaluations, plans and those
that are refused, placements, evictions, failures, deployments and drains. Equal
scenarios and seeds tell equal stories.

Deciders, besides every solver:
` + deciderHelp(),
		Example: `  caravan story preemption
  caravan story preemption --decider random --only submit,place,evict
  caravan story day --job core-17 --output csv`,
		Args: takes(1, 1, "one SCENARIO (caravan scenarios lists the shipped ones)"),
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.decider, "decider", "", "who chooses nodes, instead of the scenario's")
	cmd.Flags().StringVar(&f.only, "only", "", "these steps alone, such as place,evict")
	cmd.Flags().StringSliceVar(&f.jobs, "job", nil, "these jobs alone")
	cmd.Flags().IntVar(&f.replication, "replication", 0, "which replication to tell")
	completeWith(cmd, "decider", append(deciderNames(), solverNames()...))
	f.output = outputFlag(cmd, "text", "json", "csv")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.story(cmd.Context(), f, args[0]) }
	return cmd
}

// story simulates the scenario and prints its steps.
func (a *app) story(ctx context.Context, f *storyFlags, arg string) error {
	s, err := f.load(a, arg)
	if err != nil {
		return err
	}
	if s.ControlPlane == nil {
		return badInput(fmt.Errorf("%s: no control plane to tell of (allowed: a scenario with a controlplane section or events)", s.Name))
	}
	p := &plan{scenario: s, solver: s.Solve.Solver}
	if err := p.takeControl(f.decider); err != nil {
		return err
	}
	keep, err := f.filter()
	if err != nil {
		return err
	}
	if f.output.value == "text" {
		fmt.Fprintf(a.stdout, "%s: %s, %s, decider %s, %d workers a region, seed %d\n\n", s.Name,
			count(len(s.Topology.Nodes()), "node"), count(len(p.arriving), "job"), p.decider, s.ControlPlane.Workers, s.Seed)
	}
	answer := storyAnswer{Version: shapeVersion, Scenario: s.Name, Decider: p.decider, Seed: s.Seed, Entries: []entryAnswer{}}
	rep := results.Replication{Index: f.replication}
	err = p.simulateControl(ctx, &rep, func(e controlplane.Entry) {
		switch {
		case !keep(&e):
		case f.output.value == "text":
			fmt.Fprintln(a.stdout, e)
		default:
			answer.Entries = append(answer.Entries, entryAnswer{e.At.Seconds(), e.Region, e.What, e.Job, e.Alloc, e.Node, e.Text})
		}
	})
	if err != nil {
		return err
	}
	switch f.output.value {
	case "json":
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(answer)
	case "csv":
		return writeStory(a.stdout, answer.Entries)
	}
	a.printCosts(&rep)
	return nil
}

// filter is the choice of steps that the flags make.
func (f *storyFlags) filter() (func(*controlplane.Entry) bool, error) {
	var only []string
	if f.only != "" {
		var err error
		if only, err = splitList(f.only, controlplane.Steps()); err != nil {
			return nil, badInput(fmt.Errorf("--only: %w", err))
		}
	}
	if f.replication < 0 {
		return nil, badInput(errors.New("--replication: allowed: 0 or more"))
	}
	return func(e *controlplane.Entry) bool {
		return (len(only) == 0 || contains(only, e.What)) && (len(f.jobs) == 0 || contains(f.jobs, e.Job))
	}, nil
}

func writeStory(w io.Writer, entries []entryAnswer) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"at", "region", "what", "job", "alloc", "node", "text"}}
	for _, e := range entries {
		rows = append(rows, []string{strconv.FormatFloat(e.At, 'f', -1, 64), e.Region, e.What, e.Job, e.Alloc, e.Node, e.Text})
	}
	return c.WriteAll(rows)
}

// printCosts sums up what a story cost.
func (a *app) printCosts(rep *results.Replication) {
	fmt.Fprintf(a.stdout, "\nAfter %s, %d events:\n\n", topology.FormatDuration(rep.End), rep.Events)
	a.printControl(results.Summarise([]results.Replication{*rep}))
}

// printControl draws what the jobs of a control plane saw and what it did.
func (a *app) printControl(metrics []results.Metric) {
	m := index(metrics)
	a.printClasses(metrics, m)
	g := grid{header: []string{"control plane", "", "control plane", ""}, numbers: []int{1, 3}}
	rows := [][2]string{
		{"evaluations", m.bare("evaluations", "", "count")}, {"plans", m.bare("plans", "", "count")},
		{"cancelled", m.bare("cancelled", "evaluations", "count")}, {"refused in part", m.bare("partial", "plans", "count")},
		{"mean wait in the queue", m.short("queue-wait", "evaluations", "mean")}, {"tried again", m.bare("retried", "plans", "count")},
		{"longest wait", m.short("queue-wait", "evaluations", "max")}, {"given up", m.bare("gave-up", "evaluations", "count")},
		{"blocked at most", m.bare("blocked", "evaluations", "max")}, {"deepest cascade", m.bare("cascade", "depth", "max")},
		{"nodes lost", m.bare("nodes-lost", "", "count")}, {"drains", m.bare("drains", "", "count")},
		{"restarted", m.bare("restarted", "", "count")}, {"rescheduled", m.bare("rescheduled", "", "count")},
		{"deployments done", m.bare("deployments", "successful", "count")}, {"failed", m.bare("deployments", "failed", "count")},
	}
	for i := 0; i+1 < len(rows); i += 2 {
		g.add(rows[i][0], rows[i][1], rows[i+1][0], rows[i+1][1])
	}
	g.render(a.stdout)
	fmt.Fprintln(a.stdout)
}

// printClasses draws what each priority saw, and what that cost.
func (a *app) printClasses(metrics []results.Metric, m metricIndex) {
	g := grid{
		header:  []string{"jobs", "submitted", "placed", "evicted", "lost", "failed", "late", "mean wait", "mean outage", "wasted", "inversion"},
		numbers: []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
	}
	for _, x := range metrics {
		if x.Name != "submitted" {
			continue
		}
		n := x.Workload
		g.add(strings.TrimPrefix(n, "jobs/"), m.bare("submitted", n, "count"), m.bare("placed", n, "count"), m.bare("evicted", n, "count"),
			m.bare("lost", n, "count"), m.bare("failed", n, "count"), m.bare("late", n, "count"),
			m.short("wait", n, "mean"), m.short("outage", n, "mean"), m.short("wasted", n, "sum"), m.short("inversion", n, "sum"))
	}
	g.render(a.stdout)
	fmt.Fprintln(a.stdout)
}
