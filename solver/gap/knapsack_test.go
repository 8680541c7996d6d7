package gap

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// dumb is the largest profit of a set of items that fits, by trying all sets
// in which the item forced is in or out as told.
func dumb(items []item, room int64, forced int, in bool) int64 {
	best := int64(-1)
	for set := range 1 << len(items) {
		if forced >= 0 && (set>>forced&1 == 1) != in {
			continue
		}
		var profit, weight int64
		for x, it := range items {
			if set>>x&1 == 1 {
				profit += it.profit
				weight += it.weight
			}
		}
		if weight <= room {
			best = max(best, profit)
		}
	}
	return best
}

func drawItems(t *rapid.T) (items []item, room int64) {
	n := rapid.IntRange(0, 10).Draw(t, "items")
	room = rapid.Int64Range(0, 60).Draw(t, "room")
	correlated := rapid.Bool().Draw(t, "correlated")
	for j := range n {
		w := rapid.Int64Range(0, min(room, 30)).Draw(t, "weight")
		p := rapid.Int64Range(1, 40).Draw(t, "profit")
		if correlated {
			p = w + 5
		}
		items = append(items, item{j, p, w})
	}
	return items, room
}

func TestKnapsackAgainstAllSets(t *testing.T) {
	var k knapsack // shared, so that what one problem leaves cannot harm the next
	rapid.Check(t, func(t *rapid.T) {
		items, room := drawItems(t)
		k.items = slices.Clone(items)
		value := k.solve(room)
		if want := dumb(items, room, -1, false); value != want {
			t.Fatalf("value %d, best is %d", value, want)
		}
		var profit, weight int64
		for x, taken := range k.taken {
			if taken {
				profit += k.items[x].profit
				weight += k.items[x].weight
			}
		}
		if profit != value || weight > room {
			t.Fatalf("the set has profit %d and weight %d for value %d in %d", profit, weight, value, room)
		}
	})
}

func TestShiftsAgainstAllSets(t *testing.T) {
	var k knapsack
	rapid.Check(t, func(t *rapid.T) {
		items, room := drawItems(t)
		k.items = slices.Clone(items)
		shifts := make([]shift, len(items))
		row := k.shifts(room, shifts)
		for c, v := range row {
			if want := dumb(items, int64(c), -1, false); v != want {
				t.Fatalf("value %d in room %d, best is %d", v, c, want)
			}
		}
		best := row[room]
		for x := range items {
			want := shift{best - dumb(items, room, x, false), best - dumb(items, room, x, true)}
			if shifts[x] != want {
				t.Fatalf("item %d shifts %+v, should %+v", x, shifts[x], want)
			}
		}
	})
}
