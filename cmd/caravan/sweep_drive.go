package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"caravan/results/store"
	"caravan/runner/queue"
	"caravan/runner/sweep"
	"caravan/scenarios"
)

// A fleet runs points wherever its workers are.
type fleet interface {
	// run returns when each point is completed or given up, calling settled
	// for each with what went wrong, or when ctx ends, or, once drain is
	// closed, when no point is under way.
	run(ctx context.Context, drain <-chan struct{}, hashes []string, settled func(hash string, err error)) error
	// farewell says what the closing of drain brings about.
	farewell() string
}

// localFleet is workers in this process.
type localFleet struct {
	store   *store.Store
	workers int
	runs    string // folder for whole runs; empty saves none
}

// run hands the points out to as many workers as there are points for; when
// there are fewer points than workers, replications run beside each other.
func (l *localFleet) run(ctx context.Context, drain <-chan struct{}, hashes []string, settled func(string, error)) error {
	queue := sweep.NewMemory(1) // a simulation that fails once fails always
	if err := queue.Push(ctx, hashes...); err != nil {
		return err
	}
	workers := max(1, min(l.workers, len(hashes)))
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	e := newExecutor(l.store, fmt.Sprintf("%s/%d", host, os.Getpid()), l.workers/workers)
	e.runs = l.runs
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			w := sweep.Worker{Queue: queue, Drain: drain, Idle: func(int) bool { return true },
				Run: func(ctx context.Context, lease sweep.Lease) error {
					err := e.run(ctx, lease)
					if ctx.Err() == nil {
						settled(lease.Hash(), err)
					}
					return err
				}}
			errs[i] = w.Work(ctx)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (l *localFleet) farewell() string { return finishing }

// finishing is what a process says that finishes its own points.
const finishing = "finishing the points under way; Ctrl-C again abandons them"

// A drive takes a sweep through a fleet.
type drive struct {
	*app
	sweep *scenarios.Sweep
	id    string
	store *store.Store
	fleet fleet

	reused   int // points that the store had
	ran      int // points that this process settled
	failures []string
	limited  bool // a search met its limit
}

// run runs what the store lacks. The error is an *exitError when the sweep was
// interrupted or points failed.
func (d *drive) run(ctx context.Context) error {
	ctx, told := context.WithCancel(ctx)
	defer told()
	work, drain, end := drained(ctx, d.stderr, d.fleet.farewell())
	defer end()
	go d.obey(work, told, end)
	var err error
	if d.sweep.Kind == scenarios.KindSearch {
		err = d.search(work, drain)
	} else {
		err = d.grid(work, drain)
	}
	if err != nil && work.Err() == nil {
		return err
	}
	if err := d.gather(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	switch {
	case ctx.Err() != nil && !d.complete(work):
		return &exitError{code: exitInterrupted, err: errors.New("interrupted; what is done is stored, and the same command goes on from there")}
	case len(d.failures) > 0:
		return &exitError{code: exitPartial, err: fmt.Errorf("%s failed, such as %s; caravan show %s lists them, --retry runs them again",
			count(len(d.failures), "point"), d.failures[0], d.id)}
	case d.limited:
		return &exitError{code: exitPartial, err: fmt.Errorf("the search met its limit of %d points (search.limit)", d.sweep.Search.Limit)}
	}
	return nil
}

// complete reports whether nothing is left to run: then an interruption came
// too late to matter.
func (d *drive) complete(work context.Context) bool {
	return work.Err() == nil && d.sweep.Kind != scenarios.KindSearch && int64(d.reused+d.ran) == d.sweep.Count()
}

// drained turns the end of ctx, which Ctrl-C brings about, into the closing of
// drain, and a second Ctrl-C after it into the end of work. End ends work too,
// and returns when nothing more is written to w.
func drained(ctx context.Context, w io.Writer, farewell string) (work context.Context, drain <-chan struct{}, end func()) {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	closed, quiet := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(quiet)
		select {
		case <-work.Done():
			return
		case <-ctx.Done():
		}
		second := make(chan os.Signal, 1)
		signal.Notify(second, os.Interrupt, syscall.SIGTERM)
		defer signal.Stop(second)
		fmt.Fprintln(w, "caravan: "+farewell)
		close(closed)
		select {
		case <-second:
			stop()
		case <-work.Done():
		}
	}()
	return work, closed, func() {
		stop()
		<-quiet
	}
}

// obeyEvery is how often a sweep looks whether it was told to stop.
const obeyEvery = time.Second

// obey makes the words of caravan sweep stop those of Ctrl-C, pressed once or
// twice, until ctx ends.
func (d *drive) obey(ctx context.Context, drain, stop func()) {
	tick := time.NewTicker(obeyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		word, err := d.store.Order(ctx, d.id)
		if err != nil || word == "" {
			continue // the work meets the error as well
		}
		drain()
		if word == string(queue.Stop) {
			stop()
		}
		return
	}
}

// isClosed reports whether c is.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// grid enters the points of a grid or a design and runs those that the store
// lacks.
func (d *drive) grid(ctx context.Context, drain <-chan struct{}) error {
	var members []store.Member
	flush := func() error {
		err := d.store.Add(ctx, d.id, members)
		members = members[:0]
		return err
	}
	for p := range d.sweep.Points() {
		if members = append(members, memberOf(d.sweep, p)); len(members) == 10_000 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	pending, err := d.store.Pending(ctx, d.id)
	if err != nil {
		return err
	}
	counts, err := d.store.Counts(ctx, d.id)
	if err != nil {
		return err
	}
	d.reused = counts.Total - len(pending)
	bar := newSweepProgress(d.stderr, d.sweep.Name, counts.Total, d.reused)
	defer bar.stop()
	return d.settle(ctx, drain, pending, bar)
}

// gather lists the points that failed.
func (d *drive) gather(ctx context.Context) error {
	counts, err := d.store.Counts(ctx, d.id)
	if err != nil || counts.Failed == 0 {
		return err
	}
	rows, err := d.store.Rows(ctx, d.id)
	for _, r := range rows {
		if r.State == store.Failed {
			d.failures = append(d.failures, fmt.Sprintf("%s (%s)", shortHash(r.Hash), firstLine(r.Error)))
		}
	}
	return err
}

// settle runs points and counts what became of them.
func (d *drive) settle(ctx context.Context, drain <-chan struct{}, hashes []string, bar *sweepProgress) error {
	if len(hashes) == 0 {
		return nil
	}
	var mu sync.Mutex
	return d.fleet.run(ctx, drain, hashes, func(_ string, err error) {
		mu.Lock()
		defer mu.Unlock()
		d.ran++
		bar.step(err != nil)
	})
}

// shortHash is enough of a point's hash for people.
func shortHash(hash string) string { return hash[:min(len(hash), 10)] }

// firstLine is the first line of a message.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
