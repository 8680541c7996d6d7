package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // for the script and the guide
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"caravan/results/plots"
)

var (
	//go:embed bundle_verify.sh
	bundleVerify []byte
	//go:embed bundle_readme.md
	bundleReadme string
)

// bundleFlags are the flags of caravan bundle.
type bundleFlags struct {
	store, out string
	width      *enum
}

func newBundleCommand(a *app) *cobra.Command {
	f := &bundleFlags{width: &enum{value: string(plots.Column), allowed: []string{string(plots.Column), string(plots.Page)}}}
	cmd := &cobra.Command{
		Use:   "bundle SWEEP",
		Short: "Write all that a paper needs of a sweep, and a script that makes it again",
		Long: `Bundle writes a folder with the figures of a sweep (pdf, svg, png and the numbers
behind them), LaTeX tables, every metric as CSV, the sweep file, the scenario
and its data, the points with their seeds, the versions of all that computed
them, and verify.sh, which runs the sweep again and compares the hash of every
file. Equal results give equal bytes.`,
		Example: `  caravan sweep smoke && caravan bundle smoke
  caravan-bundles/smoke/verify.sh`,
		Args: takes(1, 1, "one SWEEP (its name or identifier; caravan ls lists them)"),
	}
	storeFlag(cmd, &f.store)
	cmd.Flags().StringVar(&f.out, "out", "", "`folder` to make; default caravan-bundles/NAME")
	cmd.Flags().Var(f.width, "width", "of the figures: column (3.5 in) or page (7.16 in)")
	completeWith(cmd, "width", f.width.allowed)
	output := outputFlag(cmd, "text", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.bundle(cmd.Context(), f, args[0], output.value)
	}
	return cmd
}

// bundleAnswer is the JSON of caravan bundle.
type bundleAnswer struct {
	Version int      `json:"version"`
	Sweep   string   `json:"sweep"`
	Folder  string   `json:"folder"`
	Files   []string `json:"files"`
}

func (a *app) bundle(ctx context.Context, f *bundleFlags, name, format string) error {
	w, _, ok, err := openSweep(ctx, f.store, name)
	if err != nil {
		return err
	}
	if !ok {
		return badInput(fmt.Errorf("no sweep %q in %s; caravan ls lists what is", name, shownStore(f.store)))
	}
	out := f.out
	if out == "" {
		out = filepath.Join("caravan-bundles", strings.Map(fileRune, w.Name))
	}
	var files map[string][]byte
	if err = vacant(out); err == nil {
		files, err = w.bundle(ctx, plots.Width(f.width.value))
	}
	if err = errors.Join(err, w.store.Close()); err != nil {
		return err
	}
	if err := saveBundle(out, files); err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(files))
	if format == "json" {
		return a.writeJSON(bundleAnswer{Version: shapeVersion, Sweep: w.id, Folder: out, Files: names})
	}
	_, err = fmt.Fprintf(a.stdout, "Wrote %s of %s to %s; %s makes them again and compares.\n",
		count(len(names), "file"), w.id, out, filepath.Join(out, "verify.sh"))
	return err
}

// bundle makes the files of a bundle, by their names. All but versions.json
// depend on the results alone.
func (w *swept) bundle(ctx context.Context, width plots.Width) (map[string][]byte, error) {
	counts, err := w.store.Counts(ctx, w.id)
	if err != nil {
		return nil, err
	}
	if left := counts.Total - counts.Completed; left > 0 {
		return nil, &exitError{code: exitPartial, err: fmt.Errorf("%s of sweep %s %s not completed; caravan sweep runs them, --retry also those that failed",
			count(left, "point"), w.id, map[bool]string{true: "is", false: "are"}[left == 1])}
	}
	verify := bytes.ReplaceAll(bundleVerify, []byte("WIDTH"), []byte(width))
	files := map[string][]byte{"verify.sh": verify, "README.md": []byte(strings.ReplaceAll(bundleReadme, "NAME", w.Name))}
	for _, add := range []func(context.Context, map[string][]byte) error{
		w.bundleSweep, w.bundleResults,
		func(ctx context.Context, files map[string][]byte) error { return w.bundleFigures(ctx, files, width) },
	} {
		if err := add(ctx, files); err != nil {
			return nil, err
		}
	}
	if files["versions.json"], err = versions(); err != nil {
		return nil, err
	}
	var sums bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	files["SHA256SUMS"] = sums.Bytes()
	return files, nil
}

