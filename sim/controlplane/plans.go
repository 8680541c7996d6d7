package controlplane

// A planQueue orders plans by priority, equals in order of arrival.
type planQueue struct {
	heap heap[*plan]
	seq  uint64
}

func newPlanQueue() planQueue {
	return planQueue{heap: heap[*plan]{less: func(p, q *plan) bool {
		return p.priority > q.priority || p.priority == q.priority && p.seq < q.seq
	}}}
}

func (q *planQueue) push(p *plan) {
	q.seq++
	p.seq = q.seq
	q.heap.push(p)
}

// pop removes the next plan, nil when there is none.
func (q *planQueue) pop() *plan {
	if len(q.heap.items) == 0 {
		return nil
	}
	return q.heap.pop()
}
