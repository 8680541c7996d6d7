package online

import (
	"fmt"
	"math"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// A shape is a demand with its constraints: equal shapes are scored once for
// each state.
type shape struct {
	cpu, memory, disk int64 // in the cluster's units
	gpus              int
	milli             int16
	tag               uint8  // kind of GPU demand: 0 none, 1 a share, n+1 n whole devices
	mask              set    // nodes that the constraints allow; nil is all
	classes           []bool // by class: whether its GPU model will do
	memo              []memo // by state

	demand topology.Resources // as asked
}

// A memo is the score of a shape on a state. The state has changed since when
// its stamp is another.
type memo struct {
	score float64
	stamp uint32
	from  int16 // what is left of the device to share, -1 for the fullest that can
}

// mostShapes bounds how many shapes are remembered: past it, memory counts for
// more than the time that a memory saves, and all are forgotten.
const mostShapes = 4096

// hertz is an exact form of a frequency that people write in MHz.
func hertz(f topology.MHz) int64 { return int64(math.Round(float64(f) * 1e6)) }

// shape returns the shape of a demand, and adapts the units to it.
func (c *Cluster) shape(d topology.Resources, cs []workloads.Constraint) *shape {
	key := shapeKey{hertz(d.CPU), int64(d.Memory), int64(d.Disk), d.GPUs, int16(d.GPUMilli), ""}
	if len(d.GPUModel) > 0 || len(cs) > 0 {
		key.rest = fmt.Sprint(d.GPUModel, cs)
	}
	if s, ok := c.shapes[key]; ok {
		return s
	}
	if len(c.shapes) >= mostShapes {
		clear(c.shapes)
	}
	s := &shape{gpus: d.GPUs, milli: milliOf(d), demand: d}
	switch {
	case d.GPUs == 0:
	case s.milli < whole:
		s.tag = 1
	default:
		s.tag = uint8(min(d.GPUs+1, 63))
	}
	c.refine(key.cpu, key.memory, key.disk)
	s.cpu, s.memory, s.disk = key.cpu/c.units.cpu, key.memory/c.units.memory, key.disk/c.units.disk
	s.classes = c.accepting(d)
	if len(cs) > 0 {
		s.mask = c.allowed(cs)
	}
	c.shapes[key] = s
	return s
}

// A shapeKey tells shapes apart.
type shapeKey struct {
	cpu, memory, disk int64
	gpus              int
	milli             int16
	rest              string // models and constraints
}

func milliOf(d topology.Resources) int16 {
	if d.GPUMilli == 0 {
		return whole
	}
	return int16(d.GPUMilli)
}

// allowed is the set of nodes that satisfy the constraints.
func (c *Cluster) allowed(cs []workloads.Constraint) set {
	key := fmt.Sprint(cs)
	if m, ok := c.masks[key]; ok {
		return m
	}
	m := newSet(len(c.nodes))
	for i := range c.topology {
		if placement.AllowsAll(&c.topology[i], cs) == nil {
			m.add(int32(i))
		}
	}
	c.masks[key] = m
	return m
}

// accepting says of each class whether its GPU model will do for d.
func (c *Cluster) accepting(d topology.Resources) []bool {
	ok := make([]bool, len(c.classes))
	for i := range c.classes {
		ok[i] = d.GPUs == 0 || len(d.GPUModel) == 0
		for _, m := range d.GPUModel {
			ok[i] = ok[i] || m == c.classes[i].model
		}
	}
	return ok
}
