package des

import (
	"fmt"
	"iter"
	"math"
	"math/bits"
	"time"
)

// An octave of the histogram doubles the value in 512 buckets, each 1/512 of
// the octave's start wide: the middle of a bucket lies within 0.098 % of all
// that fell into it.
const (
	subBits = 9
	subLen  = 1 << subBits
	octaves = 63 - subBits + 1
)

// A Histogram counts non-negative durations in buckets whose width grows with
// the value, as HdrHistogram does. Durations below 1024 ns are kept exactly;
// above, a bucket is at most 1/512 wide of its value. An octave takes 4 KiB
// when its first value comes, so that a typical histogram holds 20 to 60 KiB.
// The zero Histogram is empty and ready.
type Histogram struct {
	counts [octaves + 1]*[subLen]uint64 // the last stays nil: negative durations
	n      uint64
	least  time.Duration // of the values, if n > 0
	most   time.Duration
}

// A Bucket counts the values in Low..High, both included.
type Bucket struct {
	Low, High time.Duration
	Count     uint64
}

// Add counts d. A negative d is a mistake of the model: it panics.
func (h *Histogram) Add(d time.Duration) {
	octave, sub := locate(d)
	c := h.counts[octave]
	if c == nil {
		c = h.grow(octave, d)
	}
	c[sub]++
	h.n++
	if d > h.most {
		h.most = d
	}
	if d < h.least {
		h.least = d
	}
}

// AddN counts d n times.
func (h *Histogram) AddN(d time.Duration, n uint64) {
	if n == 0 {
		return
	}
	h.Add(d)
	octave, sub := locate(d)
	h.counts[octave][sub] += n - 1
	h.n += n - 1
}

// locate finds the bucket of d. Octave 0 holds 0..511 and octave k > 0 holds
// 512*2^(k-1) up to twice that.
func locate(d time.Duration) (octave, sub uint) {
	v := uint64(d)
	octave = uint(bits.Len64(v|(subLen-1))) - subBits
	shift := max(octave, 1) - 1
	return octave, uint(v>>(shift%64)) % subLen
}

// span returns the bounds of a bucket.
func span(octave, sub int) (low, high time.Duration) {
	if octave == 0 {
		return time.Duration(sub), time.Duration(sub)
	}
	low = time.Duration(subLen+sub) << (octave - 1)
	return low, low + (1<<(octave-1) - 1)
}

func (h *Histogram) grow(octave uint, d time.Duration) *[subLen]uint64 {
	if d < 0 {
		panic(fmt.Sprintf("des: histogram of durations was given %v", d))
	}
	if h.n == 0 {
		h.least = d // so that Add need not ask for the first value
	}
	if h.counts[octave] == nil {
		h.counts[octave] = new([subLen]uint64)
	}
	return h.counts[octave]
}

// Count is the number of values.
func (h *Histogram) Count() uint64 { return h.n }

// Min is the least value, exactly; 0 if there is none.
func (h *Histogram) Min() time.Duration { return h.least }

// Max is the largest value, exactly; 0 if there is none.
func (h *Histogram) Max() time.Duration { return h.most }

// Buckets visits the non-empty buckets in ascending order.
func (h *Histogram) Buckets() iter.Seq[Bucket] {
	return func(yield func(Bucket) bool) {
		for octave, c := range h.counts {
			if c == nil {
				continue
			}
			for sub, n := range c {
				if n == 0 {
					continue
				}
				low, high := span(octave, sub)
				if !yield(Bucket{low, high, n}) {
					return
				}
			}
		}
	}
}

// Quantile estimates the q-quantile: the middle of the bucket that holds it,
// within 0.098 % of the exact one. It is 0 if there are no values.
func (h *Histogram) Quantile(q float64) time.Duration {
	low, high := h.QuantileBounds(q)
	return low + (high-low)/2
}

// QuantileBounds returns bounds between which the q-quantile lies, which is
// the value of rank max(1, ceil(q*n)) of the n values in ascending order
// (definition 1 of Hyndman and Fan 1996). q outside of 0..1 counts as the
// nearer end; without values the bounds are 0.
func (h *Histogram) QuantileBounds(q float64) (low, high time.Duration) {
	if h.n == 0 {
		return 0, 0
	}
	rank := uint64(math.Ceil(min(max(q, 0), 1) * float64(h.n)))
	rank = min(max(rank, 1), h.n)
	if rank == h.n {
		return h.most, h.most
	}
	var seen uint64
	for b := range h.Buckets() {
		if seen += b.Count; seen >= rank {
			return max(b.Low, h.least), min(b.High, h.most)
		}
	}
	return h.most, h.most
}

// CountAbove is the number of values greater than d, as near as the buckets
// tell: values in the bucket of d do not count.
func (h *Histogram) CountAbove(d time.Duration) uint64 {
	var n uint64
	for b := range h.Buckets() {
		if b.Low > d {
			n += b.Count
		}
	}
	return n
}

// Merge adds the values of other, which it leaves alone.
func (h *Histogram) Merge(other *Histogram) {
	if other.n == 0 {
		return
	}
	for octave, c := range other.counts {
		if c == nil {
			continue
		}
		if h.counts[octave] == nil {
			h.counts[octave] = new([subLen]uint64)
		}
		for sub, n := range c {
			h.counts[octave][sub] += n
		}
	}
	if h.n == 0 || other.least < h.least {
		h.least = other.least
	}
	h.most = max(h.most, other.most)
	h.n += other.n
}

// Reset forgets all values.
func (h *Histogram) Reset() {
	*h = Histogram{}
}
