package placement

import (
	"math"
	"slices"

	"caravan/topology"
	"caravan/workloads"
)

// A Ledger keeps what is free on every node, GPUs device by device. A
// dimension in which a node has no capacity is unconstrained there, except
// GPUs, of which it then has none.
type Ledger struct {
	nodes  []topology.Node
	cpu    []topology.MHz   // free, by node; +Inf where unconstrained
	memory []topology.Bytes // free; MaxInt64 where unconstrained
	disk   []topology.Bytes
	gpus   [][]int16 // free thousandths of each device
}

// A Grant says which devices a Take got, for Give.
type Grant struct {
	Devices []int16 // positions on the node
	Milli   int16   // of each
}

// NewLedger returns the ledger of an empty cluster: capacities less what the
// nodes reserve.
func NewLedger(t *topology.Topology) *Ledger {
	nodes := t.Nodes()
	l := &Ledger{
		nodes: nodes, cpu: make([]topology.MHz, len(nodes)), memory: make([]topology.Bytes, len(nodes)),
		disk: make([]topology.Bytes, len(nodes)), gpus: make([][]int16, len(nodes)),
	}
	bytes := func(total, reserved topology.Bytes) topology.Bytes {
		if total == 0 {
			return math.MaxInt64
		}
		return total - reserved
	}
	for i := range nodes {
		n := &nodes[i]
		l.cpu[i] = topology.MHz(math.Inf(1))
		if n.CPU > 0 {
			l.cpu[i] = n.CPU - n.Reserved.CPU
		}
		l.memory[i] = bytes(n.Memory, n.Reserved.Memory)
		l.disk[i] = bytes(n.Disk, n.Reserved.Disk)
		l.gpus[i] = slices.Repeat([]int16{1000}, n.GPUs.Count)
	}
	return l
}

// FreeCPU, FreeMemory and FreeDisk are what is left on a node.
func (l *Ledger) FreeCPU(n topology.NodeID) topology.MHz      { return l.cpu[n] }
func (l *Ledger) FreeMemory(n topology.NodeID) topology.Bytes { return l.memory[n] }
func (l *Ledger) FreeDisk(n topology.NodeID) topology.Bytes   { return l.disk[n] }

// FreeGPUs is what is left of each device of a node, in thousandths; not to
// be modified.
func (l *Ledger) FreeGPUs(n topology.NodeID) []int16 { return l.gpus[n] }

// Dimensions is the length of a Vector: cpu in MHz, memory and disk in bytes,
// GPUs in thousandths of a device.
const Dimensions = 4

// A Vector is a demand or a capacity as plain numbers; +Inf is no limit. Parts
// of GPUs add up in it, which they do on one device only: what a node's vector
// has room for may still not fit its devices.
type Vector [Dimensions]float64

// Demand is the vector of d.
func Demand(d topology.Resources) Vector {
	return Vector{float64(d.CPU), float64(d.Memory), float64(d.Disk), float64(d.GPUs) * float64(share(d))}
}

// Free is the vector of what is left on node n.
func (l *Ledger) Free(n topology.NodeID) Vector {
	bytes := func(b topology.Bytes) float64 {
		if b == math.MaxInt64 {
			return math.Inf(1)
		}
		return float64(b)
	}
	var milli float64
	for _, free := range l.gpus[n] {
		milli += float64(free)
	}
	return Vector{float64(l.cpu[n]), bytes(l.memory[n]), bytes(l.disk[n]), milli}
}

// Admits reports whether node n satisfies the constraints and has room for d.
func (l *Ledger) Admits(n topology.NodeID, d topology.Resources, cs []workloads.Constraint) bool {
	return l.Fits(n, d) && AllowsAll(&l.nodes[n], cs) == nil
}

// Fits reports whether node n has room for d.
func (l *Ledger) Fits(n topology.NodeID, d topology.Resources) bool {
	return d.CPU <= l.cpu[n] && d.Memory <= l.memory[n] && d.Disk <= l.disk[n] && (d.GPUs == 0 || l.fitsGPUs(n, d))
}

func (l *Ledger) fitsGPUs(n topology.NodeID, d topology.Resources) bool {
	if len(d.GPUModel) > 0 && !slices.Contains(d.GPUModel, l.nodes[n].GPUs.Model) {
		return false
	}
	milli := share(d)
	count := 0
	for _, free := range l.gpus[n] {
		if free >= milli {
			count++
		}
	}
	return count >= d.GPUs
}

// share is the thousandths of each device that d asks for.
func share(d topology.Resources) int16 {
	if d.GPUMilli == 0 {
		return 1000
	}
	return int16(d.GPUMilli)
}

// Lacks names the dimensions in which node n has no room for d.
func (l *Ledger) Lacks(n topology.NodeID, d topology.Resources) string {
	out := ""
	add := func(bad bool, name string) {
		if bad {
			if out != "" {
				out += ", "
			}
			out += name
		}
	}
	add(d.CPU > l.cpu[n], "cpu")
	add(d.Memory > l.memory[n], "memory")
	add(d.Disk > l.disk[n], "disk")
	add(d.GPUs > 0 && !l.fitsGPUs(n, d), "gpus")
	return out
}

// Take reserves d on node n; ok is false, and nothing changes, when it does
// not fit. A share of a device goes to the fullest one that has room, whole
// devices to the first free ones.
func (l *Ledger) Take(n topology.NodeID, d topology.Resources) (g Grant, ok bool) {
	if !l.Fits(n, d) {
		return Grant{}, false
	}
	l.cpu[n] -= d.CPU
	if l.memory[n] != math.MaxInt64 {
		l.memory[n] -= d.Memory
	}
	if l.disk[n] != math.MaxInt64 {
		l.disk[n] -= d.Disk
	}
	if d.GPUs > 0 {
		g = l.takeGPUs(n, d)
	}
	return g, true
}

func (l *Ledger) takeGPUs(n topology.NodeID, d topology.Resources) Grant {
	g := Grant{Milli: share(d)}
	free := l.gpus[n]
	for range d.GPUs {
		best := -1
		for i, f := range free {
			if f >= g.Milli && !slices.Contains(g.Devices, int16(i)) && (best < 0 || f < free[best]) {
				best = i
			}
		}
		g.Devices = append(g.Devices, int16(best))
	}
	for _, i := range g.Devices {
		free[i] -= g.Milli
	}
	return g
}

// Give returns what Take reserved.
func (l *Ledger) Give(n topology.NodeID, d topology.Resources, g Grant) {
	l.cpu[n] += d.CPU
	if l.memory[n] != math.MaxInt64 {
		l.memory[n] += d.Memory
	}
	if l.disk[n] != math.MaxInt64 {
		l.disk[n] += d.Disk
	}
	for _, i := range g.Devices {
		l.gpus[n][i] += g.Milli
	}
}
