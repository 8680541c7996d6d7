package sim

import (
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads/draw"
)

// The kinds of event. The slot of each is named behind it.
const (
	evArrive  uint8 = iota // pipeline: its next request appears
	evDone                 // token, by generation: its service ends
	evSent                 // link medium, by generation: it has serialised its message
	evHop                  // token: its message has crossed a hop
	evShare                // station, by generation: a processor-sharing job ends
	evFlow                 // by generation: the next flow ends
	evSettle               // the network re-solves for all changes of this instant
	evBatch                // operator, by generation: its batch has waited long enough
	evFault                // fault: goes down
	evRepair               // fault: comes back
	evChange               // link change
	evMeasure              // the warm-up ends
	evEnd                  // the horizon
)

// The order of events at one instant: the world changes first, work ends
// before work begins, and the network settles after everybody has spoken.
const (
	prioEnd     des.Priority = 0
	prioWorld   des.Priority = 1
	prioDone    des.Priority = 2
	prioHop     des.Priority = 3
	prioArrive  des.Priority = 4
	prioTimeout des.Priority = 5
	prioSettle  des.Priority = 15
)

// A request is one arrival of a pipeline, alive until its last token ends.
type request struct {
	createdAt  time.Duration
	deadlineAt time.Duration // 0 is none
	wait       time.Duration
	pipeline   int32
	live       int32  // tokens under way
	row        int32  // of the arrival trace, -1 without one
	next       uint32 // free: the next free one
	class      uint8
	level      uint8 // priority rank over the whole scenario; 0 is served first
	ended      bool  // rejected, expired or lost: its remaining tokens vanish
}

// A token is a request at one operator, or its message on the way to one.
type token struct {
	req       uint32
	op        int32         // operator that it is at, or left
	edge      int32         // crossing, while under way
	hop       int32         // position in the edge's hops
	since     time.Duration // when it joined the queue that it is in
	remaining time.Duration // service due; -1 before it is known
	endAt     time.Duration // of the service in progress
	bytes     float64       // of the message under way
	next      uint32        // batch: the member behind it; free: the next free one
	gen       uint16        // of its pending evDone
	level     uint8
	flags     uint8
}

const (
	flagCredit  uint8 = 1 << iota // holds a place in its operator's bounded queue
	flagRunning                   // in service
	flagLeader                    // of a batch: members follow by next
	flagServed                    // has been in service before
	flagRouted                    // has chosen its branch: edge, or -1 to leave
	flagHolds                     // blocked after service, and keeps its core
)

// begin resets a token for a new use of its slot; its generation lives on.
func (t *token) begin(req uint32, op int32, level uint8) {
	t.req, t.op, t.endAt = req, op, 0
	t.level, t.flags = level, 0
}

// No slot of a slab.
const (
	noToken   = ^uint32(0)
	noRequest = ^uint32(0)
)

// A pipe is a pipeline as the simulation runs it.
type pipe struct {
	first, last int32 // its operators are ops[first:last]
	entries     []int32
	subject     int32 // where it is measured
	level       uint8
	classes     []class
	deadline    time.Duration
	dropLate    bool
	routed      bool
	placed      bool
	demands     []draw.Sampler // drawn when a request is created, in this order
	requests    *des.Stream    // that they are drawn from
	source      source
}

type class struct {
	share   float64
	level   uint8
	subject int32
}

// An op is an operator in its place.
type op struct {
	at      *station
	station int32 // its number
	pipe    int32
	index   int32   // in its pipeline
	slow    float64 // work is multiplied by it: Berkeley's k, else 1
	speed   float64
	edges   []int32
	next    []branch // probabilistic routing
	need    int32    // messages that a join waits for; 0 or 1 passes
	join    int32    // index of its counter among the request's joins

	work, output     draw.Sampler
	workAt, outputAt int32       // in the request's draws; -1 draws at start
	workBy, outputBy int32       // trace columns that scale them, -1 for none
	stream           *des.Stream // for draws at start
	scaled           bool        // the work drawn is not yet the time it takes

	limit   int32 // bounded queue; 0 is unbounded
	held    int32 // places taken in it
	blocked ring  // tokens elsewhere that wait for a place
	guarded bool  // some successor has a bounded queue
	// plain operators of chains that nothing can end early pass tokens
	// straight to their station and along their one edge, -1 at the end.
	plain bool
	way   int32

	coldStart time.Duration
	cold      bool

	batch     int32
	batchWait time.Duration
	gathered  int32
	gatherTo  uint32 // leader of the batch that fills
	gatherEnd uint32 // its last member
	batchGen  uint16
}

type branch struct {
	upTo float64 // cumulative probability
	edge int32
}

// An edge is the way from an operator to a successor.
type edge struct {
	to    int32
	local bool // the same node
	links []topology.LinkID
	media []int32 // finite ones, for fair sharing
}
