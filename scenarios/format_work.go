package scenarios

// Workload is what runs: pipelines of operators, and jobs.
type Workload struct {
	here
	// Pipelines of operators that requests pass through.
	Pipelines []Pipeline `json:"pipelines,omitempty"`
	// Jobs that reserve resources, as orchestrators know them.
	Jobs []Job `json:"jobs,omitempty"`
	// Import reads more jobs or pipelines from files of other tools.
	Import []Import `json:"import,omitempty"`
}

// Pipeline is a chain or graph of operators that each request passes through.
type Pipeline struct {
	here
	// Name of the pipeline.
	Name string `json:"name"`
	// Count replicates the pipeline: name-1 to name-COUNT.
	Count int `json:"count,omitempty" min:"1" max:"200000"`
	// Source is the node where requests appear; it pins the operators without
	// predecessors. Absent leaves them free.
	Source string `json:"source,omitempty"`
	// Sources stamps one pipeline for each of these nodes, called name@node: a
	// list of nodes, or a selection such as `class == edge`.
	Sources Names `json:"sources,omitempty"`
	// Sink is the node where requests end; it pins the operators without
	// successors. The word @source stands for the pipeline's own source.
	Sink string `json:"sink,omitempty"`
	// Report pools the measurements of replicated pipelines, or keeps each.
	Report string `json:"report,omitempty" default:"pooled" enum:"pooled,each"`
	// Priority of the requests; higher goes first.
	Priority int `json:"priority,omitempty" default:"50" min:"0" max:"1000000"`
	// Classes draw each request's priority instead.
	Classes []Class `json:"classes,omitempty"`
	// Arrivals of requests. The default is a single request at the start.
	Arrivals *Arrivals `json:"arrivals,omitempty"`
	// Deadline of a request, counted from its arrival. Absent is none.
	Deadline Duration `json:"deadline,omitempty" default:"0s"`
	// DropLate drops a request that is past its deadline when its turn comes.
	DropLate bool `json:"drop_late,omitempty" default:"false"`
	// Operators in the order of the chain. An operator follows the one before
	// it, unless it says otherwise with after, or any has next.
	Operators []Operator `json:"operators"`
}

// Class is a share of a pipeline's requests with its own priority.
type Class struct {
	// Name of the class.
	Name string `json:"name"`
	// Share of the requests; the shares add up to 100 %.
	Share Share `json:"share"`
	// Priority of the class; higher goes first.
	Priority int `json:"priority" min:"0" max:"1000000"`
}

// Arrivals say when requests appear: exactly one of periodic, poisson, mmpp,
// trace and closed, with the optional bounds.
type Arrivals struct {
	here
	// Periodic sends one request every so often, the first at the start.
	Periodic *Duration `json:"periodic,omitempty"`
	// Poisson sends requests at random with this mean rate.
	Poisson *Rate `json:"poisson,omitempty"`
	// MMPP is bursty: the rate follows the listed states, each held for an
	// exponential time.
	MMPP []State `json:"mmpp,omitempty"`
	// Trace replays recorded instants.
	Trace *Trace `json:"trace,omitempty"`
	// Closed is a number of users who send, wait for the answer, and think.
	Closed *Closed `json:"closed,omitempty"`
	// Batch is how many requests arrive together.
	Batch int `json:"batch,omitempty" default:"1" min:"1" max:"1000000"`
	// Start of the arrivals.
	Start Duration `json:"start,omitempty" default:"0s"`
	// Stagger delays each further copy of a replicated pipeline by this much,
	// so that periodic copies do not move in step.
	Stagger Duration `json:"stagger,omitempty" default:"0s"`
	// Stop of the arrivals. Absent is never.
	Stop Duration `json:"stop,omitempty" default:"0s"`
	// Count of requests at most; 0 is unbounded.
	Count int `json:"count,omitempty" default:"0" min:"0"`
}

// State is one state of a bursty source.
type State struct {
	// Rate of requests while it lasts.
	Rate Rate `json:"rate"`
	// For is the mean time that it lasts.
	For Duration `json:"for"`
}

// Trace replays recorded arrivals, from a file or written here.
type Trace struct {
	here
	// File to read, relative to the scenario; a name after `shipped:` is one
	// that comes with Caravan. Gzip is unpacked.
	File string `json:"file,omitempty"`
	// Format of the file; the default follows from its content.
	Format string `json:"format,omitempty"`
	// Times of the arrivals since the start.
	Times []Duration `json:"times,omitempty"`
	// Factors are named columns with one number for each time; an operator
	// multiplies its work or output by one with work_factor or output_factor.
	// A file brings its own columns.
	Factors map[string][]float64 `json:"factors,omitempty" min:"0"`
}

// Closed is a number of users who send, wait for the answer, and think.
type Closed struct {
	// Population is the number of users.
	Population int `json:"population" min:"1" max:"10000000"`
	// Think is the time between an answer and the next request.
	Think DurationDist `json:"think,omitempty" default:"0s"`
}

