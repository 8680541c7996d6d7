// Package results holds the record of a run, simulated or measured, and the
// statistics that turn replications into intervals.
package results

import "time"

// A Run is the record of one execution of a scenario under one placement. Its
// encoding holds nothing of the wall clock, so equal inputs give equal bytes.
type Run struct {
	Version      int           `json:"version"` // of this format: 1
	Scenario     string        `json:"scenario"`
	Stamp        Stamp         `json:"stamp"`
	Placement    []Placed      `json:"placement"`
	Unplaced     []Unplaced    `json:"unplaced"`
	Objective    Objective     `json:"objective"`
	Metrics      []Metric      `json:"metrics"`
	Warnings     []string      `json:"warnings"`
	Replications []Replication `json:"replications"`
	// ScenarioText is the scenario after overrides, in its canonical form: what
	// it takes to simulate the run again, but for data files that it names.
	ScenarioText string `json:"scenario_text,omitempty"`
}

// A Stamp says what produced a run, enough to produce it again.
type Stamp struct {
	Version        string `json:"version"` // of caravan
	Seed           uint64 `json:"seed"`
	ScenarioSHA256 string `json:"scenario_sha256"`
	Solver         string `json:"solver"`
}

// Placed is one operator or group instance and its node.
type Placed struct {
	Workload string `json:"workload"`
	Item     string `json:"item"`
	Instance int    `json:"instance"`
	Node     string `json:"node"`
}

// Unplaced is one operator or group instance that found no node.
type Unplaced struct {
	Workload string `json:"workload"`
	Item     string `json:"item"`
	Instance int    `json:"instance"`
	Reason   string `json:"reason"`
}

// An Objective is what the solver minimised and what it proved.
type Objective struct {
	Name   string   `json:"name"`
	Value  float64  `json:"value"`
	Unit   string   `json:"unit"`
	Status string   `json:"status"` // optimal, feasible, infeasible, unknown
	Bound  *float64 `json:"bound"`  // null when the solver proved none
	Gap    *float64 `json:"gap"`    // (value-bound)/value
}

// A Value is one measured quantity of one replication.
type Value struct {
	Name    string  // latency, wait, throughput, utilisation, ...
	Subject string  // the pipeline, node or link it is about
	Stat    string  // mean, p50, p95, p99, max, count, ...
	Unit    string  // s, 1/s, 1, B, ...
	Value   float64 // NaN when nothing was observed
	// HalfWidth of the 95 % interval that this replication found within itself,
	// from N batches; N is 0 without one.
	HalfWidth float64
	N         int
}

// A Replication is one run of a scenario with one substream of its seed.
type Replication struct {
	Index  int           `json:"index"`
	Events uint64        `json:"events"`
	End    time.Duration `json:"end_ns"` // virtual time when it ended
	// WarmUp is the initial span left out of Values.
	WarmUp time.Duration `json:"warmup_ns"`
	Values []Value       `json:"values"`
	// Latency histograms a pipeline, in Run pipeline order.
	Histograms []Histogram `json:"histograms,omitempty"`
}

// A Histogram counts durations by bucket. Counts[i] observations lie in
// [Edges[i], Edges[i+1]).
type Histogram struct {
	Subject string   `json:"subject"`
	Name    string   `json:"name"`
	LowNS   []int64  `json:"low_ns"` // lower edge of each non-empty bucket
	HighNS  []int64  `json:"high_ns"`
	Counts  []uint64 `json:"counts"`
}

// A Metric is a Value across replications, with its 95 % confidence interval.
type Metric struct {
	Name     string      `json:"name"`
	Workload string      `json:"workload"` // pipeline, job, node or link
	Stat     string      `json:"stat"`
	Value    float64     `json:"value"`
	Unit     string      `json:"unit"`
	CI95     *[2]float64 `json:"ci95"` // null when one observation gives none
	N        int         `json:"n"`    // replications, or batches when there is one
}
