// Package sweep runs many independent pieces of work on several workers, so
// that the results do not show how many.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Interrupted is the error of work that a context ended: Done lists, in
// ascending order, the pieces that were finished.
type Interrupted struct {
	Done  []int
	Cause error
}

func (e *Interrupted) Error() string {
	return fmt.Sprintf("stopped with %d pieces done: %v", len(e.Done), e.Cause)
}

func (e *Interrupted) Unwrap() error { return e.Cause }

// Each calls f for every index from 0 to n-1, on the given number of workers
// (0: one a processor). f writes what it makes into a slot of its index. When
// calls fail, no new ones start and the error of the lowest index that failed
// is returned; since indices start in order, every lower one was run, and so
// the error is the same for any number of workers. When ctx ends first the
// error is an *Interrupted. A panic in f is a panic of Each.
func Each(ctx context.Context, n, workers int, f func(ctx context.Context, i int) error) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var (
		next     atomic.Int64
		stop     atomic.Bool
		wg       sync.WaitGroup
		errs     = make([]error, n)
		finished = make([]bool, n)
		panics   = make(chan any, workers)
	)
	work := func() {
		defer func() {
			if p := recover(); p != nil {
				stop.Store(true)
				panics <- p
			}
		}()
		for !stop.Load() && ctx.Err() == nil {
			i := int(next.Add(1) - 1)
			if i >= n {
				return
			}
			if errs[i] = f(ctx, i); errs[i] != nil {
				stop.Store(true)
			} else {
				finished[i] = true
			}
		}
	}
	for range min(workers, n) {
		wg.Go(work)
	}
	wg.Wait()
	select {
	case p := <-panics:
		panic(p)
	default:
	}
	if err := ctx.Err(); err != nil && slices.Contains(finished, false) {
		return &Interrupted{Done: indices(finished), Cause: errors.Join(err, first(errs, err))}
	}
	return first(errs, nil)
}

// first is the error of the lowest index, other than the one to skip.
func first(errs []error, skip error) error {
	for _, err := range errs {
		if err != nil && (skip == nil || !errors.Is(err, skip)) {
			return err
		}
	}
	return nil
}

func indices(set []bool) []int {
	var out []int
	for i, in := range set {
		if in {
			out = append(out, i)
		}
	}
	return out
}
