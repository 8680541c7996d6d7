package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The spans that an agent measures, each in a histogram.
const (
	spanWait    = "wait"    // from joining the node's queue to the start of service
	spanService = "service" // on a core
	spanBlocked = "blocked" // on a core, without room at a successor
	spanStolen  = "stolen"  // of the service of Burn, without a processor
	spanCross   = "cross"   // from each predecessor's sending to the arrival
)

// stats counts what an agent does.
type stats struct {
	a          *Agent
	beganAt    time.Time
	requests   atomic.Uint64
	bytes      atomic.Uint64
	duplicates atomic.Uint64
	endings    [Failed + 1]atomic.Uint64
	trouble    atomic.Pointer[string] // why the last work failed; nil when none did

	mu    sync.Mutex
	spans map[string]*hdrhistogram.Histogram

	registry *prometheus.Registry
	seconds  *prometheus.HistogramVec
}

func newStats(a *Agent) *stats {
	s := &stats{a: a, beganAt: time.Now(), spans: map[string]*hdrhistogram.Histogram{}, registry: prometheus.NewRegistry()}
	labels := prometheus.Labels{"run": a.c.Run, "agent": a.c.Name, "pipeline": a.c.Pipeline, "operator": a.c.Operator, "node": a.c.Node}
	own := prometheus.WrapRegistererWith(labels, s.registry)
	s.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "caravan_agent_seconds", Help: "Spans of a request's visit to the operator.",
		Buckets: prometheus.ExponentialBuckets(1e-4, 2, 20),
	}, []string{"span"})
	counter := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value)
	}
	ending := func(outcome string, of Outcome) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "caravan_agent_dropped_total", Help: "Requests that ended here without an answer.", ConstLabels: prometheus.Labels{"outcome": outcome},
		}, func() float64 { return float64(s.endings[of].Load()) })
	}
	own.MustRegister(s.seconds,
		counter("caravan_agent_requests_total", "Requests served.", func() float64 { return float64(s.requests.Load()) }),
		counter("caravan_agent_output_bytes_total", "Bytes of output.", func() float64 { return float64(s.bytes.Load()) }),
		counter("caravan_agent_duplicates_total", "Messages that came again.", func() float64 { return float64(s.duplicates.Load()) }),
		ending("rejected", Rejected), ending("expired", Expired), ending("failed", Failed),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "caravan_agent_queue_length", Help: "Requests that wait."},
			func() float64 { return float64(a.queueLength()) }),
	)
	return s
}

// record adds a span in nanoseconds.
func (s *stats) record(span string, d int64) {
	s.seconds.WithLabelValues(kindOf(span)).Observe(float64(d) * 1e-9)
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.spans[span]
	if h == nil {
		h = hdrhistogram.New(1, int64(time.Hour), 3)
		s.spans[span] = h
	}
	_ = h.RecordValue(min(max(d, 0), int64(time.Hour))) // within its range
}

// kindOf is the span without its predecessor.
func kindOf(span string) string {
	if len(span) > len(spanCross) && span[:len(spanCross)] == spanCross {
		return spanCross
	}
	return span
}

// crossed records how long a message was on its way. Two clocks may differ:
// the driver's report corrects that, this histogram does not.
func (s *stats) crossed(m *Message, at int64) {
	for _, h := range m.Hops {
		if h.Operator == m.From && h.Hop == m.Hop-1 {
			s.record(spanCross+" "+strconv.Itoa(m.From), at-h.SentAt)
		}
	}
}

func (s *stats) served(h Hop, it *item, bytes int) {
	s.requests.Add(1)
	s.bytes.Add(uint64(bytes))
	s.record(spanWait, h.StartedAt-h.JoinedAt)
	s.record(spanService, h.EndedAt-h.StartedAt)
	s.record(spanBlocked, h.SentAt-h.EndedAt)
	if h.CPU > 0 {
		s.record(spanStolen, h.EndedAt-h.StartedAt-h.CPU)
	}
}

