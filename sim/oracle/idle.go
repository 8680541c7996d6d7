package oracle

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"caravan/sim"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// idleCases is how many random pipelines the idle suite tries for each
// network model.
const idleCases = 40

// idleSuite sends one request through random chains and DAGs on random idle
// topologies: it must take placement.Estimate to the nanosecond.
func idleSuite() Suite {
	s := Suite{Name: "idle", try: tryIdle}
	for _, n := range []placement.Network{placement.Fixed, placement.FIFO, placement.Fair} {
		for i := range idleCases {
			s.Cases = append(s.Cases, Case{
				Suite: "idle", ID: string(n) + "-" + strconv.Itoa(i+1), Model: "one request on an idle topology",
				Params: string(n), Metric: "latency", Formula: "placement.Estimate",
			})
		}
	}
	return s
}

func tryIdle(ctx context.Context, cases []Case, o Options) ([]Verdict, error) {
	out := make([]Verdict, len(cases))
	err := o.Each(ctx, len(cases), func(ctx context.Context, i int) error {
		out[i] = Verdict{Case: cases[i], N: 1}
		estimate, simulated, err := idle(ctx, cases[i], rand.New(rand.NewPCG(o.Seed, uint64(i))))
		if err != nil {
			out[i].Problem = err.Error()
			return ctx.Err()
		}
		out[i].Value = estimate.Seconds()
		out[i].Simulated = simulated.Seconds()
		out[i].Low, out[i].High = out[i].Simulated, out[i].Simulated
		out[i].Pass = estimate == simulated
		return nil
	})
	return out, err
}

// idle builds one random case and returns both latencies.
func idle(ctx context.Context, c Case, rng *rand.Rand) (estimate, simulated time.Duration, err error) {
	b := randomBench(rng)
	b.model.Network = placement.Network(c.Params)
	disciplines := append(topology.Disciplines(), "")
	b.model.Compute = disciplines[rng.IntN(len(disciplines))]
	if b.model.Compute == topology.PerOperator {
		b.model.Contention = placement.Berkeley
	}
	sys, err := b.system(0)
	if err != nil {
		return 0, 0, err
	}
	pl := &b.w.Pipelines[0]
	estimate, err = placement.Estimate(sys.config.Topology, b.model, pl, b.p.Pipelines[0])
	if err != nil {
		return 0, 0, err
	}
	sys.config.Requests = 1
	seen := false
	sys.config.Observe = func(c sim.Completion) { simulated, seen = c.Latency(), c.Outcome == sim.Answered }
	if _, err = sim.Run(ctx, sys.config); err == nil && !seen {
		err = fmt.Errorf("the request was not answered")
	}
	return estimate, simulated, err
}

// randomBench is a ring of nodes with chords, and one chain or DAG whose
// operators lie anywhere on it. Operators that run side by side get nodes of
// their own, and so do the messages of a fork, since an estimate knows no
// queueing.
func randomBench(rng *rand.Rand) *bench {
	var b bench
	operators := 2 + rng.IntN(5)
	n := operators + rng.IntN(4)
	for i := range n {
		id := b.node("n"+strconv.Itoa(i), 1+rng.IntN(4), "")
		b.nodes[id].Speed = 0.1 + rng.Float64()
	}
	for i := range n {
		j := (i + 1) % n
		for _, ends := range [2][2]int{{i, j}, {j, i}} {
			b.links = append(b.links, topology.Link{
				From: topology.NodeID(ends[0]), To: topology.NodeID(ends[1]),
				Bandwidth: topology.BytesPerSecond(1e3 + rng.Float64()*1e6), Latency: time.Duration(rng.Int64N(1e8)),
			})
		}
	}
	dag := rng.IntN(3) == 0 && operators >= 4
	ops := make([]workloads.Operator, operators)
	on := make([]topology.NodeID, operators)
	for j := range ops {
		ops[j].Work = workloads.Const(rng.Float64())
		ops[j].Output = workloads.Const(float64(rng.IntN(1e6)))
		if j > 0 {
			ops[j].After = []int{j - 1}
		}
		on[j] = topology.NodeID(rng.IntN(n))
	}
	if dag { // a diamond of the first four: 0 feeds 1 and 2 with one message each on links of their own
		ops[1].After, ops[2].After, ops[3].After = []int{0}, []int{0}, []int{1, 2}
		on[0], on[1], on[2], on[3] = 1, 2, 0, 1
	}
	b.pipeline("requests", workloads.Arrivals{Kind: workloads.Periodic, Period: time.Hour}, ops, on...)
	return &b
}
