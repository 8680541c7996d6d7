package sim

import (
	"math"
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads/placement"
)

// A wire is one directed link as it is at the moment.
type wire struct {
	medium    int32
	bandwidth topology.BytesPerSecond
	latency   time.Duration
	jitter    time.Duration
	loss      float64
	down      int32       // faults in force
	noise     *des.Stream // of jitter and loss; nil when the link has neither
	held      []uint32    // fixed network: messages that wait for a failed link
}

// A medium is the capacity that one link, or both directions of a half-duplex
// one, serialise messages on.
type medium struct {
	first   topology.LinkID // the first link on it, under whose name it is reported
	changes bool            // faults or schedules touch it: messages queue explicitly
	freeAt  time.Duration

	queue   ring // when it changes: messages behind the one being sent
	sending uint32
	endAt   time.Duration
	gen     uint16

	busy     time.Duration // serialising within the measured span
	wait     time.Duration
	messages uint64
	bytes    float64
}

// send starts t, which leaves o, on its way along edge e.
func (r *run) send(t uint32, tok *token, o *op, e int32) {
	ed := &r.edges[e]
	to := &r.ops[ed.to]
	if to.limit > 0 && to.need <= 1 {
		tok.flags |= flagCredit
	}
	tok.edge = e
	r.traceSent(t, o.index)
	if ed.local {
		tok.op = ed.to
		r.enter(t, tok, to)
		return
	}
	if o.outputAt >= 0 {
		tok.bytes = r.draws[int(tok.req)*r.stride+int(o.outputAt)]
	} else {
		tok.bytes = o.output.Draw(o.stream)
	}
	if o.outputBy >= 0 {
		tok.bytes *= r.factor(tok.req, o.outputBy)
	}
	tok.op = ed.to
	switch r.network {
	case placement.FIFO:
		tok.hop = 0
		r.transmit(t, tok, ed)
	case placement.Fixed:
		r.fly(t)
	default:
		r.share(t)
	}
}

// fly crosses the whole route in a fixed delay: the sum of latencies and the
// bytes over the narrowest bandwidth.
func (r *run) fly(t uint32) {
	tok := &r.tokens[t]
	ed := &r.edges[tok.edge]
	var latency time.Duration
	narrow := topology.BytesPerSecond(0)
	resent := 0.0
	for _, l := range ed.links {
		w := &r.wires[l]
		if w.down > 0 {
			w.held = append(w.held, t)
			return
		}
		d, again := r.noisy(w)
		latency += d
		resent += again
		if w.bandwidth > 0 && (narrow == 0 || w.bandwidth < narrow) {
			narrow = w.bandwidth
		}
		r.media[w.medium].count(tok.bytes)
	}
	tok.hop = int32(len(ed.links) - 1)
	r.hopAfter(t, latency+topology.SerialisationTime(tok.bytes*(1+resent), narrow))
}

// share crosses the route as a flow that shares every link max-min fairly,
// then propagates.
func (r *run) share(t uint32) {
	tok := &r.tokens[t]
	ed := &r.edges[tok.edge]
	tok.hop = int32(len(ed.links) - 1)
	resent := 0.0
	tok.remaining = 0 // the latency to come
	for _, l := range ed.links {
		d, again := r.noisy(&r.wires[l])
		tok.remaining += d
		resent += again
		r.media[r.wires[l].medium].count(tok.bytes)
	}
	if len(ed.media) == 0 || tok.bytes <= 0 {
		r.hopAfter(t, tok.remaining)
		return
	}
	r.flows.Add(r.now, ed.media, tok.bytes*(1+resent), 1, t)
	r.settleLater()
}

// settleLater has the flow network re-solved once for all the changes of this
// instant.
func (r *run) settleLater() {
	if !r.settling {
		r.settling = true
		r.eng.Schedule(r.now, prioSettle, des.NewEvent(evSettle, 0, 0))
	}
}

// settle schedules the network's next completion.
func (r *run) settle() {
	r.settling = false
	r.flowGen++
	if at, ok := r.flows.Next(); ok {
		r.eng.Schedule(max(at, r.now), prioDone, des.NewEvent(evFlow, r.flowGen, 0))
	}
}

// flowsDone passes on the messages whose flow has ended.
func (r *run) flowsDone() {
	r.ended = r.flows.Complete(r.now, r.ended[:0])
	for _, t := range r.ended {
		r.hopAfter(t, r.tokens[t].remaining)
	}
	r.settleLater()
}

// noisy returns the latency of one crossing of w, and how many times the
// message is sent again because it was lost. Losses are independent with
// probability w.loss; each costs the serialisation once more and a timeout of
// one round trip, twice the latency. Jitter is uniform in
// [latency-jitter, latency+jitter].
func (r *run) noisy(w *wire) (latency time.Duration, again float64) {
	if w.noise == nil {
		return w.latency, 0
	}
	latency = w.latency
	if w.jitter > 0 {
		latency += time.Duration((2*w.noise.Float64() - 1) * float64(w.jitter))
		latency = max(latency, 0)
	}
	if w.loss > 0 {
		again = math.Floor(-w.noise.ExpInverse() / math.Log(w.loss)) // geometric by inversion
		latency += time.Duration(again) * 2 * w.latency
	}
	return latency, again
}

func (r *run) hopAfter(t uint32, d time.Duration) {
	if d <= 0 {
		r.hop(t)
		return
	}
	r.eng.Schedule(r.now+d, prioHop, des.NewEvent(evHop, 0, t))
}

