package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"caravan/sim/des"
	"caravan/solver"
	"caravan/solver/binpack"
	"caravan/solver/preempt"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// benchDecisionsFlags are the flags of caravan bench decisions.
type benchDecisionsFlags struct {
	evaluations int
	asks        int
	output      *enum
}

func newBenchDecisionsCommand(a *app) *cobra.Command {
	f := &benchDecisionsFlags{}
	cmd := &cobra.Command{
		Use:   "decisions",
		Short: "Measure what HashiCorp's way to decide costs, and what its evictions cost",
		Long: `Decisions asks the scheduler of HashiCorp's rules for instances of several kinds
of jobs on half-full clusters of 100, 1,000 and 10,000 nodes: a snapshot, an
evaluation, its plan, the check of the plan, and its commit, after which the
instance ends again. Then it asks for room on full nodes, and sets the greedy
evictions beside the set of least disruption (priority times MHz).`,
		Example: `  caravan bench decisions
  caravan bench decisions --evaluations 100000 --output csv`,
		Args: takes(0, 0, "none"),
	}
	cmd.Flags().IntVar(&f.evaluations, "evaluations", 10_000, "evaluations of each kind; fewer where each looks at every node")
	cmd.Flags().IntVar(&f.asks, "asks", 2000, "full nodes of each size to make room on")
	f.output = outputFlag(cmd, "text", "json", "csv")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.benchDecisions(cmd.Context(), f) }
	return cmd
}

// decisionCost is one kind of job on one cluster.
type decisionCost struct {
	Job         string  `json:"job"`
	Nodes       int     `json:"nodes"`
	Evaluations int     `json:"evaluations"`
	LookedAt    float64 `json:"lookedAt"` // nodes, mean of an evaluation
	CPUSeconds  float64 `json:"cpuSeconds"`
	PerSecond   float64 `json:"perCPUSecond"`
}

// evictionCost is greedy and exact evictions on nodes of one size.
type evictionCost struct {
	Instances  int     `json:"instances"` // on each node
	Asks       int     `json:"asks"`
	Possible   int     `json:"possible"` // asks for which room could be made
	Missed     int     `json:"missed"`   // of these, by the greedy rule
	Worse      int     `json:"worse"`    // where the greedy rule disturbs more
	MeanRatio  float64 `json:"meanRatio"`
	MostRatio  float64 `json:"mostRatio"`
	GreedyTime float64 `json:"greedyCPUSeconds"`
	ExactTime  float64 `json:"exactCPUSeconds"`
}

type decisionCosts struct {
	Version   int            `json:"version"`
	Decisions []decisionCost `json:"decisions"`
	Evictions []evictionCost `json:"evictions"`
}

func (a *app) benchDecisions(ctx context.Context, f *benchDecisionsFlags) error {
	if f.evaluations < 1 || f.asks < 1 {
		return badInput(fmt.Errorf("--evaluations, --asks: found %d and %d, allowed: 1 or more", f.evaluations, f.asks))
	}
	answer := decisionCosts{Version: shapeVersion}
	for _, nodes := range []int{100, 1000, 10_000} {
		for _, kind := range []string{"batch", "service", "affinity", "spread", "port and device", "one node by name", "eviction"} {
			n := f.evaluations
			if kind == "one node by name" || kind == "eviction" { // looks at every node
				n = max(1, min(n, 2_000_000/nodes))
			}
			row, err := decideOften(ctx, kind, nodes, n)
			if err != nil {
				return err
			}
			answer.Decisions = append(answer.Decisions, row)
		}
	}
	for _, n := range []int{8, 16, 32, 64} {
		row, err := evictOften(ctx, n, f.asks)
		if err != nil {
			return err
		}
		answer.Evictions = append(answer.Evictions, row)
	}
	return a.printDecisionCosts(&answer, f.output.value)
}

// benchNodes are machines of three sizes in five datacenters.
func benchNodes(n int) []topology.Node {
	nodes := make([]topology.Node, n)
	for i := range nodes {
		size := 1 + i%3
		nodes[i] = topology.Node{
			Name: fmt.Sprint("n", i), Datacenter: fmt.Sprint("dc", i%5), Cores: 4 * size, Speed: 1, CPU: topology.MHz(4000 * size),
			Memory: topology.Bytes(8*size) * topology.GiB, Disk: 100 * topology.GiB,
			Devices:    []topology.DeviceGroup{{Vendor: "nvidia", Type: "gpu", Model: "a100", Count: 2 * size}},
			Interfaces: []topology.Interface{{Name: "eth0", Mbits: 10_000}},
		}
	}
	return nodes
}

