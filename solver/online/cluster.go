package online

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// Options says how a Cluster decides.
type Options struct {
	Policy Policy // empty: Binpack
	// Rand is what Random and Kubernetes draw from; the others need none.
	Rand *rand.Rand
	// Typical are the demands to expect, each with its weight: what FGD
	// measures fragmentation by, and required by it.
	Typical []Typical
}

// A Cluster keeps the books of a cluster and places instances on it. It is not
// safe for concurrent use.
type Cluster struct {
	topology []topology.Node
	nodes    []node
	classes  []class
	units    units
	vectors  vectors

	states []state
	vacant []int32 // slots of states that no node is in
	ids    map[stateKey]int32
	stamps uint32
	tabled bool // the classes have tables of powers

	shapes map[shapeKey]*shape
	masks  map[string]set

	policy  policy
	rng     *rand.Rand
	largest struct{ cpu, milli float64 } // of one node
	typical *typical
	start   int // Kubernetes: the node to look at first
}

// A node is what one node has left.
type node struct {
	class             int32
	cpu, memory, disk int64
	devices           []int16
	tags              []uint16 // kinds of GPU demand on it, by tag
	state             int32    // slot
}

// A class is a capacity, less what the node reserves, in units; 0 is none.
type class struct {
	cpu, memory, disk int64
	gpus              int
	model             string
	powerCPU          []float64 // 10^(free share) by free units, while the Cluster is tabled
	powerMemory       []float64
}

// units are the greatest amounts of which every capacity and demand so far is
// a multiple: Hz and bytes.
type units struct{ cpu, memory, disk int64 }

// unlimited is the room of a dimension without capacity.
const unlimited = math.MaxInt64

// A stateKey is all that a policy may know of a node.
type stateKey struct {
	class, vector     int32
	cpu, memory, disk int64
	tags              uint64
}

// A state is the nodes that are alike.
type state struct {
	stateKey
	n     int32 // members; 0 is vacant, and its cpu -1 then, which no demand fits
	low   int32 // no word of members before this one has a bit
	stamp uint32
	nodes set
}

// New returns the placer of an empty cluster.
func New(t *topology.Topology, o Options) (*Cluster, error) {
	p, err := policyOf(o)
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		topology: t.Nodes(), nodes: make([]node, len(t.Nodes())), policy: p, rng: o.Rand,
		ids: map[stateKey]int32{}, shapes: map[shapeKey]*shape{}, masks: map[string]set{},
		vectors: vectors{ids: map[string]int32{}},
	}
	c.measure()
	c.retable()
	for i := range c.nodes {
		c.join(int32(i))
	}
	if len(o.Typical) > 0 {
		c.typical = newTypical(c, o.Typical)
	}
	return c, nil
}

// measure fills in the nodes and their classes.
func (c *Cluster) measure() {
	capacity := func(total, reserved int64) int64 {
		if total == 0 {
			return 0
		}
		return max(total-reserved, 0)
	}
	seen := map[string]int32{}
	for i := range c.topology {
		t := &c.topology[i]
		k := class{
			cpu:    capacity(hertz(t.CPU), hertz(t.Reserved.CPU)),
			memory: capacity(int64(t.Memory), int64(t.Reserved.Memory)),
			disk:   capacity(int64(t.Disk), int64(t.Reserved.Disk)),
			gpus:   t.GPUs.Count, model: t.GPUs.Model,
		}
		key := fmt.Sprint(k.cpu, t.CPU > 0, k.memory, t.Memory > 0, k.disk, t.Disk > 0, k.gpus, k.model)
		id, ok := seen[key]
		if !ok {
			id = int32(len(c.classes))
			seen[key] = id
			c.classes = append(c.classes, k)
			c.units.cpu, c.units.memory, c.units.disk = gcd(c.units.cpu, k.cpu), gcd(c.units.memory, k.memory), gcd(c.units.disk, k.disk)
		}
		n := &c.nodes[i]
		n.class, n.devices = id, slices.Repeat([]int16{whole}, k.gpus)
		n.cpu, n.memory, n.disk = unlimited, unlimited, unlimited
		if t.CPU > 0 {
			n.cpu = k.cpu
		}
		if t.Memory > 0 {
			n.memory = k.memory
		}
		if t.Disk > 0 {
			n.disk = k.disk
		}
		if c.policy.tags {
			n.tags = make([]uint16, 64)
		}
	}
	u := c.units
	c.units = units{1, 1, 1}
	c.scale(units{max(u.cpu, 1), max(u.memory, 1), max(u.disk, 1)})
}

