package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"caravan/results/criteria"
	"caravan/results/store"
	"caravan/runner/sweep"
	"caravan/scenarios"
)

// What a search makes of a point.
const (
	verdictStable   = "stable"
	verdictUnstable = "unstable"
	verdictFailed   = "failed"
)

// A found is a point of a search.
type found struct {
	scenarios.SweepPoint
	member  store.Member
	verdict string
}

// key is the same for two points that are one, wherever they came from.
func (f *found) key() string {
	return fmt.Sprint(f.Solver, " ", f.Seed, " ", string(f.member.Parameters))
}

// search runs the start points and, wave by wave, the neighbours of the stable
// ones. A wave is over when all of its points are settled, so that the points
// visited, their order and their parents are the same for any number of
// workers: the parent of a point is its first stable neighbour in the wave
// before.
func (d *drive) search(ctx context.Context, drain <-chan struct{}) error {
	criterion, err := criteria.Compile(d.sweep.Search.Stable)
	if err != nil {
		return badInput(err)
	}
	bar := newSweepProgress(d.stderr, d.sweep.Name, 0, 0)
	defer bar.stop()
	seen := map[string]bool{}
	var position int64
	wave := d.startPoints(seen)
	for len(wave) > 0 && !isClosed(drain) {
		if left := int64(d.sweep.Search.Limit) - position; int64(len(wave)) > left {
			wave, d.limited = wave[:left], true
		}
		for _, p := range wave {
			p.member.Position = position
			position++
		}
		if err := d.runWave(ctx, drain, wave, bar); err != nil || isClosed(drain) {
			return err
		}
		if err := d.judge(ctx, criterion, wave); err != nil || d.limited {
			return err
		}
		wave = d.spread(wave, seen)
	}
	return nil
}

// startPoints are those of every solver and seed.
func (d *drive) startPoints(seen map[string]bool) []*found {
	var wave []*found
	for _, values := range d.sweep.Search.Start {
		for _, solver := range d.sweep.Solvers {
			for _, seed := range d.sweep.Seeds {
				wave = d.discover(wave, seen, scenarios.SweepPoint{Values: values, Solver: solver, Seed: seed}, nil)
			}
		}
	}
	return wave
}

// discover appends a point unless it was seen.
func (d *drive) discover(wave []*found, seen map[string]bool, p scenarios.SweepPoint, parent *found) []*found {
	f := &found{SweepPoint: p, member: memberOf(d.sweep, p)}
	if seen[f.key()] {
		return wave
	}
	seen[f.key()] = true
	if parent != nil {
		f.member.Parent = parent.member.Hash
		if d.sweep.Search.Warm {
			f.member.Warm = parent.member.Hash
			f.member.Seal()
		}
	}
	return append(wave, f)
}

// spread is the wave after one that was judged, in ascending order of the
// values, solvers and seeds.
func (d *drive) spread(wave []*found, seen map[string]bool) []*found {
	var next []*found
	for _, f := range wave {
		if f.verdict != verdictStable {
			continue
		}
		for _, values := range d.sweep.Search.Neighbours(f.Values) {
			next = d.discover(next, seen, scenarios.SweepPoint{Values: values, Solver: f.Solver, Seed: f.Seed}, f)
		}
	}
	slices.SortStableFunc(next, func(a, b *found) int {
		for i := range a.Values {
			if c := cmp.Compare(a.Values[i].Number, b.Values[i].Number); c != 0 {
				return c
			}
		}
		if c := cmp.Compare(a.Solver, b.Solver); c != 0 {
			return c
		}
		return cmp.Compare(a.Seed, b.Seed)
	})
	return next
}

// runWave stores the points of a wave and runs those that are not settled.
func (d *drive) runWave(ctx context.Context, drain <-chan struct{}, wave []*found, bar *sweepProgress) error {
	members := make([]store.Member, len(wave))
	for i, f := range wave {
		members[i] = f.member
	}
	if err := d.store.Add(ctx, d.id, members); err != nil {
		return err
	}
	waiting, err := d.store.Pending(ctx, d.id)
	if err != nil {
		return err
	}
	unsettled := map[string]bool{}
	for _, hash := range waiting {
		unsettled[hash] = true
	}
	var pending []string
	for _, m := range members {
		if unsettled[m.Hash] {
			pending = append(pending, m.Hash)
		}
	}
	bar.grow(len(wave), len(wave)-len(pending))
	d.reused += len(wave) - len(pending)
	return d.settle(ctx, drain, pending, bar)
}

// judge finds out which points of a wave are stable.
func (d *drive) judge(ctx context.Context, criterion *criteria.Criterion, wave []*found) error {
	verdicts := map[string]string{}
	errs := sweep.Each(ctx, len(wave), 0, func(ctx context.Context, i int) error {
		var err error
		wave[i].verdict, err = verdictOf(ctx, d.store, criterion, wave[i].member.Hash)
		return err
	})
	if errs != nil {
		return errs
	}
	for _, f := range wave {
		verdicts[f.member.Hash] = f.verdict
	}
	return d.store.Judge(ctx, d.id, verdicts)
}

// verdictOf reads a settled point. One that found no placement is unstable.
func verdictOf(ctx context.Context, st *store.Store, criterion *criteria.Criterion, hash string) (string, error) {
	_, state, err := st.Point(ctx, hash)
	if err != nil {
		return "", err
	}
	if state != store.Completed {
		return verdictFailed, nil
	}
	run, err := st.Run(ctx, hash)
	if err != nil {
		return "", err
	}
	if len(run.Replications) == 0 {
		return verdictUnstable, nil
	}
	stable, err := criterion.Holds(run)
	if err != nil {
		return "", badInput(fmt.Errorf("search.stable: %w", err))
	}
	if stable {
		return verdictStable, nil
	}
	return verdictUnstable, nil
}
