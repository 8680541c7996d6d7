package workloads

import (
	"time"

	"caravan/topology"
)

// An Action is what an [Event] does.
type Action string

// The actions.
const (
	Submit    Action = "submit"    // Job: a new one, or a new version of one
	Stop      Action = "stop"      // Name
	Scale     Action = "scale"     // Name, Group, Count
	Promote   Action = "promote"   // Name: its canaries
	Drain     Action = "drain"     // Nodes, within Limit
	Enable    Action = "enable"    // Nodes, which a drain left ineligible
	Disable   Action = "disable"   // Nodes take no new work
	Join      Action = "join"      // Nodes that were absent
	Fail      Action = "fail"      // Nodes stop working, or all of Region and its servers
	Repair    Action = "repair"    // what failed
	Partition Action = "partition" // Nodes lose their servers and work on
	Heal      Action = "heal"      // what was parted
)

// Actions lists every action.
func Actions() []Action {
	return []Action{Submit, Stop, Scale, Promote, Drain, Enable, Disable, Join, Fail, Repair, Partition, Heal}
}

// An Event is something that is done to a cluster, or happens to it, at a set
// time.
type Event struct {
	At     time.Duration
	Action Action
	Job    *Job
	Name   string // of a job
	Group  string // empty is the first
	Count  int
	Nodes  []topology.NodeID
	Region string
	// Limit of a drain: what still runs then is stopped. 0 is without limit,
	// below 0 at once.
	Limit        time.Duration
	IgnoreSystem bool // a drain leaves jobs that run everywhere alone
	// Stagger is between one node of a drain and the next; 0 drains all at once.
	Stagger time.Duration
}
