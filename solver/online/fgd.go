package online

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"caravan/topology"
)

// Typical is a demand to expect.
type Typical struct {
	Demand topology.Resources
	Weight float64 // any scale
}

// Gather adds up the weights of equal demands, in the order in which they first
// occur.
func Gather(list []Typical) []Typical {
	at := map[string]int{}
	var out []Typical
	for _, x := range list {
		key := fmt.Sprint(x.Demand)
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, Typical{Demand: x.Demand})
		}
		out[i].Weight += x.Weight
	}
	return out
}

// typicalShare is the part of all demands that counts as typical: the most
// frequent ones that together make it up.
const typicalShare = 0.95

// A typical measures fragmentation (Weng et al., Beware of Fragmentation,
// USENIX ATC 2023, section 3): of a node with r thousandths of GPU left,
//
//	F = sum over typical demands m of p(m) * (r - what m could use)
//
// where m could use the devices that each have its share left, when there are
// enough of them, and cpu, and the model is right; otherwise, and when it asks
// for no GPU, nothing. For all demands together
//
//	F = r - sum over devices of left*shares[left] - sum over (n, milli) of whole[n, milli]*usable
//
// in which the first sum is over demands for one device, and both tables hold
// the demands whose cpu the node has left.
type typical struct {
	cpus  []int64 // the distinct demands for cpu, rising; a node's rank is how many it has left
	milli []int16 // the distinct shares of single devices, rising
	sets  []gang  // the distinct demands for several devices
	level [whole + 1]uint8
	// shares[model][rank*levels+level] is the weight of single-device demands
	// up to that share; gangs[model][rank*len(sets)+i] is that of sets[i].
	shares, gangs [][]float64
	model         []int // by class
}

// A gang is a demand for several devices.
type gang struct {
	n     int
	milli int16
}

// newTypical keeps the most frequent demands and makes the tables.
func newTypical(c *Cluster, demands []Typical) *typical {
	kept, total := frequent(demands)
	t := &typical{}
	for _, k := range kept {
		if k.Demand.GPUs == 0 {
			continue
		}
		t.cpus = append(t.cpus, hertz(k.Demand.CPU))
		if k.Demand.GPUs == 1 {
			t.milli = append(t.milli, milliOf(k.Demand))
		} else if g := (gang{k.Demand.GPUs, milliOf(k.Demand)}); !slices.Contains(t.sets, g) {
			t.sets = append(t.sets, g)
		}
	}
	slices.Sort(t.cpus)
	t.cpus = slices.Compact(t.cpus)
	slices.Sort(t.milli)
	t.milli = slices.Compact(t.milli)
	for left := range t.level {
		n, found := slices.BinarySearch(t.milli, int16(left))
		if found {
			n++
		}
		t.level[left] = uint8(n)
	}
	var models []string
	for i := range c.classes {
		m := c.classes[i].model
		at := slices.Index(models, m)
		if at < 0 {
			at = len(models)
			models = append(models, m)
			t.fill(m, kept, total)
		}
		t.model = append(t.model, at)
	}
	return t
}

// frequent is the most frequent demands that together are typicalShare of all,
// and their weight. Of equal weights the larger demand goes first.
func frequent(demands []Typical) ([]Typical, float64) {
	all := 0.0
	for _, d := range demands {
		all += d.Weight
	}
	sorted := slices.Clone(demands)
	slices.SortStableFunc(sorted, func(a, b Typical) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(b.Demand.CPU, a.Demand.CPU),
			cmp.Compare(milliOf(b.Demand), milliOf(a.Demand)), cmp.Compare(b.Demand.GPUs, a.Demand.GPUs))
	})
	total := 0.0
	for i := range sorted {
		total += sorted[i].Weight
		if total >= typicalShare*all {
			return sorted[:i+1], total
		}
	}
	return sorted, total
}

// fill makes the tables for nodes of one model.
func (t *typical) fill(model string, kept []Typical, total float64) {
	levels := len(t.milli) + 1
	shares := make([]float64, (len(t.cpus)+1)*levels)
	gangs := make([]float64, (len(t.cpus)+1)*len(t.sets))
	for _, k := range kept {
		d := k.Demand
		if d.GPUs == 0 || len(d.GPUModel) > 0 && !slices.Contains(d.GPUModel, model) {
			continue
		}
		from, _ := slices.BinarySearch(t.cpus, hertz(d.CPU))
		for rank := from + 1; rank <= len(t.cpus); rank++ {
			if d.GPUs > 1 {
				gangs[rank*len(t.sets)+slices.Index(t.sets, gang{d.GPUs, milliOf(d)})] += k.Weight / total
				continue
			}
			least, _ := slices.BinarySearch(t.milli, milliOf(d))
			for level := least + 1; level < levels; level++ {
				shares[rank*levels+level] += k.Weight / total
			}
		}
	}
	t.shares, t.gangs = append(t.shares, shares), append(t.gangs, gangs)
}

// fragments is F of a node with these devices and this much cpu left, in Hz.
func (t *typical) fragments(class int32, cpu int64, devices []int16) float64 {
	rank, found := slices.BinarySearch(t.cpus, cpu)
	if found {
		rank++
	}
	levels := len(t.milli) + 1
	shares := t.shares[t.model[class]][rank*levels : (rank+1)*levels]
	r, usable := 0.0, 0.0
	for _, left := range devices {
		r += float64(left)
		usable += float64(float64(left) * shares[t.level[left]])
	}
	gangs := t.gangs[t.model[class]][rank*len(t.sets):]
	for i, g := range t.sets {
		n, sum := 0, 0
		for _, left := range devices {
			if left >= g.milli {
				n++
				sum += int(left)
			}
		}
		if n >= g.n {
			usable += float64(float64(sum) * gangs[i])
		}
	}
	return r - usable
}

// fragmented scores how little fragmentation grows, on the best device for a
// share: 100/(1+e^-(F before - F after)/1000), rounded down.
func (c *Cluster) fragmented(q *state, s *shape) (score float64, from int16) {
	t, v := c.typical, &c.vectors.list[q.vector]
	left := func(cpu int64) int64 {
		if q.cpu == unlimited {
			return unlimited
		}
		return cpu * c.units.cpu
	}
	before := t.fragments(q.class, left(q.cpu), v.free)
	grade := func(from int16) float64 {
		after := t.fragments(q.class, left(q.cpu-s.cpu), c.vectors.without(v, s.gpus, s.milli, from))
		return whole100(1 / (1 + math.Exp((after-before)/1000)))
	}
	if s.gpus != 1 || s.milli == whole {
		return grade(-1), -1
	}
	score, from = -1, -1
	for i, f := range v.free {
		if f < s.milli || i > 0 && f == v.free[i-1] {
			continue
		}
		if x := grade(f); x > score {
			score, from = x, f
		}
	}
	return score, from
}
