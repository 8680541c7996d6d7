package jobs

import (
	"cmp"
	"slices"
)

// A ticket is an instance that waits.
type ticket struct {
	priority int
	seq      uint64 // order of arrival
	instance uint32
}

// less orders tickets: the higher priority first, then the earlier.
func (t ticket) less(u ticket) bool {
	return cmp.Or(cmp.Compare(u.priority, t.priority), cmp.Compare(t.seq, u.seq)) < 0
}

// A queue holds those that wait, by the shape of their demand: equal demands
// find room or none together, so one failed try speaks for all of a shape.
type queue struct {
	byShape [][]ticket // each in order
	seq     uint64
	n       int
}

// some reports whether any of the shape waits.
func (q *queue) some(shape int32) bool {
	return int(shape) < len(q.byShape) && len(q.byShape[shape]) > 0
}

func (q *queue) push(priority int, shape int32, instance uint32) {
	for int(shape) >= len(q.byShape) {
		q.byShape = append(q.byShape, nil)
	}
	q.seq++
	q.n++
	t := ticket{priority, q.seq, instance}
	list := q.byShape[shape]
	at, _ := slices.BinarySearchFunc(list, t, func(a, b ticket) int {
		if a.less(b) {
			return -1
		}
		return 1
	})
	q.byShape[shape] = slices.Insert(list, at, t)
}

// retry offers room to those that wait, best first, until each shape has been
// refused once.
func (q *queue) retry(place func(instance uint32) bool) {
	if q.n == 0 {
		return
	}
	refused := make([]bool, len(q.byShape))
	for {
		best := -1
		for s, list := range q.byShape {
			if len(list) > 0 && !refused[s] && (best < 0 || list[0].less(q.byShape[best][0])) {
				best = s
			}
		}
		if best < 0 {
			return
		}
		if !place(q.byShape[best][0].instance) {
			refused[best] = true
			continue
		}
		q.byShape[best] = q.byShape[best][1:]
		q.n--
	}
}
