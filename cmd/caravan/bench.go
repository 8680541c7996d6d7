package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"caravan/results/plots"
	"caravan/solver"
)

// benchFlags are the flags of caravan bench.
type benchFlags struct {
	list    bool
	filter  string
	solvers string
	data    string
	limit   time.Duration
	count   int
	save    string
	against string
	figure  string
	trace   string
	output  *enum
}

func newBenchCommand(a *app) *cobra.Command {
	f := &benchFlags{}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the solvers on instances with known answers, and against a baseline",
		Long: `Bench gives each solver each instance in turn and prints what it found, what it
proved, and the CPU time it took. Instances are shipped, drawn by seed, or read
from a directory of published ones. For one network that is cut over devices it
also prints which layer goes where. Saved results are a baseline: a later bench
says what changed, and ~ where the difference may be chance. The exit code is 3
when a solver contradicts a known answer.`,
		Example: `  caravan bench --list
  caravan bench --filter LayerGraphs-bert24_inference
  caravan bench --filter 5x5x10 --solver ilp,highs --time 60s
  caravan bench --filter gap --count 10 --save base.json
  caravan bench --filter gap --count 10 --against base.json`,
		Args: takes(0, 0, "none"),
	}
	cmd.Flags().BoolVar(&f.list, "list", false, "print the instances and their solvers, and stop")
	cmd.Flags().StringVar(&f.filter, "filter", "", "only instances that one of these words names, in full or in part, as `a,b`")
	cmd.Flags().StringVar(&f.solvers, "solver", "", "only these solvers, as `a,b`; default: those the instance is meant for")
	cmd.Flags().StringVar(&f.data, "data", "", "`directory` of further instances: GAP, bin packing, STG, DNN graphs and chains, reassignment")
	cmd.Flags().DurationVar(&f.limit, "time", time.Minute, "wall-clock limit of one solver on one instance")
	cmd.Flags().IntVar(&f.count, "count", 1, "runs of each solver on each instance")
	cmd.Flags().StringVar(&f.save, "save", "", "`file` to save the results in, a baseline for later")
	cmd.Flags().StringVar(&f.against, "against", "", "baseline `file` to compare with")
	cmd.Flags().StringVar(&f.figure, "figure", "", "performance profile of the solvers, as a .pdf, .svg or .png `file`")
	cmd.Flags().StringVar(&f.trace, "trace", "", "draw how the gap fell over CPU time on one instance, as a .pdf, .svg or .png `file`, and stop")
	f.output = outputFlag(cmd, "text", "json", "csv")
	cmd.AddCommand(newBenchPoliciesCommand(a), newBenchPlacementCommand(a), newBenchDecisionsCommand(a))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.bench(cmd.Context(), f) }
	return cmd
}

// A benchCase is an instance and the solvers it is meant for.
type benchCase struct {
	Name    string
	Unit    string
	Known   float64 // best cost known, NaN for none
	Proved  bool    // known is the optimum
	Solvers []string
	// Run answers the instance; it stops when ctx does.
	Run func(ctx context.Context, name string, limit time.Duration) (benchAnswer, error)

	problem func() (*solver.Problem, error) // nil when it is not a placement
}

// A benchAnswer is what a solver said of an instance.
type benchAnswer struct {
	Status string
	Cost   float64 // NaN for none
	Bound  float64 // NaN for none
	Steps  int64
	Parts  []benchPart // of what was divided, nil otherwise
}

// A benchRow is one solver on one instance, as it is saved.
type benchRow struct {
	Instance string   `json:"instance"`
	Solver   string   `json:"solver"`
	Status   string   `json:"status"`
	Unit     string   `json:"unit"`
	Cost     *float64 `json:"cost"`
	Bound    *float64 `json:"bound"`
	Gap      *float64 `json:"gap"`
	Known    *float64 `json:"known"`
	// Wrong says how the answer contradicts what is known.
	Wrong      string      `json:"wrong,omitempty"`
	Steps      int64       `json:"steps"`
	CPUSeconds []float64   `json:"cpuSeconds"` // one a run
	Assignment []benchPart `json:"assignment,omitempty"`
}

