package main

import (
	"context"
	"fmt"
	"time"

	"caravan/runner"
	"caravan/solver"
	"caravan/solver/binpack"
	"caravan/solver/bins"
	"caravan/solver/chaincut"
	"caravan/solver/ilp"
	"caravan/solver/local"
	"caravan/solver/milp"
	"caravan/solver/preempt"
	"caravan/solver/search"
	"caravan/topology"
	"caravan/workloads"
)

// A solverRow is one exact configuration of an algorithm: its name in a
// results file says what ran.
type solverRow struct {
	name string
	what string // one line for people
	// make builds the solver; the limit is for engines that cannot be
	// interrupted, 0 for none.
	make func(limit time.Duration) (solver.Solver, error)
}

// always wraps a solver that every build has.
func always(s solver.Solver) func(time.Duration) (solver.Solver, error) {
	return func(time.Duration) (solver.Solver, error) { return s, nil }
}

// solverRows is every solver that exists.
func solverRows() []solverRow {
	rows := []solverRow{
		{"chaincut", "exact least latency of one pipeline at a time, by dynamic programming over its chain",
			always(chaincut.Solver{})},
		{"binpack", "fewest nodes: best fit by HashiCorp's and Google's BestFit-v3 score",
			always(binpack.Solver{})},
		{"binpack-spread", "most even load: the same score turned around (worst fit)",
			always(binpack.Solver{Spread: true})},
		{"chaincut-contiguous", "highest throughput of one chain cut into stretches of operators, each on a node of its own",
			always(chaincut.Solver{Contiguous: true})},
		{"berkeley-upstream", "Berkeley's own recursion, which is not optimal under its contention: to reproduce its numbers",
			always(chaincut.Upstream{})},
		{"bins", "fewest nodes, exactly where nodes are alike: how many does the workload need?",
			always(bins.Solver{})},
		{"ilp", "exact least latency of many pipelines and jobs together, by branch and price; of what does not all fit the highest priorities",
			always(ilp.Solver{})},
		{"search", "least latency of thousands of chains, by priced neighbourhood search, with a Lagrangian bound",
			always(search.Solver{})},
		{"local", "any objective, by simulated annealing; proves nothing",
			always(local.Solver{})},
		{"queueing", "least latency at the given rates with the waiting counted, by simulated annealing",
			always(local.Solver{Objective: solver.QueueingLatency})},
		{"nomad", "jobs as HashiCorp's scheduler places them, with all that they ask; system jobs may evict others",
			always(schedulerOf(binpack.DefaultPreemption()...))},
		{"nomad-spread", "the same under the spread algorithm",
			always(binpack.Scheduler{Config: binpack.Config{Spread: true, Preempts: binpack.DefaultPreemption(), Evictor: preempt.Greedy{}}})},
		{"nomad-preempt", "the same where jobs of every type may evict others",
			always(schedulerOf(workloads.Service, workloads.Batch, workloads.System, workloads.SysBatch))},
		{"preempt", "nomad without evictions, then the node where HashiCorp's greedy evictions disturb least",
			always(preempt.Solver{Base: binpack.Scheduler{}, Evictor: preempt.Greedy{}})},
		{"preempt-exact", "the same with the least disruption that makes room for a group, by branch and bound and over all nodes",
			always(preempt.Solver{Base: binpack.Scheduler{}, Evictor: preempt.Exact{}, Joint: true})},
		{"highs", "the same problem as one flow model for the generic engine HiGHS (a build tag)",
			func(limit time.Duration) (solver.Solver, error) {
				engine, err := milp.NewHiGHS(limit)
				return milp.Solver{Engine: engine}, err
			}},
		{"lpsolve", "the same flow model for the generic engine lp_solve (a build tag)",
			func(limit time.Duration) (solver.Solver, error) {
				engine, err := milp.NewLPSolve(limit)
				return milp.Solver{Engine: engine}, err
			}},
	}
	return append(rows, policySolvers()...)
}

// schedulerOf is HashiCorp's scheduler where these job types may evict others.
func schedulerOf(types ...workloads.JobType) binpack.Scheduler {
	return binpack.Scheduler{Config: binpack.Config{Preempts: types, Evictor: preempt.Greedy{}}}
}

// policySolvers are the classical packing policies on real nodes, each a row
// called binpack-POLICY; HashiCorp's is the row binpack.
func policySolvers() []solverRow {
	var out []solverRow
	for _, name := range binpack.Policies() {
		policy := binpack.Policy(name)
		if policy != binpack.HashiCorp {
			out = append(out, solverRow{"binpack-" + name, "packing by " + name + ", for comparison", always(binpack.Solver{Policy: policy})})
		}
	}
	return out
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
func newSolver(name string, limit time.Duration) (solver.Solver, error) {
	for _, r := range solverRows() {
		if r.name == name {
			s, err := r.make(limit)
			if err != nil {
				return nil, badInput(fmt.Errorf("solver %q: %w", name, err))
			}
			return s, nil
		}
	}
	return nil, badInput(notOneOf(name, solverNames()))
}

// A backendRow is one kind of cluster.
type backendRow struct {
	name string
	what string // one line for people
	make func(ctx context.Context, a *app, f *clusterFlags, nodes []topology.Node) (runner.Backend, error)
}

// backendRows is every kind of cluster that exists.
func backendRows() []backendRow {
	return []backendRow{
		{"local", "processes of this machine, with emulated nodes and links; nothing to set up", newLocal},
		{"nomad", "the HashiCorp Nomad cluster that NOMAD_ADDR names", newNomad},
		{"kubernetes", "the Kubernetes cluster that kubectl would use, with --image", newKubernetes},
	}
}

// backendNames lists the rows' names, in the order of the catalogue.
func backendNames() []string {
	var names []string
	for _, r := range backendRows() {
		names = append(names, r.name)
	}
	return names
}
