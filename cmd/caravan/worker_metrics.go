package main

import (
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// workerMetrics is what a worker tells Prometheus.
type workerMetrics struct {
	completed atomic.Int64 // by this worker
	registry  *prometheus.Registry
	points    *prometheus.CounterVec
	seconds   prometheus.Histogram
}

// The outcomes of a point that a worker ran.
const (
	pointCompleted = "completed"
	pointKnown     = "known" // completed before, by another
	pointFailed    = "failed"
	pointAbandoned = "abandoned"
)

func newWorkerMetrics() *workerMetrics {
	m := &workerMetrics{
		registry: prometheus.NewRegistry(),
		points: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "caravan_worker_points_total", Help: "Points that this worker was handed, by what became of them.",
		}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "caravan_worker_point_seconds", Help: "Wall clock of the points that this worker completed.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 12), // 1 ms to 70 min
		}),
	}
	for _, outcome := range []string{pointCompleted, pointKnown, pointFailed, pointAbandoned} {
		m.points.WithLabelValues(outcome)
	}
	m.registry.MustRegister(m.points, m.seconds,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// count notes what became of a point.
func (m *workerMetrics) count(fresh bool, err error, abandoned bool, took time.Duration) {
	outcome := pointKnown
	switch {
	case abandoned:
		outcome = pointAbandoned
	case err != nil:
		outcome = pointFailed
	case fresh:
		outcome = pointCompleted
		m.completed.Add(1)
		m.seconds.Observe(took.Seconds())
	}
	m.points.WithLabelValues(outcome).Inc()
}

// serve answers at address until stop is called, and says where that is.
func (m *workerMetrics) serve(address string) (at string, stop func(), err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	return listener.Addr().String(), func() {
		if err := errors.Join(server.Close(), <-ended); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // a listener of our own that fails to close
		}
	}, nil
}
