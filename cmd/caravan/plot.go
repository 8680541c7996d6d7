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
	store            string
	tex, list        bool
	from, until      time.Duration
	output           *enum
}

func newPlotCommand(a *app) *cobra.Command {
	f := &plotFlags{width: &enum{value: string(plots.Column), allowed: []string{string(plots.Column), string(plots.Page)}}}
	cmd := &cobra.Command{
		Use:   "plot RUN...|SWEEP",
		Short: "Draw figures of saved runs or of a sweep",
		Long: `Plot draws figures for papers from saved runs, validations or a sweep: vector
and 300 dpi images, and the numbers behind each as CSV. RUN is a file that
caravan run or caravan validate saved, SWEEP the name of a sweep in the store,
and latest the sweep that was
made last or the scenario that ran last, under every solver that it was run
with. Without --figure it draws all that there is to draw. Figures over time
simulate the first replication again, which gives what it gave. Equal runs give
equal bytes.`,
		Example: `  caravan run rush-hour --compare ilp,queueing,binpack
  caravan plot latest
  caravan plot latest --figure latency-cdf,differences --format pdf --width page
  caravan sweep smoke && caravan plot latest
  caravan plot caravan-validations/*.json
  caravan plot --list`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return nil
			}
			return takes(1, math.MaxInt, "one RUN or more, a SWEEP, or latest")(cmd, args)
		},
	}
	cmd.Flags().StringVar(&f.figures, "figure", "", "comma-separated `names` of figures; default all that the runs can fill")
	completeWith(cmd, "figure", figureNames())
	cmd.Flags().BoolVar(&f.list, "list", false, "list the figures that exist")
	cmd.Flags().StringVar(&f.formats, "format", "pdf,svg,png,csv", "comma-separated formats: pdf, svg, png, csv, tex")
	cmd.Flags().BoolVar(&f.tex, "tex", false, "also write each figure's numbers as a LaTeX table (booktabs)")
	cmd.Flags().Var(f.width, "width", "column (3.5 in) or page (7.16 in)")
	completeWith(cmd, "width", f.width.allowed)
	cmd.Flags().StringVar(&f.out, "out", "caravan-figures", "directory for the figures")
	cmd.Flags().StringVar(&f.runs, "runs", "caravan-runs", "directory in which latest looks")
	storeFlag(cmd, &f.store)
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
	d, err := find(ctx, f.runs, f.store, args)
	if err != nil {
		return err
	}
	d.data, d.from, d.until = f.data, f.from, f.until
	drawn, err := d.draw(ctx, asked)
	if err = errors.Join(err, d.close()); err != nil {
		return err
	}
	files, err := saveFigures(f, drawn, formats)
	if err != nil {
		return err
	}
	return a.printFigures(f, files, d.skipped)
}

// find opens what the arguments name: saved runs, validations, or one sweep of
// the store.
// latest is whichever came last.
func find(ctx context.Context, dir, storeURL string, args []string) (*drawing, error) {
	d := &drawing{}
	for _, arg := range args {
		paths := []string{arg}
		if _, err := os.Stat(arg); err != nil {
			newest, at, err := latestRuns(dir)
			if err != nil {
				return nil, err
			}
			w, created, ok, err := openSweep(ctx, storeURL, arg)
			switch {
			case err != nil:
				return nil, err
			case ok && (arg != "latest" || created > at.UnixNano()):
				if len(args) > 1 {
					return nil, badInput(errors.Join(fmt.Errorf("%s is a sweep; allowed: one sweep, or runs", arg), w.store.Close()))
				}
				return &drawing{sweep: w}, nil
			case ok:
				if err := w.store.Close(); err != nil {
					return nil, err
				}
			case arg != "latest":
				return nil, badInput(fmt.Errorf("no file %q, and no sweep of that name in %s (caravan ls lists them)", arg, storeURL))
			}
			if paths = newest; len(newest) == 0 {
				return nil, badInput(fmt.Errorf("latest: no saved run in %s and no sweep in %s", dir, storeURL))
			}
		}
		for _, p := range paths {
			if err := d.read(p); err != nil {
				return nil, badInput(err)
			}
		}
	}
	if len(d.runs) > 0 && len(d.validations) > 0 {
		return nil, badInput(errors.New("found saved runs and validations together, allowed: either"))
	}
	return d, nil
}

// read adds what a file holds: a run, or what caravan validate found.
func (d *drawing) read(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if isValidation(data) {
		v, err := decodeValidation(data)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		d.validations = append(d.validations, v)
		if !v.Valid {
			d.skipped = append(d.skipped, path+": its measurement is invalid")
		}
		return nil
	}
	r, err := results.Decode(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	d.runs = append(d.runs, r)
	return nil
}

// close lets go of the store.
func (d *drawing) close() error {
	if d.sweep == nil {
		return nil
	}
	return d.sweep.store.Close()
}

// latestRuns are the newest run of a directory and the others of the same
// scenario and seed, the oldest first, and when it was saved.
func latestRuns(dir string) ([]string, time.Time, error) {
	entries, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, time.Time{}, badInput(err)
	}
	type saved struct {
		path string
		at   time.Time
	}
	var all []saved
	for _, p := range entries {
		info, err := os.Stat(p)
		if err != nil {
			return nil, time.Time{}, err
		}
		all = append(all, saved{p, info.ModTime()})
	}
	if len(all) == 0 {
		return nil, time.Time{}, nil
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
	return out, all[len(all)-1].at, nil
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

// checkFigure reads the name of a figure's file before the work begins.
func checkFigure(path string) error {
	if path == "" {
		return nil
	}
	if _, err := plots.FormatOf(path); err != nil {
		return badInput(fmt.Errorf("--figure: %w", err))
	}
	return nil
}

// drawFile draws one figure of a column's width in the format that the file's
// name asks for.
func drawFile(path string, f plots.Figure) error {
	format, err := plots.FormatOf(path)
	if err != nil {
		return badInput(fmt.Errorf("--figure: %w", err))
	}
	data, err := plots.Draw(f, plots.Column, format)
	if err != nil {
		return badInput(err)
	}
	return writeFile(path, data)
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

// make makes the figures of a row.
func (d *drawing) make(ctx context.Context, row figureRow) ([]namedFigure, error) {
	if row.of != d.of() {
		return nil, errNothing{"it is a figure of " + row.of.String()}
	}
	return row.make(ctx, d)
}

// draw makes the figures that were asked for, or all that the runs can fill.
func (d *drawing) draw(ctx context.Context, asked []string) ([]namedFigure, error) {
	var out []namedFigure
	for _, row := range figureRows() {
		if len(asked) > 0 && !contains(asked, row.name) || len(asked) == 0 && (row.onlyAsked || row.of != d.of()) {
			continue
		}
		figures, err := d.make(ctx, row)
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
		return nil, badInput(fmt.Errorf("plot: the runs fill no figure: %s", strings.Join(d.skipped, "; ")))
	}
	return out, nil
}
