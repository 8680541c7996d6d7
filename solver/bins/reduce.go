package bins

import (
	"cmp"
	"slices"
)

// dominated fixes bins of one dimension that some best packing has (Martello
// and Toth's dominance): an item over half the capacity with the largest that
// fits beside it, where the two fill the bin, or no two others fit instead, or
// no three do and no two are larger than that one. It returns these bins and
// the items left.
func dominated(capacity []int64, sizes [][]int64) (fixed [][]int, left []int) {
	left = make([]int, len(sizes))
	for i := range left {
		left[i] = i
	}
	if len(capacity) != 1 {
		return nil, left
	}
	slices.SortStableFunc(left, func(a, b int) int { return cmp.Compare(sizes[b][0], sizes[a][0]) })
	size := func(k int) int64 { return sizes[left[k]][0] }
	for k := 0; k < len(left) && 2*size(k) > capacity[0]; {
		room := capacity[0] - size(k)
		// The items from first on fit beside item k.
		first, _ := slices.BinarySearchFunc(left[k+1:], room, func(i int, room int64) int {
			return cmp.Compare(room, sizes[i][0])
		})
		first += k + 1
		n := len(left)
		switch {
		case first >= n:
			fixed = append(fixed, []int{left[k]})
			left = slices.Delete(left, k, k+1)
			k = 0
		case size(first) == room || first == n-1 || size(n-1)+size(n-2) > room,
			(first >= n-2 || size(n-1)+size(n-2)+size(n-3) > room) && largestPair(left[first:], sizes, room) <= size(first):
			fixed = append(fixed, []int{left[k], left[first]})
			left = slices.Delete(left, first, first+1)
			left = slices.Delete(left, k, k+1)
			k = 0
		default:
			k++
		}
	}
	return fixed, left
}

// largestPair is the largest sum of two of the items, falling in size, that
// does not exceed room; 0 without any.
func largestPair(items []int, sizes [][]int64, room int64) int64 {
	best := int64(0)
	for a, b := 0, len(items)-1; a < b; {
		sum := sizes[items[a]][0] + sizes[items[b]][0]
		if sum > room {
			a++
			continue
		}
		best = max(best, sum)
		b--
	}
	return best
}
