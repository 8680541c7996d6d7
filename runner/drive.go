package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"caravan/results"
	"caravan/runner/agent"
	"caravan/runner/exact"
	"caravan/topology"
)

// DriveOptions say how a deployed plan is measured. The zero value works.
type DriveOptions struct {
	// Patience is how long after the last arrival answers are waited for; 0 is
	// ten seconds.
	Patience time.Duration
	// MaxLag is the 99th percentile of the generator's lag beyond which the
	// measurement is invalid; 0 is the larger of 2 ms and a twentieth of the
	// median latency.
	MaxLag time.Duration
	// Progress, when set, is told how many requests have been sent and ended.
	Progress func(sent, ended int)
	// Ended, when set, is told of every request as it ends.
	Ended func(results.Request)
}

// A Measurement is what a live run showed.
type Measurement struct {
	Requests []results.Request // as they were asked for, with what happened
	Lag      []time.Duration   // of each, from its instant to its sending
	Clocks   []Clock
	Machine  Machine
	Restarts int
	Down     []Agent // that did not run at the end
	// Troubles are what agents say of requests that failed.
	Troubles []string
	// Invalid says why the measurement cannot be trusted; empty when it can.
	Invalid string
}

// A Clock is an agent's clock against this process's.
type Clock struct {
	Agent  string        `json:"agent"`
	Offset time.Duration `json:"offset_ns"` // its clock minus ours
	Bound  time.Duration `json:"bound_ns"`  // on the error of Offset
}

// Watch hands over every request that ends in a deployed plan whose first
// operators make their requests themselves (PlanOptions.Source and Collect),
// until ctx ends. Instants count from the call. An agent that does not answer
// is heard once it does. got is called by one goroutine at a time.
func Watch(ctx context.Context, b Backend, p *Plan, got func(results.Request)) error {
	d, err := newDriver(ctx, b, p, nil, DriveOptions{Ended: got})
	if err != nil {
		return err
	}
	defer d.stop()
	<-ctx.Done()
	return nil
}

// Drive sends each request at its instant, whether or not earlier ones have
// been answered, and collects what ends. Latency counts from the instant: a
// generator that lags behind must not make a slow cluster look fast. requests
// bring what was drawn for them (sim's Trace), in the order of CreatedAt.
func Drive(ctx context.Context, b Backend, p *Plan, requests []results.Request, o DriveOptions) (*Measurement, error) {
	d, err := newDriver(ctx, b, p, requests, o)
	if err != nil {
		return nil, err
	}
	defer d.stop()
	machine := readMachine()
	if err := d.send(); err != nil {
		return nil, err
	}
	if err := d.drain(); err != nil {
		return nil, err
	}
	d.m.Machine = readMachine().since(machine)
	if err := d.conclude(b); err != nil {
		return nil, err
	}
	d.m.Troubles = d.troubles(b)
	return d.m, nil
}

// driver is a measurement under way.
type driver struct {
	ctx     context.Context
	stop    context.CancelFunc
	p       *Plan
	o       DriveOptions
	m       *Measurement
	entries map[string][]*entry            // by pipeline
	sinks   map[string]int                 // ends of a request, by pipeline
	clocks  map[string]Clock               // by agent
	agents  map[string]map[int]*Deployment // by pipeline and operator
	startAt time.Time
	round   uint32 // tells these requests from those of an earlier drive of the same agents
	// watching tells pipelines that make their requests themselves.
	watching bool

	mu      sync.Mutex
	missing []int               // ends still to come, by request
	open    map[string]*watched // requests that came in part, when watching
	ended   int
	more    chan struct{}
}

// An entry is a first operator.
type entry struct {
	sender   *agent.Sender
	deadline time.Duration
}

func newDriver(ctx context.Context, b Backend, p *Plan, requests []results.Request, o DriveOptions) (*driver, error) {
	at, err := b.Addresses(ctx, p.Run)
	if err != nil {
		return nil, err
	}
	d := &driver{
		p: p, o: o, m: &Measurement{Requests: slices.Clone(requests), Lag: make([]time.Duration, len(requests))},
		entries: map[string][]*entry{}, sinks: map[string]int{}, clocks: map[string]Clock{},
		agents: map[string]map[int]*Deployment{}, missing: make([]int, len(requests)), more: make(chan struct{}, 1),
		open: map[string]*watched{}, watching: len(requests) == 0, startAt: time.Now(),
	}
	d.round = uint32(d.startAt.UnixMilli())
	d.ctx, d.stop = context.WithCancel(ctx)
	for i := range p.Agents {
		if err := d.meet(b, &p.Agents[i], at); err != nil {
			d.stop()
			return nil, err
		}
	}
	for i := range requests {
		r := &d.m.Requests[i]
		r.Outcome, r.EndedAt, r.Visits, r.Crossings = results.Unanswered, 0, nil, nil
		d.missing[i] = d.sinks[r.Pipeline]
		if len(d.entries[r.Pipeline]) == 0 {
			d.stop()
			return nil, fmt.Errorf("pipeline %q is not deployed", r.Pipeline)
		}
	}
	for i := range p.Agents {
		d.listen(b, &p.Agents[i])
	}
	return d, nil
}

