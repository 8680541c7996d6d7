package binpack

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// A Policy is a rule that chooses the next item and its node. All but FirstFit
// and FirstFitDecreasing take a node that holds something while one has room.
type Policy string

const (
	// HashiCorp takes items by falling GPUs, cpu, memory, and the node of the
	// best fit score (see Score).
	HashiCorp Policy = "hashicorp"
	// FirstFit takes items as they are listed, and the first node with room.
	FirstFit Policy = "first-fit"
	// BestFit takes items as they are listed, and the node on which the least
	// stays free: the sum of its free shares of cpu, memory, disk and GPUs.
	BestFit Policy = "best-fit"
	// WorstFit takes items as they are listed, and the node on which the most
	// stays free.
	WorstFit Policy = "worst-fit"
	// FirstFitDecreasing takes items by falling size, the sum of their shares of
	// the whole cluster, and the first node with room.
	FirstFitDecreasing Policy = "first-fit-decreasing"
	// DotProduct takes items by falling size, and the node whose free shares
	// match the demanded shares best, by their scalar product (Panigrahy,
	// Talwar, Uyeda, Wieder: Heuristics for Vector Bin Packing, 2011).
	DotProduct Policy = "dot-product"
)

// Policies lists every policy, for messages and catalogues.
func Policies() []string {
	return []string{string(HashiCorp), string(FirstFit), string(BestFit), string(WorstFit), string(FirstFitDecreasing), string(DotProduct)}
}

// A placer chooses nodes for items one by one.
type placer interface {
	place(d topology.Resources, cs []workloads.Constraint, pin topology.NodeID) (topology.NodeID, placement.Grant, bool)
	give(n topology.NodeID, d topology.Resources, g placement.Grant)
	explain(it item) string
}

// placer sorts the items and returns the placer of an empty cluster.
func (s Solver) placer(t *topology.Topology, items []item) (placer, error) {
	if !slices.Contains(Policies(), string(cmp.Or(s.Policy, HashiCorp))) {
		return nil, fmt.Errorf("policy %q: allowed is one of %v", s.Policy, Policies())
	}
	f := newFitter(t)
	after := func(a, b item) int { return 0 }
	switch s.Policy {
	case FirstFit:
		f.score = func(topology.NodeID, shares) float64 { return 0 }
	case BestFit:
		f.openFirst = true
		f.score = func(n topology.NodeID, demand shares) float64 { return f.free(n).less(demand).sum() }
	case WorstFit:
		f.openFirst = true
		f.score = func(n topology.NodeID, demand shares) float64 { return -f.free(n).less(demand).sum() }
	case FirstFitDecreasing:
		f.score = func(topology.NodeID, shares) float64 { return 0 }
		after = f.bySize
	case DotProduct:
		f.openFirst = true
		f.score = func(n topology.NodeID, demand shares) float64 { return -f.free(n).times(demand).sum() }
		after = f.bySize
	default:
		after = func(a, b item) int {
			return cmp.Or(cmp.Compare(b.demand.GPUs, a.demand.GPUs),
				cmp.Compare(b.demand.CPU, a.demand.CPU), cmp.Compare(b.demand.Memory, a.demand.Memory))
		}
	}
	slices.SortStableFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(free(a), free(b)), cmp.Compare(b.priority, a.priority), after(a, b))
	})
	if cmp.Or(s.Policy, HashiCorp) == HashiCorp {
		return NewOnline(t, s.Spread), nil
	}
	return f, nil
}

// shares are parts of a capacity in cpu, memory, disk and GPUs; 0 where there
// is none or it is unconstrained.
type shares [4]float64

func (a shares) sum() float64 { return a[0] + a[1] + a[2] + a[3] }

func (a shares) less(b shares) shares {
	for d := range a {
		a[d] -= b[d]
	}
	return a
}

func (a shares) times(b shares) shares {
	for d := range a {
		a[d] *= b[d]
	}
	return a
}

func (a shares) over(capacity shares) shares {
	for d, c := range capacity {
		if c > 0 {
			a[d] /= c
		} else {
			a[d] = 0
		}
	}
	return a
}

// capacityOf is what a node has for placement, 0 where it is unconstrained.
func capacityOf(n *topology.Node) shares {
	return shares{
		max(float64(n.CPU-n.Reserved.CPU), 0), max(float64(n.Memory-n.Reserved.Memory), 0),
		max(float64(n.Disk-n.Reserved.Disk), 0), float64(n.GPUs.Count),
	}
}

func demandOf(d topology.Resources) shares {
	return shares{float64(d.CPU), float64(d.Memory), float64(d.Disk), float64(d.GPUs) * float64(milliOf(d)) / 1000}
}

// A fitter places items on the node of the least score.
type fitter struct {
	nodes     []topology.Node
	ledger    *placement.Ledger
	capacity  []shares // of each node
	cluster   shares   // of all nodes together
	held      []int    // items on each node
	openFirst bool     // nodes that hold something come before empty ones
	score     func(n topology.NodeID, demand shares) float64
}

func newFitter(t *topology.Topology) *fitter {
	nodes := t.Nodes()
	f := &fitter{nodes: nodes, ledger: placement.NewLedger(t), capacity: make([]shares, len(nodes)), held: make([]int, len(nodes))}
	for i := range nodes {
		f.capacity[i] = capacityOf(&nodes[i])
		for d, c := range f.capacity[i] {
			f.cluster[d] += c
		}
	}
	return f
}

func (f *fitter) bySize(a, b item) int {
	return cmp.Compare(demandOf(b.demand).over(f.cluster).sum(), demandOf(a.demand).over(f.cluster).sum())
}

// free is what is left of a node, as shares of its capacity.
func (f *fitter) free(n topology.NodeID) shares {
	var gpus float64
	for _, milli := range f.ledger.FreeGPUs(n) {
		gpus += float64(milli) / 1000
	}
	return shares{float64(f.ledger.FreeCPU(n)), float64(f.ledger.FreeMemory(n)), float64(f.ledger.FreeDisk(n)), gpus}.over(f.capacity[n])
}

func (f *fitter) place(d topology.Resources, cs []workloads.Constraint, pin topology.NodeID) (topology.NodeID, placement.Grant, bool) {
	best, least, open := topology.None, math.Inf(1), false
	for i := range f.nodes {
		n := topology.NodeID(i)
		if pin != topology.None && pin != n || !f.ledger.Fits(n, d) || placement.AllowsAll(&f.nodes[i], cs) != nil {
			continue
		}
		used := f.openFirst && f.held[i] > 0
		if open && !used {
			continue
		}
		if s := f.score(n, demandOf(d).over(f.capacity[i])); s < least || used && !open {
			best, least, open = n, s, used
		}
	}
	if best == topology.None {
		return topology.None, placement.Grant{}, false
	}
	g, ok := f.ledger.Take(best, d)
	f.held[best]++
	return best, g, ok
}

func (f *fitter) give(n topology.NodeID, d topology.Resources, g placement.Grant) {
	f.ledger.Give(n, d, g)
	f.held[n]--
}

func (f *fitter) explain(it item) string { return explain(f.nodes, f.ledger, it) }
func (o *Online) explain(it item) string { return explain(o.nodes, o.ledger, it) }
