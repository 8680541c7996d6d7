package maxmin_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/sim/maxmin"
)

// A transfer is a flow as the tests know it.
type transfer struct {
	flow   maxmin.Flow
	route  []int32
	weight float64
	bytes  float64
	tag    uint32
}

// fillLikeWater returns max-min fair rates by definition: find the fullest
// medium, stop its flows, repeat.
func fillLikeWater(capacity []float64, transfers []transfer) []float64 {
	rates := make([]float64, len(transfers))
	stopped := make([]bool, len(transfers))
	for i := range rates {
		rates[i] = math.Inf(1)
	}
	for {
		best, level := -1, math.Inf(1)
		for m := range capacity {
			room, weight := capacity[m], 0.0
			for i, f := range transfers {
				for _, l := range f.route {
					if int(l) == m && stopped[i] {
						room -= rates[i]
					} else if int(l) == m {
						weight += f.weight
					}
				}
			}
			if s := max(room, 0) / weight; weight > 0 && s < level {
				best, level = m, s
			}
		}
		if best < 0 {
			return rates
		}
		for i, f := range transfers {
			for _, l := range f.route {
				if int(l) == best && !stopped[i] {
					stopped[i] = true
					rates[i] = level * f.weight
				}
			}
		}
	}
}

// certify fails unless the rates are max-min fair: no medium carries more
// than its capacity, and every flow crosses a full medium where nobody is
// faster (Bertsekas and Gallager, Data Networks, 1992, section 6.5.2).
func certify(t require.TestingT, capacity []float64, transfers []transfer, rates []float64) {
	const tolerance = 1e-9
	load := make([]float64, len(capacity))
	top := make([]float64, len(capacity))
	for i, f := range transfers {
		for _, l := range f.route {
			load[l] += rates[i]
			top[l] = max(top[l], rates[i]/f.weight)
		}
	}
	for m := range load {
		require.LessOrEqual(t, load[m], capacity[m]*(1+tolerance), "load of medium %d", m)
	}
	for i, f := range transfers {
		held := false
		for _, l := range f.route {
			full := load[l] >= capacity[l]*(1-tolerance)
			held = held || full && rates[i]/f.weight >= top[l]*(1-tolerance)
		}
		require.True(t, held, "flow %d at %v has no bottleneck", i, rates[i])
	}
}

func sameRate(t require.TestingT, want, got float64, what string, args ...any) {
	if want == got {
		return
	}
	require.InDelta(t, want, got, 1e-9*want, append([]any{what}, args...)...)
}

// drawCapacity includes failures, unlimited media, and equal capacities,
// which make ties.
func drawCapacity(t *rapid.T) float64 {
	switch rapid.IntRange(0, 11).Draw(t, "kind") {
	case 0:
		return 0
	case 1:
		return math.Inf(1)
	case 2, 3, 4, 5:
		return float64(rapid.IntRange(1, 4).Draw(t, "capacity")) * 1e6
	}
	return rapid.Float64Range(1e3, 1e9).Draw(t, "capacity")
}

// A script drives a network at random and mirrors it.
type script struct {
	network   *maxmin.Network
	capacity  []float64
	transfers []transfer
	now       time.Duration
	tags      uint32
	ended     []uint32
}

// change adds or removes a flow, or changes a capacity.
func (s *script) change(t *rapid.T) {
	switch rapid.IntRange(0, 8).Draw(t, "action") {
	case 0, 1, 2, 3, 4:
		hops := rapid.IntRange(1, 10).Draw(t, "hops")
		route := make([]int32, hops)
		for k := range route {
			route[k] = int32(rapid.IntRange(0, len(s.capacity)-1).Draw(t, "medium"))
		}
		f := transfer{route: route, weight: 1, bytes: rapid.Float64Range(1, 1e9).Draw(t, "bytes"), tag: s.tags}
		if rapid.Bool().Draw(t, "weighted") {
			f.weight = float64(rapid.IntRange(1, 4096).Draw(t, "weight")) / 256
		}
		s.tags++
		f.flow = s.network.Add(s.now, route, f.bytes, f.weight, f.tag)
		s.transfers = append(s.transfers, f)
	case 5, 6:
		if len(s.transfers) > 0 {
			i := rapid.IntRange(0, len(s.transfers)-1).Draw(t, "which")
			require.True(t, s.network.Remove(s.now, s.transfers[i].flow))
			require.False(t, s.network.Remove(s.now, s.transfers[i].flow))
			s.forget(i)
		}
	case 7, 8:
		m := rapid.IntRange(0, len(s.capacity)-1).Draw(t, "medium")
		s.capacity[m] = drawCapacity(t)
		s.network.SetCapacity(s.now, int32(m), s.capacity[m])
	}
}

