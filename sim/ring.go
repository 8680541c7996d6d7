package sim

import "math/bits"

// A ring is a double-ended queue of slots that keeps its memory.
type ring struct {
	buf  []uint32 // power of two long
	head int
	n    int
}

func (q *ring) grow() {
	bigger := make([]uint32, max(8, 2*len(q.buf)))
	for i := range q.n {
		bigger[i] = q.buf[(q.head+i)&(len(q.buf)-1)]
	}
	q.buf, q.head = bigger, 0
}

func (q *ring) push(x uint32) {
	if q.n == len(q.buf) {
		q.grow()
	}
	q.buf[(q.head+q.n)&(len(q.buf)-1)] = x
	q.n++
}

func (q *ring) pushFront(x uint32) {
	if q.n == len(q.buf) {
		q.grow()
	}
	q.head = (q.head - 1) & (len(q.buf) - 1)
	q.buf[q.head] = x
	q.n++
}

func (q *ring) pop() uint32 {
	x := q.buf[q.head]
	q.head = (q.head + 1) & (len(q.buf) - 1)
	q.n--
	return x
}

// maxLevels is how many distinct priorities one scenario may have.
const maxLevels = 256

// levels is a queue for each priority rank, with the set of non-empty ones.
type levels struct {
	queues []ring
	some   [maxLevels / 64]uint64
}

func (l *levels) push(level uint8, x uint32) {
	l.queues[level].push(x)
	l.some[level>>6] |= 1 << (level & 63)
}

func (l *levels) pushFront(level uint8, x uint32) {
	l.queues[level].pushFront(x)
	l.some[level>>6] |= 1 << (level & 63)
}

// pop takes the first of the best level.
func (l *levels) pop() (uint32, bool) {
	for w := range l.some {
		if set := l.some[w]; set != 0 {
			level := w<<6 | bits.TrailingZeros64(set)
			q := &l.queues[level]
			x := q.pop()
			if q.n == 0 {
				l.some[w] &^= 1 << (level & 63)
			}
			return x, true
		}
	}
	return 0, false
}

// popLast takes the last of the worst level.
func (l *levels) popLast() (uint32, int) {
	for w := len(l.some) - 1; w >= 0; w-- {
		if set := l.some[w]; set != 0 {
			level := w<<6 | (63 - bits.LeadingZeros64(set))
			q := &l.queues[level]
			q.n--
			x := q.buf[(q.head+q.n)&(len(q.buf)-1)]
			if q.n == 0 {
				l.some[w] &^= 1 << (level & 63)
			}
			return x, level
		}
	}
	return noToken, -1
}

// worst returns the highest rank in use, -1 when empty.
func (l *levels) worst() int {
	for w := len(l.some) - 1; w >= 0; w-- {
		if set := l.some[w]; set != 0 {
			return w<<6 | (63 - bits.LeadingZeros64(set))
		}
	}
	return -1
}

// remove takes x out of the given level, searching from the back.
func (l *levels) remove(level uint8, x uint32) {
	q := &l.queues[level]
	mask := len(q.buf) - 1
	for i := q.n - 1; i >= 0; i-- {
		if q.buf[(q.head+i)&mask] == x {
			for j := i; j < q.n-1; j++ {
				q.buf[(q.head+j)&mask] = q.buf[(q.head+j+1)&mask]
			}
			q.n--
			if q.n == 0 {
				l.some[level>>6] &^= 1 << (level & 63)
			}
			return
		}
	}
}

// A ranked is a heap entry: the least key first, equal keys in order of entry.
type ranked struct {
	key float64
	seq uint64
	tok uint32
}

// rankHeap is a binary heap of ranked entries.
type rankHeap struct {
	a   []ranked
	seq uint64
}

func (h *rankHeap) less(i, j int) bool {
	if h.a[i].key != h.a[j].key {
		return h.a[i].key < h.a[j].key
	}
	return h.a[i].seq < h.a[j].seq
}

func (h *rankHeap) push(key float64, tok uint32) {
	h.seq++
	h.a = append(h.a, ranked{key, h.seq, tok})
	i := len(h.a) - 1
	for i > 0 {
		p := (i - 1) / 2
		if !h.less(i, p) {
			break
		}
		h.a[i], h.a[p] = h.a[p], h.a[i]
		i = p
	}
}

func (h *rankHeap) pop() ranked {
	top := h.a[0]
	last := len(h.a) - 1
	h.a[0] = h.a[last]
	h.a = h.a[:last]
	for i := 0; ; {
		c := 2*i + 1
		if c >= last {
			break
		}
		if c+1 < last && h.less(c+1, c) {
			c++
		}
		if !h.less(c, i) {
			break
		}
		h.a[i], h.a[c] = h.a[c], h.a[i]
		i = c
	}
	return top
}
