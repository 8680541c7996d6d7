package solver

import (
	"fmt"
	"strings"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// A Decision is how one instance of a job was decided.
type Decision struct {
	Workload string
	Item     string
	Instance int
	Node     topology.NodeID // None where none was found
	Explanation
}

// An Evicted is what had to leave its node for something of higher priority.
type Evicted struct {
	Workload   string
	Item       string
	Instance   int
	Priority   int
	Node       topology.NodeID // that it left
	For        string          // the job that took its place
	ByPriority int             // of that job
	// Disruption is that of the function of this name.
	Disruption float64
}

// NewEvicted records that a made room for a job.
func NewEvicted(a *cluster.Allocation, by *workloads.Job) Evicted {
	return Evicted{
		Workload: a.Spec.Name, Item: a.TaskGroup().Name, Instance: int(a.Index), Priority: a.Priority(), Node: a.Node,
		For: by.Name, ByPriority: by.Priority, Disruption: Disruption(a),
	}
}

// Disruption is the priority-weighted work that an eviction disturbs: priority
// times MHz, where an allocation without CPU counts as one MHz.
func Disruption(a *cluster.Allocation) float64 {
	return float64(a.Priority()) * max(1, float64(a.CPU))
}

// Displaced counts the instances that were evicted and have no node.
func (s *Solution) Displaced() int {
	type key struct {
		workload, item string
		instance       int
	}
	gone := map[key]bool{}
	for _, e := range s.Evicted {
		gone[key{e.Workload, e.Item, e.Instance}] = true
	}
	count := 0
	for _, u := range s.Unplaced {
		if gone[key{u.Workload, u.Item, u.Instance}] {
			count++
		}
	}
	return count
}

// An Explanation says how the last instance was decided: what upstream's
// allocations carry as their metrics.
type Explanation struct {
	Ready     int // nodes that take work in the job's datacenters and pool
	Evaluated int // nodes that were looked at
	Filtered  int // of these, left out by a rule
	Exhausted int // of these, without room
	// FilteredBy and ExhaustedIn count nodes by rule and by dimension.
	FilteredBy  []NodeCount
	ExhaustedIn []NodeCount
	Top         []NodeScore // the best candidates, at most 5
	Evicting    bool        // nothing fitted, so that evictions were tried
}

// A NodeCount is how many nodes something holds for.
type NodeCount struct {
	What  string
	Nodes int
}

// A NodeScore is a candidate with what each scorer gave it.
type NodeScore struct {
	Node  topology.NodeID
	Final float64
	Parts []Part
	Evict int // allocations that would have to leave
}

// A Part is the score of one scorer.
type Part struct {
	Scorer string
	Score  float64
}

// String says in one line why no node was found, or how many were looked at.
func (e Explanation) String() string {
	if e.Ready == 0 {
		return "no node takes work in its datacenters and pool"
	}
	var parts []string
	for _, f := range e.FilteredBy {
		parts = append(parts, fmt.Sprintf("%s leaves out %d", f.What, f.Nodes))
	}
	for _, x := range e.ExhaustedIn {
		parts = append(parts, fmt.Sprintf("no room for %s on %d", x.What, x.Nodes))
	}
	if len(parts) == 0 {
		return fmt.Sprintf("%d of %d nodes looked at", e.Evaluated, e.Ready)
	}
	return strings.Join(parts, "; ") + fmt.Sprintf(" of %d nodes", e.Ready)
}
