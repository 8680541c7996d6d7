package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravan/results"
	"caravan/results/plots"
)

// plotFlags are the flags of caravan plot.
type plotFlags struct {
	figures, formats string
	width            *enum
	out, runs, data  string
	tex, list        bool
	from, until      time.Duration
	output           *enum
}

func newPlotCommand(a *app) *cobra.Command {
	f := &plotFlags{width: &enum{value: string(plots.Column), allowed: []string{string(plots.Column), string(plots.Page)}}}
	cmd := &cobra.Command{
		Use:   "plot RUN...",
		Short: "Draw figures of saved runs",
		Long: `Plot draws figures for papers from saved runs: vector and 300 dpi images, and
the numbers behind each as CSV. RUN is a file that caravan run saved, or
latest: the scenario that ran last, under every solver that it was run with.
Without --figure it draws all that the runs can fill. Figures over time
simulate the first replication again, which gives what it gave.
Equal runs give equal bytes.`,
		Example: `  caravan run rush-hour --compare ilp,queueing,binpack
  caravan plot latest
  caravan plot latest --figure latency-cdf,differences --format pdf --width page
  caravan plot --list`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return nil
			}
			return takes(1, math.MaxInt, "one RUN or more, or latest")(cmd, args)
		},
	}
	cmd.Flags().StringVar(&f.figures, "figure", "", "comma-separated `names` of figures; default all that the runs can fill")
	cmd.Flags().BoolVar(&f.list, "list", false, "list the figures that exist")
	cmd.Flags().StringVar(&f.formats, "format", "pdf,svg,png,csv", "comma-separated formats: pdf, svg, png, csv, tex")
	cmd.Flags().BoolVar(&f.tex, "tex", false, "also write each figure's numbers as a LaTeX table (booktabs)")
	cmd.Flags().Var(f.width, "width", "column (3.5 in) or page (7.16 in)")
	completeWith(cmd, "width", f.width.allowed)
	cmd.Flags().StringVar(&f.out, "out", "caravan-figures", "directory for the figures")
	cmd.Flags().StringVar(&f.runs, "runs", "caravan-runs", "directory in which latest looks")
	cmd.Flags().StringVar(&f.data, "data", "", "`folder` of the data files that the scenario names, when it is not a shipped one")
	cmd.Flags().DurationVar(&f.from, "from", 0, "start of figures over time; default the end of the warm-up")
	cmd.Flags().DurationVar(&f.until, "until", 0, "end of figures over time")
	f.output = outputFlag(cmd, "text", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.plot(cmd.Context(), f, args) }
	return cmd
}

// formatList reads --format and --tex.
func (f *plotFlags) formatList() ([]plots.Format, error) {
	var known []string
	for _, x := range plots.Formats() {
		known = append(known, string(x))
	}
	names, err := splitList(f.formats, known)
	if err != nil {
		return nil, badInput(fmt.Errorf("--format: %w", err))
	}
	if f.tex && !contains(names, "tex") {
		names = append(names, "tex")
	}
	if len(names) == 0 {
		return nil, badInput(fmt.Errorf("--format: found %q, allowed: %s", f.formats, strings.Join(known, ", ")))
	}
	var out []plots.Format
	for _, n := range names {
		out = append(out, plots.Format(n))
	}
	return out, nil
}

func (a *app) plot(ctx context.Context, f *plotFlags, args []string) error {
	if f.list {
		return a.listFigures()
	}
	formats, err := f.formatList()
	if err != nil {
		return err
	}
	asked, err := splitList(f.figures, figureNames())
	if err != nil {
		return badInput(fmt.Errorf("--figure: %w", err))
	}
	runs, err := loadRuns(f.runs, args)
	if err != nil {
		return err
	}
	d := &drawing{runs: runs, data: f.data, from: f.from, until: f.until}
	drawn, err := d.draw(ctx, asked)
	if err != nil {
		return err
	}
	files, err := saveFigures(f, drawn, formats)
	if err != nil {
		return err
	}
	return a.printFigures(f, files, d.skipped)
}

// loadRuns reads the runs that the arguments name.
func loadRuns(dir string, args []string) ([]*results.Run, error) {
	var paths []string
	for _, arg := range args {
		if arg != "latest" {
			paths = append(paths, arg)
			continue
		}
		newest, err := latestRuns(dir)
		if err != nil {
			return nil, err
		}
		paths = append(paths, newest...)
	}
	var out []*results.Run
	for _, p := range paths {
		r, err := results.Load(p)
		if err != nil {
			return nil, badInput(err)
		}
		out = append(out, r)
	}
	return out, nil
}

