package linkem

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"caravan/topology"
)

// A Trial is what is sent over an emulated link to measure its error.
type Trial struct {
	Pings    int // round trips of 64 bytes and an answer of 8
	Transfer int // bytes sent at once on the warm connection, and an answer of 8
	Repeats  int // transfers
}

// An Accuracy is how exactly a link was emulated. The ideal times are those of
// Shape.Ideal, there and back; what is measured includes the sockets.
type Accuracy struct {
	Shape             Shape
	IdealPing         time.Duration
	PingP50, PingP99  time.Duration
	IdealTransfer     time.Duration
	TransferP50       time.Duration
	Late, LateMax     time.Duration // of the links themselves: mean and worst
	PingsN, TransferN int
}

// PingError and TransferError are relative to the ideal, of the medians.
func (a Accuracy) PingError() float64 { return relative(a.PingP50, a.IdealPing) }

// TransferError is that of the transfer.
func (a Accuracy) TransferError() float64 { return relative(a.TransferP50, a.IdealTransfer) }

func relative(measured, ideal time.Duration) float64 {
	if ideal == 0 {
		return 0
	}
	return float64(measured-ideal) / float64(ideal)
}

// The payload of a ping and of each answer, as in the usual tools.
const (
	pingBytes   = 64
	answerBytes = 8
	headBytes   = 8
)

// Measure emulates a link of shape s in both directions between two sockets of
// this process and says how exactly.
func Measure(ctx context.Context, s Shape, t Trial) (Accuracy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Accuracy{}, err
	}
	echo := ServeEcho(ln)
	defer echo.Close()
	forward, back := NewLink(s, 1), NewLink(s, 2)
	defer forward.Close()
	defer back.Close()
	relay, err := Listen("127.0.0.1:0", To(ln.Addr().String()), []*Link{forward}, []*Link{back})
	if err != nil {
		return Accuracy{}, err
	}
	defer relay.Close()
	conn, err := To(relay.Addr().String())(ctx, nil)
	if err != nil {
		return Accuracy{}, fmt.Errorf("measure link: %w", err)
	}
	a, err := MeasureOver(ctx, conn, s, t)
	if err != nil {
		return Accuracy{}, err
	}
	f, b := forward.Stats(), back.Stats()
	a.Late = (f.Late + b.Late) / time.Duration(max(1, f.Chunks+b.Chunks))
	a.LateMax = max(f.LateMax, b.LateMax)
	return a, nil
}

// MeasureOver sends a trial to an Echo at the other end of a connection, over
// whatever lies on the way, compares with a link of shape s in each direction,
// and closes the connection.
func MeasureOver(ctx context.Context, conn net.Conn, s Shape, t Trial) (Accuracy, error) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	a := Accuracy{
		Shape:         s,
		IdealPing:     s.Ideal(headBytes+pingBytes) + s.Ideal(answerBytes),
		IdealTransfer: s.Ideal(headBytes+t.Transfer) + s.Ideal(answerBytes),
		PingsN:        t.Pings, TransferN: t.Repeats,
	}
	if _, err := exchanges(conn, 1, pingBytes); err != nil { // opens the relay's far side
		return Accuracy{}, errors.Join(ctx.Err(), err)
	}
	pings, err := exchanges(conn, t.Pings, pingBytes)
	if err != nil {
		return Accuracy{}, errors.Join(ctx.Err(), err)
	}
	transfers, err := exchanges(conn, t.Repeats, t.Transfer)
	if err != nil {
		return Accuracy{}, errors.Join(ctx.Err(), err)
	}
	a.PingP50, a.PingP99 = quantile(pings, 0.5), quantile(pings, 0.99)
	a.TransferP50 = quantile(transfers, 0.5)
	return a, nil
}

// exchanges times n requests of so many bytes, one after the other.
func exchanges(conn net.Conn, n, bytes int) ([]float64, error) {
	request := make([]byte, headBytes+bytes)
	binary.BigEndian.PutUint32(request, uint32(bytes))
	answer := make([]byte, answerBytes)
	var seconds []float64
	for range n {
		start := time.Now()
		if _, err := conn.Write(request); err != nil {
			return nil, fmt.Errorf("measure link: %w", err)
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			return nil, fmt.Errorf("measure link: %w", err)
		}
		seconds = append(seconds, time.Since(start).Seconds())
	}
	return seconds, nil
}

// An Echo answers each request of Measure with a few bytes once it has all of
// it.
type Echo struct {
	listener net.Listener
	wg       sync.WaitGroup
}

// ServeEcho answers on a listener, which it then owns.
func ServeEcho(ln net.Listener) *Echo {
	e := &Echo{listener: ln}
	e.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			e.wg.Go(func() { answer(conn) })
		}
	})
	return e
}

// Close stops listening and waits until the clients have gone.
func (e *Echo) Close() error {
	err := e.listener.Close()
	e.wg.Wait()
	return err
}

// answer serves one client until it leaves. A request is its length in four
// bytes, four more, and the payload, which is thrown away.
func answer(conn net.Conn) {
	defer conn.Close()
	head, reply := make([]byte, headBytes), make([]byte, answerBytes)
	for {
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		n := int64(binary.BigEndian.Uint32(head))
		if _, err := io.CopyN(io.Discard, conn, n); err != nil {
			return
		}
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

// quantile is the nearest rank of a share of the seconds, which it sorts.
func quantile(seconds []float64, share float64) time.Duration {
	if len(seconds) == 0 {
		return 0
	}
	slices.Sort(seconds)
	return topology.Seconds(seconds[min(len(seconds)-1, int(share*float64(len(seconds))))])
}
