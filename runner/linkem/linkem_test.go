package linkem_test

import (
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/runner/linkem"
	"caravan/topology"
)

const mbit = topology.BytesPerSecond(1e6 / 8)

// link is a link that the test closes.
func link(t testing.TB, s linkem.Shape) *linkem.Link {
	t.Helper()
	l := linkem.NewLink(s, 1)
	t.Cleanup(l.Close)
	return l
}

// server accepts connections and hands them over.
func server(t testing.TB) (string, <-chan net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ln.Close()) })
	conns := make(chan net.Conn, 8)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	}()
	return ln.Addr().String(), conns
}

// joined is a client and a server with a relay between them.
func joined(t testing.TB, forward, back []*linkem.Link) (client, far *net.TCPConn) {
	t.Helper()
	address, conns := server(t)
	r, err := linkem.Listen("127.0.0.1:0", linkem.To(address), forward, back)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	c, err := net.Dial("tcp", r.Addr().String())
	require.NoError(t, err)
	s := <-conns
	t.Cleanup(func() { c.Close(); s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

func TestEveryByteCrossesInOrderAndSoDoesTheEnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		shape := linkem.Shape{
			Delay:     time.Duration(rapid.IntRange(0, 3000).Draw(rt, "delay")) * time.Microsecond,
			Bandwidth: topology.BytesPerSecond(rapid.SampledFrom([]float64{0, 20e6, 1e9}).Draw(rt, "bandwidth")),
		}
		shape.Jitter = shape.Delay / 2
		l := linkem.NewLink(shape, 7)
		defer l.Close()
		back := linkem.NewLink(linkem.Shape{}, 8)
		defer back.Close()
		client, far := joined(t, []*linkem.Link{l, l}, []*linkem.Link{back})
		data := make([]byte, rapid.IntRange(0, 300_000).Draw(rt, "bytes"))
		rng := rand.NewChaCha8([32]byte{1})
		rng.Read(data)
		go func() {
			client.Write(data)
			client.CloseWrite()
		}()
		got, err := io.ReadAll(far)
		require.NoError(t, err)
		require.Equal(t, sha256.Sum256(data), sha256.Sum256(got))
		// The other direction is still open.
		_, err = far.Write([]byte("thanks"))
		require.NoError(t, err)
		require.NoError(t, far.CloseWrite())
		got, err = io.ReadAll(client)
		require.NoError(t, err)
		require.Equal(t, "thanks", string(got))
	})
}

func TestNothingArrivesBeforeTheModelSaysSo(t *testing.T) {
	s := linkem.Shape{Delay: 5 * time.Millisecond, Bandwidth: 80 * mbit}
	a, err := linkem.Measure(t.Context(), s, linkem.Trial{Pings: 10, Transfer: 100_000, Repeats: 2})
	require.NoError(t, err)
	assert.Equal(t, 10*time.Millisecond+8*time.Microsecond, a.IdealPing.Round(time.Microsecond), "80 bytes at 10 MB/s and two delays")
	assert.GreaterOrEqual(t, a.PingP50, a.IdealPing)
	assert.GreaterOrEqual(t, a.TransferP50, a.IdealTransfer)
	assert.GreaterOrEqual(t, a.PingP99, a.PingP50)
	assert.Positive(t, a.LateMax)
}

func TestConnectionsShareTheBandwidthOfALink(t *testing.T) {
	l := link(t, linkem.Shape{Bandwidth: 80 * mbit})
	address, conns := server(t)
	const each = 200_000
	start := time.Now()
	for range 2 {
		r, err := linkem.Listen("127.0.0.1:0", linkem.To(address), []*linkem.Link{l}, nil)
		require.NoError(t, err)
		defer r.Close()
		c, err := net.Dial("tcp", r.Addr().String())
		require.NoError(t, err)
		defer c.Close()
		go c.Write(make([]byte, each))
	}
	for range 2 {
		far := <-conns
		defer far.Close()
		_, err := io.CopyN(io.Discard, far, each)
		require.NoError(t, err)
	}
	assert.GreaterOrEqual(t, time.Since(start), 40*time.Millisecond, "400 kB at 10 MB/s, whichever connection carries them")
	assert.EqualValues(t, 2*each, l.Stats().Bytes)
}

func TestACutLinkHoldsWhatIsOnItUntilItIsRestored(t *testing.T) {
	l := link(t, linkem.Shape{})
	client, far := joined(t, []*linkem.Link{l}, nil)
	l.Cut()
	_, err := client.Write([]byte("held"))
	require.NoError(t, err)
	require.NoError(t, far.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = far.Read(make([]byte, 8))
	require.ErrorContains(t, err, "timeout")
	l.Restore()
	require.NoError(t, far.SetReadDeadline(time.Time{}))
	got := make([]byte, 4)
	_, err = io.ReadFull(far, got)
	require.NoError(t, err)
	assert.Equal(t, "held", string(got))
}

func TestASlowServerHoldsUpItsClientAloneAndNotTheLink(t *testing.T) {
	l := link(t, linkem.Shape{})
	deaf, _ := joined(t, []*linkem.Link{l}, nil)
	go deaf.Write(make([]byte, 64<<20)) // nobody reads; ends with the test
	client, far := joined(t, []*linkem.Link{l}, nil)
	_, err := client.Write([]byte("through"))
	require.NoError(t, err)
	got := make([]byte, 7)
	_, err = io.ReadFull(far, got)
	require.NoError(t, err)
	assert.Equal(t, "through", string(got))
}

func TestAnUnreachableTargetClosesTheConnection(t *testing.T) {
	refuse := func(context.Context, net.Conn) (net.Conn, error) { return nil, io.ErrUnexpectedEOF }
	r, err := linkem.Listen("127.0.0.1:0", refuse, nil, nil)
	require.NoError(t, err)
	c, err := net.Dial("tcp", r.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, r.Close())
	require.NoError(t, r.Close(), "twice is safe")
}

func TestClosingARelayEndsItsConnections(t *testing.T) {
	l := link(t, linkem.Shape{Delay: time.Hour})
	address, conns := server(t)
	r, err := linkem.Listen("127.0.0.1:0", linkem.To(address), []*linkem.Link{l}, []*linkem.Link{l})
	require.NoError(t, err)
	c, err := net.Dial("tcp", r.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte("on its way for an hour"))
	require.NoError(t, err)
	far := <-conns
	defer far.Close()
	require.NoError(t, r.Close())
	got, _ := io.ReadAll(far) // which returns, by an end or by a reset
	assert.Empty(t, got)
}

func TestShapeOfATopologysLink(t *testing.T) {
	s := linkem.ShapeOf(topology.Link{Latency: time.Second, Jitter: time.Millisecond, Bandwidth: 5})
	assert.Equal(t, linkem.Shape{Delay: time.Second, Jitter: time.Millisecond, Bandwidth: 5}, s)
	assert.Equal(t, 3*time.Second, s.Ideal(10))
}
