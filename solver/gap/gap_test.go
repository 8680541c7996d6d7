package gap_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/solver/gap"
	"caravan/workloads/instances"
)

// cheapest tries every assignment; math.MaxInt64 when none fits.
func cheapest(g *instances.GAP) int64 {
	best := int64(math.MaxInt64)
	agent := make([]int, g.Jobs())
	for {
		if cost, ok := g.Evaluate(agent); ok {
			best = min(best, cost)
		}
		j := 0
		for ; j < len(agent); j++ {
			if agent[j]++; agent[j] < g.Agents() {
				break
			}
			agent[j] = 0
		}
		if j == len(agent) {
			return best
		}
	}
}

func draw(t *rapid.T) *instances.GAP {
	m, n := rapid.IntRange(1, 4).Draw(t, "agents"), rapid.IntRange(1, 6).Draw(t, "jobs")
	unit := rapid.SampledFrom([]int64{1, 7, 100_003}).Draw(t, "unit") // the last needs grains
	low := rapid.SampledFrom([]int64{-20, 0, 90}).Draw(t, "low")
	g := &instances.GAP{Name: "drawn"}
	for range m {
		cost, weight := make([]int64, n), make([]int64, n)
		for j := range n {
			cost[j] = low + rapid.Int64Range(0, 25).Draw(t, "cost")
			weight[j] = unit*rapid.Int64Range(0, 12).Draw(t, "weight") + rapid.Int64Range(0, 1).Draw(t, "odd")
		}
		g.Cost, g.Weight = append(g.Cost, cost), append(g.Weight, weight)
		g.Capacity = append(g.Capacity, unit*rapid.Int64Range(0, 30).Draw(t, "capacity"))
	}
	return g
}

func TestOptimumAgainstAllAssignments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := draw(t)
		r := gap.Solve(context.Background(), g, gap.Options{})
		if want := cheapest(g); r.Cost != want || !r.Proved || r.Bound != want {
			t.Fatalf("cost %d, bound %d, proved %v; the optimum is %d", r.Cost, r.Bound, r.Proved, want)
		}
		if cost, ok := g.Evaluate(r.Agent); r.Agent != nil && (!ok || cost != r.Cost) {
			t.Fatalf("%v costs %d, fits %v", r.Agent, cost, ok)
		}
	})
}

func TestPublishedOptima(t *testing.T) {
	// The maxima are those of the OR-Library, the minima as in NOTICE.md.
	for _, c := range []struct {
		file      string
		low, high int64
	}{
		{"gap1-0", 261, 336}, {"gap6-0", 525, 761}, {"c05100", 1931, 0}, {"e05100", 12681, 0},
	} {
		t.Run(c.file, func(t *testing.T) {
			f, err := os.Open(filepath.Join("testdata", c.file))
			require.NoError(t, err)
			defer func() { require.NoError(t, f.Close()) }()
			g, err := instances.ReadGAP(f, c.file)
			require.NoError(t, err)
			r := gap.Solve(context.Background(), g, gap.Options{})
			assert.True(t, r.Proved)
			assert.Equal(t, c.low, r.Cost)
			if c.high > 0 {
				r = gap.Solve(context.Background(), g.Negate(), gap.Options{})
				assert.True(t, r.Proved)
				assert.Equal(t, -c.high, r.Cost)
			}
		})
	}
}

// However early a search ends, its bound and its assignment hold, and the same
// steps give the same answer.
func TestStepsBoundTheSearch(t *testing.T) {
	g := instances.GAPFamily{Type: 'd', Agents: 5, Jobs: 40}.Instance(3)
	exact := gap.Solve(context.Background(), g, gap.Options{})
	require.True(t, exact.Proved)
	for _, steps := range []int64{1, 100, 5_000, 50_000} {
		r := gap.Solve(context.Background(), g, gap.Options{MaxSteps: steps})
		assert.LessOrEqual(t, r.Bound, exact.Cost)
		assert.GreaterOrEqual(t, r.Cost, exact.Cost)
		assert.Equal(t, r, gap.Solve(context.Background(), g, gap.Options{MaxSteps: steps}))
	}
}

func TestCancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	g := instances.GAPFamily{Type: 'e', Agents: 10, Jobs: 100}.Instance(1)
	r := gap.Solve(ctx, g, gap.Options{})
	assert.False(t, r.Proved)
	assert.LessOrEqual(t, r.Bound, r.Cost)
}

func TestRenamingAgentsKeepsTheCost(t *testing.T) {
	g := instances.GAPFamily{Type: 'c', Agents: 5, Jobs: 30}.Instance(1)
	swapped := *g
	swapped.Cost, swapped.Weight, swapped.Capacity = nil, nil, nil
	for i := g.Agents() - 1; i >= 0; i-- {
		swapped.Cost = append(swapped.Cost, g.Cost[i])
		swapped.Weight = append(swapped.Weight, g.Weight[i])
		swapped.Capacity = append(swapped.Capacity, g.Capacity[i])
	}
	a, b := gap.Solve(context.Background(), g, gap.Options{}), gap.Solve(context.Background(), &swapped, gap.Options{})
	require.True(t, a.Proved && b.Proved)
	assert.Equal(t, a.Cost, b.Cost)
}

func BenchmarkSolve(b *testing.B) {
	for _, f := range []instances.GAPFamily{
		{Type: 'c', Agents: 10, Jobs: 100}, {Type: 'd', Agents: 5, Jobs: 100}, {Type: 'e', Agents: 10, Jobs: 100},
		{Type: 'c', Agents: 40, Jobs: 400}, {Type: 'd', Agents: 40, Jobs: 400}, {Type: 'e', Agents: 40, Jobs: 400},
	} {
		g := f.Instance(1)
		b.Run(g.Name, func(b *testing.B) {
			var r gap.Result
			for b.Loop() {
				r = gap.Solve(context.Background(), g, gap.Options{})
			}
			b.ReportMetric(100*float64(r.Cost-r.Bound)/float64(r.Cost), "gap%")
			b.ReportMetric(float64(r.Steps), "steps/op")
		})
	}
}
