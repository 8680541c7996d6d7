package binpack

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
	"caravan/workloads/placement"
)

// Scheduler places jobs as a cluster of HashiCorp Nomad would, by a Chain: one
// evaluation after the other, by falling priority and in the order of the
// workload. What the incumbent has keeps its node; what is evicted is evaluated
// again. It does not place pipelines.
type Scheduler struct {
	Config
}

// maxDecisions bounds how many decisions a solution explains.
const maxDecisions = 1000

// Solve implements solver.Solver. It proves nothing.
func (s Scheduler) Solve(ctx context.Context, p *solver.Problem) (solver.Solution, error) {
	if len(p.Workload.Pipelines) > 0 {
		return solver.Solution{}, fmt.Errorf("%w: it places jobs, and pipeline %q is none", solver.ErrUnsupported, p.Workload.Pipelines[0].Name)
	}
	r := newRound(s.Config, p)
	for ctx.Err() == nil && len(r.queue) > 0 {
		r.evaluate(r.pop())
	}
	return r.solution(), nil
}

// round is one run of the scheduler over a problem.
type round struct {
	p      *solver.Problem
	book   *cluster.Book
	chain  *Chain
	queue  []cluster.JobID // jobs to evaluate, the next one last
	queued []bool          // by job
	why    map[instanceKey]string
	out    solver.Solution
	evals  uint64
}

type instanceKey struct{ job, group, instance int32 }

func newRound(config Config, p *solver.Problem) *round {
	r := &round{
		p: p, book: cluster.NewBook(p.Topology.Nodes(), p.Workload.Jobs), why: map[instanceKey]string{},
		out: solver.Solution{Placement: placement.Unplaced(p.Workload), Bound: math.NaN()},
	}
	r.chain = NewChain(r.book.Fleet(), config)
	if p.Incumbent != nil {
		r.keep(p.Incumbent)
	}
	r.queued = slices.Repeat([]bool{true}, len(p.Workload.Jobs))
	for j := range p.Workload.Jobs {
		r.queue = append(r.queue, cluster.JobID(j))
	}
	slices.SortFunc(r.queue, r.later)
	return r
}

// keep starts what the incumbent has where it has it, as long as it fits.
func (r *round) keep(in *placement.Placement) {
	jobs := r.p.Workload.Jobs
	order := make([]int, len(jobs))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(jobs[b].Priority, jobs[a].Priority) })
	nodes := r.p.Topology.Nodes()
	for _, j := range order {
		for g, list := range in.Jobs[j] {
			for k, n := range list {
				if n != topology.None && placement.AllowsAll(&nodes[n], jobs[j].Groups[g].Constraints) == nil && jobs[j].In(&nodes[n]) {
					r.book.Start(j, g, k, n)
				}
			}
		}
	}
}

// later orders the queue: by rising priority, and within one the later job of
// the workload first, so that its end is next.
func (r *round) later(a, b cluster.JobID) int {
	return cmp.Or(cmp.Compare(r.p.Workload.Jobs[a].Priority, r.p.Workload.Jobs[b].Priority), cmp.Compare(b, a))
}

func (r *round) pop() cluster.JobID {
	j := r.queue[len(r.queue)-1]
	r.queue = r.queue[:len(r.queue)-1]
	r.queued[j] = false
	return j
}

// push has a job evaluated, once.
func (r *round) push(j cluster.JobID) {
	if !r.queued[j] {
		r.queued[j] = true
		at, _ := slices.BinarySearchFunc(r.queue, j, r.later)
		r.queue = slices.Insert(r.queue, at, j)
	}
}

// evaluate places what a job lacks and carries the plan out.
func (r *round) evaluate(j cluster.JobID) {
	spec := &r.p.Workload.Jobs[j]
	plan := &cluster.Plan{Job: j, Priority: spec.Priority, AllAtOnce: spec.AllAtOnce}
	r.evals++
	r.chain.Begin(cluster.View{State: r.book.State, Plan: plan}, j, spec, r.p.Seed^(r.evals*0x9E3779B97F4A7C15))
	var keys []instanceKey
	failed := ""
	for g := range spec.Groups {
		placed, why := r.group(j, g)
		keys = append(keys, placed...)
		if failed == "" && why != "" {
			failed = why
		}
	}
	if spec.AllAtOnce && failed != "" {
		for _, k := range keys {
			r.why[k] = "all at once or none: " + failed
		}
		return
	}
	ids := r.book.Commit(plan, 0, func(topology.NodeID) bool { return false })
	for i, id := range ids {
		r.book.At[j][keys[i].group][keys[i].instance] = id
	}
	for _, e := range plan.Evictions {
		r.evicted(r.book.Alloc(e.Alloc), spec)
	}
}

