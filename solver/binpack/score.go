package binpack

import (
	"math"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads/cluster"
)

// The scorers, in the order in which their scores are added up.
const (
	fitScore = iota
	deviceScore
	antiAffinityScore
	penaltyScore
	affinityScore
	spreadScore
	preemptionScore
	scorers
)

// scorerNames are upstream's (scheduler/rank.go, spread.go).
var scorerNames = [scorers]string{
	"binpack", "devices", "job-anti-affinity", "node-reschedule-penalty", "node-affinity", "allocation-spread", "preemption",
}

// consider looks at one node and, when the instance fits there, adds it to the
// candidates.
func (c *Chain) consider(n topology.NodeID) bool {
	c.tallied.evaluated++
	m := c.fleet.Machine(n)
	if !c.feasible(n, m) {
		return false
	}
	g := &c.c.groups[c.group]
	x := candidate{node: n, held: g.ask.On(m)}
	deviceSum, deviceWeight, lacks := c.fit(&x, m, g)
	if lacks != "" {
		c.tallied.exhaust(lacks)
		return false
	}
	c.score(&x, m, g)
	if deviceWeight > 0 {
		x.add(deviceScore, deviceSum/deviceWeight)
	}
	x.mean()
	c.scored = append(c.scored, x)
	return true
}

// fit makes sure that the instance fits on the node, with evictions if they are
// allowed, and otherwise says what it lacks.
func (c *Chain) fit(x *candidate, m *cluster.Machine, g *compiledGroup) (deviceSum, deviceWeight float64, lacks string) {
	named := g.ask.Named()
	if named || c.evicting || m.Node.MaxInstances > 0 {
		c.on = c.view.Append(c.on[:0], x.node)
	}
	if named {
		x.grant, deviceSum, deviceWeight, lacks = g.ask.Grant(m, c.on)
	}
	if lacks == "" {
		lacks = c.room(x, m)
	}
	if lacks == "" || !c.evicting {
		return deviceSum, deviceWeight, lacks
	}
	victims, ok := c.config.Evictor.Evict(solver.EvictRequest{
		View: c.view, Machine: m, Node: x.node, Job: c.job, Priority: c.spec.Priority, Ask: &g.ask, Held: x.held, On: c.on,
	})
	if !ok {
		return 0, 0, lacks
	}
	x.evict, lacks = victims, ""
	if named {
		x.grant, deviceSum, deviceWeight, lacks = g.ask.Grant(m, without(c.on, victims))
	}
	return deviceSum, deviceWeight, lacks
}

// room names the dimension in which the node is too full, in upstream's order.
func (c *Chain) room(x *candidate, m *cluster.Machine) string {
	free := c.view.Free(x.node)
	switch {
	case m.Node.MaxInstances > 0 && len(c.on) >= m.Node.MaxInstances:
		return "max allocs"
	case free.CPU < x.held.CPU:
		return "cpu"
	case free.Memory < x.held.Memory:
		return "memory"
	case free.Disk < x.held.Disk:
		return "disk"
	}
	return ""
}

// without lists the allocations that are not victims.
func without(on, victims []*cluster.Allocation) []*cluster.Allocation {
	out := make([]*cluster.Allocation, 0, len(on))
	for _, a := range on {
		if !contains(victims, a) {
			out = append(out, a)
		}
	}
	return out
}

func contains(list []*cluster.Allocation, a *cluster.Allocation) bool {
	for _, x := range list {
		if x == a {
			return true
		}
	}
	return false
}

func (x *candidate) add(scorer int, score float64) {
	x.parts[scorer] = score
	x.present |= 1 << scorer
}

// mean is the mean of the scores that are present.
func (x *candidate) mean() {
	sum, n := 0.0, 0
	for s, v := range x.parts {
		if x.present&(1<<s) != 0 {
			sum += v
			n++
		}
	}
	x.final = sum / float64(n)
}

// score applies the scorers but that of devices. The fit is that before any
// eviction.
func (c *Chain) score(x *candidate, m *cluster.Machine, g *compiledGroup) {
	used := c.view.Used(x.node).Plus(x.held)
	x.add(fitScore, Score(used.CPU, topology.MHz(m.ScaleCPU), used.Memory, topology.Bytes(m.ScaleMemory), c.c.spread))
	if same := c.groups[c.group].onNode[x.node]; same > 0 {
		x.add(antiAffinityScore, -float64(same+1)/float64(c.spec.Groups[c.group].Count))
	}
	for _, p := range c.penalty {
		if p == x.node {
			x.add(penaltyScore, -1)
			break
		}
	}
	if len(g.affinities) > 0 {
		sum := 0.0
		for i := range g.affinities {
			if g.affinities[i].constraint.Allows(m.Node) {
				sum += g.affinities[i].weight
			}
		}
		if sum != 0 || !c.config.NoZeroAffinity {
			x.add(affinityScore, sum/g.affinity)
		}
	}
	if len(g.spreads) > 0 {
		if s := c.spreadBoost(m, g); s != 0 {
			x.add(spreadScore, s)
		}
	}
	if len(x.evict) > 0 {
		x.add(preemptionScore, PreemptionScore(x.evict))
	}
}

// spreadBoost is the sum over the group's spreads (scheduler/spread.go).
func (c *Chain) spreadBoost(m *cluster.Machine, g *compiledGroup) float64 {
	total := 0.0
	for i := range g.spreads {
		s := &g.spreads[i]
		value, ok := m.Node.Attribute(s.attribute)
		if !ok {
			total--
			continue
		}
		used := c.used(&c.groups[c.group], s.attribute)
		if s.desired == nil {
			total += evenBoost(used, value)
			continue
		}
		count := used[value]
		desired, ok := s.desired[value]
		if !ok { // values without a target share what is left, and are counted together
			desired, ok = s.desired[anyOther]
			count = untargeted(used, s.desired)
		}
		switch {
		case !ok:
			total--
		case desired == 0:
			total += c.lowestBoost
		default:
			boost := (desired - float64(count+1)) / desired * float64(s.weight) / float64(c.spreadWeight)
			total += boost
			c.lowestBoost = min(c.lowestBoost, boost)
		}
	}
	return total
}

// untargeted is how many instances values without a target have together
// (scheduler/propertyset.go, targetedPropertyValue).
func untargeted(used map[string]int, desired map[string]float64) int {
	n := 0
	for value, k := range used {
		if _, ok := desired[value]; !ok {
			n += k
		}
	}
	return n
}

// evenBoost prefers the values that are used least. Values that no instance has
// do not count towards the least, so that the first two are told apart only
// once both are in use.
func evenBoost(used map[string]int, value string) float64 {
	least, most, current := 0, 0, used[value]
	for _, k := range used {
		if k > 0 && (least == 0 || k < least) {
			least = k
		}
		most = max(most, k)
	}
	switch {
	case most == 0:
		return 0
	case current != least:
		return float64(least-current) / float64(least)
	case least == most:
		return -1
	}
	return float64(most-least) / float64(least)
}

// PreemptionScore falls from 1 to 0 as the priorities of the victims rise, by a
// logistic curve around 2048 (scheduler/rank.go): for priorities up to 100 it
// is almost constant.
func PreemptionScore(victims []*cluster.Allocation) float64 {
	highest, sum := 0, 0
	for _, v := range victims {
		highest = max(highest, v.Priority())
		sum += v.Priority()
	}
	p := 0.0
	if highest > 0 {
		p = float64(highest) + float64(sum)/float64(highest)
	}
	return 1 / (1 + math.Exp(0.0048*(p-2048)))
}
