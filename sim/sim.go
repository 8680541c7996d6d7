// Package sim simulates a placed workload on a topology: requests arrive,
// wait and are served at nodes, and their messages cross links, until the
// horizon.
//
// One replication is one goroutine with one event queue; replications are
// what runs in parallel. A run depends on its Config alone: every random
// number comes from a stream named after the pipeline, link or fault that
// draws it, so two placements of one scenario meet the same requests with the
// same demands (common random numbers), and the same Config gives the same
// bytes.
//
// docs/models.md has each model's formula and source.
package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"caravan/results"
	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// Config is everything that a replication depends on. The required fields
// come first; the zero value of each of the others works.
type Config struct {
	Topology  *topology.Topology
	Workload  *workloads.Workload // its pipelines are simulated here; jobs by sim/jobs
	Placement placement.Placement // a pipeline with an unplaced operator sends no requests

	// Duration is the horizon; 0 runs until Requests have been answered.
	Duration time.Duration
	// Requests stops the arrivals after so many, over all pipelines, and runs
	// until the last is answered; 0 sets no such limit.
	Requests int
	// WarmUp is the initial span that no measurement covers.
	WarmUp time.Duration

	Model       placement.Model
	Faults      []workloads.Fault
	LinkChanges []workloads.LinkChange

	Seed        uint64
	Replication int // selects a substream of Seed

	// DrawAtStart draws an operator's work when its service begins, from a
	// stream of the operator, instead of at the request's creation from a
	// stream of the pipeline. The law is the same; common random numbers are
	// lost. It exists to repeat other engines' draws one by one.
	DrawAtStart bool
	// InverseExp draws exponentials as -m ln(1-u) instead of by ziggurat, for
	// the same purpose.
	InverseExp bool
	// Streams supplies the random stream of a purpose; nil derives it from
	// Seed, Replication and the names. It is called once a purpose.
	Streams func(names ...string) *des.Stream

	// Observe, when set, is told of every measured request as it ends.
	Observe func(Completion)
	// Serve, when set, is told of every stretch of service as it ends, warm-up
	// included; of those that first come first served stations hold, as it
	// begins.
	Serve func(Service)
	// Trace, when set, is told of every request as it ends, warm-up included,
	// with its visits and crossings. It costs time and memory.
	Trace func(results.Request)
}

// A Completion is the end of one request.
type Completion struct {
	Pipeline  int           // position in Workload.Pipelines
	Class     int           // position in Pipeline.Classes, or 0
	CreatedAt time.Duration // since the start of the run
	EndedAt   time.Duration
	Wait      time.Duration // total time in queues of nodes and links
	// Work is the seconds drawn for each operator, in operator order; valid
	// during the call only, and nil under DrawAtStart.
	Work    []float64
	Outcome Outcome
}

// Latency is the time from creation to end.
func (c Completion) Latency() time.Duration { return c.EndedAt - c.CreatedAt }

// Outcome says how a request ended.
type Outcome uint8

const (
	Answered Outcome = iota // its last operator finished
	Rejected                // it found a full queue
	Expired                 // its deadline passed and the pipeline drops late requests
	Lost                    // a failed node held it
)

// Run simulates one replication. Errors are those of an invalid Config, of
// the context, or of a model that broke an invariant; an overloaded or
// starved system is not an error but shows in the measurements.
func Run(ctx context.Context, c Config) (results.Replication, error) {
	if c.Topology == nil || c.Workload == nil {
		return results.Replication{}, errors.New("sim: a Config needs a Topology and a Workload")
	}
	if c.Duration <= 0 && c.Requests <= 0 {
		return results.Replication{}, errors.New("sim: a Config needs a Duration or a number of Requests")
	}
	if c.Duration > 0 && c.WarmUp >= c.Duration {
		return results.Replication{}, fmt.Errorf("sim: the warm-up of %v leaves nothing of the duration of %v", c.WarmUp, c.Duration)
	}
	r, err := compile(c)
	if err != nil {
		return results.Replication{}, err
	}
	if c.Trace != nil {
		r.traced = &tracing{}
	}
	if err := r.loop(ctx); err != nil {
		return results.Replication{}, err
	}
	r.serveRest()
	return r.report(), nil
}
