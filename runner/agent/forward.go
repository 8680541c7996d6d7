package agent

import (
	"io"
	"net"
	"sync"
	"time"
)

// Carry takes n bytes over an emulated way and calls then at its end; it does
// not block.
type Carry func(n int, at time.Time, then func(due time.Time))

// Forward relays one connection between agents until either side ends. Each
// message crosses by carry as one unit of its payload's size: the header,
// which is the instrument and not the load, is free, as are greetings and
// acknowledgements, which the model has no notion of.
func Forward(near, far net.Conn, carry Carry) {
	line := newLine(far)
	defer line.close()
	go func() {
		_, _ = io.Copy(near, far) // its end is the end of the connection
		near.Close()
		far.Close()
	}()
	in := newWire(near)
	for {
		kind, body, err := readFrame(in.in, nil)
		if err != nil {
			break
		}
		out := frame(kind, body)
		if kind != frameMessage {
			line.put(out)
			continue
		}
		_, payload, err := splitMessage(body)
		if err != nil {
			break
		}
		carry(len(payload), time.Now(), func(time.Time) { line.put(out) })
	}
	near.Close()
	far.Close()
}

// A line writes frames to a connection from a goroutine of its own.
type line struct {
	mu     sync.Mutex
	more   *sync.Cond
	frames [][]byte
	closed bool
}

func newLine(to net.Conn) *line {
	l := &line{}
	l.more = sync.NewCond(&l.mu)
	go func() {
		for {
			b, ok := l.take()
			if !ok {
				return
			}
			if _, err := to.Write(b); err != nil {
				to.Close()
				return
			}
		}
	}()
	return l
}

func (l *line) put(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames = append(l.frames, b)
	l.more.Signal()
}

func (l *line) take() ([]byte, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.frames) == 0 && !l.closed {
		l.more.Wait()
	}
	if l.closed {
		return nil, false
	}
	b := l.frames[0]
	l.frames = l.frames[1:]
	return b, true
}

func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.more.Broadcast()
}
