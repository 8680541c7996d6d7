package cluster

import (
	"math"

	"caravan/topology"
	"caravan/workloads"
)

func (a *Ask) grantDevices(m *Machine, on []*Allocation, g *Grant) (score, weight float64, lacks string) {
	for i := range a.Devices {
		ask := &a.Devices[i]
		best, bestScore := DeviceGrant{Group: -1}, math.Inf(-1)
		matched := false
		for k := range m.Devices {
			if !ask.Accepts(&m.Devices[k]) {
				continue
			}
			matched = true
			free := FreeDevices(m, on, g, k, ask.Milli)
			if s := ask.affinity(&m.Devices[k]); len(free) >= ask.Count && s > bestScore {
				bestScore = s
				best = DeviceGrant{Group: int16(k), Milli: ask.Milli, Instances: ask.choose(free)}
			}
		}
		switch {
		case !matched:
			return 0, 0, "missing devices"
		case best.Group < 0:
			return 0, 0, "devices: " + ask.Name
		}
		score += bestScore
		for _, af := range ask.Affinities {
			weight += math.Abs(float64(af.Weight))
		}
		g.Devices = append(g.Devices, best)
	}
	return score, weight, ""
}

// Accepts reports whether a device group is of the kind and satisfies the
// constraints of the ask, however much of it is free.
func (d *DeviceAsk) Accepts(group *topology.DeviceGroup) bool {
	if !group.Matches(d.Name) {
		return false
	}
	for i := range d.Constraints {
		if !deviceHolds(&d.Constraints[i], group) {
			return false
		}
	}
	return true
}

// affinity is the sum of the weights of the affinities that the group matches.
func (d *DeviceAsk) affinity(group *topology.DeviceGroup) float64 {
	sum := 0.0
	for i := range d.Affinities {
		if deviceHolds(&d.Affinities[i].Constraint, group) {
			sum += float64(d.Affinities[i].Weight)
		}
	}
	return sum
}

// deviceHolds compares amounts with units as amounts (11 GiB > 4096 MiB).
func deviceHolds(c *workloads.Constraint, group *topology.DeviceGroup) bool {
	value, ok := group.Attribute(c.Attribute)
	if ok && len(c.Values) == 1 {
		have, err1 := topology.ParseBytes(value)
		want, err2 := topology.ParseBytes(c.Values[0])
		if err1 == nil && err2 == nil {
			return c.Compares(int64(have), int64(want))
		}
	}
	return c.Holds(value, ok)
}

// FreeDevices lists the instances of device group k that have milli thousandths
// free beside the allocations on the machine and what g holds; g may be nil.
func FreeDevices(m *Machine, on []*Allocation, g *Grant, k int, milli int16) []int16 {
	used := make([]int16, m.Devices[k].Count)
	add := func(g *Grant) {
		for _, d := range g.Devices {
			for _, i := range d.Instances {
				if int(d.Group) == k && int(i) < len(used) {
					used[i] += d.Milli
				}
			}
		}
	}
	for _, x := range on {
		if x.Grant != nil {
			add(x.Grant)
		}
	}
	if g != nil {
		add(g)
	}
	var free []int16
	for i, u := range used {
		if 1000-u >= milli {
			free = append(free, int16(i))
		}
	}
	return free
}

// choose takes the first instances that are free.
func (d *DeviceAsk) choose(free []int16) []int16 { return append([]int16(nil), free[:d.Count]...) }
