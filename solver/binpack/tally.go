package binpack

import (
	"caravan/topology"
	"caravan/workloads/cluster"
)

// A tally counts the instances of a job or a group where they are now, as the
// plan leaves them.
type tally struct {
	onNode map[topology.NodeID]int   // that their clients have not called terminal
	values map[string]map[string]int // of an attribute, for those that are to run
	nodes  map[topology.NodeID]int   // as onNode, for those that are to run
}

// progress is how far a plan has been followed.
type progress struct{ stops, placements, withdrawals int }

// recount counts the job's instances anew.
func (c *Chain) recount() {
	c.jobs.reset()
	for len(c.groups) < len(c.spec.Groups) {
		c.groups = append(c.groups, tally{})
	}
	for g := range c.spec.Groups {
		c.groups[g].reset()
	}
	c.past = progress{}
	for _, id := range c.view.Of(c.job) {
		c.book(c.view.Alloc(id), 1)
	}
	if p := c.view.Plan; p != nil {
		c.past.withdrawals = p.Withdrawals()
	}
	c.follow()
}

// follow books what the plan has gained.
func (c *Chain) follow() {
	p := c.view.Plan
	if p == nil {
		return
	}
	if p.Withdrawals() != c.past.withdrawals {
		c.recount()
		return
	}
	for ; c.past.stops < len(p.Stops); c.past.stops++ {
		if a := c.view.Alloc(p.Stops[c.past.stops].Alloc); a.Job == c.job {
			c.book(a, -1)
		}
	}
	for ; c.past.placements < len(p.Placements); c.past.placements++ {
		a := &p.Placements[c.past.placements]
		if a.ID != cluster.NoAlloc {
			c.book(c.view.Alloc(a.ID), -1)
		}
		c.book(a, 1)
	}
}

// book adds an instance to the tallies of its job and group, or takes it off.
func (c *Chain) book(a *cluster.Allocation, by int) {
	if a.Client.Terminal() {
		return
	}
	c.jobs.book(a, by, c.fleet)
	if g := c.groupOf(a); g >= 0 {
		c.groups[g].book(a, by, c.fleet)
	}
}

// groupOf is the position of the allocation's group in the present version of
// the job, -1 when it is gone.
func (c *Chain) groupOf(a *cluster.Allocation) int {
	if a.Spec == c.spec {
		return int(a.Group)
	}
	name := a.TaskGroup().Name
	for g := range c.spec.Groups {
		if c.spec.Groups[g].Name == name {
			return g
		}
	}
	return -1
}

func (t *tally) reset() {
	if t.onNode == nil {
		t.onNode, t.nodes, t.values = map[topology.NodeID]int{}, map[topology.NodeID]int{}, map[string]map[string]int{}
		return
	}
	clear(t.onNode)
	clear(t.nodes)
	clear(t.values)
}

func (t *tally) book(a *cluster.Allocation, by int, f *cluster.Fleet) {
	t.onNode[a.Node] += by
	if a.Desired != cluster.Run {
		return
	}
	t.nodes[a.Node] += by
	for attribute, used := range t.values {
		if v, ok := f.Machine(a.Node).Node.Attribute(attribute); ok {
			used[v] += by
		}
	}
}

// used is how many instances that are to run each value of an attribute has.
func (c *Chain) used(t *tally, attribute string) map[string]int {
	used, ok := t.values[attribute]
	if !ok {
		used = map[string]int{}
		for n, k := range t.nodes {
			if v, ok := c.fleet.Machine(n).Node.Attribute(attribute); ok {
				used[v] += k
			}
		}
		t.values[attribute] = used
	}
	return used
}
