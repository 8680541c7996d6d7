package maxmin_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/sim/maxmin"
)

// drain ends all flows and returns their tags and instants.
func drain(t *testing.T, n *maxmin.Network) (tags []uint32, ends []time.Duration) {
	for {
		at, ok := n.Next()
		if !ok {
			return tags, ends
		}
		before := len(tags)
		tags = n.Complete(at, tags)
		require.Greater(t, len(tags), before, "Next announced an end that Complete did not find")
		for range tags[before:] {
			ends = append(ends, at)
		}
	}
}

func TestNothingToCarryEndsAtOnceInOrderOfAdmission(t *testing.T) {
	n := maxmin.New([]float64{1e6, math.Inf(1)})
	now := 5 * time.Second
	n.Add(now, []int32{1}, 1e9, 1, 1)
	n.Add(now, nil, 1e9, 1, 2)
	n.Add(now, []int32{0}, 0, 1, 3)
	n.Add(now, []int32{0}, 1e6, 1, 4)
	n.Add(now, []int32{1, 1}, math.Inf(1), 1, 5)
	at, ok := n.Next()
	require.True(t, ok)
	assert.Equal(t, now, at)
	assert.Equal(t, []uint32{1, 2, 3, 5}, n.Complete(now, nil))
	tags, ends := drain(t, n)
	assert.Equal(t, []uint32{4}, tags)
	assert.Equal(t, []time.Duration{6 * time.Second}, ends)
}

func TestEqualFlowsEndTogetherInOrderOfAdmission(t *testing.T) {
	// 3 x 1/3 of a rate that no float holds exactly.
	n := maxmin.New([]float64{1e7, 1e9})
	for tag := range uint32(3) {
		n.Add(0, [][]int32{{0}, {1, 0}, {0, 1}}[tag], 1e6, 1, 10-tag)
	}
	tags, ends := drain(t, n)
	assert.Equal(t, []uint32{10, 9, 8}, tags)
	assert.Equal(t, []time.Duration{300 * time.Millisecond, 300 * time.Millisecond, 300 * time.Millisecond}, ends)
}

func TestEndsAreRoundedUpToTheNanosecond(t *testing.T) {
	n := maxmin.New([]float64{3e9})
	n.Add(0, []int32{0}, 1, 1, 0) // a third of a nanosecond
	n.Add(0, []int32{0}, 4, 1, 1)
	_, ends := drain(t, n)
	assert.Equal(t, []time.Duration{1, 2}, ends) // after 2/3 ns, and after the 5/6 ns that the other needs alone
}

func TestWeightsShareInProportion(t *testing.T) {
	n := maxmin.New([]float64{12e6, 2e6})
	a := n.Add(0, []int32{0}, 1e6, 1, 0)
	b := n.Add(0, []int32{0}, 1e6, 3, 1)
	c := n.Add(0, []int32{0, 1}, 1e6, 100, 2)
	assert.InDelta(t, 2.5e6, n.Rate(a), 1e-6)
	assert.InDelta(t, 7.5e6, n.Rate(b), 1e-6)
	assert.InDelta(t, 2e6, n.Rate(c), 1e-6)
	assert.InDelta(t, 12e6, n.Used(0), 1e-6)
	assert.Equal(t, 12e6, n.Capacity(0))
}

func TestAMediumCrossedTwiceCarriesTheFlowTwice(t *testing.T) {
	n := maxmin.New([]float64{12e6, 12e6})
	a := n.Add(0, []int32{0, 1, 0}, 1e6, 1, 0)
	b := n.Add(0, []int32{0}, 1e6, 1, 1)
	assert.InDelta(t, 4e6, n.Rate(a), 1e-6)
	assert.InDelta(t, 4e6, n.Rate(b), 1e-6)
}

func TestLongRoutes(t *testing.T) {
	const hops = 40
	capacity := make([]float64, hops)
	route := make([]int32, hops)
	for i := range capacity {
		capacity[i] = 1e6 * float64(1+i)
		route[i] = int32(hops - 1 - i)
	}
	n := maxmin.New(capacity)
	long := n.Add(0, route, 1e6, 1, 0)
	short := n.Add(0, route[hops-2:], 1e6, 1, 1) // media 1 and 0
	assert.InDelta(t, .5e6, n.Rate(long), 1e-6)
	assert.InDelta(t, .5e6, n.Rate(short), 1e-6)
}

func TestAFailedMediumStallsItsFlowsUntilItIsBack(t *testing.T) {
	n := maxmin.New([]float64{1e6, 1e6})
	f := n.Add(0, []int32{0, 1}, 1e6, 1, 7)
	n.Add(0, []int32{1}, 0.25e6, 1, 8)
	n.SetCapacity(200*time.Millisecond, 0, 0) // 0.1 MB carried of each
	assert.Zero(t, n.Rate(f))
	at, ok := n.Next()
	require.True(t, ok)
	assert.Equal(t, 350*time.Millisecond, at)
	assert.Equal(t, []uint32{8}, n.Complete(at, nil))
	_, ok = n.Next()
	assert.False(t, ok, "a stalled flow has no end")
	assert.InDelta(t, 0.9e6, n.Remaining(time.Second, f), 1e-3)
	n.SetCapacity(time.Second, 0, 1e6)
	at, ok = n.Next()
	require.True(t, ok)
	assert.Equal(t, 1900*time.Millisecond, at)
}

