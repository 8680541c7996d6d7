package nomad

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"

	"caravan/runner"
	"caravan/topology"
	"caravan/workloads"
)

// Machines lists the clients as nodes of a topology: what the scheduler knows
// of them. Those that take no work are left out.
func (b *Backend) Machines(ctx context.Context) ([]topology.Node, error) {
	stubs, _, err := b.client.Nodes().List(query(ctx))
	if err != nil {
		return nil, b.failed("nodes", err)
	}
	slices.SortFunc(stubs, func(x, y *api.NodeListStub) int { return cmp.Compare(x.Name, y.Name) })
	var list []topology.Node
	for _, s := range stubs {
		if s.Status != api.NodeStatusReady || s.SchedulingEligibility != api.NodeSchedulingEligible {
			continue
		}
		n, _, err := b.client.Nodes().Info(s.ID, query(ctx))
		if err != nil {
			return nil, fmt.Errorf("node %s: %w", s.Name, err)
		}
		list = append(list, machine(n))
	}
	return list, nil
}

func machine(n *api.Node) topology.Node {
	out := topology.Node{
		Name: n.Name, Datacenter: n.Datacenter, Class: n.NodeClass, Pool: n.NodePool, Speed: 1,
		Attributes: n.Attributes, Meta: n.Meta,
	}
	if r := n.NodeResources; r != nil {
		out.Cores = int(r.Cpu.TotalCpuCores)
		out.CPU = topology.MHz(r.Cpu.CpuShares)
		out.Memory = topology.Bytes(r.Memory.MemoryMB) * topology.MiB
		out.Disk = topology.Bytes(r.Disk.DiskMB) * topology.MiB
	}
	if r := n.ReservedResources; r != nil {
		out.Reserved = topology.Resources{
			CPU:    topology.MHz(r.Cpu.CpuShares),
			Memory: topology.Bytes(r.Memory.MemoryMB) * topology.MiB,
			Disk:   topology.Bytes(r.Disk.DiskMB) * topology.MiB,
		}
	}
	for name, d := range n.Drivers {
		if d.Healthy {
			out.Drivers = append(out.Drivers, name)
		}
	}
	slices.Sort(out.Drivers)
	return out
}

// Scheduling is how the server was told to decide.
func (b *Backend) Scheduling(ctx context.Context) (spread bool, preempts []workloads.JobType, err error) {
	answer, _, err := b.client.Operator().SchedulerGetConfiguration(query(ctx))
	if err != nil {
		return false, nil, fmt.Errorf("scheduler configuration of %s: %w", b.Address(), err)
	}
	c := answer.SchedulerConfig
	for _, t := range []struct {
		on   bool
		what workloads.JobType
	}{
		{c.PreemptionConfig.SystemSchedulerEnabled, workloads.System},
		{c.PreemptionConfig.SysBatchSchedulerEnabled, workloads.SysBatch},
		{c.PreemptionConfig.ServiceSchedulerEnabled, workloads.Service},
		{c.PreemptionConfig.BatchSchedulerEnabled, workloads.Batch},
	} {
		if t.on {
			preempts = append(preempts, t.what)
		}
	}
	return c.SchedulerAlgorithm == api.SchedulerAlgorithmSpread, preempts, nil
}

// Allocations lists what holds room, in the order of its creation: all that its
// node has not reported as ended (scheduler/context.go, ProposedAllocs).
func (b *Backend) Allocations(ctx context.Context, run string) ([]runner.Allocation, error) {
	q := query(ctx)
	q.Params = map[string]string{"resources": "true"}
	stubs, _, err := b.client.Allocations().List(q)
	if err != nil {
		return nil, b.failed("allocations", err)
	}
	slices.SortFunc(stubs, func(x, y *api.AllocationListStub) int {
		return cmp.Or(cmp.Compare(x.CreateIndex, y.CreateIndex), cmp.Compare(x.Name, y.Name))
	})
	var list []runner.Allocation
	for _, s := range stubs {
		switch s.ClientStatus {
		case api.AllocClientStatusComplete, api.AllocClientStatusFailed, api.AllocClientStatusLost:
			continue
		}
		a := runner.Allocation{ID: s.ID, Group: s.TaskGroup, Index: indexOf(s.Name), Node: s.NodeName}
		if name, ok := strings.CutPrefix(s.JobID, decisionPrefix(run)); ok {
			a.Job = name
		}
		if r := s.AllocatedResources; r != nil {
			a.Disk = topology.Bytes(r.Shared.DiskMB) * topology.MiB
			for _, t := range r.Tasks {
				a.CPU += topology.MHz(t.Cpu.CpuShares)
				a.Memory += topology.Bytes(t.Memory.MemoryMB) * topology.MiB
			}
		}
		list = append(list, a)
	}
	return list, nil
}

// indexOf is the number in an allocation's name, job.group[3].
func indexOf(name string) int {
	open := strings.LastIndexByte(name, '[')
	n, err := strconv.Atoi(strings.TrimSuffix(name[open+1:], "]"))
	if err != nil {
		return 0
	}
	return n
}

// decisionPrefix begins the names of the jobs that Submit makes in a run.
func decisionPrefix(run string) string { return jobPrefix + run + "-" }

// A Verdict is what the server decided about a job.
type Verdict struct {
	// Placed by group in the order of the decisions: an instance whose node
	// refused the plan is decided again after the others.
	Placed []Placed
	// Unplaced is why instances of a group found no node; nil when all did.
	Unplaced map[string]string
	// What the dry run before said: instances to place, of how many others the
	// eviction, and whether some would find no node.
	PlanPlace, PlanEvict int
	PlanUnplaced         bool
}

