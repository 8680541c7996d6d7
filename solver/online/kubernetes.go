package online

import "math"

// kubernetes is the default scheduler of Kubernetes v1.34 with its default
// plugins and weights. Of those that tell nodes apart by what they hold there
// are two, both over cpu and memory alone and of weight 1 (default_plugins.go):
//
//	NodeResourcesFit, LeastAllocated: mean of floor(100*free/capacity)
//	NodeResourcesBalancedAllocation:  floor(100*(1 - |cpu share - memory share|/2))
//
// both after placement. It looks at nodes in turn, from where it stopped the
// last time, until enough have room: of fewer than 100 nodes all, otherwise
// 50 - nodes/125 percent, at least 5 percent and 100 nodes (schedule_one.go).
// Of equal scores it takes any.
func (c *Cluster) kubernetes(s *shape) (node int32, from int16) {
	n := len(c.nodes)
	enough := feasibleEnough(n)
	best, most, equals, seen := int32(-1), math.Inf(-1), 0, 0
	k := 0
	for ; k < n && seen < enough; k++ {
		i := int32((c.start + k) % n)
		x := c.nodes[i].state
		if s.mask != nil && !s.mask.has(i) || !c.fits(&c.states[x], s) {
			continue
		}
		seen++
		switch score := c.score(x, s, (*Cluster).spreadEvenly).score; {
		case score > most:
			best, most, equals = i, score, 1
		case score == most:
			equals++
			if c.rng.IntN(equals) == 0 {
				best = i
			}
		}
	}
	c.start = (c.start + k) % max(n, 1)
	return best, -1
}

// feasibleEnough is how many nodes with room end the search among n.
func feasibleEnough(n int) int {
	const least = 100
	if n < least {
		return n
	}
	return max(n*max(50-n/125, 5)/100, least)
}

// spreadEvenly is the sum of the two scores.
func (c *Cluster) spreadEvenly(q *state, s *shape) (score float64, from int16) {
	k := &c.classes[q.class]
	sum, dimensions := 0.0, 0.0
	var used []float64
	for _, d := range [2]struct{ free, demand, capacity int64 }{{q.cpu, s.cpu, k.cpu}, {q.memory, s.memory, k.memory}} {
		if d.capacity == 0 {
			continue
		}
		free := float64(d.free-d.demand) / float64(d.capacity)
		sum += float64((d.free - d.demand) * 100 / d.capacity)
		dimensions++
		used = append(used, 1-free)
	}
	if dimensions == 0 {
		return 100, -1
	}
	deviation := 0.0
	if len(used) == 2 {
		deviation = math.Abs(used[0]-used[1]) / 2
	}
	return math.Trunc(sum/dimensions) + whole100(1-deviation), -1
}
