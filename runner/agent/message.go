package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Outcome says how a request ended.
type Outcome uint8

const (
	Answered Outcome = iota // its last operator finished
	Rejected                // it found a full queue
	Expired                 // its deadline passed and late requests are dropped
	Failed                  // an operator's program did not answer
)

// Outside is the operator that a request comes from before its first one.
const Outside = -1

// A Message is a request on its way from one operator to the next. Instants
// are nanoseconds of Unix time on the clock of whoever wrote them.
type Message struct {
	Request   uint64
	From      int // operator that sent it, or Outside
	Hop       int // operators that it has passed on its way
	Priority  int
	Outcome   Outcome
	CreatedAt int64 // when it was due to appear, whenever it did
	ExpiresAt int64 // 0 is never
	// Work and Output are what was drawn for each operator, by its position;
	// empty when every operator draws by itself.
	Work      []time.Duration
	Output    []int64
	Hops      []Hop
	Crossings []Crossing
	Payload   []byte
}

// A Hop is the visit of a request to an operator.
type Hop struct {
	Operator  int
	Hop       int   // Message.Hop when it came
	JoinedAt  int64 // the queue of the node
	StartedAt int64
	EndedAt   int64
	SentAt    int64 // when there was room at every successor
	CPU       int64 // nanoseconds of processor time, of Burn
}

// A Crossing is the way of a message from one operator to another.
type Crossing struct {
	From, To   int
	Hop        int // Message.Hop of the message
	Bytes      int // of the payload
	ReceivedAt int64
}

// The types of frame. A frame is its length in four bytes, big-endian, then its
// type in one, then its body.
const (
	frameHello    byte = 1 + iota // Hello as JSON; the first frame of a connection
	frameMessage                  // header length in four bytes, header, payload
	frameReceived                 // key: the message lies in the receiver's memory
	frameStarted                  // key: it has left the queue
	frameDone                     // key: it has been passed on; the sender may forget it
	frameAsk                      // gate: id, level, instant, size
	frameGrant                    // gate: id
	frameRelease                  // gate: id
	framePreempt                  // gate: id
)

// Limits of what is read from the network.
const (
	MaxFrame  = 256 << 20
	maxHeader = 1 << 20
	maxList   = 1 << 14 // operators, hops or crossings of one message
)

// readFrame reads one frame. Memory grows with what arrives, not with what the
// length promises.
func readFrame(r io.Reader, buf []byte) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[:4])
	if n < 1 || n > MaxFrame {
		return 0, nil, fmt.Errorf("a frame of %d bytes, allowed: 1 to %d", n, MaxFrame)
	}
	body = buf[:0]
	for left := int(n) - 1; left > 0; {
		step := min(left, 1<<20)
		at := len(body)
		body = slices.Grow(body, step)[:at+step]
		if _, err := io.ReadFull(r, body[at:]); err != nil {
			return 0, nil, fmt.Errorf("in a frame: %w", noEOF(err))
		}
		left -= step
	}
	return head[4], body, nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// frame wraps a body.
func frame(kind byte, body ...[]byte) []byte {
	n := 1
	for _, b := range body {
		n += len(b)
	}
	out := make([]byte, 4, 4+n)
	binary.BigEndian.PutUint32(out, uint32(n))
	out = append(out, kind)
	for _, b := range body {
		out = append(out, b...)
	}
	return out
}

// Number is the number of request i, from 0, of a round: agents that outlive one
// drive are not to take the requests of the next for the same ones again.
func Number(round uint32, i int) uint64 { return uint64(round)<<32 | uint64(uint32(i+1)) }

// Round takes a request's number apart; i is -1 for number 0 of a round.
func (m *Message) Round() (round uint32, i int) {
	return uint32(m.Request >> 32), int(uint32(m.Request)) - 1
}

// A key names a message on its way: equal keys are the same message sent again.
type key struct {
	request uint64
	from    int32
	hop     int32
}

func (m *Message) key() key { return key{m.Request, int32(m.From), int32(m.Hop)} }

func (k key) frame(kind byte) []byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], k.request)
	binary.BigEndian.PutUint32(b[8:], uint32(k.from))
	binary.BigEndian.PutUint32(b[12:], uint32(k.hop))
	return frame(kind, b[:])
}

func decodeKey(b []byte) (key, error) {
	if len(b) != 16 {
		return key{}, fmt.Errorf("a key of %d bytes, allowed: 16", len(b))
	}
	return key{
		binary.BigEndian.Uint64(b), int32(binary.BigEndian.Uint32(b[8:])), int32(binary.BigEndian.Uint32(b[12:])),
	}, nil
}

