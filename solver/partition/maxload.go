package partition

import (
	"context"
	"math"

	"caravan/workloads/instances"
)

// Limits bound a search; the zero value has defaults.
type Limits struct {
	Ideals int   // sets of layers closed under what comes before; 0 is 300,000
	Steps  int64 // pieces tried on a device; 0 is 500 million
}

// A Layout puts the layers of a network on devices.
type Layout struct {
	// Device of each layer: accelerators are 0 to k-1, processors follow. It is
	// nil when no layout was found; if Proved, there is none.
	Device []int
	Load   float64 // of the busiest device, in ms; +Inf without a layout
	Bound  float64 // no contiguous layout has less
	Proved bool
	Ideals int
	Steps  int64
}

// MaxLoad finds the contiguous layout of least load of the busiest device. A
// device's share is contiguous: the layers before it are closed under
// predecessors, and so are those before and in it. An accelerator's load is the
// time of its layers and of the outputs that enter or leave it, each once; a
// processor's is the time of its layers. An accelerator's layers must fit its
// memory. Layers of one colour stay together, and with them the backward pass.
//
// It is the dynamic program over ideals of Tarnawski et al. (NeurIPS 2020),
// which visits only shares that are shorter than the best layout along one of
// two orders of the layers. When there are too many ideals, that layout is the
// answer.
func MaxLoad(ctx context.Context, g *instances.LayerGraph, o Limits) (Layout, error) {
	if err := g.Check(); err != nil {
		return Layout{}, err
	}
	if len(g.Layers) == 0 {
		return Layout{Device: []int{}, Proved: true}, nil
	}
	if o.Ideals == 0 {
		o.Ideals = 300_000
	}
	if o.Steps == 0 {
		o.Steps = 500_000_000
	}
	p := newPieces(g)
	s := &split{ctx: ctx, p: p, limits: o, upper: math.Inf(1), gauge: newGauge(p)}
	s.along()
	lattice, whole := p.ideals(ctx, o.Ideals)
	if whole {
		s.lattice = lattice
		s.run()
	}
	out := Layout{Load: s.upper, Bound: p.bound(), Proved: whole && !s.stopped, Ideals: len(lattice), Steps: s.steps}
	if s.shares != nil {
		out.Device = s.devices()
		out.Load = p.load(s.shares)
	}
	if out.Proved {
		out.Bound = out.Load
	}
	out.Proved = out.Load <= out.Bound
	return out, nil
}

// bound is the longest piece on its faster device, or all pieces over all
// devices, a processor counting as many accelerators as it is faster at best.
func (p *pieces) bound() float64 {
	longest, total, ratio := 0.0, 0.0, 0.0
	for _, x := range p.all {
		least := x.cpu
		if x.anywhere && p.g.Accelerators > 0 {
			least = min(least, x.accelerator)
		}
		if p.g.CPUs == 0 {
			least = x.accelerator
		}
		longest, total, ratio = max(longest, least), total+x.accelerator, max(ratio, x.ratio())
	}
	devices := float64(p.g.Accelerators)
	if p.g.CPUs > 0 {
		devices += float64(p.g.CPUs) * ratio
	}
	if devices == 0 {
		return longest
	}
	return max(longest, total/devices*(1-1e-12))
}

// ratio is how much accelerator time a processor does in its own.
func (x *piece) ratio() float64 {
	if x.accelerator == 0 {
		return 0
	}
	return x.accelerator / x.cpu
}

// A share is what one device gets.
type share struct {
	pieces      []int
	accelerator bool
}

// load is the largest load of the shares.
func (p *pieces) load(shares []share) float64 {
	worst := 0.0
	for _, s := range shares {
		g := newGauge(p)
		for _, v := range s.pieces {
			g.add(v)
		}
		if s.accelerator {
			worst = max(worst, g.accelerator+g.links)
		} else {
			worst = max(worst, g.cpu)
		}
	}
	return worst
}

// loads are the load of the set on an accelerator and on a processor, +Inf
// where it cannot run.
func (g *gauge) loads() (accelerator, cpu float64) {
	accelerator, cpu = math.Inf(1), g.cpu
	if g.tied == 0 && g.size <= g.p.g.Memory {
		accelerator = g.accelerator + g.links
	}
	return accelerator, cpu
}

// hopeless reports that neither this set nor a larger one has a load below x.
func (g *gauge) hopeless(x float64) bool {
	return g.cpu >= x && (g.accelerator >= x || g.tied > 0 || g.size > g.p.g.Memory)
}
