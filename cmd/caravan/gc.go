package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// gcFlags are the flags of caravan gc.
type gcFlags struct {
	store  string
	older  time.Duration
	dryRun bool
}

func newGcCommand(a *app) *cobra.Command {
	f := &gcFlags{}
	cmd := &cobra.Command{
		Use:   "gc [SWEEP...]",
		Short: "Remove sweeps from the store, and points that belong to no sweep",
		Long: `Gc removes the named sweeps and those older than --older-than, then the points
that no sweep has any more, with their metrics and saved runs. A point that
another sweep has stays.`,
		Example: `  caravan gc --dry-run
  caravan gc smoke
  caravan gc --older-than 720h`,
	}
	storeFlag(cmd, &f.store)
	cmd.Flags().DurationVar(&f.older, "older-than", 0, "also sweeps that were made longer ago than this, such as 720h")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "print what would go and remove nothing")
	output := outputFlag(cmd, "text", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.older < 0 {
			return badInput(fmt.Errorf("--older-than: found %s, allowed: 0 or more", f.older))
		}
		return a.collect(cmd.Context(), f, args, output.value)
	}
	return cmd
}

// gcAnswer is the JSON of caravan gc.
type gcAnswer struct {
	Version   int      `json:"version"`
	DryRun    bool     `json:"dry_run"`
	Sweeps    []string `json:"sweeps"`
	Points    int      `json:"points"`
	Scenarios int      `json:"scenarios"`
	Artefacts []string `json:"artefacts"`
}

func (a *app) collect(ctx context.Context, f *gcFlags, args []string, format string) error {
	st, err := openStore(ctx, f.store)
	if err != nil {
		return err
	}
	defer st.Close()
	out := gcAnswer{Version: shapeVersion, DryRun: f.dryRun, Sweeps: []string{}}
	for _, name := range args {
		w, _, err := findSweep(ctx, st, name)
		if err != nil {
			return err
		}
		out.Sweeps = append(out.Sweeps, w.ID)
	}
	if f.older > 0 {
		all, err := st.Sweeps(ctx)
		if err != nil {
			return err
		}
		for _, w := range all {
			if time.Since(w.Created) > f.older && !contains(out.Sweeps, w.ID) {
				out.Sweeps = append(out.Sweeps, w.ID)
			}
		}
	}
	g, err := st.Collect(ctx, out.Sweeps, f.dryRun)
	if err != nil {
		return err
	}
	out.Points, out.Scenarios, out.Artefacts = g.Points, g.Scenarios, orEmpty(g.Artefacts)
	if !f.dryRun {
		for _, path := range g.Artefacts {
			err = errors.Join(err, ignoreMissing(os.Remove(path)))
		}
		if err = errors.Join(err, st.Compact(ctx)); err != nil {
			return err
		}
	}
	if format == "json" {
		return a.writeJSON(out)
	}
	verb := "Removed"
	if f.dryRun {
		verb = "Would remove"
	}
	_, err = fmt.Fprintf(a.stdout, "%s %s, %s, %s and %s.\n", verb, count(len(out.Sweeps), "sweep"), count(out.Points, "point"),
		count(out.Scenarios, "scenario"), count(len(out.Artefacts), "saved run"))
	return err
}

// ignoreMissing drops the error of a file that is gone already.
func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
