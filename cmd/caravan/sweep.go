package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravan/results/criteria"
	"caravan/results/store"
	"caravan/scenarios"
)

// defaultStore is where sweeps are kept, beside the saved runs.
const defaultStore = "caravan-runs/sweeps.db"

// sweepFlags are the flags of caravan sweep.
type sweepFlags struct {
	store   string
	workers int
	dryRun  bool
	retry   bool
	again   bool
	show    bool
	runs    string
	remote  remoteFlags
	output  *enum
}

func newSweepCommand(a *app) *cobra.Command {
	f := &sweepFlags{}
	cmd := &cobra.Command{
		Use:   "sweep SWEEP",
		Short: "Run every combination of a sweep file, or search for the border of what works",
		Long: `Sweep reads a sweep file (a shipped name, a path, or - for standard input) and
runs its points over the cores of this machine. Each point is solved and
simulated as caravan run does it and saved in the store when it is done; what
the store has already is not run again, so the same command resumes a sweep
that was interrupted, killed or extended.

Ctrl-C once finishes the points under way, twice abandons them.

With --queue the points run elsewhere: on the processes of caravan worker, or
on those that --launch submits. This process follows them in the store, and
may leave and come back; caravan sweep stop ends them.`,
		Example: `  caravan sweep smoke
  caravan sweep smoke --dry-run
  caravan sweep --list
  caravan sweep mine.yaml --store postgres://caravan@db/caravan
  caravan sweep mine.yaml --store postgres://caravan@db/caravan --queue redis://queue --launch kubernetes --launch-image caravan:1.0 --workers 20
  caravan sweep stop mine --store postgres://caravan@db/caravan --queue redis://queue --drain`,
		Args: takes(0, 1, "one SWEEP (caravan sweep --list lists the shipped ones)"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return scenarios.ShippedSweeps(), cobra.ShellCompDirectiveDefault
		},
	}
	storeFlag(cmd, &f.store)
	cmd.Flags().IntVar(&f.workers, "workers", 0, "points that run at the same time, 0 for one a core; changes no result")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "print what would run, what is stored and an estimate, and run nothing")
	cmd.Flags().BoolVar(&f.retry, "retry", false, "run the points again that failed")
	cmd.Flags().BoolVar(&f.again, "again", false, "run every point again, also those that are completed")
	cmd.Flags().StringVar(&f.runs, "runs", "", "also save each point as caravan run does, in this `folder`, by its hash")
	cmd.Flags().BoolVar(&f.show, "list", false, "list the shipped sweeps")
	f.remote.register(cmd)
	f.output = outputFlag(cmd, "text", "json")
	cmd.AddCommand(newSweepStopCommand(a), newSweepResetCommand(a))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case f.show:
			return a.listShippedSweeps()
		case len(args) == 0:
			return badInput(errors.New("sweep: found no argument, allowed: one SWEEP (caravan sweep --list lists the shipped ones)"))
		case f.workers < 0:
			return badInput(fmt.Errorf("--workers: found %d, allowed: 1 or more, or 0 for one a core", f.workers))
		}
		if f.runs != "" && f.remote.queue != "" {
			return badInput(errors.New("--runs: found --queue as well, allowed: a sweep in this process"))
		}
		if err := f.remote.check(f.store, f.workers); err != nil {
			return badInput(err)
		}
		if f.workers == 0 {
			f.workers = runtime.GOMAXPROCS(0)
		}
		return a.sweep(cmd.Context(), f, args[0])
	}
	return cmd
}

// storeFlag adds --store.
func storeFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "store", defaultStore, "where sweeps are kept: a `file` of SQLite, or postgres://user@host/database")
}

// openStore opens the store of a command that reads. A file that does not
// exist is a mistake rather than an empty store.
func openStore(ctx context.Context, url string) (*store.Store, error) {
	if path := strings.TrimPrefix(url, "sqlite:"); !store.IsPostgres(url) {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, badInput(fmt.Errorf("no store %q; caravan sweep makes one, and --store names another", path))
		}
	}
	return store.Open(ctx, url)
}

func (a *app) listShippedSweeps() error {
	g := grid{header: []string{"sweep", "scenario", "kind", "what it shows"}}
	for _, name := range scenarios.ShippedSweeps() {
		data, err := scenarios.OpenSweep(name)
		if err != nil {
			return err
		}
		s, err := a.readSweep(name)
		if err != nil {
			return fmt.Errorf("shipped sweep %s: %w", name, err)
		}
		what := s.Description
		if what == "" {
			what = firstComment(data)
		}
		g.add(name, s.Base.Name, s.Kind, what)
	}
	g.render(a.stdout)
	_, err := fmt.Fprintln(a.stdout, "\nRun one with: caravan sweep NAME")
	return err
}

