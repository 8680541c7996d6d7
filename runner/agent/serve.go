package agent

import (
	"sync"
	"sync/atomic"
	"time"
)

// A job is one unit of work: a request, or a batch of them.
type job struct {
	items    []*item
	task     task
	ask      *ask
	revoked  chan struct{}
	joinedAt int64
	begun    bool
	startAt  int64
}

// enqueue lets a job wait for a core of the node.
func (a *Agent) enqueue(items []*item) {
	j := &job{items: items, joinedAt: time.Now().UnixNano(), revoked: make(chan struct{}, 1)}
	m := items[0].m
	j.task.left = a.draws.work(m)
	for _, it := range items {
		j.task.inputs = append(j.task.inputs, it.input(&a.c))
	}
	a.mu.Lock()
	a.asks++
	id := a.asks
	a.mu.Unlock()
	j.ask = &ask{id: id, level: m.Priority, joinedAt: j.joinedAt, size: int64(j.task.left), index: -1}
	a.enter(j)
}

// enter asks for a core.
func (a *Agent) enter(j *job) {
	j.ask.granted = func() { go a.serve(j) }
	if a.c.Work.Kind == Burn || a.c.Work.Kind == Hold {
		j.ask.preempt = func() {
			select {
			case j.revoked <- struct{}{}:
			default:
			}
		}
	}
	a.gate.enter(j.ask)
}

// serve does a job on the core that it was granted, and passes it on.
func (a *Agent) serve(j *job) {
	if !j.begun && !a.begin(j) {
		a.gate.leave(j.ask)
		return
	}
	finished, err := a.does.work(a.ctx, &j.task, j.revoked)
	if a.ctx.Err() != nil {
		return // nothing is acknowledged, so the sender keeps it
	}
	if !finished {
		a.gate.leave(j.ask)
		select { // an order that came after the work had stopped
		case <-j.revoked:
		default:
		}
		a.enter(j)
		return
	}
	endAt := time.Now().UnixNano()
	if err != nil {
		a.log.Error("the work failed", "request", j.items[0].m.Request, "why", err)
		a.stats.trouble.Store(new(err.Error()))
		a.gate.leave(j.ask)
		for _, it := range j.items {
			a.end(it, Failed)
		}
		return
	}
	a.sendOn(j, endAt)
}

// begin starts the service of a job, and reports false when it is late and
// dropped.
func (a *Agent) begin(j *job) bool {
	a.notWaiting(len(j.items))
	if len(j.items) == 1 && a.late(j.items[0]) {
		a.end(j.items[0], Expired)
		return false
	}
	j.begun, j.startAt = true, time.Now().UnixNano()
	for _, it := range j.items {
		for _, in := range it.in {
			in.tell(frameStarted)
		}
	}
	a.mu.Lock()
	cold := a.cold
	a.cold = false
	a.mu.Unlock()
	if cold {
		select {
		case <-time.After(a.c.ColdStart):
		case <-a.ctx.Done():
		}
	}
	return true
}

// sendOn keeps the core until every successor has room, and sends the outputs.
func (a *Agent) sendOn(j *job, endAt int64) {
	type parcel struct {
		m  *Message
		to []*outbox
	}
	parcels := make([]parcel, len(j.items))
	for i, it := range j.items {
		out := *it.m
		to := a.choose(it)
		for _, o := range to {
			o.claim()
		}
		out.Payload = a.output(j, i)
		out.From, out.Hop = a.c.Index, it.m.Hop+1
		parcels[i] = parcel{&out, to}
	}
	sentAt := time.Now().UnixNano() // before another service can start on the core
	a.gate.leave(j.ask)
	for i, p := range parcels {
		it := j.items[i]
		hop := Hop{a.c.Index, it.m.Hop, j.joinedAt, j.startAt, endAt, sentAt, int64(j.task.cpu)}
		p.m.Hops = append(append([]Hop(nil), it.m.Hops...), hop)
		a.stats.served(hop, it, len(p.m.Payload))
		a.remember(p.m)
		if len(p.to) == 0 {
			a.leave(it, p.m)
			continue
		}
		left := atomic.Int32{}
		left.Store(int32(len(p.to)))
		for _, o := range p.to {
			o.put(p.m, func() {
				if left.Add(-1) == 0 {
					it.done()
				}
			})
		}
	}
}

// choose lists the successors that a request goes to. The branch of a routed
// request depends on the request alone, so that sending it again repeats it.
func (a *Agent) choose(it *item) []*outbox {
	if len(a.peers) == 0 || !a.c.Successors[0].Routed {
		return a.peers
	}
	u := a.draws.branch(it.m)
	for i, p := range a.c.Successors {
		if u -= p.Probability; u < 0 {
			return a.peers[i : i+1]
		}
	}
	return nil
}

