package chaincut

import (
	"math"
	"slices"
	"time"

	"caravan/topology"
	"caravan/workloads/placement"
)

// setRoom chooses what a price is for on nodes where operators do not slow each
// other: the period when it is limited, otherwise the dimension in which the
// pipeline asks for the most of what there is.
func (x *prices) setRoom() {
	k := len(x.allowed)
	x.asked, x.room = make([]float64, k+1), slices.Repeat([]float64{math.Inf(1)}, len(x.slowed))
	if x.below < forever {
		copy(x.asked, x.before)
		for a := range x.room {
			if n := &x.p.Topology.Nodes()[a]; x.p.Model.Discipline(n) != topology.Delay {
				x.room[a] = x.below.Seconds() * float64(n.Cores) * n.Speed
			}
		}
		return
	}
	var asked, free placement.Vector
	for j := range k {
		for i, d := range placement.Demand(x.w.Operators[j].Demand) {
			asked[i] += d
		}
	}
	for a := range x.room {
		for i, f := range x.ledger.Free(topology.NodeID(a)) {
			if !math.IsInf(f, 1) {
				free[i] += f
			}
		}
	}
	dim := 0
	for i := range asked {
		if asked[i]*free[dim] > asked[dim]*free[i] {
			dim = i
		}
	}
	for j := range k {
		x.asked[j+1] = x.asked[j] + placement.Demand(x.w.Operators[j].Demand)[dim]
	}
	for a := range x.room {
		if f := x.ledger.Free(topology.NodeID(a))[dim]; f > 0 {
			x.room[a] = f
		}
	}
}

// setReach finds how far each run can go before its node has no room left or is
// too busy.
func (x *prices) setReach() {
	n := len(x.slowed)
	for j := range x.allowed {
		x.reach = append(x.reach, make([]int16, n))
		for _, a := range x.allowed[j] {
			x.reach[j][a] = int16(x.fits(j, a))
		}
	}
}

func (x *prices) fits(from int, a topology.NodeID) int {
	var grants []placement.Grant
	end := from
	for end < len(x.may) && x.may[end][a] && x.busy(from, end+1, a) < x.below {
		g, ok := x.ledger.Take(a, x.w.Operators[end].Demand)
		if !ok {
			break
		}
		grants = append(grants, g)
		end++
	}
	for i, g := range grants {
		x.ledger.Give(a, x.w.Operators[from+i].Demand, g)
	}
	return end
}

// busy is how long a run alone keeps node a busy, 0 when that does not matter.
func (x *prices) busy(from, end int, a topology.NodeID) time.Duration {
	n := &x.p.Topology.Nodes()[a]
	var sum, longest time.Duration
	if x.below >= forever {
		return 0
	}
	for i := from; i < end; i++ {
		d := x.compute(i, a, end-from)
		sum, longest = sum+d, max(longest, d)
	}
	switch x.p.Model.Discipline(n) {
	case topology.PerOperator:
		return longest
	case topology.Delay:
		return 0
	}
	return sum / time.Duration(n.Cores)
}

// demanding reports whether any operator asks for a resource.
func (s *search) demanding() bool {
	for j := range s.w.Operators {
		if placement.Demand(s.w.Operators[j].Demand) != (placement.Vector{}) {
			return true
		}
	}
	return false
}

// faults counts what is wrong with a placement: operators without room, and a
// period that is too long.
func (b *branching) faults(nodes []topology.NodeID) int {
	if !b.tight {
		return 0
	}
	count := 0
	grants := make([]placement.Grant, len(nodes))
	took := make([]bool, len(nodes))
	for j, a := range nodes {
		if grants[j], took[j] = b.ledger.Take(a, b.w.Operators[j].Demand); !took[j] {
			count++
		}
	}
	for j, a := range nodes {
		if took[j] {
			b.ledger.Give(a, b.w.Operators[j].Demand, grants[j])
		}
	}
	if b.probe != nil && b.probe.period(nodes) >= b.below {
		count++
	}
	return count
}
