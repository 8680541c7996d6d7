package des

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// holdHash runs the hold workload on q: n keys at Exp(1), then warm and
// counted holds that add 4096 cyclic increments. It hashes the order of the
// counted payloads.
func holdHash(q interface {
	Push(key, payload uint64)
	Pop() (key, payload uint64, ok bool)
}, n, warm, counted int) uint64 {
	increments := make([]float64, 4096)
	s := FromSeed(7)
	for i := range increments {
		increments[i] = s.ExpInverse()
	}
	s = FromSeed(42)
	for i := range n {
		q.Push(math.Float64bits(s.ExpInverse()), uint64(i))
	}
	hold := func(i int) uint64 {
		key, id, _ := q.Pop()
		q.Push(math.Float64bits(math.Float64frombits(key)+increments[i%4096]), id)
		return id
	}
	for i := range warm {
		hold(i)
	}
	var hash uint64
	for i := range counted {
		hash = hash*31 + hold(i)
	}
	return hash
}

// The hashes were computed by implementations in C++ and Rust.
func TestHoldMeetsTheHashesOfOtherImplementations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n, warm int
		hash    uint64
	}{
		{1e3, 2e5, 0xce2c74b1023966a3},
		{1e5, 2e5, 0x12fb84a3c621dd34},
		{1e6, 1e6, 0x34639f0e80858a7e},
	} {
		t.Run(fmt.Sprint("n=", c.n), func(t *testing.T) {
			if testing.Short() && c.n > 1e5 {
				t.Skip("a million keys")
			}
			assert.Equal(t, c.hash, holdHash(new(Queue), c.n, c.warm, 1e6))
		})
	}
}

// A scale says how far from the last popped key new keys fall.
func drawKey(t *rapid.T, last uint64) uint64 {
	var reach uint64
	switch rapid.IntRange(0, 5).Draw(t, "scale") {
	case 0: // ties
		reach = 0
	case 1:
		reach = rapid.Uint64Range(0, 3).Draw(t, "near")
	case 2:
		reach = rapid.Uint64Range(0, 1<<12).Draw(t, "middle")
	case 3:
		reach = rapid.Uint64Range(0, 1<<40).Draw(t, "far")
	case 4:
		reach = 1 << rapid.IntRange(0, 63).Draw(t, "power")
	default:
		reach = math.MaxUint64
	}
	if reach > math.MaxUint64-last {
		return math.MaxUint64
	}
	return last + reach
}

func TestQueueAgreesWithHeapAndSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Queue
		var h heap
		var model []notice // sorted stably
		var last, id uint64
		push := func(key uint64) {
			q.Push(key, id)
			h.Push(key, id)
			i, _ := slices.BinarySearchFunc(model, key, func(x notice, k uint64) int {
				if x.key <= k {
					return -1
				}
				return 1
			})
			model = slices.Insert(model, i, notice{key, id})
			id++
		}
		pop := func() {
			key, payload, ok := q.Pop()
			hk, hp, hok := h.Pop()
			require.Equal(t, len(model) > 0, ok)
			require.Equal(t, ok, hok)
			if !ok {
				return
			}
			want := model[0]
			model = model[1:]
			require.Equal(t, want, notice{key, payload})
			require.Equal(t, want, notice{hk, hp})
			last = key
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) { push(drawKey(t, last)) },
			"burst": func(t *rapid.T) {
				n := rapid.IntRange(1, 400).Draw(t, "n")
				key := drawKey(t, last)
				step := rapid.Uint64Range(0, 5).Draw(t, "step")
				down := rapid.Bool().Draw(t, "down")
				for i := range uint64(n) {
					if down {
						i = uint64(n) - i
					}
					if d := i * step; d < math.MaxUint64-key {
						push(key + d)
					}
				}
			},
			"pop": func(t *rapid.T) { pop() },
			"pop many": func(t *rapid.T) {
				for range rapid.IntRange(1, 300).Draw(t, "n") {
					pop()
				}
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(model), q.Len())
				key, ok := q.Peek()
				require.Equal(t, len(model) > 0, ok)
				if ok {
					require.Equal(t, model[0].key, key)
				}
			},
		})
		for len(model) > 0 {
			pop()
		}
		require.Zero(t, q.Len())
	})
}

func TestQueueKeepsOrderUnderEveryIncrementLaw(t *testing.T) {
	t.Parallel()
	for name, draw := range increments() {
		t.Run(name, func(t *testing.T) {
			var q Queue
			var h heap
			s := FromSeed(3)
			for i := range uint64(5000) {
				k := math.Float64bits(draw(&s))
				q.Push(k, i)
				h.Push(k, i)
			}
			for range 200000 {
				key, id, ok := q.Pop()
				hk, hid, _ := h.Pop()
				if !ok || key != hk || id != hid {
					require.Equal(t, notice{hk, hid}, notice{key, id})
				}
				k := math.Float64bits(math.Float64frombits(key) + draw(&s))
				q.Push(k, id)
				h.Push(k, id)
			}
		})
	}
}

func TestResetQueueIsLikeNew(t *testing.T) {
	var q Queue
	first := holdHash(&q, 1000, 5000, 5000)
	q.Reset()
	assert.Zero(t, q.Len())
	assert.Equal(t, first, holdHash(&q, 1000, 5000, 5000))
}

// increments are the laws of the hold model in the literature (Rönngren and
// Ayani 1997), by name.
func increments() map[string]func(*Stream) float64 {
	return map[string]func(*Stream) float64{
		"exponential": (*Stream).ExpInverse,
		"pareto": func(s *Stream) float64 {
			u := 1 - s.Float64()
			return 0.1 / (u * u)
		},
		"integer":  func(s *Stream) float64 { return float64(1 + s.IntN(10)) },
		"constant": func(s *Stream) float64 { return 1 },
		"bimodal": func(s *Stream) float64 {
			if s.Float64() < 0.9 {
				return s.Float64() * 0.095238
			}
			return 0.95238*s.Float64() + 9.5238
		},
	}
}
