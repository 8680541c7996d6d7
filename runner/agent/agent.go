package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// An Agent runs one operator.
type Agent struct {
	c    Config
	log  *slog.Logger
	ctx  context.Context
	gate coreGate
	own  *gate // what other agents of the node ask, and this one unless c.Gate names another
	does worker

	peers     []*outbox // one a successor
	collector *outbox
	stats     *stats
	draws     *draws

	mu      sync.Mutex
	seen    map[key]*inbound
	order   []key // of seen, oldest first
	joins   map[uint64]*item
	batch   []*item
	batchNo int
	waiting int // items that have not started
	last    lastOutput
	cold    bool
	asks    uint64
	running sync.WaitGroup
}

// coreGate gives out the cores of the agent's node.
type coreGate interface {
	enter(*ask)
	leave(*ask)
}

// An inbound is a message received, to be acknowledged once it is passed on.
type inbound struct {
	key  key
	wire atomic.Pointer[wire]
	done atomic.Bool
}

// tell acknowledges the message to whoever sent it last.
func (in *inbound) tell(kind byte) {
	if w := in.wire.Load(); w != nil {
		w.tell(kind, in.key)
	}
}

// An item is a request at this operator: one message, or those of a join.
type item struct {
	in     []*inbound
	inputs map[int][]byte // payloads by predecessor
	m      *Message
}

// lastOutput is what the operator made last.
type lastOutput struct {
	request uint64
	at      time.Time
	payload []byte
}

// Run runs an agent until ctx ends.
func Run(ctx context.Context, c Config, log *slog.Logger) error {
	if err := c.Check(); err != nil {
		return err
	}
	data, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	defer data.Close()
	api, err := net.Listen("tcp", c.HTTP)
	if err != nil {
		return err
	}
	defer api.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	a := newAgent(ctx, c, log)
	defer a.close()
	server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(api) }()
	go func() { failed <- a.accept(data) }()
	defer server.Close()
	if err := a.announce(data, api); err != nil {
		return err
	}
	log.Info("listening", "data", data.Addr().String(), "http", api.Addr().String())
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

func newAgent(ctx context.Context, c Config, log *slog.Logger) *Agent {
	a := &Agent{
		c: c, log: log, ctx: ctx, own: newGate(c.Cores, c.Discipline), does: newWorker(c.Work),
		seen: map[key]*inbound{}, joins: map[uint64]*item{}, collector: newOutbox(0), cold: c.ColdStart > 0,
		draws: newDraws(&c),
	}
	a.gate = a.own
	if c.Gate != nil {
		g := newFarGate(Hello{Kind: helloGate, Run: c.Run, From: c.Name})
		a.gate = g
		a.keep(*c.Gate, g.hello, g.serve)
	}
	for _, p := range c.Successors {
		o := newOutbox(p.Window)
		a.peers = append(a.peers, o)
		a.keep(p.Lookup, Hello{Kind: helloMessage, Run: c.Run, From: c.Name, To: p.Name}, o.serve)
	}
	a.stats = newStats(a)
	if c.Source != nil {
		a.running.Add(1)
		go func() {
			defer a.running.Done()
			a.generate()
		}()
	}
	return a
}

// keep holds a connection until the agent ends.
func (a *Agent) keep(l Lookup, h Hello, use func(*wire) error) {
	a.running.Add(1)
	go func() {
		defer a.running.Done()
		keepConnected(a.ctx, l.Dial, h, use)
	}()
}

func (a *Agent) close() {
	for _, o := range append(a.peers, a.collector) {
		o.close()
	}
	a.does.close()
}

// announce writes where the agent listens, whole or not at all.
func (a *Agent) announce(data, api net.Listener) error {
	if a.c.Announce == "" {
		return nil
	}
	b, err := json.Marshal(Announced{Data: data.Addr().String(), HTTP: api.Addr().String()})
	if err != nil {
		return err
	}
	return WriteFile(a.c.Announce, b)
}

// WriteFile writes a file by way of a temporary one beside it, so that readers
// see the whole of it or nothing.
func WriteFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// accept serves connections until the listener closes.
func (a *Agent) accept(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			end := context.AfterFunc(a.ctx, func() { c.Close() })
			defer end()
			defer c.Close()
			if err := a.converse(newWire(c)); err != nil && a.ctx.Err() == nil {
				a.log.Debug("connection ended", "from", c.RemoteAddr().String(), "why", err)
			}
		}()
	}
}

// converse reads the greeting of a connection and serves it as what it is.
func (a *Agent) converse(w *wire) error {
	_ = w.conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // a failure shows in the read
	kind, body, err := readFrame(w.in, nil)
	if err != nil {
		return err
	}
	if kind != frameHello || len(body) > maxAddress {
		return fmt.Errorf("a connection that begins with frame type %d", kind)
	}
	var h Hello
	if err := json.Unmarshal(body, &h); err != nil {
		return err
	}
	if h.Run != a.c.Run || h.To != "" && h.To != a.c.Name {
		return fmt.Errorf("run %q, agent %q, and this is %q, %q", h.Run, h.To, a.c.Run, a.c.Name)
	}
	if err := w.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	switch h.Kind {
	case helloMessage:
		return a.receiveFrom(w)
	case helloSubscribe:
		return a.collector.serve(w)
	case helloGate:
		return a.own.serve(w)
	}
	return fmt.Errorf("a connection for %q", h.Kind)
}

