//go:build thorough

package ilp_test

import (
	"testing"

	"caravan/solver/solvertest"
)

func TestThousandsOfGraphs(t *testing.T) { solvertest.Proved(t, newILP(), graphs, 3000) }
