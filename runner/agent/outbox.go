package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// A Hello opens a connection: who speaks, to whom, and what about.
type Hello struct {
	Kind string `json:"kind"` // message, subscribe or gate
	Run  string `json:"run"`
	From string `json:"from"`
	To   string `json:"to"`
}

const (
	helloMessage   = "message"
	helloSubscribe = "subscribe"
	helloGate      = "gate"
)

func (h Hello) frame() ([]byte, error) {
	b, err := json.Marshal(h)
	return frame(frameHello, b), err
}

// A wire is one connection, which several goroutines may write frames to.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	mu   sync.Mutex
}

func newWire(c net.Conn) *wire {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetNoDelay(true) // the default; a failure shows at the first write
	}
	return &wire{conn: c, in: bufio.NewReaderSize(c, 64<<10)}
}

func (w *wire) write(b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.conn.Write(b)
	return err
}

// tell sends an acknowledgement. A failure closes the connection, upon which
// the other side sends the message again.
func (w *wire) tell(kind byte, k key) {
	if err := w.write(k.frame(kind)); err != nil {
		w.conn.Close()
	}
}

// An outbox holds messages for one receiver until that has passed them on, and
// sends them again over every new connection. It is safe for concurrent use.
type outbox struct {
	window int // messages that may be under way or queued there; 0 is unbounded

	mu      sync.Mutex
	changed *sync.Cond
	list    []*outgoing // not done, in the order of sending
	byKey   map[key]*outgoing
	next    int // the first of list not yet sent on this connection
	waiting int // under way or queued there
	wire    *wire
	closed  bool
	resent  uint64
	lost    uint64 // connections
}

// An outgoing is a message in an outbox.
type outgoing struct {
	key              key
	frame            []byte
	sent             bool
	received, queued bool
	onReceived       func()
}

func newOutbox(window int) *outbox {
	o := &outbox{window: window, byKey: map[key]*outgoing{}}
	o.changed = sync.NewCond(&o.mu)
	return o
}

// claim waits for room in the receiver's bounded queue, and takes it.
func (o *outbox) claim() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.window > 0 && o.waiting >= o.window && !o.closed {
		o.changed.Wait()
	}
	o.waiting++
}

// put adds a message for which room was claimed. onReceived is called once,
// when the receiver has it.
func (o *outbox) put(m *Message, onReceived func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k := m.key()
	if _, ok := o.byKey[k]; ok || o.closed {
		return
	}
	x := &outgoing{key: k, frame: m.encode(), queued: true, onReceived: onReceived}
	o.byKey[k] = x
	o.list = append(o.list, x)
	o.changed.Broadcast()
}

// length is how many messages are not done.
func (o *outbox) length() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.byKey)
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.wire != nil {
		o.wire.conn.Close()
	}
	o.changed.Broadcast()
}

// serve sends over w until it fails: first everything that is not done, then
// what is put. A newer connection ends it.
func (o *outbox) serve(w *wire) error {
	o.mu.Lock()
	if o.wire != nil {
		o.wire.conn.Close()
	}
	o.wire, o.next = w, 0
	o.mu.Unlock()
	readErr := make(chan error, 1)
	go func() {
		readErr <- o.read(w)
		o.mu.Lock()
		if o.wire == w {
			o.wire = nil
			o.lost++
		}
		o.changed.Broadcast()
		o.mu.Unlock()
	}()
	o.pump(w)
	w.conn.Close()
	return <-readErr
}

// pump writes what is not yet sent on w, until w is no longer the connection.
func (o *outbox) pump(w *wire) {
	for {
		o.mu.Lock()
		for o.wire == w && o.next >= len(o.list) && !o.closed {
			o.changed.Wait()
		}
		if o.wire != w || o.closed {
			o.mu.Unlock()
			return
		}
		x := o.list[o.next]
		o.next++
		if x.sent {
			o.resent++
		}
		x.sent = true
		o.mu.Unlock()
		if err := w.write(x.frame); err != nil {
			return
		}
	}
}