// receiveFrom takes messages from one sender.
func (a *Agent) receiveFrom(w *wire) error {
	var buf []byte
	for {
		kind, body, err := readFrame(w.in, buf)
		if err != nil {
			return err
		}
		at := time.Now().UnixNano()
		buf = body
		if kind != frameMessage {
			return fmt.Errorf("frame type %d from a sender", kind)
		}
		m, err := decodeMessage(body)
		if err != nil {
			return err
		}
		if len(buf) > 1<<20 {
			buf = nil
		}
		a.receive(w, m, at)
	}
}

// remembered is how many messages duplicates are recognised among.
const remembered = 1 << 17

// receive takes one message in, unless it has come before.
func (a *Agent) receive(w *wire, m *Message, at int64) {
	k := m.key()
	a.mu.Lock()
	in, again := a.seen[k]
	if !again {
		in = &inbound{key: k}
		a.seen[k] = in
		a.order = append(a.order, k)
		if len(a.order) > remembered {
			delete(a.seen, a.order[0])
			a.order = a.order[1:]
		}
	}
	in.wire.Store(w)
	a.mu.Unlock()
	if again {
		a.stats.duplicates.Add(1)
		if in.done.Load() {
			in.tell(frameDone)
			return
		}
	}
	in.tell(frameReceived)
	if !again {
		a.arrive(in, m, at)
	}
}

// arrive brings a new message to its join, its batch, and the queue.
func (a *Agent) arrive(in *inbound, m *Message, at int64) {
	if m.From != Outside {
		m.Crossings = append(m.Crossings, Crossing{From: m.From, To: a.c.Index, Hop: m.Hop, Bytes: len(m.Payload), ReceivedAt: at})
		a.stats.crossed(m, at)
	}
	it := a.join(in, m)
	if it == nil {
		return
	}
	a.mu.Lock()
	full := m.From == Outside && a.c.Queue > 0 && a.waiting >= a.c.Queue
	if !full {
		a.waiting++
	}
	a.mu.Unlock()
	if full {
		a.end(it, Rejected)
		return
	}
	if a.c.Batch > 1 {
		a.gather(it)
		return
	}
	a.enqueue([]*item{it})
}

// join merges the messages of a request, and returns it once all are there.
func (a *Agent) join(in *inbound, m *Message) *item {
	if a.c.Predecessors <= 1 {
		return &item{in: []*inbound{in}, inputs: map[int][]byte{m.From: m.Payload}, m: m}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	it := a.joins[m.Request]
	if it == nil {
		it = &item{m: m, inputs: map[int][]byte{}}
		a.joins[m.Request] = it
	} else {
		it.m.merge(m)
	}
	it.in = append(it.in, in)
	it.inputs[m.From] = m.Payload
	if len(it.in) < a.c.Predecessors {
		return nil
	}
	delete(a.joins, m.Request)
	return it
}

// merge adds what another branch of the same request has seen.
func (m *Message) merge(other *Message) {
	m.Hop = max(m.Hop, other.Hop)
	for _, h := range other.Hops {
		if !hasHop(m.Hops, h) {
			m.Hops = append(m.Hops, h)
		}
	}
	for _, c := range other.Crossings {
		if !hasCrossing(m.Crossings, c) {
			m.Crossings = append(m.Crossings, c)
		}
	}
}

func hasHop(list []Hop, h Hop) bool {
	for _, x := range list {
		if x.Operator == h.Operator && x.Hop == h.Hop {
			return true
		}
	}
	return false
}

func hasCrossing(list []Crossing, c Crossing) bool {
	for _, x := range list {
		if x.From == c.From && x.To == c.To && x.Hop == c.Hop {
			return true
		}
	}
	return false
}

// gather adds a request to the batch, and sends the batch on when it is full
// or has waited long enough.
func (a *Agent) gather(it *item) {
	a.mu.Lock()
	a.batch = append(a.batch, it)
	no := a.batchNo
	if len(a.batch) == 1 && a.c.BatchWait > 0 {
		time.AfterFunc(a.c.BatchWait, func() { a.dispatch(no) })
	}
	full := len(a.batch) >= a.c.Batch
	a.mu.Unlock()
	if full {
		a.dispatch(no)
	}
}

// dispatch enqueues batch number no, if it has not gone yet.
func (a *Agent) dispatch(no int) {
	a.mu.Lock()
	if a.batchNo != no {
		a.mu.Unlock()
		return
	}
	batch := a.batch
	a.batch, a.batchNo = nil, no+1
	a.mu.Unlock()
	var kept []*item
	for _, it := range batch {
		if a.late(it) {
			a.notWaiting(1)
			a.end(it, Expired)
		} else {
			kept = append(kept, it)
		}
	}
	if len(kept) > 0 {
		a.enqueue(kept)
	}
}

// late reports whether a request is past its deadline and to be dropped.
func (a *Agent) late(it *item) bool {
	return a.c.DropLate && it.m.ExpiresAt > 0 && time.Now().UnixNano() > it.m.ExpiresAt
}

func (a *Agent) notWaiting(n int) {
	a.mu.Lock()
	a.waiting -= n
	a.mu.Unlock()
}