// gcd is the greatest common divisor; 0 divides nothing and is ignored.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// refine makes the units fine enough for a demand. It is rare: after the first
// few shapes the units stay.
func (c *Cluster) refine(cpu, memory, disk int64) {
	u := units{gcd(c.units.cpu, cpu), gcd(c.units.memory, memory), gcd(c.units.disk, disk)}
	if u == c.units {
		return
	}
	c.scale(u)
	c.retable()
	c.states, c.vacant = nil, nil
	clear(c.ids)
	for i := range c.nodes {
		c.join(int32(i))
	}
}

// scale expresses every amount in other units: finer ones, or at first coarser.
func (c *Cluster) scale(to units) {
	from := c.units
	convert := func(x *int64, from, to int64) {
		switch {
		case *x == unlimited:
		case from >= to:
			*x *= from / to
		default:
			*x /= to / from
		}
	}
	for i := range c.nodes {
		n := &c.nodes[i]
		convert(&n.cpu, from.cpu, to.cpu)
		convert(&n.memory, from.memory, to.memory)
		convert(&n.disk, from.disk, to.disk)
	}
	for i := range c.classes {
		k := &c.classes[i]
		convert(&k.cpu, from.cpu, to.cpu)
		convert(&k.memory, from.memory, to.memory)
		convert(&k.disk, from.disk, to.disk)
	}
	for _, s := range c.shapes {
		convert(&s.cpu, from.cpu, to.cpu)
		convert(&s.memory, from.memory, to.memory)
		convert(&s.disk, from.disk, to.disk)
	}
	c.units = to
	c.largest.cpu, c.largest.milli = 0, 0
	for _, k := range c.classes {
		c.largest.cpu = max(c.largest.cpu, float64(k.cpu))
		c.largest.milli = max(c.largest.milli, float64(k.gpus*whole))
	}
}

// mostSteps bounds a table of powers: what is finer is computed when needed.
const mostSteps = 1 << 13

// retable computes the powers of ten of every free share of every class, for
// the policies that ask for them.
func (c *Cluster) retable() {
	c.tabled = c.policy.powers
	for _, k := range c.classes {
		c.tabled = c.tabled && k.cpu < mostSteps && k.memory < mostSteps
	}
	if !c.tabled {
		return
	}
	table := func(capacity int64) []float64 {
		t := make([]float64, capacity+1)
		for i := range t {
			t[i] = power(int64(i), capacity)
		}
		return t
	}
	for i := range c.classes {
		c.classes[i].powerCPU, c.classes[i].powerMemory = table(c.classes[i].cpu), table(c.classes[i].memory)
	}
}

// power is ten to the free share of a capacity; a dimension without capacity
// counts as empty.
func power(free, capacity int64) float64 {
	if capacity == 0 {
		return 10
	}
	return math.Pow(10, float64(free)/float64(capacity))
}

// join puts a node into the state that it is in now.
func (c *Cluster) join(i int32) {
	n := &c.nodes[i]
	key := stateKey{class: n.class, vector: c.vectors.id(n.devices), cpu: n.cpu, memory: n.memory, disk: n.disk}
	for tag, count := range n.tags {
		if count > 0 {
			key.tags |= 1 << tag
		}
	}
	x, ok := c.ids[key]
	if !ok {
		x = c.open(key)
	}
	s := &c.states[x]
	s.n++
	s.low = min(s.low, i>>6)
	s.nodes.add(i)
	n.state = x
}