// bundleSweep adds the sweep file, which names the scenario beside it, that
// scenario and its data.
func (w *swept) bundleSweep(ctx context.Context, files map[string][]byte) error {
	base, err := w.store.Scenario(ctx, w.Base.SHA256)
	if err != nil {
		return err
	}
	const scenario = "scenario.json"
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(w.Text, &fields); err != nil {
		return fmt.Errorf("sweep %s: %w", w.id, err)
	}
	for key, value := range map[string]string{"scenario": scenario, "name": w.Name} {
		if fields[key], err = json.Marshal(value); err != nil {
			return err
		}
	}
	if files["sweep.json"], err = json.MarshalIndent(fields, "", "  "); err != nil {
		return err
	}
	files["sweep.json"] = append(files["sweep.json"], '\n')
	files[scenario] = base.Text
	for name, data := range base.Files {
		if !filepath.IsLocal(name) || files[name] != nil {
			return badInput(fmt.Errorf("the scenario's data file %q cannot lie in a bundle (allowed: a path below the scenario's folder)", name))
		}
		files[filepath.ToSlash(name)] = data
	}
	return nil
}

// bundleResults adds the points with their seeds, and every metric of each.
func (w *swept) bundleResults(ctx context.Context, files map[string][]byte) error {
	rows, err := w.store.Rows(ctx, w.id)
	if err != nil {
		return err
	}
	var points bytes.Buffer
	e := json.NewEncoder(&points)
	for _, r := range rows {
		err := e.Encode(struct {
			Point      string          `json:"point"`
			Parameters json.RawMessage `json:"parameters"`
			Settings   []string        `json:"settings"`
			Solver     string          `json:"solver"`
			Seed       uint64          `json:"seed"`
			Outcome    string          `json:"outcome"`
			Parent     string          `json:"parent,omitempty"`
			Verdict    string          `json:"verdict,omitempty"`
		}{r.Hash, r.Parameters, orEmpty(r.Settings), r.Solver, r.Seed, r.Outcome, r.Parent, r.Verdict})
		if err != nil {
			return err
		}
	}
	files["points.jsonl"] = points.Bytes()
	wanted, err := w.bundleMetrics(ctx)
	if err != nil {
		return err
	}
	table, err := w.store.Table(ctx, w.id)
	if err != nil {
		return err
	}
	var metrics bytes.Buffer
	if err := writeTable(ctx, &metrics, w.Sweep, "csv", wanted, table); err != nil {
		return err
	}
	files["metrics.csv"] = metrics.Bytes()
	return nil
}

// bundleMetrics are all metrics of the store in an order that does not depend
// on what came first.
func (w *swept) bundleMetrics(ctx context.Context) ([][2]string, error) {
	all, err := w.store.MetricNames(ctx)
	slices.SortFunc(all, func(a, b [2]string) int {
		return strings.Compare(a[0]+" "+a[1], b[0]+" "+b[1])
	})
	return all, err
}

// bundleFigures adds the figures, the numbers behind them, and these as LaTeX
// tables.
func (w *swept) bundleFigures(ctx context.Context, files map[string][]byte, width plots.Width) error {
	drawn, err := (&drawing{sweep: w}).draw(ctx, nil)
	if err != nil {
		return err
	}
	for _, x := range drawn {
		for _, format := range plots.Formats() {
			folder := "figures/"
			if format == "tex" {
				folder = "tables/"
			}
			name := folder + x.name + "." + string(format)
			if files[name], err = plots.Draw(x.figure, width, format); err != nil {
				return fmt.Errorf("figure %s: %w", x.name, err)
			}
		}
	}
	return nil
}

// versions is what made the results: caravan, Go, and every module inside.
func versions() ([]byte, error) {
	out := struct {
		versionAnswer
		Modules map[string]string `json:"modules"`
	}{versionOf(), map[string]string{}}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			out.Modules[m.Path] = m.Version
		}
	}
	data, err := json.MarshalIndent(out, "", "  ")
	return append(data, '\n'), err
}

// vacant reports why out cannot be a new folder, if so.
func vacant(out string) error {
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return badInput(fmt.Errorf("--out: the folder %q is not empty (allowed: a new one)", out))
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return badInput(err)
	}
	return nil
}

// saveBundle writes the files into a new folder, whole or not at all.
func saveBundle(out string, files map[string][]byte) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(filepath.Dir(out), ".bundle")
	if err != nil {
		return err
	}
	err = writeAll(scratch, files)
	if err == nil {
		// An empty folder gives way; a full one does not.
		if err = os.Remove(out); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = os.Rename(scratch, out)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("saving the bundle: %w", err), os.RemoveAll(scratch))
	}
	return nil
}

func writeAll(dir string, files map[string][]byte) error {
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		if err := os.WriteFile(path, data, mode); err != nil {
			return err
		}
	}
	return os.Chmod(dir, 0o755)
}