// output is what the job made of its request number i.
func (a *Agent) output(j *job, i int) []byte {
	if i < len(j.task.output) {
		return j.task.output[i]
	}
	return make([]byte, a.draws.bytes(j.items[i].m))
}

// leave ends a request that has no further operator.
func (a *Agent) leave(it *item, m *Message) {
	m.Payload = nil
	if a.c.Collect {
		a.collector.put(m, it.done)
		return
	}
	it.done()
}

// end ends a request without an answer.
func (a *Agent) end(it *item, why Outcome) {
	a.stats.ended(why)
	m := *it.m
	m.Outcome, m.From, m.Hop, m.Payload = why, a.c.Index, it.m.Hop+1, nil
	for _, in := range it.in {
		in.tell(frameStarted)
	}
	a.leave(it, &m)
}

// done tells the senders that the request is in other hands.
func (it *item) done() {
	for _, in := range it.in {
		in.done.Store(true)
		in.tell(frameDone)
	}
}

// input is what a program gets: the payload, or those of a join in the order
// of the operators, between tabs when messages are lines.
func (it *item) input(c *Config) []byte {
	if len(it.inputs) == 1 {
		for _, b := range it.inputs {
			return b
		}
	}
	var out []byte
	for i, from := 0, Outside; from <= c.Index; from++ {
		b, ok := it.inputs[from]
		if !ok {
			continue
		}
		if i > 0 && c.Work.Framing != "frame" {
			out = append(out, '\t')
		}
		out = append(out, b...)
		i++
	}
	return out
}

// maxLast bounds what last_output keeps.
const maxLast = 1 << 20

func (a *Agent) remember(m *Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = lastOutput{request: m.Request, at: time.Now(), payload: m.Payload[:min(len(m.Payload), maxLast)]}
}

// A farGate asks another agent of the node for cores.
type farGate struct {
	hello Hello

	mu   sync.Mutex
	wire *wire
	open map[uint64]*ask // asked for or granted
	held map[uint64]bool // granted
}

func newFarGate(h Hello) *farGate {
	return &farGate{hello: h, open: map[uint64]*ask{}, held: map[uint64]bool{}}
}

func (g *farGate) enter(a *ask) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open[a.id] = a
	g.say(frameAsk, a)
}

func (g *farGate) leave(a *ask) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, a.id)
	delete(g.held, a.id)
	g.say(frameRelease, a)
}

// say writes to the gate if it is there; a new connection repeats what is open.
func (g *farGate) say(kind byte, a *ask) {
	if g.wire == nil {
		return
	}
	if err := g.wire.write(frame(kind, a.encode())); err != nil {
		g.wire.conn.Close()
	}
}

// serve keeps the gate's side of the conversation until w fails. What was
// granted before stays granted: its holder finishes, and says so to nobody.
func (g *farGate) serve(w *wire) error {
	g.mu.Lock()
	g.wire = w
	for id, a := range g.open {
		if !g.held[id] {
			g.say(frameAsk, a)
		}
	}
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		if g.wire == w {
			g.wire = nil
		}
		g.mu.Unlock()
	}()
	var buf []byte
	for {
		kind, body, err := readFrame(w.in, buf)
		if err != nil {
			return err
		}
		buf = body
		told, err := decodeAsk(body)
		if err != nil {
			return err
		}
		if call := g.told(kind, told.id); call != nil {
			call()
		}
	}
}

// told returns whom to call upon a grant or a preemption.
func (g *farGate) told(kind byte, id uint64) func() {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.open[id]
	switch {
	case a == nil:
		return nil
	case kind == frameGrant && !g.held[id]:
		g.held[id] = true
		return a.granted
	case kind == framePreempt:
		return a.preempt
	}
	return nil
}

// serve lets another agent of the node ask, until its connection fails.
func (g *gate) serve(w *wire) error {
	defer g.forget(w)
	open := map[uint64]*ask{}
	var buf []byte
	for {
		kind, body, err := readFrame(w.in, buf)
		if err != nil {
			return err
		}
		buf = body
		a, err := decodeAsk(body)
		if err != nil {
			return err
		}
		if kind == frameRelease {
			if held := open[a.id]; held != nil {
				delete(open, a.id)
				g.leave(held)
			}
			continue
		}
		a.who, a.index = w, -1
		reply := func(kind byte) func() {
			return func() {
				if err := w.write(frame(kind, a.encode())); err != nil {
					w.conn.Close()
				}
			}
		}
		a.granted, a.preempt = reply(frameGrant), reply(framePreempt)
		open[a.id] = a
		g.enter(a)
	}
}
