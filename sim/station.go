package sim

import (
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
)

// A station serves the tokens of one node (or of one operator, under
// topology.PerOperator) in the order and at the rate of its discipline.
type station struct {
	node       topology.NodeID
	discipline topology.Discipline
	shared     bool // PS
	sized      bool // SJF, SRPT: the queue is ordered by work
	preempts   bool // Preemptive, SRPT
	byLevel    bool // Priority, Preemptive: the queue is ordered by priority
	faulty     bool // some fault names the node
	tracked    bool // running tokens are listed, to be interrupted
	// direct stations serve first come first served, and nothing can disturb
	// them: a service's start and end are known when a token joins.
	direct bool

	cores   int32
	free    int32 // cores that serve nobody
	down    int32 // faults in force
	limit   int32 // tokens that may be here; 0 is unbounded
	present int32 // tokens waiting, in service, or blocked

	freeAt  []time.Duration // direct: a heap of when each core is free, the earliest first
	line    ring            // waiting, first come first served
	waiting levels          // byLevel
	bySize  rankHeap        // sized; under processor sharing, those in service
	running levels          // when tracked: by level, latest started last

	// Processor sharing: virtual is the service in nanoseconds that a token
	// present since it was last 0 has had; a token ends when virtual reaches
	// its mark, the key in bySize.
	virtual   float64
	virtualAt time.Duration
	shareGen  uint16

	use  usage
	wait visits
}

// usage accumulates areas under step functions of time, in ns x tokens and
// ns x cores.
type usage struct {
	since        time.Duration // start of the measured span
	number       area
	busy         area
	direct       float64 // busy, of a direct station
	shared       float64 // busy, under processor sharing
	sharedLastAt time.Duration
}

// An area under a count of things present is the sum of the instants at which
// they left less that at which they came: two additions a visit. It is kept
// in 128 bits, since instants are large.
type area struct{ low, high uint64 }

func (a *area) came(at time.Duration) {
	var borrow uint64
	a.low, borrow = bits.Sub64(a.low, uint64(at), 0)
	a.high -= borrow
}

func (a *area) left(at time.Duration) {
	var carry uint64
	a.low, carry = bits.Add64(a.low, uint64(at), 0)
	a.high += carry
}

// until closes the area at the given instant, with n things still present.
func (a area) until(at time.Duration, n int32) float64 {
	high, low := bits.Mul64(uint64(at), uint64(n))
	low, carry := bits.Add64(a.low, low, 0)
	high, _ = bits.Add64(a.high, high, carry)
	return float64(int64(high))*(1<<64) + float64(low)
}

// from opens the area at the given instant, with n things present.
func from(at time.Duration, n int32) area {
	high, low := bits.Mul64(uint64(at), uint64(n))
	low, borrow := bits.Sub64(0, low, 0)
	high, _ = bits.Sub64(0, high, borrow)
	return area{low, high}
}

// visits accumulates what the tokens that passed saw.
type visits struct {
	started  uint64
	waited   uint64        // of them, with a wait above 0
	wait     time.Duration // of the started, in total
	rejected uint64
}

// serving is how many cores work.
func (s *station) serving() int32 {
	if !s.shared {
		return s.cores - s.free
	}
	if s.down > 0 {
		return 0
	}
	return min(s.cores, int32(len(s.bySize.a)))
}

// accountShared brings the busy area of a sharing station up to now, before
// the number that share changes.
func (s *station) accountShared(now time.Duration) {
	s.use.shared += float64(now-s.use.sharedLastAt) * float64(s.serving())
	s.use.sharedLastAt = now
}

