package controlplane

import (
	"fmt"
	"time"
)

// BrokerOptions are the constants of a Broker; the zero value of each means
// HashiCorp's default.
type BrokerOptions struct {
	// DeliveryLimit is how often an evaluation is handed out before it counts
	// as failed. Default 3.
	DeliveryLimit int
	// NackDelay passes before the second delivery. Default 1 s.
	NackDelay time.Duration
	// NackStep times the deliveries but one passes before later ones. Default
	// 20 s.
	NackStep time.Duration
	// PeekLast compares schedulers by the last slot of each heap in place of
	// its head, as HashiCorp's broker does: the order between types of job is
	// then approximate. Default off.
	PeekLast bool
}

func (o BrokerOptions) withDefaults() BrokerOptions {
	if o.DeliveryLimit == 0 {
		o.DeliveryLimit = 3
	}
	if o.NackDelay == 0 {
		o.NackDelay = time.Second
	}
	if o.NackStep == 0 {
		o.NackStep = 20 * time.Second
	}
	return o
}

// A Broker hands evaluations to workers: at most one of a job is ready or
// handed out, the others of the job wait behind it. The ready ones go by
// priority, equals by the time at which they were made. The caller keeps the
// clock.
type Broker struct {
	options BrokerOptions
	ready   [kinds]heap[*Evaluation]
	jobs    []jobQueue // by job
	delayed heap[*Evaluation]
	tokens  uint64
	draw    func(n int) int
	held    int // handed out
	pending int // behind another of their job
}

// A jobQueue is what the broker has of one job.
type jobQueue struct {
	holder  *Evaluation // ready, handed out, or waiting for its next delivery
	pending []*Evaluation
}

// NewBroker returns an empty broker. Ties between schedulers are drawn by
// draw, uniformly from 0..n-1.
func NewBroker(o BrokerOptions, draw func(n int) int) *Broker {
	b := &Broker{options: o.withDefaults(), draw: draw}
	for k := range b.ready {
		b.ready[k].less = (*Evaluation).before
	}
	b.delayed.less = func(e, f *Evaluation) bool {
		return e.WaitUntil < f.WaitUntil || e.WaitUntil == f.WaitUntil && e.CreateIndex < f.CreateIndex
	}
	return b
}

func (b *Broker) job(i int32) *jobQueue {
	for int(i) >= len(b.jobs) {
		b.jobs = append(b.jobs, jobQueue{})
	}
	return &b.jobs[i]
}

// Enqueue makes e ready, or lets it wait: for its instant, or behind another
// evaluation of its job.
func (b *Broker) Enqueue(e *Evaluation, now time.Duration) {
	if e.WaitUntil > now {
		b.delayed.push(e)
		return
	}
	q := b.job(e.Job)
	if q.holder != nil && q.holder != e {
		q.pending = append(q.pending, e)
		b.pending++
		return
	}
	q.holder = e
	b.ready[e.Kind].push(e)
}

// Due makes ready what was delayed until now and says when the next is due;
// ok is false when nothing is delayed any more.
func (b *Broker) Due(now time.Duration) (next time.Duration, ok bool) {
	for len(b.delayed.items) > 0 && b.delayed.items[0].WaitUntil <= now {
		b.Enqueue(b.delayed.pop(), now)
	}
	return b.NextDue()
}

// NextDue is when the next delayed evaluation becomes ready; ok is false when
// none is delayed.
func (b *Broker) NextDue() (next time.Duration, ok bool) {
	if len(b.delayed.items) == 0 {
		return 0, false
	}
	return b.delayed.items[0].WaitUntil, true
}

// Dequeue hands out the ready evaluation of the highest priority and the
// token of this delivery; nil when none is ready.
func (b *Broker) Dequeue() (*Evaluation, uint64) {
	best, ties := -1, 0
	var top *Evaluation
	for k := range b.ready {
		items := b.ready[k].items
		if len(items) == 0 {
			continue
		}
		head := items[0]
		if b.options.PeekLast {
			head = items[len(items)-1]
		}
		switch {
		case top == nil || head.Priority > top.Priority:
			best, top, ties = k, head, 1
		case head.Priority == top.Priority:
			// Each of n equals is kept with probability 1/n.
			if ties++; b.draw(ties) == 0 {
				best = k
			}
		}
	}
	if best < 0 {
		return nil, 0
	}
	e := b.ready[best].pop()
	b.tokens++
	e.token = b.tokens
	e.deliveries++
	b.held++
	return e, e.token
}

// Outstanding reports whether token is of the delivery of e under way.
func (b *Broker) Outstanding(e *Evaluation, token uint64) bool {
	return token != 0 && e.token == token
}

// Ack ends a delivery: the evaluation is done. Of those that waited behind it
// the one of the highest priority and newest change becomes ready, the others
// are returned as cancelled.
func (b *Broker) Ack(e *Evaluation, token uint64, now time.Duration) (cancelled []*Evaluation, err error) {
	if !b.Outstanding(e, token) {
		return nil, fmt.Errorf("evaluation %d: token %d is not of the delivery under way", e.CreateIndex, token)
	}
	e.token = 0
	b.held--
	q := b.job(e.Job)
	q.holder = nil
	if len(q.pending) == 0 {
		return nil, nil
	}
	best := 0
	for i, p := range q.pending {
		if p.fresher(q.pending[best]) {
			best = i
		}
	}
	next := q.pending[best]
	for i, p := range q.pending {
		if i != best {
			cancelled = append(cancelled, p)
		}
	}
	b.pending -= len(q.pending)
	q.pending = q.pending[:0]
	b.Enqueue(next, now)
	return cancelled, nil
}

// Nack ends a delivery without a result. The caller hands e to [Broker.Retry]
// after the delay, unless failed: then the deliveries are used up, and the job
// stays taken until the caller calls [Broker.Drop].
func (b *Broker) Nack(e *Evaluation, token uint64) (delay time.Duration, failed bool, err error) {
	if !b.Outstanding(e, token) {
		return 0, false, fmt.Errorf("evaluation %d: token %d is not of the delivery under way", e.CreateIndex, token)
	}
	e.token = 0
	b.held--
	if e.deliveries >= b.options.DeliveryLimit {
		return 0, true, nil
	}
	if e.deliveries == 1 {
		return b.options.NackDelay, false, nil
	}
	return time.Duration(e.deliveries-1) * b.options.NackStep, false, nil
}

// Retry makes an evaluation ready again after its Nack.
func (b *Broker) Retry(e *Evaluation, now time.Duration) {
	e.WaitUntil = 0
	b.Enqueue(e, now)
}

// Drop gives up an evaluation that failed and lets the next of its job go on,
// as Ack does.
func (b *Broker) Drop(e *Evaluation, now time.Duration) (cancelled []*Evaluation) {
	b.tokens++
	e.token = b.tokens
	b.held++
	cancelled, _ = b.Ack(e, e.token, now) // the token is the one just given
	return cancelled
}

// All lists every evaluation that is not done, in no order.
func (b *Broker) All() []*Evaluation {
	out := append([]*Evaluation(nil), b.delayed.items...)
	for i := range b.jobs {
		if e := b.jobs[i].holder; e != nil {
			out = append(out, e)
		}
		out = append(out, b.jobs[i].pending...)
	}
	return out
}

// Len counts the evaluations that are ready, handed out, behind another of
// their job, and delayed.
func (b *Broker) Len() (ready, held, pending, delayed int) {
	for k := range b.ready {
		ready += len(b.ready[k].items)
	}
	return ready, b.held, b.pending, len(b.delayed.items)
}
