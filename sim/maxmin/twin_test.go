package maxmin

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// audit fails unless the bookkeeping of n agrees with itself.
func audit(t require.TestingT, n *Network) {
	weight := make([]float64, len(n.media))
	used := make([]float64, len(n.media))
	for b := range n.bundles {
		u := &n.bundles[b]
		if len(u.hops) == 0 {
			continue
		}
		require.GreaterOrEqual(t, u.at, int32(0))
		for _, h := range u.hops {
			if h.medium == u.at {
				weight[u.at] += u.weight
			} else {
				used[h.medium] += u.weight * n.media[u.at].level
				require.Equal(t, h.medium, n.cells.all[h.cell].medium)
				require.Equal(t, u.at, n.cells.all[h.cell].at)
			}
		}
	}
	for m := range n.media {
		x := &n.media[m]
		require.False(t, x.queued)
		require.Equal(t, weight[m], x.weight)
		require.InDelta(t, used[m], x.used, 1e-11*min(x.capacity, 1e12)+1e-300)
		require.Equal(t, x.weight > 0, n.clocks[m].place >= 0)
	}
}

// One network is repaired after each change, the other filled from nothing.
func TestRepairAndFillAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		media := rapid.SampledFrom([]int{2, 4, 10, 30, 300}).Draw(t, "media")
		capacity := make([]float64, media)
		for m := range capacity {
			capacity[m] = rapid.Float64Range(1e6, 4e6).Draw(t, "capacity")
		}
		a, b := New(capacity), New(capacity)
		var names [][2]Flow
		now := time.Duration(0)
		for i := range rapid.IntRange(10, 120).Draw(t, "steps") {
			now += time.Millisecond
			switch k := rapid.IntRange(0, 9).Draw(t, "action"); {
			case k == 0:
				m := int32(rapid.IntRange(0, media-1).Draw(t, "medium"))
				c := rapid.Float64Range(0, 4e6).Draw(t, "capacity")
				a.SetCapacity(now, m, c)
				b.SetCapacity(now, m, c)
			case k < 3 && len(names) > 0:
				j := rapid.IntRange(0, len(names)-1).Draw(t, "which")
				a.Remove(now, names[j][0])
				b.Remove(now, names[j][1])
				names = append(names[:j], names[j+1:]...)
			default:
				route := make([]int32, rapid.IntRange(1, 6).Draw(t, "hops"))
				for h := range route {
					route[h] = int32(rapid.IntRange(0, media-1).Draw(t, "medium"))
				}
				w := float64(rapid.IntRange(1, 1024).Draw(t, "weight")) / 256
				names = append(names, [2]Flow{a.Add(now, route, 1e12, w, uint32(i)), b.Add(now, route, 1e12, w, uint32(i))})
			}
			a.stale, b.stale = true, true
			b.refill = true
			a.solve()
			b.solve()
			audit(t, a)
			audit(t, b)
			for _, f := range names {
				require.InDelta(t, b.Rate(f[1]), a.Rate(f[0]), 1e-9*b.Rate(f[1])+1e-12)
				require.InDelta(t, b.Remaining(now, f[1]), a.Remaining(now, f[0]), 1e-3)
			}
		}
	})
}

func TestOrdinaryChangesAreRepaired(t *testing.T) {
	n := New([]float64{3, 4, 5, 6, 7, 8})
	for i := range int32(6) {
		for j := range i {
			n.Add(0, []int32{i, j}, 1e9, 1, 0)
			n.Next()
		}
	}
	n.SetCapacity(0, 3, 1)
	require.NotEmpty(t, n.queue)
	require.False(t, n.refill)
	require.True(t, n.repair())
	audit(t, n)
}
