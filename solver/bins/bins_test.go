package bins_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/solver/bins"
)

// check fails unless the bins hold every item that fits once, and no more than
// the capacity.
func check(t require.TestingT, capacity []int64, sizes [][]int64, packed [][]int) {
	var seen []int
	for _, bin := range packed {
		require.NotEmpty(t, bin)
		for d, c := range capacity {
			var sum int64
			for _, i := range bin {
				sum += sizes[i][d]
			}
			require.LessOrEqual(t, sum, c)
		}
		seen = append(seen, bin...)
	}
	slices.Sort(seen)
	var want []int
	for i, s := range sizes {
		if !exceeds(s, capacity) {
			want = append(want, i)
		}
	}
	require.Equal(t, want, seen)
}

func exceeds(size, capacity []int64) bool {
	for d, s := range size {
		if s > capacity[d] {
			return true
		}
	}
	return false
}

// least is the fewest bins, by trying every item in every open bin.
func least(capacity []int64, sizes [][]int64) int {
	best := len(sizes)
	var free [][]int64
	var try func(i int)
	try = func(i int) {
		if len(free) >= best {
			return
		}
		if i == len(sizes) {
			best = len(free)
			return
		}
		free = append(free, slices.Clone(capacity))
		for b := range free {
			if exceeds(sizes[i], free[b]) {
				continue
			}
			for d, s := range sizes[i] {
				free[b][d] -= s
			}
			// A bin that stays empty does not count.
			if b < len(free)-1 {
				last := free[len(free)-1]
				free = free[:len(free)-1]
				try(i + 1)
				free = append(free, last)
			} else {
				try(i + 1)
			}
			for d, s := range sizes[i] {
				free[b][d] += s
			}
		}
		free = free[:len(free)-1]
	}
	try(0)
	return best
}

func drawProblem(t *rapid.T, items int) (capacity []int64, sizes [][]int64) {
	dims := rapid.IntRange(1, 3).Draw(t, "dims")
	for range dims {
		capacity = append(capacity, rapid.Int64Range(1, 30).Draw(t, "capacity"))
	}
	for range rapid.IntRange(0, items).Draw(t, "items") {
		var s []int64
		for _, c := range capacity {
			s = append(s, rapid.Int64Range(0, c).Draw(t, "size"))
		}
		sizes = append(sizes, s)
	}
	return capacity, sizes
}

func TestExactAgainstTryingEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity, sizes := drawProblem(t, 9)
		want := least(capacity, sizes)
		r := bins.Exact(context.Background(), capacity, sizes, 0)
		check(t, capacity, sizes, r.Bins)
		require.True(t, r.Proved)
		require.Equal(t, int64(want), r.Bound)
		require.Len(t, r.Bins, want)
		for _, bound := range []func([]int64, [][]int64) int64{bins.L1, bins.L2, bins.L3, bins.Bound} {
			require.LessOrEqual(t, bound(capacity, sizes), int64(want))
		}
	})
}

func TestPoliciesPack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity, sizes := drawProblem(t, 40)
		bound := bins.Bound(capacity, sizes)
		for _, p := range bins.Policies() {
			packed := bins.Pack(p, capacity, sizes)
			check(t, capacity, sizes, packed)
			require.GreaterOrEqual(t, int64(len(packed)), bound, p)
		}
	})
	assert.Panics(t, func() { bins.Pack("largest-first", []int64{1}, nil) })
}

// By hand: capacity 10, items 5 7 5 2 4 2 5 1 6 in this order.
func TestPoliciesByHand(t *testing.T) {
	sizes := oneDimension(5, 7, 5, 2, 4, 2, 5, 1, 6)
	for policy, want := range map[bins.Policy][][]int{
		bins.NextFit:            {{0}, {1}, {2, 3}, {4, 5}, {6, 7}, {8}},
		bins.FirstFit:           {{0, 2}, {1, 3, 7}, {4, 5}, {6}, {8}},
		bins.BestFit:            {{0, 2}, {1, 3, 7}, {4, 5}, {6}, {8}},
		bins.WorstFit:           {{0, 2}, {1, 3}, {4, 5}, {6, 7}, {8}},
		bins.FirstFitDecreasing: {{1, 3, 7}, {8, 4}, {0, 2}, {6, 5}},
		bins.BestFitDecreasing:  {{1, 3, 7}, {8, 4}, {0, 2}, {6, 5}},
	} {
		assert.Equal(t, want, bins.Pack(policy, []int64{10}, sizes), policy)
	}
}

