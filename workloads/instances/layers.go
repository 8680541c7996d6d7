package instances

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// A LayerGraph is a neural network to be cut into pieces, one for each
// accelerator or processor, so that the busiest piece is as short as possible
// (Tarnawski et al., Efficient Algorithms for Device Placement of DNN Graph
// Operators, NeurIPS 2020).
type LayerGraph struct {
	Name         string
	Accelerators int
	CPUs         int
	Memory       float64 // bytes of one accelerator
	Layers       []Layer
	Edges        []LayerEdge
}

// A Layer is one operator of the network, or one of its layers.
type Layer struct {
	ID            int // as the file calls it
	Name          string
	CPU           float64 // ms on a processor
	Accelerator   float64 // ms on an accelerator
	OnAccelerator bool    // whether it can run there at all
	Size          float64 // bytes that it takes up there
	Backward      bool    // of the backward pass of training
	Colour        int     // layers of one colour share a device; every colour is a position in Layers
	Transfer      float64 // ms to move its output between an accelerator and main memory
}

// A LayerEdge says that the output of one layer, by its position in Layers, is
// another's input.
type LayerEdge struct{ From, To int }

// layerFile is the format of github.com/msr-fiddle/dnn-partitioning.
type layerFile struct {
	Memory       *float64 `json:"maxSizePerFPGA"`
	Accelerators *int     `json:"maxFPGAs"`
	CPUs         *int     `json:"maxCPUs"`
	Nodes        []struct {
		ID          *int     `json:"id"`
		Name        string   `json:"name"`
		Supported   flag     `json:"supportedOnFpga"`
		CPU         *float64 `json:"cpuLatency"`
		Accelerator *float64 `json:"fpgaLatency"`
		Backward    flag     `json:"isBackwardNode"`
		Colour      *int     `json:"colorClass"`
		Size        float64  `json:"size"`
	} `json:"nodes"`
	Edges []struct {
		From *int     `json:"sourceId"`
		To   *int     `json:"destId"`
		Cost *float64 `json:"cost"`
	} `json:"edges"`
}

// A flag is true, false, 1 or 0.
type flag bool

// UnmarshalJSON implements json.Unmarshaler.
func (f *flag) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true", "1":
		*f = true
	case "false", "0", "null":
		*f = false
	default:
		return fmt.Errorf("found %s, allowed is true, false, 1 or 0", data)
	}
	return nil
}

// maxDocument bounds what a reader takes in, in bytes.
const maxDocument = 64 << 20

// readAll reads a document that is not too long.
func readAll(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("%s: longer than %d MiB", name, maxDocument>>20)
	}
	return data, nil
}

// ReadLayerGraph reads the JSON of the placement benchmark. Every fault of
// its contents is reported.
func ReadLayerGraph(r io.Reader, name string) (*LayerGraph, error) {
	data, err := readAll(r, name)
	if err != nil {
		return nil, err
	}
	var f layerFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, lineOf(data, err), err)
	}
	g := &LayerGraph{Name: name}
	faults := g.header(&f)
	position, more := g.layers(&f)
	faults = append(faults, more...)
	faults = append(faults, g.edges(&f, position)...)
	if len(faults) == 0 {
		faults = append(faults, g.Check())
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return g, nil
}

// lineOf is the line of a JSON error.
func lineOf(data []byte, err error) int {
	offset := int64(0)
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	if errors.As(err, &syntax) {
		offset = syntax.Offset
	} else if errors.As(err, &typed) {
		offset = typed.Offset
	}
	return 1 + bytes.Count(data[:min(int(offset), len(data))], []byte("\n"))
}

func (g *LayerGraph) header(f *layerFile) []error {
	if f.Memory == nil || f.Accelerators == nil || f.CPUs == nil {
		return []error{fmt.Errorf("%s: maxSizePerFPGA, maxFPGAs and maxCPUs must all be there", g.Name)}
	}
	g.Memory, g.Accelerators, g.CPUs = *f.Memory, *f.Accelerators, *f.CPUs
	return nil
}

