// Package agent is the process that runs one operator of a live pipeline: it
// receives messages over TCP, does the operator's work on each, and sends the
// output to its successors. The queueing is that of the simulation: nodes with
// a number of cores and a discipline, bounded queues with blocking after
// service, batches, and deadlines.
//
// An agent knows nothing of the cluster that it runs on. Its Config says where
// to listen and how each successor is found: at an address, or at whatever
// address a file holds at the moment.
package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"

	"caravan/workloads"
)

// ConfigVersion is the version of the configuration's format.
const ConfigVersion = 1

// MaxConfigBytes bounds a configuration file.
const MaxConfigBytes = 8 << 20

// A Config is everything that one agent needs to know. It is written as JSON.
type Config struct {
	Version  int    `json:"version"` // ConfigVersion
	Run      string `json:"run"`     // the label of the run
	Name     string `json:"name"`    // of the agent, unique in its run
	Pipeline string `json:"pipeline"`
	Operator string `json:"operator"`
	Index    int    `json:"index"` // the operator's position in its pipeline
	Node     string `json:"node"`

	// Listen is where messages are received, and HTTP where people and
	// monitors ask; port 0 takes a free one.
	Listen string `json:"listen"`
	HTTP   string `json:"http"`
	// Announce is a file in which the agent writes its addresses once it
	// listens, as JSON {"data": ..., "http": ...}; empty writes none.
	Announce string `json:"announce,omitempty"`

	Cores      int     `json:"cores"`                // of the node
	Speed      float64 `json:"speed"`                // of the node, 1 is the reference machine
	Discipline string  `json:"discipline,omitempty"` // of the node; empty is fcfs
	// Gate is the agent of the same node that gives out the node's cores; nil
	// when this agent does so itself.
	Gate *Lookup `json:"gate,omitempty"`

	Work Work `json:"work"`
	// Output is the bytes sent to each successor when neither the message nor
	// the program says so.
	Output workloads.Dist `json:"output"`
	// Predecessors is how many messages a request sends here before it is
	// served; 0 and 1 serve each message by itself.
	Predecessors int    `json:"predecessors,omitempty"`
	Successors   []Peer `json:"successors,omitempty"`

	Queue     int           `json:"queue,omitempty"` // places for waiting messages; 0 is unbounded
	Batch     int           `json:"batch,omitempty"` // served together; 0 and 1 do not batch
	BatchWait time.Duration `json:"batch_wait_ns,omitempty"`
	ColdStart time.Duration `json:"cold_start_ns,omitempty"` // before the first service
	Priority  int           `json:"priority,omitempty"`
	Deadline  time.Duration `json:"deadline_ns,omitempty"` // of requests that Source makes; 0 is none
	DropLate  bool          `json:"drop_late,omitempty"`

	// Collect keeps ended requests until a subscriber has taken them over.
	Collect bool `json:"collect,omitempty"`
	// Source makes requests here, so that a pipeline runs without a driver.
	Source *Source `json:"source,omitempty"`
	Seed   uint64  `json:"seed,omitempty"`
}

// A Peer is a successor: every request goes to each, or under Routed to one,
// chosen by probability; what is missing to 1 leaves the pipeline.
type Peer struct {
	Name        string  `json:"name"` // of the agent
	Lookup      Lookup  `json:"lookup"`
	Routed      bool    `json:"routed,omitempty"`
	Probability float64 `json:"probability,omitempty"`
	// Window is how many messages may be on the way to the peer or wait there,
	// for a peer with a bounded queue; 0 is unbounded.
	Window int `json:"window,omitempty"`
}

// A Lookup says how a peer is found, anew before every attempt to connect.
type Lookup struct {
	// Address is host:port. A name is resolved at every attempt.
	Address string `json:"address,omitempty"`
	// File holds the address, as text or as Announce writes it. While it does
	// not exist, the peer is not up yet.
	File string `json:"file,omitempty"`
}

// The kinds of Work.
const (
	Burn = "burn" // processor time of one core, as much as the work says
	Hold = "hold" // a core of the node for as long by the clock, without load
	Exec = "exec" // the user's program, which lives as long as the agent
	HTTP = "http" // a POST of the payload; the answer's body is the output
)

