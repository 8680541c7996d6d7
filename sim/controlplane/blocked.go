package controlplane

import (
	"cmp"
	"slices"

	"caravan/topology"
)

// blockedEvals holds the evaluations that found no room, until room appears
// where it may help them: on a node of a computed class that is not known to
// be unfit. One evaluation of a job waits, the newest; for jobs that run on
// every node, one of each node.
//
// Jobs that ask the same of a node share a shape, and wake together.
type blockedEvals struct {
	shapes    []blockedShape
	active    []int32 // shapes that somebody waits in, in order of number
	byJob     map[int32]*Evaluation
	bySystem  map[systemKey]*Evaluation
	onNode    map[int32][]systemKey // those that wait for a node, in order of arrival
	unblocked []uint64              // by class: index of the state at the last wake-up
	any       uint64                // the greatest of them
}

type systemKey struct{ job, node int32 }

// A blockedShape is what the evaluations of jobs that ask the same have in
// common.
type blockedShape struct {
	learned  bool      // the verdicts are known
	eligible []verdict // by class
	escaped  bool      // constraints that the class does not tell: any class may do
	waiting  []*Evaluation
	// known is set when the shape has once found no node: since then open, and
	// what was freed past the position seen in the log of frees, are the only
	// nodes that could take it.
	known bool
	open  []topology.NodeID
	seen  int
}

// A verdict is whether a class of nodes satisfies constraints.
type verdict uint8

const (
	unseen verdict = iota
	eligible
	ineligible
)

func newBlocked() *blockedEvals {
	return &blockedEvals{byJob: map[int32]*Evaluation{}, bySystem: map[systemKey]*Evaluation{}, onNode: map[int32][]systemKey{}}
}

// shape is the entry of a shape, made when first asked for.
func (b *blockedEvals) shape(i int32) *blockedShape {
	for int(i) >= len(b.shapes) {
		b.shapes = append(b.shapes, blockedShape{})
	}
	return &b.shapes[i]
}

// mark notes what is known about a class.
func (s *blockedShape) mark(class int32, v verdict) {
	for int(class) >= len(s.eligible) {
		s.eligible = append(s.eligible, unseen)
	}
	s.eligible[class] = v
}

// wakes reports whether room on a class may help the shape.
func (s *blockedShape) wakes(class int32) bool {
	return s.escaped || int(class) >= len(s.eligible) || s.eligible[class] != ineligible
}

// block lets e wait. missed is true, and e not taken, when room appeared after
// the state in which e failed. An evaluation of the job that waited before is
// returned as cancelled.
func (b *blockedEvals) block(e *Evaluation, shape int32) (missed bool, cancelled *Evaluation) {
	if e.Node >= 0 {
		key := systemKey{e.Job, e.Node}
		cancelled = b.bySystem[key]
		if cancelled == nil {
			b.onNode[e.Node] = append(b.onNode[e.Node], key)
		}
		b.bySystem[key] = e
		return false, cancelled
	}
	s := b.shape(shape)
	if e.snapshot < b.any {
		for class, index := range b.unblocked {
			if index > e.snapshot && s.wakes(int32(class)) {
				return true, nil
			}
		}
	}
	if cancelled = b.byJob[e.Job]; cancelled != nil {
		b.remove(cancelled)
	}
	e.shape = shape
	b.byJob[e.Job] = e
	if len(s.waiting) == 0 {
		at, _ := slices.BinarySearch(b.active, shape)
		b.active = slices.Insert(b.active, at, shape)
	}
	at, _ := slices.BinarySearchFunc(s.waiting, e, older)
	s.waiting = slices.Insert(s.waiting, at, e)
	return false, cancelled
}

// older orders those of one shape: by the age of their job's first evaluation.
func older(e, f *Evaluation) int {
	return cmp.Or(cmp.Compare(e.CreateIndex, f.CreateIndex), cmp.Compare(e.Job, f.Job))
}

// remove takes an evaluation that waits for any node out.
func (b *blockedEvals) remove(e *Evaluation) {
	s := &b.shapes[e.shape]
	if at, ok := slices.BinarySearchFunc(s.waiting, e, older); ok {
		s.waiting = slices.Delete(s.waiting, at, at+1)
	}
	delete(b.byJob, e.Job)
	b.retire(e.shape)
}

// retire takes a shape in which nobody waits any more off the active ones.
func (b *blockedEvals) retire(shape int32) {
	if len(b.shapes[shape].waiting) > 0 {
		return
	}
	if at, ok := slices.BinarySearch(b.active, shape); ok {
		b.active = slices.Delete(b.active, at, at+1)
	}
}

// forget drops what waits for a job, as when it is stopped.
func (b *blockedEvals) forget(job int32) {
	if e := b.byJob[job]; e != nil {
		b.remove(e)
	}
}

// note records that room appeared on a class of nodes, seen at index, for
// those that will be blocked later.
func (b *blockedEvals) note(class int32, index uint64) {
	for int(class) >= len(b.unblocked) {
		b.unblocked = append(b.unblocked, 0)
	}
	b.unblocked[class], b.any = index, index
}

// unblock wakes whom room on a class of nodes may help and appends them to
// woken.
func (b *blockedEvals) unblock(class int32, woken []*Evaluation) []*Evaluation {
	for _, i := range slices.Clone(b.active) {
		s := &b.shapes[i]
		if !s.wakes(class) {
			continue
		}
		for _, e := range s.waiting {
			delete(b.byJob, e.Job)
		}
		woken = append(woken, s.waiting...)
		clear(s.waiting)
		s.waiting = s.waiting[:0]
		b.retire(i)
	}
	return woken
}

// first wakes the oldest of a shape, nil when nobody waits in it.
func (b *blockedEvals) first(shape int32) *Evaluation {
	s := b.shape(shape)
	if len(s.waiting) == 0 {
		return nil
	}
	e := s.waiting[0]
	b.remove(e)
	return e
}

// unblockNode wakes the jobs of every node that wait for this one.
func (b *blockedEvals) unblockNode(node int32, woken []*Evaluation) []*Evaluation {
	for _, key := range b.onNode[node] {
		if e := b.bySystem[key]; e != nil {
			woken = append(woken, e)
			delete(b.bySystem, key)
		}
	}
	delete(b.onNode, node)
	return woken
}

// len counts those that wait.
func (b *blockedEvals) len() int { return len(b.byJob) + len(b.bySystem) }
