// Package solvertest is what every solver must pass: its placements run, its
// answers repeat, it leaves the problem alone, stops when told to, and never
// claims to beat what trying everything finds.
package solvertest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// Options say what to expect of a solver.
type Options struct {
	// Exact solvers find the optimum of every problem of one chain.
	Exact bool
	// Proves solvers find and prove the optimum of every problem, or that
	// there is none.
	Proves bool
	// Jobs puts group instances into the problems.
	Jobs bool
	// Several puts two chains and now and then a job into the problems, which
	// compete for nodes too small for all of them.
	Several bool
	// Instances is how many random problems to try; 0 is 1500.
	Instances int

	random func(seed uint64) *solver.Problem
}

// Test runs the contract on a solver.
func Test(t *testing.T, make func() solver.Solver, o Options) {
	t.Helper()
	if o.Instances == 0 {
		o.Instances = 1500
	}
	if o.Several {
		o.random = several
	} else {
		o.random = func(seed uint64) *solver.Problem { return Random(seed, o.Jobs) }
	}
	t.Run("random problems", func(t *testing.T) { testRandom(t, make, o) })
	t.Run("a cancelled context is obeyed", func(t *testing.T) { testCancelled(t, make, o) })
	t.Run("renaming nodes keeps the cost", func(t *testing.T) { testRenamed(t, make, o) })
	t.Run("other units keep the cost", func(t *testing.T) { testScaled(t, make, o) })
	t.Run("an unreachable node changes nothing", func(t *testing.T) { testUnreachable(t, make, o) })
}

// Random is a small random problem, the same for the same seed: up to four
// nodes and one pipeline of up to four operators, or a few jobs.
func Random(seed uint64, jobs bool) *solver.Problem {
	rng := rand.New(rand.NewPCG(seed, 1))
	n := 2 + rng.IntN(3)
	nodes := make([]topology.Node, n)
	for i := range nodes {
		nodes[i] = topology.Node{
			Name: fmt.Sprintf("n%d", i), Cores: 1, Speed: 0.2 + rng.Float64(), Class: []string{"edge", "cloud"}[rng.IntN(2)],
			CPU: topology.MHz(500 + rng.IntN(1500)), Memory: topology.Bytes(1+rng.IntN(4)) * topology.GiB, NoColocate: rng.IntN(6) == 0,
		}
	}
	var links []topology.Link
	for i := range nodes {
		for j := range nodes {
			if i != j && rng.IntN(5) > 0 {
				links = append(links, topology.Link{From: topology.NodeID(i), To: topology.NodeID(j),
					Bandwidth: topology.BytesPerSecond(10 + rng.Float64()*1000), Latency: time.Duration(rng.IntN(300)) * time.Millisecond})
			}
		}
	}
	top, err := topology.New(nodes, links)
	if err != nil {
		panic(err) // a fault of this generator
	}
	p := &solver.Problem{Topology: top, Workload: &workloads.Workload{}, Model: randomModel(rng)}
	if jobs {
		p.Workload.Jobs = randomJobs(rng)
		return p
	}
	p.Workload.Pipelines = []workloads.Pipeline{randomChain(rng, n)}
	return p
}

// several is a small problem whose items compete.
func several(seed uint64) *solver.Problem {
	p := Random(seed, false)
	rng := rand.New(rand.NewPCG(seed, 2))
	n := len(p.Topology.Nodes())
	p.Workload.Pipelines = nil
	for i := range 2 {
		chain := randomChain(rng, n)
		chain.Name = fmt.Sprintf("p%d", i)
		chain.Arrivals.Rate = float64(1 + rng.IntN(2))
		chain.Operators = chain.Operators[:min(len(chain.Operators), 3)]
		for j := range chain.Operators {
			chain.Operators[j].Demand = topology.Resources{CPU: topology.MHz(100 * rng.IntN(10)), Memory: topology.Bytes(rng.IntN(5)) * topology.GiB / 2}
		}
		p.Workload.Pipelines = append(p.Workload.Pipelines, chain)
	}
	if rng.IntN(3) == 0 {
		p.Workload.Jobs = randomJobs(rng)[:1]
	}
	return p
}

