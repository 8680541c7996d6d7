package instances

import (
	"fmt"

	"caravan/topology"
)

// A PlacementFamily is a cluster that tasks fill one after the other and never
// leave: half of the nodes have 4,000 MHz and 8 GiB, three tenths twice that,
// and two tenths 16,000 MHz and 64 GiB; tasks ask for 50 to 1,000 MHz in steps
// of 50 and 64 to 2,048 MiB in steps of 64.
type PlacementFamily struct {
	Nodes, Tasks int
	Shapes       int // how many demands there are; 0 draws one for each task
}

// Instance draws the cluster and the tasks, in order of arrival. draw(n) is a
// number from 0 to n-1; equal draws give equal instances.
func (f PlacementFamily) Instance(draw func(n int) int) (nodes []topology.Node, tasks []topology.Resources) {
	for i := range f.Nodes {
		n := topology.Node{Name: fmt.Sprintf("n%05d", i), CPU: 4000, Memory: 8 * topology.GiB}
		switch u := draw(10); {
		case u >= 8:
			n.CPU, n.Memory = 16000, 64*topology.GiB
		case u >= 5:
			n.CPU, n.Memory = 8000, 16*topology.GiB
		}
		nodes = append(nodes, n)
	}
	demand := func() topology.Resources {
		cpu := topology.MHz(50 * (1 + draw(20)))
		return topology.Resources{CPU: cpu, Memory: topology.Bytes(64*(1+draw(32))) * topology.MiB}
	}
	var shapes []topology.Resources
	for range f.Shapes {
		shapes = append(shapes, demand())
	}
	for range f.Tasks {
		if f.Shapes > 0 {
			tasks = append(tasks, shapes[draw(f.Shapes)])
		} else {
			tasks = append(tasks, demand())
		}
	}
	return nodes, tasks
}