// latestRuns are the newest run of a directory and the others of the same
// scenario and seed, the oldest first.
func latestRuns(dir string) ([]string, error) {
	entries, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, badInput(err)
	}
	type saved struct {
		path string
		at   time.Time
	}
	var all []saved
	for _, p := range entries {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		all = append(all, saved{p, info.ModTime()})
	}
	if len(all) == 0 {
		return nil, badInput(fmt.Errorf("latest: no saved run in %s; caravan run saves one", dir))
	}
	slices.SortFunc(all, func(a, b saved) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.path, b.path)
	})
	// A file's name ends in -SEED-HASH8.json.
	family := func(path string) string {
		parts := strings.Split(filepath.Base(path), "-")
		return strings.Join(parts[max(0, len(parts)-2):], "-")
	}
	newest := family(all[len(all)-1].path)
	var out []string
	for _, s := range all {
		if family(s.path) == newest {
			out = append(out, s.path)
		}
	}
	return out, nil
}

// A namedFigure is a figure and the name of its files, without the ending.
type namedFigure struct {
	name, shows string
	figure      plots.Figure
}

// A figureFile is one figure as it was written.
type figureFile struct {
	Figure string   `json:"figure"`
	Shows  string   `json:"shows"`
	Files  []string `json:"files"`
}

func saveFigures(f *plotFlags, drawn []namedFigure, formats []plots.Format) ([]figureFile, error) {
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return nil, err
	}
	var out []figureFile
	for _, x := range drawn {
		file := figureFile{Figure: x.name, Shows: x.shows}
		for _, format := range formats {
			data, err := plots.Draw(x.figure, plots.Width(f.width.value), format)
			if err != nil {
				return nil, badInput(err)
			}
			path := filepath.Join(f.out, x.name+"."+string(format))
			if err := writeFile(path, data); err != nil {
				return nil, fmt.Errorf("saving the figure: %w", err)
			}
			file.Files = append(file.Files, path)
		}
		out = append(out, file)
	}
	return out, nil
}

// plotAnswer is what caravan plot --output json prints.
type plotAnswer struct {
	Version int          `json:"version"`
	Figures []figureFile `json:"figures"`
}

func (a *app) printFigures(f *plotFlags, files []figureFile, skipped []string) error {
	if f.output.value == "json" {
		return a.writeJSON(plotAnswer{Version: shapeVersion, Figures: orEmpty(files)})
	}
	g := grid{header: []string{"figure", "shows", "files"}}
	for _, x := range files {
		var endings []string
		for _, p := range x.Files {
			endings = append(endings, filepath.Ext(p))
		}
		g.add(x.Figure, x.Shows, strings.Join(endings, " "))
	}
	g.render(a.stdout)
	fmt.Fprintf(a.stdout, "Saved in %s\n", f.out)
	for _, s := range skipped {
		fmt.Fprintf(a.stdout, "Not drawn: %s\n", s)
	}
	return nil
}

func (a *app) listFigures() error {
	g := grid{header: []string{"figure", "shows"}}
	for _, r := range figureRows() {
		g.add(r.name, r.shows)
	}
	g.render(a.stdout)
	return nil
}

// errNothing says that the runs at hand cannot fill a figure, and why.
type errNothing struct{ why string }

func (e errNothing) Error() string { return e.why }

// draw makes the figures that were asked for, or all that the runs can fill.
func (d *drawing) draw(ctx context.Context, asked []string) ([]namedFigure, error) {
	var out []namedFigure
	for _, row := range figureRows() {
		if len(asked) > 0 && !contains(asked, row.name) || len(asked) == 0 && row.onlyAsked {
			continue
		}
		figures, err := row.make(ctx, d)
		var nothing errNothing
		if errors.As(err, &nothing) {
			if len(asked) > 0 {
				return nil, badInput(fmt.Errorf("--figure %s: %w", row.name, err))
			}
			d.skipped = append(d.skipped, row.name+": "+nothing.why)
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, x := range figures {
			x.shows = row.shows
			out = append(out, x)
		}
	}
	if len(out) == 0 {
		return nil, badInput(errors.New("plot: the runs fill no figure"))
	}
	return out, nil
}