func newStation(node *topology.Node, id topology.NodeID, d topology.Discipline, levelCount int, faulty bool) station {
	s := station{node: id, discipline: d, cores: int32(node.Cores), limit: int32(node.QueueLimit)}
	switch d {
	case topology.PS:
		s.shared = true
	case topology.SJF:
		s.sized = true
	case topology.SRPT:
		s.sized, s.preempts = true, true
	case topology.Priority:
		s.byLevel = true
	case topology.Preemptive:
		s.byLevel, s.preempts = true, true
	case topology.Delay:
		s.cores = math.MaxInt32
	case topology.PerOperator:
		s.cores = 1
	}
	if s.byLevel {
		s.waiting.queues = make([]ring, levelCount)
	}
	s.free = s.cores
	s.faulty = faulty
	s.tracked = s.preempts || faulty
	if s.tracked {
		s.running.queues = make([]ring, levelCount)
	}
	return s
}

// join brings token t to the station of its operator o: into service if it
// can, else to wait.
func (r *run) join(t uint32, tok *token, o *op) {
	s := o.at
	if s.direct {
		s.present++
		s.use.number.came(r.now)
		r.serveDirectly(s, t, tok, o)
		return
	}
	tok.remaining = -1
	tok.flags &^= flagServed
	if s.limit > 0 && s.present >= s.limit {
		s.wait.rejected++
		r.abandon(t, Rejected)
		return
	}
	if s.down > 0 && r.loseWork[s.node] {
		r.abandon(t, Lost)
		return
	}
	if r.sifts && r.unwanted(t) {
		r.abandon(t, Expired)
		return
	}
	s.present++
	s.use.number.came(r.now)
	tok.since = r.now
	r.traceJoined(t)
	if s.shared {
		r.shareJoin(o.station, t)
		return
	}
	if s.free > 0 && s.down == 0 {
		r.start(s, t, tok)
		return
	}
	if s.preempts && s.down == 0 && r.preempt(s, t) {
		return
	}
	r.enqueue(s, t, tok)
}

// serveDirectly schedules the end of t's service on a direct station: it
// starts when the first core is free (Kiefer and Wolfowitz, 1955; with one
// core, Lindley's recursion).
func (r *run) serveDirectly(s *station, t uint32, tok *token, o *op) {
	d := r.service(tok, o)
	startAt := r.now
	if s.freeAt != nil {
		startAt = max(startAt, s.freeAt[0])
		s.occupyFirst(startAt + d)
	}
	endAt := startAt + d
	tok.remaining, tok.endAt = d, endAt
	if startAt > r.now {
		wait := startAt - r.now
		s.wait.waited++
		s.wait.wait += wait
		r.requests[tok.req].wait += wait
	}
	s.wait.started++
	s.use.direct += float64(r.measured(startAt, endAt))
	if r.c.Serve != nil {
		r.served(o, startAt, endAt, Completed)
	}
	r.eng.Schedule(endAt, prioDone, des.NewEvent(evDone, tok.gen, t))
}

// occupyFirst keeps the core that is free first until the given instant.
func (s *station) occupyFirst(until time.Duration) {
	a := s.freeAt
	i := 0
	for {
		c := 2*i + 1
		if c >= len(a) {
			break
		}
		if c+1 < len(a) && a[c+1] < a[c] {
			c++
		}
		if a[c] >= until {
			break
		}
		a[i] = a[c]
		i = c
	}
	a[i] = until
}

// enqueue puts t at the back of its queue.
func (r *run) enqueue(s *station, t uint32, tok *token) {
	switch {
	case s.sized:
		s.bySize.push(float64(r.due(tok)), t)
	case s.byLevel:
		s.waiting.push(tok.level, t)
	default:
		s.line.push(t)
	}
}

// due returns the service that a token still needs, drawing it if need be.
func (r *run) due(tok *token) time.Duration {
	if tok.remaining < 0 {
		tok.remaining = r.service(tok, &r.ops[tok.op])
	}
	return tok.remaining
}

// service is how long o serves a token.
func (r *run) service(tok *token, o *op) time.Duration {
	var w float64
	if o.workAt >= 0 {
		w = r.draws[int(tok.req)*r.stride+int(o.workAt)]
	} else {
		w = o.work.Draw(o.stream)
	}
	if o.scaled {
		return r.scale(tok, o, w)
	}
	return topology.Seconds(w)
}

