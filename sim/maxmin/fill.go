package maxmin

import "math"

// scratch is memory that solutions use again.
type scratch struct {
	rivals []rival
	ids    []int32
	room   []float64 // capacity that is left, of each medium
	weight []float64 // of the flows without a rate
	start  []int32   // of each medium's part of across
	across []int32   // bundles, by medium
	assign []int32   // new bottleneck of each bundle
	levels []float64
	heap   []dirty
}

// fill solves the network from nothing: all flows rise together until a
// medium is full, its flows stop, the others rise on (water filling).
func (n *Network) fill() {
	n.refill = false
	n.pour()
	for m := range n.media {
		n.settle(int32(m))
	}
	s := &n.scratch
	for b := range n.bundles {
		u := &n.bundles[b]
		switch {
		case len(u.hops) == 0:
		case u.flows == 0:
			n.release(int32(b))
		case s.assign[b] < 0:
			n.freeze(int32(b))
			n.unlimited(int32(b))
		case s.assign[b] != u.at:
			n.move(int32(b), s.assign[b])
		}
	}
	n.pending = n.pending[:0]
	for _, d := range n.queue {
		n.media[d.medium].queued = false
	}
	n.queue = n.queue[:0]
	for m := range n.media {
		x := &n.media[m]
		x.level, x.used, x.top, x.coarse = s.levels[m], 0, 0, x.capacity
		if x.weight > 0 {
			n.retime(int32(m))
		}
	}
	for m := range n.media {
		level := n.media[m].level
		for _, e := range n.columns[m] {
			y := &n.media[e.medium]
			y.used += float64(e.weight * level)
			y.top = max(y.top, level)
		}
	}
	n.credit = 0
}

// freeze makes a bundle pending.
func (n *Network) freeze(b int32) {
	u := &n.bundles[b]
	if u.at < 0 {
		return
	}
	c := &n.clocks[u.at]
	c.root = remove(n.bundleNodes, c.root, b)
	n.retime(u.at)
	n.leave(b)
}

// pour computes the level of each medium and the bottleneck of each bundle.
func (n *Network) pour() {
	s := &n.scratch
	left := n.spread()
	h := s.heap[:0]
	for m := range n.media {
		s.room[m] = n.media[m].capacity
		s.levels[m] = 0
		if s.weight[m] > 0 && !math.IsInf(s.room[m], 1) {
			h = append(h, dirty{s.room[m] / s.weight[m], int32(m)})
		}
	}
	for i := len(h)/2 - 1; i >= 0; i-- {
		sink(h, i)
	}
	for left > 0 && len(h) > 0 {
		m := h[0].medium
		if w := s.weight[m]; w > 0 {
			level := max(s.room[m]/w, 0)
			// Shares only rise while others stop: a key that is too low is
			// raised when it comes to the top.
			if level > h[0].key*(1+1e-15) {
				h[0].key = level
				sink(h, 0)
				continue
			}
			s.levels[m] = level
			left -= n.stop(m, level)
		}
		h[0] = h[len(h)-1]
		h = h[:len(h)-1]
		if len(h) > 0 {
			sink(h, 0)
		}
	}
	s.heap = h[:0]
}

// stop fixes the rates of the flows across m at level and counts them.
func (n *Network) stop(m int32, level float64) int {
	s := &n.scratch
	count := 0
	for _, b := range s.across[s.start[m]:s.start[m+1]] {
		if s.assign[b] >= 0 {
			continue
		}
		s.assign[b] = m
		count++
		u := &n.bundles[b]
		for k := range u.hops {
			l := u.hops[k].medium
			s.room[l] -= float64(u.weight * level)
			s.weight[l] -= u.weight
		}
	}
	return count
}

// spread lists the bundles across each medium and counts them.
func (n *Network) spread() int {
	s := &n.scratch
	if s.room == nil {
		s.room = make([]float64, len(n.media))
		s.weight = make([]float64, len(n.media))
		s.levels = make([]float64, len(n.media))
		s.start = make([]int32, len(n.media)+2)
	}
	clear(s.start)
	clear(s.weight)
	s.assign = s.assign[:0]
	bundles, hops := 0, 0
	for b := range n.bundles {
		s.assign = append(s.assign, -1)
		u := &n.bundles[b]
		if u.flows == 0 {
			continue
		}
		bundles++
		hops += len(u.hops)
		for k := range u.hops {
			s.start[u.hops[k].medium+2]++
			s.weight[u.hops[k].medium] += u.weight
		}
	}
	for m := range n.media {
		s.start[m+2] += s.start[m+1]
	}
	if cap(s.across) < hops {
		s.across = make([]int32, hops, 2*hops)
	}
	s.across = s.across[:hops]
	for b := range n.bundles {
		u := &n.bundles[b]
		if u.flows == 0 {
			continue
		}
		for k := range u.hops {
			m := u.hops[k].medium
			s.across[s.start[m+1]] = int32(b)
			s.start[m+1]++
		}
	}
	return bundles
}

func sink(h []dirty, i int) {
	d := h[i]
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1].key < h[c].key {
			c++
		}
		if h[c].key >= d.key {
			break
		}
		h[i] = h[c]
		i = c
	}
	h[i] = d
}
