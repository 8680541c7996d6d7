package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

type bench struct {
	options
	progress io.Writer
}

// A measurement is what a side reports of one run.
type measurement struct {
	Operations int64   `json:"operations"`
	CPU        float64 `json:"cpu_s"` // seconds, of the measured part
	Hash       string  `json:"hash,omitempty"`
	Value      float64 `json:"value"`
}

// check compares the answer of a run with the one expected.
func (m measurement) check(want answer) error {
	if want.hash != "" {
		if m.Hash != want.hash {
			return fmt.Errorf("hash %s, not %s", m.Hash, want.hash)
		}
		return nil
	}
	if !(math.Abs(m.Value-want.value) <= want.tolerance) {
		return fmt.Errorf("answer %.10g, not %.10g +- %g", m.Value, want.value, want.tolerance)
	}
	return nil
}

// An outcome is a workload with the runs of its sides.
type outcome struct {
	workload workload
	sides    []sideOutcome
}

type sideOutcome struct {
	side    side
	runs    []measurement // by round
	process []float64     // CPU seconds of the whole process, by round
	wrong   error         // how its answer differs from the one expected
}

// workloads lists what the options choose, without the sides skipped and the
// goals that lose all their rivals.
func (b *bench) workloads() []workload {
	var chosen []workload
	for _, w := range suite() {
		if len(b.only) > 0 && !slices.Contains(b.only, w.name) {
			continue
		}
		w.sides = slices.DeleteFunc(w.sides, func(s side) bool { return slices.Contains(b.skip, s.peer) })
		runs := func(name string) bool {
			return slices.ContainsFunc(w.sides, func(s side) bool { return s.name == name })
		}
		w.goals = slices.DeleteFunc(w.goals, func(g goal) bool { return !slices.ContainsFunc(g.rivals, runs) })
		chosen = append(chosen, w)
	}
	return chosen
}

// run lets all sides take turns. Every second round goes backwards, so that
// no side always runs behind the same other.
func (b *bench) run(ctx context.Context) ([]outcome, error) {
	var outcomes []outcome
	for _, w := range b.workloads() {
		o := outcome{workload: w, sides: make([]sideOutcome, len(w.sides))}
		for i, s := range w.sides {
			o.sides[i].side = s
		}
		fmt.Fprint(b.progress, w.title)
		for round := range b.rounds {
			for i := range o.sides {
				if round%2 == 1 {
					i = len(o.sides) - 1 - i
				}
				if err := b.measure(ctx, &o.sides[i]); err != nil {
					fmt.Fprintln(b.progress)
					return nil, fmt.Errorf("%s: %s: %w", w.title, o.sides[i].side.name, err)
				}
			}
			fmt.Fprint(b.progress, ".")
		}
		fmt.Fprintln(b.progress)
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// measure runs a side once, in a process of its own.
func (b *bench) measure(ctx context.Context, s *sideOutcome) error {
	argv, err := b.argv(s.side)
	if err != nil {
		return err
	}
	var stdout, stderr bytes.Buffer
	cmd := b.command(ctx, argv...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, tail(stderr.Bytes()))
	}
	var m measurement
	if err := json.Unmarshal(stdout.Bytes(), &m); err != nil {
		return fmt.Errorf("%s: its report %q: %w", strings.Join(argv, " "), tail(stdout.Bytes()), err)
	}
	if m.Operations <= 0 || m.CPU <= 0 {
		return fmt.Errorf("%s: it reports %d operations in %g s", strings.Join(argv, " "), m.Operations, m.CPU)
	}
	if s.wrong == nil {
		s.wrong = m.check(s.side.want)
	}
	s.runs = append(s.runs, m)
	s.process = append(s.process, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	return nil
}

// argv replaces the name of a program by how to start it.
func (b *bench) argv(s side) ([]string, error) {
	script := filepath.Join(b.dir, "peers", "simpy", "queueing.py")
	switch s.argv[0] {
	case "self":
		self, err := os.Executable()
		return append([]string{self, "child"}, s.argv[1:]...), err
	case "cpython":
		return append([]string{python(), script}, s.argv[1:]...), nil
	case "pypy":
		return append([]string{"pypy3", script}, s.argv[1:]...), nil
	}
	return append([]string{b.binary(s.argv[0])}, s.argv[1:]...), nil
}