// listen subscribes to an agent. What it then says needs all that is known of
// the others.
func (d *driver) listen(b Backend, a *Deployment) {
	got := d.got
	if d.watching {
		got = func(m *agent.Message) { d.saw(a.Config.Pipeline, m) }
	}
	go agent.Subscribe(d.ctx, d.p.Run, a.Name, d.dial(b, a.Name), got)
}

// meet compares clocks with an agent and opens the way for requests if it is a
// first operator.
func (d *driver) meet(b Backend, a *Deployment, at map[string]Address) error {
	address, ok := at[a.Name]
	if !ok && !d.watching {
		return fmt.Errorf("agent %s has no address", a.Name)
	}
	c := &a.Config
	if d.agents[c.Pipeline] == nil {
		d.agents[c.Pipeline] = map[int]*Deployment{}
	}
	d.agents[c.Pipeline][c.Index] = a
	clock, err := compareClocks(d.ctx, a.Name, address.HTTP)
	if err != nil && !d.watching { // who watches waits for an agent that is lost
		return err
	}
	d.m.Clocks = append(d.m.Clocks, clock)
	d.clocks[a.Name] = clock
	if a.Entry && !d.watching {
		d.entries[c.Pipeline] = append(d.entries[c.Pipeline], &entry{agent.NewSender(d.ctx, d.p.Run, a.Name, d.dial(b, a.Name)), c.Deadline})
	}
	switch {
	case a.Routed:
		d.sinks[c.Pipeline] = 1
	case len(c.Successors) == 0:
		d.sinks[c.Pipeline]++
	}
	return nil
}

// dial connects to an agent wherever it is at the moment.
func (d *driver) dial(b Backend, name string) agent.Dial {
	return func(ctx context.Context) (net.Conn, error) {
		at, err := b.Addresses(ctx, d.p.Run)
		if err != nil {
			return nil, err
		}
		return agent.Lookup{Address: at[name].Data}.Dial(ctx)
	}
}

// lead is the time between the decision to begin and the instant 0.
const lead = 100 * time.Millisecond

// send sends the requests at their instants.
func (d *driver) send() error {
	defer exact.Thread()()
	d.startAt = time.Now().Add(lead)
	for i := range d.m.Requests {
		r := &d.m.Requests[i]
		due := d.startAt.Add(r.CreatedAt)
		if err := waitUntil(d.ctx, due); err != nil {
			return err
		}
		m := agent.Message{Request: agent.Number(d.round, i), From: agent.Outside, Priority: r.Priority, CreatedAt: due.UnixNano()}
		for j := range r.Work {
			m.Work = append(m.Work, topology.Seconds(r.Work[j]))
			m.Output = append(m.Output, int64(r.Output[j]))
		}
		d.m.Lag[i] = time.Since(due)
		for _, e := range d.entries[r.Pipeline] {
			if e.deadline > 0 {
				m.ExpiresAt = due.Add(e.deadline).UnixNano()
			}
			e.sender.Send(&m, nil)
		}
		if d.o.Progress != nil {
			d.o.Progress(i+1, d.endedSoFar())
		}
	}
	return nil
}

// glance is how long the generator sleeps before it looks whether it is to go
// on.
const glance = 20 * time.Millisecond

// waitUntil sleeps in the kernel, on the generator's own thread.
func waitUntil(ctx context.Context, at time.Time) error {
	for ctx.Err() == nil {
		left := time.Until(at)
		if left <= 0 {
			return nil
		}
		exact.Sleep(min(left, glance))
	}
	return ctx.Err()
}

func (d *driver) endedSoFar() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended
}

// A watched request is one that the pipeline made by itself.
type watched struct {
	request results.Request
	missing int
}

// saw takes what ended at an agent of a pipeline that nobody drives.
func (d *driver) saw(pipeline string, m *agent.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := pipeline + " " + strconv.FormatUint(m.Request, 10)
	w := d.open[key]
	if w == nil {
		w = &watched{missing: d.sinks[pipeline], request: results.Request{
			Pipeline: pipeline, Priority: m.Priority, CreatedAt: time.Duration(m.CreatedAt - d.startAt.UnixNano()),
		}}
		d.open[key] = w
	}
	d.take(&w.request, m)
	if w.missing--; w.missing == 0 || m.Outcome != agent.Answered {
		delete(d.open, key)
		d.o.Ended(w.request)
	}
}

