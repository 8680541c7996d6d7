package sim

import (
	"math"
	"time"

	"caravan/results"
	"caravan/sim/des"
)

// A subject is something whose requests are measured together: a pipeline, a
// group of equal ones, or one class of either.
type subject struct {
	name                              string
	answered, rejected, expired, lost uint64
	late                              uint64 // answered or expired after the deadline
	latency, wait                     moments
	latencyHistogram, waitHistogram   des.Histogram
	batches                           series
}

// moments accumulates the exact sum of durations and the squares of their
// deviations from the first, which keeps them small.
type moments struct {
	sum     area
	first   time.Duration
	shifted float64 // sum of x-first, seconds
	squares float64 // sum of (x-first)^2
}

func (m *moments) add(d time.Duration) {
	if m.sum == (area{}) {
		m.first = d
	}
	m.sum.left(d)
	x := float64(d-m.first) * 1e-9
	m.shifted += x
	m.squares += float64(x * x)
}

// mean and deviation are of n durations, in seconds.
func (m *moments) mean(n float64) float64 { return ratio(m.sum.until(0, 0)/n, 1e9) }

func (m *moments) deviation(n float64) float64 {
	shift := m.shifted / n
	return math.Sqrt(math.Max(0, m.squares/n-shift*shift))
}

func newSubject(name string) subject { return subject{name: name, batches: newSeries()} }

func (s *subject) add(req *request, how Outcome, latency time.Duration, late bool) {
	if late {
		s.late++
	}
	switch how {
	case Answered:
		s.answered++
		s.latency.add(latency)
		s.latencyHistogram.Add(latency)
		s.wait.add(req.wait)
		s.waitHistogram.Add(req.wait)
		s.batches.add(req.createdAt, latency)
	case Rejected:
		s.rejected++
	case Expired:
		s.expired++
	case Lost:
		s.lost++
	}
}

// A series keeps the means of equal batches of consecutive latencies. When it
// is full, neighbours merge, so its memory is bounded and its batches grow.
type series struct {
	size   int // observations a batch
	means  []float64
	starts []time.Duration // creation of each batch's first request
	n      int
	sum    float64
	first  time.Duration
}

// The first batches hold five observations, as MSER-5 wants them.
const (
	firstBatch = 5
	maxBatches = 4096
)

func newSeries() series { return series{size: firstBatch} }

func (s *series) add(createdAt, latency time.Duration) {
	if s.n == 0 {
		s.first = createdAt
	}
	s.n++
	s.sum += float64(latency) * 1e-9
	if s.n < s.size {
		return
	}
	s.means = append(s.means, s.sum/float64(s.size))
	s.starts = append(s.starts, s.first)
	s.n, s.sum = 0, 0
	if len(s.means) < maxBatches {
		return
	}
	for i := range maxBatches / 2 {
		s.means[i] = (s.means[2*i] + s.means[2*i+1]) / 2
		s.starts[i] = s.starts[2*i]
	}
	s.means, s.starts = s.means[:maxBatches/2], s.starts[:maxBatches/2]
	s.size *= 2
}

// measure forgets what the warm-up showed.
func (r *run) measure() {
	r.measuredFrom = r.now
	for i := range r.subjects {
		r.subjects[i] = newSubject(r.subjects[i].name)
	}
	for i := range r.stations {
		s := &r.stations[i]
		s.use = usage{since: r.now, number: from(r.now, s.present), busy: from(r.now, s.cores-s.free), sharedLastAt: r.now}
		s.wait = visits{}
	}
	for t := range r.tokens { // what direct stations have committed to beyond now
		tok := &r.tokens[t]
		if s := &r.stations[r.ops[tok.op].station]; s.direct && tok.endAt > r.now {
			s.use.direct += float64(r.measured(max(r.now, tok.endAt-tok.remaining), tok.endAt))
		}
	}
	for i := range r.media {
		m := &r.media[i]
		m.busy, m.wait, m.messages, m.bytes = 0, 0, 0, 0
		if !m.changes { // what is committed beyond now still counts
			m.busy = max(0, r.measured(r.now, m.freeAt))
		}
	}
	r.preempted = 0
}

// report turns the counters into the record of the replication.
func (r *run) report() results.Replication {
	end := r.horizon()
	rep := results.Replication{
		Index: r.c.Replication, Events: r.eng.Fired(), End: end, WarmUp: r.measuredFrom,
	}
	span := (end - r.measuredFrom).Seconds()
	v := &values{list: rep.Values}
	for i := range r.subjects {
		s := &r.subjects[i]
		s.report(v, span)
		if s.latencyHistogram.Count() > 0 {
			rep.Histograms = append(rep.Histograms, export(&s.latencyHistogram, s.name, "latency"))
		}
	}
	v.add("requests", "", "in_flight", "requests", float64(r.alive))
	v.add("preemptions", "", "count", "times", float64(r.preempted))
	r.reportNodes(v, end, span)
	r.reportLinks(v, span)
	rep.Values = v.list
	return rep
}

// export turns a histogram's buckets into a record, edges included.
func export(h *des.Histogram, subject, name string) results.Histogram {
	out := results.Histogram{Subject: subject, Name: name}
	for b := range h.Buckets() {
		out.LowNS = append(out.LowNS, int64(b.Low))
		out.HighNS = append(out.HighNS, int64(b.High)+1)
		out.Counts = append(out.Counts, b.Count)
	}
	return out
}

type values struct{ list []results.Value }

func (v *values) add(name, subject, stat, unit string, x float64) {
	v.list = append(v.list, results.Value{Name: name, Subject: subject, Stat: stat, Unit: unit, Value: x})
}

