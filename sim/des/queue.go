package des

import (
	"math"
	"math/bits"
	"slices"
)

// The constants of the ladder were chosen by measurement.
const (
	digitBits = 6 // one word holds the occupancy of a level
	fanOut    = 1 << digitBits
	levels    = 16 // 11 are reachable; 16 lets a mask replace the bounds check
	chunkLen  = 31 // with its header, a chunk fills 512 bytes

	scatterLen = 3              // chunks of a bucket that is sorted, not filed again
	batch      = 8              // notices after which a refill takes no further bucket
	shortLeast = 16             // a queue that shrinks to this is kept in bottom alone
	shortMost  = 32             // until it grows beyond this
	spillLimit = 8 * chunkLen   // live notices that bottom may grow to
	bottomCap  = 2 * spillLimit // first capacity of bottom
)

// A notice is one scheduled event.
type notice struct{ key, payload uint64 }

// A chunk is a piece of a bucket's list. Index zero means no chunk, so
// chunks[0] is never used and the zero Queue is ready.
type chunk struct {
	notices [chunkLen]notice
	n       int32
	next    int32
	_       [8]byte
}

// A bucket is a list of chunks that keeps the order of arrival.
type bucket struct{ head, tail int32 }

// A Queue is a monotone priority queue of 64-bit keys: it returns keys in
// ascending order, and equal keys in the order in which they were pushed. No
// key may be pushed that is less than the last one popped. The zero Queue is
// empty and ready.
//
// It is a radix ladder, a cross of the radix heap (Ahuja, Mehlhorn, Orlin,
// Tarjan 1990) with the ladder queue (Tang, Goh, Thng 2005). Keys are filed
// by their highest six-bit digit that differs from base, in FIFO buckets. When
// bottom runs dry, the first bucket is taken apart: a short one is sorted into
// bottom, a long one is filed again at finer levels. Keys up to bottomLast are
// inserted into bottom directly, which is all of them while the queue is
// short. A key moves down at most eleven times, whatever the distribution of
// the keys, and nothing needs tuning.
type Queue struct {
	base       uint64 // all keys in buckets are at least base
	floor      uint64 // start of the buckets that bottom was filled from
	bottomLast uint64 // keys up to this belong into bottom
	occupied   uint32 // levels with a non-empty bucket
	head       int    // bottom[head:] is alive
	bottom     []notice
	digits     [levels]uint64
	buckets    [levels * fanOut]bucket
	chunks     []chunk
	free       int32
}

// Len is the number of keys in the queue. It visits every chunk, so that
// pushing and popping need not count.
func (q *Queue) Len() int {
	n := len(q.bottom) - q.head
	for level, digits := range q.digits {
		for ; digits != 0; digits &= digits - 1 {
			digit := bits.TrailingZeros64(digits)
			for i := q.buckets[level*fanOut+digit].head; i != 0; i = q.chunks[i].next {
				n += int(q.chunks[i].n)
			}
		}
	}
	return n
}

// Push adds a key with its payload.
func (q *Queue) Push(key, payload uint64) {
	if key <= q.bottomLast {
		q.insert(notice{key, payload})
		return
	}
	q.file(notice{key, payload})
}

// Pop removes the least key; ok is false when the queue is empty.
func (q *Queue) Pop() (key, payload uint64, ok bool) {
	if q.head == len(q.bottom) && !q.refill() {
		return 0, 0, false
	}
	x := &q.bottom[q.head]
	q.head++
	return x.key, x.payload, true
}

// Peek returns the least key without removing it. It costs no more than a
// pass over the first bucket.
func (q *Queue) Peek() (key uint64, ok bool) {
	if q.head < len(q.bottom) {
		return q.bottom[q.head].key, true
	}
	if q.occupied == 0 {
		return 0, false
	}
	// The bucket stays as it is: to refill here would move base past keys
	// that the caller may yet push.
	level := bits.TrailingZeros32(q.occupied)
	b := q.buckets[level*fanOut+bits.TrailingZeros64(q.digits[level])]
	key = math.MaxUint64
	for i := b.head; i != 0; i = q.chunks[i].next {
		c := &q.chunks[i]
		for _, x := range c.notices[:c.n] {
			key = min(key, x.key)
		}
	}
	return key, true
}

// Reset empties the queue and keeps its memory.
func (q *Queue) Reset() {
	bottom, chunks := q.bottom[:0], q.chunks[:min(1, len(q.chunks))]
	*q = Queue{bottom: bottom, chunks: chunks}
}

// insert puts x into its place in bottom, after its equals.
func (q *Queue) insert(x notice) {
	if len(q.bottom) == cap(q.bottom) {
		q.slide()
	}
	n, h := len(q.bottom), q.head
	b := q.bottom[:n+1]
	q.bottom = b
	i := n
	for i > h && b[i-1].key > x.key {
		b[i] = b[i-1]
		i--
	}
	b[i] = x
	if n-h >= shortMost && (n-h >= spillLimit || q.bottomLast == math.MaxUint64) {
		q.spill()
	}
}

// slide makes room at the end of bottom, which is full. Inlined, it would
// take registers from insert.
//
//go:noinline
func (q *Queue) slide() {
	if q.head > 0 {
		q.bottom = q.bottom[:copy(q.bottom, q.bottom[q.head:])]
		q.head = 0
		return
	}
	q.bottom = slices.Grow(q.bottom, max(bottomCap, cap(q.bottom)))
}

// spill files a bottom that grew too long at finer levels. The levels below
// the one that bottom came from are empty, so that base may move anywhere in
// bottom's range, which begins at floor.
func (q *Queue) spill() {
	s := q.bottom[q.head:]
	first := s[0].key
	if first == s[len(s)-1].key || first < q.floor {
		return // equal keys cannot be told apart by any level
	}
	q.base = first
	for _, x := range s {
		q.file(x)
	}
	q.refill()
}

