package binpack

import (
	"math"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// Online places items as they come and takes them back as they leave, each on
// the best node of all by Score, the lowest node on ties. It looks at every
// node for every item, over flat arrays in which the powers of ten of the
// present fill are kept, so that it does not compute them again.
type Online struct {
	nodes  []topology.Node
	ledger *placement.Ledger
	sign   float64 // +1 packs: the least sum of powers is best; -1 spreads

	freeCPU, freeMemory   []float64 // what is left
	cpuScale, memoryScale []float64 // ln 10 / capacity; 0 where unconstrained
	powerCPU, powerMemory []float64 // 10^free of each node as it is
	gpus                  []int32   // devices
}

// NewOnline returns the placer of an empty cluster.
func NewOnline(t *topology.Topology, spread bool) *Online {
	nodes := t.Nodes()
	o := &Online{
		nodes: nodes, ledger: placement.NewLedger(t), sign: 1,
		freeCPU: make([]float64, len(nodes)), freeMemory: make([]float64, len(nodes)),
		cpuScale: make([]float64, len(nodes)), memoryScale: make([]float64, len(nodes)),
		powerCPU: make([]float64, len(nodes)), powerMemory: make([]float64, len(nodes)),
		gpus: make([]int32, len(nodes)),
	}
	if spread {
		o.sign = -1
	}
	for i := range nodes {
		n := &nodes[i]
		if c := float64(n.CPU - n.Reserved.CPU); n.CPU > 0 && c > 0 {
			o.cpuScale[i] = math.Ln10 / c
		}
		if m := float64(n.Memory - n.Reserved.Memory); n.Memory > 0 && m > 0 {
			o.memoryScale[i] = math.Ln10 / m
		}
		o.gpus[i] = int32(n.GPUs.Count)
		o.refresh(topology.NodeID(i))
	}
	return o
}

// refresh brings a node's arrays in line with the ledger.
func (o *Online) refresh(n topology.NodeID) {
	o.freeCPU[n], o.freeMemory[n] = math.Inf(1), math.Inf(1)
	o.powerCPU[n], o.powerMemory[n] = 10, 10
	if o.nodes[n].CPU > 0 {
		o.freeCPU[n] = float64(o.ledger.FreeCPU(n))
		o.powerCPU[n] = math.Exp(o.freeCPU[n] * o.cpuScale[n])
	}
	if o.nodes[n].Memory > 0 {
		o.freeMemory[n] = float64(o.ledger.FreeMemory(n))
		o.powerMemory[n] = math.Exp(o.freeMemory[n] * o.memoryScale[n])
	}
}

// find is the best node for a demand, without taking it. After placement the
// power of ten of a node's free share is its present one times
// 10^(-demand/capacity), and few capacities differ, so that factor is
// remembered from node to node.
func (o *Online) find(d topology.Resources, cs []workloads.Constraint, pin topology.NodeID) (topology.NodeID, float64, bool) {
	cpu, memory := float64(d.CPU), float64(d.Memory)
	best, bestSum := topology.None, math.Inf(1)
	lastCPU, factorCPU := -1.0, 1.0
	lastMemory, factorMemory := -1.0, 1.0
	from, to := 0, len(o.nodes)
	if pin != topology.None {
		from, to = int(pin), int(pin)+1
		if pin < 0 {
			return topology.None, 0, false
		}
	}
	for i := from; i < to; i++ {
		if o.freeCPU[i] < cpu || o.freeMemory[i] < memory || int(o.gpus[i]) < d.GPUs {
			continue
		}
		if s := o.cpuScale[i]; s != lastCPU {
			lastCPU, factorCPU = s, math.Exp(-cpu*s)
		}
		if s := o.memoryScale[i]; s != lastMemory {
			lastMemory, factorMemory = s, math.Exp(-memory*s)
		}
		sum := o.sign * (float64(o.powerCPU[i]*factorCPU) + float64(o.powerMemory[i]*factorMemory))
		if sum >= bestSum {
			continue
		}
		n := topology.NodeID(i)
		if (d.GPUs > 0 || d.Disk > 0) && !o.ledger.Fits(n, d) {
			continue
		}
		if len(cs) > 0 && placement.AllowsAll(&o.nodes[i], cs) != nil {
			continue
		}
		best, bestSum = n, sum
	}
	return best, bestSum, best != topology.None
}

func (o *Online) place(d topology.Resources, cs []workloads.Constraint, pin topology.NodeID) (topology.NodeID, placement.Grant, bool) {
	n, _, ok := o.find(d, cs, pin)
	if !ok {
		return topology.None, placement.Grant{}, false
	}
	g, ok := o.ledger.Take(n, d)
	o.refresh(n)
	return n, g, ok
}

func (o *Online) give(n topology.NodeID, d topology.Resources, g placement.Grant) {
	o.ledger.Give(n, d, g)
	o.refresh(n)
}

// Place takes the best node for a demand; ok is false when none has room.
func (o *Online) Place(d topology.Resources, cs []workloads.Constraint) (topology.NodeID, placement.Grant, bool) {
	return o.place(d, cs, topology.None)
}

// Release gives back what Place took.
func (o *Online) Release(n topology.NodeID, d topology.Resources, g placement.Grant) { o.give(n, d, g) }
