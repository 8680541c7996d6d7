package search

import (
	"math"
	"math/rand/v2"
)

// A short is an item on a few nodes: what the search prices thousands of
// times. The lines between its nodes lie together in memory. Costs are
// nanoseconds in single precision, not weighted.
type short struct {
	nodes          []int32
	delay, perByte []float32 // [to*len(nodes)+from]
	own            []float32 // [op*len(nodes)+node]
}

func newShort(m *model, it *item, nodes []int32) short {
	k := len(nodes)
	s := short{nodes: nodes, delay: make([]float32, k*k), perByte: make([]float32, k*k), own: make([]float32, it.ops*k)}
	for a, to := range nodes {
		for b, from := range nodes {
			s.delay[a*k+b] = m.delay[int(from)*m.n+int(to)]
			s.perByte[a*k+b] = m.perByte[int(from)*m.n+int(to)]
		}
	}
	for j := range it.ops {
		for a, v := range nodes {
			s.own[j*k+a] = float32(m.own(it, j, int(v)))
		}
	}
	return s
}

// A pricer finds cheapest paths on short lists. It is the dense one forwards,
// with the paths.
type pricer struct {
	m      *model
	unit   []float32 // price by [node*dims+dim] of the list
	room   []float64 // [node*dims+dim] of the list
	priced []float32 // by [op*len(nodes)+node], as the others
	arrive []float32
	upto   []float32
	from   []int16 // sender that arrive came from
	begin  []int16 // first operator of the run that upto ends with
}

func newPricer(m *model, longest, most int) *pricer {
	cells := longest * most
	return &pricer{m: m, unit: make([]float32, most*m.dims), room: make([]float64, most*m.dims),
		priced: make([]float32, cells), arrive: make([]float32, cells), upto: make([]float32, cells),
		from: make([]int16, cells), begin: make([]int16, cells)}
}

// load takes prices, and capacities that a run must fit, for the nodes of s.
func (p *pricer) load(s *short, weight float64, y, capacity []float64) {
	dims := p.m.dims
	for a, v := range s.nodes {
		for d := range dims {
			p.unit[a*dims+d] = float32(y[int(v)*dims+d] / weight)
			p.room[a*dims+d] = capacity[int(v)*dims+d]
		}
	}
}

// shake multiplies the loaded prices by f/2 to 3f/2, each by another factor.
func (p *pricer) shake(rng *rand.Rand, s *short, f float64) {
	for r := range p.unit[:len(s.nodes)*p.m.dims] {
		p.unit[r] *= float32(f * (0.5 + rng.Float64()))
	}
}

// cheapest fills path with the least cost under the loaded prices, and returns
// that cost; +Inf when no path fits.
func (p *pricer) cheapest(it *item, s *short, path []int32) float32 {
	k := len(s.nodes)
	p.value(it, s)
	for j := range it.ops {
		if j > 0 {
			p.receive(it, s, j)
		} else {
			clear(p.arrive[:k])
		}
		for a := range k {
			p.end(it, s, j, a)
		}
	}
	best, at := float32(math.Inf(1)), -1
	for a, c := range p.upto[(it.ops-1)*k : it.ops*k] {
		if c < best {
			best, at = c, a
		}
	}
	if at < 0 {
		return best
	}
	for j := it.ops - 1; j >= 0; {
		first := int(p.begin[j*k+at])
		for t := first; t <= j; t++ {
			path[t] = s.nodes[at]
		}
		if first > 0 {
			at = int(p.from[first*k+at])
		}
		j = first - 1
	}
	return best
}

func (p *pricer) value(it *item, s *short) {
	dims, k := p.m.dims, len(s.nodes)
	for j := range it.ops {
		need, out := it.need[j*dims:(j+1)*dims], p.priced[j*k:(j+1)*k]
		for a, c := range s.own[j*k : (j+1)*k] {
			for d, x := range need {
				c += float32(x) * p.unit[a*dims+d]
			}
			out[a] = c
		}
	}
}

// receive fills arrive for operator j: the innermost loop of the search.
func (p *pricer) receive(it *item, s *short, j int) {
	k := len(s.nodes)
	bytes := float32(it.bytes[j-1])
	upto := p.upto[(j-1)*k : j*k]
	lo, hi := 0, k // senders with a path
	for lo < hi && upto[lo] > math.MaxFloat32 {
		lo++
	}
	for lo < hi && upto[hi-1] > math.MaxFloat32 {
		hi--
	}
	upto = upto[lo:hi]
	for a := range k {
		best, sender := float32(math.Inf(1)), -1
		if p.priced[j*k+a] <= math.MaxFloat32 {
			delay, slope := s.delay[a*k+lo:][:len(upto)], s.perByte[a*k+lo:][:len(upto)]
			for h, c := range upto {
				if c += delay[h] + bytes*slope[h]; c < best {
					best, sender = c, h+lo
				}
			}
		}
		p.arrive[j*k+a], p.from[j*k+a] = best, int16(sender)
	}
}

// end fills upto for runs that end with operator j on node a of the list.
func (p *pricer) end(it *item, s *short, j, a int) {
	m, k, v := p.m, len(s.nodes), s.nodes[a]
	best, first := float32(math.Inf(1)), -1
	room := p.room[a*m.dims : (a+1)*m.dims]
	var sum, work float32
	for b := j; b >= 0; b-- {
		if p.priced[b*k+a] > math.MaxFloat32 || b < j && m.alone[v] || !m.fits(it, b, j, room) {
			break
		}
		sum += p.priced[b*k+a]
		c := p.arrive[b*k+a] + sum
		if m.crowds[v] {
			work += s.own[b*k+a]
			c += work * float32(j-b)
		}
		if c < best {
			best, first = c, b
		}
	}
	p.upto[j*k+a], p.begin[j*k+a] = best, int16(first)
}
