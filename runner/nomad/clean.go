package nomad

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"
)

// Stop deregisters the jobs of the run, whose allocations end, and waits for
// their end.
func (b *Backend) Stop(ctx context.Context, run string) error {
	jobs, err := b.jobs(ctx, run)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.Stop {
			continue
		}
		if _, _, err := b.client.Jobs().Deregister(j.ID, false, writing(ctx)); err != nil {
			return fmt.Errorf("stop job %s: %w", j.ID, err)
		}
	}
	return b.awaitEnd(ctx, jobs)
}

// awaitEnd returns when no allocation of the jobs runs any more. Allocations
// on nodes that do not answer are not waited for: their node ends them when it
// is back.
func (b *Backend) awaitEnd(ctx context.Context, jobs []*api.JobListStub) error {
	ctx, stop := context.WithTimeout(ctx, b.o.Patience)
	defer stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		running, err := b.running(ctx, jobs)
		if err != nil || len(running) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("allocations %q do not end", running), ctx.Err())
		case <-tick.C:
		}
	}
}

// running lists the allocations of jobs that have not ended, on nodes that
// answer.
func (b *Backend) running(ctx context.Context, jobs []*api.JobListStub) ([]string, error) {
	silent, err := b.silent(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, j := range jobs {
		allocs, err := b.allocations(ctx, j)
		if err != nil {
			return nil, err
		}
		for _, a := range allocs {
			if active(a) && !silent[a.NodeID] {
				ids = append(ids, a.ID)
			}
		}
	}
	return ids, nil
}

// silent is the nodes, by ID, whose client the server does not hear.
func (b *Backend) silent(ctx context.Context) (map[string]bool, error) {
	stubs, _, err := b.client.Nodes().List(query(ctx))
	if err != nil {
		return nil, b.failed("nodes", err)
	}
	silent := map[string]bool{}
	for _, s := range stubs {
		silent[s.ID] = s.Status == api.NodeStatusDown || s.Status == api.NodeStatusDisconnected
	}
	return silent, nil
}

// allocations lists all that a job ever had.
func (b *Backend) allocations(ctx context.Context, j *api.JobListStub) ([]*api.AllocationListStub, error) {
	allocs, _, err := b.client.Jobs().Allocations(j.ID, true, query(ctx))
	if err != nil {
		return nil, fmt.Errorf("allocations of job %s: %w", j.ID, err)
	}
	return allocs, nil
}

// active reports whether the node of an allocation has not said that it ended.
func active(a *api.AllocationListStub) bool {
	return slices.Contains([]string{
		api.AllocClientStatusPending, api.AllocClientStatusRunning, api.AllocClientStatusUnknown,
	}, a.ClientStatus)
}

// Clean stops the run, and removes its jobs from the server and what their
// allocations left on the nodes. A job with allocations on a node that does not
// answer stays, stopped, so that Clean finds them when the node is back; that
// is an error.
func (b *Backend) Clean(ctx context.Context, run string) ([]string, error) {
	jobs, err := b.jobs(ctx, run)
	if err != nil {
		return nil, err
	}
	if err := b.Stop(ctx, run); err != nil {
		return nil, err
	}
	silent, err := b.silent(ctx)
	if err != nil {
		return nil, err
	}
	var (
		gone   []string
		faults []error
	)
	for _, j := range jobs {
		removed, err := b.remove(ctx, j, silent)
		gone = append(gone, removed...)
		faults = append(faults, err)
	}
	return gone, errors.Join(faults...)
}

// remove takes a stopped job off the server and the nodes.
func (b *Backend) remove(ctx context.Context, j *api.JobListStub, silent map[string]bool) (gone []string, err error) {
	allocs, err := b.allocations(ctx, j)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, a := range allocs {
		if silent[a.NodeID] && active(a) {
			out = append(out, a.TaskGroup+" on "+a.NodeName)
		}
	}
	if len(out) > 0 {
		slices.Sort(out)
		return nil, fmt.Errorf("job %s is stopped, but the client of a node does not answer, and what it runs may go on until it does: %s (caravan clean removes the rest then)", j.ID, strings.Join(out, ", "))
	}
	if _, _, err := b.client.Jobs().Deregister(j.ID, true, writing(ctx)); err != nil {
		return nil, fmt.Errorf("remove job %s: %w", j.ID, err)
	}
	gone = append(gone, "job "+j.ID)
	for _, a := range allocs {
		// A node that is gone has nothing to remove that could be reached.
		if err := b.client.Allocations().GC(&api.Allocation{ID: a.ID, NodeID: a.NodeID}, query(ctx)); err == nil {
			gone = append(gone, fmt.Sprintf("allocation %s on %s", a.ID, a.NodeName))
		}
	}
	return gone, nil
}
