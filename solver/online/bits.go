package online

import "math/bits"

// A set is a set of nodes, one bit each.
type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

func (s set) add(i int32)      { s[i>>6] |= 1 << (i & 63) }
func (s set) remove(i int32)   { s[i>>6] &^= 1 << (i & 63) }
func (s set) has(i int32) bool { return s[i>>6]&(1<<(i&63)) != 0 }

// lowest is the least member from word `from` on that is also in mask; a nil
// mask holds every node. The result is -1 when there is none.
func (s set) lowest(from int32, mask set) int32 {
	for w := int(from); w < len(s); w++ {
		word := s[w]
		if mask != nil {
			word &= mask[w]
		}
		if word != 0 {
			return int32(w<<6 + bits.TrailingZeros64(word))
		}
	}
	return -1
}

// count is how many members are also in mask.
func (s set) count(mask set) int {
	n := 0
	for w, word := range s {
		if mask != nil {
			word &= mask[w]
		}
		n += bits.OnesCount64(word)
	}
	return n
}

// nth is the member number k, from 0, of those that are also in mask.
func (s set) nth(k int, mask set) int32 {
	for w, word := range s {
		if mask != nil {
			word &= mask[w]
		}
		n := bits.OnesCount64(word)
		if k >= n {
			k -= n
			continue
		}
		for range k {
			word &= word - 1
		}
		return int32(w<<6 + bits.TrailingZeros64(word))
	}
	return -1
}
