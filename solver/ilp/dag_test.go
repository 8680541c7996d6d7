package ilp_test

import (
	"testing"

	"caravan/solver"
	"caravan/solver/solvertest"
)

func graphs(seed uint64) *solver.Problem { return solvertest.Graphs(seed, seed%2 == 0) }

func TestGraphs(t *testing.T) { solvertest.Proved(t, newILP(), graphs, 60) }
