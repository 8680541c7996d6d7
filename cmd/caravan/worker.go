package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"caravan/results/store"
	"caravan/runner/queue"
	"caravan/runner/sweep"
)

// workerFlags are the flags of caravan worker.
type workerFlags struct {
	queue, store, sweep string
	workers, idleExit   int
	check, lease        time.Duration
	metrics             string
	name                string
}

func newWorkerCommand(a *app) *cobra.Command {
	f := &workerFlags{}
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Run points of sweeps that other machines share",
		Long: `Worker takes points from the queue, runs each as caravan sweep does on one
machine, and stores what came of it. It may join at any time and from anywhere
that reaches both servers, and be killed at any time: what it had under way goes
to another worker when its lease runs out. The store decides what is done, so a
point that two workers run counts once.

Without --sweep it serves every sweep of the store that has work.

Ctrl-C once finishes the points under way, twice gives them back.`,
		Example: `  caravan worker --queue redis://queue --store postgres://caravan@db/caravan
  caravan worker --queue redis://queue --store postgres://caravan@db/caravan --idle-exit 3 --metrics :9090`,
		Args: takes(0, 0, "none"),
	}
	cmd.Flags().StringVar(&f.queue, "queue", os.Getenv("CARAVAN_QUEUE"), "the Redis `server` that hands out points, redis://host:port/db; $CARAVAN_QUEUE")
	cmd.Flags().StringVar(&f.store, "store", os.Getenv("CARAVAN_STORE"), "where sweeps are kept: postgres://user@host/database, or a `file` that all workers share; $CARAVAN_STORE")
	cmd.Flags().StringVar(&f.sweep, "sweep", "", "serve this sweep alone, and leave when it is stopped")
	cmd.Flags().IntVar(&f.workers, "workers", 0, "points that run at the same time, 0 for one a core; changes no result")
	cmd.Flags().IntVar(&f.idleExit, "idle-exit", 0, "leave after so many checks in a row found nothing to do, 0 to stay")
	cmd.Flags().DurationVar(&f.check, "check", 5*time.Second, "how long one check waits for a point")
	leaseFlag(cmd, &f.lease)
	cmd.Flags().StringVar(&f.metrics, "metrics", "", "serve Prometheus metrics at this `address`, such as :9090")
	cmd.Flags().StringVar(&f.name, "name", os.Getenv("CARAVAN_WORKER"), "of this worker, unlike any other's; $CARAVAN_WORKER, or made from the host's")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.complete(); err != nil {
			return badInput(err)
		}
		return a.work(cmd.Context(), f)
	}
	return cmd
}

// leaseFlag adds --lease.
func leaseFlag(cmd *cobra.Command, to *time.Duration) {
	cmd.Flags().DurationVar(to, "lease", 15*time.Second, "how long a silent worker keeps its points; the same for all workers")
}

// complete reports every fault of the flags and fills in what they leave open.
func (f *workerFlags) complete() error {
	var errs []error
	if f.queue == "" {
		errs = append(errs, errors.New("--queue: found nothing, allowed: redis://host:port/db"))
	}
	if f.store == "" {
		errs = append(errs, errors.New("--store: found nothing, allowed: postgres://user@host/database, or a file that all workers share"))
	}
	for _, n := range []struct {
		flag  string
		value int
	}{{"workers", f.workers}, {"idle-exit", f.idleExit}} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("--%s: found %d, allowed: 0 or more", n.flag, n.value))
		}
	}
	if f.lease < time.Second {
		errs = append(errs, fmt.Errorf("--lease: found %v, allowed: 1s or more", f.lease))
	}
	if f.check <= 0 {
		errs = append(errs, fmt.Errorf("--check: found %v, allowed: more than 0", f.check))
	}
	if f.workers == 0 {
		f.workers = runtime.GOMAXPROCS(0)
	}
	if f.name == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "localhost"
		}
		f.name = fmt.Sprintf("%s/%d", host, os.Getpid())
	}
	return errors.Join(errs...)
}

// storePatience is how long a store's server may be out of reach.
const storePatience = 2 * time.Minute

// openShared opens a store whose server may be restarted while it is in use.
func (a *app) openShared(ctx context.Context, url string) (*store.Store, error) {
	st, err := store.Open(ctx, url)
	if err != nil {
		return nil, badInput(err)
	}
	var since atomic.Int64 // when the trouble began
	st.OnTrouble(func(ctx context.Context, attempts int, err error) error {
		now := time.Now()
		if attempts == 1 {
			since.Store(now.UnixNano())
		}
		if now.Sub(time.Unix(0, since.Load())) > storePatience {
			return fmt.Errorf("the store is out of reach for %v: %w", storePatience, err)
		}
		timer := time.NewTimer(min(time.Duration(attempts)*50*time.Millisecond, time.Second))
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		}
	})
	return st, nil
}