func oneDimension(sizes ...int64) [][]int64 {
	var out [][]int64
	for _, s := range sizes {
		out = append(out, []int64{s})
	}
	return out
}

func TestBoundsByHand(t *testing.T) {
	// No two of 51 share a bin of 100.
	large := oneDimension(51, 51, 51, 51, 51, 51)
	assert.Equal(t, int64(4), bins.L1([]int64{100}, large))
	assert.Equal(t, int64(6), bins.L2([]int64{100}, large))
	third := oneDimension(34, 34, 34, 34, 34, 34)
	assert.Equal(t, int64(3), bins.L1([]int64{100}, third))
	assert.Equal(t, int64(3), bins.L2([]int64{100}, third))
	// 26 in 100: three a bin, which only the dual feasible functions see.
	quarter := oneDimension(26, 26, 26, 26, 26, 26, 26)
	assert.Equal(t, int64(2), bins.L2([]int64{100}, quarter))
	assert.Equal(t, int64(3), bins.L3([]int64{100}, quarter))
	// Each pair exceeds one dimension or the other.
	assert.Equal(t, int64(3), bins.Bound([]int64{10, 10, 10}, [][]int64{{6, 6, 0}, {6, 0, 6}, {0, 6, 6}}))
}

func TestItemsThatNoBinHoldsAreLeftOut(t *testing.T) {
	sizes := [][]int64{{11, 1}, {1, 1}}
	r := bins.Exact(context.Background(), []int64{10, 10}, sizes, 0)
	assert.Equal(t, bins.Result{Bins: [][]int{{1}}, Bound: 1, Proved: true}, r)
	assert.Empty(t, bins.Exact(context.Background(), []int64{10}, nil, 0).Bins)
}

// triplets are n items made by cutting bins of 1000 into three, so that n/3
// bins are enough and exactly full, as Falkenauer's are.
func triplets(seed uint64, n int) [][]int64 {
	rng := rand.New(rand.NewPCG(seed, 3))
	var sizes [][]int64
	for range n / 3 {
		a := int64(380 + rng.IntN(111))
		b := 250 + rng.Int64N((1000-a)/2-250+1)
		sizes = append(sizes, oneDimension(a, b, 1000-a-b)...)
	}
	return sizes
}

// uniform are n items of sizes low to high in every dimension.
func uniform(seed uint64, n, dims int, low, high int64) [][]int64 {
	rng := rand.New(rand.NewPCG(seed, 4))
	sizes := make([][]int64, n)
	for i := range sizes {
		for range dims {
			sizes[i] = append(sizes[i], low+rng.Int64N(high-low+1))
		}
	}
	return sizes
}

func TestExactFillsTriplets(t *testing.T) {
	for seed := range uint64(3) {
		sizes := triplets(seed, 60)
		r := bins.Exact(context.Background(), []int64{1000}, sizes, 0)
		check(t, []int64{1000}, sizes, r.Bins)
		assert.Len(t, r.Bins, 20)
		assert.True(t, r.Proved)
	}
}

func TestExactObeysItsLimits(t *testing.T) {
	sizes := triplets(1, 90)
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	for _, r := range []bins.Result{bins.Exact(stopped, []int64{1000}, sizes, 0), bins.Exact(context.Background(), []int64{1000}, sizes, 2)} {
		check(t, []int64{1000}, sizes, r.Bins)
		assert.LessOrEqual(t, r.Steps, int64(3))
		assert.LessOrEqual(t, r.Bound, int64(30))
	}
}

func TestExactRepeats(t *testing.T) {
	sizes := uniform(7, 40, 2, 10, 60)
	first := bins.Exact(context.Background(), []int64{100, 100}, sizes, 300)
	assert.Equal(t, first, bins.Exact(context.Background(), []int64{100, 100}, sizes, 300))
}