func (s *stats) ended(why Outcome) { s.endings[why].Add(1) }

func (a *Agent) queueLength() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.waiting
}

// A Report is what GET /status answers.
type Report struct {
	Run         string          `json:"run"`
	Name        string          `json:"name"`
	Pipeline    string          `json:"pipeline"`
	Operator    string          `json:"operator"`
	Node        string          `json:"node"`
	UpSeconds   float64         `json:"up_seconds"`
	Served      uint64          `json:"served"`
	Queue       int             `json:"queue"`
	Unsent      int             `json:"unsent"` // messages that successors have not passed on
	Uncollected int             `json:"uncollected"`
	Duplicates  uint64          `json:"duplicates"`
	Rejected    uint64          `json:"rejected"`
	Expired     uint64          `json:"expired"`
	Failed      uint64          `json:"failed"`
	Trouble     string          `json:"trouble,omitempty"` // why the last work failed
	Spans       map[string]Span `json:"spans"`
}

// A Span summarises a histogram, in seconds.
type Span struct {
	N    int64   `json:"n"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
}

func (a *Agent) report() Report {
	s := a.stats
	r := Report{
		Run: a.c.Run, Name: a.c.Name, Pipeline: a.c.Pipeline, Operator: a.c.Operator, Node: a.c.Node,
		UpSeconds: time.Since(s.beganAt).Seconds(), Served: s.requests.Load(), Queue: a.queueLength(),
		Uncollected: a.collector.length(), Duplicates: s.duplicates.Load(), Rejected: s.endings[Rejected].Load(),
		Expired: s.endings[Expired].Load(), Failed: s.endings[Failed].Load(), Spans: map[string]Span{},
	}
	if why := s.trouble.Load(); why != nil {
		r.Trouble = *why
	}
	for _, o := range a.peers {
		r.Unsent += o.length()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, h := range s.spans {
		at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) * 1e-9 }
		r.Spans[name] = Span{N: h.TotalCount(), Mean: h.Mean() * 1e-9, P50: at(50), P95: at(95), P99: at(99), Max: float64(h.Max()) * 1e-9}
	}
	return r
}

// buckets are the non-empty buckets of every histogram.
func (s *stats) buckets() map[string][]Bucket {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string][]Bucket{}
	for name, h := range s.spans {
		for _, b := range h.Distribution() {
			if b.Count > 0 {
				out[name] = append(out[name], Bucket{b.From, b.To, b.Count})
			}
		}
	}
	return out
}

// A Bucket counts the spans from LowNS to HighNS.
type Bucket struct {
	LowNS  int64 `json:"low_ns"`
	HighNS int64 `json:"high_ns"`
	Count  int64 `json:"count"`
}

// handler is the HTTP API:
//
//	/healthz      200 once the agent listens
//	/status       Report as JSON
//	/histograms   every span's buckets as JSON
//	/last_output  the last output as it is; its request in X-Caravan-Request
//	/clock        nanoseconds of Unix time
//	/metrics      for Prometheus
func (a *Agent) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /clock", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, time.Now().UnixNano()) })
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { a.answer(w, a.report()) })
	mux.HandleFunc("GET /histograms", func(w http.ResponseWriter, _ *http.Request) { a.answer(w, a.stats.buckets()) })
	mux.HandleFunc("GET /last_output", a.serveLast)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.stats.registry, promhttp.HandlerOpts{}))
	return mux
}

func (a *Agent) answer(w http.ResponseWriter, x any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(x); err != nil {
		a.log.Debug("an answer was not sent", "why", err)
	}
}

func (a *Agent) serveLast(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	last := a.last
	a.mu.Unlock()
	if last.at.IsZero() {
		http.Error(w, "there is no output yet", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("X-Caravan-Request", strconv.FormatUint(last.request, 10))
	w.Header().Set("X-Caravan-At", last.at.UTC().Format(time.RFC3339Nano))
	if _, err := w.Write(last.payload); err != nil {
		a.log.Debug("an output was not sent", "why", err)
	}
}
