package scenarios

// The structs of this file and of format_*.go are the file format. Their doc
// comments become the descriptions of the JSON Schema and of
// docs/scenario.md, and their tags hold every default.

// File is a scenario: a network of machines, the work that runs on it, and
// how to solve and simulate it. Keys that begin with x- are ignored, so that
// they can hold YAML anchors.
type File struct {
	// Name of the scenario in reports. The default is the file's name.
	Name string `json:"name,omitempty"`
	// Description says in a sentence what the scenario shows.
	Description string `json:"description,omitempty"`
	// Seed of every random draw. Equal files and seeds give equal results.
	Seed uint64 `json:"seed,omitempty" default:"1"`
	// Topology is the machines and the links between them.
	Topology Topology `json:"topology"`
	// Workload is what runs.
	Workload Workload `json:"workload"`
	// Models says how computing and the network behave.
	Models Models `json:"models,omitempty" default:"{}"`
	// Faults take nodes and links out of service.
	Faults []Outage `json:"faults,omitempty"`
	// LinkChanges give links another bandwidth or latency during the run.
	LinkChanges []LinkChange `json:"link_changes,omitempty"`
	// ControlPlane says how the orchestrator that places jobs during a run
	// behaves. With it, or with events, jobs are simulated through queues of
	// evaluations, schedulers, plans, evictions, deployments and drains.
	ControlPlane *ControlPlane `json:"controlplane,omitempty"`
	// Events are done to the cluster, or happen to it, at set times.
	Events []Event `json:"events,omitempty"`
	// Solve says how work is placed.
	Solve Solve `json:"solve,omitempty" default:"{}"`
	// Simulate says how long and how often the run is simulated.
	Simulate Simulate `json:"simulate,omitempty" default:"{}"`
}

// Topology is the machines and the links between them: written out, read from
// a file of another tool, generated, or any mixture. Written nodes that bear
// the name of a read or generated node change the fields that they give.
type Topology struct {
	here
	// Defaults stand for the fields that nodes and links leave out, also those
	// that come from a file or a generator.
	Defaults Defaults `json:"defaults,omitempty"`
	// File to read nodes and links from, relative to the scenario; a name
	// after `shipped:` is one that comes with Caravan.
	File string `json:"file,omitempty"`
	// Format of the file; the default follows from its name.
	Format string `json:"format,omitempty"`
	// Generate makes nodes and links by rule.
	Generate *Generate `json:"generate,omitempty"`
	// Nodes by name, or as a list of nodes that each give their name.
	Nodes Nodes `json:"nodes,omitempty"`
	// Attach adds new nodes to each of some existing ones, such as ten cameras
	// to every gateway.
	Attach []Attach `json:"attach,omitempty"`
	// Links between nodes.
	Links []Link `json:"links,omitempty"`
}

// Defaults stand for the fields that nodes and links leave out.
type Defaults struct {
	// Node holds default fields of nodes.
	Node *Node `json:"node,omitempty"`
	// Link holds default fields of links.
	Link *Link `json:"link,omitempty"`
}

