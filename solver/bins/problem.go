package bins

import (
	"fmt"
	"math"
	"slices"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// A piece is one instance or operator to place.
type piece struct {
	workload, name string
	instance       int
	priority       int
	demand         topology.Resources
	constraints    []workloads.Constraint
	pin            topology.NodeID // None: anywhere; below: nowhere, as two pins differ
	pipeline, op   int             // -1 for a group's instance
	at             func(*placement.Placement) *topology.NodeID
}

const nowhere topology.NodeID = topology.None - 1

func piecesOf(w *workloads.Workload) []piece {
	var out []piece
	for i := range w.Pipelines {
		pl := &w.Pipelines[i]
		pins, err := pl.Pins()
		for j := range pl.Operators {
			o := &pl.Operators[j]
			pin := nowhere
			if err == nil {
				pin = pins[j]
			}
			out = append(out, piece{
				workload: pl.Name, name: o.Name, priority: pl.Priority, demand: o.Demand, constraints: o.Constraints, pin: pin, pipeline: i, op: j,
				at: func(p *placement.Placement) *topology.NodeID { return &p.Pipelines[i][j] },
			})
		}
	}
	for i := range w.Jobs {
		job := &w.Jobs[i]
		for g := range job.Groups {
			group := &job.Groups[g]
			for k := range group.Count {
				out = append(out, piece{
					workload: job.Name, name: group.Name, instance: k, priority: job.Priority, demand: group.Demand,
					constraints: group.Constraints, pin: topology.None, pipeline: -1, op: -1,
					at: func(p *placement.Placement) *topology.NodeID { return &p.Jobs[i][g][k] },
				})
			}
		}
	}
	return out
}

// A fleet is a problem as pieces and nodes.
type fleet struct {
	p       *solver.Problem
	nodes   []topology.Node
	pieces  []piece
	allowed [][]bool // [piece][node]: constraints, pins, and room on the empty node
	shared  bool     // pieces share GPUs: which fit together depends on their order
}

func newFleet(p *solver.Problem) *fleet {
	f := &fleet{p: p, nodes: p.Topology.Nodes(), pieces: piecesOf(p.Workload)}
	empty := placement.NewLedger(p.Topology)
	for i := range f.pieces {
		it := &f.pieces[i]
		row := make([]bool, len(f.nodes))
		for n := range f.nodes {
			id := topology.NodeID(n)
			row[n] = (it.pin == topology.None || it.pin == id) && placement.AllowsAll(&f.nodes[n], it.constraints) == nil && empty.Fits(id, it.demand)
		}
		f.allowed = append(f.allowed, row)
		f.shared = f.shared || it.demand.GPUs > 0 && it.demand.GPUMilli > 0 && it.demand.GPUMilli < 1000
	}
	return f
}

// homeless is a piece that no node holds even when it is empty, or -1.
func (f *fleet) homeless() int {
	return slices.IndexFunc(f.allowed, func(row []bool) bool { return !slices.Contains(row, true) })
}

// perMHz is the resolution to which processor capacity is counted: thousandths
// of a MHz.
const perMHz = 1000

// size is a piece's demand in whole numbers, rounded down: cpu, memory, disk,
// thousandths of GPUs.
func size(d topology.Resources) []int64 {
	milli := int64(d.GPUMilli)
	if milli == 0 {
		milli = 1000
	}
	return []int64{int64(math.Floor(float64(d.CPU) * perMHz)), int64(d.Memory), int64(d.Disk), int64(d.GPUs) * milli}
}

// room is what a node has for placement in the same units, rounded up; -1
// where it is unlimited.
func room(n *topology.Node) []int64 {
	out := []int64{-1, -1, -1, 1000 * int64(n.GPUs.Count)}
	if n.CPU > 0 {
		out[0] = int64(math.Ceil(max(float64(n.CPU-n.Reserved.CPU), 0) * perMHz))
	}
	if n.Memory > 0 {
		out[1] = int64(max(n.Memory-n.Reserved.Memory, 0))
	}
	if n.Disk > 0 {
		out[2] = int64(max(n.Disk-n.Reserved.Disk, 0))
	}
	return out
}

// relaxed is bin packing that every placement solves: bins as large as the
// largest of the nodes that any piece may use in each dimension, which are
// returned by rooms; unlimited dimensions are as large as everything together.
func (f *fleet) relaxed() (capacity []int64, sizes, rooms [][]int64) {
	total := make([]int64, 4)
	for i := range f.pieces {
		s := size(f.pieces[i].demand)
		sizes = append(sizes, s)
		for d, x := range s {
			total[d] += x
		}
	}
	capacity = make([]int64, 4)
	rooms = make([][]int64, len(f.nodes))
	for n := range f.nodes {
		if !slices.ContainsFunc(f.allowed, func(row []bool) bool { return row[n] }) {
			continue
		}
		rooms[n] = room(&f.nodes[n])
		for d, c := range rooms[n] {
			if c < 0 || c > total[d] {
				rooms[n][d] = total[d]
			}
			capacity[d] = max(capacity[d], rooms[n][d])
		}
	}
	return capacity, sizes, rooms
}

// largest is the nodes that are as large as a bin of the relaxed problem and
// allow every piece.
func (f *fleet) largest(capacity []int64, rooms [][]int64) []topology.NodeID {
	var out []topology.NodeID
	for n := range f.nodes {
		if slices.Equal(rooms[n], capacity) && !slices.ContainsFunc(f.allowed, func(row []bool) bool { return !row[n] }) {
			out = append(out, topology.NodeID(n))
		}
	}
	return out
}

// fewest is how many nodes the demand needs at least: in each dimension, the
// fewest of the largest that hold it all together; and the pins.
func (f *fleet) fewest(sizes, rooms [][]int64) int64 {
	bound := int64(0)
	for d := range 4 {
		var need int64
		for _, s := range sizes {
			need += s[d]
		}
		var room []int64
		for _, r := range rooms {
			if r != nil {
				room = append(room, r[d])
			}
		}
		slices.Sort(room)
		used := int64(0)
		for k := len(room) - 1; k >= 0 && need > 0; k-- {
			need -= room[k]
			used++
		}
		bound = max(bound, used)
	}
	pinned := map[topology.NodeID]bool{}
	for i := range f.pieces {
		if f.pieces[i].pin >= 0 {
			pinned[f.pieces[i].pin] = true
		}
	}
	return max(bound, int64(len(pinned)), int64(min(len(f.pieces), 1)))
}

// runs reports whether a placement of everything can run: what placement.Check
// asks, and that operators reach each other.
func (f *fleet) runs(pl placement.Placement) bool {
	if placement.Check(f.p.Topology, f.p.Workload, pl) != nil {
		return false
	}
	for i := range f.p.Workload.Pipelines {
		if _, err := placement.Estimate(f.p.Topology, f.p.Model, &f.p.Workload.Pipelines[i], pl.Pipelines[i]); err != nil {
			return false
		}
	}
	return true
}

// leave is a piece that has no node, and why.
func (f *fleet) leave(i int, reason string) solver.Unplaced {
	it := &f.pieces[i]
	return solver.Unplaced{Workload: it.workload, Item: it.name, Instance: it.instance, Reason: reason}
}

// unfit says why no empty node holds a piece.
func (f *fleet) unfit(i int) string {
	it := &f.pieces[i]
	return fmt.Sprintf("%s: no node of %d has room for it when empty, and allows it", it.name, len(f.nodes))
}
