package controlplane

import (
	"time"

	"caravan/topology"
	"caravan/workloads/cluster"
)

// A plan is a cluster.Plan on its way through the queue and the applier.
type plan struct {
	cluster.Plan
	eval     *Evaluation
	token    uint64
	worker   int32
	seq      uint64
	queuedAt time.Duration

	versions []int16           // of the placements, by position
	unknown  []cluster.AllocID // whose node is silent
	decided  []cluster.AllocID // that are no longer back: the scheduler has seen them
	kept     []cluster.AllocID // of them, those that stay in place of their replacement
	// opens is the deployment that the plan begins, closes the one that it
	// ends; -1 is none.
	opens, closes int32
	freed         int // length of the log of frees at the snapshot
	looked        int // instances that a node was looked for
	unplaced      []unplaced
	refused       []topology.NodeID // by the applier
	verified      bool
	why           []string // of the placements, when the story is told
}

// An unplaced is a group that found no node for some instances.
type unplaced struct {
	group int
	n     int
	node  topology.NodeID // None for jobs that run anywhere
	why   string
}

// empty reports whether there is nothing to commit.
func (p *plan) empty() bool {
	return p.Empty() && len(p.unknown) == 0 && len(p.decided) == 0 && p.opens < 0 && p.closes < 0
}

// A planQueue orders plans by priority, equals in order of arrival.
type planQueue struct {
	heap heap[*plan]
	seq  uint64
}

func newPlanQueue() planQueue {
	return planQueue{heap: heap[*plan]{less: func(p, q *plan) bool {
		return p.Priority > q.Priority || p.Priority == q.Priority && p.seq < q.seq
	}}}
}

func (q *planQueue) push(p *plan) {
	q.seq++
	p.seq = q.seq
	q.heap.push(p)
}

// pop removes the next plan, nil when there is none.
func (q *planQueue) pop() *plan {
	if len(q.heap.items) == 0 {
		return nil
	}
	return q.heap.pop()
}

// Apply checks a plan against the state as it has become, node by node, and
// lists the nodes on which it is refused: those where it does not fit, or every
// node if it is any and the plan goes all at once. Refresh is then the index of
// the state that the scheduler must have seen before it tries again.
func Apply(s *cluster.State, p *cluster.Plan) (refused []topology.NodeID, refresh uint64) {
	nodes := p.Nodes()
	for _, n := range nodes {
		if s.Verify(p, n) == "" {
			continue
		}
		refresh = s.Index()
		if p.AllAtOnce {
			return nodes, refresh
		}
		refused = append(refused, n)
	}
	return refused, refresh
}