// step is a change, or the end of a flow.
func (s *script) step(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "end") < 9 {
		s.change(t)
	} else if at, ok := s.network.Next(); ok {
		s.now = at
		s.complete(t)
	}
}

func (s *script) complete(t *rapid.T) {
	s.ended = s.network.Complete(s.now, s.ended[:0])
	for _, tag := range s.ended {
		found := false
		for i, f := range s.transfers {
			if f.tag == tag {
				s.forget(i)
				found = true
				break
			}
		}
		require.True(t, found, "flow %d ended twice", tag)
	}
	require.Equal(t, len(s.transfers), s.network.Len())
}

func (s *script) forget(i int) {
	s.transfers = append(s.transfers[:i], s.transfers[i+1:]...)
}

// endUnlimited lets the flows end that nothing holds back, so that every
// rate is finite.
func (s *script) endUnlimited(t *rapid.T) {
	if at, ok := s.network.Next(); ok && at <= s.now {
		s.complete(t)
	}
}

func newScript(t *rapid.T, media int) *script {
	s := &script{capacity: make([]float64, media)}
	for m := range s.capacity {
		s.capacity[m] = drawCapacity(t)
	}
	s.network = maxmin.New(s.capacity)
	return s
}

func TestRatesAreMaxMinFairAfterAnyChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newScript(t, rapid.SampledFrom([]int{1, 2, 3, 5, 8, 20, 300}).Draw(t, "media"))
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			for range rapid.IntRange(1, 4).Draw(t, "changes") {
				s.step(t)
			}
			s.endUnlimited(t)
			rates := make([]float64, len(s.transfers))
			for i, f := range s.transfers {
				rates[i] = s.network.Rate(f.flow)
			}
			certify(t, s.capacity, s.transfers, rates)
			for i, want := range fillLikeWater(s.capacity, s.transfers) {
				sameRate(t, want, rates[i], "rate of flow %d", i)
			}
		}
	})
}

func TestRepairedRatesEqualThoseOfAFreshNetwork(t *testing.T) {
	capacity, routes := mesh()
	n := newClosedNetwork(capacity, routes, 700)
	for range 200 {
		n.run(7)
		fresh := maxmin.New(capacity)
		flows := n.transfers()
		handles := make([]maxmin.Flow, len(flows))
		for i, f := range flows {
			handles[i] = fresh.Add(0, f.route, 1e9, 1, 0)
		}
		for i, f := range flows {
			sameRate(t, fresh.Rate(handles[i]), n.Rate(f.flow), "flow %d", i)
		}
	}
}

func TestEveryByteIsCarried(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newScript(t, 6)
		carried := map[uint32]float64{}
		size := map[uint32]float64{}
		rate := map[uint32]float64{}
		peak := 0.0 // a clock is exact to a few ps at the highest level it had
		for range 80 {
			s.change(t)
			s.endUnlimited(t)
			at, ok := s.network.Next()
			if !ok {
				continue
			}
			if rapid.Bool().Draw(t, "stop short") {
				at = s.now + (at-s.now)/2
			}
			for _, f := range s.transfers {
				left := s.network.Remaining(s.now, f.flow)
				require.InDelta(t, f.bytes-carried[f.tag], left, 1e-9*f.bytes+peak*1e-10)
				size[f.tag] = f.bytes
				rate[f.tag] = s.network.Rate(f.flow)
				peak = max(peak, rate[f.tag]/f.weight)
				carried[f.tag] += rate[f.tag] * (at - s.now).Seconds()
			}
			s.now = at
			s.complete(t)
			for _, tag := range s.ended {
				require.InDelta(t, size[tag], carried[tag], 1e-9*size[tag]+1e-9*rate[tag]+peak*1e-10, "bytes of flow %d", tag)
			}
		}
	})
}

func TestTwoFlowsOnOneLinkShareTheProcessor(t *testing.T) {
	n := maxmin.New([]float64{100e6})
	n.Add(0, []int32{0}, 300e6, 1, 'A')
	b := n.Add(time.Second, []int32{0}, 100e6, 1, 'B')
	assert.Equal(t, 50e6, n.Rate(b))
	at, ok := n.Next()
	require.True(t, ok)
	assert.Equal(t, 3*time.Second, at)
	assert.Equal(t, []uint32{'B'}, n.Complete(at, nil))
	at, ok = n.Next()
	require.True(t, ok)
	assert.Equal(t, 4*time.Second, at)
	assert.Equal(t, []uint32{'A'}, n.Complete(at, nil))
	_, ok = n.Next()
	assert.False(t, ok)
	assert.Zero(t, n.Len())
}
