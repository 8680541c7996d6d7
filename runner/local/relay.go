package local

import (
	"context"
	"hash/fnv"
	"net"
	"reflect"
	"sync"
	"time"

	"caravan/runner"
	"caravan/runner/agent"
	"caravan/runner/linkem"
	"caravan/topology"
)

// A relay carries the messages of one agent to another over emulated links,
// each message whole from link to link, as the model stores and forwards.
type relay struct {
	hops []topology.Link
	path []*linkem.Link
	to   agent.Lookup

	listener net.Listener
	stop     context.CancelFunc
	wait     sync.WaitGroup
}

// connect makes the links and relays of the plan, and ends those that are
// otherwise now.
func (b *Backend) connect(h *hosting, p *runner.Plan) error {
	wanted := map[string]bool{}
	for _, from := range p.Agents {
		for _, s := range from.Config.Successors {
			to, ok := p.Agent(s.Name)
			route, emulated := p.RouteBetween(from.Node, to.Node)
			if !ok || !emulated || len(route.Hops) == 0 {
				continue
			}
			name := pair(from.Name, to.Name)
			wanted[name] = true
			if old := h.relays[name]; old != nil {
				if reflect.DeepEqual(old.hops, route.Hops) {
					continue
				}
				old.close()
			}
			r, err := b.relay(h, p.Run, route.Hops, to.Name)
			if err != nil {
				return err
			}
			h.relays[name] = r
			if err := agent.WriteFile(b.path(p.Run, name+addressSuffix), []byte(r.listener.Addr().String())); err != nil {
				return err
			}
		}
	}
	for name, r := range h.relays {
		if !wanted[name] {
			r.close()
			delete(h.relays, name)
		}
	}
	return nil
}

func (b *Backend) relay(h *hosting, run string, hops []topology.Link, to string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(h.ctx)
	r := &relay{hops: hops, to: agent.Lookup{File: b.path(run, to+addressSuffix)}, listener: l, stop: stop}
	for _, hop := range hops {
		r.path = append(r.path, h.link(hop))
	}
	r.wait.Go(func() { r.accept(ctx) })
	return r, nil
}

// link returns the emulated link of a name, which all relays share; the two
// directions of a half-duplex link are one.
func (h *hosting) link(l topology.Link) *linkem.Link {
	made := h.links[l.Name]
	if made == nil {
		seed := fnv.New64a()
		_, _ = seed.Write([]byte(l.Name)) // never fails
		made = linkem.NewLink(linkem.ShapeOf(l), seed.Sum64())
		h.links[l.Name] = made
	}
	return made
}

func (r *relay) accept(ctx context.Context) {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.wait.Go(func() {
			defer near.Close()
			far, err := r.to.Dial(ctx)
			if err != nil {
				return // the sender will try again
			}
			end := context.AfterFunc(ctx, func() { near.Close(); far.Close() })
			defer end()
			agent.Forward(near, far, r.carry(0))
		})
	}
}

// carry takes a message over the links from number i on.
func (r *relay) carry(i int) agent.Carry {
	return func(n int, at time.Time, then func(time.Time)) {
		if i == len(r.path)-1 {
			r.path[i].Carry(n, at, then)
			return
		}
		r.path[i].Carry(n, at, func(due time.Time) { r.carry(i+1)(n, due, then) })
	}
}

func (r *relay) close() {
	r.stop()
	r.listener.Close()
	r.wait.Wait()
}