// encode makes the frame of a message. Instants are written as differences
// from CreatedAt, which keeps the header short.
func (m *Message) encode() []byte {
	h := binary.AppendUvarint(nil, m.Request)
	h = binary.AppendVarint(h, m.CreatedAt)
	for _, x := range []int64{int64(m.From), int64(m.Hop), int64(m.Priority), int64(m.Outcome), since(m.ExpiresAt, m.CreatedAt)} {
		h = binary.AppendVarint(h, x)
	}
	h = binary.AppendUvarint(h, uint64(len(m.Work)))
	for _, w := range m.Work {
		h = binary.AppendVarint(h, int64(w))
	}
	h = binary.AppendUvarint(h, uint64(len(m.Output)))
	for _, o := range m.Output {
		h = binary.AppendVarint(h, o)
	}
	h = binary.AppendUvarint(h, uint64(len(m.Hops)))
	for _, x := range m.Hops {
		for _, v := range []int64{
			int64(x.Operator), int64(x.Hop), since(x.JoinedAt, m.CreatedAt), since(x.StartedAt, m.CreatedAt),
			since(x.EndedAt, m.CreatedAt), since(x.SentAt, m.CreatedAt), x.CPU,
		} {
			h = binary.AppendVarint(h, v)
		}
	}
	h = binary.AppendUvarint(h, uint64(len(m.Crossings)))
	for _, x := range m.Crossings {
		for _, v := range []int64{int64(x.From), int64(x.To), int64(x.Hop), int64(x.Bytes), since(x.ReceivedAt, m.CreatedAt)} {
			h = binary.AppendVarint(h, v)
		}
	}
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(h)))
	return frame(frameMessage, n[:], h, m.Payload)
}

// never stands for the instant 0 in a header.
const never = math.MinInt64

func since(at, from int64) int64 {
	if at == 0 {
		return never
	}
	return at - from
}

// decodeMessage reads the body of a message's frame. The payload is copied.
func decodeMessage(body []byte) (*Message, error) {
	header, payload, err := splitMessage(body)
	if err != nil {
		return nil, err
	}
	d := decoder{b: header}
	m := &Message{Request: d.uvarint(), CreatedAt: d.varint()}
	m.From, m.Hop, m.Priority = d.small(), d.small(), d.small()
	m.Outcome = Outcome(d.small())
	at := func() int64 {
		if v := d.varint(); v != never {
			return m.CreatedAt + v
		}
		return 0
	}
	m.ExpiresAt = at()
	for range d.length() {
		m.Work = append(m.Work, time.Duration(d.varint()))
	}
	for range d.length() {
		m.Output = append(m.Output, d.varint())
	}
	for range d.length() {
		m.Hops = append(m.Hops, Hop{d.small(), d.small(), at(), at(), at(), at(), d.varint()})
	}
	for range d.length() {
		m.Crossings = append(m.Crossings, Crossing{d.small(), d.small(), d.small(), d.small(), at()})
	}
	if d.err == nil && len(d.b) > 0 {
		d.err = fmt.Errorf("%d bytes behind the header", len(d.b))
	}
	if d.err == nil && (m.Outcome > Failed || m.From < Outside || m.Hop < 0) {
		d.err = fmt.Errorf("outcome %d, operator %d, hop %d", m.Outcome, m.From, m.Hop)
	}
	m.Payload = slices.Clone(payload)
	return m, d.err
}

// splitMessage parts the body of a message's frame.
func splitMessage(body []byte) (header, payload []byte, err error) {
	if len(body) < 4 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	n := binary.BigEndian.Uint32(body)
	if n > maxHeader || int(n) > len(body)-4 {
		return nil, nil, fmt.Errorf("a header of %d bytes in a frame of %d", n, len(body))
	}
	return body[4 : 4+n], body[4+n:], nil
}

// A decoder reads variable-length integers until the first fault.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || d.err != nil {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 || d.err != nil {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errors.New("the header ends early")
	}
	d.b = nil
}

// small is an integer of 32 bits.
func (d *decoder) small() int {
	v := d.varint()
	if v < math.MinInt32 || v > math.MaxInt32 {
		d.fail()
		return 0
	}
	return int(v)
}

// length is the number of items of a list, each of at least one byte.
func (d *decoder) length() int {
	n := d.uvarint()
	if n > maxList || n > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(n)
}
