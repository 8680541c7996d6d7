package sim

import (
	"time"

	"caravan/sim/des"
)

// create starts a request of pl, which is pipeline p: a token for each of its
// first operators. row is its line of the arrival trace, -1 without one.
func (r *run) create(pl *pipe, p int32, row int32) {
	q := r.newRequest()
	req := &r.requests[q]
	req.createdAt, req.deadlineAt, req.wait = r.now, 0, 0
	req.pipeline, req.row, req.live = p, row, int32(len(pl.entries))
	req.class, req.level, req.ended = 0, pl.level, false
	if pl.deadline > 0 {
		req.deadlineAt = r.now + pl.deadline
	}
	if len(pl.classes) > 0 {
		pl.classify(req)
	}
	if len(pl.demands) > 0 {
		r.drawDemands(pl, q)
	}
	r.traceCreated(q, p)
	r.made++
	r.alive++
	level := req.level
	for _, i := range pl.entries {
		t := r.newToken()
		tok, o := &r.tokens[t], &r.ops[i]
		tok.begin(q, i, level)
		if o.limit > 0 {
			if o.held >= o.limit {
				o.at.wait.rejected++
				r.abandon(t, Rejected)
				continue
			}
			o.held++
			tok.flags |= flagCredit
		}
		r.enter(t, tok, o)
	}
}

// classify draws the class of a request.
func (pl *pipe) classify(req *request) {
	u := pl.requests.Float64()
	for i := range pl.classes {
		if u -= pl.classes[i].share; u < 0 || i == len(pl.classes)-1 {
			req.class, req.level = uint8(i), pl.classes[i].level
			return
		}
	}
}

// drawDemands draws what the request will need everywhere, in operator order,
// so that where it is placed changes none of it.
func (r *run) drawDemands(pl *pipe, q uint32) {
	draws := r.draws[int(q)*r.stride:]
	for i := range pl.demands {
		draws[i] = pl.demands[i].Draw(pl.requests)
	}
}

// enter brings a message to its operator o: through the join, the batch, and
// into the station.
func (r *run) enter(t uint32, tok *token, o *op) {
	r.traceEntered(t, tok, o)
	if o.plain {
		r.join(t, tok, o)
		return
	}
	if r.requests[tok.req].ended {
		r.vanish(t, tok)
		return
	}
	if o.need > 1 {
		c := &r.joins[int(tok.req)*r.joinStride+int(o.join)]
		*c++
		if *c&joinCount < uint16(o.need) {
			tok.flags &^= flagCredit // the place is the request's, and the last message takes it over
			r.vanish(t, tok)
			return
		}
		if *c&joinPlace != 0 {
			tok.flags |= flagCredit
		}
		*c = 0
	}
	if o.batch > 1 {
		r.gather(t)
		return
	}
	r.join(t, tok, o)
}

// A join's counter: how many messages have come, and whether the request
// holds a place in the operator's bounded queue.
const (
	joinPlace uint16 = 1 << 15
	joinCount        = joinPlace - 1
)

// abandon ends the request of t without an answer, and t with it.
func (r *run) abandon(t uint32, why Outcome) {
	if r.tokens[t].flags&flagLeader != 0 {
		r.tokens[t].flags &^= flagLeader
		for m := r.tokens[t].next; m != noToken; {
			next := r.tokens[m].next
			r.abandon(m, why)
			m = next
		}
	}
	if req := &r.requests[r.tokens[t].req]; !req.ended {
		req.ended = true
		r.traceEnded(r.tokens[t].req, why)
		r.observe(r.tokens[t].req, req, &r.pipes[req.pipeline], why)
	}
	r.vanish(t, &r.tokens[t])
}

// vanish ends a token; the last one ends its request.
func (r *run) vanish(t uint32, tok *token) {
	if tok.flags&flagCredit != 0 {
		r.releasePlace(t)
		tok = &r.tokens[t] // others went on, and may have moved the tokens
	}
	q := tok.req
	tok.gen++
	tok.next, r.freeToken = r.freeToken, t
	req := &r.requests[q]
	req.live--
	if req.live > 0 {
		return
	}
	p := req.pipeline
	pl := &r.pipes[p]
	if !req.ended {
		r.traceEnded(q, Answered)
		r.observe(q, req, pl, Answered)
	}
	r.alive--
	if r.joinStride > 0 {
		r.clearJoins(q)
	}
	req.next, r.freeRequest = r.freeRequest, q
	r.requestEnded(&pl.source, p)
}

