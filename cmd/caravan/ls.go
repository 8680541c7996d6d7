package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"caravan/results/store"
	"caravan/scenarios"
)

func newLsCommand(a *app) *cobra.Command {
	var url, state string
	cmd := &cobra.Command{
		Use:   "ls [SWEEP]",
		Short: "List the stored sweeps, or the points of one",
		Example: `  caravan ls
  caravan ls smoke --state error`,
		Args: takes(0, 1, "nothing, or one SWEEP"),
	}
	storeFlag(cmd, &url)
	states := []string{string(store.Queued), string(store.Running), string(store.Failed), string(store.Completed)}
	cmd.Flags().StringVar(&state, "state", "", "only points in this `state`: queued, running, error or completed")
	completeWith(cmd, "state", states)
	output := outputFlag(cmd, "text", "json", "csv")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if state != "" && !contains(states, state) {
			return badInput(fmt.Errorf("--state: %w", notOneOf(state, states)))
		}
		st, err := openStore(cmd.Context(), url)
		if err != nil {
			return err
		}
		defer st.Close()
		if len(args) == 0 {
			return a.listSweeps(cmd.Context(), st, output.value)
		}
		return a.listPoints(cmd.Context(), st, args[0], store.State(state), output.value)
	}
	return cmd
}

// findSweep finds a stored sweep by what a person calls it.
func findSweep(ctx context.Context, st *store.Store, name string) (store.Summary, *scenarios.Sweep, error) {
	w, err := st.Sweep(ctx, name)
	if err != nil {
		all, listing := st.Sweeps(ctx)
		if listing != nil {
			return w, nil, listing
		}
		var names []string
		for _, x := range all {
			names = append(names, x.ID)
		}
		return w, nil, badInput(fmt.Errorf("sweep: %w, or a name, or latest", notOneOf(name, names)))
	}
	s, err := storedSweep(ctx, st, w)
	return w, s, err
}

// sweepLine is a line of caravan ls.
type sweepLine struct {
	Sweep    string `json:"sweep"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Scenario string `json:"scenario"`
	countsAnswer
	Created string `json:"created"` // RFC 3339, UTC
}

func (a *app) listSweeps(ctx context.Context, st *store.Store, format string) error {
	all, err := st.Sweeps(ctx)
	if err != nil {
		return err
	}
	list := []sweepLine{}
	for _, w := range all {
		list = append(list, sweepLine{w.ID, w.Name, w.Kind, w.ScenarioName, countsOf(w.Counts), w.Created.Format(time.RFC3339)})
	}
	if format == "json" {
		return a.writeJSON(list)
	}
	g := grid{
		header:  []string{"sweep", "scenario", "kind", "points", "completed", "failed", "left", "run time", "created"},
		numbers: []int{3, 4, 5, 6, 7},
	}
	for _, w := range list {
		g.add(w.Sweep, w.Scenario, w.Kind, fmt.Sprint(w.Points), fmt.Sprint(w.Completed), fmt.Sprint(w.Failed),
			fmt.Sprint(w.Queued+w.Running), quantity(w.RunSeconds, "s"), w.Created)
	}
	return a.renderGrid(g, format)
}

// renderGrid writes a grid as text or CSV.
func (a *app) renderGrid(g grid, format string) error {
	if format == "csv" {
		w := csv.NewWriter(a.stdout)
		if err := w.Write(g.header); err != nil {
			return err
		}
		return w.WriteAll(g.rows)
	}
	g.render(a.stdout)
	return nil
}

// pointAnswer is a point in the JSON of caravan ls SWEEP and caravan show.
type pointAnswer struct {
	Hash       string          `json:"hash"`
	Parameters json.RawMessage `json:"parameters"`
	Settings   []string        `json:"settings"`
	Solver     string          `json:"solver"`
	Seed       uint64          `json:"seed"`
	State      store.State     `json:"state"`
	Outcome    string          `json:"outcome"` // placed, infeasible, or empty
	Verdict    string          `json:"verdict"` // of a search: stable, unstable, failed, or empty
	Parent     string          `json:"parent"`  // hash of the point from which a search came; empty
	Warm       string          `json:"warm"`    // hash of the point whose placement the solver started from; empty
	Attempts   int             `json:"attempts"`
	Started    string          `json:"started"`  // RFC 3339, UTC; empty when never
	Finished   string          `json:"finished"` // the same
	RunSeconds float64         `json:"run_seconds"`
	Worker     string          `json:"worker"`
	Error      string          `json:"error"`
	Artefact   string          `json:"artefact"` // path of the saved run; empty
	Caravan    string          `json:"caravan"`  // version that ran it
}

func answerOfRow(r store.Row) pointAnswer {
	return pointAnswer{
		Hash: r.Hash, Parameters: r.Parameters, Settings: orEmpty(r.Settings), Solver: r.Solver, Seed: r.Seed, State: r.State,
		Outcome: r.Outcome, Verdict: r.Verdict, Parent: r.Parent, Warm: r.Warm, Attempts: r.Attempts,
		Started: stampText(r.Started), Finished: stampText(r.Finished), RunSeconds: r.Took.Seconds(),
		Worker: r.Worker, Error: r.Error, Artefact: r.Artefact, Caravan: r.Version,
	}
}

func stampText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

func (a *app) listPoints(ctx context.Context, st *store.Store, name string, state store.State, format string) error {
	w, s, err := findSweep(ctx, st, name)
	if err != nil {
		return err
	}
	rows, err := st.Rows(ctx, w.ID)
	if err != nil {
		return err
	}
	names := parameterNames(s)
	list := []pointAnswer{}
	g := grid{header: append(append([]string{"point"}, names...), "solver", "seed", "state", "outcome", "run time", "worker", "error")}
	for _, r := range rows {
		if state != "" && r.State != state {
			continue
		}
		if format == "json" {
			list = append(list, answerOfRow(r))
			continue
		}
		outcome := r.Outcome
		if r.Verdict != "" {
			outcome = r.Verdict
		}
		cells := append([]string{shortHash(r.Hash)}, parameterTexts(r.Parameters, names)...)
		g.add(append(cells, r.Solver, fmt.Sprint(r.Seed), string(r.State), outcome, quantity(r.Took.Seconds(), "s"), r.Worker, firstLine(r.Error))...)
	}
	if format == "json" {
		return a.writeJSON(list)
	}
	return a.renderGrid(g, format)
}
