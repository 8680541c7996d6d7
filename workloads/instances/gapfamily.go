package instances

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// A GAPFamily draws generalised assignment problems of the five classic types
// (A to D: Chu and Beasley, Comput. Oper. Res. 24, 1997; E: Laguna et al.,
// Eur. J. Oper. Res. 82, 1995). C is tight, D costs more where it weighs less,
// E does so over several magnitudes.
type GAPFamily struct {
	Type         byte // 'a' to 'e'
	Agents, Jobs int
}

// Name is the type, agents and jobs in the way of the OR-Library, such as
// "d05100", and the seed.
func (f GAPFamily) Name(seed uint64) string {
	return fmt.Sprintf("%c%02d%03d-%d", f.Type, f.Agents, f.Jobs, seed)
}

// Instance draws one problem. The same seed gives the same problem.
func (f GAPFamily) Instance(seed uint64) *GAP {
	rng := rand.New(rand.NewPCG(seed, uint64(f.Type)))
	g := &GAP{Name: f.Name(seed)}
	for range f.Agents {
		cost, weight := make([]int64, f.Jobs), make([]int64, f.Jobs)
		for j := range cost {
			switch f.Type {
			case 'd':
				weight[j] = 1 + rng.Int64N(100)
				cost[j] = 111 - weight[j] + rng.Int64N(21) - 10
			case 'e':
				weight[j] = int64(1 - 10*math.Log(1-rng.Float64()))
				cost[j] = int64(1000/float64(weight[j]) - 10*rng.Float64())
			default:
				weight[j], cost[j] = 5+rng.Int64N(21), 10+rng.Int64N(41)
			}
		}
		g.Cost, g.Weight = append(g.Cost, cost), append(g.Weight, weight)
	}
	g.Capacity = f.capacities(g)
	return g
}

// capacities is 0.8 of an agent's share of its weights or, for A and B, the
// same for all: 0.6 x 15 jobs/agents + 0.4 R, where R is the largest load when
// every job goes where it costs least, and 0.7 of that.
func (f GAPFamily) capacities(g *GAP) []int64 {
	out, load := make([]int64, f.Agents), make([]int64, f.Agents)
	for j := range f.Jobs {
		cheapest := 0
		for i := range g.Cost {
			out[i] += g.Weight[i][j]
			if g.Cost[i][j] < g.Cost[cheapest][j] {
				cheapest = i
			}
		}
		load[cheapest] += g.Weight[cheapest][j]
	}
	var largest int64
	for _, l := range load {
		largest = max(largest, l)
	}
	for i := range out {
		switch f.Type {
		case 'a':
			out[i] = int64(9*f.Jobs/f.Agents) + largest*4/10
		case 'b':
			out[i] = (int64(9*f.Jobs/f.Agents) + largest*4/10) * 7 / 10
		default:
			out[i] = out[i] * 8 / int64(10*f.Agents)
		}
	}
	return out
}