// Node is a machine that runs work.
type Node struct {
	here
	// Name of the node, where nodes are a list.
	Name string `json:"name,omitempty"`
	// Count replicates the node: name-1 to name-COUNT. Absent is one node
	// without a suffix.
	Count int `json:"count,omitempty" min:"1" max:"200000"`
	// Speed relative to the reference machine: work of 1 s takes 1/speed
	// seconds here.
	Speed float64 `json:"speed,omitempty" default:"1" above:"0"`
	// Cores are the servers that work in parallel.
	Cores int `json:"cores,omitempty" default:"1" min:"1" max:"1000000"`
	// CPU is the processor capacity that jobs and operators reserve. Absent is
	// unlimited.
	CPU MHz `json:"cpu,omitempty"`
	// Memory that jobs and operators reserve. Absent is unlimited.
	Memory Bytes `json:"memory,omitempty"`
	// Disk that jobs and operators reserve. Absent is unlimited.
	Disk Bytes `json:"disk,omitempty"`
	// GPUs of the node.
	GPUs GPUs `json:"gpus,omitempty"`
	// Class is free text that constraints match, such as edge.
	Class string `json:"class,omitempty"`
	// Region is the federation domain.
	Region string `json:"region,omitempty"`
	// Datacenter within the region.
	Datacenter string `json:"datacenter,omitempty"`
	// Pool is HashiCorp's node pool.
	Pool string `json:"pool,omitempty"`
	// Discipline overrides models.compute on this node.
	Discipline string `json:"discipline,omitempty" enum:"fcfs,priority,preemptive,ps,sjf,srpt,delay,berkeley"`
	// Colocate false forbids two consecutive operators of one pipeline here.
	Colocate bool `json:"colocate,omitempty" default:"true"`
	// Queue bounds the requests that wait or run here; 0 is unbounded.
	Queue int `json:"queue,omitempty" min:"0"`
	// Attributes are further texts that constraints match, such as
	// kernel.name: linux.
	Attributes map[string]string `json:"attributes,omitempty"`
	// Meta are texts of the operator that constraints match as meta.NAME.
	Meta map[string]string `json:"meta,omitempty"`
	// Drivers of tasks that the node has, such as docker. Absent is every one.
	Drivers Names `json:"drivers,omitempty"`
	// Devices are accelerators by their kind, apart from gpus.
	Devices []NodeDevice `json:"devices,omitempty"`
	// Interfaces are the network cards. Absent is one without a limit.
	Interfaces []Interface `json:"interfaces,omitempty"`
	// MaxInstances of jobs at once; 0 is unbounded.
	MaxInstances int `json:"max_instances,omitempty" min:"0"`
	// Location in degrees; gives links between located nodes their distance.
	Location *Location `json:"location,omitempty"`
	// Price in currency units per hour while the node exists.
	Price float64 `json:"price,omitempty" min:"0"`
	// Power in watts.
	Power Power `json:"power,omitempty"`
	// Carbon intensity of the node's electricity in grams of CO2 equivalent
	// per kWh.
	Carbon float64 `json:"carbon,omitempty" min:"0"`
	// Reserved is set aside for the machine's own use.
	Reserved Reserved `json:"reserved,omitempty"`
}

// GPUs are the accelerators of a node: a number, or a count and a model.
type GPUs struct {
	// Count of devices.
	Count int `json:"count" min:"0" max:"1024"`
	// Model of the devices.
	Model string `json:"model,omitempty"`
}

