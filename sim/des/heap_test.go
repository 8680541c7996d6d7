package des

import "math/bits"

// A heap is the oracle of the queue: a 4-ary heap that finds the least of
// four children without branches, and that fuses a pop with the push after
// it. Sequence numbers keep equal keys in order of arrival.
type heap struct {
	items []heapItem
	seq   uint64
	hole  bool // the root was popped and nothing has taken its place
}

type heapItem struct{ key, seq, payload uint64 }

// before is 1 if x comes before y, else 0.
func (x *heapItem) before(y *heapItem) uint64 {
	_, borrow := bits.Sub64(x.seq, y.seq, 0)
	_, borrow = bits.Sub64(x.key, y.key, borrow)
	return borrow
}

func (h *heap) Push(key, payload uint64) {
	h.seq++
	x := heapItem{key, h.seq, payload}
	if h.hole {
		h.hole = false
		h.down(x)
		return
	}
	h.items = append(h.items, x)
	i := len(h.items) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if h.items[parent].before(&x) == 1 {
			break
		}
		h.items[i] = h.items[parent]
		i = parent
	}
	h.items[i] = x
}

func (h *heap) Pop() (key, payload uint64, ok bool) {
	if h.hole {
		h.hole = false
		last := len(h.items) - 1
		x := h.items[last]
		h.items = h.items[:last]
		if last > 0 {
			h.down(x)
		}
	}
	if len(h.items) == 0 {
		return 0, 0, false
	}
	h.hole = true
	return h.items[0].key, h.items[0].payload, true
}

// down lets x sink from the root.
func (h *heap) down(x heapItem) {
	a := h.items
	i := 0
	for {
		first := 4*i + 1
		if first >= len(a) {
			break
		}
		least := first
		if first+4 <= len(a) {
			c := (*[4]heapItem)(a[first:])
			m := c[1].before(&c[0])
			n := 2 + c[3].before(&c[2])
			m ^= (m ^ n) & -c[n&3].before(&c[m&3])
			least += int(m)
		} else {
			for k := first + 1; k < len(a); k++ {
				if a[k].before(&a[least]) == 1 {
					least = k
				}
			}
		}
		if a[least].before(&x) == 0 {
			break
		}
		a[i] = a[least]
		i = least
	}
	a[i] = x
}
