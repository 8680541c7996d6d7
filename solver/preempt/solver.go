package preempt

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

// Solver places jobs with Base, and what then has no node where the evictions
// disturb least, over all nodes. What was evicted is given to Base again; what
// finds no node even so stays out. Base must keep the incumbent.
type Solver struct {
	Base    solver.Solver
	Evictor solver.Evictor
}

// Solve implements solver.Solver. It proves nothing: the evictions are chosen
// for one instance after the other, by falling priority.
func (s Solver) Solve(ctx context.Context, p *solver.Problem) (solver.Solution, error) {
	sol, err := s.Base.Solve(ctx, p)
	if err != nil || len(sol.Unplaced) == 0 || ctx.Err() != nil {
		return sol, err
	}
	r, err := s.newRun(p, sol.Placement)
	if err != nil {
		return solver.Solution{}, err
	}
	for _, x := range r.missing {
		r.makeRoom(x)
	}
	if len(r.evicted) == 0 {
		return sol, nil
	}
	again := *p
	now := r.placement()
	again.Incumbent = &now
	out, err := s.Base.Solve(ctx, &again)
	if err != nil {
		return solver.Solution{}, err
	}
	return r.merge(sol, out), nil
}

// run is the eviction phase.
type run struct {
	Solver
	p       *solver.Problem
	book    *cluster.Book
	missing []instance // by falling priority
	evicted []solver.Evicted
	chosen  map[instance]topology.NodeID
}

type instance struct{ job, group, index int }

func (s Solver) newRun(p *solver.Problem, pl placement.Placement) (*run, error) {
	r := &run{Solver: s, p: p, book: cluster.NewBook(p.Topology.Nodes(), p.Workload.Jobs), chosen: map[instance]topology.NodeID{}}
	for j := range pl.Jobs {
		for g := range pl.Jobs[j] {
			for k, n := range pl.Jobs[j][g] {
				if n == topology.None {
					r.missing = append(r.missing, instance{j, g, k})
				} else if lacks := r.book.Start(j, g, k, n); lacks != "" {
					return nil, fmt.Errorf("the placement of the base solver cannot run: job %q: %q has no room: %s",
						p.Workload.Jobs[j].Name, p.Topology.Nodes()[n].Name, lacks)
				}
			}
		}
	}
	slices.SortStableFunc(r.missing, func(a, b instance) int {
		return cmp.Compare(p.Workload.Jobs[b.job].Priority, p.Workload.Jobs[a.job].Priority)
	})
	return r, nil
}

// makeRoom evicts what disturbs least of all that would let an instance run,
// from the first node on ties, and starts it there.
func (r *run) makeRoom(x instance) {
	spec := &r.p.Workload.Jobs[x.job]
	best, least := topology.None, math.Inf(1)
	var victims []*cluster.Allocation
	for n := range r.p.Topology.Nodes() {
		list, ok := r.evictOn(spec, x, topology.NodeID(n))
		if cost := Total(list, nil); ok && cost < least {
			best, least, victims = topology.NodeID(n), cost, list
		}
	}
	if best == topology.None {
		return
	}
	for _, a := range victims {
		r.evicted = append(r.evicted, solver.NewEvicted(a, spec))
		r.book.At[a.Job][a.Group][a.Index] = cluster.NoAlloc
		r.book.Update(a.ID, func(a *cluster.Allocation) { a.Desired, a.Client = cluster.Evict, cluster.Complete })
	}
	if lacks := r.book.Start(x.job, x.group, x.index, best); lacks != "" {
		panic("preempt: evictions did not make room: " + lacks) // a fault of the evictor
	}
	r.chosen[x] = best
}

// evictOn asks for room on one node; nothing needs to leave where the instance
// fits already, as it may once another made room.
func (r *run) evictOn(spec *workloads.Job, x instance, n topology.NodeID) ([]*cluster.Allocation, bool) {
	m := r.book.Fleet().Machine(n)
	v := cluster.View{State: r.book.State, Plan: &cluster.Plan{}}
	if !spec.In(m.Node) || placement.AllowsAll(m.Node, spec.Groups[x.group].Constraints) != nil ||
		v.Apart(cluster.JobID(x.job), spec, x.group, n) != nil {
		return nil, false
	}
	ask := cluster.NewAsk(&spec.Groups[x.group])
	req := solver.EvictRequest{
		View: v, Machine: m, Node: n, Job: cluster.JobID(x.job), Priority: spec.Priority, Ask: &ask, Held: ask.On(m), On: v.Append(nil, n),
	}
	if (&search{EvictRequest: req, on: req.On}).fits() {
		return nil, true
	}
	return r.Evictor.Evict(req)
}

func (r *run) placement() placement.Placement {
	out := placement.Unplaced(r.p.Workload)
	for j := range r.book.At {
		for g := range r.book.At[j] {
			for k, id := range r.book.At[j][g] {
				if id != cluster.NoAlloc {
					out.Jobs[j][g][k] = r.book.Alloc(id).Node
				}
			}
		}
	}
	return out
}

// merge is the answer of the second run of the base solver with what was
// evicted between the two.
func (r *run) merge(first, last solver.Solution) solver.Solution {
	last.Evicted = append(slices.Concat(first.Evicted, r.evicted), last.Evicted...)
	last.Steps += first.Steps
	last.Bound = math.NaN()
	last.Decisions = slices.Concat(first.Decisions, last.Decisions)
	for x, n := range r.chosen {
		job := &r.p.Workload.Jobs[x.job]
		for i := range first.Decisions { // of which last has a copy
			if d := &last.Decisions[i]; d.Workload == job.Name && d.Item == job.Groups[x.group].Name && d.Instance == x.index {
				d.Node = n
			}
		}
	}
	for i := range last.Unplaced {
		u := &last.Unplaced[i]
		for _, e := range r.evicted {
			if e.Workload == u.Workload && e.Item == u.Item && e.Instance == u.Instance {
				u.Reason = fmt.Sprintf("evicted for %s of priority %d; %s", e.For, e.ByPriority, u.Reason)
			}
		}
	}
	if last.Status == solver.Unknown && len(last.Unplaced) <= last.Displaced() {
		last.Status = solver.Feasible
	}
	return last
}