// quantiles that every duration is reported at.
var quantiles = []struct {
	stat string
	q    float64
}{{"p50", 0.50}, {"p95", 0.95}, {"p99", 0.99}}

func (s *subject) report(v *values, span float64) {
	s.duration(v, "latency", &s.latency, &s.latencyHistogram)
	if half, n := s.batchInterval(); n > 0 {
		for i := range v.list {
			if x := &v.list[i]; x.Subject == s.name && x.Name == "latency" && x.Stat == "mean" {
				x.HalfWidth, x.N = half, n
			}
		}
	}
	s.duration(v, "wait", &s.wait, &s.waitHistogram)
	v.add("throughput", s.name, "mean", "1/s", ratio(float64(s.answered), span))
	v.add("answered", s.name, "count", "requests", float64(s.answered))
	ended := float64(s.answered + s.rejected + s.expired + s.lost)
	v.add("rejected", s.name, "ratio", "1", ratio(float64(s.rejected), ended))
	v.add("expired", s.name, "ratio", "1", ratio(float64(s.expired), ended))
	v.add("lost", s.name, "ratio", "1", ratio(float64(s.lost), ended))
	v.add("late", s.name, "ratio", "1", ratio(float64(s.late), ended))
}

// batchInterval is the 95 % half-width of the mean latency by batch means
// within this replication.
func (s *subject) batchInterval() (half float64, n int) {
	mean, err := results.BatchMeans(s.batches.means, results.DefaultBatches)
	if err != nil {
		return 0, 0
	}
	return mean.HalfWidth, mean.N
}

func (s *subject) duration(v *values, name string, m *moments, h *des.Histogram) {
	n := float64(h.Count())
	if n == 0 {
		v.add(name, s.name, "mean", "s", math.NaN())
		for _, q := range quantiles {
			v.add(name, s.name, q.stat, "s", math.NaN())
		}
		v.add(name, s.name, "max", "s", math.NaN())
		return
	}
	v.add(name, s.name, "mean", "s", m.mean(n))
	v.add(name, s.name, "stddev", "s", m.deviation(n))
	for _, q := range quantiles {
		v.add(name, s.name, q.stat, "s", h.Quantile(q.q).Seconds())
	}
	v.add(name, s.name, "max", "s", h.Max().Seconds())
}

// ratio is a/b, NaN when nothing was observed.
func ratio(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// nodeUse pools the stations of a node.
type nodeUse struct {
	number, busy, cores float64
	visits              visits
	unlimited           bool
}

func (r *run) reportNodes(v *values, end time.Duration, span float64) {
	nodes := r.c.Topology.Nodes()
	for n, list := range r.stationsOf {
		if len(list) == 0 {
			continue
		}
		var u nodeUse
		for _, si := range list {
			s := &r.stations[si]
			u.number += s.use.number.until(end, s.present) * 1e-9
			switch {
			case s.direct:
				u.busy += s.use.direct * 1e-9
			case s.shared:
				s.accountShared(end)
				u.busy += s.use.shared * 1e-9
			default:
				u.busy += s.use.busy.until(end, s.cores-s.free) * 1e-9
			}
			u.cores += float64(s.cores)
			u.visits.started += s.wait.started
			u.visits.waited += s.wait.waited
			u.visits.wait += s.wait.wait
			u.visits.rejected += s.wait.rejected
			u.unlimited = s.cores == math.MaxInt32
		}
		node := &nodes[n]
		utilisation := ratio(u.busy, span*u.cores)
		if u.unlimited {
			utilisation = math.Min(1, ratio(u.busy, span*float64(node.Cores)))
		}
		v.add("utilisation", node.Name, "mean", "1", utilisation)
		v.add("number", node.Name, "mean", "requests", ratio(u.number, span))
		v.add("queue", node.Name, "mean", "requests", ratio(u.visits.wait.Seconds(), span))
		v.add("node_wait", node.Name, "mean", "s", ratio(u.visits.wait.Seconds(), float64(u.visits.started)))
		v.add("waited", node.Name, "ratio", "1", ratio(float64(u.visits.waited), float64(u.visits.started)))
		v.add("arrivals", node.Name, "mean", "1/s", ratio(float64(u.visits.started+u.visits.rejected), span))
		v.add("refused", node.Name, "ratio", "1", ratio(float64(u.visits.rejected), float64(u.visits.started+u.visits.rejected)))
		if node.PricePerHour > 0 {
			v.add("cost", node.Name, "sum", "currency", node.PricePerHour*span/3600)
		}
		if node.IdleWatts > 0 || node.BusyWatts > 0 {
			joules := (node.IdleWatts + (node.BusyWatts-node.IdleWatts)*utilisation) * span
			v.add("energy", node.Name, "sum", "J", joules)
			if node.CarbonPerKWh > 0 {
				v.add("carbon", node.Name, "sum", "g", joules/3.6e6*node.CarbonPerKWh)
			}
		}
	}
}

func (r *run) reportLinks(v *values, span float64) {
	for i, l := range r.c.Topology.Links() {
		m := &r.media[l.Medium]
		if m.messages == 0 || int(m.first) != i {
			continue
		}
		use := m.busy.Seconds() / span
		if r.flows != nil && l.Bandwidth > 0 {
			use = m.bytes / float64(l.Bandwidth) / span
		}
		v.add("utilisation", l.Name, "mean", "1", use)
		v.add("link_wait", l.Name, "mean", "s", ratio(m.wait.Seconds(), float64(m.messages)))
		v.add("traffic", l.Name, "mean", "B/s", ratio(m.bytes, span))
		if l.PricePerByte > 0 {
			v.add("cost", l.Name, "sum", "currency", l.PricePerByte*m.bytes)
		}
	}
}
