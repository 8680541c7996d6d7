package conflict

import (
	"context"
	"fmt"
	"slices"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// mostThings bounds what the filter takes on: it solves a problem a thing.
const mostThings = 200

// filter leaves things out one by one, as long as the rest still has no
// placement (a deletion filter, Chinneck and Dravnieks, 1991). What is left is
// a set without a superfluous member.
func filter(ctx context.Context, p *solver.Problem, exact solver.Solver, things []thing) (*Explanation, error) {
	if len(things) > mostThings {
		return nil, nil
	}
	out := make([]bool, len(things))
	impossible, err := infeasible(ctx, p, exact, things, out, p.Topology)
	if err != nil || !impossible {
		return nil, err
	}
	minimal := true
	for i := range things {
		if things[i].need == (placement.Vector{}) {
			out[i] = true
			continue
		}
		out[i] = true
		impossible, err := infeasible(ctx, p, exact, things, out, p.Topology)
		if err != nil {
			return nil, err
		}
		out[i] = impossible
		if ctx.Err() != nil {
			out[i], minimal = false, false
			break
		}
	}
	e := &Explanation{Minimal: minimal}
	var nodes []topology.NodeID
	for i := range things {
		if out[i] {
			continue
		}
		e.Items = append(e.Items, things[i].name)
		for _, n := range things[i].allowed {
			if !slices.Contains(nodes, n) {
				nodes = append(nodes, n)
			}
		}
	}
	slices.Sort(nodes)
	e.Nodes = names(p, nodes)
	e.Remedy, err = remedy(ctx, p, exact, things, nodes)
	return e, err
}

// infeasible asks the exact solver about the problem without the things that
// are out.
func infeasible(ctx context.Context, p *solver.Problem, exact solver.Solver, things []thing, out []bool, t *topology.Topology) (bool, error) {
	q := *p
	q.Topology, q.Workload, q.Incumbent, q.Objective = t, cloneWorkload(p.Workload), nil, solver.Latency
	q.Also, q.Limits = nil, nil
	for i, gone := range out {
		if gone {
			things[i].zero(q.Workload)
		}
	}
	sol, err := exact.Solve(ctx, &q)
	return sol.Status == solver.Infeasible, err
}

// cloneWorkload copies what zero changes.
func cloneWorkload(w *workloads.Workload) *workloads.Workload {
	out := &workloads.Workload{Pipelines: slices.Clone(w.Pipelines), Jobs: slices.Clone(w.Jobs)}
	for i := range out.Pipelines {
		out.Pipelines[i].Operators = slices.Clone(out.Pipelines[i].Operators)
	}
	for j := range out.Jobs {
		out.Jobs[j].Groups = slices.Clone(out.Jobs[j].Groups)
	}
	return out
}

// remedy looks for the least growth of one dimension of one node that lets
// everything be placed, to a twentieth of the node's capacity.
func remedy(ctx context.Context, p *solver.Problem, exact solver.Solver, things []thing, nodes []topology.NodeID) (string, error) {
	best, text := 17.0, ""
	whole := make([]bool, len(things))
	for _, n := range nodes {
		for d := range 2 { // cpu and memory
			capacity := capacityOf(&p.Topology.Nodes()[n], d)
			if capacity == 0 {
				continue
			}
			for part := 1.0; part < best; {
				grown, err := grow(p.Topology, n, d, part/20)
				if err != nil {
					return "", err
				}
				impossible, err := infeasible(ctx, p, exact, things, whole, grown)
				if err != nil {
					return "", err
				}
				if ctx.Err() != nil {
					return text, nil
				}
				if !impossible {
					best = part
					text = fmt.Sprintf("%s more of %s on %s would do", amount(dimensions[d], capacity*part/20), dimensions[d], p.Topology.Nodes()[n].Name)
					break
				}
				part *= 2
			}
		}
	}
	return text, nil
}

func capacityOf(n *topology.Node, d int) float64 {
	if d == 0 {
		return float64(n.CPU)
	}
	return float64(n.Memory)
}

// grow is the topology with one node's cpu or memory larger by a share.
func grow(t *topology.Topology, n topology.NodeID, d int, share float64) (*topology.Topology, error) {
	nodes := slices.Clone(t.Nodes())
	if d == 0 {
		nodes[n].CPU += topology.MHz(float64(nodes[n].CPU) * share)
	} else {
		nodes[n].Memory += topology.Bytes(float64(nodes[n].Memory) * share)
	}
	links := slices.Clone(t.Links())
	for i := range links {
		links[i].Medium++ // New counts from 1, and keeps those that share together
	}
	return topology.New(nodes, links)
}