// A Placed is one instance with the scores of the nodes that were compared.
type Placed struct {
	ID      string
	Group   string
	Index   int
	Node    string
	Attempt uint64             // when its plan was applied; a job may need several
	Scores  []runner.NodeScore // best first, at most five
	Evicted []string           // IDs of the allocations that had to leave
}

// Submit asks the server for a dry run of the job, registers it, and returns
// what was decided. Tasks do nothing until they are stopped. The job bears the
// label of the run.
func (b *Backend) Submit(ctx context.Context, run, driver string, j *workloads.Job) (Verdict, error) {
	job, err := decisionJob(run, driver, j)
	if err != nil {
		return Verdict{}, fmt.Errorf("job %q: %w", j.Name, err)
	}
	var v Verdict
	dry, _, err := b.client.Jobs().PlanOpts(job, &api.PlanOptions{Diff: false}, writing(ctx))
	if err != nil {
		return v, fmt.Errorf("plan of job %q: %w", j.Name, err)
	}
	if dry.Annotations != nil {
		for _, u := range dry.Annotations.DesiredTGUpdates {
			v.PlanPlace += int(u.Place)
		}
		v.PlanEvict = len(dry.Annotations.PreemptedAllocs)
	}
	v.PlanUnplaced = len(dry.FailedTGAllocs) > 0
	answer, _, err := b.client.Jobs().Register(job, writing(ctx))
	if err != nil {
		return v, fmt.Errorf("register job %q: %w", j.Name, err)
	}
	eval, err := b.evaluated(ctx, answer.EvalID)
	if err != nil {
		return v, err
	}
	if v.Placed, err = b.placed(ctx, eval.ID); err != nil {
		return v, err
	}
	for group, m := range eval.FailedTGAllocs {
		if v.Unplaced == nil {
			v.Unplaced = map[string]string{}
		}
		v.Unplaced[group] = explain(m)
	}
	return v, nil
}

// evaluated waits for the end of an evaluation.
func (b *Backend) evaluated(ctx context.Context, id string) (*api.Evaluation, error) {
	var eval *api.Evaluation
	err := b.until(ctx, "evaluation "+id, func() (bool, error) {
		var err error
		eval, _, err = b.client.Evaluations().Info(id, query(ctx))
		return err == nil && eval.Status != api.EvalStatusPending, err
	})
	return eval, err
}

// until asks again until done says so.
func (b *Backend) until(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, stop := context.WithTimeout(ctx, b.o.Patience)
	defer stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

func (b *Backend) placed(ctx context.Context, eval string) ([]Placed, error) {
	stubs, _, err := b.client.Evaluations().Allocations(eval, query(ctx))
	if err != nil {
		return nil, fmt.Errorf("allocations of evaluation %s: %w", eval, err)
	}
	nodes, _, err := b.client.Nodes().List(query(ctx))
	if err != nil {
		return nil, b.failed("nodes", err)
	}
	names := map[string]string{}
	for _, n := range nodes {
		names[n.ID] = n.Name
	}
	slices.SortFunc(stubs, func(x, y *api.AllocationListStub) int {
		return cmp.Or(cmp.Compare(x.TaskGroup, y.TaskGroup), cmp.Compare(x.CreateIndex, y.CreateIndex), cmp.Compare(indexOf(x.Name), indexOf(y.Name)))
	})
	var list []Placed
	for _, s := range stubs {
		a, _, err := b.client.Allocations().Info(s.ID, query(ctx))
		if err != nil {
			return nil, fmt.Errorf("allocation %s: %w", s.ID, err)
		}
		p := Placed{ID: a.ID, Group: a.TaskGroup, Index: indexOf(a.Name), Node: a.NodeName, Attempt: a.CreateIndex, Evicted: a.PreemptedAllocations}
		if a.Metrics != nil {
			for _, m := range a.Metrics.ScoreMetaData {
				p.Scores = append(p.Scores, runner.NodeScore{Node: names[m.NodeID], Final: m.NormScore, Parts: m.Scores})
			}
		}
		list = append(list, p)
	}
	return list, nil
}

// Withdraw takes a submitted job off the server.
func (b *Backend) Withdraw(ctx context.Context, run, name string) error {
	id := decisionPrefix(run) + name
	if _, _, err := b.client.Jobs().Deregister(id, true, writing(ctx)); err != nil {
		return fmt.Errorf("withdraw job %s: %w", id, err)
	}
	return nil
}

// Settle waits until the server has nothing left to decide and the nodes have
// done what was decided, as several looks in turn find: a node's report may
// free an evaluation that was blocked.
func (b *Backend) Settle(ctx context.Context) error {
	quiet := 0
	return b.until(ctx, "waiting for the cluster to come to rest", func() (bool, error) {
		busy, err := b.busy(ctx)
		if quiet++; busy {
			quiet = 0
		}
		return quiet == looks, err
	})
}

// looks is how many times in turn a cluster must be found at rest.
const looks = 3

// busy reports whether evaluations wait, or allocations are on their way.
func (b *Backend) busy(ctx context.Context) (bool, error) {
	q := query(ctx)
	q.Filter = `(DesiredStatus == "run" and ClientStatus == "pending") or (DesiredStatus != "run" and (ClientStatus == "running" or ClientStatus == "pending"))`
	allocs, _, err := b.client.Allocations().List(q)
	if err != nil || len(allocs) > 0 {
		return true, err
	}
	q = query(ctx)
	q.Filter = `Status == "pending"`
	evals, _, err := b.client.Evaluations().List(q)
	return len(evals) > 0, err
}
