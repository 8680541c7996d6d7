package oracle

import (
	"strconv"
	"time"

	"caravan/sim"
	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// The workloads below are also written for other engines, with the same
// random numbers, so that both the answers and the time they take can be
// compared: exponentials by inversion, streams seeded one by one.

// MM1 is one queue, arrivals 0.8/s (stream 1) and service of mean 1 s
// (stream 2), for n requests. The mean response at n = 1e6 is 5.081331 s.
func MM1(n int) (sim.Config, error) {
	return tandem(n, 0.8, []int{1}, []float64{1})
}

// Tandem is M/M/10, M/M/4 and M/M/1 in a row at 8 requests/s, for n requests.
// The mean response at n = 5e5 is 2.410930 s.
func Tandem(n int) (sim.Config, error) {
	return tandem(n, 8, []int{10, 4, 1}, []float64{1, 0.4, 0.1})
}

func tandem(n int, rate float64, cores []int, means []float64) (sim.Config, error) {
	var b bench
	var on []topology.NodeID
	var work []workloads.Dist
	for i, c := range cores {
		on = append(on, b.node("node"+strconv.Itoa(i+1), c, topology.FCFS))
		work = append(work, workloads.Exp(means[i]))
	}
	b.mesh()
	b.pipeline("requests", poisson(rate), chain(work...), on...)
	sys, err := b.system(0)
	c := sys.config
	c.Requests, c.DrawAtStart, c.InverseExp = n, true, true
	seed := uint64(0)
	c.Streams = func(names ...string) *des.Stream {
		s := des.FromSeed(0)
		switch {
		case names[2] == "arrivals":
			s = des.FromSeed(1)
		case names[2] == "operator":
			seed++
			s = des.FromSeed(1 + seed)
		}
		return &s
	}
	return c, err
}

// EdgeToCloud is a thousand sources of 1 request/s each behind ten edge nodes
// of 4 cores (32 ms), a 100 Mbit/s link each (100 kB, 5 ms) to a fog node of
// 20 cores (16 ms), and a 1 Gbit/s link (100 kB, 20 ms) to a cloud of 40 cores
// (32 ms); means of exponentials, all 80 % loaded. A fifth of the requests has
// the higher priority under discipline d. The mean response is 0.174366 s
// under any discipline that does not look at service times; n = 2e5 without
// preemption gives 0.173622 s.
func EdgeToCloud(n int, d topology.Discipline) (sim.Config, error) {
	const edges, sources = 10, 1000
	var b bench
	fog := b.node("fog", 20, d)
	cloud := b.node("cloud", 40, d)
	edge := make([]topology.NodeID, edges)
	for i := range edge {
		edge[i] = b.node("edge"+strconv.Itoa(i), 4, d)
		b.links = append(b.links, topology.Link{From: edge[i], To: fog, Bandwidth: 12.5e6, Latency: 5 * time.Millisecond})
	}
	b.links = append(b.links, topology.Link{From: fog, To: cloud, Bandwidth: 125e6, Latency: 20 * time.Millisecond})
	b.model.Network = placement.FIFO
	for i := range sources {
		ops := chain(workloads.Exp(0.032), workloads.Exp(0.016), workloads.Exp(0.032))
		ops[0].Output, ops[1].Output = workloads.Exp(1e5), workloads.Exp(1e5)
		p := b.pipeline("source"+strconv.Itoa(i), poisson(1), ops, edge[i%edges], fog, cloud)
		p.Group = "requests"
		p.Classes = []workloads.Class{{Name: "high", Share: 0.2, Priority: 80}, {Name: "low", Share: 0.8, Priority: 20}}
	}
	sys, err := b.system(0)
	c := sys.config
	c.Requests, c.InverseExp = n, true
	streams := map[string]*des.Stream{} // a source draws everything from one stream
	next := uint64(0)
	c.Streams = func(names ...string) *des.Stream {
		if names[2] == "operator" { // draws nothing: the work is drawn at creation
			s := des.FromSeed(0)
			return &s
		}
		s, ok := streams[names[1]]
		if !ok {
			fresh := des.FromSeed(12345 + next)
			next++
			s = &fresh
			streams[names[1]] = s
		}
		return s
	}
	return c, err
}
