package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"caravan/scenarios"
)

// scenarioFlags are the flags that change a scenario as it is read, shared by
// every command that reads one.
type scenarioFlags struct {
	set  []string
	seed uint64
	cmd  *cobra.Command
}

func (f *scenarioFlags) register(cmd *cobra.Command) {
	f.cmd = cmd
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "override one field, as `path=value` (repeatable), such as simulate.duration=5m")
	cmd.Flags().Uint64Var(&f.seed, "seed", 0, "random seed, instead of the scenario's")
	cmd.ValidArgsFunction = completeScenario
}

// completeScenario offers the shipped names beside files.
func completeScenario(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return scenarios.Shipped(), cobra.ShellCompDirectiveDefault
}

// load reads the scenario that arg names, with the overrides of the flags and
// then those of extra, which the command's other flags stand for.
func (f *scenarioFlags) load(a *app, arg string, extra ...string) (*scenarios.Scenario, error) {
	name, dir, data, err := a.source(arg)
	if err != nil {
		return nil, err
	}
	o := scenarios.Options{Set: append(append([]string{}, f.set...), extra...), Dir: dir, Solvers: solverNames()}
	if f.cmd.Flags().Changed("seed") {
		o.Seed = &f.seed
	}
	s, err := scenarios.Load(name, data, o)
	if err != nil {
		return nil, badInput(err)
	}
	return s, nil
}

// source finds the text of a scenario: standard input for "-", a shipped name,
// or a path. dir is where files that it names are looked for.
func (a *app) source(arg string) (name, dir string, data []byte, err error) {
	switch {
	case arg == "-":
		if a.stdinText == nil { // once, however many solvers ask
			a.stdinText, err = io.ReadAll(a.stdin)
		}
		return "stdin", ".", a.stdinText, err
	case contains(scenarios.Shipped(), arg):
		data, err = scenarios.Open(arg)
		return arg, "", data, err
	}
	data, err = os.ReadFile(arg)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil, badInput(noSuchScenario(arg))
	}
	if err != nil {
		return "", "", nil, badInput(err)
	}
	return arg, filepath.Dir(arg), data, nil
}

// noSuchScenario says what a scenario argument can be.
func noSuchScenario(arg string) error {
	if strings.ContainsAny(arg, `/\`) || strings.Contains(arg, ".") {
		return fmt.Errorf("no file %q; allowed: a path, - for standard input, or a shipped name (caravan scenarios lists them)", arg)
	}
	return fmt.Errorf("scenario: %w, or a path, or - for standard input", notOneOf(arg, scenarios.Shipped()))
}
