package main

import (
	"fmt"
	"slices"
)

// A side is one program on one workload: the simulator itself or a peer.
type side struct {
	name string
	peer string   // whose tools it needs; empty is the simulator itself
	argv []string // the first word names a program of build.go
	want answer
}

// A goal bounds the simulator's time by a rival's.
type goal struct {
	rivals []string // names of sides; the fastest counts
	// faster is how many times the rival's time the simulator's must fit in;
	// below 1 it may take longer.
	faster float64
}

// A workload is run by several sides; the first is the simulator. Times are
// compared by operation, as slow peers run fewer of them.
type workload struct {
	name      string // as --only takes it
	title     string
	operation string
	sides     []side
	goals     []goal
}

// An answer is what a side must find: a hash exactly or, without one, a value
// within a tolerance.
type answer struct {
	hash      string
	value     float64
	tolerance float64 // absolute
}

func hash(h string) answer { return answer{hash: h} }

// digits is a value that agrees to the digits given.
func digits(value, tolerance float64) answer { return answer{value: value, tolerance: tolerance} }

const (
	caravan  = "caravan"
	cpp      = "C++"
	cppStd   = "C++ std::priority_queue"
	ns3      = "ns-3"
	ns3Map   = "ns-3 default"
	simgrid  = "SimGrid"
	sgFull   = "SimGrid Full"
	sgLazy   = "SimGrid Lazy"
	simpy    = "SimPy CPython"
	simpyJIT = "SimPy PyPy"
)

// suite lists all workloads. The sizes keep a side's run around a second; the
// answers were found by at least two independent implementations each, and
// lie within their statistical error of the exact values 5, 2.402806 and
// 0.174366 s of b1, b2 and c. SimPy draws other random numbers than the rest:
// it may be off the exact value by four standard deviations of a run of its
// length, estimated from a hundred runs of our own.
func suite() []workload {
	return slices.Concat(kernelSuite(), queueingSuite(), flowSuite())
}

func kernelSuite() []workload {
	a1 := func(n int, h string, faster float64) workload {
		arg := fmt.Sprint(n)
		return workload{
			name: "a1", title: fmt.Sprintf("a1 hold model, %d events pending", n), operation: "hold",
			sides: []side{
				{caravan, "", []string{"self", "a1", arg, "1000000"}, hash(h)},
				{cpp, "cpp", []string{"hold", "4ary", arg, "1000000"}, hash(h)},
				{cppStd, "cpp", []string{"hold", "std", arg, "1000000"}, hash(h)},
			},
			goals: []goal{{[]string{cpp}, faster}},
		}
	}
	const a2 = "f6008e87510bb9a0"
	return []workload{
		a1(1_000, "ce2c74b1023966a3", 1/1.2),
		a1(100_000, "12fb84a3c621dd34", 1/0.6),
		a1(1_000_000, "34639f0e80858a7e", 1/0.25),
		{
			name: "a2", title: "a2 1000 timers that re-arm themselves", operation: "event",
			sides: []side{
				{caravan, "", []string{"self", "a2", "1000", "1000000"}, hash(a2)},
				{ns3, "ns3", []string{"ns3-queueing", priorityQueue, "a2", "1000", "1000000"}, hash(a2)},
				{ns3Map, "ns3", []string{"ns3-queueing", mapScheduler, "a2", "1000", "1000000"}, hash(a2)},
				{simgrid, "simgrid", []string{"simgrid-queueing", "a2", "1000", "500000"}, hash("225701087cf13002")},
				{simpy, "simpy", []string{"cpython", "a2", "1000", "200000"}, digits(200000, 0)},
				{simpyJIT, "pypy", []string{"pypy", "a2", "1000", "500000"}, digits(500000, 0)},
			},
			goals: []goal{{[]string{ns3}, 1.6}, {[]string{simgrid}, 20}, {[]string{simpy, simpyJIT}, 20}},
		},
	}
}

// The event lists of ns-3: its fastest, and the one it uses unless told.
const (
	priorityQueue = "ns3::PriorityQueueScheduler"
	mapScheduler  = "ns3::MapScheduler"
)

