// Package workloads holds what runs: pipelines of operators with their
// arrivals, and jobs with their task groups.
package workloads

import (
	"time"

	"caravan/topology"
)

// A Workload is everything that a scenario asks to run.
type Workload struct {
	Pipelines []Pipeline
	Jobs      []Job
}

// A Pipeline is a DAG of operators, most often a chain. Each arrival is a
// request that visits every operator once, or, when the operators carry Next
// branches, walks from the first operator until it leaves.
type Pipeline struct {
	Name string
	// Group is the name under which the pipeline's measurements are pooled,
	// as for a thousand equal devices; empty is the pipeline's own Name.
	Group string
	// Priority orders requests under the priority disciplines and jobs under
	// preemption; higher goes first. Default 50.
	Priority int
	// Classes, when not empty, draws each request's priority instead.
	Classes []Class

	Source topology.NodeID // pins operators without predecessors; None leaves them free
	Sink   topology.NodeID // pins operators without successors; None leaves them free

	Arrivals Arrivals
	// Deadline counts from the arrival; 0 is none. With DropLate a request
	// that has passed it is dropped when it next reaches the head of a queue.
	Deadline time.Duration
	DropLate bool

	Operators []Operator // in topological order of After
}

// A Class is a share of a pipeline's requests that carries its own priority.
type Class struct {
	Name     string
	Share    float64 // probability; shares add up to 1
	Priority int
}

// An Operator is one stage of a pipeline.
type Operator struct {
	Name   string
	Work   Dist // seconds on the reference machine, single-threaded
	Output Dist // bytes sent to each successor; the last operator's output is never sent

	// WorkFactor and OutputFactor name the column of the arrival trace that
	// scales this request's work and output; empty is none.
	WorkFactor   string
	OutputFactor string

	After []int    // positions of predecessors; nil for the first operator
	Next  []Branch // probabilistic routing; when any operator has it, After is unused

	Node topology.NodeID // pin; None leaves it free (Source and Sink pin too)

	Demand      topology.Resources // held for as long as the operator is placed
	Constraints []Constraint
	QueueLimit  int           // messages waiting before the operator; 0 is unbounded
	ColdStart   time.Duration // before the first request is served, and after a node returns
	Batch       int           // messages served together as one unit of Work; 0 and 1 do not batch
	BatchWait   time.Duration // longest that a message waits for its batch to fill

	Program Program // what a live agent runs; the zero value burns Work
}

// A Program is the code of an operator, for live runs. Simulations and solvers
// know it by Work and Output alone.
type Program struct {
	Exec    []string // program and arguments, started once
	URL     string   // an HTTP endpoint instead
	Framing string   // of Exec's input and output: line (the default) or frame
}

// Given reports whether there is a program at all.
func (p Program) Given() bool { return len(p.Exec) > 0 || p.URL != "" }

// A Branch sends a request on to operator To with the given probability; what
// the branches of an operator leave of 1 departs.
type Branch struct {
	To          int
	Probability float64
}
