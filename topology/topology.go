// Package topology holds the places where work can run and the links that
// join them: nodes, directed links, routes and their formulas. It knows
// nothing of workloads, solvers or simulation.
package topology

import "time"

// A NodeID is the dense position of a node in Topology.Nodes.
type NodeID int32

// A LinkID is the dense position of a directed link in Topology.Links.
type LinkID int32

// None is the absent node: an unpinned operator, an unplaced instance.
const None NodeID = -1

// A Node is a machine that runs work.
type Node struct {
	Name       string
	Region     string // federation domain; empty is the one default region
	Datacenter string
	Class      string // free text that constraints match, such as "edge"
	Pool       string // HashiCorp's node pool; empty is "default"

	Cores  int     // servers that run in parallel, at least 1
	Speed  float64 // relative to the reference machine, 1.0; work/Speed is the service time
	CPU    MHz     // capacity that jobs reserve; 0 leaves it unconstrained
	Memory Bytes   // 0 leaves it unconstrained
	Disk   Bytes   // 0 leaves it unconstrained
	GPUs   GPUs
	// Devices are further accelerators, each group of one kind. GPUs is the
	// short form of a group of type gpu.
	Devices []DeviceGroup
	// Interfaces carry ports and bandwidth; none is one without a limit.
	Interfaces []Interface

	Reserved      Resources // set aside for the machine's own use, never placed on
	ReservedCores []int     // positions of cores that are never given to one task alone
	ReservedPorts []int     // of the host, never given away
	MaxInstances  int       // of jobs at once; 0 is unbounded

	// NoColocate forbids two consecutive operators of one pipeline on this
	// node: Berkeley's graph without a self loop.
	NoColocate bool

	// Discipline overrides the scenario's compute model here; empty keeps it.
	Discipline Discipline
	// QueueLimit bounds the work that waits or runs here; 0 is unbounded.
	QueueLimit int

	Attributes map[string]string // such as kernel.name; constraints call it attr.kernel.name
	Meta       map[string]string // constraints call an entry meta.NAME
	Drivers    []string          // of tasks, such as docker; none is every driver

	Location *Coordinates // nil when unknown

	PricePerHour float64 // currency units per hour while the node exists
	IdleWatts    float64
	BusyWatts    float64 // at full utilisation
	CarbonPerKWh float64 // grams of CO2 equivalent
}

// GPUs describes the accelerators of a node: Count devices of one model,
// each of which can be shared in thousandths.
type GPUs struct {
	Count int
	Model string
}

// A DeviceGroup is a number of equal devices of a node, told apart by their
// position in the group.
type DeviceGroup struct {
	Vendor, Type, Model string
	Count               int
	Attributes          map[string]string // such as memory: 11 GiB
}

// An Interface is a network card.
type Interface struct {
	Name  string // such as eth0
	Mbits int    // 0 is unconstrained
}

// Resources is a demand or a capacity in every dimension that placement
// weighs. The zero value demands nothing.
type Resources struct {
	CPU    MHz
	Memory Bytes
	Disk   Bytes
	// GPUs whole devices, or 1 with GPUMilli < 1000 for a share of one.
	GPUs     int
	GPUMilli int      // of each device, 1..1000; 0 when GPUs is 0
	GPUModel []string // any of these models; empty accepts every one
}

// Coordinates is a place on the globe in degrees.
type Coordinates struct{ Latitude, Longitude float64 }

// A Link carries messages one way.
type Link struct {
	Name      string
	From, To  NodeID
	Bandwidth BytesPerSecond // 0 is infinite: serialisation takes no time
	Latency   time.Duration  // propagation, one way
	Jitter    time.Duration  // half-width of a uniform variation of Latency
	Loss      float64        // probability in [0,1) that a message must be sent again
	// Medium is the capacity that the link draws on. Two directions of a
	// half-duplex link carry the same number; New gives every other link its own.
	Medium       int
	PricePerByte float64
	DistanceKm   float64 // 0 when unknown
}

// Routing says how a path between two nodes is chosen.
type Routing string

const (
	// RouteLatency takes the path of least propagation, then fewest hops.
	RouteLatency Routing = "latency"
	// RouteHops takes the path of fewest hops, then least propagation.
	RouteHops Routing = "hops"
	// RouteDirect allows neighbours only, as Berkeley's solver does.
	RouteDirect Routing = "direct"
)

// A Route is a path of links; the zero value stays on one node.
type Route struct {
	Links   []LinkID       // in order of travel; shared, not to be modified
	Latency time.Duration  // sum of the links'
	Narrow  BytesPerSecond // least bandwidth on the path; 0 is infinite
}

// A Discipline says in which order and at what rate a node serves the work
// that it holds.
type Discipline string

const (
	FCFS        Discipline = "fcfs"       // Cores servers, first come first served
	Priority    Discipline = "priority"   // head of line by priority, not preemptive
	Preemptive  Discipline = "preemptive" // preemptive-resume by priority; the victim is the lowest, latest started
	PS          Discipline = "ps"         // processor sharing: each of n gets min(1, Cores/n) of a core
	SJF         Discipline = "sjf"        // shortest job first, not preemptive
	SRPT        Discipline = "srpt"       // shortest remaining processing time, preemptive
	Delay       Discipline = "delay"      // a server for everybody: no queueing
	PerOperator Discipline = "berkeley"   // each operator its own FCFS server, slowed k-fold by the k operators of its pipeline on the node
)

// Disciplines lists every discipline, for messages and schemas.
func Disciplines() []Discipline {
	return []Discipline{FCFS, Priority, Preemptive, PS, SJF, SRPT, Delay, PerOperator}
}