// group places the instances that a group lacks; after the first failure the
// rest is not tried (scheduler/generic_sched.go). It says why.
func (r *round) group(j cluster.JobID, g int) (placed []instanceKey, why string) {
	spec := &r.p.Workload.Jobs[j]
	targets := r.targets(spec, g)
	for k, id := range r.book.At[j][g] {
		if id != cluster.NoAlloc {
			continue
		}
		key := instanceKey{int32(j), int32(g), int32(k)}
		if why != "" && !spec.Type.Everywhere() {
			r.why[key] = why
			continue
		}
		var o Options
		if spec.Type.Everywhere() {
			if o.Only = r.next(j, g, targets); o.Only == nil {
				r.why[key] = cmp.Or(why, "no further node takes it")
				continue
			}
			targets = targets[slices.Index(targets, o.Only[0])+1:]
		}
		d, ok := r.chain.Place(g, k, o)
		r.record(key, d, ok)
		if !ok {
			why = r.chain.Explain().String()
			r.why[key] = why
			continue
		}
		delete(r.why, key)
		placed = append(placed, key)
	}
	return placed, why
}

// targets are the nodes on which a job that runs everywhere has to run.
func (r *round) targets(spec *workloads.Job, g int) []topology.NodeID {
	var out []topology.NodeID
	nodes := r.p.Topology.Nodes()
	for n := range nodes {
		if spec.Type.Everywhere() && spec.In(&nodes[n]) && placement.AllowsAll(&nodes[n], spec.Groups[g].Constraints) == nil {
			out = append(out, topology.NodeID(n))
		}
	}
	return out
}

// next is the first target without an instance of the group.
func (r *round) next(j cluster.JobID, g int, targets []topology.NodeID) []topology.NodeID {
	for i, n := range targets {
		taken := slices.ContainsFunc(r.book.At[j][g], func(id cluster.AllocID) bool {
			return id != cluster.NoAlloc && r.book.Alloc(id).Node == n
		})
		if !taken {
			return targets[i : i+1 : i+1]
		}
	}
	return nil
}

func (r *round) record(k instanceKey, d Decision, ok bool) {
	if len(r.out.Decisions) >= maxDecisions {
		return
	}
	job := &r.p.Workload.Jobs[k.job]
	x := solver.Decision{Workload: job.Name, Item: job.Groups[k.group].Name, Instance: int(k.instance), Node: topology.None, Explanation: r.chain.Explain()}
	if ok {
		x.Node = d.Node
	}
	r.out.Decisions = append(r.out.Decisions, x)
}

// evicted stops a victim at once and has its job evaluated again.
func (r *round) evicted(a *cluster.Allocation, by *workloads.Job) {
	id, key := a.ID, instanceKey{int32(a.Job), a.Group, a.Index}
	r.out.Evicted = append(r.out.Evicted, solver.NewEvicted(a, by))
	r.book.Update(id, func(a *cluster.Allocation) { a.Client = cluster.Complete })
	r.book.At[key.job][key.group][key.instance] = cluster.NoAlloc
	r.why[key] = fmt.Sprintf("evicted for %s of priority %d", by.Name, by.Priority)
	r.push(cluster.JobID(key.job))
}

// solution reads the placement from the book.
func (r *round) solution() solver.Solution {
	out := r.out
	out.Status, out.Steps = solver.Feasible, int64(r.evals)
	left := 0
	for j := range r.p.Workload.Jobs {
		job := &r.p.Workload.Jobs[j]
		for g := range job.Groups {
			for k, id := range r.book.At[j][g] {
				if id != cluster.NoAlloc {
					out.Placement.Jobs[j][g][k] = r.book.Alloc(id).Node
					continue
				}
				left++
				why := cmp.Or(r.why[instanceKey{int32(j), int32(g), int32(k)}], "the search was stopped")
				out.Unplaced = append(out.Unplaced, solver.Unplaced{Workload: job.Name, Item: job.Groups[g].Name, Instance: k, Reason: why})
			}
		}
	}
	if left > out.Displaced() {
		out.Status = solver.Unknown
	}
	return out
}
