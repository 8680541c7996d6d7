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
	// ray is the way on which a search along the border came here: +n or -n for
	// up or down axis n-1; 0 is none.
	ray    int
	spread bool // its neighbours are known
}

// key is the same for two points that are one, wherever they came from.
func (f *found) key() string {
	return fmt.Sprint(f.Solver, " ", f.Seed, " ", string(f.member.Parameters))
}

// A walk is what a search knows.
type walk struct {
	*drive
	seen  map[string]*found
	order []*found // as they were discovered
}

// search runs the start points and, wave by wave, the neighbours of the stable
// ones, or those along the border. A wave is over when all of its points are settled, so that the points
// visited, their order and their parents are the same for any number of
// workers: the parent of a point is its first stable neighbour in that
// order.
func (d *drive) search(ctx context.Context, drain <-chan struct{}) error {
	criterion, err := criteria.Compile(d.sweep.Search.Stable)
	if err != nil {
		return badInput(err)
	}
	bar := newSweepProgress(d.stderr, d.sweep.Name, 0, 0)
	defer bar.stop()
	w := &walk{drive: d, seen: map[string]*found{}}
	var position int64
	for wave := w.start(); len(wave) > 0 && !isClosed(drain); wave = w.spread(wave) {
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
	}
	return nil
}

// start are the start points of every solver and seed.
func (w *walk) start() []*found {
	var wave []*found
	for _, values := range w.sweep.Search.Start {
		for _, solver := range w.sweep.Solvers {
			for _, seed := range w.sweep.Seeds {
				wave = w.discover(wave, scenarios.SweepPoint{Values: values, Solver: solver, Seed: seed}, nil, 0)
			}
		}
	}
	return wave
}

// discover appends a point unless it was seen.
func (w *walk) discover(wave []*found, p scenarios.SweepPoint, parent *found, ray int) []*found {
	f := &found{SweepPoint: p, member: memberOf(w.sweep, p), ray: ray}
	if w.seen[f.key()] != nil {
		return wave
	}
	w.seen[f.key()] = f
	w.order = append(w.order, f)
	if parent != nil {
		f.member.Parent = parent.member.Hash
		if w.sweep.Search.Warm {
			f.member.Warm = parent.member.Hash
			f.member.Seal()
		}
	}
	return append(wave, f)
}

// spread is the wave after one that was judged, in ascending order of the
// values, solvers and seeds.
func (w *walk) spread(wave []*found) []*found {
	var next []*found
	if w.sweep.Search.Border {
		next = w.follow(wave)
	} else {
		for _, f := range wave {
			if f.verdict == verdictStable {
				next = w.visit(next, f, w.sweep.Search.Neighbours(f.Values))
			}
		}
	}
	slices.SortStableFunc(next, compareFound)
	return next
}

// visit discovers neighbours of a point.
func (w *walk) visit(next []*found, f *found, neighbours [][]scenarios.Value) []*found {
	f.spread = true
	for _, values := range neighbours {
		next = w.discover(next, scenarios.SweepPoint{Values: values, Solver: f.Solver, Seed: f.Seed}, f, 0)
	}
	return next
}

// follow is the wave of a search along the border: one step further on every
// ray, and what lies around the stable points that touch an unstable one.
func (w *walk) follow(wave []*found) []*found {
	var next []*found
	for _, f := range wave {
		if f.verdict == verdictStable {
			next = w.rays(next, f)
		}
	}
	for _, f := range w.order {
		if f.verdict == verdictStable && !f.spread {
			if around := w.sweep.Search.Around(f.Values); w.touches(f, around) {
				next = w.visit(next, f, around)
			}
		}
	}
	return next
}

// rays takes one step further on the ray that f lies on. From a start point
// rays go up and down every axis, and so they do from where one meets a bound.
func (w *walk) rays(next []*found, f *found) []*found {
	step := func(axis, way int) bool {
		values, ok := w.sweep.Search.Next(f.Values, axis, way)
		if ok {
			next = w.discover(next, scenarios.SweepPoint{Values: values, Solver: f.Solver, Seed: f.Seed}, f, way*(axis+1))
		}
		return ok
	}
	switch {
	case f.ray > 0 && step(f.ray-1, 1), f.ray < 0 && step(-f.ray-1, -1):
		return next
	case f.ray == 0 && f.member.Parent != "":
		return next
	}
	for axis := range f.Values {
		if axis != w.sweep.Search.Filler {
			step(axis, -1)
			step(axis, 1)
		}
	}
	return next
}

// touches reports whether a point around f was found to be not stable.
func (w *walk) touches(f *found, around [][]scenarios.Value) bool {
	return slices.ContainsFunc(around, func(values []scenarios.Value) bool {
		p := found{SweepPoint: f.SweepPoint, member: store.Member{Parameters: w.sweep.Parameters(values)}}
		other := w.seen[p.key()]
		return other != nil && other.verdict != "" && other.verdict != verdictStable
	})
}

func compareFound(a, b *found) int {
	for i := range a.Values {
		if c := cmp.Compare(a.Values[i].Number, b.Values[i].Number); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(a.Solver, b.Solver); c != 0 {
		return c
	}
	return cmp.Compare(a.Seed, b.Seed)
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
