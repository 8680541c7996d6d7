package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravan/results/store"
	"caravan/runner/launch"
	"caravan/runner/queue"
	"caravan/topology"
)

// remoteFlags say where a sweep runs, when that is not here.
type remoteFlags struct {
	queue, launch, image, command string
	lease                         time.Duration
	cores                         float64
	memory                        string
	idleExit                      int
}

// launchers are the orchestrators that workers can be submitted to.
var launchers = []string{"nomad", "kubernetes"}

func (f *remoteFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.queue, "queue", "", "let workers elsewhere run the points, which this Redis `server` hands out: redis://host:port/db")
	leaseFlag(cmd, &f.lease)
	cmd.Flags().StringVar(&f.launch, "launch", "", "submit --workers of them to an orchestrator: nomad (a batch job) or kubernetes (an Indexed Job)")
	cmd.Flags().StringVar(&f.image, "launch-image", "", "container `image` of the workers, whose entry point is caravan; kubernetes needs one")
	cmd.Flags().StringVar(&f.command, "launch-command", "caravan", "the program on the nodes of nomad, without an image")
	cmd.Flags().Float64Var(&f.cores, "launch-cores", 1, "cores of each launched worker")
	cmd.Flags().StringVar(&f.memory, "launch-memory", "512MiB", "memory of each launched worker")
	cmd.Flags().IntVar(&f.idleExit, "idle-exit", 12, "launched workers leave after so many checks, of 5 s each, found nothing to do")
	completeWith(cmd, "launch", launchers)
}

// check reports every fault of the flags.
func (f *remoteFlags) check(storeURL string, workers int) error {
	var errs []error
	if f.launch != "" {
		if !contains(launchers, f.launch) {
			errs = append(errs, fmt.Errorf("--launch: %w", notOneOf(f.launch, launchers)))
		}
		if f.queue == "" {
			errs = append(errs, errors.New("--launch: workers elsewhere need --queue redis://host:port/db"))
		}
		if !store.IsPostgres(storeURL) {
			errs = append(errs, errors.New("--launch: workers elsewhere need --store postgres://user@host/database"))
		}
		if workers == 0 {
			errs = append(errs, errors.New("--launch: found no --workers, allowed: how many to launch"))
		}
	}
	if f.launch == "" && f.queue != "" && workers > 0 {
		errs = append(errs, errors.New("--workers: with --queue they run elsewhere; --launch starts them, or caravan worker does"))
	}
	if f.lease < time.Second {
		errs = append(errs, fmt.Errorf("--lease: found %v, allowed: 1s or more", f.lease))
	}
	if f.cores <= 0 {
		errs = append(errs, fmt.Errorf("--launch-cores: found %v, allowed: more than 0", f.cores))
	}
	return errors.Join(errs...)
}

// start launches the workers of a sweep.
func (f *remoteFlags) start(ctx context.Context, storeURL, id string, workers int) error {
	memory, err := topology.ParseBytes(f.memory)
	if err != nil {
		return badInput(fmt.Errorf("--launch-memory: %w", err))
	}
	w := launch.Workers{
		Name: jobName(id), Count: workers, Image: f.image, Command: f.command,
		CPU: int(f.cores * 1000), Memory: memory,
		Args:   []string{"worker", "--sweep", id, "--idle-exit", fmt.Sprint(f.idleExit), "--lease", f.lease.String(), "--workers", fmt.Sprint(max(1, int(f.cores)))},
		Secret: map[string]string{"CARAVAN_QUEUE": f.queue, "CARAVAN_STORE": storeURL},
	}
	if f.launch == "kubernetes" {
		return launch.Kubernetes(ctx, w)
	}
	return launch.Nomad(ctx, w)
}

// remoteFleet is workers of other processes, which a queue on a server feeds.
type remoteFleet struct {
	store *store.Store
	queue *queue.Queue
	sweep string
}

// open connects to the queue of a sweep.
func (f *remoteFlags) open(ctx context.Context, st *store.Store, id string) (*remoteFleet, error) {
	q, err := queue.Open(ctx, f.queue, queue.Options{Sweep: id, Lease: f.lease})
	if err != nil {
		return nil, badInput(err)
	}
	// What stopped the workers does so no more.
	if err := q.Give(ctx, queue.Go); err != nil {
		return nil, errors.Join(err, q.Close(ctx))
	}
	return &remoteFleet{store: st, queue: q, sweep: id}, nil
}

func (r *remoteFleet) farewell() string {
	return "leaving; the workers go on until caravan sweep stop " + r.sweep + " ends them"
}

// jobName is a name that orchestrators take: lower-case letters, digits and
// dashes. The end of a sweep's identifier tells it from others.
func jobName(id string) string {
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, strings.ToLower(id))
	const most = 63 - len("caravan-")
	return "caravan-" + strings.Trim(name[max(0, len(name)-most):], "-")
}

// The pause between two looks at the store: short at first, and always long
// beside what a look costs.
const (
	leastPause = 50 * time.Millisecond
	mostPause  = 10 * time.Second
	pauseShare = 10 // of the time that a look took
)

// run pushes the points and looks at the store until it has them all. An end
// of ctx or of drain ends this process alone; the workers go on.
func (r *remoteFleet) run(ctx context.Context, drain <-chan struct{}, hashes []string, settled func(string, error)) error {
	if err := r.queue.Push(ctx, hashes...); err != nil {
		return err
	}
	open := make(map[string]bool, len(hashes))
	for _, h := range hashes {
		open[h] = true
	}
	pause := leastPause
	for len(open) > 0 {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-drain:
			timer.Stop()
			return nil
		case <-timer.C:
		}
		start := time.Now()
		if err := refill(ctx, r.store, r.queue, r.sweep); err != nil {
			return err
		}
		if err := r.look(ctx, open, settled); err != nil {
			return err
		}
		pause = min(max(leastPause, pauseShare*time.Since(start)), mostPause)
	}
	return nil
}

// look takes the points that are settled out of open. A point that failed is
// when the queue gave it up.
func (r *remoteFleet) look(ctx context.Context, open map[string]bool, settled func(string, error)) error {
	list, err := r.store.Pending(ctx, r.sweep)
	if err != nil {
		return err
	}
	failed, err := r.store.Failures(ctx, r.sweep)
	if err != nil {
		return err
	}
	pending := make(map[string]bool, len(list))
	for _, h := range list {
		pending[h] = true
	}
	var doubtful []string
	for h := range open {
		if _, bad := failed[h]; bad && !pending[h] {
			doubtful = append(doubtful, h)
		}
	}
	held, err := r.queue.Holds(ctx, doubtful)
	if err != nil {
		return err
	}
	for h := range open {
		cause, bad := failed[h]
		switch {
		case pending[h], held[h]:
			continue
		case bad:
			settled(h, errors.New(cause))
		default:
			settled(h, nil)
		}
		delete(open, h)
	}
	return nil
}