// A worker is this process as one that runs points of shared sweeps.
type worker struct {
	*app
	flags    *workerFlags
	store    *store.Store
	executor *executor
	shared   *sharedQueue
	counts   *workerMetrics

	busy  atomic.Int64 // points under way
	begun time.Time
	last  atomic.Int64 // when there was work, in ns since begun
}

// work runs points until it is told to end.
func (a *app) work(ctx context.Context, f *workerFlags) error {
	if err := queue.Check(ctx, f.queue); err != nil {
		return badInput(err)
	}
	st, err := a.openShared(ctx, f.store)
	if err != nil {
		return err
	}
	defer st.Close()
	w := &worker{app: a, flags: f, store: st, executor: newExecutor(st, f.name, 1), counts: newWorkerMetrics(), begun: time.Now()}
	w.shared = newSharedQueue(st, f)
	if err := w.shared.refresh(ctx); err != nil {
		return err
	}
	if f.metrics != "" {
		address, stop, err := w.counts.serve(f.metrics)
		if err != nil {
			return badInput(fmt.Errorf("--metrics: %w", err))
		}
		defer stop()
		fmt.Fprintf(a.stderr, "caravan: metrics at http://%s/metrics\n", address)
	}
	work, drain, end := drained(ctx, a.stderr, finishing)
	defer end()
	errs := make([]error, f.workers)
	var wg sync.WaitGroup
	for i := range f.workers {
		wg.Go(func() { errs[i] = w.slot(drain).Work(work) })
	}
	wg.Wait()
	// What was not begun goes back at once, also after Ctrl-C.
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	errs = append(errs, w.shared.close(leave))
	fmt.Fprintf(a.stderr, "caravan: worker %s leaves after %s\n", f.name, count(int(w.counts.completed.Load()), "point"))
	if work.Err() != nil {
		return &exitError{code: exitInterrupted, err: errors.New("interrupted; the points under way were given back")}
	}
	return errors.Join(errs...)
}

// farewell is how long a worker that ends may take to give back its points.
const farewell = 5 * time.Second

// slot is one of the workers of this process.
func (w *worker) slot(drain <-chan struct{}) *sweep.Worker {
	return &sweep.Worker{
		Queue: w.shared, Drain: drain, Wait: w.flags.check, Run: w.run,
		Idle: func(int) bool { return w.idle() },
		Trouble: func(err error) {
			fmt.Fprintln(w.stderr, "caravan: "+strings.TrimSpace(err.Error()))
		},
	}
}

// idle reports whether it is time to leave. A point under way in another slot
// is work: its neighbours may come next.
func (w *worker) idle() bool {
	if w.shared.ended() {
		return true
	}
	since := time.Since(w.begun) - time.Duration(w.last.Load())
	return w.flags.idleExit > 0 && w.busy.Load() == 0 && since >= time.Duration(w.flags.idleExit)*w.flags.check
}

// run runs the point of a lease.
func (w *worker) run(ctx context.Context, lease sweep.Lease) error {
	w.busy.Add(1)
	defer func() {
		w.busy.Add(-1)
		w.last.Store(int64(time.Since(w.begun)))
	}()
	l, ok := lease.(*queue.Lease)
	if !ok {
		panic(fmt.Sprintf("a lease of type %T", lease)) // the shared queue makes no others
	}
	if l.Worn() {
		cause := fmt.Errorf("%d workers were lost or killed with this point under way", l.Delivery()-1)
		return errors.Join(cause, w.store.Fail(ctx, l.Hash(), w.flags.name, cause.Error(), time.Now(), 0))
	}
	running, abandon := context.WithCancel(ctx)
	defer abandon()
	go func() {
		select {
		case <-l.Stopped():
			abandon()
		case <-running.Done():
		}
	}()
	start := time.Now()
	fresh, err := w.executor.execute(running, l.Hash())
	w.counts.count(fresh, err, running.Err() != nil, time.Since(start))
	if running.Err() != nil {
		back, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer cancel()
		return errors.Join(sweep.ErrLost, l.GiveBack(back))
	}
	return err
}

// workerName is unlike that of any other worker, also of one that had this
// name before it was killed.
func workerName(base string) string { return base + "-" + strings.ToLower(rand.Text()[:6]) }