// Graphs is a small random problem of one DAG, or of a DAG and a chain that
// compete, and now and then a job.
func Graphs(seed uint64, many bool) *solver.Problem {
	p := Random(seed, false)
	if many {
		p = several(seed)
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	ops := p.Workload.Pipelines[0].Operators
	for j := range ops {
		ops[j].After = nil
		for a := range j {
			if rng.IntN(3) > 0 {
				ops[j].After = append(ops[j].After, a)
			}
		}
	}
	if _, err := p.Workload.Pipelines[0].Pins(); err != nil {
		p.Workload.Pipelines[0].Sink = topology.None
	}
	return p
}

func randomModel(rng *rand.Rand) placement.Model {
	m := placement.Model{
		Network: []placement.Network{placement.FIFO, placement.Fixed, placement.Fair}[rng.IntN(3)],
		Routing: []topology.Routing{topology.RouteLatency, topology.RouteHops, topology.RouteDirect}[rng.IntN(3)],
	}
	if rng.IntN(2) == 0 {
		m.Contention = placement.Berkeley
	}
	return m
}

func randomChain(rng *rand.Rand, n int) workloads.Pipeline {
	pin := func() topology.NodeID {
		if rng.IntN(2) == 0 {
			return topology.None
		}
		return topology.NodeID(rng.IntN(n))
	}
	pl := workloads.Pipeline{Name: "p", Priority: 50, Source: pin(), Sink: pin(), Arrivals: workloads.Arrivals{Kind: workloads.Poisson, Rate: 1}}
	for j := range 2 + rng.IntN(3) {
		o := workloads.Operator{
			Name: fmt.Sprintf("op%d", j), Work: workloads.Const(rng.Float64() * 5), Output: workloads.Const(float64(rng.IntN(200))), Node: topology.None,
		}
		if rng.IntN(3) == 0 {
			o.Demand = topology.Resources{CPU: topology.MHz(rng.IntN(900)), Memory: topology.Bytes(rng.IntN(3)) * topology.GiB}
		}
		if rng.IntN(6) == 0 {
			o.Constraints = []workloads.Constraint{{Attribute: "class", Operator: "=", Values: []string{"edge"}}}
		}
		if j > 0 {
			o.After = []int{j - 1}
		}
		pl.Operators = append(pl.Operators, o)
	}
	return pl
}

func randomJobs(rng *rand.Rand) []workloads.Job {
	var jobs []workloads.Job
	for j := range 1 + rng.IntN(3) {
		jobs = append(jobs, workloads.Job{Name: fmt.Sprintf("j%d", j), Type: workloads.Service, Priority: 50, Groups: []workloads.Group{{
			Name: "g", Count: 1 + rng.IntN(2),
			Demand: topology.Resources{CPU: topology.MHz(100 + rng.IntN(800)), Memory: topology.Bytes(rng.IntN(3)) * topology.GiB / 2},
		}}})
	}
	return jobs
}

// Best is the least cost of all placements of the whole workload, by trying
// every one; ok is false when none can run.
func Best(p *solver.Problem) (cost float64, ok bool) {
	pl := placement.Unplaced(p.Workload)
	var slots []*topology.NodeID
	for i := range pl.Pipelines {
		for j := range pl.Pipelines[i] {
			slots = append(slots, &pl.Pipelines[i][j])
		}
	}
	for i := range pl.Jobs {
		for g := range pl.Jobs[i] {
			for k := range pl.Jobs[i][g] {
				slots = append(slots, &pl.Jobs[i][g][k])
			}
		}
	}
	best := math.Inf(1)
	var try func(s int)
	try = func(s int) {
		if s == len(slots) {
			if placement.Check(p.Topology, p.Workload, pl) != nil {
				return
			}
			if c, _, err := solver.Cost(p, pl); err == nil {
				best = min(best, c)
			}
			return
		}
		for n := range p.Topology.Nodes() {
			*slots[s] = topology.NodeID(n)
			try(s + 1)
		}
	}
	try(0)
	return best, !math.IsInf(best, 1)
}

// Proved checks on so many problems that a solver finds and proves what trying
// everything finds, or that there is nothing.
func Proved(t *testing.T, s solver.Solver, problem func(seed uint64) *solver.Problem, instances int) {
	t.Helper()
	placed := 0
	for seed := range uint64(instances) {
		p := problem(seed)
		sol, err := solver.Solve(context.Background(), s, p)
		require.NoError(t, err, "seed %d", seed)
		best, ok := Best(p)
		if !ok {
			require.Equal(t, solver.Infeasible, sol.Status, "seed %d", seed)
			continue
		}
		placed++
		require.Equal(t, solver.Optimal, sol.Status, "seed %d: %s", seed, sol.Reason)
		require.InDelta(t, best, sol.Cost, 1e-9, "seed %d", seed)
	}
	assert.Greater(t, placed, instances/10, "too few of the problems have an answer to test anything")
}

func testRandom(t *testing.T, make func() solver.Solver, o Options) {
	placed := 0
	for seed := range uint64(o.Instances) {
		p := o.random(seed)
		untouched := o.random(seed)
		sol, err := solver.Solve(context.Background(), make(), p)
		require.NoError(t, err, "seed %d", seed)
		again, err := solver.Solve(context.Background(), make(), p)
		require.NoError(t, err, "seed %d", seed)
		require.True(t, same(sol, again), "seed %d: two calls disagree", seed)
		require.True(t, reflect.DeepEqual(p.Workload, untouched.Workload) && reflect.DeepEqual(p.Topology.Nodes(), untouched.Topology.Nodes()),
			"seed %d: the problem was modified", seed)
		best, ok := Best(p)
		switch sol.Status {
		case solver.Optimal, solver.Feasible:
			placed++
			require.True(t, ok, "seed %d: placed what trying everything cannot", seed)
			require.GreaterOrEqual(t, sol.Cost, best-1e-9, "seed %d: better than the best", seed)
			if !math.IsNaN(sol.Bound) {
				require.LessOrEqual(t, sol.Bound, best+1e-9, "seed %d: the bound cuts off the optimum", seed)
			}
			if sol.Status == solver.Optimal {
				require.InDelta(t, best, sol.Cost, 1e-9, "seed %d: not optimal", seed)
			}
		case solver.Infeasible:
			require.False(t, ok, "seed %d: %s, but a placement exists", seed, sol.Reason)
			require.NotEmpty(t, sol.Reason)
		}
		if o.Proves {
			require.Equal(t, ok, sol.Status == solver.Optimal, "seed %d: status %s", seed, sol.Status)
		}
		if o.Exact && noDemands(p) {
			require.Equal(t, ok, sol.Status == solver.Optimal, "seed %d: status %s", seed, sol.Status)
		}
	}
	assert.Greater(t, placed, o.Instances/10, "too few of the problems have an answer to test anything")
}

// noDemands reports whether capacities cannot matter.
func noDemands(p *solver.Problem) bool {
	return !slices.ContainsFunc(p.Workload.Pipelines, func(pl workloads.Pipeline) bool {
		return slices.ContainsFunc(pl.Operators, func(o workloads.Operator) bool { return !reflect.DeepEqual(o.Demand, topology.Resources{}) })
	})
}

// same compares two solutions; an unknown bound equals itself.
func same(a, b solver.Solution) bool {
	for _, s := range []*solver.Solution{&a, &b} {
		if math.IsNaN(s.Bound) {
			s.Bound = -1
		}
		if math.IsNaN(s.Cost) {
			s.Cost = -1
		}
	}
	return reflect.DeepEqual(a, b)
}

func testCancelled(t *testing.T, make func() solver.Solver, o Options) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for seed := range uint64(50) {
		_, err := solver.Solve(ctx, make(), o.random(seed))
		require.NoError(t, err, "seed %d", seed)
	}
}