// clearJoins resets the join counters of a request that ended halfway, and
// gives back the places that it held.
func (r *run) clearJoins(q uint32) {
	pl := &r.pipes[r.requests[q].pipeline]
	for i := pl.first; i < pl.last; i++ {
		o := &r.ops[i]
		if o.need <= 1 {
			continue
		}
		c := &r.joins[int(q)*r.joinStride+int(o.join)]
		held := *c&joinPlace != 0
		*c = 0
		if held {
			o.held--
			r.grantPlaces(o)
		}
	}
}

// depart sends a token that o has served (and the batch behind it) on.
func (r *run) depart(t uint32, tok *token, o *op) {
	r.traceDeparts(t, o)
	if o.plain {
		if o.way < 0 {
			r.vanish(t, tok)
			return
		}
		r.send(t, tok, o, o.way)
		return
	}
	if tok.flags&flagLeader != 0 {
		tok.flags &^= flagLeader
		for m := tok.next; m != noToken; {
			next := r.tokens[m].next
			if !o.guarded || r.claimPlaces(m) {
				r.departOne(m, o)
			}
			m = next
		}
	}
	r.departOne(t, o)
}

func (r *run) departOne(t uint32, o *op) {
	tok := &r.tokens[t]
	if r.requests[tok.req].ended {
		r.vanish(t, tok)
		return
	}
	if o.next != nil {
		if tok.flags&flagRouted == 0 {
			r.choose(t)
		}
		tok.flags &^= flagRouted
		if tok.edge < 0 {
			r.vanish(t, tok)
			return
		}
		r.send(t, tok, o, tok.edge)
		return
	}
	switch len(o.edges) {
	case 0:
		r.vanish(t, tok)
	case 1:
		r.send(t, tok, o, o.edges[0])
	default:
		r.fork(t, o.edges)
	}
}

// fork sends a copy along each edge; the first goes last, since it is t.
func (r *run) fork(t uint32, edges []int32) {
	from := r.tokens[t]
	o := &r.ops[from.op]
	r.requests[from.req].live += int32(len(edges) - 1)
	for _, e := range edges[1:] {
		copied := r.newToken()
		tok := &r.tokens[copied]
		tok.begin(from.req, from.op, from.level)
		r.send(copied, tok, o, e)
	}
	r.send(t, &r.tokens[t], o, edges[0])
}

// choose draws the branch that t takes after a routed operator; edge -1 leaves.
func (r *run) choose(t uint32) {
	tok := &r.tokens[t]
	o := &r.ops[tok.op]
	u := r.pipes[o.pipe].requests.Float64()
	tok.edge = -1
	tok.flags |= flagRouted
	for i := range o.next {
		if u < o.next[i].upTo {
			tok.edge = o.next[i].edge
			return
		}
	}
}

// claimPlaces takes a place in every bounded queue that t goes to next. When
// one is full it takes none, and t waits there for its turn.
func (r *run) claimPlaces(t uint32) bool {
	tok := &r.tokens[t]
	o := &r.ops[tok.op]
	edges := o.edges
	var one [1]int32
	if o.next != nil {
		if tok.flags&flagRouted == 0 {
			r.choose(t)
		}
		if tok.edge < 0 {
			return true
		}
		one[0] = tok.edge
		edges = one[:]
	}
	for _, e := range edges {
		to := &r.ops[r.edges[e].to]
		if to.limit > 0 && to.held >= to.limit && !r.hasPlace(tok.req, to) {
			to.blocked.push(t)
			return false
		}
	}
	for _, e := range edges {
		to := &r.ops[r.edges[e].to]
		if to.limit > 0 && !r.hasPlace(tok.req, to) {
			to.held++
			if to.need > 1 {
				r.joins[int(tok.req)*r.joinStride+int(to.join)] |= joinPlace
			}
		}
	}
	return true
}

// hasPlace reports whether the request holds a join's place already.
func (r *run) hasPlace(q uint32, to *op) bool {
	return to.need > 1 && r.joins[int(q)*r.joinStride+int(to.join)]&joinPlace != 0
}

// releasePlace gives back t's place in its operator's bounded queue, to the
// token that has waited longest for one.
func (r *run) releasePlace(t uint32) {
	r.tokens[t].flags &^= flagCredit
	o := &r.ops[r.tokens[t].op]
	o.held--
	r.grantPlaces(o)
}

