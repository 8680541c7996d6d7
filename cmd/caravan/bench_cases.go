package main

import (
	"context"
	"math"
	"time"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads/instances"
	"caravan/workloads/placement"
)

// benchCases is every instance: those drawn and shipped, and those found in a
// directory.
func benchCases(dir string) ([]benchCase, error) {
	shipped, err := dataCases(instances.Shipped())
	if err != nil {
		return nil, err
	}
	found, err := dirCases(dir)
	if err != nil {
		return nil, err
	}
	var out []benchCase
	seen := map[string]bool{}
	for _, c := range append(append(pipelineCases(), found...), shipped...) {
		if !seen[c.Name] {
			out = append(out, c)
			seen[c.Name] = true
		}
	}
	return out, nil
}

// pipelineCases are problems of many chains: ten seeds of each family.
func pipelineCases() []benchCase {
	var out []benchCase
	for _, f := range []instances.PipelineFamily{
		{Pipelines: 5, Operators: 5, Nodes: 10, Tightness: 1},
		{Pipelines: 5, Operators: 5, Nodes: 10, Tightness: 0.6},
		{Pipelines: 10, Operators: 5, Nodes: 15, Tightness: 1},
		{Pipelines: 20, Operators: 6, Nodes: 30, Tightness: 2},
		{Pipelines: 20, Operators: 6, Nodes: 30, Tightness: 1},
		{Pipelines: 50, Operators: 8, Nodes: 60, Tightness: 2},
		{Pipelines: 2000, Operators: 6, Nodes: 1000, Tightness: 2},
	} {
		for seed := range int64(10) {
			problem := func() (*solver.Problem, error) {
				t, w, err := f.Instance(seed + 1)
				return &solver.Problem{Topology: t, Workload: w, Model: placement.Model{Network: placement.Fixed, Routing: topology.RouteDirect}}, err
			}
			out = append(out, benchCase{
				Name: "pipelines/" + f.Name(seed+1), Unit: "s", Known: math.NaN(), Solvers: []string{"ilp", "highs", "search"}, problem: problem,
				Run: func(ctx context.Context, name string, limit time.Duration) (benchAnswer, error) {
					p, err := problem()
					if err != nil {
						return benchAnswer{}, err
					}
					return solveCase(ctx, name, limit, p)
				},
			})
		}
	}
	return out
}

// solveCase gives a placement problem to a solver of the catalogue.
func solveCase(ctx context.Context, name string, limit time.Duration, p *solver.Problem) (benchAnswer, error) {
	s, err := newSolver(name, limit)
	if err != nil {
		return benchAnswer{}, err
	}
	sol, err := solver.Solve(ctx, s, p)
	if err != nil {
		return benchAnswer{}, err
	}
	return benchAnswer{Status: string(sol.Status), Cost: sol.Cost, Bound: sol.Bound, Steps: sol.Steps}, nil
}
