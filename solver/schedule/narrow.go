package schedule

import "slices"

// A narrow looks for intervals with more work than time.
type narrow struct {
	*model
	head     []float64
	left     []int
	from, to []float64
}

func newNarrow(m *model) *narrow { return &narrow{model: m, head: make([]float64, m.g.Tasks())} }

// overloaded reports whether some interval from now on holds more work of tasks
// that are not placed than interchangeable processors can do in it when
// everything is to end by the deadline (Fernandez and Bussell, IEEE Trans.
// Computers C-22(8), 1973). What runs on beyond now counts as well. Placed may
// be nil: nothing is.
func (n *narrow) overloaded(placed []bool, finish []float64, now, deadline float64) bool {
	n.from, n.to, n.left = append(n.from[:0], now), n.to[:0], n.left[:0]
	for _, t := range n.order {
		if placed != nil && placed[t] {
			n.head[t] = finish[t] - n.least[t]
			continue
		}
		at := now
		for _, a := range n.g.After[t] {
			at = max(at, n.head[a.Task]+n.least[a.Task])
		}
		n.head[t] = at
		if n.least[t] > 0 {
			n.left = append(n.left, t)
			n.from, n.to = append(n.from, at), append(n.to, deadline-n.tail[t]+n.least[t])
		}
	}
	for t, on := range placed {
		if on && finish[t] > now {
			n.left = append(n.left, t)
		}
	}
	n.from, n.to = sorted(n.from), sorted(n.to)
	for _, a := range n.from {
		for _, b := range n.to {
			if b > a && n.work(placed, a, b, deadline) > float64(n.processors)*(b-a)+slack(b) {
				return true
			}
		}
	}
	return false
}

func sorted(x []float64) []float64 {
	slices.Sort(x)
	return slices.Compact(x)
}

// work is what must be done from a to b.
func (n *narrow) work(placed []bool, a, b, deadline float64) float64 {
	sum := 0.0
	for _, t := range n.left {
		long := n.least[t]
		latest := deadline - n.tail[t]
		if placed != nil && placed[t] {
			latest = n.head[t]
		}
		if most := min(long, n.head[t]+long-a, b-latest, b-a); most > 0 {
			sum += most
		}
	}
	return sum
}
