package results

import "time"

// A Request is one request of one execution, simulated or measured: the record
// that predictions and measurements are compared by. Instants count from the
// start of the run.
type Request struct {
	Pipeline  string
	Class     int // position among the pipeline's classes, or 0
	Priority  int
	CreatedAt time.Duration // when it was due to appear, whenever it did
	EndedAt   time.Duration
	Outcome   string // answered, rejected, expired, lost, failed; unanswered when it never ended
	Visits    []Visit
	Crossings []Crossing
	// Work and Output are what was drawn for each operator: seconds on the
	// reference machine, and bytes; nil where operators draw by themselves.
	Work, Output []float64
}

// The outcomes of requests.
const (
	Answered   = "answered"
	Unanswered = "unanswered"
)

// A Visit is the time of a request at an operator.
type Visit struct {
	Operator  string
	Node      string
	JoinedAt  time.Duration // the queue of the node
	StartedAt time.Duration
	EndedAt   time.Duration
	SentAt    time.Duration // when there was room at every successor
	CPU       time.Duration // processor time used, 0 where nothing was burnt
}

// A Crossing is the way of a message from one operator to another.
type Crossing struct {
	From, To   string // operators
	Route      string // from node->to node; empty on one node
	Bytes      float64
	SentAt     time.Duration
	ReceivedAt time.Duration
}

// Latency is from the instant at which the request was due to its end.
func (r *Request) Latency() time.Duration { return r.EndedAt - r.CreatedAt }

// Wait is the time in the queues of nodes.
func (r *Request) Wait() time.Duration {
	var w time.Duration
	for _, v := range r.Visits {
		w += v.StartedAt - v.JoinedAt
	}
	return w
}
