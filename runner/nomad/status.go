package nomad

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/nomad/api"

	"caravan/runner"
)

// jobs lists the jobs that bear the label of the run, or of any when it is
// empty, by name.
func (b *Backend) jobs(ctx context.Context, run string) ([]*api.JobListStub, error) {
	q := query(ctx)
	q.Prefix = jobPrefix + run
	list, _, err := b.client.Jobs().ListOptions(&api.JobListOptions{Fields: &api.JobListFields{Meta: true}}, q)
	if err != nil {
		return nil, b.failed("jobs", err)
	}
	list = slices.DeleteFunc(list, func(j *api.JobListStub) bool {
		label := j.Meta[runMeta]
		return label == "" || (run != "" && label != run)
	})
	slices.SortFunc(list, func(x, y *api.JobListStub) int { return cmp.Compare(x.ID, y.ID) })
	return list, nil
}

// newest lists the latest allocation of each group of a job.
func (b *Backend) newest(ctx context.Context, job string) ([]*api.AllocationListStub, error) {
	allocs, _, err := b.client.Jobs().Allocations(job, false, query(ctx))
	if err != nil {
		return nil, fmt.Errorf("allocations of job %s: %w", job, err)
	}
	slices.SortFunc(allocs, func(x, y *api.AllocationListStub) int {
		return cmp.Or(cmp.Compare(x.TaskGroup, y.TaskGroup), cmp.Compare(y.CreateIndex, x.CreateIndex))
	})
	return slices.CompactFunc(allocs, func(x, y *api.AllocationListStub) bool { return x.TaskGroup == y.TaskGroup }), nil
}

// Status lists the agents of a run, or of all.
func (b *Backend) Status(ctx context.Context, run string) ([]runner.Agent, error) {
	jobs, err := b.jobs(ctx, run)
	if err != nil {
		return nil, err
	}
	var list []runner.Agent
	for _, j := range jobs {
		allocs, err := b.newest(ctx, j.ID)
		if err != nil {
			return nil, err
		}
		for _, a := range allocs {
			list = append(list, agentOf(j.Meta[runMeta], a))
		}
	}
	slices.SortFunc(list, func(x, y runner.Agent) int {
		return cmp.Or(cmp.Compare(x.Run, y.Run), cmp.Compare(x.Name, y.Name))
	})
	return list, nil
}

func agentOf(run string, a *api.AllocationListStub) runner.Agent {
	out := runner.Agent{
		Run: run, Name: a.TaskGroup, Node: a.NodeName, ID: a.ID, State: state(a), Detail: a.ClientDescription,
	}
	if t := a.TaskStates[taskName]; t != nil {
		out.Restarts = int(t.Restarts)
		if out.State != runner.Running {
			out.Detail = cmp.Or(cause(t.Events), out.Detail)
		}
	}
	switch {
	case out.State == runner.Running:
		out.Detail = ""
	case a.ClientStatus == api.AllocClientStatusUnknown:
		out.Detail = "the client of its node does not answer"
	}
	return out
}

// cause is the last event that says why a task does not run, or else the last.
func cause(events []*api.TaskEvent) string {
	for _, e := range slices.Backward(events) {
		if slices.Contains([]string{api.TaskDriverFailure, api.TaskSetupFailure, api.TaskFailedValidation}, e.Type) {
			return e.DisplayMessage
		}
	}
	if len(events) == 0 {
		return ""
	}
	return events[len(events)-1].DisplayMessage
}

// state tells what an allocation does from what is wanted of it and what its
// node reports.
func state(a *api.AllocationListStub) runner.State {
	switch {
	case a.ClientStatus == api.AllocClientStatusRunning && a.DesiredStatus == api.AllocDesiredStatusRun:
		return runner.Running
	case a.DesiredStatus == api.AllocDesiredStatusStop:
		return runner.Stopped
	case a.ClientStatus == api.AllocClientStatusFailed || a.ClientStatus == api.AllocClientStatusLost:
		return runner.Failed
	case a.ClientStatus == api.AllocClientStatusComplete:
		return runner.Stopped
	}
	return runner.Pending
}

// unplaced says why the server could not place agents of a run.
func (b *Backend) unplaced(ctx context.Context, run string) error {
	evals, _, err := b.client.Jobs().Evaluations(jobPrefix+run, query(ctx))
	if err != nil {
		return err
	}
	slices.SortFunc(evals, func(x, y *api.Evaluation) int { return cmp.Compare(y.CreateIndex, x.CreateIndex) })
	for _, e := range evals {
		if len(e.FailedTGAllocs) == 0 {
			continue
		}
		var faults []error
		for name, m := range e.FailedTGAllocs {
			faults = append(faults, fmt.Errorf("agent %s was not placed: %s", name, explain(m)))
		}
		slices.SortFunc(faults, func(x, y error) int { return cmp.Compare(x.Error(), y.Error()) })
		return errors.Join(faults...)
	}
	return nil
}

// explain is why an allocation found no node.
func explain(m *api.AllocationMetric) string {
	var parts []string
	for what, n := range m.ConstraintFiltered {
		parts = append(parts, fmt.Sprintf("%d nodes filtered by %s", n, what))
	}
	for what, n := range m.DimensionExhausted {
		parts = append(parts, fmt.Sprintf("%d nodes without enough %s", n, what))
	}
	slices.Sort(parts)
	return fmt.Sprintf("of %d nodes, %s", m.NodesEvaluated, strings.Join(parts, "; "))
}
