package linkem

import (
	"math/rand/v2"
	"sync"
	"time"

	"caravan/runner/exact"
	"caravan/topology"
)

// A Shape is what a link does to what crosses it. The zero Shape does nothing.
type Shape struct {
	Delay     time.Duration           // propagation, one way
	Jitter    time.Duration           // half-width of a uniform variation of Delay
	Bandwidth topology.BytesPerSecond // 0 is infinite
}

// ShapeOf is the shape of a link of a topology. A loss is not emulated.
func ShapeOf(l topology.Link) Shape {
	return Shape{Delay: l.Latency, Jitter: l.Jitter, Bandwidth: l.Bandwidth}
}

// Ideal is how long n bytes that find the link idle take to cross it, without
// jitter: n/Bandwidth + Delay.
func (s Shape) Ideal(n int) time.Duration {
	return topology.SerialisationTime(float64(n), s.Bandwidth) + s.Delay
}

// A Link is one direction between two places, shared by everything that
// crosses it, in the order of arrival. Safe for concurrent use. Close it, for
// it owns a thread: timers of the Go runtime are late by up to a millisecond
// where the system's own are late by tens of microseconds.
type Link struct {
	mu     sync.Mutex
	moved  *sync.Cond // a chunk came, the shape changed, or the link was cut, restored or closed
	shape  Shape
	rng    *rand.Rand
	free   time.Time // when the last accepted byte will have left the sender
	extra  time.Duration
	last   time.Time // the latest due instant; order is kept
	queue  []chunk
	cut    bool
	closed bool
	stats  Stats
	done   chan struct{}
}

// Stats counts what a link has done.
type Stats struct {
	Bytes  int64
	Chunks int64
	// Late is by how much chunks left after the instant at which the shape
	// let them go: the emulation's own error, without that of the sockets.
	Late, LateMax time.Duration // sum, and the worst
}

// A chunk is some bytes of one direction of one connection, or its end.
type chunk struct {
	data []byte
	end  bool // no more bytes will come
	due  time.Time
	pipe *pipe
	hop  int // position in the path of its pipe

	size int             // of a message that Carry announced, which has no data
	then func(time.Time) // what happens to it at the far end
}

// Carry lets a message of n bytes cross the link, whole, behind what is there
// already: then is called at the far end with the instant at which it was due.
// It must not block. What is on the link when it closes is dropped.
func (l *Link) Carry(n int, now time.Time, then func(due time.Time)) {
	l.offer(chunk{size: n, then: then}, now)
}

// NewLink starts a link; its jitter is drawn from the seed.
func NewLink(s Shape, seed uint64) *Link {
	l := &Link{shape: s, rng: rand.New(rand.NewPCG(seed, 0x6c696e6b)), done: make(chan struct{})}
	l.moved = sync.NewCond(&l.mu)
	go l.carry()
	return l
}

// Shape is what the link does now.
func (l *Link) Shape() Shape {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shape
}

// Set changes the shape for what arrives from here on.
func (l *Link) Set(s Shape) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shape = s
}

// Cut stops the link: what is on it and what arrives waits, as it does on TCP
// over a network that is down, until Restore.
func (l *Link) Cut() { l.setCut(true) }

// Restore ends a Cut.
func (l *Link) Restore() { l.setCut(false) }

func (l *Link) setCut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	l.moved.Broadcast()
}

// Stats is what the link has done so far.
func (l *Link) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// Close ends the link and drops what is on it. Twice is safe.
func (l *Link) Close() {
	l.mu.Lock()
	l.closed = true
	l.moved.Broadcast()
	l.mu.Unlock()
	<-l.done
}

// offer puts c at the end of the link's queue and reckons when it is due.
func (l *Link) offer(c chunk, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	idle := !l.free.After(now)
	if idle {
		l.free = now
	}
	// The chunks of one burst share a draw: in order as they are, they would
	// otherwise all wait for the unluckiest.
	if idle && l.shape.Jitter > 0 {
		l.extra = time.Duration((2*l.rng.Float64() - 1) * float64(l.shape.Jitter))
	}
	l.free = l.free.Add(topology.SerialisationTime(float64(len(c.data)+c.size), l.shape.Bandwidth))
	c.due = l.free.Add(l.shape.Delay)
	if l.shape.Jitter > 0 {
		c.due = c.due.Add(l.extra)
	}
	if c.due.Before(l.last) {
		c.due = l.last
	}
	l.last = c.due
	l.queue = append(l.queue, c)
	l.moved.Broadcast()
}

// carry hands over each chunk at its instant.
func (l *Link) carry() {
	defer close(l.done)
	defer exact.Thread()()
	for {
		c, ok := l.next()
		if !ok {
			return
		}
		if wait := time.Until(c.due); wait > 0 {
			exact.Sleep(min(wait, patience))
			continue
		}
		l.release(c)
	}
}

// patience is how long a link sleeps at most before it looks whether it was
// closed or cut.
const patience = 20 * time.Millisecond

// next waits for the head of the queue, which stays there.
func (l *Link) next() (chunk, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && (l.cut || len(l.queue) == 0) {
		l.moved.Wait()
	}
	if l.closed {
		return chunk{}, false
	}
	return l.queue[0], true
}

// release takes the head off the queue and passes it on, unless the link was
// cut meanwhile.
func (l *Link) release(c chunk) {
	now := time.Now()
	l.mu.Lock()
	if l.cut || l.closed {
		l.mu.Unlock()
		return
	}
	l.queue[0] = chunk{}
	l.queue = l.queue[1:]
	late := now.Sub(c.due)
	l.stats.Bytes += int64(len(c.data) + c.size)
	l.stats.Chunks++
	l.stats.Late += late
	l.stats.LateMax = max(l.stats.LateMax, late)
	l.mu.Unlock()
	// The next link counts from the due instant: lateness does not add up.
	if c.then != nil {
		c.then(c.due)
		return
	}
	c.pipe.advance(c, c.due)
}