// benchJob is the job whose instances are asked for.
func benchJob(kind string, nodes int) *workloads.Job {
	task := workloads.Task{Name: "t", CPU: 200, Memory: 256 * topology.MiB}
	j := &workloads.Job{Name: "asked", Type: workloads.Service, Priority: 50, Groups: []workloads.Group{{Name: "g", Count: 1}}}
	name := func(n int) workloads.Constraint {
		return workloads.Constraint{Attribute: "node.unique.name", Operator: "=", Values: []string{fmt.Sprint("n", n)}}
	}
	switch kind {
	case "batch":
		j.Type = workloads.Batch
	case "affinity":
		j.Affinities = []workloads.Affinity{{Constraint: workloads.Constraint{Attribute: "datacenter", Operator: "=", Values: []string{"dc3"}}, Weight: 50}}
	case "spread":
		j.Spreads = []workloads.Spread{{Attribute: "datacenter", Weight: 50}}
	case "port and device":
		task.Networks = []workloads.Network{{Mbits: 10, Dynamic: []workloads.Port{{Label: "http"}}}}
		task.Devices = []workloads.DeviceAsk{{Name: "nvidia/gpu", Count: 1}}
	case "one node by name":
		j.Constraints = []workloads.Constraint{name(nodes / 2)}
	case "eviction":
		task.CPU = 7000 // half of the largest is not enough
	}
	j.Groups[0].Tasks = []workloads.Task{task}
	return j
}

// decideOften runs evaluations on a cluster whose nodes are half full of
// instances of priority 20.
func decideOften(ctx context.Context, kind string, nodes, evaluations int) (decisionCost, error) {
	list := benchNodes(nodes)
	job := benchJob(kind, nodes)
	low := &workloads.Job{Name: "low", Type: workloads.Batch, Priority: 20, Groups: []workloads.Group{{Name: "g", Count: 1}}}
	for _, j := range []*workloads.Job{job, low} {
		j.Settle(list)
	}
	s := cluster.New(cluster.NewFleet(list))
	asked, other := s.Submit(job), s.Submit(low)
	for i := range list {
		held := cluster.Amount{CPU: list[i].CPU / 20, Memory: list[i].Memory / 20}
		for range 10 {
			s.Add(cluster.Instance(other, low, 0, 0, topology.NodeID(i), held, nil))
		}
	}
	chain := binpack.NewChain(s.Fleet(), binpack.Config{Preempts: []workloads.JobType{workloads.Service}, Evictor: preempt.Greedy{}})
	row := decisionCost{Job: kind, Nodes: nodes, Evaluations: evaluations}
	runtime.GC()
	before := cpuSeconds()
	lookedAt := 0
	for i := range evaluations {
		if i%256 == 0 && ctx.Err() != nil {
			return row, ctx.Err()
		}
		p := &cluster.Plan{Job: asked}
		chain.Begin(cluster.View{State: s.Snapshot(), Plan: p}, asked, job, uint64(i))
		if _, ok := chain.Place(0, 0, binpack.Options{}); !ok {
			return row, fmt.Errorf("%s on %d nodes: no node was found: %s", kind, nodes, chain.Explain())
		}
		lookedAt += chain.LookedAt()
		undo(s, p, s.Commit(p, 0, func(n topology.NodeID) bool { return s.Verify(p, n) != "" }))
	}
	row.CPUSeconds = cpuSeconds() - before
	row.LookedAt = float64(lookedAt) / float64(evaluations)
	row.PerSecond = float64(evaluations) / row.CPUSeconds
	return row, nil
}

// undo ends what a plan placed, and lets what it evicted go on.
func undo(s *cluster.State, p *cluster.Plan, placed []cluster.AllocID) {
	for _, id := range placed {
		s.Update(id, func(a *cluster.Allocation) { a.Client = cluster.Complete })
		s.Forget(p.Job, func(*cluster.Allocation) bool { return false })
	}
	for _, e := range p.Evictions {
		s.Update(e.Alloc, func(a *cluster.Allocation) { a.Desired, a.EvictedBy = cluster.Run, cluster.NoAlloc })
	}
}

// fullNode is a random request for room on a node that is full.
func fullNode(rng *des.Stream, instances int) solver.EvictRequest {
	node := []topology.Node{{Name: "n", Cores: 64, Speed: 1}}
	var cpu topology.MHz
	var memory topology.Bytes
	jobs := make([]workloads.Job, instances+1)
	for i := range jobs {
		d := topology.Resources{CPU: topology.MHz(100 * (1 + rng.IntN(20))), Memory: topology.Bytes(64*(1+rng.IntN(32))) * topology.MiB}
		if i == instances {
			d.CPU, d.Memory = d.CPU*topology.MHz(1+instances/6), d.Memory*topology.Bytes(1+instances/6)
		} else {
			cpu, memory = cpu+d.CPU, memory+d.Memory
		}
		jobs[i] = workloads.Job{Name: fmt.Sprint("j", i), Type: workloads.Service, Priority: 10 * (1 + rng.IntN(8)), Groups: []workloads.Group{{Name: "g", Count: 1, Demand: d}}}
	}
	node[0].CPU, node[0].Memory = cpu, memory
	book := cluster.NewBook(node, jobs)
	for i := range instances {
		book.Start(i, 0, 0, 0)
	}
	ask := cluster.NewAsk(&jobs[instances].Groups[0])
	m := book.Fleet().Machine(0)
	v := cluster.View{State: book.State}
	return solver.EvictRequest{View: v, Machine: m, Job: cluster.JobID(instances), Priority: 90, Ask: &ask, Held: ask.On(m), On: v.Append(nil, 0)}
}

