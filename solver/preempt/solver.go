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
	// Joint makes room for all instances that a group lacks at once, which with
	// an exact Evictor is the least disruption of all ways to do so. Otherwise,
	// and for groups whose instances keep their distance from each other, room
	// is made for one after the other.
	Joint bool
}

// Solve implements solver.Solver. It proves nothing: evictions are chosen for
// one group after the other, by falling priority.
func (s Solver) Solve(ctx context.Context, p *solver.Problem) (solver.Solution, error) {
	sol, err := s.Base.Solve(ctx, p)
	if err != nil || len(sol.Unplaced) == 0 || ctx.Err() != nil {
		return sol, err
	}
	r, err := s.newRun(p, sol.Placement)
	if err != nil {
		return solver.Solution{}, err
	}
	for len(r.missing) > 0 {
		r.next()
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

// next makes room for what the first group lacks, or for its first instance.
func (r *run) next() {
	x, n := r.missing[0], 1
	spec := &r.p.Workload.Jobs[x.job]
	if r.Joint && !keepsDistance(spec, x.group) {
		for n < len(r.missing) && r.missing[n].job == x.job && r.missing[n].group == x.group {
			n++
		}
	}
	r.makeRoom(r.missing[:n])
	r.missing = r.missing[n:]
}

func keepsDistance(j *workloads.Job, group int) bool {
	distinct := func(c workloads.Constraint) bool { return c.Distinct() }
	return j.Type.Everywhere() || slices.ContainsFunc(j.Constraints, distinct) || slices.ContainsFunc(j.Groups[group].Constraints, distinct)
}

// An option is room for a number of instances on one node.
type option struct {
	victims []*cluster.Allocation
	cost    float64
}

// makeRoom finds room for as many of the equal instances as there can be, with
// the least disruption, on the first nodes on ties: node by node, the least for
// every number of instances so far. Its time grows with nodes times instances
// squared, and the searches on a node with the instances that fit there.
func (r *run) makeRoom(list []instance) {
	nodes := len(r.p.Topology.Nodes())
	least := slices.Repeat([]float64{math.Inf(1)}, len(list)+1)
	least[0] = 0
	taken := make([][]int, nodes) // by node and number so far: how many go there
	options := make([][]option, nodes)
	for n := range nodes {
		options[n] = r.options(list, topology.NodeID(n))
		next := slices.Clone(least)
		taken[n] = make([]int, len(list)+1)
		for k := range least {
			for m := 1; m <= min(k, len(options[n])); m++ {
				if c := least[k-m] + options[n][m-1].cost; c < next[k] {
					next[k], taken[n][k] = c, m
				}
			}
		}
		least = next
	}
	k := len(list)
	for math.IsInf(least[k], 1) {
		k--
	}
	for n := nodes - 1; n >= 0 && k > 0; n-- {
		if m := taken[n][k]; m > 0 {
			r.carry(list[k-m:k], topology.NodeID(n), options[n][m-1].victims)
			k -= m
		}
	}
}

// options are the rooms for 1, 2, ... of the instances on node n, as many as
// there can be.
func (r *run) options(list []instance, n topology.NodeID) []option {
	spec := &r.p.Workload.Jobs[list[0].job]
	m := r.book.Fleet().Machine(n)
	v := cluster.View{State: r.book.State, Plan: &cluster.Plan{}}
	if !spec.In(m.Node) || placement.AllowsAll(m.Node, spec.Groups[list[0].group].Constraints) != nil ||
		v.Apart(cluster.JobID(list[0].job), spec, list[0].group, n) != nil {
		return nil
	}
	one := cluster.NewAsk(&spec.Groups[list[0].group])
	var out []option
	for k := 1; k <= len(list); k++ {
		ask := one.Times(k)
		victims, ok := r.evictOn(solver.EvictRequest{
			View: v, Machine: m, Node: n, Job: cluster.JobID(list[0].job), Priority: spec.Priority, Ask: &ask, Held: one.On(m).Times(k), On: v.Append(nil, n),
		}, k)
		if !ok {
			break
		}
		out = append(out, option{victims, Total(victims, nil)})
	}
	return out
}

// evictOn asks for room on one node; nothing needs to leave where the instances
// fit already, as they may once another made room.
func (r *run) evictOn(req solver.EvictRequest, instances int) ([]*cluster.Allocation, bool) {
	if limit := req.Machine.Node.MaxInstances; limit > 0 && instances > 1 && len(req.On)+instances > limit {
		return nil, false
	}
	if (&search{EvictRequest: req, on: req.On}).fits() {
		return nil, true
	}
	return r.Evictor.Evict(req)
}

// carry evicts the victims and starts the instances in their place.
func (r *run) carry(list []instance, n topology.NodeID, victims []*cluster.Allocation) {
	spec := &r.p.Workload.Jobs[list[0].job]
	for _, a := range victims {
		r.evicted = append(r.evicted, solver.NewEvicted(a, spec))
		r.book.At[a.Job][a.Group][a.Index] = cluster.NoAlloc
		r.book.Update(a.ID, func(a *cluster.Allocation) { a.Desired, a.Client = cluster.Evict, cluster.Complete })
	}
	for _, x := range list {
		if lacks := r.book.Start(x.job, x.group, x.index, n); lacks != "" {
			panic("preempt: evictions did not make room: " + lacks) // a fault of the evictor
		}
		r.chosen[x] = n
	}
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
