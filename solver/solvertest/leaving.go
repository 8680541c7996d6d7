package solvertest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads/placement"
)

// Crowded is a small random problem of pipelines and jobs of several
// priorities, seldom all with room.
func Crowded(seed uint64) *solver.Problem {
	p := Graphs(seed, true)
	rng := rand.New(rand.NewPCG(seed, 4))
	priority := func() int { return []int{20, 50, 80}[rng.IntN(3)] }
	for i := range p.Workload.Pipelines {
		w := &p.Workload.Pipelines[i]
		w.Priority = priority()
		for j := range w.Operators {
			w.Operators[j].Demand.CPU += topology.MHz(100 * rng.IntN(8))
		}
	}
	jobs := append(p.Workload.Jobs, randomJobs(rng)...)
	p.Workload.Jobs = jobs[:min(len(jobs), 2)]
	for j := range p.Workload.Jobs {
		p.Workload.Jobs[j].Name, p.Workload.Jobs[j].Priority = fmt.Sprintf("j%d", j), priority()
	}
	return p
}

// A Remainder is what a placement leaves out, by falling priority, and the
// weighted sum of the latencies of what it places.
type Remainder struct {
	Out []int
	Sum float64
}

func (r Remainder) compare(o Remainder) int {
	return cmp.Or(slices.Compare(r.Out, o.Out), cmp.Compare(r.Sum, o.Sum))
}

// RemainderOf is that of a placement under the objective latency.
func RemainderOf(p *solver.Problem, pl placement.Placement) (Remainder, error) {
	classes := map[int]int{}
	for i, nodes := range pl.Pipelines {
		classes[p.Workload.Pipelines[i].Priority] += count(nodes[:1])
	}
	for j, groups := range pl.Jobs {
		classes[p.Workload.Jobs[j].Priority] += count(slices.Concat(groups...))
	}
	priorities := []int{}
	for c := range classes {
		priorities = append(priorities, c)
	}
	slices.Sort(priorities)
	slices.Reverse(priorities)
	var r Remainder
	for _, c := range priorities {
		r.Out = append(r.Out, classes[c])
	}
	cost, _, err := solver.Cost(p, pl)
	var all, placed float64
	for i, w := range solver.Weights(p.Workload) {
		all += w
		if pl.Pipelines[i][0] != topology.None {
			placed += w
		}
	}
	if placed > 0 {
		r.Sum = cost * placed / all
	}
	return r, err
}

func count(nodes []topology.NodeID) int {
	out := 0
	for _, n := range nodes {
		if n == topology.None {
			out++
		}
	}
	return out
}

// BestRemainder tries every placement, of everything or of a part.
func BestRemainder(p *solver.Problem) Remainder {
	best := Remainder{Out: []int{math.MaxInt}}
	pl := placement.Unplaced(p.Workload)
	var whole [][]*topology.NodeID // items by their slots
	for i := range pl.Pipelines {
		var slots []*topology.NodeID
		for j := range pl.Pipelines[i] {
			slots = append(slots, &pl.Pipelines[i][j])
		}
		whole = append(whole, slots)
	}
	for _, groups := range pl.Jobs {
		for _, group := range groups {
			for k := range group {
				whole = append(whole, []*topology.NodeID{&group[k]})
			}
		}
	}
	var try func(item, slot int)
	try = func(item, slot int) {
		switch {
		case item == len(whole):
			if r, err := RemainderOf(p, pl); err == nil && r.compare(best) < 0 {
				best = r
			}
			return
		case slot == len(whole[item]):
			if placement.Check(p.Topology, p.Workload, pl) == nil {
				try(item+1, 0)
			}
			return
		case slot == 0:
			for _, s := range whole[item] {
				*s = topology.None
			}
			try(item+1, 0)
		}
		for n := range p.Topology.Nodes() {
			*whole[item][slot] = topology.NodeID(n)
			try(item, slot+1)
		}
		*whole[item][slot] = topology.None
	}
	try(0, 0)
	return best
}

// LeavesOut checks on so many problems that a solver leaves out what trying
// everything leaves out, and places the rest as well.
func LeavesOut(t *testing.T, s solver.Solver, problem func(seed uint64) *solver.Problem, instances int) {
	t.Helper()
	partial := 0
	for seed := range uint64(instances) {
		p := problem(seed)
		sol, err := solver.Solve(context.Background(), s, p)
		require.NoError(t, err, "seed %d", seed)
		got, err := RemainderOf(p, sol.Placement)
		require.NoError(t, err, "seed %d", seed)
		want := BestRemainder(p)
		require.Equal(t, want.Out, got.Out, "seed %d", seed)
		require.InDelta(t, want.Sum, got.Sum, 1e-9, "seed %d", seed)
		if len(sol.Unplaced) > 0 {
			partial++
			require.Equal(t, solver.Infeasible, sol.Status, "seed %d", seed)
			if !math.IsNaN(sol.Cost) {
				require.InDelta(t, sol.Cost, sol.Bound, 1e-6*sol.Cost, "seed %d", seed)
			}
		} else {
			require.Equal(t, solver.Optimal, sol.Status, "seed %d", seed)
		}
	}
	assert.Greater(t, partial, instances/10, "too few of the problems leave anything out")
}
