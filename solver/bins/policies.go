// Package bins packs items into as few alike bins as possible: how many nodes
// of one kind does a workload need? Items and bins are plain vectors of whole
// numbers, one entry a dimension.
//
// Pack knows the usual rules, Bound what no packing can beat, and Exact finds
// the least number by branch and price. Solver asks the question of a
// topology.
package bins

import (
	"cmp"
	"fmt"
	"slices"
)

// A Policy is a rule by which items go into bins.
type Policy string

const (
	// NextFit looks at the last opened bin only.
	NextFit Policy = "next-fit"
	// FirstFit takes the first bin that has room.
	FirstFit Policy = "first-fit"
	// BestFit takes the fullest bin that has room.
	BestFit Policy = "best-fit"
	// WorstFit takes the emptiest open bin.
	WorstFit Policy = "worst-fit"
	// FirstFitDecreasing is FirstFit on the items by falling size.
	FirstFitDecreasing Policy = "first-fit-decreasing"
	// BestFitDecreasing is BestFit on the items by falling size.
	BestFitDecreasing Policy = "best-fit-decreasing"
	// DotProduct fills one bin after the other, each time with the item whose
	// product with the free room is the largest (Panigrahy, Talwar, Uyeda,
	// Wieder: Heuristics for Vector Bin Packing, 2011).
	DotProduct Policy = "dot-product"
	// L2Norm fills one bin after the other, each time with the item that
	// leaves the shortest vector of free room (same paper).
	L2Norm Policy = "l2-norm"
)

// Policies lists every policy, for messages and catalogues.
func Policies() []Policy {
	return []Policy{NextFit, FirstFit, BestFit, WorstFit, FirstFitDecreasing, BestFitDecreasing, DotProduct, L2Norm}
}

// Pack puts the items into bins by a policy: the positions of the items in
// each bin. Items that exceed an empty bin are left out. In several dimensions
// a size is the sum of its shares of the capacity, each weighed by how scarce
// its dimension is.
//
// Pack panics on a policy that Policies does not list.
func Pack(policy Policy, capacity []int64, sizes [][]int64) [][]int {
	p := newPacking(capacity, sizes)
	items := p.fitting()
	switch policy {
	case FirstFitDecreasing, BestFitDecreasing:
		slices.SortStableFunc(items, func(a, b int) int { return cmp.Compare(p.norm(sizes[b]), p.norm(sizes[a])) })
	}
	switch policy {
	case NextFit:
		p.next(items)
	case FirstFit, FirstFitDecreasing:
		p.into(items, func([]int64) float64 { return 0 })
	case BestFit, BestFitDecreasing:
		p.into(items, func(free []int64) float64 { return p.norm(free) })
	case WorstFit:
		p.into(items, func(free []int64) float64 { return -p.norm(free) })
	case DotProduct:
		p.fill(items, func(size, free []int64) float64 { return -p.product(size, free) })
	case L2Norm:
		p.fill(items, p.distance)
	default:
		panic(fmt.Sprintf("bins: no policy %q", policy))
	}
	return p.bins
}

// A packing is bins while they are filled.
type packing struct {
	capacity []int64
	sizes    [][]int64
	weight   []float64 // of a unit of each dimension: scarcity / capacity
	bins     [][]int
	free     [][]int64
}

func newPacking(capacity []int64, sizes [][]int64) *packing {
	p := &packing{capacity: capacity, sizes: sizes, weight: make([]float64, len(capacity))}
	for d, c := range capacity {
		var total float64
		for _, s := range sizes {
			total += float64(s[d])
		}
		if c > 0 {
			p.weight[d] = total / float64(c) / float64(c)
		}
	}
	return p
}

func (p *packing) fitting() []int {
	var items []int
	for i := range p.sizes {
		if fits(p.sizes[i], p.capacity) {
			items = append(items, i)
		}
	}
	return items
}

func fits(size, free []int64) bool {
	for d, s := range size {
		if s > free[d] {
			return false
		}
	}
	return true
}

func (p *packing) norm(v []int64) float64 {
	var sum float64
	for d, x := range v {
		sum += float64(p.weight[d] * float64(x))
	}
	return sum
}

func (p *packing) product(size, free []int64) float64 {
	var sum float64
	for d, x := range size {
		sum += float64(p.weight[d] * float64(x) * float64(free[d]) / float64(max(p.capacity[d], 1)))
	}
	return sum
}

func (p *packing) distance(size, free []int64) float64 {
	var sum float64
	for d, x := range size {
		left := float64(free[d] - x)
		sum += float64(p.weight[d] * left * left / float64(max(p.capacity[d], 1)))
	}
	return sum
}

func (p *packing) open() int {
	p.bins = append(p.bins, nil)
	p.free = append(p.free, slices.Clone(p.capacity))
	return len(p.bins) - 1
}

func (p *packing) put(item, bin int) {
	p.bins[bin] = append(p.bins[bin], item)
	for d, s := range p.sizes[item] {
		p.free[bin][d] -= s
	}
}

func (p *packing) next(items []int) {
	for _, i := range items {
		last := len(p.bins) - 1
		if last < 0 || !fits(p.sizes[i], p.free[last]) {
			last = p.open()
		}
		p.put(i, last)
	}
}

// into puts each item into the open bin of the least score, the first on ties.
func (p *packing) into(items []int, score func(free []int64) float64) {
	for _, i := range items {
		best, least := -1, 0.0
		for b := range p.bins {
			if !fits(p.sizes[i], p.free[b]) {
				continue
			}
			if s := score(p.free[b]); best < 0 || s < least {
				best, least = b, s
			}
		}
		if best < 0 {
			best = p.open()
		}
		p.put(i, best)
	}
}

// fill closes one bin after the other, each time adding the item of the least
// score, the first on ties.
func (p *packing) fill(items []int, score func(size, free []int64) float64) {
	left := slices.Clone(items)
	for len(left) > 0 {
		b := p.open()
		for {
			best, least := -1, 0.0
			for k, i := range left {
				if !fits(p.sizes[i], p.free[b]) {
					continue
				}
				if s := score(p.sizes[i], p.free[b]); best < 0 || s < least {
					best, least = k, s
				}
			}
			if best < 0 {
				break
			}
			p.put(left[best], b)
			left = slices.Delete(left, best, best+1)
		}
	}
}