// benchResults is the answer of caravan bench, and the baseline file.
type benchResults struct {
	Version int        `json:"version"`
	Caravan string     `json:"caravan"`
	Limit   float64    `json:"limitSeconds"`
	Rows    []benchRow `json:"rows"`
}

func (a *app) bench(ctx context.Context, f *benchFlags) error {
	if f.count < 1 || f.limit <= 0 {
		return badInput(fmt.Errorf("--count, --time: found %d and %s, allowed: 1 or more, and more than 0", f.count, f.limit))
	}
	if f.figure != "" {
		if _, err := plots.FormatOf(f.figure); err != nil {
			return badInput(fmt.Errorf("--figure: %w", err))
		}
	}
	cases, err := benchCases(f.data)
	if err != nil {
		return badInput(err)
	}
	cases, err = chooseCases(cases, f.filter, f.solvers)
	if err != nil {
		return badInput(err)
	}
	if f.list {
		return a.listCases(cases, f.output.value)
	}
	if f.trace != "" {
		return a.traceBench(ctx, f, cases)
	}
	var base *benchResults
	if f.against != "" {
		if base, err = readBaseline(f.against); err != nil {
			return badInput(err)
		}
	}
	r, err := a.measureCases(ctx, f, cases)
	if err != nil {
		return err
	}
	if f.save != "" {
		if err := saveJSON(f.save, r); err != nil {
			return err
		}
	}
	if f.figure != "" {
		if err := drawProfile(f.figure, r); err != nil {
			return err
		}
	}
	if err := a.printBench(r, base, f.output.value); err != nil {
		return err
	}
	for _, row := range r.Rows {
		if row.Wrong != "" {
			return &exitError{code: exitInfeasible}
		}
	}
	return nil
}