// open takes a slot for a new state.
func (c *Cluster) open(key stateKey) int32 {
	var x int32
	if k := len(c.vacant); k > 0 {
		x = c.vacant[k-1]
		c.vacant = c.vacant[:k-1]
	} else {
		x = int32(len(c.states))
		c.states = append(c.states, state{nodes: newSet(len(c.nodes))})
	}
	c.stamps++
	s := &c.states[x]
	s.stateKey, s.n, s.low, s.stamp = key, 0, int32(len(s.nodes)), c.stamps
	c.ids[key] = x
	return x
}

// part takes a node out of its state.
func (c *Cluster) part(i int32) {
	x := c.nodes[i].state
	s := &c.states[x]
	s.n--
	s.nodes.remove(i)
	if s.n == 0 {
		delete(c.ids, s.stateKey)
		s.cpu = -1
		c.vacant = append(c.vacant, x)
	}
}

// Place takes the best node for a demand; ok is false when none has room.
func (c *Cluster) Place(d topology.Resources, cs []workloads.Constraint) (topology.NodeID, placement.Grant, bool) {
	s := c.shape(d, cs)
	i, from := c.policy.choose(c, s)
	if i < 0 {
		return topology.None, placement.Grant{}, false
	}
	return topology.NodeID(i), c.take(i, s, from), true
}

// take gives a shape room on node i, its share of a device on the first one
// that has `from` left.
func (c *Cluster) take(i int32, s *shape, from int16) placement.Grant {
	c.part(i)
	n := &c.nodes[i]
	n.use(s, 1)
	var g placement.Grant
	if s.gpus > 0 {
		g = placement.Grant{Devices: make([]int16, 0, s.gpus), Milli: s.milli}
		for range s.gpus {
			g.Devices = append(g.Devices, n.device(s.milli, from, g.Devices))
		}
		for _, d := range g.Devices {
			n.devices[d] -= s.milli
		}
	}
	c.join(i)
	return g
}

// device is the device to take next: the first with exactly `from` left, or
// for -1 the fullest that has milli.
func (n *node) device(milli, from int16, taken []int16) int16 {
	best := int16(-1)
	for d, free := range n.devices {
		switch {
		case free < milli || slices.Contains(taken, int16(d)):
		case from >= 0 && free == from:
			return int16(d)
		case from < 0 && (best < 0 || free < n.devices[best]):
			best = int16(d)
		}
	}
	return best
}

// use takes the shape's demand off the node's room, or with sign -1 gives it
// back; devices apart.
func (n *node) use(s *shape, sign int64) {
	if n.cpu != unlimited {
		n.cpu -= sign * s.cpu
	}
	if n.memory != unlimited {
		n.memory -= sign * s.memory
	}
	if n.disk != unlimited {
		n.disk -= sign * s.disk
	}
	if n.tags != nil && s.tag > 0 {
		n.tags[s.tag] += uint16(sign)
	}
}

// Release gives back what Place took.
func (c *Cluster) Release(at topology.NodeID, d topology.Resources, g placement.Grant) {
	s := c.shape(d, nil)
	i := int32(at)
	c.part(i)
	n := &c.nodes[i]
	n.use(s, -1)
	for _, d := range g.Devices {
		n.devices[d] += g.Milli
	}
	c.join(i)
}

// States is how many different states the nodes are in.
func (c *Cluster) States() int { return len(c.ids) }

// fits reports whether a state has room for a shape, constraints apart.
func (c *Cluster) fits(q *state, s *shape) bool {
	return s.cpu <= q.cpu && s.memory <= q.memory && s.disk <= q.disk &&
		(s.gpus == 0 || s.classes[q.class] && c.vectors.list[q.vector].fits(s.gpus, s.milli))
}
