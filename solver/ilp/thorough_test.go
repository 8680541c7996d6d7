//go:build thorough

package ilp_test

import (
	"testing"

	"caravan/solver/solvertest"
)

func TestThousandsOfGraphs(t *testing.T) { solvertest.Proved(t, newILP(), graphs, 3000) }

func TestThousandsOfRemainders(t *testing.T) {
	solvertest.LeavesOut(t, newILP(), solvertest.Crowded, 3000)
}

func TestThousandsOfSpreads(t *testing.T) {
	solvertest.Proved(t, newILP(), solvertest.Together, 3000)
}

func TestThousandsOfJobsKeptApart(t *testing.T) {
	solvertest.LeavesOut(t, newILP(), apart, 3000)
}
