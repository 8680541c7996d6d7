package maxmin

// A node of a pairing heap (Fredman, Sedgewick, Sleator and Tarjan,
// Algorithmica 1, 1986), linked by positions in one array so that heaps of
// any number and size need no memory of their own. prev is the left
// neighbour, or the parent of a first child.
type node struct {
	key               float64
	child, next, prev int32
}

// meld joins two heaps and returns the root; of equal keys a stays on top.
func meld(ns []node, a, b int32) int32 {
	if a < 0 {
		return b
	}
	if b < 0 {
		return a
	}
	if ns[b].key < ns[a].key {
		a, b = b, a
	}
	first := ns[a].child
	ns[b].next, ns[b].prev = first, a
	if first >= 0 {
		ns[first].prev = b
	}
	ns[a].child = b
	ns[a].next, ns[a].prev = -1, -1
	return a
}

// insert adds node i to the heap of root and returns the new root.
func insert(ns []node, root, i int32, key float64) int32 {
	ns[i] = node{key: key, child: -1, next: -1, prev: -1}
	return meld(ns, root, i)
}

// remove takes node i out of the heap of root and returns the new root.
func remove(ns []node, root, i int32) int32 {
	rest := gather(ns, ns[i].child)
	if i == root {
		return rest
	}
	p, q := ns[i].prev, ns[i].next
	if ns[p].child == i {
		ns[p].child = q
	} else {
		ns[p].next = q
	}
	if q >= 0 {
		ns[q].prev = p
	}
	return meld(ns, root, rest)
}

// gather makes one heap of a row of siblings in two passes: pairs from the
// left, then all from the right.
func gather(ns []node, i int32) int32 {
	if i < 0 {
		return -1
	}
	pairs := int32(-1) // linked by next, the rightmost first
	for i >= 0 {
		a, b := i, ns[i].next
		i = -1
		if b >= 0 {
			i = ns[b].next
		}
		a = meld(ns, a, b)
		ns[a].next = pairs
		pairs = a
	}
	root := int32(-1)
	for pairs >= 0 {
		p := pairs
		pairs = ns[p].next
		root = meld(ns, p, root)
	}
	ns[root].next, ns[root].prev = -1, -1
	return root
}
