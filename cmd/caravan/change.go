package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"caravan/scenarios"
)

// changeFlags are the flags of caravan plan.
type changeFlags struct {
	scenarioFlags
	against  string
	was      string
	nodes    nodeQuestions
	preempt  string
	detailed bool
	output   *enum
}

func newPlanCommand(a *app) *cobra.Command {
	f := &changeFlags{}
	cmd := &cobra.Command{
		Use:   "plan SCENARIO --against STATE",
		Short: "Show what would change from a placement in force: created, moved, updated, evicted, blocked",
		Long: `Plan compares SCENARIO with what runs now, the JSON of caravan solve or a saved
run, and shows what would happen: which instances are created, moved, replaced,
updated in place, stopped, evicted and for whom, or blocked and why. Jobs are
decided as HashiCorp Nomad decides, in order of priority; pipelines by the
scenario's solver, and they move only where that costs less.

The flags --drain, --lose, --add and --resize ask what if: their nodes are
changed first. Whether a STATE still has the jobs of SCENARIO is told by the
scenario inside a saved run, or the one of --was; without either its instances
are taken to be of the present version.

With --detailed-exitcode the exit code is 0 for no change, 1 for changes and 2
for an error; otherwise it is 0 unless something is wrong.`,
		Example: `  caravan solve mine.yaml --output json > now.json
  caravan plan mine.yaml --against now.json --drain edge1
  caravan plan mine.yaml --against now.json --lose edge1,edge2 --add 'big={cpu: 8GHz, memory: 32GiB}'
  caravan plan new.yaml --against now.json --was mine.yaml --detailed-exitcode`,
		Args: takes(1, 1, "one SCENARIO"),
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.against, "against", "", "`file` with the placement in force")
	cmd.Flags().StringVar(&f.was, "was", "", "the `scenario` that the placement in force was made from")
	f.nodes.register(cmd)
	cmd.Flags().StringVar(&f.preempt, "preempt", "", "job types that may evict others, as `service,batch`; default: as the scenario says, or system")
	cmd.Flags().BoolVar(&f.detailed, "detailed-exitcode", false, "exit with 0 for no change, 1 for changes, 2 for an error")
	f.output = outputFlag(cmd, "text", "json", "csv")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		changed, err := a.planChanges(cmd.Context(), f, args[0])
		if !f.detailed {
			return err
		}
		if err != nil {
			return badInput(err)
		}
		if changed {
			return &exitError{code: 1}
		}
		return nil
	}
	return cmd
}

// A change is what happens to one instance or operator.
type change struct {
	Change   string    `json:"change"` // one of changeKinds
	Workload string    `json:"workload"`
	Item     string    `json:"item"`
	Instance int       `json:"instance"`
	Priority int       `json:"priority"`
	From     *string   `json:"from"` // node, null for what did not run
	To       *string   `json:"to"`   // node, null for what will not run
	By       *evicting `json:"by"`   // whose placement evicts it, else null
	Reason   string    `json:"reason"`
}

// evicting is the job that takes the room of another.
type evicting struct {
	Workload string `json:"workload"`
	Priority int    `json:"priority"`
}

// changeKinds are the kinds of change, in the order in which they are told.
var changeKinds = []string{"evicted", "blocked", "stopped", "moved", "replaced", "updated", "created"}

// changes is the answer of caravan plan.
type changes struct {
	Version  int            `json:"version"`
	Scenario string         `json:"scenario"`
	Against  string         `json:"against"`
	Nodes    []nodeChange   `json:"nodes"`
	Changes  []change       `json:"changes"`
	Summary  map[string]int `json:"summary"` // changes by kind
	Kept     int            `json:"kept"`    // instances and operators that stay as they are
	Warnings []string       `json:"warnings"`
}

// planChanges prints what would change and reports whether anything does.
func (a *app) planChanges(ctx context.Context, f *changeFlags, arg string) (bool, error) {
	if f.against == "" {
		return false, badInput(fmt.Errorf("--against: found none, allowed: a file that caravan solve --output json or caravan run wrote"))
	}
	s, err := f.load(a, arg)
	if err != nil {
		return false, err
	}
	types, err := evictingTypes(f.preempt, s)
	if err != nil {
		return false, badInput(err)
	}
	force, err := readForce(f.against)
	if err != nil {
		return false, badInput(err)
	}
	if err := a.readVersions(f, force); err != nil {
		return false, err
	}
	nodes, err := f.nodes.apply(s, force)
	if err != nil {
		return false, badInput(err)
	}
	answer := &changes{
		Version: shapeVersion, Scenario: s.Name, Against: f.against, Nodes: orEmpty(nodes.changes), Changes: []change{},
		Summary: map[string]int{}, Warnings: append(orEmpty(force.warnings), s.Warnings...),
	}
	jobs := newReconciliation(s, nodes, force, types)
	jobs.run()
	pipelines, kept, err := changedPipelines(ctx, s, nodes, force, jobs)
	if err != nil {
		return false, err
	}
	found := append(pipelines, jobs.changes...)
	for _, kind := range changeKinds {
		answer.Summary[kind] = 0
		for _, c := range found {
			if c.Change == kind {
				answer.Changes = append(answer.Changes, c)
				answer.Summary[kind]++
			}
		}
	}
	answer.Kept = kept + jobs.kept
	return len(answer.Changes) > 0, a.printChanges(answer, f.output.value)
}

// readVersions finds the jobs as they were when the placement was made.
func (a *app) readVersions(f *changeFlags, force *force) error {
	if f.was == "" {
		return nil
	}
	name, dir, data, err := a.source(f.was)
	if err != nil {
		return err
	}
	old, err := scenarios.Load(name, data, scenarios.Options{Dir: dir, Solvers: solverNames()})
	if err != nil {
		return badInput(fmt.Errorf("--was: %w", err))
	}
	force.keepVersions(old)
	return nil
}
