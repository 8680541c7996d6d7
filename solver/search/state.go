package search

import "slices"

// A state is where every item is, and what room that leaves.
type state struct {
	m      *model
	paths  [][]int32 // nil for an item that is out
	cost   []float64 // by item, weighted
	total  float64   // of them
	out    int       // items that are out
	free   []float64 // as model.capacity
	guests [][]int32 // items by node, one entry an operator
}

func newState(m *model) *state {
	s := &state{m: m, paths: make([][]int32, len(m.items)), cost: make([]float64, len(m.items)),
		out: len(m.items), free: slices.Clone(m.capacity), guests: make([][]int32, m.n)}
	for r := range s.free {
		s.free[r] *= 1 - m.slack
	}
	return s
}

// put places an item that is out.
func (s *state) put(i int, path []int32) {
	it, dims := &s.m.items[i], s.m.dims
	for j, v := range path {
		for d := range dims {
			s.free[int(v)*dims+d] -= it.need[j*dims+d]
		}
		s.guests[v] = append(s.guests[v], int32(i))
	}
	s.paths[i], s.cost[i] = path, s.m.cost(it, path)
	s.total += s.cost[i]
	s.out--
}

// take takes an item out and returns its path.
func (s *state) take(i int) []int32 {
	it, dims, path := &s.m.items[i], s.m.dims, s.paths[i]
	for j, v := range path {
		for d := range dims {
			s.free[int(v)*dims+d] += it.need[j*dims+d]
		}
		g := s.guests[v]
		at := slices.Index(g, int32(i))
		g[at] = g[len(g)-1]
		s.guests[v] = g[:len(g)-1]
	}
	s.total -= s.cost[i]
	s.paths[i], s.cost[i] = nil, 0
	s.out++
	return path
}

// overfull is a node of the path without the room that it gives, -1 if none.
func (s *state) overfull(path []int32) int32 {
	dims := s.m.dims
	for _, v := range path {
		for _, f := range s.free[int(v)*dims : (int(v)+1)*dims] {
			if f < 0 {
				return v
			}
		}
	}
	return -1
}

func (s *state) clonePaths() [][]int32 {
	out := make([][]int32, len(s.paths))
	for i := range out {
		out[i] = slices.Clone(s.paths[i])
	}
	return out
}

// set takes everything out, and puts items on paths when there are any.
func (s *state) set(paths [][]int32) {
	for i := range s.paths {
		if s.paths[i] != nil {
			s.take(i)
		}
	}
	s.total = 0
	for i, path := range paths {
		s.put(i, slices.Clone(path))
	}
}