// levelOf is the position of the highest digit set in x, 0 if none is.
func levelOf(x uint64) uint {
	return uint(bits.Len64(x|1)-1) * 43 >> 8 // n/6 for n < 64
}

// file appends x to the bucket of its highest digit that differs from base.
func (q *Queue) file(x notice) {
	level := levelOf(x.key^q.base) % levels
	digit := x.key >> (level * digitBits % 64) % fanOut
	q.digits[level] |= 1 << digit
	q.occupied |= 1 << level
	b := &q.buckets[uint64(level)*fanOut+digit]
	if b.tail != 0 {
		if c := &q.chunks[b.tail]; uint32(c.n) < chunkLen {
			c.notices[c.n] = x
			c.n++
			return
		}
	}
	q.extend(b, x)
}

// extend appends a chunk that starts with x to b.
func (q *Queue) extend(b *bucket, x notice) {
	i := q.free
	if i != 0 {
		q.free = q.chunks[i].next
	} else {
		if len(q.chunks) == 0 {
			q.chunks = append(q.chunks, chunk{})
		}
		i = int32(len(q.chunks))
		q.chunks = append(q.chunks, chunk{})
	}
	c := &q.chunks[i]
	c.notices[0] = x
	c.n, c.next = 1, 0
	if b.tail != 0 {
		q.chunks[b.tail].next = i
	} else {
		b.head = i
	}
	b.tail = i
}

// refill fills the empty bottom from the first bucket and reports whether
// there was one. Large buckets are filed again at finer levels until a small
// one comes first; small ones are taken several at a time. It stays out of
// Pop, which is to be inlined.
//
//go:noinline
func (q *Queue) refill() bool {
	q.bottom, q.head = q.bottom[:0], 0
	for q.occupied != 0 {
		level := uint(bits.TrailingZeros32(q.occupied)) % levels
		b := q.take(level)
		switch {
		case b.head == b.tail || level == 0:
			q.sortIn(b.head)
		case q.short(b):
			q.scatter(b.head, (level-1)*digitBits)
		default:
			q.refile(b.head)
			continue
		}
		q.floor = q.base
		for q.occupied != 0 && len(q.bottom) < batch {
			l := uint(bits.TrailingZeros32(q.occupied)) % levels
			next := &q.buckets[l*fanOut+uint(bits.TrailingZeros64(q.digits[l]))%fanOut]
			if next.head != next.tail {
				break
			}
			level = l
			q.sortIn(q.take(level).head)
		}
		q.bottomLast = q.base | (1<<(level*digitBits%64) - 1)
		if q.occupied == 0 && len(q.bottom) <= shortLeast {
			q.bottomLast = math.MaxUint64
		}
		return true
	}
	return false
}

// short reports whether a bucket has at most scatterLen chunks.
func (q *Queue) short(b bucket) bool {
	i := b.head
	for range scatterLen - 1 {
		if i == b.tail {
			return true
		}
		i = q.chunks[i].next
	}
	return i == b.tail
}

// scatter moves the list of chunks at i into the empty bottom by a counting
// sort on one digit, and an insertion sort of what is left.
func (q *Queue) scatter(i int32, shift uint) {
	var at [fanOut]uint16
	n := 0
	for j := i; j != 0; j = q.chunks[j].next {
		c := &q.chunks[j]
		for _, x := range c.notices[:c.n] {
			at[x.key>>(shift%64)%fanOut]++
		}
		n += int(c.n)
	}
	sum := uint16(0)
	for d := range at {
		sum, at[d] = sum+at[d], sum
	}
	s := slices.Grow(q.bottom, n)[:n]
	for i != 0 {
		c := &q.chunks[i]
		for _, x := range c.notices[:c.n] {
			d := x.key >> (shift % 64) % fanOut
			s[at[d]] = x
			at[d]++
		}
		i, c.next, q.free = c.next, q.free, i
	}
	insertionSort(s)
	q.bottom = s
}

// insertionSort is stable, so that equal keys keep their order.
func insertionSort(s []notice) {
	for i := 1; i < len(s); i++ {
		x := s[i]
		j := i
		for j > 0 && s[j-1].key > x.key {
			s[j] = s[j-1]
			j--
		}
		s[j] = x
	}
}

// take empties the first bucket of a level and moves base to its start.
func (q *Queue) take(level uint) bucket {
	digits := &q.digits[level%levels]
	digit := uint(bits.TrailingZeros64(*digits)) % fanOut
	shift := level * digitBits % 64
	above := shift + digitBits
	q.base = q.base>>above<<above | uint64(digit)<<shift
	if *digits &= *digits - 1; *digits == 0 {
		q.occupied &^= 1 << level
	}
	slot := &q.buckets[level%levels*fanOut+digit]
	b := *slot
	*slot = bucket{}
	return b
}

// sortIn moves the list of chunks at i behind what is in bottom, whose keys
// are less.
func (q *Queue) sortIn(i int32) {
	s := q.bottom
	if s == nil {
		s = make([]notice, 0, bottomCap)
	}
	old := len(s)
	for i != 0 {
		c := &q.chunks[i]
		s = append(s, c.notices[:c.n]...)
		i, c.next, q.free = c.next, q.free, i
	}
	insertionSort(s[old:])
	q.bottom = s
}

// refile files the notices of the list of chunks at i again, relative to the
// present base.
func (q *Queue) refile(i int32) {
	for i != 0 {
		// file may move the chunks, so c is looked up each time.
		for j := range q.chunks[i].n {
			q.file(q.chunks[i].notices[j])
		}
		c := &q.chunks[i]
		i, c.next, q.free = c.next, q.free, i
	}
}
