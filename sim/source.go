package sim

import (
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/draw"
)

// A source generates the arrivals of one pipeline, one event ahead.
type source struct {
	kind     workloads.ArrivalKind
	inverse  bool
	stream   *des.Stream
	gap      float64       // Poisson: mean, seconds
	stopAt   time.Duration // no arrival at or after
	limit    int           // requests in all
	count    int           // so far
	batch    int
	next     int // position in the trace
	think    draw.Sampler
	arrivals *workloads.Arrivals
	// MMPP: the state and when it is left.
	state  int
	leftAt time.Duration
}

func newSource(a *workloads.Arrivals, stream *des.Stream, inverse bool) source {
	s := source{
		kind: a.Kind, arrivals: a, stream: stream, inverse: inverse, batch: max(a.Batch, 1),
		stopAt: a.StopAt, limit: a.Count, think: draw.New(a.Think, inverse),
	}
	if a.Rate > 0 {
		s.gap = 1 / a.Rate
	}
	if s.stopAt == 0 {
		s.stopAt = 1<<63 - 1
	}
	if s.limit == 0 {
		s.limit = 1<<62 - 1
	}
	return s
}

func (s *source) exp() float64 {
	if s.inverse {
		return s.stream.ExpInverse()
	}
	return s.stream.Exp()
}

// begin schedules the first arrivals of pipeline p.
func (r *run) begin(p int32) {
	s := &r.pipes[p].source
	switch s.kind {
	case workloads.Closed:
		for range s.arrivals.Population {
			r.arriveAt(s, p, s.arrivals.StartAt+topology.Seconds(s.think.Draw(s.stream)))
		}
	case workloads.Periodic:
		r.arriveAt(s, p, s.arrivals.StartAt)
	case workloads.MMPP:
		s.leftAt = s.arrivals.StartAt + topology.Seconds(s.arrivals.States[0].Mean.Seconds()*s.exp())
		r.arriveAt(s, p, s.after(s.arrivals.StartAt))
	case workloads.Trace:
		for s.next < len(s.arrivals.Times) && s.arrivals.Times[s.next] < s.arrivals.StartAt {
			s.next++
		}
		if s.next < len(s.arrivals.Times) {
			r.arriveAt(s, p, s.arrivals.Times[s.next])
		}
	default:
		r.arriveAt(s, p, s.after(s.arrivals.StartAt))
	}
}

func (r *run) arriveAt(s *source, p int32, at time.Duration) {
	if at < s.stopAt && s.count < s.limit {
		r.eng.Schedule(at, prioArrive, des.NewEvent(evArrive, 0, uint32(p)))
	}
}

// after is the instant of the arrival that follows one at the given instant.
func (s *source) after(now time.Duration) time.Duration {
	a := s.arrivals
	switch s.kind {
	case workloads.Periodic:
		return now + a.Period
	case workloads.Poisson:
		return now + topology.Seconds(s.exp()*s.gap)
	case workloads.MMPP:
		return s.afterBursty(now)
	}
	return s.stopAt
}

// afterBursty walks the source's Markov chain: in each state the next arrival
// and the end of the state race, both exponential.
func (s *source) afterBursty(now time.Duration) time.Duration {
	for {
		st := &s.arrivals.States[s.state]
		if st.Rate > 0 {
			if at := now + topology.Seconds(s.exp()/st.Rate); at < s.leftAt {
				return at
			}
		}
		now = s.leftAt
		if now >= s.stopAt {
			return s.stopAt
		}
		s.state = (s.state + 1) % len(s.arrivals.States)
		s.leftAt = now + topology.Seconds(s.arrivals.States[s.state].Mean.Seconds()*s.exp())
	}
}

// arrive lets pipeline p's next request (or batch of them) appear.
func (r *run) arrive(p int32) {
	if r.made >= r.limit {
		return
	}
	pl := &r.pipes[p]
	s := &pl.source
	row := int32(-1)
	if s.kind == workloads.Trace {
		row = int32(s.next)
		s.next++
	}
	for range s.batch {
		if s.count >= s.limit || r.made >= r.limit {
			break
		}
		s.count++
		r.create(pl, p, row)
	}
	switch s.kind {
	case workloads.Closed: // the next one comes when this one is answered
	case workloads.Trace:
		if s.next < len(s.arrivals.Times) {
			r.arriveAt(s, p, s.arrivals.Times[s.next])
		}
	case workloads.Poisson:
		r.arriveAt(s, p, r.now+topology.Seconds(s.exp()*s.gap))
	default:
		r.arriveAt(s, p, s.after(r.now))
	}
}

// requestEnded lets the user of a closed loop think and send again, and ends
// a run that counts requests with its last answer.
func (r *run) requestEnded(s *source, p int32) {
	if s.kind == workloads.Closed {
		r.arriveAt(s, p, r.now+topology.Seconds(s.think.Draw(s.stream)))
	}
	if r.alive == 0 && r.made >= r.limit {
		r.over = true
	}
}
