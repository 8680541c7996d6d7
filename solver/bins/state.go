package bins

import "slices"

// A kind is items that are alike: same size, same exclusions. An item of the
// search is a parcel: one or more of the problem's items that go together.
type kind struct {
	size    []int64
	parcels [][]int // each the positions of its items
}

// A state is what remains to be packed at a node of the search. It is never
// modified once it is made.
type state struct {
	capacity []int64
	kinds    []kind
	// exclusions say which kinds may not share a bin; on the diagonal, whether
	// two items of one kind may not. By row, bit by bit; nil without any.
	exclusions [][]uint64
	closed     [][]int // bins to which nothing can be added
}

// newState groups items of equal size, the largest first.
func newState(capacity []int64, sizes [][]int64, items []int) *state {
	s := &state{capacity: capacity}
	order := slices.Clone(items)
	slices.SortStableFunc(order, func(a, b int) int { return slices.Compare(sizes[b], sizes[a]) })
	for _, i := range order {
		last := len(s.kinds) - 1
		if last < 0 || !slices.Equal(s.kinds[last].size, sizes[i]) {
			s.kinds = append(s.kinds, kind{size: sizes[i]})
			last++
		}
		s.kinds[last].parcels = append(s.kinds[last].parcels, []int{i})
	}
	return s
}

// apart reports whether kinds i and j exclude each other.
func (s *state) apart(i, j int) bool {
	return s.exclusions != nil && s.exclusions[i][j>>6]>>(j&63)&1 == 1
}

// most is how many items of kind k a bin may hold, room aside.
func (s *state) most(k int) int {
	if s.apart(k, k) {
		return 1
	}
	return len(s.kinds[k].parcels)
}

// may reports whether an item of kind i and another of kind j can share a bin.
func (s *state) may(i, j int) bool {
	return !s.apart(i, j) && (i != j || len(s.kinds[i].parcels) > 1) && fitTogether(s.kinds[i].size, s.kinds[j].size, s.capacity)
}

// separate is the state in which kinds i and j exclude each other.
func (s *state) separate(i, j int) *state {
	t := *s
	t.exclusions = make([][]uint64, len(s.kinds))
	for k := range t.exclusions {
		t.exclusions[k] = make([]uint64, (len(s.kinds)+63)/64)
		if s.exclusions != nil {
			copy(t.exclusions[k], s.exclusions[k])
		}
	}
	t.exclude(i, j)
	return &t
}

func (s *state) exclude(i, j int) {
	s.exclusions[i][j>>6] |= 1 << (j & 63)
	s.exclusions[j][i>>6] |= 1 << (i & 63)
}

// A renaming says where the kinds of a state went in the next one: to[k], or
// -1 when none is left; joined is the kind of the parcel made of i and j.
type renaming struct {
	to     []int
	i, j   int
	joined int
}

// join is the state in which an item of kind i and another of kind j are one
// parcel. Kinds of which nothing is left go away, and so does the parcel when
// nothing can be added to it: then joined is -1.
func (s *state) join(i, j int) (*state, renaming) {
	pi, pj := s.kinds[i].parcels, s.kinds[j].parcels
	a, b := pi[len(pi)-1], pj[len(pj)-1]
	left := [2][][]int{pi[:len(pi)-1], pj[:len(pj)-1]}
	if i == j {
		b = pi[len(pi)-2]
		left[0], left[1] = pi[:len(pi)-2], pi[:len(pi)-2]
	}
	parcel := slices.Concat(a, b)
	size := make([]int64, len(s.capacity))
	for d := range size {
		size[d] = s.kinds[i].size[d] + s.kinds[j].size[d]
	}
	r := renaming{to: make([]int, len(s.kinds)), i: i, j: j, joined: -1}
	t := &state{capacity: s.capacity, closed: s.closed}
	for k := range s.kinds {
		left := s.remains(k, i, j, left)
		r.to[k] = -1
		if len(left) > 0 {
			r.to[k] = len(t.kinds)
			t.kinds = append(t.kinds, kind{s.kinds[k].size, left})
		}
	}
	t.inherit(s, r)
	if !s.extends(t, r, size) {
		t.closed = append(slices.Clip(s.closed), parcel)
		return t, r
	}
	r.joined = t.add(s, r, size, parcel)
	return t, r
}

// remains is what the join of i and j leaves of kind k.
func (s *state) remains(k, i, j int, left [2][][]int) [][]int {
	switch k {
	case i:
		return left[0]
	case j:
		return left[1]
	}
	return s.kinds[k].parcels
}

// inherit copies the exclusions among the kinds that are left, with room for
// one more.
func (t *state) inherit(s *state, r renaming) {
	if s.exclusions == nil {
		return
	}
	t.exclusions = make([][]uint64, len(t.kinds))
	for k := range t.exclusions {
		t.exclusions[k] = make([]uint64, (len(t.kinds)+64)/64)
	}
	for a, to := range r.to {
		for b, other := range r.to {
			if to >= 0 && other >= 0 && s.apart(a, b) {
				t.exclude(to, other)
			}
		}
	}
}

// extends reports whether any kind that is left can join a parcel of i and j.
func (s *state) extends(t *state, r renaming, size []int64) bool {
	for k, to := range r.to {
		if to >= 0 && !s.apart(k, r.i) && !s.apart(k, r.j) && fitTogether(size, t.kinds[to].size, s.capacity) {
			return true
		}
	}
	return false
}

// add puts the joined parcel into a kind that is like it, or a new one.
func (t *state) add(s *state, r renaming, size []int64, parcel []int) int {
	same := func(k int) bool {
		if !slices.Equal(t.kinds[k].size, size) {
			return false
		}
		if s.exclusions == nil {
			return true
		}
		self := s.apart(r.i, r.i) || s.apart(r.j, r.j)
		for a, to := range r.to {
			if to < 0 {
				continue
			}
			x := s.apart(a, r.i) || s.apart(a, r.j)
			if to == k && (x != self || t.apart(k, k) != self) || to != k && t.apart(k, to) != x {
				return false
			}
		}
		return true
	}
	for k := range t.kinds {
		if same(k) {
			t.kinds[k].parcels = append(slices.Clip(t.kinds[k].parcels), parcel)
			return k
		}
	}
	t.kinds = append(t.kinds, kind{size, [][]int{parcel}})
	last := len(t.kinds) - 1
	if s.exclusions != nil {
		t.exclusions = append(t.exclusions, make([]uint64, (len(t.kinds)+63)/64))
		for a, to := range r.to {
			if to >= 0 && (s.apart(a, r.i) || s.apart(a, r.j)) {
				t.exclude(to, last)
			}
		}
		if s.apart(r.i, r.i) || s.apart(r.j, r.j) {
			t.exclude(last, last)
		}
	}
	return last
}
