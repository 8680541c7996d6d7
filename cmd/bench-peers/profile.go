package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
)

// profile writes a CPU profile of the simulator on its workloads, for the
// compiler: go build reads a file default.pgo beside a main package. Each
// workload runs for about as long as the others.
func profile(ctx context.Context, args []string, progress io.Writer) (err error) {
	if len(args) != 1 {
		return fmt.Errorf("profile %q: it takes the file to write", args)
	}
	out, err := os.Create(args[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	for _, w := range []struct {
		name  string
		sizes []int
	}{
		{"a2", []int{1000, 20_000_000}}, {"b1", []int{5_000_000}}, {"b2", []int{4_000_000}},
		{"c", []int{2_000_000}}, {"d1", []int{1000, 100_000}}, {"d3", []int{2000, 2_000_000}},
	} {
		m, err := simulate(ctx, w.name, w.sizes)
		if err != nil {
			return fmt.Errorf("profile: %s: %w", w.name, err)
		}
		fmt.Fprintf(progress, "%s ran for %.1f s\n", w.name, m.CPU)
	}
	return nil
}
