package main

import (
	"caravan/solver"
	"caravan/solver/binpack"
	"caravan/solver/chaincut"
)

// A solverRow is one exact configuration of an algorithm: its name in a
// results file says what ran.
type solverRow struct {
	name string
	what string // one line for people
	make func() solver.Solver
}

// solverRows is every solver that exists.
func solverRows() []solverRow {
	return []solverRow{
		{"chaincut", "exact least latency of one pipeline at a time, by dynamic programming over its chain",
			func() solver.Solver { return chaincut.Solver{} }},
		{"binpack", "fewest nodes: best fit by HashiCorp's and Google's BestFit-v3 score",
			func() solver.Solver { return binpack.Solver{} }},
		{"binpack-spread", "most even load: the same score turned around (worst fit)",
			func() solver.Solver { return binpack.Solver{Spread: true} }},
	}
}

// solverNames lists the rows' names, in the order of the catalogue.
func solverNames() []string {
	var names []string
	for _, r := range solverRows() {
		names = append(names, r.name)
	}
	return names
}

// newSolver makes the solver of the row called name.
func newSolver(name string) (solver.Solver, error) {
	for _, r := range solverRows() {
		if r.name == name {
			return r.make(), nil
		}
	}
	return nil, badInput(notOneOf(name, solverNames()))
}
