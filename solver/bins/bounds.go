package bins

import (
	"cmp"
	"slices"
)

// L1 is the total size over the capacity, rounded up, in the dimension where
// it is largest.
func L1(capacity []int64, sizes [][]int64) int64 {
	bound := int64(0)
	for d := range capacity {
		var total int64
		for _, s := range sizes {
			total += s[d]
		}
		bound = max(bound, ceilDiv(total, capacity[d]))
	}
	if len(sizes) > 0 {
		bound = max(bound, 1)
	}
	return bound
}

// ceilDiv is a/b rounded up; 0 where there is no capacity to share.
func ceilDiv(a, b int64) int64 {
	if b <= 0 {
		return 0
	}
	return (a + b - 1) / b
}

// L2 is the bound of Martello and Toth (Knapsack Problems, 1990, section
// 8.3.2), in the dimension where it is largest: for every threshold a up to
// half the capacity, items over capacity-a are alone, others over half of it
// lie in bins of their own, and what they leave room for of those from a to
// half is taken off the rest.
func L2(capacity []int64, sizes [][]int64) int64 {
	bound := L1(capacity, sizes)
	for d := range capacity {
		bound = max(bound, thresholds(capacity[d], column(sizes, d)))
	}
	return bound
}

// column is one dimension of the sizes, falling.
func column(sizes [][]int64, d int) []int64 {
	out := make([]int64, 0, len(sizes))
	for _, s := range sizes {
		if s[d] > 0 {
			out = append(out, s[d])
		}
	}
	slices.SortFunc(out, func(a, b int64) int { return cmp.Compare(b, a) })
	return out
}

// thresholds is L2 of falling sizes.
func thresholds(capacity int64, falling []int64) int64 {
	half := 0 // how many exceed half the capacity
	for half < len(falling) && 2*falling[half] > capacity {
		half++
	}
	bound := int64(half)
	alone, paired := 0, int64(0) // items over capacity-a; sum of the other large ones
	for _, x := range falling[:half] {
		paired += x
	}
	var small int64 // sum of the small ones of at least a
	for k := len(falling) - 1; k >= half; k-- {
		small += falling[k]
	}
	for k := len(falling) - 1; k >= half; k-- {
		a := falling[k]
		if k < len(falling)-1 && a == falling[k+1] {
			continue
		}
		for alone < half && falling[alone] > capacity-a {
			paired -= falling[alone]
			alone++
		}
		room := int64(half-alone)*capacity - paired
		bound = max(bound, int64(half)+max(0, ceilDiv(small-room, capacity)))
		for e := k; e >= half && falling[e] == a; e-- {
			small -= a
		}
	}
	return bound
}

// L3 is the best of L2 and of two families of dual feasible functions, which
// map sizes so that what fits a bin still fits one: the multiples u(k) of
// Fekete and Schepers (Math. Programming 91, 2001) and the staircases f(a) of
// Carlier, Clautiaux and Moukrim (Computers & OR 34, 2007). One dimension at a
// time.
func L3(capacity []int64, sizes [][]int64) int64 {
	bound := L2(capacity, sizes)
	for d := range capacity {
		falling := column(sizes, d)
		bound = max(bound, multiples(capacity[d], falling), staircases(capacity[d], falling))
	}
	return bound
}

// maxMultiple is how many functions u(k) are tried.
const maxMultiple = 40

// multiples maps x to floor((k+1)x/capacity)/k, or to x where that division
// leaves nothing over.
func multiples(capacity int64, falling []int64) int64 {
	bound := int64(0)
	for k := int64(1); k <= maxMultiple; k++ {
		var sum float64 // of multiples of 1/(k capacity): exact enough to be rounded down below
		for _, x := range falling {
			if (k+1)*x%capacity == 0 {
				sum += float64(x) / float64(capacity)
			} else {
				sum += float64((k+1)*x/capacity) / float64(k)
			}
		}
		bound = max(bound, roundUp(sum))
	}
	return bound
}

// roundUp is x rounded up, forgiving what rounding may have added.
func roundUp(x float64) int64 {
	const slack = 1e-6
	n := int64(x)
	if x-float64(n) > slack {
		n++
	}
	return n
}

// staircases maps x, for every step a of the sizes up to half the capacity, to
// 2 floor(x/a) below half the capacity, floor(capacity/a) at half and
// 2 floor(capacity/a) - 2 floor((capacity-x)/a) above; a bin holds
// 2 floor(capacity/a).
func staircases(capacity int64, falling []int64) int64 {
	bound := int64(0)
	last := int64(0)
	for _, a := range falling {
		if 2*a > capacity || a == last {
			continue
		}
		last = a
		whole := 2 * (capacity / a)
		var sum int64
		for _, x := range falling {
			switch {
			case 2*x > capacity:
				sum += whole - 2*((capacity-x)/a)
			case 2*x == capacity:
				sum += whole / 2
			default:
				sum += 2 * (x / a)
			}
		}
		bound = max(bound, ceilDiv(sum, whole))
	}
	return bound
}

// apart is how many items no two of which share a bin are found greedily, the
// largest share of any dimension first.
func apart(capacity []int64, sizes [][]int64) int64 {
	order := make([]int, len(sizes))
	share := make([]float64, len(sizes))
	for i, s := range sizes {
		order[i] = i
		for d, x := range s {
			share[i] = max(share[i], float64(x)/float64(max(capacity[d], 1)))
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(share[b], share[a]) })
	var chosen []int
	for _, i := range order {
		if !slices.ContainsFunc(chosen, func(j int) bool { return fitTogether(sizes[i], sizes[j], capacity) }) {
			chosen = append(chosen, i)
		}
	}
	return int64(len(chosen))
}

func fitTogether(a, b, capacity []int64) bool {
	for d := range a {
		if a[d]+b[d] > capacity[d] {
			return false
		}
	}
	return true
}

// Bound is the best of the bounds above and of a set of items no two of which
// share a bin. It takes a few milliseconds for a thousand items. No packing of
// all items has fewer bins; items that exceed an empty bin are left out.
func Bound(capacity []int64, sizes [][]int64) int64 {
	sizes = slices.DeleteFunc(slices.Clone(sizes), func(s []int64) bool { return !fits(s, capacity) })
	bound := L3(capacity, sizes)
	if len(capacity) > 1 {
		bound = max(bound, apart(capacity, sizes))
	}
	return bound
}
