package solver

import (
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// wishes are the affinities of a problem's groups.
type wishes struct {
	nodes     []topology.Node
	lists     [][][]workloads.Affinity // by job and group
	instances int                      // that have any
}

func newWishes(p *Problem) *wishes {
	w := &wishes{nodes: p.Topology.Nodes()}
	for i := range p.Workload.Jobs {
		j := &p.Workload.Jobs[i]
		var groups [][]workloads.Affinity
		for k := range j.Groups {
			g := &j.Groups[k]
			list := workloads.Affinities(j, g)
			if len(list) > 0 {
				w.instances += g.Count
			}
			groups = append(groups, list)
		}
		w.lists = append(w.lists, groups)
	}
	return w
}

// unmet is the share of a group's wishes that a node does not meet: half of 1
// less HashiCorp's affinity score, the sum of the weights that match over that
// of all, which goes from -1 to 1.
func (w *wishes) unmet(job, group int, n topology.NodeID) float64 {
	var met, all float64
	for i := range w.lists[job][group] {
		a := &w.lists[job][group][i]
		x := float64(a.Weight)
		all += max(x, -x)
		if a.Allows(&w.nodes[n]) {
			met += x
		}
	}
	if all == 0 {
		return 0
	}
	return (1 - met/all) / 2
}

// unmetWishes is the mean over the instances that have wishes.
func unmetWishes(p *Problem, pl placement.Placement) float64 {
	w := newWishes(p)
	sum := 0.0
	for j := range pl.Jobs {
		for g := range pl.Jobs[j] {
			for _, n := range pl.Jobs[j][g] {
				if n != topology.None {
					sum += w.unmet(j, g, n)
				}
			}
		}
	}
	return sum / float64(max(1, w.instances))
}
