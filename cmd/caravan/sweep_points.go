package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"caravan/results"
	"caravan/results/store"
	"caravan/runner/sweep"
	"caravan/scenarios"
	"caravan/workloads/placement"
)

// The outcomes of a point.
const (
	outcomePlaced     = "placed"
	outcomeInfeasible = "infeasible"
)

// An executor runs the points of a store, the way caravan run does. It is safe
// for concurrent use.
type executor struct {
	store *store.Store
	// worker names this process in the store.
	worker string
	// inner is how many replications of a point run at the same time.
	inner int
	// runs is a folder to save whole runs in, histograms of every replication included;
	// empty saves none.
	runs string

	mu        sync.Mutex
	scenarios map[string]store.Scenario
}

func newExecutor(s *store.Store, worker string, inner int) *executor {
	return &executor{store: s, worker: worker, inner: max(inner, 1), scenarios: map[string]store.Scenario{}}
}

// run runs the point of a lease; a point that was completed before is done.
func (e *executor) run(ctx context.Context, lease sweep.Lease) error {
	_, err := e.execute(ctx, lease.Hash())
	return err
}

// execute runs a point and stores what came of it. fresh is false when the
// point was completed before.
func (e *executor) execute(ctx context.Context, hash string) (fresh bool, err error) {
	start := time.Now()
	point, err := e.store.Start(ctx, hash, e.worker, start)
	if errors.Is(err, store.ErrCompleted) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	run, outcome, err := e.simulate(ctx, point)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	artefact := ""
	if err == nil && e.runs != "" {
		artefact = filepath.Join(e.runs, hash+".json")
		err = results.Save(artefact, run)
	}
	took := time.Since(start)
	if err != nil {
		return false, errors.Join(err, e.store.Fail(ctx, hash, e.worker, err.Error(), time.Now(), took))
	}
	err = e.store.Complete(ctx, store.Completion{
		Hash: hash, Worker: e.worker, Version: buildVersion(), Finished: time.Now(), Took: took, Outcome: outcome,
		Artefact: artefact, Run: run,
	})
	if errors.Is(err, store.ErrCompleted) {
		return false, nil
	}
	return err == nil, err
}

// simulate solves and simulates a point.
func (e *executor) simulate(ctx context.Context, point store.Point) (*results.Run, string, error) {
	s, err := e.scenario(ctx, point)
	if err != nil {
		return nil, "", err
	}
	ask := asked{solver: point.Solver, terse: true}
	if point.Warm != "" {
		if ask.incumbent, err = e.incumbent(ctx, s, point.Warm); err != nil {
			return nil, "", err
		}
	}
	p, err := solve(ctx, s, ask)
	if err != nil {
		return nil, "", err
	}
	if !p.placed() {
		return record(p, nil), outcomeInfeasible, nil
	}
	if err := p.findWarmUp(ctx); err != nil {
		return nil, "", err
	}
	quiet := &app{stderr: io.Discard}
	reps, missed, err := quiet.replicate(ctx, p, e.inner)
	if err != nil {
		return nil, "", err
	}
	r := record(p, reps)
	if missed {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the precision of %v was not reached in %d replications",
			percentText(p.scenario.Simulate.Precision), len(reps)))
	}
	return r, outcomePlaced, nil
}

// scenario is the point's own.
func (e *executor) scenario(ctx context.Context, point store.Point) (*scenarios.Scenario, error) {
	base, err := e.base(ctx, point.Scenario)
	if err != nil {
		return nil, err
	}
	s, err := scenarios.Load(base.Name, base.Text, scenarios.Options{
		Set: point.Settings, Seed: &point.Seed, Files: base.Files, Solvers: solverNames(),
	})
	if err != nil {
		return nil, badInput(err)
	}
	return s, nil
}

// base reads a scenario from the store, once.
func (e *executor) base(ctx context.Context, sha256 string) (store.Scenario, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s, ok := e.scenarios[sha256]; ok {
		return s, nil
	}
	s, err := e.store.Scenario(ctx, sha256)
	if err == nil {
		e.scenarios[sha256] = s
	}
	return s, err
}

// incumbent is the placement that another point found, for the scenario of
// this one.
func (e *executor) incumbent(ctx context.Context, s *scenarios.Scenario, hash string) (*placement.Placement, error) {
	r, err := e.store.Run(ctx, hash)
	if err != nil {
		return nil, fmt.Errorf("warm start: %w", err)
	}
	p, err := placementOf(s, r.Placement)
	if err != nil {
		return nil, fmt.Errorf("warm start from point %s: %w", hash, err)
	}
	return &p, nil
}