// read takes the receiver's acknowledgements.
func (o *outbox) read(w *wire) error {
	var buf []byte
	for {
		kind, body, err := readFrame(w.in, buf)
		if err != nil {
			return err
		}
		buf = body
		k, err := decodeKey(body)
		if err != nil {
			return err
		}
		if call := o.acknowledged(kind, k); call != nil {
			call()
		}
	}
}

// acknowledged notes what the receiver said about a message.
func (o *outbox) acknowledged(kind byte, k key) (call func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	x, ok := o.byKey[k]
	if !ok {
		return nil
	}
	if !x.received {
		x.received = true
		call = x.onReceived
	}
	if x.queued && kind != frameReceived {
		x.queued = false
		o.waiting--
		o.changed.Broadcast()
	}
	if kind == frameDone {
		delete(o.byKey, k)
		for i, y := range o.list {
			if y == x {
				o.list = append(o.list[:i], o.list[i+1:]...)
				if i < o.next {
					o.next--
				}
				break
			}
		}
	}
	return call
}

// Between two attempts to connect.
const (
	retryFirst = 10 * time.Millisecond
	retryMost  = 500 * time.Millisecond
)

// A Dial connects to a peer, wherever it is at the moment.
type Dial func(ctx context.Context) (net.Conn, error)

// keepConnected connects, greets the peer and lets use have the connection,
// again and again until ctx ends.
func keepConnected(ctx context.Context, dial Dial, h Hello, use func(*wire) error) {
	pause := retryFirst
	for ctx.Err() == nil {
		began := time.Now()
		if w, err := connect(ctx, dial, h); err == nil {
			end := context.AfterFunc(ctx, func() { w.conn.Close() })
			_ = use(w) // whatever ended it, the answer is to connect again
			end()
			w.conn.Close()
		}
		if time.Since(began) > retryMost {
			pause = retryFirst
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, retryMost)
	}
}

// Dial looks the peer up and connects to it. Where a file tells the address,
// the connection closes once it tells another: over a link that is cut, nothing
// else says that the peer has moved.
func (l Lookup) Dial(ctx context.Context) (net.Conn, error) {
	address, err := l.find()
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: 2 * time.Second}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil || l.File == "" {
		return c, err
	}
	f := &following{Conn: c, done: make(chan struct{})}
	go f.follow(l, address)
	return f, nil
}

// A following connection is to an address that a file tells.
type following struct {
	net.Conn
	once sync.Once
	done chan struct{}
}

func (f *following) Close() error {
	f.once.Do(func() { close(f.done) })
	return f.Conn.Close()
}

// follow closes the connection when the file tells another address.
func (f *following) follow(l Lookup, address string) {
	tick := time.NewTicker(retryMost)
	defer tick.Stop()
	for {
		select {
		case <-f.done:
			return
		case <-tick.C:
			if now, err := l.find(); err == nil && now != address {
				f.Close()
				return
			}
		}
	}
}

func connect(ctx context.Context, dial Dial, h Hello) (*wire, error) {
	c, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	w := newWire(c)
	hello, err := h.frame()
	if err == nil {
		err = w.write(hello)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return w, nil
}

// maxAddress bounds a file that holds an address.
const maxAddress = 4096

// find returns the peer's address as it is known now.
func (l Lookup) find() (string, error) {
	if l.File == "" {
		return l.Address, nil
	}
	f, err := os.Open(l.File)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxAddress))
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(data))
	if strings.HasPrefix(text, "{") {
		var at Announced
		if err := json.Unmarshal([]byte(text), &at); err != nil {
			return "", fmt.Errorf("%s: %w", l.File, err)
		}
		text = at.Data
	}
	if text == "" {
		return "", fmt.Errorf("%s: no address in it", l.File)
	}
	return text, nil
}

// Announced is what an agent writes into its Announce file.
type Announced struct {
	Data string `json:"data"`
	HTTP string `json:"http"`
}
