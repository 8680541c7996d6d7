//go:build linux

package clusters

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"

	"caravan/runner/linkem"
)

// shapeDevice makes the kernel do to what leaves by a namespace's device what
// s says: netem delays, where the kernel has it, and the token bucket paces.
func shapeDevice(ns string, s linkem.Shape) error {
	for _, args := range queues(s) {
		if err := command("tc", append([]string{"-n", ns, "qdisc", "add", "dev", "eth0"}, args...)...); err != nil {
			return err
		}
	}
	return nil
}

// leastBurst is the token bucket's: one packet and its header. A larger burst
// lets the beginning of every message through unpaced.
const leastBurst = 1600

// queues are the kernel's queues for s: delay outermost, so that a packet is
// paced before it is delayed, as on a link.
func queues(s linkem.Shape) [][]string {
	var list [][]string
	parent := []string{"root"}
	if s.Delay > 0 {
		list = append(list, []string{
			"root", "handle", "1:", "netem",
			"delay", fmt.Sprintf("%dus", s.Delay.Microseconds()), fmt.Sprintf("%dus", s.Jitter.Microseconds()), "limit", "100000",
		})
		parent = []string{"parent", "1:1"}
	}
	if s.Bandwidth > 0 {
		burst := max(leastBurst, int(math.Ceil(float64(s.Bandwidth)*0.001))) // the kernel's timer ticks every millisecond
		list = append(list, append(parent,
			"tbf", "rate", fmt.Sprintf("%.0fbit", float64(s.Bandwidth)*8), "burst", fmt.Sprint(burst), "latency", "10s"))
	}
	return list
}

// ErrNoNetem is the error of a delay on a kernel without netem.
var ErrNoNetem = errors.New("this kernel has no netem, so it delays nothing")

// MeasureRelay measures the error of the relays between two namespaces.
func MeasureRelay(ctx context.Context, name string, s linkem.Shape, t linkem.Trial) (linkem.Accuracy, error) {
	return measure(ctx, name, s, t, 0, func(c *Cluster) error {
		if err := c.emulate(); err != nil {
			return err
		}
		_, err := SetWays(ctx, name, []Way{
			{From: "a", To: "b", Links: []linkem.Shape{s}}, {From: "b", To: "a", Links: []linkem.Shape{s}},
		})
		return err
	})
}

// MeasureKernel measures the error of the kernel's queues between two
// namespaces. Without netem the error of a delay is ErrNoNetem.
func MeasureKernel(ctx context.Context, name string, s linkem.Shape, t linkem.Trial) (linkem.Accuracy, error) {
	return measure(ctx, name, s, t, mark, func(c *Cluster) error {
		if s.Delay > 0 && shapeDevice(c.hosts[0].ns, linkem.Shape{Delay: 1e6}) != nil {
			return ErrNoNetem
		}
		return errors.Join(shapeDevice(c.hosts[1].ns, s), shapeDevice(c.hosts[2].ns, s))
	})
}

// measure makes two namespaces, lets prepare emulate a link between them, and
// sends the trial over it.
func measure(ctx context.Context, name string, s linkem.Shape, t linkem.Trial, tag int, prepare func(*Cluster) error) (a linkem.Accuracy, err error) {
	c, err := create(ctx, Spec{Name: name, Nodes: []Node{{Name: "a"}, {Name: "b"}}})
	if err != nil {
		return a, err
	}
	defer func() {
		_, closing := c.Close()
		err = errors.Join(err, closing)
	}()
	if err := prepare(c); err != nil {
		return a, err
	}
	from, to := &c.hosts[1], &c.hosts[2]
	at := netip.AddrPortFrom(to.address, 4000)
	ln, err := listenIn(to.ns, at.String())
	if err != nil {
		return a, err
	}
	echo := linkem.ServeEcho(ln)
	conn, err := dialIn(ctx, from.ns, at, tag)
	if err != nil {
		return a, errors.Join(err, echo.Close())
	}
	a, err = linkem.MeasureOver(ctx, conn, s, t)
	return a, errors.Join(err, echo.Close())
}
