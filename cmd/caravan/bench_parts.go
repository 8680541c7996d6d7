package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"caravan/solver/partition"
	"caravan/workloads/instances"
)

// A benchPart is where a part of a program goes that was divided.
type benchPart struct {
	Item string `json:"item"`
	On   string `json:"on"`
}

// layerCases lay out a network on its accelerators and processors and, where
// that is a cut, divide it between one of each.
func layerCases(name string, g *instances.LayerGraph, known float64) []benchCase {
	layout := benchCase{
		Name: "dnn/" + name, Unit: "ms", Known: known, Proved: true, Solvers: []string{"partition"},
		Run: func(ctx context.Context, _ string, _ time.Duration) (benchAnswer, error) {
			l, err := partition.MaxLoad(ctx, g, partition.Limits{Ideals: math.MaxInt, Steps: math.MaxInt64})
			return benchAnswer{Status: proved(l.Proved), Cost: l.Load, Bound: l.Bound, Steps: l.Steps, Parts: layoutParts(g, l)}, err
		},
	}
	sides, ok := sidesOf(g)
	if !ok {
		return []benchCase{layout}
	}
	return []benchCase{layout, {
		Name: "dnn/" + name + " in two", Unit: "ms", Known: math.NaN(), Solvers: []string{"partition"},
		Run: func(ctx context.Context, _ string, _ time.Duration) (benchAnswer, error) {
			cut, err := partition.TwoWay(ctx, sides)
			return benchAnswer{Status: proved(err == nil), Cost: cut.Cost, Bound: cut.Cost,
				Parts: cutParts(cut, func(v int) string { return layerName(&g.Layers[v]) }, "processor", "accelerator")}, err
		},
	}}
}

// sidesOf is the network between a processor, where layers without
// predecessors stay, and an accelerator. It is no cut when there is none of
// either, when the accelerator's memory is too small for everything, or when
// the backward pass brings data back.
func sidesOf(g *instances.LayerGraph) (partition.Sides, bool) {
	var s partition.Sides
	size, backward := 0.0, false
	for v := range g.Layers {
		l := &g.Layers[v]
		far := l.Accelerator
		if !l.OnAccelerator || !slices.ContainsFunc(g.Edges, func(e instances.LayerEdge) bool { return e.To == v }) {
			far = math.Inf(1)
		}
		s.Near, s.Far, s.Output = append(s.Near, l.CPU), append(s.Far, far), append(s.Output, l.Transfer)
		if l.Colour != v { // together: neither is far without the other
			s.Edges = append(s.Edges, [2]int{l.Colour, v}, [2]int{v, l.Colour})
		}
		size, backward = size+l.Size, backward || l.Backward
	}
	for _, e := range g.Edges {
		s.Edges = append(s.Edges, [2]int{e.From, e.To})
	}
	return s, g.Accelerators > 0 && g.CPUs > 0 && size <= g.Memory && !backward
}

// layerName is a layer's name, or its number in the file without one.
func layerName(l *instances.Layer) string {
	if l.Name == "" {
		return strconv.Itoa(l.ID)
	}
	return l.Name
}

func layoutParts(g *instances.LayerGraph, l partition.Layout) []benchPart {
	var out []benchPart
	for v, d := range l.Device {
		on := fmt.Sprintf("accelerator %d", d)
		if d >= g.Accelerators {
			on = fmt.Sprintf("processor %d", d-g.Accelerators)
		}
		out = append(out, benchPart{layerName(&g.Layers[v]), on})
	}
	return out
}

func cutParts(c partition.Cut, name func(v int) string, near, far string) []benchPart {
	var out []benchPart
	for v, isFar := range c.Far {
		on := near
		if isFar {
			on = far
		}
		out = append(out, benchPart{name(v), on})
	}
	return out
}

func stageParts(layers []instances.ChainLayer, s partition.Split) []benchPart {
	var out []benchPart
	for k, processor := range s.Order {
		for v := len(out); v < s.Ends[k]; v++ {
			out = append(out, benchPart{layers[v].Name, fmt.Sprintf("processor %d", processor)})
		}
	}
	return out
}

// printParts says who goes where.
func (a *app) printParts(parts []benchPart) {
	if len(parts) == 0 {
		return
	}
	g := grid{header: []string{"item", "on"}}
	for _, p := range parts {
		g.add(p.Item, p.On)
	}
	fmt.Fprintln(a.stdout)
	g.render(a.stdout)
}
