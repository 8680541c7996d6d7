package online

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// A Policy is a rule that chooses a node. Ties go to the lowest node, except
// where chance is the rule. The scores of all but Binpack and Spread are whole
// numbers from 0 to 100, as in Kubernetes' scheduling framework, and so tie
// often. A share of a GPU goes to the fullest device that has room, except
// with Random and FGD.
type Policy string

const (
	// Binpack takes the fullest node by HashiCorp Nomad's fit score: the least
	// 10^(free cpu share) + 10^(free memory share) after placement
	// (structs/funcs.go, ScoreFitBinPack; BestFit v3 of Google's).
	Binpack Policy = "binpack"
	// Spread takes the emptiest by the same score.
	Spread Policy = "spread"
	// Random takes any node with room, and any of its devices with room.
	Random Policy = "random"
	// BestFit takes the node on which the least stays free, as the mean of cpu
	// and GPUs in shares of the largest node.
	BestFit Policy = "best-fit"
	// WorstFit takes the node on which the most stays free.
	WorstFit Policy = "worst-fit"
	// DotProduct takes the node whose free cpu and GPUs have the least scalar
	// product with the demand, both in shares of the largest node (Grandl et al.,
	// Multi-Resource Packing for Cluster Schedulers, SIGCOMM 2014).
	DotProduct Policy = "dot-product"
	// GPUPacking prefers devices in use, then free devices of nodes in use, then
	// free nodes (Weng et al., MLaaS in the Wild, NSDI 2022).
	GPUPacking Policy = "gpu-packing"
	// GPUClustering prefers nodes that hold demands of the same kind only, then
	// also others, then idle ones (Xiao et al., Gandiva, OSDI 2018).
	GPUClustering Policy = "gpu-clustering"
	// FGD takes the node, and the device, on which fragmentation grows least
	// (Weng et al., Beware of Fragmentation, USENIX ATC 2023): see typical.
	FGD Policy = "fgd"
	// Kubernetes is the default scheduler of v1.34: see kubernetes.
	Kubernetes Policy = "kubernetes"
)

// Policies lists every policy, for messages and catalogues.
func Policies() []Policy {
	return []Policy{Binpack, Spread, Random, BestFit, WorstFit, DotProduct, GPUPacking, GPUClustering, FGD, Kubernetes}
}

// A policy is how a Policy works.
type policy struct {
	tags   bool // it asks what kinds of demand a node holds
	powers bool // it asks for powers of ten
	// choose is the node for a shape, -1 for none, and what is left of the
	// device to share, -1 for the fullest that has room.
	choose func(c *Cluster, s *shape) (node int32, from int16)
}

func policyOf(o Options) (policy, error) {
	scored := func(f scorer) policy {
		return policy{choose: func(c *Cluster, s *shape) (int32, int16) { return c.best(s, f) }}
	}
	if (o.Policy == Random || o.Policy == Kubernetes) && o.Rand == nil {
		return policy{}, fmt.Errorf("policy %q: a Cluster of it needs Options.Rand", o.Policy)
	}
	switch o.Policy {
	case "", Binpack:
		return fitting(1), nil
	case Spread:
		return fitting(-1), nil
	case Random:
		return policy{choose: (*Cluster).random}, nil
	case BestFit:
		return scored(func(c *Cluster, q *state, s *shape) (float64, int16) { return whole100(1 - c.left(q, s)), -1 }), nil
	case WorstFit:
		return scored(func(c *Cluster, q *state, s *shape) (float64, int16) { return whole100(c.left(q, s)), -1 }), nil
	case DotProduct:
		return scored(func(c *Cluster, q *state, s *shape) (float64, int16) { return whole100(1 - c.product(q, s)), -1 }), nil
	case GPUPacking:
		return scored(func(c *Cluster, q *state, s *shape) (float64, int16) { return c.packed(q, s), -1 }), nil
	case GPUClustering:
		p := scored(func(c *Cluster, q *state, s *shape) (float64, int16) { return c.clustered(q, s), -1 })
		p.tags = true
		return p, nil
	case FGD:
		if len(o.Typical) == 0 {
			return policy{}, errors.New("policy fgd: a Cluster of it needs Options.Typical")
		}
		return scored((*Cluster).fragmented), nil
	case Kubernetes:
		return policy{choose: (*Cluster).kubernetes}, nil
	}
	return policy{}, fmt.Errorf("policy %q: allowed is one of %v", o.Policy, Policies())
}

