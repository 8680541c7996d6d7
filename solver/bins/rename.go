package bins

// copiesOf is how many items of kind k a pattern holds.
func (p *pattern) copiesOf(k int) int32 {
	for n, x := range p.kinds {
		if int(x) == k {
			return p.copies[n]
		}
	}
	return 0
}

// holds reports whether a pattern has an item of kind i and another of kind j.
func (p *pattern) holds(i, j int) bool {
	if i == j {
		return p.copiesOf(i) > 1
	}
	return p.copiesOf(i) > 0 && p.copiesOf(j) > 0
}

// without is the pattern with no more than so many items of kind k.
func (p *pattern) without(k int, most int32) pattern {
	var out pattern
	for n, x := range p.kinds {
		c := p.copies[n]
		if int(x) == k {
			c = min(c, most)
		}
		if c > 0 {
			out.kinds, out.copies = append(out.kinds, x), append(out.copies, c)
		}
	}
	return out
}

// exchange is the pattern with an item of one kind in place of one of another.
func (p *pattern) exchange(from, to int) pattern {
	out := p.without(from, p.copiesOf(from)-1)
	for n, x := range out.kinds {
		if int(x) == to {
			out.copies[n]++
			return out
		}
	}
	out.kinds, out.copies = append(out.kinds, int32(to)), append(out.copies, 1)
	return out
}

// separatePatterns turns patterns into such as keep kinds i and j apart.
func separatePatterns(patterns []pattern, i, j int) []pattern {
	var out []pattern
	for _, p := range patterns {
		switch {
		case !p.holds(i, j):
			out = append(out, p)
		case i == j:
			out = append(out, p.without(i, 1))
		default:
			out = append(out, p.without(i, 0), p.without(j, 0))
		}
	}
	return out
}

// renamed is a pattern in the kinds of the next state; with joined, its items
// of the two kinds are one parcel there.
func (p *pattern) renamed(next *state, r renaming, joined bool) pattern {
	var out pattern
	add := func(k int, n int32) {
		if k < 0 || n <= 0 {
			return
		}
		for at, x := range out.kinds {
			if int(x) == k {
				out.copies[at] = min(out.copies[at]+n, int32(next.most(k)))
				return
			}
		}
		out.kinds, out.copies = append(out.kinds, int32(k)), append(out.copies, min(n, int32(next.most(k))))
	}
	for n, k := range p.kinds {
		c := p.copies[n]
		if joined && int(k) == r.i {
			c--
		}
		if joined && int(k) == r.j {
			c--
		}
		add(r.to[k], c)
	}
	if joined {
		add(r.joined, 1)
	}
	return out
}

// joinPatterns turns patterns into such as the next state has.
func joinPatterns(patterns []pattern, next *state, r renaming) []pattern {
	var out []pattern
	for i := range patterns {
		p := &patterns[i]
		if q := p.renamed(next, r, false); len(q.kinds) > 0 {
			out = append(out, q)
		}
		if p.holds(r.i, r.j) && r.joined >= 0 {
			out = append(out, p.renamed(next, r, true))
		}
	}
	return out
}

// join carries a relaxation in which two kinds share one bin or more over to
// the state in which they are joined: of the patterns that hold both, one bin's
// worth becomes patterns of the parcel.
func (r *relaxation) join(next *state, to renaming) {
	share := 1.0
	var used []pattern
	var amount []float64
	for n := range r.used {
		p, x := &r.used[n], r.amount[n]
		if p.holds(to.i, to.j) && share > 0 {
			y := min(x, share)
			share -= y
			x -= y
			if q := p.renamed(next, to, true); len(q.kinds) > 0 && to.joined >= 0 {
				used, amount = append(used, q), append(amount, y)
			}
		}
		if x > 1e-9 {
			if q := p.renamed(next, to, false); len(q.kinds) > 0 {
				used, amount = append(used, q), append(amount, x)
			}
		}
	}
	r.used, r.amount = used, amount
}
