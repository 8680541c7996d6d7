package cluster

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"caravan/topology"
)

// A ClassID numbers the computed classes of a fleet from 0.
type ClassID int32

// A Machine is a node with what follows from it for placement.
type Machine struct {
	Node *topology.Node
	// Capacity is what can be given away: without what the node reserves, and
	// without end where it is unconstrained.
	Capacity Amount
	// Scale is Capacity of CPU and memory with 0 where it is unconstrained, as
	// the fit score wants it.
	ScaleCPU, ScaleMemory float64
	// Class is the computed class: nodes of one class agree in everything that
	// constraints can ask but unique attributes.
	Class   ClassID
	Devices []topology.DeviceGroup
	cores   []int16 // that can be given to one task alone
}

// A Fleet is the machines of a cluster, immutable.
type Fleet struct {
	machines []Machine
	classes  int
}

// NewFleet prepares nodes, which it keeps.
func NewFleet(nodes []topology.Node) *Fleet {
	f := &Fleet{machines: make([]Machine, len(nodes))}
	classes := map[string]ClassID{}
	for i := range nodes {
		m := machine(&nodes[i])
		key := classKey(m.Node, m.Devices)
		id, ok := classes[key]
		if !ok {
			id = ClassID(len(classes))
			classes[key] = id
		}
		m.Class = id
		f.machines[i] = m
	}
	f.classes = len(classes)
	return f
}

func machine(n *topology.Node) Machine {
	m := Machine{Node: n, Devices: n.DeviceGroups()}
	m.Capacity = Amount{topology.MHz(math.Inf(1)), math.MaxInt64, math.MaxInt64}
	if n.CPU > 0 {
		m.Capacity.CPU = n.CPU - n.Reserved.CPU
		m.ScaleCPU = float64(m.Capacity.CPU)
	}
	if n.Memory > 0 {
		m.Capacity.Memory = n.Memory - n.Reserved.Memory
		m.ScaleMemory = float64(m.Capacity.Memory)
	}
	if n.Disk > 0 {
		m.Capacity.Disk = n.Disk - n.Reserved.Disk
	}
	for c := range n.Cores {
		if !slices.Contains(n.ReservedCores, c) {
			m.cores = append(m.cores, int16(c))
		}
	}
	return m
}

// classKey is equal for nodes that constraints cannot tell apart without a
// unique attribute (nomad/structs/node_class.go).
func classKey(n *topology.Node, devices []topology.DeviceGroup) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q %q %d %v %d %q", n.Region, n.Datacenter, n.Pool, n.Class, n.Cores, n.CPU, n.Memory, n.Drivers)
	for _, table := range []map[string]string{n.Attributes, n.Meta} {
		b.WriteString(" |")
		for _, k := range slices.Sorted(maps.Keys(table)) {
			if !topology.Unique(k) {
				fmt.Fprintf(&b, " %q=%q", k, table[k])
			}
		}
	}
	for _, d := range devices {
		fmt.Fprintf(&b, " | %q %q %q", d.Vendor, d.Type, d.Model)
		for _, k := range slices.Sorted(maps.Keys(d.Attributes)) {
			fmt.Fprintf(&b, " %q=%q", k, d.Attributes[k])
		}
	}
	return b.String()
}

// Len is the number of machines.
func (f *Fleet) Len() int { return len(f.machines) }

// Machine is that of node n; not to be modified.
func (f *Fleet) Machine(n topology.NodeID) *Machine { return &f.machines[n] }

// Classes is the number of computed classes.
func (f *Fleet) Classes() int { return f.classes }
