// Package runner replays placed pipelines on a real cluster and measures them.
// A Backend starts one agent (package agent) for each operator; the driver
// sends requests at the instants of the scenario and collects what comes out.
package runner

import (
	"context"
	"errors"
	"fmt"

	"caravan/runner/agent"
	"caravan/topology"
)

// A Backend is a cluster that runs agents. Everything that it creates carries
// the label of its run, and nothing without a label is ever touched.
//
// A Backend is safe for concurrent use. Its methods return soon after ctx ends.
type Backend interface {
	// Nodes lists the machines that agents can run on, by name.
	Nodes(ctx context.Context) ([]Node, error)
	// Deploy starts the agents of the plan and returns once all of them listen.
	// On an error it removes what it has created. Deploying a plan again starts
	// what is missing, moves what has another node, and leaves the rest alone.
	Deploy(ctx context.Context, p *Plan) error
	// Status lists the agents of a run, or of every run when run is empty, in
	// the order of run and name.
	Status(ctx context.Context, run string) ([]Agent, error)
	// Addresses says where this process reaches the agents of a run, by name.
	Addresses(ctx context.Context, run string) (map[string]Address, error)
	// Stop ends the agents of a run. What they leave behind, such as logs and
	// the entries of Status, stays until Clean. Twice is safe.
	Stop(ctx context.Context, run string) error
	// Clean removes whatever bears the label of the run, or of any run when run
	// is empty, and returns what it removed, one line each. Twice is safe.
	Clean(ctx context.Context, run string) ([]string, error)
}

// A Node is a machine of a cluster.
type Node struct {
	Name    string
	Ready   bool
	Cores   int // 0 is unknown
	CPU     topology.MHz
	Memory  topology.Bytes
	Address string // of the machine, empty when unknown
}

// An Agent is one operator's process as its cluster sees it.
type Agent struct {
	Run, Name, Node string
	State           State
	Restarts        int
	ID              string // what the cluster calls it: a process, an allocation, a pod
	Detail          string // why it is not running; may be empty
}

// A State is what an agent is doing.
type State string

const (
	Pending State = "pending"
	Running State = "running"
	Stopped State = "stopped" // as asked
	Failed  State = "failed"
)

// An Address is where an agent listens.
type Address struct {
	Data string `json:"data"` // messages
	HTTP string `json:"http"`
}

// A Plan is what a Backend deploys: one agent for each operator.
type Plan struct {
	Run    string // the label: lower-case letters, digits and dashes
	Agents []Deployment
	Routes []Route // between nodes that exchange messages, where links are emulated
}

// A Deployment is one agent and where it runs.
type Deployment struct {
	// Name of the agent: lower-case letters, digits and dashes, at most 52, so
	// that it can be part of a host name.
	Name string
	Node string
	// Config is complete but for what the backend settles: Listen, HTTP,
	// Announce, Gate and the Lookups of Successors.
	Config    agent.Config
	Resources topology.Resources
	// Entry marks a first operator, and Routed a pipeline whose requests walk
	// by chance.
	Entry, Routed bool
	// GateOf names the agent of the same node that gives out its cores; empty
	// when this one does.
	GateOf string
}

// A Route is the emulated way from one node to another.
type Route struct {
	From, To string // nodes
	Hops     []topology.Link
}

// RouteBetween returns the route from one node to another. ok is false when
// nothing is emulated between them.
func (p *Plan) RouteBetween(from, to string) (r Route, ok bool) {
	for _, r := range p.Routes {
		if r.From == from && r.To == to {
			return r, true
		}
	}
	return Route{}, false
}

// Agent returns the deployment called name.
func (p *Plan) Agent(name string) (d Deployment, ok bool) {
	for _, d := range p.Agents {
		if d.Name == name {
			return d, true
		}
	}
	return Deployment{}, false
}

// Wire returns the configuration of one agent with the lookups filled in:
// find says how agent from finds agent to.
func (p *Plan) Wire(d Deployment, find func(from, to Deployment) agent.Lookup) agent.Config {
	c := d.Config
	c.Successors = append([]agent.Peer(nil), c.Successors...)
	for i := range c.Successors {
		if to, ok := p.Agent(c.Successors[i].Name); ok {
			c.Successors[i].Lookup = find(d, to)
		}
	}
	if to, ok := p.Agent(d.GateOf); ok {
		l := find(d, to)
		c.Gate = &l
	}
	return c
}

// NodesAmong reports every node of the plan that is not among those of a
// cluster, or not ready.
func (p *Plan) NodesAmong(list []Node) error {
	ready := map[string]bool{}
	var names []string
	for _, n := range list {
		ready[n.Name] = n.Ready
		names = append(names, n.Name)
	}
	var faults []error
	for _, d := range p.Agents {
		if ok, known := ready[d.Node]; !known {
			faults = append(faults, fmt.Errorf("agent %s: node %q is not in the cluster (its nodes: %q)", d.Name, d.Node, names))
		} else if !ok {
			faults = append(faults, fmt.Errorf("agent %s: node %q is not ready", d.Name, d.Node))
		}
	}
	return errors.Join(faults...)
}
