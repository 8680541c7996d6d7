package agent

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/draw"
)

// draws decides what a request needs here: what its message says, else a draw
// from a stream of the operator.
type draws struct {
	c *Config

	mu           sync.Mutex
	stream       des.Stream
	time, output draw.Sampler
}

// newDraws derives the agent's random stream from its seed and names.
func newDraws(c *Config) *draws {
	return &draws{
		c: c, stream: des.NewStream(c.Seed, "agent", c.Pipeline, c.Operator),
		time: draw.New(c.Work.Time, false), output: draw.New(c.Output, false),
	}
}

// work is how long the request occupies a core.
func (d *draws) work(m *Message) time.Duration {
	if d.c.Index < len(m.Work) {
		return time.Duration(float64(m.Work[d.c.Index]) / d.c.Speed)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return topology.Seconds(d.time.Draw(&d.stream) / d.c.Speed)
}

// bytes is the size of the output.
func (d *draws) bytes(m *Message) int {
	n := int64(0)
	if d.c.Index < len(m.Output) {
		n = m.Output[d.c.Index]
	} else {
		d.mu.Lock()
		n = int64(d.output.Draw(&d.stream))
		d.mu.Unlock()
	}
	return int(max(0, min(n, MaxFrame/2)))
}

// branch is a number in [0, 1) that depends on the request and its hop alone.
func (d *draws) branch(m *Message) float64 {
	_, i := m.Round()
	s := des.NewStream(d.c.Seed, "branch", d.c.Pipeline, strconv.Itoa(i+1), strconv.Itoa(m.Hop))
	return s.Float64()
}

// generate makes the requests of the pipeline here, by its arrivals, until
// they end or the agent does. A closed or bursty law needs a driver.
func (a *Agent) generate() {
	next, err := a.c.Source.instants(a.c.Seed, a.c.Pipeline)
	if err != nil {
		a.log.Error("no requests are made", "why", err)
		return
	}
	began := time.Now()
	for i := uint64(1); ; i++ {
		at, ok := next()
		if !ok {
			return
		}
		due := began.Add(at)
		select {
		case <-a.ctx.Done():
			return
		case <-time.After(time.Until(due)):
		}
		// The instant of the start tells the requests of a restarted agent
		// from those before.
		m := &Message{Request: uint64(began.UnixMicro())<<16 + i, From: Outside, Priority: a.c.Priority, CreatedAt: due.UnixNano()}
		if a.c.Deadline > 0 {
			m.ExpiresAt = due.Add(a.c.Deadline).UnixNano()
		}
		a.arrive(&inbound{key: m.key()}, m, m.CreatedAt)
	}
}

// instants returns what yields the arrivals one by one, since the start.
func (s *Source) instants(seed uint64, pipeline string) (func() (time.Duration, bool), error) {
	a := &s.Arrivals
	stream := des.NewStream(seed, "arrivals", pipeline)
	var gap func() time.Duration
	at, first := a.StartAt, true
	switch a.Kind {
	case workloads.Periodic:
		gap = func() time.Duration { return a.Period }
	case workloads.Poisson:
		gap = func() time.Duration { return topology.Seconds(stream.Exp() / a.Rate) }
		at, first = at+gap(), true
	case workloads.Trace:
		i := -1
		return func() (time.Duration, bool) {
			i++
			if i >= len(a.Times) {
				return 0, false
			}
			return a.Times[i], true
		}, nil
	default:
		return nil, fmt.Errorf("pipeline %q: an agent makes requests by periodic, poisson or trace arrivals", pipeline)
	}
	n, batch := 0, max(a.Batch, 1)
	return func() (time.Duration, bool) {
		if !first && n%batch == 0 {
			at += gap()
		}
		first = false
		n++
		return at, (a.Count == 0 || n <= a.Count) && (a.StopAt == 0 || at < a.StopAt)
	}, nil
}