// got takes what ended at an agent.
func (d *driver) got(m *agent.Message) {
	round, i := m.Round()
	if round != d.round || i < 0 || i >= len(d.m.Requests) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.missing[i] == 0 {
		return
	}
	r := &d.m.Requests[i]
	d.take(r, m)
	d.missing[i]--
	if m.Outcome != agent.Answered {
		d.missing[i] = 0
	}
	if d.missing[i] == 0 {
		d.ended++
		if d.o.Ended != nil {
			d.o.Ended(*r)
		}
		select {
		case d.more <- struct{}{}:
		default:
		}
	}
}

// take adds what a message has seen to the record of its request.
func (d *driver) take(r *results.Request, m *agent.Message) {
	agents := d.agents[r.Pipeline]
	since := func(operator int, at int64) time.Duration {
		if a := agents[operator]; a != nil {
			at -= int64(d.clocks[a.Name].correction())
		}
		return time.Duration(at - d.startAt.UnixNano())
	}
	r.Outcome = outcomes[m.Outcome]
	seen := map[int]bool{}
	for _, v := range r.Visits {
		seen[d.index(r.Pipeline, v.Operator)] = true
	}
	for _, h := range m.Hops {
		a := agents[h.Operator]
		if a == nil || seen[h.Operator] && !a.Routed {
			continue
		}
		v := results.Visit{
			Operator: a.Config.Operator, Node: a.Node, JoinedAt: since(h.Operator, h.JoinedAt), StartedAt: since(h.Operator, h.StartedAt),
			EndedAt: since(h.Operator, h.EndedAt), SentAt: since(h.Operator, h.SentAt), CPU: time.Duration(h.CPU),
		}
		r.Visits = append(r.Visits, v)
		r.EndedAt = max(r.EndedAt, v.EndedAt)
	}
	for _, c := range m.Crossings {
		from, to := agents[c.From], agents[c.To]
		if from == nil || to == nil || slices.ContainsFunc(r.Crossings, func(x results.Crossing) bool {
			return !to.Routed && x.From == from.Config.Operator && x.To == to.Config.Operator
		}) {
			continue
		}
		x := results.Crossing{From: from.Config.Operator, To: to.Config.Operator, Bytes: float64(c.Bytes), ReceivedAt: since(c.To, c.ReceivedAt)}
		if from.Node != to.Node {
			x.Route = from.Node + "->" + to.Node
		}
		for _, h := range m.Hops {
			if h.Operator == c.From && h.Hop == c.Hop-1 {
				x.SentAt = since(c.From, h.SentAt)
			}
		}
		r.Crossings = append(r.Crossings, x)
	}
}

// index is the position of an operator in its pipeline.
func (d *driver) index(pipeline, operator string) int {
	for i, a := range d.agents[pipeline] {
		if a.Config.Operator == operator {
			return i
		}
	}
	return -1
}

// outcomes are the names of results for those of agents.
var outcomes = [...]string{agent.Answered: results.Answered, agent.Rejected: "rejected", agent.Expired: "expired", agent.Failed: "failed"}

// drain waits for what is under way.
func (d *driver) drain() error {
	patience := d.o.Patience
	if patience == 0 {
		patience = 10 * time.Second
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for d.endedSoFar() < len(d.m.Requests) {
		select {
		case <-d.ctx.Done():
			return d.ctx.Err()
		case <-timeout.C:
			return nil // what has not ended is unanswered
		case <-d.more:
			if d.o.Progress != nil {
				d.o.Progress(len(d.m.Requests), d.endedSoFar())
			}
		}
	}
	return nil
}

// conclude counts restarts and judges the measurement.
func (d *driver) conclude(b Backend) error {
	list, err := b.Status(d.ctx, d.p.Run)
	if err != nil {
		return err
	}
	for _, a := range list {
		d.m.Restarts += a.Restarts
		if a.State != Running {
			d.m.Down = append(d.m.Down, a)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.m.Requests) == 0 {
		return errors.New("no request was due")
	}
	var latencies []time.Duration
	for i := range d.m.Requests {
		if r := &d.m.Requests[i]; r.Outcome == results.Answered {
			latencies = append(latencies, r.Latency())
		}
	}
	lags := slices.Sorted(slices.Values(d.m.Lag))
	lag := lags[len(lags)*99/100]
	most := d.o.MaxLag
	if most == 0 {
		most = 2 * time.Millisecond
		if slices.Sort(latencies); len(latencies) > 0 {
			most = max(most, latencies[len(latencies)/2]/20)
		}
	}
	if lag > most {
		d.m.Invalid = fmt.Sprintf("the generator lagged by %v at its 99th percentile (allowed: %v), so the load was not the scenario's", lag.Round(time.Microsecond), most)
	}
	return nil
}