// chooseCases keeps the instances and solvers asked for.
func chooseCases(cases []benchCase, filter, solvers string) ([]benchCase, error) {
	var known, all []string
	for _, c := range cases {
		all = append(all, c.Solvers...)
	}
	for _, s := range all {
		if !contains(known, s) {
			known = append(known, s)
		}
	}
	wanted, err := splitList(solvers, known)
	if err != nil {
		return nil, fmt.Errorf("--solver: %w", err)
	}
	var out []benchCase
	for _, c := range filtered(cases, filter) {
		if wanted != nil {
			var both []string
			for _, s := range wanted {
				if contains(c.Solvers, s) {
					both = append(both, s)
				}
			}
			c.Solvers = both
		} else {
			c.Solvers = available(c.Solvers)
		}
		if len(c.Solvers) > 0 {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("--filter, --solver: no instance is left; caravan bench --list names them")
	}
	return out, nil
}

// available leaves out the engines that this build has not.
func available(solvers []string) []string {
	var out []string
	for _, s := range solvers {
		if s == "highs" {
			if _, err := newSolver(s, 0); err != nil {
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// filtered keeps the instances that a word of the filter names: in full, with
// or without its folder, or else in part.
func filtered(cases []benchCase, filter string) []benchCase {
	if filter == "" {
		return cases
	}
	named := func(c benchCase, word string) bool {
		_, bare, _ := strings.Cut(c.Name, "/")
		return c.Name == word || bare == word
	}
	words := strings.Split(filter, ",")
	if slices.ContainsFunc(cases, func(c benchCase) bool { return named(c, filter) }) {
		words = []string{filter} // a name with a comma in it
	}
	keep := map[string]bool{}
	for _, word := range words {
		exact := false
		for _, c := range cases {
			if word != "" && named(c, word) {
				keep[c.Name], exact = true, true
			}
		}
		for _, c := range cases {
			if word != "" && !exact && strings.Contains(c.Name, word) {
				keep[c.Name] = true
			}
		}
	}
	return slices.DeleteFunc(cases, func(c benchCase) bool { return !keep[c.Name] })
}

func (a *app) listCases(cases []benchCase, format string) error {
	type line struct {
		Instance string   `json:"instance"`
		Known    *float64 `json:"known"`
		Unit     string   `json:"unit"`
		Solvers  []string `json:"solvers"`
	}
	lines := []line{}
	g := grid{header: []string{"instance", "known", "solvers"}, numbers: []int{1}}
	for _, c := range cases {
		lines = append(lines, line{c.Name, finite(c.Known), c.Unit, c.Solvers})
		g.add(c.Name, optional(finite(c.Known), c.Unit), strings.Join(c.Solvers, ", "))
	}
	if format == "json" {
		return a.writeJSON(lines)
	}
	g.render(a.stdout)
	return nil
}

// measureCases runs everything, one at a time: solvers compared take turns.
func (a *app) measureCases(ctx context.Context, f *benchFlags, cases []benchCase) (*benchResults, error) {
	total := 0
	for _, c := range cases {
		total += len(c.Solvers) * f.count
	}
	bar := newProgress(a.stderr, "bench", "runs", total)
	defer bar.stop()
	r := &benchResults{Version: shapeVersion, Caravan: buildVersion(), Limit: f.limit.Seconds(), Rows: []benchRow{}}
	for _, c := range cases {
		rows := make([]benchRow, len(c.Solvers))
		for range f.count {
			for k, name := range c.Solvers {
				row, err := measureCase(ctx, c, name, f.limit)
				if err != nil {
					return nil, fmt.Errorf("%s with %s: %w", c.Name, name, err)
				}
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				row.CPUSeconds = append(rows[k].CPUSeconds, row.CPUSeconds...)
				rows[k] = row
				bar.step()
			}
		}
		r.Rows = append(r.Rows, rows...)
	}
	return r, nil
}

func measureCase(ctx context.Context, c benchCase, name string, limit time.Duration) (benchRow, error) {
	row := benchRow{Instance: c.Name, Solver: name, Unit: c.Unit, Known: finite(c.Known)}
	runtime.GC()
	limited, stop := context.WithTimeout(ctx, limit)
	defer stop()
	before := cpuSeconds()
	answer, err := c.Run(limited, name, limit)
	if err != nil {
		return row, err
	}
	row.CPUSeconds = []float64{cpuSeconds() - before}
	row.Status, row.Steps, row.Assignment = answer.Status, answer.Steps, answer.Parts
	row.Cost, row.Bound = finite(answer.Cost), finite(answer.Bound)
	if row.Cost != nil && row.Bound != nil {
		row.Gap = finite(0)
		if answer.Cost != answer.Bound {
			row.Gap = finite((answer.Cost - answer.Bound) / math.Abs(answer.Cost))
		}
	}
	row.Wrong = contradiction(c, answer)
	return row, nil
}

// contradiction says how an answer cannot be right, given what is known.
func contradiction(c benchCase, a benchAnswer) string {
	const slack = 1e-6
	size := slack * math.Max(1e-9, math.Abs(c.Known))
	switch {
	case math.IsNaN(c.Known):
		return ""
	case a.Bound > c.Known+size:
		return "the bound lies above the best known"
	case c.Proved && a.Cost < c.Known-size:
		return "better than the proved optimum"
	case c.Proved && a.Status == "optimal" && a.Cost > c.Known+size:
		return "called optimal, and is not"
	}
	return ""
}

// cpuSeconds is the CPU time of this process so far, of user and system.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func readBaseline(path string) (*benchResults, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--against: %w", err)
	}
	var r benchResults
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("--against: %s: %w", path, err)
	}
	if r.Version != shapeVersion || len(r.Rows) == 0 {
		return nil, errors.New("--against: " + path + ": found no results, allowed: a file that caravan bench --save wrote")
	}
	return &r, nil
}

func saveJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(data, '\n'))
}

// writeFile writes a file whole or not at all.
func writeFile(path string, data []byte) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// seconds prints a CPU time.
func seconds(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) + " s" }
