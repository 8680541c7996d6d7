package online_test

import (
	"math"
	"slices"
	"sort"

	"caravan/solver/online"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// A scan looks at every node each time and computes every score from the
// definition: the slow twin of a Cluster.
type scan struct {
	nodes   []topology.Node
	ledger  *placement.Ledger
	policy  online.Policy
	typical []online.Typical
	kinds   []map[int]int // GPU demands on each node, by count; 0 is a share
}

func newScan(t *topology.Topology, p online.Policy, typical []online.Typical) *scan {
	s := &scan{nodes: t.Nodes(), ledger: placement.NewLedger(t), policy: p}
	for range s.nodes {
		s.kinds = append(s.kinds, map[int]int{})
	}
	sorted := slices.Clone(typical)
	milli := func(d topology.Resources) int {
		if d.GPUMilli == 0 {
			return 1000
		}
		return d.GPUMilli
	}
	sort.SliceStable(sorted, func(i, j int) bool {
		a, b := sorted[i], sorted[j]
		switch {
		case a.Weight != b.Weight:
			return a.Weight > b.Weight
		case a.Demand.CPU != b.Demand.CPU:
			return a.Demand.CPU > b.Demand.CPU
		case milli(a.Demand) != milli(b.Demand):
			return milli(a.Demand) > milli(b.Demand)
		}
		return a.Demand.GPUs > b.Demand.GPUs
	})
	all, kept := 0.0, 0.0
	for _, x := range sorted {
		all += x.Weight
	}
	for _, x := range sorted {
		if kept >= 0.95*all {
			break
		}
		kept += x.Weight
		s.typical = append(s.typical, x)
	}
	for i := range s.typical {
		s.typical[i].Weight /= kept
	}
	return s
}

func kindOf(d topology.Resources) int {
	if d.GPUs == 1 && d.GPUMilli < 1000 {
		return 0
	}
	return d.GPUs
}

func (s *scan) place(d topology.Resources, cs []workloads.Constraint) (topology.NodeID, placement.Grant, bool) {
	best, most, device := topology.None, math.Inf(-1), -1
	for i := range s.nodes {
		n := topology.NodeID(i)
		if !s.ledger.Admits(n, d, cs) {
			continue
		}
		if score, dev := s.score(n, d); score > most {
			best, most, device = n, score, dev
		}
	}
	if best == topology.None {
		return best, placement.Grant{}, false
	}
	g := placement.Grant{}
	if device < 0 {
		g, _ = s.ledger.Take(best, d)
	} else {
		withoutGPUs := d
		withoutGPUs.GPUs = 0
		s.ledger.Take(best, withoutGPUs)
		g = placement.Grant{Devices: []int16{int16(device)}, Milli: int16(d.GPUMilli)}
		s.ledger.FreeGPUs(best)[device] -= g.Milli
	}
	if d.GPUs > 0 {
		s.kinds[best][kindOf(d)]++
	}
	return best, g, true
}

func (s *scan) give(n topology.NodeID, d topology.Resources, g placement.Grant) {
	s.ledger.Give(n, d, g)
	if d.GPUs > 0 {
		if s.kinds[n][kindOf(d)]--; s.kinds[n][kindOf(d)] == 0 {
			delete(s.kinds[n], kindOf(d))
		}
	}
}

// score is higher for better nodes, and for FGD the device to share.
func (s *scan) score(n topology.NodeID, d topology.Resources) (float64, int) {
	node := &s.nodes[n]
	cpuLeft, memoryLeft := float64(s.ledger.FreeCPU(n)), float64(s.ledger.FreeMemory(n))
	gpus := s.ledger.FreeGPUs(n)
	total := 0.0
	for _, f := range gpus {
		total += float64(f)
	}
	asked := float64(d.GPUs * d.GPUMilli)
	mostCPU, mostGPU := 0.0, 0.0
	for i := range s.nodes {
		mostCPU = max(mostCPU, float64(s.nodes[i].CPU-s.nodes[i].Reserved.CPU))
		mostGPU = max(mostGPU, float64(s.nodes[i].GPUs.Count)*1000)
	}
	per := func(x, largest float64) float64 {
		if largest == 0 {
			return 0
		}
		return x / largest
	}
	switch s.policy {
	case online.Binpack, online.Spread:
		power := func(free, demand, capacity float64, limited bool) float64 {
			switch {
			case !limited || capacity == 0:
				return 10
			}
			return math.Pow(10, (free-demand)/capacity)
		}
		sum := power(cpuLeft, float64(d.CPU), float64(node.CPU-node.Reserved.CPU), node.CPU > 0) +
			power(memoryLeft, float64(d.Memory), float64(node.Memory-node.Reserved.Memory), node.Memory > 0)
		if s.policy == online.Spread {
			return sum, -1
		}
		return -sum, -1
	case online.BestFit, online.WorstFit:
		if node.CPU == 0 {
			cpuLeft = mostCPU
		}
		left := per(cpuLeft-float64(d.CPU), mostCPU)*0.5 + per(total-asked, mostGPU)*0.5
		if s.policy == online.WorstFit {
			return math.Trunc(left * 100), -1
		}
		return math.Trunc((1 - left) * 100), -1
	case online.DotProduct:
		if node.CPU == 0 {
			cpuLeft = mostCPU
		}
		product := float64(per(cpuLeft, mostCPU)*per(float64(d.CPU), mostCPU)) + float64(per(total, mostGPU)*per(asked, mostGPU))
		return math.Trunc((1 - product/2) * 100), -1
	case online.GPUPacking:
		return packing(d, gpus), -1
	case online.GPUClustering:
		return s.clustering(n, d, total, mostGPU), -1
	}
	return s.fragmentation(n, d, cpuLeft, gpus)
}

func packing(d topology.Resources, gpus []int16) float64 {
	if d.GPUs == 0 {
		return 0
	}
	idle, sorted := 0, slices.Sorted(slices.Values(gpus))
	for _, f := range sorted {
		if f == 1000 {
			idle++
		}
	}
	if idle == len(sorted) {
		return max(33-float64(idle), float64(idle))
	}
	taken, fresh, percent := 0, 0, 0
	for _, f := range sorted {
		if taken < d.GPUs && int(f) >= d.GPUMilli {
			taken++
			percent += int(f) / 10
			if f == 1000 {
				fresh++
			}
		}
	}
	if fresh > 0 {
		return max(50-float64(fresh), 33)
	}
	return max(100-float64(percent/10), 50)
}

func (s *scan) clustering(n topology.NodeID, d topology.Resources, total, most float64) float64 {
	if d.GPUs == 0 {
		return 0
	}
	score := 0.0
	if most > 0 {
		score = math.Trunc(25 * (most - total) / most)
	}
	switch _, mine := s.kinds[n][kindOf(d)]; {
	case mine && len(s.kinds[n]) == 1:
		return 75 + score
	case mine:
		return 50 + score
	case len(s.kinds[n]) == 0:
		return 25 + score
	}
	return score
}

// fragments is F by its definition, one demand at a time.
func (s *scan) fragments(model string, cpu float64, gpus []int16) float64 {
	sum := 0.0
	for _, x := range s.typical {
		left, usable, count := 0.0, 0.0, 0
		for _, f := range gpus {
			left += float64(f)
			if int(f) >= x.Demand.GPUMilli {
				usable += float64(f)
				count++
			}
		}
		d := x.Demand
		if d.GPUs == 0 || count < d.GPUs || float64(d.CPU) > cpu || len(d.GPUModel) > 0 && !slices.Contains(d.GPUModel, model) {
			usable = 0
		}
		sum += x.Weight * (left - usable)
	}
	return sum
}

func (s *scan) fragmentation(n topology.NodeID, d topology.Resources, cpu float64, gpus []int16) (float64, int) {
	model := s.nodes[n].GPUs.Model
	before := s.fragments(model, cpu, gpus)
	grade := func(after []int16) float64 {
		return math.Trunc(100 / (1 + math.Exp((s.fragments(model, cpu-float64(d.CPU), after)-before)/1000)))
	}
	if d.GPUs != 1 || d.GPUMilli == 1000 {
		after := slices.Sorted(slices.Values(gpus))
		for i, left := 0, d.GPUs; left > 0; i++ {
			if int(after[i]) >= d.GPUMilli {
				after[i] -= int16(d.GPUMilli)
				left--
			}
		}
		return grade(after), -1
	}
	best, device := -1.0, -1
	for _, f := range slices.Sorted(slices.Values(gpus)) { // the fullest device wins ties
		i := slices.Index(gpus, f)
		if int(f) < d.GPUMilli {
			continue
		}
		after := slices.Clone(gpus)
		after[i] -= int16(d.GPUMilli)
		if x := grade(after); x > best {
			best, device = x, i
		}
	}
	return best, device
}