// whole100 is a share as a whole number from 0 to 100, rounded down.
func whole100(x float64) float64 { return math.Trunc(x * 100) }

// fitting is HashiCorp's score: the least sum of powers of ten is best, or with
// sign -1 the greatest.
func fitting(sign float64) policy {
	score := func(c *Cluster, q *state, s *shape) (float64, int16) {
		k := &c.classes[q.class]
		return -sign * (powerAfter(q.cpu, s.cpu, k.cpu) + powerAfter(q.memory, s.memory, k.memory)), -1
	}
	return policy{powers: true, choose: func(c *Cluster, s *shape) (int32, int16) {
		if c.tabled {
			return c.bestFit(s, sign), -1
		}
		return c.best(s, score)
	}}
}

// powerAfter is ten to the free share after placement.
func powerAfter(free, demand, capacity int64) float64 {
	if free == unlimited {
		return 10
	}
	return power(free-demand, capacity)
}

// bestFit is the node of the best sum of powers of ten after placement, from
// the tables.
func (c *Cluster) bestFit(s *shape, sign float64) int32 {
	best, least := int32(-1), math.Inf(1)
	for x := range c.states {
		q := &c.states[x]
		if q.cpu < s.cpu || q.memory < s.memory || (s.disk > 0 || s.gpus > 0) && !c.fits(q, s) {
			continue
		}
		k := &c.classes[q.class]
		cpu, memory := 10.0, 10.0
		if q.cpu != unlimited {
			cpu = k.powerCPU[q.cpu-s.cpu]
		}
		if q.memory != unlimited {
			memory = k.powerMemory[q.memory-s.memory]
		}
		sum := sign * (cpu + memory)
		if sum > least {
			continue
		}
		if i := q.first(s.mask); i >= 0 && (sum < least || i < best) {
			best, least = i, sum
		}
	}
	return best
}

// first is the lowest node of a state that mask allows, -1 for none.
func (q *state) first(mask set) int32 {
	if mask != nil {
		return q.nodes.lowest(q.low, mask)
	}
	i := q.nodes.lowest(q.low, nil)
	q.low = i >> 6
	return i
}

// A scorer says how good a state is for a shape that fits it, higher is
// better, and which device to share.
type scorer func(c *Cluster, q *state, s *shape) (score float64, from int16)

// best is the node of the highest score.
func (c *Cluster) best(s *shape, f scorer) (node int32, from int16) {
	best, most, from := int32(-1), math.Inf(-1), int16(-1)
	for x := range c.states {
		q := &c.states[x]
		if q.cpu < s.cpu || q.memory < s.memory || !c.fits(q, s) {
			continue
		}
		m := c.score(int32(x), s, f)
		if m.score < most {
			continue
		}
		if i := q.first(s.mask); i >= 0 && (m.score > most || i < best) {
			best, most, from = i, m.score, m.from
		}
	}
	return best, from
}

// score is f of a state and a shape, remembered.
func (c *Cluster) score(x int32, s *shape, f scorer) *memo {
	if int(x) >= len(s.memo) {
		s.memo = slices.Grow(s.memo, len(c.states)-len(s.memo))[:len(c.states)]
	}
	q, m := &c.states[x], &s.memo[x]
	if m.stamp != q.stamp {
		m.score, m.from = f(c, q, s)
		m.stamp = q.stamp
	}
	return m
}