func TestALimitThatIsLiftedEndsTheFlows(t *testing.T) {
	n := maxmin.New([]float64{1e6, 2e6})
	n.Add(0, []int32{0}, 1e6, 1, 1)
	b := n.Add(0, []int32{0, 1}, 1e6, 1, 2)
	n.SetCapacity(time.Second, 0, math.Inf(1))
	assert.InDelta(t, 2e6, n.Rate(b), 1e-6)
	tags, ends := drain(t, n)
	assert.Equal(t, []uint32{1, 2}, tags)
	assert.Equal(t, []time.Duration{time.Second, 1250 * time.Millisecond}, ends)
}

func TestChangesOfOneInstantCommute(t *testing.T) {
	for _, first := range []bool{true, false} {
		n := maxmin.New([]float64{math.Inf(1), 1e6})
		if first {
			n.SetCapacity(time.Second, 0, 0.5e6)
		}
		f := n.Add(time.Second, []int32{0, 1}, 1e6, 1, 0)
		if !first {
			n.SetCapacity(time.Second, 0, 0.5e6)
		}
		assert.InDelta(t, 0.5e6, n.Rate(f), 1e-6)
		assert.Equal(t, 1, n.Len())
	}
}

func TestCompleteCatchesUpWithEndsThatWerePassedOver(t *testing.T) {
	n := maxmin.New([]float64{100e6})
	n.Add(0, []int32{0}, 300e6, 1, 'A')
	n.Add(time.Second, []int32{0}, 100e6, 1, 'B')
	c := n.Add(time.Minute, []int32{0}, 100e6, 1, 'C') // B ended at 3 s, A at 4 s
	assert.InDelta(t, 100e6, n.Rate(c), 1e-3)
	assert.Equal(t, []uint32{'B', 'A'}, n.Complete(time.Minute, nil))
	assert.Equal(t, []uint32{'C'}, n.Complete(time.Hour, nil))
}

func TestFlowNamesAreNotReused(t *testing.T) {
	n := maxmin.New([]float64{1e6})
	assert.False(t, n.Remove(0, 0), "the zero name is no flow")
	a := n.Add(0, []int32{0}, 1e6, 1, 0)
	require.True(t, n.Remove(0, a))
	b := n.Add(0, []int32{0}, 1e6, 1, 0)
	assert.NotEqual(t, a, b)
	assert.False(t, n.Remove(0, a))
	assert.Zero(t, n.Rate(a))
	assert.Zero(t, n.Remaining(0, a))
	empty := n.Add(0, nil, 0, 1, 9)
	assert.True(t, n.Remove(0, empty), "an end that is not reported can be cancelled")
	assert.Empty(t, n.Complete(0, nil))
	assert.Equal(t, []uint32{0}, n.Complete(time.Second, nil))
	assert.False(t, n.Remove(time.Second, b))
}

func TestMistakesOfTheCallerPanic(t *testing.T) {
	assert.Panics(t, func() { maxmin.New([]float64{-1}) })
	assert.Panics(t, func() { maxmin.New([]float64{math.NaN()}) })
	n := maxmin.New([]float64{1})
	assert.Panics(t, func() { n.SetCapacity(0, 0, -1) })
	assert.Panics(t, func() { n.Add(0, []int32{0}, math.NaN(), 1, 0) })
	assert.Panics(t, func() { n.Add(0, []int32{0}, 1, 0, 0) })
	assert.Panics(t, func() { n.Add(0, []int32{0}, 1, math.Inf(1), 0) })
	assert.Panics(t, func() { n.Add(0, []int32{0, 1}, 1, 1, 0) })
	f := n.Add(0, []int32{0}, 1, 1, 0)
	assert.Equal(t, 1.0, n.Rate(f), "a panic leaves nothing behind")
	assert.Equal(t, 1, n.Len())
}

// Ten years at full load: the clocks are rewound thousands of times, and the
// last flow is as exact as the first.
func TestLongRunsStayExact(t *testing.T) {
	n := maxmin.New([]float64{1e9, 3})
	n.Add(0, []int32{0, 1}, math.Inf(1), 1, 0)
	n.Add(0, []int32{0}, math.Inf(1), 1, 0)
	now := time.Duration(0)
	for range 3650 {
		now += 24 * time.Hour
		n.Add(now, []int32{0}, 1e9-3, 1, 1) // 2 s at half of what the slow flow leaves
		at, ok := n.Next()
		require.True(t, ok)
		require.Equal(t, now+2*time.Second, at)
		require.Equal(t, []uint32{1}, n.Complete(at, nil))
	}
}

func TestAnEndBeyondTheClockNeverComes(t *testing.T) {
	n := maxmin.New([]float64{1})
	f := n.Add(time.Hour, []int32{0}, 1e18, 1, 0)
	_, ok := n.Next()
	assert.False(t, ok)
	assert.Equal(t, 1.0, n.Rate(f))
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	for name, build := range map[string]func() ([]float64, [][]int32){"mesh": mesh, "edge tree": edgeTree} {
		t.Run(name, func(t *testing.T) {
			capacity, routes := build()
			n := newClosedNetwork(capacity, routes, 1000)
			n.run(50000)
			assert.Less(t, testing.AllocsPerRun(20, func() { n.run(500) }), 1.0)
		})
	}
}

func TestEqualHistoriesGiveEqualBits(t *testing.T) {
	capacity, routes := mesh()
	a := newClosedNetwork(capacity, routes, 300)
	b := newClosedNetwork(capacity, routes, 300)
	for range 300 {
		a.run(1)
		b.run(1)
		require.Equal(t, a.now, b.now)
		for i := range a.running {
			require.Equal(t, math.Float64bits(a.Rate(a.running[i].flow)), math.Float64bits(b.Rate(b.running[i].flow)))
		}
	}
}