// grantPlaces lets those that wait for a place in o's queue go on.
func (r *run) grantPlaces(o *op) {
	for o.held < o.limit && o.blocked.n > 0 {
		b := o.blocked.pop()
		ended := r.requests[r.tokens[b].req].ended
		if !ended && !r.claimPlaces(b) {
			continue // it waits for room elsewhere too
		}
		if r.tokens[b].flags&flagHolds != 0 {
			r.tokens[b].flags &^= flagHolds
			r.leaveStation(r.ops[r.tokens[b].op].at)
		}
		tok := &r.tokens[b]
		r.depart(b, tok, &r.ops[tok.op])
	}
}

// gather adds t to its operator's batch and serves the batch when it is full.
func (r *run) gather(t uint32) {
	tok := &r.tokens[t]
	o := &r.ops[tok.op]
	tok.next = noToken
	tok.since = r.now
	if o.gathered == 0 {
		o.gatherTo = t
		if o.batchWait > 0 {
			r.eng.Schedule(r.now+o.batchWait, prioTimeout, des.NewEvent(evBatch, o.batchGen, uint32(tok.op)))
		}
	} else {
		r.tokens[o.gatherEnd].next = t
	}
	o.gatherEnd = t
	o.gathered++
	if o.gathered >= o.batch {
		r.dispatch(o)
	}
}

// dispatch sends the gathered batch into service as one unit of work, that of
// its first member. Late members are dropped first.
func (r *run) dispatch(o *op) {
	leader, last := noToken, noToken
	t := o.gatherTo
	o.gathered = 0
	o.batchGen++
	for t != noToken {
		next := r.tokens[t].next
		if r.unwanted(t) {
			r.abandon(t, Expired)
		} else {
			r.requests[r.tokens[t].req].wait += r.now - r.tokens[t].since
			r.tokens[t].next = noToken
			if leader == noToken {
				leader = t
			} else {
				r.tokens[last].next = t
			}
			last = t
		}
		t = next
	}
	if leader != noToken {
		tok := &r.tokens[leader]
		tok.flags |= flagLeader
		r.join(leader, tok, o)
	}
}

// startFollowers accounts the start of service of a batch's other members.
func (r *run) startFollowers(leader uint32, wait time.Duration) {
	for m := r.tokens[leader].next; m != noToken; m = r.tokens[m].next {
		r.requests[r.tokens[m].req].wait += wait
		if r.tokens[m].flags&flagCredit != 0 {
			r.releasePlace(m)
		}
	}
}

// observe records how a request ended.
func (r *run) observe(q uint32, req *request, pl *pipe, how Outcome) {
	if req.createdAt < r.measuredFrom {
		return
	}
	latency := r.now - req.createdAt
	late := req.deadlineAt > 0 && r.now > req.deadlineAt
	r.subjects[pl.subject].add(req, how, latency, late)
	if len(pl.classes) > 0 {
		r.subjects[pl.classes[req.class].subject].add(req, how, latency, late)
	}
	if r.c.Observe != nil {
		r.c.Observe(Completion{
			Pipeline: int(req.pipeline), Class: int(req.class), CreatedAt: req.createdAt, EndedAt: r.now,
			Wait: req.wait, Work: r.drawnWork(q), Outcome: how,
		})
	}
}

// drawnWork lists the work drawn for a request, by operator.
func (r *run) drawnWork(q uint32) []float64 {
	if r.c.DrawAtStart {
		return nil
	}
	r.workSeen = r.workSeen[:0]
	pl := &r.pipes[r.requests[q].pipeline]
	for i := pl.first; i < pl.last; i++ {
		o := &r.ops[i]
		w := o.work.Constant()
		if o.workAt >= 0 {
			w = r.draws[int(q)*r.stride+int(o.workAt)]
		}
		r.workSeen = append(r.workSeen, w)
	}
	return r.workSeen
}

func (r *run) newRequest() uint32 {
	if q := r.freeRequest; q != noRequest {
		r.freeRequest = r.requests[q].next
		return q
	}
	r.requests = append(r.requests, request{})
	for range r.stride {
		r.draws = append(r.draws, 0)
	}
	for range r.joinStride {
		r.joins = append(r.joins, 0)
	}
	return uint32(len(r.requests) - 1)
}

func (r *run) newToken() uint32 {
	if t := r.freeToken; t != noToken {
		r.freeToken = r.tokens[t].next
		return t
	}
	r.tokens = append(r.tokens, token{})
	return uint32(len(r.tokens) - 1)
}

// horizon is the end of the measured span.
func (r *run) horizon() time.Duration {
	if r.c.Duration > 0 {
		return r.c.Duration
	}
	return r.now
}
