package cluster

// A vector is a sequence whose copies share what neither has written since:
// leaves of 16 items below branches of 64. Copying it is O(1), the first write
// to a leaf after that copies the leaf and the path to it. Each part carries
// the epoch of its writer, and belongs to whoever has that epoch.
type vector[T any] struct {
	top   []*branch[T]
	epoch uint64 // of the top's owner
	n     int
}

const (
	leafBits   = 4
	branchBits = 6
)

type leaf[T any] struct {
	epoch uint64
	items [1 << leafBits]T
}

type branch[T any] struct {
	epoch  uint64
	leaves [1 << branchBits]*leaf[T]
}

// at is item i, not to be modified.
func (v *vector[T]) at(i int) *T {
	return &v.top[i>>(leafBits+branchBits)].leaves[i>>leafBits&(1<<branchBits-1)].items[i&(1<<leafBits-1)]
}

// edit is item i, to be modified by the owner of the epoch.
func (v *vector[T]) edit(i int, epoch uint64) *T {
	if v.epoch != epoch {
		v.top, v.epoch = append(make([]*branch[T], 0, len(v.top)+1), v.top...), epoch
	}
	b := &v.top[i>>(leafBits+branchBits)]
	if (*b).epoch != epoch {
		own := **b
		own.epoch = epoch
		*b = &own
	}
	l := &(*b).leaves[i>>leafBits&(1<<branchBits-1)]
	switch {
	case *l == nil:
		*l = &leaf[T]{epoch: epoch}
	case (*l).epoch != epoch:
		own := **l
		own.epoch = epoch
		*l = &own
	}
	return &(*l).items[i&(1<<leafBits-1)]
}

// push appends an item.
func (v *vector[T]) push(x T, epoch uint64) {
	if v.n>>(leafBits+branchBits) == len(v.top) {
		if v.epoch != epoch {
			v.top, v.epoch = append(make([]*branch[T], 0, len(v.top)+1), v.top...), epoch
		}
		v.top = append(v.top, &branch[T]{epoch: epoch})
	}
	v.n++
	*v.edit(v.n-1, epoch) = x
}