// evictOften compares the two ways to make room.
func evictOften(ctx context.Context, instances, asks int) (evictionCost, error) {
	row := evictionCost{Instances: instances, Asks: asks}
	stream := des.NewStream(1, "evictions", strconv.Itoa(instances))
	requests := make([]solver.EvictRequest, asks)
	for i := range requests {
		requests[i] = fullNode(&stream, instances)
	}
	timed := func(e solver.Evictor) ([]float64, float64, error) {
		costs := make([]float64, asks)
		before := cpuSeconds()
		for i, r := range requests {
			if ctx.Err() != nil {
				return nil, 0, ctx.Err()
			}
			if victims, ok := e.Evict(r); ok {
				costs[i] = preempt.Total(victims, nil)
			}
		}
		return costs, cpuSeconds() - before, nil
	}
	greedy, seconds, err := timed(preempt.Greedy{})
	if err != nil {
		return row, err
	}
	row.GreedyTime = seconds
	exact, seconds, err := timed(preempt.Exact{})
	if err != nil {
		return row, err
	}
	row.ExactTime = seconds
	row.compare(greedy, exact)
	return row, nil
}

// compare sets the costs of the two side by side; 0 is that no room was made.
func (row *evictionCost) compare(greedy, exact []float64) {
	sum := 0.0
	for i := range exact {
		if exact[i] == 0 {
			continue
		}
		row.Possible++
		if greedy[i] == 0 {
			row.Missed++
			continue
		}
		ratio := greedy[i] / exact[i]
		sum += ratio
		row.MostRatio = max(row.MostRatio, ratio)
		if ratio > 1+1e-9 {
			row.Worse++
		}
	}
	if both := row.Possible - row.Missed; both > 0 {
		row.MeanRatio = sum / float64(both)
	}
}

func (a *app) printDecisionCosts(answer *decisionCosts, format string) error {
	if format == "json" {
		return a.writeJSON(answer)
	}
	g := grid{header: []string{"nodes", "job", "evaluations", "looked at", "CPU time each", "a CPU second"}, numbers: []int{0, 2, 3, 4, 5}}
	rows := [][]string{{"table", "nodes_or_instances", "job", "evaluations", "looked_at", "possible", "missed", "worse", "mean_ratio", "most_ratio", "cpu_seconds", "exact_cpu_seconds"}}
	for _, r := range answer.Decisions {
		g.add(strconv.Itoa(r.Nodes), r.Job, strconv.Itoa(r.Evaluations), quantity(r.LookedAt, ""), quantity(r.CPUSeconds/float64(r.Evaluations), "s"), strconv.FormatFloat(r.PerSecond, 'f', 0, 64))
		rows = append(rows, []string{"decisions", strconv.Itoa(r.Nodes), r.Job, strconv.Itoa(r.Evaluations), number(r.LookedAt), "", "", "", "", "", number(r.CPUSeconds), ""})
	}
	e := grid{header: []string{"instances", "asks", "possible", "missed", "greedy disturbs more", "ratio, mean", "most", "greedy CPU each", "exact CPU each"}, numbers: []int{0, 1, 2, 3, 4, 5, 6, 7, 8}}
	for _, r := range answer.Evictions {
		e.add(strconv.Itoa(r.Instances), strconv.Itoa(r.Asks), strconv.Itoa(r.Possible), strconv.Itoa(r.Missed), quantity(float64(r.Worse)/float64(max(1, r.Possible)), "1"),
			fmt.Sprintf("%.3f", r.MeanRatio), fmt.Sprintf("%.2f", r.MostRatio), quantity(r.GreedyTime/float64(r.Asks), "s"), quantity(r.ExactTime/float64(r.Asks), "s"))
		rows = append(rows, []string{"evictions", strconv.Itoa(r.Instances), "", strconv.Itoa(r.Asks), "", strconv.Itoa(r.Possible), strconv.Itoa(r.Missed), strconv.Itoa(r.Worse),
			number(r.MeanRatio), number(r.MostRatio), number(r.GreedyTime), number(r.ExactTime)})
	}
	if format == "csv" {
		return csv.NewWriter(a.stdout).WriteAll(rows)
	}
	fmt.Fprintln(a.stdout, "Decisions by HashiCorp's rules on half-full nodes, with snapshot, plan, check and commit:")
	g.render(a.stdout)
	fmt.Fprintln(a.stdout, "\nEvictions on full nodes, by the greedy rule and exactly:")
	e.render(a.stdout)
	return nil
}