// readSweep reads a sweep file by its shipped name, its path, or "-".
func (a *app) readSweep(arg string) (*scenarios.Sweep, error) {
	name, dir, data, err := a.sweepSource(arg)
	if err != nil {
		return nil, err
	}
	s, err := scenarios.LoadSweep(name, data, scenarios.SweepOptions{
		Solvers: solverNames(),
		Open: func(scenario string) (string, string, []byte, error) {
			if !contains(scenarios.Shipped(), scenario) && dir != "" && !filepath.IsAbs(scenario) {
				scenario = filepath.Join(dir, scenario)
			}
			if scenario == "-" {
				return "", "", nil, errors.New("a sweep names a file or a shipped scenario")
			}
			return a.source(scenario)
		},
		Check: func(expression string) error {
			_, err := criteria.Compile(expression)
			return err
		},
	})
	if err != nil {
		return nil, badInput(err)
	}
	return s, nil
}

// sweepSource finds the text of a sweep and the folder that its scenario is
// relative to, empty inside the program.
func (a *app) sweepSource(arg string) (name, dir string, data []byte, err error) {
	if contains(scenarios.ShippedSweeps(), arg) {
		data, err = scenarios.OpenSweep(arg)
		return arg, "", data, err
	}
	if arg == "-" {
		return a.source(arg)
	}
	data, err = os.ReadFile(arg)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(arg, `/\.`) {
		err = fmt.Errorf("sweep: %w, or a path, or - for standard input", notOneOf(arg, scenarios.ShippedSweeps()))
	}
	if err != nil {
		return "", "", nil, badInput(err)
	}
	return arg, filepath.Dir(arg), data, nil
}

// sweepID is the name under which the store knows the sweep.
func sweepID(s *scenarios.Sweep) string { return s.Name + "-" + s.SHA256[:8] }

// memberOf is a point as the store has it.
func memberOf(s *scenarios.Sweep, p scenarios.SweepPoint) store.Member {
	m := store.Member{
		Point:      store.Point{Scenario: s.Base.SHA256, Settings: s.Settings(p.Values), Solver: p.Solver, Seed: p.Seed},
		Position:   p.Position,
		Parameters: json.RawMessage(s.Parameters(p.Values)),
	}
	m.Seal()
	return m
}

// sweep runs a sweep or says what it would run.
func (a *app) sweep(ctx context.Context, f *sweepFlags, arg string) error {
	s, err := a.readSweep(arg)
	if err != nil {
		return err
	}
	if f.dryRun {
		return a.dryRun(ctx, f, s)
	}
	lasting := context.WithoutCancel(ctx) // Ctrl-C finishes what is under way
	st, err := a.openShared(lasting, f.store)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := enter(lasting, st, s, f); err != nil {
		return err
	}
	d := &drive{app: a, sweep: s, id: sweepID(s), store: st, fleet: &localFleet{store: st, workers: f.workers, runs: f.runs}}
	if f.remote.queue != "" {
		r, err := f.remote.open(ctx, st, d.id)
		if err != nil {
			return err
		}
		defer r.queue.Close(context.WithoutCancel(ctx))
		d.fleet = r
		if f.remote.launch != "" {
			if err := f.remote.start(ctx, f.store, d.id, f.workers); err != nil {
				return err
			}
		}
	}
	err = d.run(ctx)
	var stop *exitError
	if err != nil && !errors.As(err, &stop) {
		return err
	}
	if printed := a.printSweepEnd(lasting, d, f); printed != nil {
		return printed
	}
	return err
}

// enter makes the sweep known to the store, and requeues what is to run again.
func enter(ctx context.Context, st *store.Store, s *scenarios.Sweep, f *sweepFlags) error {
	base := store.Scenario{SHA256: s.Base.SHA256, Name: s.Base.Name, Text: s.Base.Text, Files: s.Base.Files}
	if err := st.PutScenario(ctx, base); err != nil {
		return err
	}
	err := st.PutSweep(ctx, store.Sweep{
		ID: sweepID(s), Name: s.Name, Kind: s.Kind, Text: s.Text, Scenario: s.Base.SHA256,
		Version: buildVersion(), Created: time.Now(),
	})
	if err != nil {
		return err
	}
	var states []store.State
	if f.retry || f.again {
		states = append(states, store.Failed)
	}
	if f.again {
		states = append(states, store.Completed)
	}
	if _, err = st.Requeue(ctx, sweepID(s), states...); err != nil {
		return err
	}
	return st.Control(ctx, sweepID(s), "") // what stopped it does so no more
}