// scale is the time that w seconds of work take with the request's factor, on
// the operator's machine, and after its cold start.
func (r *run) scale(tok *token, o *op, w float64) time.Duration {
	if o.workBy >= 0 {
		w *= r.factor(tok.req, o.workBy)
	}
	d := topology.Seconds(w * o.slow / o.speed)
	if o.cold {
		o.cold = false
		d += o.coldStart
	}
	return d
}

// unwanted reports whether t need not be served: its request has ended on
// another branch, or has passed a deadline that drops it. Batches are sifted
// before they come here.
func (r *run) unwanted(t uint32) bool {
	tok := &r.tokens[t]
	if tok.flags&flagLeader != 0 {
		return false
	}
	req := &r.requests[tok.req]
	return req.ended || req.deadlineAt > 0 && r.now > req.deadlineAt && r.pipes[req.pipeline].dropLate
}

// start puts t in service at station s, which has a core for it.
func (r *run) start(s *station, t uint32, tok *token) {
	d := r.due(tok)
	wait := r.now - tok.since
	if tok.flags&flagServed == 0 {
		s.wait.started++
		if wait > 0 {
			s.wait.waited++
		}
		r.traceStarted(t)
	}
	if wait > 0 {
		s.wait.wait += wait
		r.requests[tok.req].wait += wait
	}
	tok.flags |= flagServed | flagRunning
	tok.endAt = r.now + d
	s.free--
	s.use.busy.came(r.now)
	r.serveBegins(t)
	if s.tracked {
		s.running.push(r.runLevel(s, tok), t)
	}
	r.eng.Schedule(tok.endAt, prioDone, des.NewEvent(evDone, tok.gen, t))
	if tok.flags&(flagLeader|flagCredit) == 0 {
		return
	}
	if tok.flags&flagLeader != 0 {
		r.startFollowers(t, wait)
	}
	if r.tokens[t].flags&flagCredit != 0 {
		r.releasePlace(t)
	}
}

// runLevel is the list in which a running token is kept: by priority where
// priority decides who is interrupted.
func (r *run) runLevel(s *station, tok *token) uint8 {
	if s.byLevel {
		return tok.level
	}
	return 0
}

// interrupt takes running token t off its core and keeps what it still needs.
func (r *run) interrupt(s *station, t uint32, why Interrupt) {
	tok := &r.tokens[t]
	tok.remaining = tok.endAt - r.now
	tok.gen++
	tok.flags &^= flagRunning
	tok.since = r.now
	s.free++
	s.use.busy.left(r.now)
	r.serveEnds(t, why)
	r.preempted++
}

// preempt makes room for t by interrupting a running token that ranks below
// it: the lowest priority, latest started (Preemptive), or the longest
// remaining work (SRPT). It reports whether t was started.
func (r *run) preempt(s *station, t uint32) bool {
	tok := &r.tokens[t]
	if s.sized {
		mine := r.due(tok)
		victim, longest := noToken, mine
		q := &s.running.queues[0]
		for i := range q.n {
			x := q.buf[(q.head+i)&(len(q.buf)-1)]
			if left := r.tokens[x].endAt - r.now; left > longest {
				victim, longest = x, left
			}
		}
		if victim == noToken {
			return false
		}
		s.running.remove(0, victim)
		r.interrupt(s, victim, Preempted)
		s.bySize.push(float64(r.tokens[victim].remaining), victim)
		r.start(s, t, tok)
		return true
	}
	if s.running.worst() <= int(tok.level) {
		return false
	}
	victim, level := s.running.popLast()
	r.interrupt(s, victim, Preempted)
	s.waiting.pushFront(uint8(level), victim)
	r.start(s, t, tok)
	return true
}

