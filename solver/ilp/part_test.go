package ilp

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads/instances"
	"caravan/workloads/placement"
)

// What a part finds when it is settled costs what the whole search finds when
// all other pipelines are pinned where they are.
func TestAPartIsPlacedBestBesideTheOthers(t *testing.T) {
	settled, improved := 0, 0
	for seed := range int64(12) {
		f := instances.PipelineFamily{Pipelines: 6, Operators: 3, Nodes: 8, Tightness: 1}
		top, w, err := f.Instance(seed)
		require.NoError(t, err)
		p := &solver.Problem{Topology: top, Workload: w, Model: placement.Model{Network: placement.Fixed, Routing: topology.RouteDirect}}
		m, _, err := compile(p, nil)
		require.NoError(t, err)
		tr := Solver{}.tree(m)
		tr.rng = rand.New(rand.NewPCG(uint64(seed), 1))
		l := newLocal(m, tr.rng)
		l.start(nil)
		paths, cost := l.anneal(t.Context(), 300)
		if paths == nil {
			continue
		}
		tr.better(paths, cost)
		tr.permitted = slices.Clone(tr.p.permit)
		chosen := tr.part(3)
		for i := range w.Pipelines {
			if !slices.Contains(chosen, i) {
				for j := range w.Pipelines[i].Operators {
					w.Pipelines[i].Operators[j].Node = topology.NodeID(tr.best[i][j])
				}
			}
		}
		better, done := tr.reconsider(t.Context(), chosen)
		assert.Equal(t, tr.cost < cost, better)
		if !done {
			continue
		}
		settled++
		if better {
			improved++
		}
		sol, err := solver.Solve(context.Background(), Solver{}, p)
		require.NoError(t, err)
		require.Equal(t, solver.Optimal, sol.Status)
		assert.InDelta(t, sol.Cost, tr.cost*m.scale, 1e-9*sol.Cost, "seed %d", seed)
	}
	assert.Greater(t, settled, 5)
	assert.Positive(t, improved)
}
