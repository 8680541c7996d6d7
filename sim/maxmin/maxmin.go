// Package maxmin shares the capacity of media among flows, max-min fairly.
package maxmin

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A Flow names one transfer of a Network. Names are not reused: that of a
// flow which has ended stays invalid for ever after.
type Flow uint64

const never = time.Duration(math.MaxInt64)

type flow struct {
	gen    uint32
	tag    uint32
	active bool
	route  []int32
	weight float64
	left   float64
	rate   float64
	seq    uint64
	finish time.Duration
}

// A Network is a set of media and the flows that cross them.
type Network struct {
	capacity []float64
	flows    []flow
	free     []uint32
	now      time.Duration
	stale    bool
	seq      uint64
	ended    []uint32
}

// New returns a network of media with the given capacities in bytes per
// second. math.Inf(1) is unlimited; at 0 the flows across it stand still.
// Negative capacities and NaN are mistakes of the caller, and panic.
func New(capacities []float64) *Network {
	n := &Network{capacity: slices.Clone(capacities)}
	for i, c := range capacities {
		check(int32(i), c)
	}
	return n
}

func check(medium int32, c float64) {
	if !(c >= 0) {
		panic(fmt.Sprintf("maxmin: capacity of medium %d is %v, want 0 or more", medium, c))
	}
}

// Add starts a flow of bytes across the route at now.
func (n *Network) Add(now time.Duration, route []int32, bytes, weight float64, tag uint32) Flow {
	n.advance(now)
	if len(n.free) == 0 {
		n.free = append(n.free, uint32(len(n.flows)))
		n.flows = append(n.flows, flow{})
	}
	i := n.free[len(n.free)-1]
	n.free = n.free[:len(n.free)-1]
	f := &n.flows[i]
	*f = flow{gen: f.gen, tag: tag, active: true, route: slices.Clone(route), weight: weight, left: bytes, seq: n.seq, finish: never}
	n.seq++
	n.stale = true
	return Flow(uint64(f.gen)<<32 | uint64(i))
}

func (n *Network) at(f Flow) *flow {
	i := uint32(f)
	if int(i) >= len(n.flows) || n.flows[i].gen != uint32(f>>32) || !n.flows[i].active {
		return nil
	}
	return &n.flows[i]
}

// Remove cancels a flow and reports whether Complete had not yet reported it.
func (n *Network) Remove(now time.Duration, f Flow) bool {
	n.advance(now)
	p := n.at(f)
	if p == nil {
		return false
	}
	n.drop(uint32(f))
	return true
}

func (n *Network) drop(i uint32) {
	n.flows[i].active = false
	n.flows[i].gen++
	n.free = append(n.free, i)
	n.stale = true
}

// SetCapacity gives a medium another capacity from now on.
func (n *Network) SetCapacity(now time.Duration, medium int32, bytesPerSecond float64) {
	check(medium, bytesPerSecond)
	n.advance(now)
	n.capacity[medium] = bytesPerSecond
	n.stale = true
}

// Next returns the earliest instant at which a flow ends if nothing changes
// before, rounded up to the nanosecond; false when none ever does.
func (n *Network) Next() (time.Duration, bool) {
	n.solve()
	at := never
	for i := range n.flows {
		if n.flows[i].active {
			at = min(at, n.flows[i].finish)
		}
	}
	return at, at != never
}

// Complete ends the flows that are finished at now and appends their tags, in
// the order of finish and then of admission.
func (n *Network) Complete(now time.Duration, tags []uint32) []uint32 {
	n.solve()
	n.advance(now)
	n.ended = n.ended[:0]
	for i := range n.flows {
		if n.flows[i].active && n.flows[i].finish <= now {
			n.ended = append(n.ended, uint32(i))
		}
	}
	slices.SortFunc(n.ended, func(a, b uint32) int {
		x, y := &n.flows[a], &n.flows[b]
		if x.finish != y.finish {
			return int(min(max(x.finish-y.finish, -1), 1))
		}
		return int(int64(x.seq) - int64(y.seq))
	})
	for _, i := range n.ended {
		tags = append(tags, n.flows[i].tag)
		n.drop(i)
	}
	return tags
}

// Rate returns the present rate of f in bytes per second, 0 when it has ended.
func (n *Network) Rate(f Flow) float64 {
	n.solve()
	if p := n.at(f); p != nil {
		return p.rate
	}
	return 0
}

// Remaining returns the bytes that f still has to carry at now.
func (n *Network) Remaining(now time.Duration, f Flow) float64 {
	n.advance(now)
	if p := n.at(f); p != nil {
		return p.left
	}
	return 0
}

// Len counts the flows in progress.
func (n *Network) Len() int { return len(n.flows) - len(n.free) }

func (n *Network) advance(now time.Duration) {
	if now <= n.now {
		return
	}
	n.solve()
	dt := (now - n.now).Seconds()
	for i := range n.flows {
		f := &n.flows[i]
		if f.active && f.rate > 0 {
			f.left = max(f.left-f.rate*dt, 0)
		}
	}
	n.now = now
}

// solve fills the media like water until every flow meets a full one.
func (n *Network) solve() {
	if !n.stale {
		return
	}
	n.stale = false
	room := slices.Clone(n.capacity)
	weight := make([]float64, len(room))
	left := 0
	for i := range n.flows {
		f := &n.flows[i]
		if !f.active {
			continue
		}
		f.rate = math.Inf(1)
		left++
		for _, m := range f.route {
			weight[m] += f.weight
		}
	}
	done := make([]bool, len(n.flows))
	for left > 0 {
		best, level := -1, math.Inf(1)
		for m := range room {
			if weight[m] > 1e-12 && room[m]/weight[m] < level {
				best, level = m, room[m]/weight[m]
			}
		}
		if best < 0 {
			break
		}
		level = max(level, 0)
		for i := range n.flows {
			f := &n.flows[i]
			if !f.active || done[i] || !slices.Contains(f.route, int32(best)) {
				continue
			}
			done[i] = true
			left--
			f.rate = level * f.weight
			for _, m := range f.route {
				room[m] -= f.rate
				weight[m] -= f.weight
			}
		}
		weight[best] = 0
	}
	for i := range n.flows {
		f := &n.flows[i]
		if !f.active {
			continue
		}
		f.finish = never
		switch x := math.Ceil(f.left / f.rate * 1e9); {
		case f.left <= 0:
			f.finish = n.now
		case x < float64(never-n.now):
			f.finish = n.now + time.Duration(x)
		}
	}
}