// random is a node drawn evenly from those with room.
func (c *Cluster) random(s *shape) (node int32, from int16) {
	n := 0
	for x := range c.states {
		if q := &c.states[x]; c.fits(q, s) {
			n += q.size(s.mask)
		}
	}
	if n == 0 {
		return -1, -1
	}
	k := c.rng.IntN(n)
	for x := range c.states {
		q := &c.states[x]
		if !c.fits(q, s) {
			continue
		}
		if m := q.size(s.mask); k >= m {
			k -= m
			continue
		}
		return q.nodes.nth(k, s.mask), c.anyDevice(q, s)
	}
	panic("online: a state lost nodes between two looks")
}

func (q *state) size(mask set) int {
	if mask == nil {
		return int(q.n)
	}
	return q.nodes.count(mask)
}

// anyDevice draws a device for a share; -1 where the shape asks for none.
func (c *Cluster) anyDevice(q *state, s *shape) int16 {
	if s.tag != 1 || s.gpus != 1 {
		return -1
	}
	free := c.vectors.list[q.vector].free
	first, _ := slices.BinarySearch(free, s.milli)
	return free[first+c.rng.IntN(len(free)-first)]
}

// limited is an amount, or the largest node's where there is no limit.
func limited(free int64, largest float64) float64 {
	if free == unlimited {
		return largest
	}
	return float64(free)
}

// share is an amount as a share of the largest node's, 0 where no node has any.
func share(x, largest float64) float64 {
	if largest == 0 {
		return 0
	}
	return x / largest
}

// left is what stays free of a state: the mean of cpu and GPUs in shares of the
// largest node.
func (c *Cluster) left(q *state, s *shape) float64 {
	big := &c.largest
	cpu := share(limited(q.cpu, big.cpu)-float64(s.cpu), big.cpu)
	gpus := share(float64(c.vectors.list[q.vector].total)-float64(s.gpus)*float64(s.milli), big.milli)
	return cpu*0.5 + gpus*0.5
}

// product is the scalar product of a state and a shape in cpu and GPUs, over the
// number of dimensions.
func (c *Cluster) product(q *state, s *shape) float64 {
	big := &c.largest
	cpu := share(limited(q.cpu, big.cpu), big.cpu) * share(float64(s.cpu), big.cpu)
	gpus := share(float64(c.vectors.list[q.vector].total), big.milli) * share(float64(s.gpus)*float64(s.milli), big.milli)
	return (float64(cpu) + float64(gpus)) / 2
}

// packed scores, from high to low: shared devices in use, 100 less a tenth of
// their free percents; free devices of a node in use, 50 less their number but
// at least 33; an idle node, 33 less its devices.
func (c *Cluster) packed(q *state, s *shape) float64 {
	if s.gpus == 0 {
		return 0
	}
	v := &c.vectors.list[q.vector]
	if v.empty == len(v.free) {
		return max(float64(33-v.empty), float64(v.empty))
	}
	need, empty, percents := s.gpus, 0, 0
	for _, f := range v.free {
		if need == 0 {
			break
		}
		if f < s.milli {
			continue
		}
		need--
		percents += int(f) * 100 / whole
		if f == whole {
			empty++
		}
	}
	if empty > 0 {
		return max(float64(50-empty), 33)
	}
	return max(float64(100-percents/10), 50)
}

// clustered scores a node by its kinds of demand: only this one 75, this and
// others 50, none 25, others 0; and to that a quarter of 100 times the part of
// the largest node's GPUs that it has not left.
func (c *Cluster) clustered(q *state, s *shape) float64 {
	if s.gpus == 0 {
		return 0
	}
	base := 0.0
	switch mine := uint64(1) << s.tag; {
	case q.tags == mine:
		base = 75
	case q.tags&mine != 0:
		base = 50
	case q.tags == 0:
		base = 25
	}
	left := float64(c.vectors.list[q.vector].total)
	return base + math.Trunc(25*share(c.largest.milli-left, c.largest.milli))
}