// serveNext starts the next waiting token if a core is free, and reports
// whether it did. Late ones are dropped on the way.
func (r *run) serveNext(s *station) bool {
	for s.free > 0 && s.down == 0 {
		var t uint32
		switch {
		case s.byLevel:
			var ok bool
			if t, ok = s.waiting.pop(); !ok {
				return false
			}
		case s.sized:
			if len(s.bySize.a) == 0 {
				return false
			}
			t = s.bySize.pop().tok
		default:
			if s.line.n == 0 {
				return false
			}
			t = s.line.pop()
		}
		if r.sifts && r.unwanted(t) {
			s.present--
			s.use.number.left(r.now)
			r.abandon(t, Expired)
			continue
		}
		r.start(s, t, &r.tokens[t])
		return true
	}
	return false
}

// done ends the service of t.
func (r *run) done(t uint32, tok *token) {
	o := &r.ops[tok.op]
	s := o.at
	if s.direct {
		s.present--
		s.use.number.left(r.now)
		r.depart(t, tok, o)
		return
	}
	tok.flags &^= flagRunning
	r.serveEnds(t, Completed)
	if s.tracked {
		s.running.remove(r.runLevel(s, tok), t)
	}
	if o.guarded && !r.claimPlaces(t) {
		tok.flags |= flagHolds // blocked after service: it keeps its core until there is room
		return
	}
	r.leaveStation(s)
	r.depart(t, &r.tokens[t], o) // what started may have moved the tokens
}

// leaveStation frees the core of a token that goes, and serves the next.
func (r *run) leaveStation(s *station) {
	s.present--
	s.free++
	s.use.number.left(r.now)
	s.use.busy.left(r.now)
	r.serveNext(s)
}

// shareJoin adds t to a processor-sharing station.
func (r *run) shareJoin(si int32, t uint32) {
	s := &r.stations[si]
	s.accountShared(r.now)
	r.shareAdvance(s)
	tok := &r.tokens[t]
	if tok.flags&flagServed == 0 {
		s.wait.started++
		tok.flags |= flagServed
		r.traceStarted(t)
	}
	s.bySize.push(s.virtual+float64(r.due(tok)), t)
	if s.down == 0 {
		r.serveBegins(t)
	}
	r.shareArm(si)
	if r.tokens[t].flags&flagLeader != 0 {
		r.startFollowers(t, 0)
	}
	if r.tokens[t].flags&flagCredit != 0 {
		r.releasePlace(t)
	}
}

// shareAdvance brings the virtual service up to now: each of n tokens gets
// min(1, cores/n) of a core.
func (r *run) shareAdvance(s *station) {
	if n := len(s.bySize.a); n == 0 {
		s.virtual = 0
	} else if s.down == 0 {
		s.virtual += float64(float64(r.now-s.virtualAt) * s.shareRate(n))
	}
	s.virtualAt = r.now
}

func (s *station) shareRate(n int) float64 {
	return math.Min(1, float64(s.cores)/float64(n))
}

// shareArm schedules the station's next completion.
func (r *run) shareArm(si int32) {
	s := &r.stations[si]
	s.shareGen++
	n := len(s.bySize.a)
	if n == 0 || s.down > 0 {
		return
	}
	left := math.Max(0, (s.bySize.a[0].key-s.virtual)/s.shareRate(n))
	r.eng.Schedule(r.now+time.Duration(math.Ceil(left-shareSlack)), prioDone, des.NewEvent(evShare, s.shareGen, uint32(si)))
}

// shareSlack absorbs the float error of virtual service, in nanoseconds: a
// mark that is this near counts as reached.
const shareSlack = 1e-3

