// Package cluster holds what runs where at one instant: machines, jobs and
// allocations, as snapshots that stay as they are while the cluster goes on,
// and plans to change them. It decides nothing.
package cluster

import (
	"time"

	"caravan/topology"
	"caravan/workloads"
)

// An AllocID numbers allocations from 0 in the order of their creation.
type AllocID int32

// A JobID numbers jobs from 0 in the order of their first submission.
type JobID int32

// NoAlloc and NoJob are the absent ones.
const (
	NoAlloc AllocID = -1
	NoJob   JobID   = -1
)

// Desired is what the servers want of an allocation.
type Desired uint8

const (
	Run   Desired = iota
	Stop          // no longer wanted
	Evict         // makes room for a higher priority
)

// Client is what the node last said of an allocation.
type Client uint8

const (
	Pending  Client = iota // placed, not started
	Running                // its main tasks run
	Complete               // ended as meant
	Failed                 // ended otherwise
	Lost                   // its node is gone
	Unknown                // its node does not answer, but may return
)

// Terminal reports whether the allocation holds nothing any more.
func (c Client) Terminal() bool { return c == Complete || c == Failed || c == Lost }

func (d Desired) String() string { return [...]string{"run", "stop", "evict"}[d] }

func (c Client) String() string {
	return [...]string{"pending", "running", "complete", "failed", "lost", "unknown"}[c]
}

// Health is the verdict of a deployment on an allocation.
type Health uint8

const (
	Unjudged Health = iota
	Healthy
	Unhealthy
)

// An Allocation is one instance of a job's group on a node.
type Allocation struct {
	ID    AllocID // NoAlloc in a plan that creates it
	Job   JobID
	Spec  *workloads.Job // the version of the job that it runs
	Group int32          // position in Spec.Groups
	Index int32          // the number in its name, 0 to Count-1
	Node  topology.NodeID

	Amount // what it holds in every dimension that adds up
	*Grant // what it holds by name; nil when nothing

	Desired Desired
	Client  Client
	Health  Health
	Canary  bool
	// Deployment numbers the deployment that it belongs to; below 0 is none.
	Deployment int32

	Previous  AllocID // that it replaces
	Next      AllocID // that replaces it
	EvictedBy AllocID // for which it was evicted

	CreatedAt time.Duration
	StartedAt time.Duration // when it was last seen to run; 0 before
	EndedAt   time.Duration // when the client called it terminal
	Score     float64       // final score of its node when it was placed
}

// TaskGroup is the group that the allocation is an instance of.
func (a *Allocation) TaskGroup() *workloads.Group { return &a.Spec.Groups[a.Group] }

// Priority is that of the job version that it runs.
func (a *Allocation) Priority() int { return a.Spec.Priority }

// An Amount is what adds up on a node, in the units of package topology.
type Amount struct {
	CPU    topology.MHz
	Memory topology.Bytes
	Disk   topology.Bytes
}

// Plus is the sum of two amounts.
func (a Amount) Plus(b Amount) Amount {
	return Amount{a.CPU + b.CPU, a.Memory + b.Memory, a.Disk + b.Disk}
}

// Less is a without b.
func (a Amount) Less(b Amount) Amount {
	return Amount{a.CPU - b.CPU, a.Memory - b.Memory, a.Disk - b.Disk}
}

// Times is k times the amount.
func (a Amount) Times(k int) Amount {
	return Amount{topology.MHz(k) * a.CPU, topology.Bytes(k) * a.Memory, topology.Bytes(k) * a.Disk}
}

// Covers reports whether a is at least b in every dimension.
func (a Amount) Covers(b Amount) bool {
	return a.CPU >= b.CPU && a.Memory >= b.Memory && a.Disk >= b.Disk
}

// A Grant is what an allocation holds by name: cores, ports, devices.
type Grant struct {
	Cores    []int16
	Networks []NetworkGrant // in the order of the group's AllNetworks
	Devices  []DeviceGrant  // in the order of the Ask's Devices
}

// A NetworkGrant is bandwidth and ports on one interface.
type NetworkGrant struct {
	Interface int16 // position on the machine
	Mbits     int32
	Ports     []int32 // static ones, then dynamic ones
}

// A DeviceGrant is instances of one device group.
type DeviceGrant struct {
	Group     int16 // position on the machine
	Milli     int16 // thousandths of each instance
	Instances []int16
}