// A Work is what an operator does with a message.
type Work struct {
	Kind string `json:"kind"`
	// Time is the seconds on the reference machine, for Burn and Hold, when
	// the message does not bring its own.
	Time workloads.Dist `json:"time"`
	Exec []string       `json:"exec,omitempty"` // program and arguments
	Dir  string         `json:"dir,omitempty"`  // the program's working directory
	// Framing of the program's input and output: line (the default) ends each
	// message with a newline; frame puts four bytes before it, its length in
	// big-endian order.
	Framing string `json:"framing,omitempty"`
	URL     string `json:"url,omitempty"` // for HTTP
}

// A Source makes requests by itself.
type Source struct {
	Arrivals workloads.Arrivals `json:"arrivals"`
}

// Check reports every fault of the configuration.
func (c *Config) Check() error {
	var faults []error
	bad := func(field, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
	}
	if c.Version != ConfigVersion {
		bad("version", "found %d, allowed: %d", c.Version, ConfigVersion)
	}
	if c.Run == "" || c.Name == "" {
		bad("run, name", "found %q and %q, allowed: a label and a name", c.Run, c.Name)
	}
	if c.Listen == "" || c.HTTP == "" {
		bad("listen, http", "found %q and %q, allowed: host:port", c.Listen, c.HTTP)
	}
	if c.Cores < 1 {
		bad("cores", "found %d, allowed: 1 or more", c.Cores)
	}
	if !(c.Speed > 0) {
		bad("speed", "found %v, allowed: more than 0", c.Speed)
	}
	if !slices.Contains(Disciplines(), c.Discipline) {
		bad("discipline", "found %q, allowed: %q", c.Discipline, Disciplines())
	}
	for _, n := range []struct {
		field string
		value int
	}{{"index", c.Index}, {"predecessors", c.Predecessors}, {"queue", c.Queue}, {"batch", c.Batch}} {
		if n.value < 0 {
			bad(n.field, "found %d, allowed: 0 or more", n.value)
		}
	}
	faults = append(faults, c.Work.check()...)
	for i, p := range c.Successors {
		if p.Name == "" || p.Lookup == (Lookup{}) {
			bad(fmt.Sprintf("successors[%d]", i), "found no name or no lookup, allowed: both")
		}
		if p.Routed && !(p.Probability >= 0 && p.Probability <= 1) {
			bad(fmt.Sprintf("successors[%d].probability", i), "found %v, allowed: 0 to 1", p.Probability)
		}
	}
	return errors.Join(faults...)
}

func (w *Work) check() []error {
	switch w.Kind {
	case Burn, Hold:
		if err := w.Time.Check(); err != nil {
			return []error{fmt.Errorf("work.time: %w", err)}
		}
	case Exec:
		if len(w.Exec) == 0 || w.Exec[0] == "" {
			return []error{errors.New("work.exec: found nothing, allowed: a program and its arguments")}
		}
		if w.Framing != "" && w.Framing != "line" && w.Framing != "frame" {
			return []error{fmt.Errorf("work.framing: found %q, allowed: line, frame", w.Framing)}
		}
	case HTTP:
		if u, err := url.Parse(w.URL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return []error{fmt.Errorf("work.url: found %q, allowed: an http or https address", w.URL)}
		}
	default:
		return []error{fmt.Errorf("work.kind: found %q, allowed: %s, %s, %s, %s", w.Kind, Burn, Hold, Exec, HTTP)}
	}
	return nil
}

// Disciplines lists the orders of service that an agent knows. The empty one
// is fcfs; berkeley gives every operator a server of its own.
func Disciplines() []string {
	return []string{"", "fcfs", "priority", "preemptive", "sjf", "delay", "berkeley"}
}

// ReadConfig reads a configuration file.
func ReadConfig(path string) (*Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxConfigBytes {
		return nil, fmt.Errorf("%s: %d bytes, allowed: %d", path, info.Size(), MaxConfigBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := ParseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseConfig reads and checks a configuration.
func ParseConfig(data []byte) (*Config, error) {
	c := &Config{}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, err
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	return c, nil
}
