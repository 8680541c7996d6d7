package search_test

import (
	"testing"

	"caravan/solver"
	"caravan/solver/search"
	"caravan/solver/solvertest"
)

func newSearch() solver.Solver { return search.Solver{} }

func TestContract(t *testing.T) {
	t.Run("one chain", func(t *testing.T) {
		solvertest.Test(t, newSearch, solvertest.Options{Instances: 150})
	})
	t.Run("several items", func(t *testing.T) {
		solvertest.Test(t, newSearch, solvertest.Options{Several: true, Instances: 150})
	})
}