func testRenamed(t *testing.T, make func() solver.Solver, o Options) {
	for seed := range uint64(100) {
		p := o.random(seed)
		q := *p
		nodes := slices.Clone(p.Topology.Nodes())
		for i := range nodes {
			nodes[i].Name = fmt.Sprintf("z%d", len(nodes)-i)
		}
		links := slices.Clone(p.Topology.Links())
		for i := range links {
			links[i].Name, links[i].Medium = "", 0
		}
		var err error
		q.Topology, err = topology.New(nodes, links)
		require.NoError(t, err)
		a, err := solver.Solve(context.Background(), make(), p)
		require.NoError(t, err)
		b, err := solver.Solve(context.Background(), make(), &q)
		require.NoError(t, err)
		require.Equal(t, a.Status, b.Status, "seed %d", seed)
		require.Equal(t, fmt.Sprint(a.Cost), fmt.Sprint(b.Cost), "seed %d", seed)
	}
}

// testScaled counts bytes in quarters and capacities in halves: nothing that
// the cost is made of changes.
func testScaled(t *testing.T, make func() solver.Solver, o Options) {
	for seed := range uint64(100) {
		p, q := o.random(seed), *o.random(seed)
		nodes := slices.Clone(q.Topology.Nodes())
		for i := range nodes {
			nodes[i].CPU *= 2
			nodes[i].Memory *= 2
		}
		links := slices.Clone(q.Topology.Links())
		for i := range links {
			links[i].Bandwidth *= 4
			links[i].Medium = 0
		}
		var err error
		q.Topology, err = topology.New(nodes, links)
		require.NoError(t, err)
		double := func(d *topology.Resources) { d.CPU, d.Memory = 2*d.CPU, 2*d.Memory }
		for i := range q.Workload.Pipelines {
			ops := q.Workload.Pipelines[i].Operators
			for j := range ops {
				double(&ops[j].Demand)
				ops[j].Output.Mean *= 4
			}
		}
		for i := range q.Workload.Jobs {
			for g := range q.Workload.Jobs[i].Groups {
				double(&q.Workload.Jobs[i].Groups[g].Demand)
			}
		}
		a, err := solver.Solve(context.Background(), make(), p)
		require.NoError(t, err)
		b, err := solver.Solve(context.Background(), make(), &q)
		require.NoError(t, err)
		require.Equal(t, a.Status, b.Status, "seed %d", seed)
		require.Equal(t, fmt.Sprint(a.Cost), fmt.Sprint(b.Cost), "seed %d", seed)
	}
}

func testUnreachable(t *testing.T, make func() solver.Solver, o Options) {
	for seed := range uint64(100) {
		p := o.random(seed)
		q := *p
		links := slices.Clone(p.Topology.Links())
		for i := range links {
			links[i].Medium = 0
		}
		// Too slow to be worth it, too small to hold anything, and unreachable.
		nodes := append(slices.Clone(p.Topology.Nodes()), topology.Node{Name: "island", Cores: 1, Speed: 1e-6, CPU: 1, Memory: 1})
		var err error
		q.Topology, err = topology.New(nodes, links)
		require.NoError(t, err)
		a, err := solver.Solve(context.Background(), make(), p)
		require.NoError(t, err)
		b, err := solver.Solve(context.Background(), make(), &q)
		require.NoError(t, err)
		if a.Status == solver.Optimal {
			require.Equal(t, a.Cost, b.Cost, "seed %d", seed)
		}
	}
}
