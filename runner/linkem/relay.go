package linkem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"caravan/topology"
)

// Dial opens the far side of a connection that a relay accepted.
type Dial func(ctx context.Context, accepted net.Conn) (net.Conn, error)

// To dials one fixed TCP address.
func To(address string) Dial {
	return func(ctx context.Context, _ net.Conn) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}
}

// A Way is where a connection leads and over which links: what the client says
// crosses those of Forward in their order, what the server answers those of
// Back. Links may be shared; a relay does not close them.
type Way struct {
	Dial          Dial
	Forward, Back []*Link
}

// A Relay carries the connections of a listener along their ways. A connection
// that cannot be dialled is closed.
type Relay struct {
	way      func(accepted net.Conn) (Way, error)
	listener net.Listener
	ctx      context.Context
	stop     context.CancelFunc
	wg       sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool
}

// Listen starts a relay at a TCP address, as net.Listen takes it, whose
// connections all go the same way.
func Listen(address string, dial Dial, forward, back []*Link) (*Relay, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	way := Way{Dial: dial, Forward: forward, Back: back}
	return Serve(ln, func(net.Conn) (Way, error) { return way, nil }), nil
}

// Serve starts a relay on a listener, which it then owns; way is asked for
// every connection, and a connection without one is closed.
func Serve(ln net.Listener, way func(accepted net.Conn) (Way, error)) *Relay {
	ctx, stop := context.WithCancel(context.Background())
	r := &Relay{way: way, listener: ln, ctx: ctx, stop: stop, conns: map[net.Conn]bool{}}
	r.wg.Go(r.accept)
	return r
}

// Addr is where the relay listens.
func (r *Relay) Addr() net.Addr { return r.listener.Addr() }

// Close stops listening and resets every connection. Twice is safe.
func (r *Relay) Close() error {
	r.stop()
	err := r.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	r.mu.Lock()
	for c := range r.conns {
		_ = c.Close() // only what is already broken reports a fault
	}
	r.mu.Unlock()
	r.wg.Wait()
	return err
}

func (r *Relay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			if r.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // a client that gave up, or no descriptor left for this one
		}
		if !r.keep(near) {
			return
		}
		r.wg.Go(func() { r.join(near) })
	}
}

// join dials the far side and runs both directions until both have ended or
// one has broken.
func (r *Relay) join(near net.Conn) {
	defer r.drop(near)
	way, err := r.way(near)
	if err != nil {
		return
	}
	far, err := way.Dial(r.ctx, near)
	if err != nil || !r.keep(far) {
		return
	}
	defer r.drop(far)
	var wg sync.WaitGroup
	for _, p := range []*pipe{newPipe(near, far, way.Forward), newPipe(far, near, way.Back)} {
		broken := context.AfterFunc(r.ctx, p.abandon)
		defer broken()
		wg.Go(p.read)
		wg.Go(p.write)
	}
	wg.Wait()
}

// keep remembers c for Close; it refuses, and closes c, after Close.
func (r *Relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		_ = c.Close() // nothing was exchanged
		return false
	}
	r.conns[c] = true
	return true
}

func (r *Relay) drop(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	_ = c.Close() // both directions have ended; there is no one to tell
}

// A pipe is one direction of one connection. Its reader may be ahead of its
// writer by what is on the links and by backlog; beyond that the sender waits,
// as it does for a full socket.
type pipe struct {
	src, dst net.Conn
	path     []*Link

	mu     sync.Mutex
	moved  *sync.Cond
	ready  []chunk // crossed every link
	flying int     // bytes read and not written
	limit  int
	broken bool
}

// backlog is how far a sender may run ahead of its links, beyond what is in
// flight on them.
const backlog = topology.MiB

func newPipe(src, dst net.Conn, path []*Link) *pipe {
	p := &pipe{src: src, dst: dst, path: path, limit: int(backlog)}
	p.moved = sync.NewCond(&p.mu)
	for _, l := range path {
		s := l.Shape()
		p.limit += int(min(s.Delay.Seconds()*float64(s.Bandwidth), float64(64*topology.MiB)))
	}
	return p
}

// abandon breaks the pipe and both its connections.
func (p *pipe) abandon() {
	p.mu.Lock()
	p.broken = true
	p.mu.Unlock()
	p.moved.Broadcast()
	_ = p.src.Close() // what is broken has no better news
	_ = p.dst.Close()
}

// chunkSize is 2 ms of the slowest link, within bounds: small enough that
// connections share a link evenly, large enough to be cheap.
func (p *pipe) chunkSize() int {
	size := 64 * float64(topology.KiB)
	for _, l := range p.path {
		if b := l.Shape().Bandwidth; b > 0 {
			size = min(size, max(float64(b)*0.002, 1460))
		}
	}
	return int(size)
}

// read takes bytes from the source onto the first link, until they end.
func (p *pipe) read() {
	for {
		buf := make([]byte, p.chunkSize())
		n, err := p.src.Read(buf)
		now := time.Now()
		if n > 0 {
			p.advance(chunk{data: buf[:n], pipe: p, hop: -1}, now)
			if !p.room(n) {
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			p.advance(chunk{end: true, pipe: p, hop: -1}, now)
			return
		case err != nil:
			p.abandon()
			return
		}
	}
}

// room counts n bytes more in flight and waits until they are within the
// limit; false when the pipe is broken.
func (p *pipe) room(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying += n
	for p.flying > p.limit && !p.broken {
		p.moved.Wait()
	}
	return !p.broken
}

// advance moves c onto its next link, or to the writer after the last.
func (p *pipe) advance(c chunk, now time.Time) {
	c.hop++
	if c.hop < len(p.path) {
		p.path[c.hop].offer(c, now)
		return
	}
	p.mu.Lock()
	p.ready = append(p.ready, c)
	p.mu.Unlock()
	p.moved.Broadcast()
}

// write hands what has crossed to the destination, and its end as an end.
func (p *pipe) write() {
	for {
		c, ok := p.take()
		if !ok {
			return
		}
		if c.end {
			if half, ok := p.dst.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
				p.abandon()
			}
			return
		}
		if _, err := p.dst.Write(c.data); err != nil {
			p.abandon()
			return
		}
	}
}

// take waits for the next chunk that crossed; false when the pipe is broken.
func (p *pipe) take() (chunk, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.ready) == 0 && !p.broken {
		p.moved.Wait()
	}
	if p.broken {
		return chunk{}, false
	}
	c := p.ready[0]
	p.ready = p.ready[1:]
	p.flying -= len(c.data)
	p.moved.Broadcast()
	return c, true
}
