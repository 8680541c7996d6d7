package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravan/results"
	"caravan/results/store"
)

func newShowCommand(a *app) *cobra.Command {
	var url string
	var scenario bool
	cmd := &cobra.Command{
		Use:   "show SWEEP|POINT",
		Short: "Print what a stored sweep showed, or everything about one of its points",
		Long: `Show prints the tables of a sweep (by its name, its identifier or the word
latest), or of a point (by the beginning of its hash): its state, its metrics,
its distributions and the command that runs it by itself.`,
		Example: `  caravan show latest
  caravan show 3f2a9c`,
		Args: takes(1, 1, "one SWEEP or POINT (caravan ls lists them)"),
	}
	storeFlag(cmd, &url)
	cmd.Flags().BoolVar(&scenario, "scenario", false, "print the scenario of a point, ready for caravan run")
	output := outputFlag(cmd, "text", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		st, err := openStore(cmd.Context(), url)
		if err != nil {
			return err
		}
		defer st.Close()
		row, err := findPoint(cmd.Context(), st, args[0])
		switch {
		case err == nil && scenario:
			return a.printScenario(cmd.Context(), st, row)
		case scenario:
			return badInput(fmt.Errorf("--scenario: found %q, allowed: a point (caravan ls SWEEP lists them)", args[0]))
		case err == nil:
			return a.showPoint(cmd.Context(), st, row, output.value)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return a.showSweep(cmd.Context(), st, args[0], output.value)
	}
	return cmd
}

// findPoint finds a point by the beginning of its hash, of which four digits
// are the least.
func findPoint(ctx context.Context, st *store.Store, prefix string) (store.Row, error) {
	if _, err := strconv.ParseUint(prefix[:min(len(prefix), 15)], 16, 64); err != nil || len(prefix) < 4 {
		return store.Row{}, store.ErrNotFound
	}
	rows, err := st.Find(ctx, strings.ToLower(prefix))
	if err != nil || len(rows) == 0 {
		return store.Row{}, errors.Join(err, store.ErrNotFound)
	}
	for _, r := range rows[1:] {
		if r.Hash != rows[0].Hash {
			return store.Row{}, badInput(fmt.Errorf("found several points that begin with %s, such as %s and %s, allowed: more digits", prefix, rows[0].Hash[:16], r.Hash[:16]))
		}
	}
	return rows[0], nil
}

func (a *app) showSweep(ctx context.Context, st *store.Store, name, format string) error {
	w, s, err := findSweep(ctx, st, name)
	if err != nil {
		return err
	}
	out, err := answerOf(ctx, st, s, w.ID)
	if err != nil {
		return err
	}
	out.Reused = out.Completed
	if format == "json" {
		return a.writeJSON(out)
	}
	fmt.Fprintf(a.stdout, "Sweep %s of %s: %s, %d completed, %d failed, %d left.\n", w.ID, w.ScenarioName,
		count(out.Points, "point"), out.Completed, out.Failed, out.Queued+out.Running)
	a.printSweepBody(s, out)
	return nil
}

// pointDetail is the JSON of caravan show of a point.
type pointDetail struct {
	Version int `json:"version"`
	pointAnswer
	Scenario      string               `json:"scenario"`
	Command       string               `json:"command"` // runs the point by itself
	Metrics       []results.Metric     `json:"metrics"`
	Placement     []results.Placed     `json:"placement"`
	Unplaced      []results.Unplaced   `json:"unplaced"`
	Distributions []distributionAnswer `json:"distributions"`
}

// A distributionAnswer is quantiles of a stored distribution, in seconds.
type distributionAnswer struct {
	Workload  string             `json:"workload"`
	Name      string             `json:"name"`
	Count     int64              `json:"count"`
	Quantiles map[string]float64 `json:"quantiles"`
}

// shownQuantiles are those of a distributionAnswer.
func shownQuantiles() []float64 { return []float64{5, 25, 50, 75, 90, 95, 99, 99.9} }

// detail reads everything about a point.
func detail(ctx context.Context, st *store.Store, row store.Row) (pointDetail, error) {
	d := pointDetail{
		Version: shapeVersion, pointAnswer: answerOfRow(row), Metrics: []results.Metric{},
		Placement: []results.Placed{}, Unplaced: []results.Unplaced{}, Distributions: []distributionAnswer{},
	}
	base, err := st.Scenario(ctx, row.Scenario)
	if err != nil {
		return d, err
	}
	d.Scenario, d.Command = base.Name, pointCommand(row.Point)
	run, err := st.Run(ctx, row.Hash)
	if errors.Is(err, store.ErrNotFound) {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	d.Metrics, d.Placement, d.Unplaced = orEmpty(run.Metrics), orEmpty(run.Placement), orEmpty(run.Unplaced)
	ds, err := st.Distributions(ctx, row.Hash)
	for _, x := range ds {
		out := distributionAnswer{Workload: x.Workload, Name: x.Name, Count: x.Data.TotalCount(), Quantiles: map[string]float64{}}
		for _, q := range shownQuantiles() {
			out.Quantiles["p"+strconv.FormatFloat(q, 'g', -1, 64)] = time.Duration(x.Data.ValueAtQuantile(q)).Seconds()
		}
		d.Distributions = append(d.Distributions, out)
	}
	return d, err
}

// pointCommand runs the point by itself.
func pointCommand(p store.Point) string {
	return fmt.Sprintf("caravan show %s --scenario | caravan run - --solver %s", p.Hash[:16], p.Solver)
}

// printScenario prints the scenario of a point with everything that its sweep
// and its parameters set, as a scenario file.
func (a *app) printScenario(ctx context.Context, st *store.Store, row store.Row) error {
	s, err := newExecutor(st, "", 1).scenario(ctx, row.Point)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(s.Text)
	return err
}

func (a *app) showPoint(ctx context.Context, st *store.Store, row store.Row, format string) error {
	d, err := detail(ctx, st, row)
	if err != nil {
		return err
	}
	if format == "json" {
		return a.writeJSON(d)
	}
	g := grid{header: []string{"point", d.Hash}}
	for _, line := range [][2]string{
		{"scenario", d.Scenario}, {"parameters", string(d.Parameters)}, {"solver", d.Solver}, {"seed", fmt.Sprint(d.Seed)},
		{"state", string(d.State)}, {"outcome", d.Outcome}, {"verdict", d.Verdict}, {"parent", d.Parent}, {"warm start from", d.Warm},
		{"started", d.Started}, {"finished", d.Finished}, {"run time", quantity(d.RunSeconds, "s")}, {"attempts", fmt.Sprint(d.Attempts)},
		{"worker", d.Worker}, {"caravan", d.Caravan}, {"saved run", d.Artefact}, {"error", d.Error}, {"by itself", d.Command},
	} {
		if line[1] != "" {
			g.add(line[0], line[1])
		}
	}
	g.render(a.stdout)
	m := grid{header: []string{"metric", "of", "stat", "value", "n"}, numbers: []int{3, 4}}
	for _, x := range d.Metrics[:min(len(d.Metrics), sweepRows)] {
		m.add(x.Name, x.Workload, x.Stat, showMetric(x), fmt.Sprint(x.N))
	}
	if len(m.rows) > 0 {
		fmt.Fprintln(a.stdout)
		m.render(a.stdout)
		a.printMore(len(d.Metrics)-sweepRows, "metrics", "--output json has all")
	}
	return nil
}
