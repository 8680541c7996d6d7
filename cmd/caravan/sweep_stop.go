package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"caravan/results/store"
	"caravan/runner/queue"
)

// stopFlags are the flags of caravan sweep stop and caravan sweep reset.
type stopFlags struct {
	store, queue string
	drain        bool
}

func newSweepStopCommand(a *app) *cobra.Command {
	f := &stopFlags{}
	cmd := &cobra.Command{
		Use:   "stop SWEEP",
		Short: "Tell the workers of a sweep to leave, at once or after the points under way",
		Long: `Stop tells every process that runs points of a sweep to leave: at once, giving
back the points under way, or with --drain after finishing them. What is done
stays done; caravan sweep runs the rest. The word is kept in the store, so it
holds for workers that come later as well; with --queue those at work hear it
within a second.`,
		Example: `  caravan sweep stop smoke
  caravan sweep stop smoke --store postgres://caravan@db/caravan --queue redis://queue --drain`,
		Args: takes(1, 1, "one SWEEP (its name or identifier; caravan ls lists them)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			order := queue.Stop
			if f.drain {
				order = queue.Drain
			}
			return a.order(cmd.Context(), f, args[0], order)
		},
	}
	storeFlag(cmd, &f.store)
	cmd.Flags().StringVar(&f.queue, "queue", "", "the Redis `server` that hands out the points")
	cmd.Flags().BoolVar(&f.drain, "drain", false, "finish the points under way")
	return cmd
}

func newSweepResetCommand(a *app) *cobra.Command {
	f := &stopFlags{}
	cmd := &cobra.Command{
		Use:   "reset SWEEP",
		Short: "Empty the queue of a sweep and lift an order to stop",
		Long: `Reset makes the queue of a sweep forget all it holds: points, leases, the dead
and orders. The store is not touched, but for the order to stop. Workers, or
the next caravan sweep, fill the queue again with what the store calls
unfinished; to run points again that are done or failed, see --again and --retry
of caravan sweep.`,
		Example: `  caravan sweep reset smoke --store postgres://caravan@db/caravan --queue redis://queue`,
		Args:    takes(1, 1, "one SWEEP (its name or identifier; caravan ls lists them)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.queue == "" {
				return badInput(errors.New("--queue: found nothing, allowed: redis://host:port/db"))
			}
			return a.order(cmd.Context(), f, args[0], queue.Go)
		},
	}
	storeFlag(cmd, &f.store)
	cmd.Flags().StringVar(&f.queue, "queue", "", "the Redis `server` that hands out the points")
	return cmd
}

// order gives an order to the workers of a sweep. The order to go on is given
// to an empty queue.
func (a *app) order(ctx context.Context, f *stopFlags, name string, order queue.Order) error {
	st, err := openStore(ctx, f.store)
	if err != nil {
		return err
	}
	defer st.Close()
	w, err := st.Sweep(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return badInput(fmt.Errorf("%w; caravan ls lists what is", err))
	}
	if err != nil {
		return err
	}
	if err := st.Control(ctx, w.ID, string(order)); err != nil {
		return err
	}
	workers := 0
	if f.queue != "" {
		if workers, err = tell(ctx, f.queue, w.ID, order); err != nil {
			return err
		}
	}
	said := map[queue.Order]string{
		queue.Go: "the queue is empty", queue.Drain: "no more points are begun", queue.Stop: "the points under way are given back",
	}[order]
	if f.queue != "" && order != queue.Go {
		said += fmt.Sprintf("; %s told", count(workers, "worker"))
	}
	_, err = fmt.Fprintf(a.stdout, "Sweep %s: %s. %d of %s completed.\n", w.ID, said, w.Completed, count(w.Total, "point"))
	return err
}

// alive is how long a worker that lives is silent at most: it renews its
// leases, or asks for points, every second.
const alive = 5 * time.Second

// tell gives the order to the queue, and says how many workers hear it.
func tell(ctx context.Context, url, sweep string, order queue.Order) (workers int, err error) {
	q, err := queue.Open(ctx, url, queue.Options{Sweep: sweep})
	if err != nil {
		return 0, badInput(err)
	}
	defer func() { err = errors.Join(err, q.Close(context.WithoutCancel(ctx))) }()
	if order == queue.Go {
		return 0, q.Reset(ctx)
	}
	members, err := q.Members(ctx)
	if err != nil {
		return 0, err
	}
	for _, m := range members {
		if m.Idle < alive {
			workers++
		}
	}
	return workers, q.Give(ctx, order)
}
