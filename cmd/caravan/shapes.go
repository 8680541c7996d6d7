package main

import (
	"math"

	"caravan/results"
)

// shapeVersion is the version of the JSON that commands print; docs/json.md
// says what it promises.
const shapeVersion = 1

// solveAnswer is the JSON of caravan solve.
type solveAnswer struct {
	Version   int                `json:"version"`
	Scenario  string             `json:"scenario"`
	Solver    string             `json:"solver"`
	Status    string             `json:"status"` // optimal, feasible, infeasible, unknown
	Objective objectiveAnswer    `json:"objective"`
	Bound     *float64           `json:"bound"` // no placement costs less; null when unproven
	Gap       *float64           `json:"gap"`   // (value - bound) / value; null without a bound
	Placement []results.Placed   `json:"placement"`
	Preempted []preemptedAnswer  `json:"preempted"`
	Decisions []decisionAnswer   `json:"decisions"` // how jobs were decided, by solvers that say; at most 1000
	Unplaced  []results.Unplaced `json:"unplaced"`
	Reason    string             `json:"reason"` // why there is no placement, or none better; may be empty
	Predicted []prediction       `json:"predicted"`
	Warnings  []string           `json:"warnings"`
	Steps     int64              `json:"steps"`   // the solver's own count of work
	Seconds   float64            `json:"seconds"` // wall clock of the solver
	Robust    *robustAnswer      `json:"robust,omitempty"`
}

// robustAnswer is what placements cost over the profiles that were drawn, in
// the unit of the objective; null where nothing finite is known.
type robustAnswer struct {
	Profiles   int         `json:"profiles"`
	Candidates int         `json:"candidates"` // different placements compared
	Chosen     robustValue `json:"chosen"`
	Nominal    robustValue `json:"nominal"` // the placement for the profile as given
	Bound      *float64    `json:"bound"`   // below the mean of any placement
}

// robustValue is what one placement costs over the profiles.
type robustValue struct {
	Mean   *float64 `json:"mean"`
	Worst  *float64 `json:"worst"`
	Regret *float64 `json:"regret"` // the most that another candidate would have saved
}

// objectiveAnswer is what was minimised.
type objectiveAnswer struct {
	Name  string   `json:"name"`
	Value *float64 `json:"value"` // null without a placement
	Unit  string   `json:"unit"`
}

// A prediction is what one request of a pipeline takes on an idle topology.
type prediction struct {
	Workload string  `json:"workload"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
}

// solveComparison is the JSON of caravan solve --compare.
type solveComparison struct {
	Version   int           `json:"version"`
	Scenario  string        `json:"scenario"`
	Solutions []solveAnswer `json:"solutions"`
}

// runAnswer is the JSON of caravan run: the solution and what was simulated.
type runAnswer struct {
	solveAnswer
	Metrics      []results.Metric `json:"metrics"`
	Replications int              `json:"replications"`
	Saved        string           `json:"saved"` // where the run was saved; empty when nothing was simulated
	Stamp        results.Stamp    `json:"stamp"`
}

// runComparison is the JSON of caravan run --compare.
type runComparison struct {
	Version     int          `json:"version"`
	Scenario    string       `json:"scenario"`
	Runs        []runAnswer  `json:"runs"`
	Differences []difference `json:"differences"`
}

// A difference is how a metric of one solver departs from that of the base
// solver, paired replication by replication under common random numbers.
type difference struct {
	Name       string      `json:"name"`
	Workload   string      `json:"workload"`
	Stat       string      `json:"stat"`
	Unit       string      `json:"unit"`
	Base       string      `json:"base"`       // solver
	Against    string      `json:"against"`    // solver
	Difference *float64    `json:"difference"` // against - base
	CI95       *[2]float64 `json:"ci95"`       // null with fewer than two pairs
	N          int         `json:"n"`          // pairs
}

// finite is v for JSON, which has no word for what is not a number.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// orEmpty keeps lists out of JSON's null.
func orEmpty[T any](xs []T) []T {
	if xs == nil {
		return []T{}
	}
	return xs
}