// hop ends the crossing of a link: on to the next, or into the operator.
func (r *run) hop(t uint32) {
	tok := &r.tokens[t]
	ed := &r.edges[tok.edge]
	tok.hop++
	if int(tok.hop) < len(ed.links) {
		r.transmit(t, tok, ed)
		return
	}
	r.enter(t, tok, &r.ops[tok.op])
}

// transmit puts t on the next link of a store-and-forward route. On a link
// that never changes, first come first served fixes the departure at once
// (Lindley's recursion), which saves the event between.
func (r *run) transmit(t uint32, tok *token, ed *edge) {
	w := &r.wires[ed.links[tok.hop]]
	m := &r.media[w.medium]
	if m.changes {
		m.queue.push(t)
		tok.since = r.now
		if m.sending == noToken {
			r.sendNext(w.medium)
		}
		return
	}
	latency, again := w.latency, 0.0
	if w.noise != nil {
		latency, again = r.noisy(w)
	}
	occupied := topology.SerialisationTime(tok.bytes*(1+again), w.bandwidth)
	startAt := max(r.now, m.freeAt)
	m.freeAt = startAt + occupied
	m.count(tok.bytes)
	if wait := startAt - r.now; wait > 0 {
		m.wait += wait
		r.requests[tok.req].wait += wait
	}
	m.busy += r.measured(startAt, m.freeAt)
	r.hopAfter(t, m.freeAt+latency-r.now)
}

func (m *medium) count(bytes float64) {
	m.messages++
	m.bytes += bytes
}

// measured is how much of [from, to) lies in the measured span.
func (r *run) measured(from, to time.Duration) time.Duration {
	return max(min(to, r.endAt)-max(from, r.measuredFrom), 0)
}

// sendNext begins to serialise the first message of a changing medium whose
// link is up.
func (r *run) sendNext(mi int32) {
	m := &r.media[mi]
	for range m.queue.n {
		t := m.queue.pop()
		tok := &r.tokens[t]
		w := &r.wires[r.edges[tok.edge].links[tok.hop]]
		if w.down > 0 {
			m.queue.push(t) // a half-duplex neighbour may still go
			continue
		}
		if wait := r.now - tok.since; wait > 0 {
			m.wait += wait
			r.requests[tok.req].wait += wait
		}
		latency, again := r.noisy(w)
		tok.remaining = latency
		m.sending = t
		m.endAt = r.now + topology.SerialisationTime(tok.bytes*(1+again), w.bandwidth)
		m.freeAt = r.now // when it began
		r.eng.Schedule(m.endAt, prioDone, des.NewEvent(evSent, m.gen, uint32(mi)))
		return
	}
}

// sent ends the serialisation on a changing medium.
func (r *run) sent(mi int32) {
	m := &r.media[mi]
	t := m.sending
	m.sending = noToken
	m.count(r.tokens[t].bytes)
	m.busy += r.measured(m.freeAt, r.now)
	r.sendNext(mi)
	r.hopAfter(t, r.tokens[t].remaining)
}

// linkDown fails a link: the message being serialised is sent again from the
// start when it returns; those that propagate arrive.
func (r *run) linkDown(l topology.LinkID) {
	w := &r.wires[l]
	w.down++
	if w.down > 1 {
		return
	}
	m := &r.media[w.medium]
	if m.sending != noToken && r.onLink(m.sending, l) {
		t := m.sending
		m.busy += r.measured(m.freeAt, r.now)
		m.gen++
		m.sending = noToken
		r.tokens[t].since = r.now
		m.queue.pushFront(t)
		r.sendNext(w.medium)
	}
	r.setCapacity(l)
}

func (r *run) onLink(t uint32, l topology.LinkID) bool {
	return r.edges[r.tokens[t].edge].links[r.tokens[t].hop] == l
}

// linkUp returns a link to service when its last fault is repaired.
func (r *run) linkUp(l topology.LinkID) {
	w := &r.wires[l]
	w.down--
	if w.down > 0 {
		return
	}
	if r.network == placement.FIFO && r.media[w.medium].sending == noToken {
		r.sendNext(w.medium)
	}
	held := w.held
	w.held = nil
	for _, t := range held {
		r.fly(t)
	}
	r.setCapacity(l)
}

// changeLink gives a link its new bandwidth and latency. What is being
// serialised goes on at the new bandwidth.
func (r *run) changeLink(i int32) {
	ch := &r.c.LinkChanges[i]
	w := &r.wires[ch.Link]
	m := &r.media[w.medium]
	if m.sending != noToken && r.onLink(m.sending, ch.Link) {
		left := float64(m.endAt - r.now)
		switch {
		case ch.Bandwidth == 0:
			left = 0
		case w.bandwidth > 0:
			left *= float64(w.bandwidth) / float64(ch.Bandwidth)
		}
		m.gen++
		m.endAt = r.now + time.Duration(math.Round(left))
		r.eng.Schedule(m.endAt, prioDone, des.NewEvent(evSent, m.gen, uint32(w.medium)))
	}
	w.bandwidth, w.latency = ch.Bandwidth, ch.Latency
	r.setCapacity(ch.Link)
}

// setCapacity tells the flow network what a link can carry now.
func (r *run) setCapacity(l topology.LinkID) {
	if r.flows == nil {
		return
	}
	w := &r.wires[l]
	capacity := float64(w.bandwidth)
	switch {
	case w.down > 0:
		capacity = 0
	case w.bandwidth == 0:
		capacity = math.Inf(1)
	}
	r.flows.SetCapacity(r.now, w.medium, capacity)
	r.settleLater()
}