// shareDone ends the tokens whose mark is reached.
func (r *run) shareDone(si int32) {
	s := &r.stations[si]
	s.accountShared(r.now)
	r.shareAdvance(s)
	slack := shareSlack + s.virtual*1e-12
	for len(s.bySize.a) > 0 && s.bySize.a[0].key <= s.virtual+slack {
		t := s.bySize.pop().tok
		s.present--
		s.use.number.left(r.now)
		r.serveEnds(t, Completed)
		r.ready = append(r.ready, t)
	}
	r.shareArm(si)
	for i := 0; i < len(r.ready); i++ {
		t := r.ready[i]
		tok := &r.tokens[t]
		if o := &r.ops[tok.op]; !o.guarded || r.claimPlaces(t) {
			r.depart(t, tok, o)
		}
	}
	r.ready = r.ready[:0]
}

// nodeDown interrupts a station's work. What it held starts its operator
// again when the node returns, or is lost.
func (r *run) nodeDown(si int32, lose bool) {
	s := &r.stations[si]
	if s.shared {
		s.accountShared(r.now)
		r.shareAdvance(s)
	}
	s.down++
	if s.down > 1 {
		return
	}
	var held []uint32
	if s.shared {
		for len(s.bySize.a) > 0 {
			t := s.bySize.pop().tok
			r.serveEnds(t, Failed)
			held = append(held, t)
		}
		s.shareGen++
	} else {
		for {
			t, _ := s.running.popLast()
			if t == noToken {
				break
			}
			r.interrupt(s, t, Failed)
			held = append(held, t)
		}
	}
	for _, t := range held {
		r.tokens[t].remaining = -1
		if !lose {
			r.requeueFront(s, t)
		}
	}
	if lose {
		held = append(held, s.drain()...)
		for _, t := range held {
			s.present--
			s.use.number.left(r.now)
			r.abandon(t, Lost)
		}
	}
	for i := range r.ops {
		if o := &r.ops[i]; o.station == si {
			o.cold = o.coldStart > 0
		}
	}
}

// requeueFront puts an interrupted token back before those that never started.
func (r *run) requeueFront(s *station, t uint32) {
	switch {
	case s.shared:
		s.bySize.push(0, t) // its mark is set when the node returns
	case s.sized:
		s.bySize.push(float64(r.due(&r.tokens[t])), t)
	case s.byLevel:
		s.waiting.pushFront(r.tokens[t].level, t)
	default:
		s.line.pushFront(t)
	}
}

// drain empties the queues and returns what was in them.
func (s *station) drain() []uint32 {
	var out []uint32
	for len(s.bySize.a) > 0 {
		out = append(out, s.bySize.pop().tok)
	}
	for s.line.n > 0 {
		out = append(out, s.line.pop())
	}
	for {
		t, ok := s.waiting.pop()
		if !ok {
			return out
		}
		out = append(out, t)
	}
}

// nodeUp resumes a station when its last fault is repaired.
func (r *run) nodeUp(si int32) {
	s := &r.stations[si]
	if s.shared {
		s.accountShared(r.now)
	}
	s.down--
	if s.down > 0 {
		return
	}
	if s.shared {
		waiting := s.drain()
		s.virtual, s.virtualAt = 0, r.now
		for _, t := range waiting {
			s.bySize.push(float64(r.due(&r.tokens[t])), t)
			r.serveBegins(t)
		}
		r.shareArm(si)
		return
	}
	for r.serveNext(s) {
	}
}

// levelsOf ranks the priorities of the workload, the highest first.
func levelsOf(w *workloads.Workload) (map[int]uint8, error) {
	seen := map[int]bool{}
	for i := range w.Pipelines {
		seen[w.Pipelines[i].Priority] = true
		for _, c := range w.Pipelines[i].Classes {
			seen[c.Priority] = true
		}
	}
	if len(seen) > maxLevels {
		return nil, fmt.Errorf("sim: %d distinct priorities; at most %d are allowed", len(seen), maxLevels)
	}
	rank := make(map[int]uint8, len(seen))
	for i, p := range slices.SortedFunc(maps.Keys(seen), func(a, b int) int { return b - a }) {
		rank[p] = uint8(i)
	}
	return rank, nil
}