// NodeDevice is a number of equal devices of a node.
type NodeDevice struct {
	here
	// Vendor of the devices, such as nvidia.
	Vendor string `json:"vendor,omitempty"`
	// Type of the devices, such as gpu.
	Type string `json:"type"`
	// Model of the devices.
	Model string `json:"model,omitempty"`
	// Count of devices.
	Count int `json:"count,omitempty" default:"1" min:"1" max:"1024"`
	// Attributes that the constraints of tasks match as device.attr.NAME, such
	// as memory: 11 GiB.
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Interface is a network card of a node.
type Interface struct {
	// Name of the card.
	Name string `json:"name,omitempty" default:"eth0"`
	// Mbits are the megabits per second that jobs can reserve; 0 is unbounded.
	Mbits int `json:"mbits,omitempty" default:"1000" min:"0" max:"10000000"`
}

// Location is a place on the globe.
type Location struct {
	// Latitude in degrees, north positive.
	Latitude float64 `json:"latitude" min:"-90" max:"90"`
	// Longitude in degrees, east positive.
	Longitude float64 `json:"longitude" min:"-180" max:"180"`
}

// Power is what a node draws.
type Power struct {
	here
	// Idle watts.
	Idle float64 `json:"idle,omitempty" min:"0"`
	// Busy watts at full utilisation.
	Busy float64 `json:"busy,omitempty" min:"0"`
}

// Reserved is capacity that placement never uses.
type Reserved struct {
	// CPU set aside.
	CPU MHz `json:"cpu,omitempty"`
	// Memory set aside.
	Memory Bytes `json:"memory,omitempty"`
	// Disk set aside.
	Disk Bytes `json:"disk,omitempty"`
	// Cores set aside by number from 0, for tasks that ask for whole cores.
	Cores []int `json:"cores,omitempty" min:"0" max:"1000000"`
	// Ports of the host set aside.
	Ports []int `json:"ports,omitempty" min:"1" max:"65535"`
}

// Attach adds new nodes, each with a link, to existing nodes.
type Attach struct {
	here
	// Name of the new nodes; each is called NAME-1, NAME-2, ... in order.
	Name string `json:"name"`
	// To is where they are attached: a node, a list of nodes, or a selection
	// such as `class == fog`.
	To Names `json:"to"`
	// Count of new nodes for each of these.
	Count int `json:"count,omitempty" default:"1" min:"1" max:"200000"`
	// Node holds the fields of the new nodes. Their region and datacenter,
	// unless given, are those of the node that they are attached to.
	Node *Node `json:"node,omitempty"`
	// Link holds the fields of the links, without endpoints.
	Link *Link `json:"link,omitempty"`
}

// Link carries messages between nodes: both ways with between, one way with
// from and to. Lists and selections stand for every pair of their nodes.
type Link struct {
	here
	// Between the first node and the second, both ways.
	Between []Names `json:"between,omitempty"`
	// From this node, one way.
	From Names `json:"from,omitempty"`
	// To this node, one way.
	To Names `json:"to,omitempty"`
	// Name of the link. The default is from->to.
	Name string `json:"name,omitempty"`
	// Bandwidth of the link. Absent is unlimited.
	Bandwidth Bandwidth `json:"bandwidth,omitempty"`
	// Latency is the time of propagation one way.
	Latency Duration `json:"latency,omitempty" default:"0s"`
	// Jitter is the half-width of a uniform variation of the latency.
	Jitter Duration `json:"jitter,omitempty" default:"0s"`
	// Loss is the probability that a message must be sent again, below 1.
	Loss Share `json:"loss,omitempty" default:"0%"`
	// Duplex is full when each direction has the whole bandwidth, half when
	// both directions share it.
	Duplex string `json:"duplex,omitempty" default:"full" enum:"full,half"`
	// Price in currency units per gigabyte (10^9 bytes).
	Price float64 `json:"price,omitempty" min:"0"`
	// Distance in kilometres.
	Distance float64 `json:"distance,omitempty" min:"0"`
}

// Models says how computing and the network behave.
type Models struct {
	// Compute is the discipline of nodes: fcfs (one server a core, first come
	// first served), priority, preemptive, ps (processor sharing), sjf, srpt,
	// delay (no queueing) or berkeley (each operator its own server, slowed by
	// the operators that share the node). The default is fcfs, and berkeley
	// when solve.contention is.
	Compute string `json:"compute,omitempty" enum:"fcfs,priority,preemptive,ps,sjf,srpt,delay,berkeley"`
	// Network is fixed (a delay), fifo (each link sends one message at a time)
	// or fair (messages share links max-min fairly).
	Network string `json:"network,omitempty" default:"fifo" enum:"fixed,fifo,fair"`
	// Routing takes the path of least latency, of fewest hops, or only direct
	// links.
	Routing string `json:"routing,omitempty" default:"latency" enum:"latency,hops,direct"`
}

// Solve says how work is placed.
type Solve struct {
	here
	// Solver by name; caravan solve --help lists them. The default is
	// chaincut for latency, and for the throughput of one pipeline; binpack
	// when there are only jobs, and nomad when they ask for ports, cores,
	// devices, distances or preferences; local for any other objective, with
	// also or limits, and for pipelines beside standing jobs.
	Solver string `json:"solver,omitempty"`
	// Objective to minimise: latency (mean over pipelines, weighted by their
	// rates, on idle machines), worst-latency, queueing-latency (the same mean
	// with the waiting that all the load together causes), deadline-misses
	// (share of requests), throughput (utilisation of the busiest node or
	// link), money (per hour), energy (watts), nodes (in use), fragmentation
	// (share left over on nodes in use), moves (from the placement in force),
	// affinity (share of the jobs' preferences that is not met) or spread
	// (share of instances beyond what the jobs' spreads want).
	// The default is latency, and nodes
	// when there are only jobs.
	Objective string `json:"objective,omitempty" enum:"latency,worst-latency,queueing-latency,deadline-misses,throughput,money,energy,nodes,fragmentation,moves,affinity,spread"`
	// Then lists objectives to minimise afterwards, one after the other, as long
	// as the earlier ones stay at what they reached.
	Then []string `json:"then,omitempty" enum:"latency,worst-latency,queueing-latency,deadline-misses,throughput,money,energy,nodes,fragmentation,moves,affinity,spread"`
	// Also adds other objectives to the first by weight.
	Also []Weighed `json:"also,omitempty"`
	// Limits are the most that objectives may come to.
	Limits []Limit `json:"limits,omitempty"`
	// Contention multiplies an operator's time by the operators of its
	// pipeline on the node (berkeley), or not (none).
	Contention string `json:"contention,omitempty" default:"none" enum:"none,berkeley"`
	// MaxSteps bounds the search; 0 leaves the bound to the solver.
	MaxSteps int64 `json:"max_steps,omitempty" default:"0" min:"0"`
	// Policy places jobs that arrive during the simulation: binpack fills
	// nodes up, spread keeps them even; random, best-fit, worst-fit,
	// dot-product, gpu-packing, gpu-clustering, fgd and kubernetes are there
	// for comparison. The default follows the solver.
	Policy string `json:"policy,omitempty"`
}

// Weighed is an objective that counts so much.
type Weighed struct {
	here
	// Objective as in solve.objective.
	Objective string `json:"objective" enum:"latency,worst-latency,queueing-latency,deadline-misses,throughput,money,energy,nodes,fragmentation,moves,affinity,spread"`
	// Weight multiplies its value, in its unit.
	Weight float64 `json:"weight" min:"0"`
}

// Limit is the most that an objective may come to.
type Limit struct {
	here
	// Objective as in solve.objective.
	Objective string `json:"objective" enum:"latency,worst-latency,queueing-latency,deadline-misses,throughput,money,energy,nodes,fragmentation,moves,affinity,spread"`
	// Most is its greatest value, in its unit: seconds, currency units an hour,
	// watts, nodes, moves or a share.
	Most float64 `json:"most" min:"0"`
}

// Simulate says how long and how often the run is simulated.
type Simulate struct {
	here
	// Duration of each replication in simulated time.
	Duration Duration `json:"duration,omitempty" default:"10m"`
	// Warmup is cut off the start of each replication: a duration, or auto,
	// which finds it by the MSER-5 rule (White, 1997).
	Warmup Warmup `json:"warmup,omitempty" default:"auto"`
	// Replications with independent random draws.
	Replications int `json:"replications,omitempty" default:"10" min:"1" max:"1000000"`
	// Precision adds replications until the half-width of the 95 % confidence
	// interval of the mean latency is below this share of the mean; 0 is off.
	Precision Share `json:"precision,omitempty" default:"0%"`
	// MaxReplications bounds what precision may ask for.
	MaxReplications int `json:"max_replications,omitempty" default:"1000" min:"1" max:"1000000"`
	// Requests ends a replication after this many requests; 0 is off.
	Requests int `json:"requests,omitempty" default:"0" min:"0"`
}
