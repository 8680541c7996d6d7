package ilp

import "math"

// fix rules out the nodes of operators, and says how many, that no placement
// cheaper than upper uses: those through which even the cheapest path under
// the duals of the bound costs more than the bound leaves (reduced-cost fixing
// by forward and backward dynamic programming).
func (r *relaxation) fix(upper float64) int {
	r.prices(r.center)
	gap := upper - r.lower
	fixed := 0
	for i := range r.m.items {
		fixed += r.fixItem(i, gap)
	}
	if fixed > 0 {
		r.p.list()
		r.mark()
	}
	return fixed
}

func (r *relaxation) fixItem(i int, gap float64) int {
	n := r.m.nodes
	k := r.m.items[i].ops
	first := r.p.first[i]
	through := make([]float64, k*n) // least cost of a path with operator j on v
	for c := range through {
		through[c] = math.Inf(1)
	}
	var best float64
	if s := r.m.items[i].shape; s != nil {
		best = s.through(r.p.charge(i), through)
	} else {
		best = r.through(i, through)
	}
	fixed := 0
	for j := range k {
		for _, v := range r.p.allowed[first+j] {
			if through[j*n+int(v)]-best > gap {
				r.p.permit[(first+j)*n+int(v)] = false
				fixed++
			}
		}
	}
	return fixed
}

// through fills in the least cost under prices of the paths of a chain with
// operator j on node v, and returns the least of all.
func (r *relaxation) through(i int, through []float64) float64 {
	n := r.m.nodes
	best, after := r.completion(i)
	for j := range r.m.items[i].ops {
		for _, v := range r.p.allowed[r.p.first[i]+j] {
			r.p.extend(i, j, int(v), func(a int, cost float64) {
				c := r.p.arrive[a*n+int(v)] + cost + after[j*n+int(v)]
				for t := a; t <= j; t++ {
					through[t*n+int(v)] = min(through[t*n+int(v)], c)
				}
			})
		}
	}
	return best
}

// completion runs the dynamic program of item i both ways. It returns the
// least cost of a path, and by operator and node the least cost of what
// follows a run that ends there.
func (r *relaxation) completion(i int) (best float64, after []float64) {
	p := r.p
	n := r.m.nodes
	it := &r.m.items[i]
	first := p.first[i]
	p.forward(i)
	after = make([]float64, it.ops*n)
	from := make([]float64, it.ops*n) // least cost of a suffix that starts with a run at j on v
	for c := range from {
		from[c] = math.Inf(1)
	}
	for j := it.ops - 1; j >= 0; j-- {
		for _, v := range p.allowed[first+j] {
			cell := j*n + int(v)
			if j+1 < it.ops {
				after[cell] = math.Inf(1)
				for _, u := range p.allowed[first+j+1] {
					if u != v {
						after[cell] = min(after[cell], it.link[j][int(u)*n+int(v)]+from[(j+1)*n+int(u)])
					}
				}
			}
		}
		for _, v := range p.allowed[first+j] {
			p.extend(i, j, int(v), func(a int, cost float64) {
				// Runs from a to j: their suffix is known once j is.
				c := cost + after[j*n+int(v)]
				from[a*n+int(v)] = min(from[a*n+int(v)], c)
			})
		}
	}
	best = math.Inf(1)
	for _, v := range p.allowed[first+it.ops-1] {
		best = min(best, p.dist[(it.ops-1)*n+int(v)])
	}
	return best, after
}