// layers takes the nodes, and returns their positions by ID.
func (g *LayerGraph) layers(f *layerFile) (position map[int]int, faults []error) {
	position = map[int]int{}
	colours := map[int]int{}
	for i, n := range f.Nodes {
		if n.ID == nil || n.CPU == nil || n.Accelerator == nil {
			faults = append(faults, fmt.Errorf("%s: nodes[%d]: id, cpuLatency and fpgaLatency must all be there", g.Name, i))
			continue
		}
		if _, taken := position[*n.ID]; taken {
			faults = append(faults, fmt.Errorf("%s: nodes[%d].id: %d is taken", g.Name, i, *n.ID))
		}
		position[*n.ID] = len(g.Layers)
		colour := len(g.Layers)
		if n.Colour != nil {
			if first, seen := colours[*n.Colour]; seen {
				colour = first
			}
			colours[*n.Colour] = colour
		}
		g.Layers = append(g.Layers, Layer{
			ID: *n.ID, Name: n.Name, CPU: *n.CPU, Accelerator: *n.Accelerator, OnAccelerator: bool(n.Supported),
			Size: n.Size, Backward: bool(n.Backward), Colour: colour,
		})
	}
	return position, faults
}

func (g *LayerGraph) edges(f *layerFile, position map[int]int) (faults []error) {
	seen := make([]bool, len(g.Layers))
	for i, e := range f.Edges {
		if e.From == nil || e.To == nil || e.Cost == nil {
			faults = append(faults, fmt.Errorf("%s: edges[%d]: sourceId, destId and cost must all be there", g.Name, i))
			continue
		}
		from, ok := position[*e.From]
		to, known := position[*e.To]
		if !ok || !known {
			faults = append(faults, fmt.Errorf("%s: edges[%d]: no nodes %d and %d", g.Name, i, *e.From, *e.To))
			continue
		}
		g.Edges = append(g.Edges, LayerEdge{from, to})
		l := &g.Layers[from]
		if seen[from] && math.Abs(l.Transfer-*e.Cost) > 1e-6 {
			faults = append(faults, fmt.Errorf("%s: edges[%d].cost: found %v, another edge out of node %d has %v", g.Name, i, *e.Cost, l.ID, l.Transfer))
		}
		seen[from], l.Transfer = true, *e.Cost
	}
	return faults
}

// maxDevices bounds the accelerators and processors of a LayerGraph.
const maxDevices = 10_000

// Check reports every fault of the graph: quantities that are negative or not
// finite, edges and colours that lead nowhere, and cycles.
func (g *LayerGraph) Check() error {
	var faults []error
	fault := func(where string, found any, allowed string) {
		faults = append(faults, fmt.Errorf("%s: %s: found %v, allowed is %s", g.Name, where, found, allowed))
	}
	amount := func(where string, x float64) {
		if !(x >= 0) || math.IsInf(x, 0) {
			fault(where, x, "0 or more")
		}
	}
	amount("maxSizePerFPGA", g.Memory)
	if g.Accelerators < 0 || g.CPUs < 0 || g.Accelerators > maxDevices || g.CPUs > maxDevices {
		fault("maxFPGAs and maxCPUs", fmt.Sprintf("%d and %d", g.Accelerators, g.CPUs), fmt.Sprintf("0 to %d", maxDevices))
	}
	for i := range g.Layers {
		l := &g.Layers[i]
		where := fmt.Sprintf("node %d: ", l.ID)
		amount(where+"cpuLatency", l.CPU)
		amount(where+"fpgaLatency", l.Accelerator)
		amount(where+"size", l.Size)
		amount(where+"cost of its edges", l.Transfer)
		if l.Colour < 0 || l.Colour >= len(g.Layers) {
			fault(where+"colour", l.Colour, "a position")
		}
	}
	for i, e := range g.Edges {
		if e.From < 0 || e.From >= len(g.Layers) || e.To < 0 || e.To >= len(g.Layers) {
			fault(fmt.Sprintf("edges[%d]", i), e, "two positions")
		}
	}
	if len(faults) == 0 && g.cyclic() {
		faults = append(faults, fmt.Errorf("%s: its edges run in a circle", g.Name))
	}
	return errors.Join(faults...)
}

// cyclic takes away layers without predecessors as long as there are any
// (Kahn, 1962).
func (g *LayerGraph) cyclic() bool {
	left := make([]int, len(g.Layers))
	next := make([][]int, len(g.Layers))
	for _, e := range g.Edges {
		left[e.To]++
		next[e.From] = append(next[e.From], e.To)
	}
	var free []int
	for v, n := range left {
		if n == 0 {
			free = append(free, v)
		}
	}
	for i := 0; i < len(free); i++ {
		for _, w := range next[free[i]] {
			if left[w]--; left[w] == 0 {
				free = append(free, w)
			}
		}
	}
	return len(free) < len(g.Layers)
}