// Operator is one stage of a pipeline.
type Operator struct {
	here
	// Name of the operator, unique in its pipeline.
	Name string `json:"name"`
	// Work of one request in seconds on the reference machine (speed 1, one
	// core): a duration, or a distribution such as {exponential: 50ms}.
	Work DurationDist `json:"work"`
	// Output is the data sent to each successor: an amount, or a distribution.
	// The output of the last operator is never sent.
	Output BytesDist `json:"output,omitempty" default:"0B"`
	// WorkFactor names the column of the trace that scales each request's work.
	WorkFactor string `json:"work_factor,omitempty"`
	// OutputFactor names the column of the trace that scales each request's
	// output.
	OutputFactor string `json:"output_factor,omitempty"`
	// After names the operators whose output it needs; [] makes it a first
	// operator. The default is the operator before it in the list.
	After *Names `json:"after,omitempty"`
	// Next sends each request to one operator by chance, such as
	// {retry: 0.1, store: 0.9}; what is missing to 1 leaves.
	Next Next `json:"next,omitempty"`
	// Node pins the operator.
	Node string `json:"node,omitempty"`
	// Constraints such as `class == edge`, `region != eu` or
	// `class in [edge, fog]`; all must hold.
	Constraints []Constraint `json:"constraints,omitempty"`
	Demand
	// Queue bounds the requests that wait for the operator; 0 is unbounded.
	Queue int `json:"queue,omitempty" default:"0" min:"0"`
	// ColdStart passes before the first request is served, and again after
	// the node was down.
	ColdStart Duration `json:"cold_start,omitempty" default:"0s"`
	// Batch serves this many requests as one unit of work.
	Batch int `json:"batch,omitempty" default:"1" min:"1" max:"1000000"`
	// BatchWait is the longest that a request waits for its batch to fill.
	BatchWait Duration `json:"batch_wait,omitempty" default:"0s"`
	// Exec is the operator's program and its arguments, for live runs: it is
	// started once, reads a message a line and answers each with a line.
	Exec []string `json:"exec,omitempty"`
	// URL of an HTTP endpoint that does the work instead, for live runs.
	URL string `json:"url,omitempty"`
	// Framing of the program's messages: line, or frame, which puts four bytes
	// with the length before each.
	Framing string `json:"framing,omitempty" enum:"line,frame"`
}

// Demand is what an operator or a job's instance reserves on its node.
type Demand struct {
	// CPU reserved.
	CPU MHz `json:"cpu,omitempty" default:"0MHz"`
	// Memory reserved.
	Memory Bytes `json:"memory,omitempty" default:"0B"`
	// Disk reserved.
	Disk Bytes `json:"disk,omitempty" default:"0B"`
	// GPUs reserved: a number, or a count with a share of each and a model.
	GPUs GPUDemand `json:"gpus,omitempty"`
}

// GPUDemand is a number of accelerators, or a share of one.
type GPUDemand struct {
	here
	// Count of devices.
	Count int `json:"count,omitempty" default:"1" min:"0" max:"1024"`
	// Milli is the share of each device in thousandths.
	Milli int `json:"milli,omitempty" default:"1000" min:"1" max:"1000"`
	// Model that is needed, or a list of models that will do.
	Model Names `json:"model,omitempty"`
}

// Import reads a workload from a file of another tool.
type Import struct {
	here
	// File to read, relative to the scenario; a name after `shipped:` is one
	// that comes with Caravan. Gzip is unpacked.
	File string `json:"file"`
	// Format of the file; the default follows from its name and content.
	Format string `json:"format,omitempty"`
	// Source of the pipelines of the file, instead of its own.
	Source string `json:"source,omitempty"`
	// Sink of the pipelines of the file, instead of its own.
	Sink string `json:"sink,omitempty"`
	// Arrivals of the pipelines of the file, instead of its own.
	Arrivals *Arrivals `json:"arrivals,omitempty"`
}

// Outage takes nodes or links out of service: at a set instant with at, or
// again and again with mtbf and mttr.
type Outage struct {
	here
	// Nodes that fail together: a node, a list, or a selection such as
	// `class == edge`.
	Nodes Names `json:"nodes,omitempty"`
	// Links that fail together, by name.
	Links Names `json:"links,omitempty"`
	// Region whose nodes fail together.
	Region string `json:"region,omitempty"`
	// Each makes every node and link fail on its own rather than together.
	Each bool `json:"each,omitempty" default:"false"`
	// At is when it fails.
	At *Duration `json:"at,omitempty"`
	// For is how long it is down; absent is until the end.
	For Duration `json:"for,omitempty" default:"0s"`
	// MTBF is the time up between failures, a duration (exponential with that
	// mean) or a distribution.
	MTBF *FaultDist `json:"mtbf,omitempty"`
	// MTTR is the time to repair, a duration (exponential with that mean) or a
	// distribution.
	MTTR *FaultDist `json:"mttr,omitempty"`
	// LoseWork drops the requests that the node holds; otherwise they start
	// their operator again when it returns.
	LoseWork bool `json:"lose_work,omitempty" default:"false"`
}

// LinkChange is a schedule of a link's bandwidth and latency.
type LinkChange struct {
	here
	// Links that change, by name.
	Links Names `json:"links,omitempty"`
	// Between names two nodes whose links change in both directions.
	Between []string `json:"between,omitempty"`
	// Steps of the schedule, in order of time.
	Steps []Step `json:"steps,omitempty"`
	// File with the steps instead: a CSV table with the columns at and
	// bandwidth, latency or both, as texts with units; an empty cell stays.
	File string `json:"file,omitempty"`
}

// Step sets a link's bandwidth and latency from an instant on; what it leaves
// out stays as it was.
type Step struct {
	here
	// At is when it takes effect.
	At Duration `json:"at"`
	// Bandwidth from then on.
	Bandwidth *Bandwidth `json:"bandwidth,omitempty"`
	// Latency from then on.
	Latency *Duration `json:"latency,omitempty"`
}