func queueingSuite() []workload {
	return []workload{
		{
			name: "b1", title: "b1 M/M/1 at 80 % load", operation: "request",
			sides: []side{
				{caravan, "", []string{"self", "b1", "1000000"}, digits(5.081331, 1e-6)},
				{cpp, "cpp", []string{"queueing", "b1", "1000000"}, digits(5.081331, 1e-6)},
				{ns3, "ns3", []string{"ns3-queueing", priorityQueue, "b1", "1000000"}, digits(5.081331, 1e-6)},
				{simgrid, "simgrid", []string{"simgrid-queueing", "b1", "200000"}, digits(5.031959, 1e-6)},
				{simpy, "simpy", []string{"cpython", "b1", "100000"}, digits(5, 0.58)},
				{simpyJIT, "pypy", []string{"pypy", "b1", "200000"}, digits(5, 0.38)},
			},
			goals: []goal{
				{[]string{cpp}, 1 / 2.0}, {[]string{ns3}, 2}, {[]string{simgrid}, 15},
				{[]string{simpy}, 75}, {[]string{simpyJIT}, 25},
			},
		},
		{
			name: "b2", title: "b2 tandem of M/M/10, M/M/4, M/M/1 at 80 % load", operation: "request",
			sides: []side{
				{caravan, "", []string{"self", "b2", "500000"}, digits(2.410930, 1e-6)},
				{cpp, "cpp", []string{"queueing", "b2", "500000"}, digits(2.410930, 1e-6)},
				{ns3, "ns3", []string{"ns3-queueing", priorityQueue, "b2", "500000"}, digits(2.410930, 1e-6)},
				{simgrid, "simgrid", []string{"simgrid-queueing", "b2", "100000"}, digits(2.423827, 1e-6)},
				{simpy, "simpy", []string{"cpython", "b2", "50000"}, digits(2.402806, 0.17)},
				{simpyJIT, "pypy", []string{"pypy", "b2", "100000"}, digits(2.402806, 0.12)},
			},
		},
		{
			name: "c", title: "c edge to cloud, 1000 sources, two priorities, 80 % load", operation: "request",
			sides: []side{
				{caravan, "", []string{"self", "c", "500000"}, digits(0.173687, 1e-6)},
				{cpp, "cpp", []string{"queueing", "c", "500000"}, digits(0.173687, 1e-6)},
				{ns3, "ns3", []string{"ns3-queueing", priorityQueue, "c", "500000"}, digits(0.173687, 1e-6)},
				{simgrid, "simgrid", []string{"simgrid-queueing", "c", "100000"}, digits(0.173756, 1e-6)},
				{simpy, "simpy", []string{"cpython", "c", "20000"}, digits(0.174366, 0.017)},
				{simpyJIT, "pypy", []string{"pypy", "c", "50000"}, digits(0.174366, 0.010)},
			},
			goals: []goal{
				{[]string{cpp}, 1 / 1.5}, {[]string{ns3}, 2}, {[]string{simgrid}, 17},
				{[]string{simpy}, 95}, {[]string{simpyJIT}, 65},
			},
		},
	}
}

// flowSuite compares with the faster of SimGrid's two update rules. The answer
// is the instant of the last completion in seconds. A closed network forgets
// nothing: the last bits of its rates grow tenfold every few thousand
// completions, so that exact solvers agree to seven digits after 20000 of d3
// and to three after 200000.
func flowSuite() []workload {
	flows := func(argv ...string) []string { return append([]string{"simgrid-flows"}, argv...) }
	return []workload{
		{
			name: "d1", title: "d1 1000 max-min fair flows in a mesh of 100 links", operation: "completion",
			sides: []side{
				{caravan, "", []string{"self", "d1", "1000", "2000"}, digits(10.2027689, 1e-7)},
				{sgFull, "simgrid", flows("d1", "1000", "2000", "Full"), digits(10.2027689, 1e-5)},
				{sgLazy, "simgrid", flows("d1", "1000", "2000", "Lazy"), digits(10.2027689, 1e-5)},
			},
			goals: []goal{{[]string{sgFull, sgLazy}, 3}},
		},
		{
			name: "d3", title: "d3 2000 max-min fair flows in an edge tree of 1021 links", operation: "completion",
			sides: []side{
				{caravan, "", []string{"self", "d3", "2000", "200000"}, digits(397, 1)},
				{caravan + ", short", "", []string{"self", "d3", "2000", "20000"}, digits(33.0293241, 1e-6)},
				{sgFull, "simgrid", flows("d3", "2000", "1500", "Full"), digits(1.897376135, 1e-6)},
				{sgLazy, "simgrid", flows("d3", "2000", "1500", "Lazy"), digits(1.897376135, 1e-6)},
			},
			goals: []goal{{[]string{sgFull, sgLazy}, 500}},
		},
	}
}

func workloadNames() []string {
	var names []string
	for _, w := range suite() {
		names = append(names, w.name)
	}
	return slices.Compact(names)
}
