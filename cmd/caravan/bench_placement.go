package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"caravan/sim/des"
	"caravan/sim/jobs"
	"caravan/solver/binpack"
	"caravan/solver/online"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
	"caravan/workloads/instances"
	"caravan/workloads/placement"
)

// benchPlacementFlags are the flags of caravan bench placement.
type benchPlacementFlags struct {
	tasks  int
	output *enum
}

func newBenchPlacementCommand(a *app) *cobra.Command {
	f := &benchPlacementFlags{}
	cmd := &cobra.Command{
		Use:   "placement",
		Short: "Measure placements per second of CPU time, of the index and of scans",
		Long: `Placement fills clusters of 100, 1,000 and 10,000 nodes with tasks of 20 shapes,
and with tasks that each have a shape of their own, always on the best node of
all by HashiCorp's fit score. The index groups nodes that are alike. The scan
looks at every node and computes each score from its definition, for fewer tasks
where nodes are many; the quick scan keeps the powers of ten of each node. The
faithful path is HashiCorp Nomad's chain, an evaluation and a plan for every
task: in a random order it takes the best of the first few nodes, for a service
or for a batch job, and so chooses otherwise. The exit code is 3 when the index
and the scan choose differently.`,
		Example: `  caravan bench placement
  caravan bench placement --tasks 20000 --output csv`,
		Args: takes(0, 0, "none"),
	}
	cmd.Flags().IntVar(&f.tasks, "tasks", 100_000, "tasks for the index; ten for each node at most")
	f.output = outputFlag(cmd, "text", "json", "csv")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.benchPlacement(cmd.Context(), f) }
	return cmd
}

// placementCost is one method on one cluster.
type placementCost struct {
	Method     string  `json:"method"` // index, scan, quick-scan, nomad-service or nomad-batch
	Nodes      int     `json:"nodes"`
	Shapes     int     `json:"shapes"` // 0: each task its own
	Tasks      int     `json:"tasks"`
	Placed     int     `json:"placed"`
	CPUSeconds float64 `json:"cpuSeconds"`
	PerSecond  float64 `json:"perCPUSecond"`
	States     int     `json:"states"` // of the index at its end; 0 for scans
	Hash       string  `json:"hash"`   // over the nodes chosen
	Same       bool    `json:"same"`   // as the index chose for these tasks
}

// placementCosts is the answer of caravan bench placement.
type placementCosts struct {
	Version int             `json:"version"`
	Rows    []placementCost `json:"rows"`
}

func (a *app) benchPlacement(ctx context.Context, f *benchPlacementFlags) error {
	if f.tasks < 1 {
		return badInput(fmt.Errorf("--tasks: found %d, allowed: 1 or more", f.tasks))
	}
	answer := placementCosts{Version: shapeVersion}
	same := true
	for _, shapes := range []int{20, 0} {
		for _, nodes := range []int{100, 1000, 10_000} {
			rows, err := placementContest(ctx, nodes, min(f.tasks, 10*nodes), shapes)
			if err != nil {
				return err
			}
			for _, r := range rows {
				same = same && (r.Same || r.Method != "scan")
			}
			answer.Rows = append(answer.Rows, rows...)
		}
	}
	if err := a.printPlacementCosts(&answer, f.output.value); err != nil {
		return err
	}
	if !same {
		return &exitError{code: exitInfeasible}
	}
	return nil
}

// mostScores bounds the scores that a scan computes.
const mostScores = 10_000_000

// A plainScan computes the score of every node for every task.
type plainScan struct {
	nodes  []topology.Node
	ledger *placement.Ledger
}

func (s *plainScan) Place(d topology.Resources, _ []workloads.Constraint) (topology.NodeID, placement.Grant, bool) {
	best, least := topology.None, math.Inf(1)
	for i := range s.nodes {
		n := topology.NodeID(i)
		if !s.ledger.Fits(n, d) {
			continue
		}
		cpu := float64(s.ledger.FreeCPU(n)-d.CPU) / float64(s.nodes[i].CPU)
		memory := float64(s.ledger.FreeMemory(n)-d.Memory) / float64(s.nodes[i].Memory)
		if sum := math.Pow(10, cpu) + math.Pow(10, memory); sum < least {
			best, least = n, sum
		}
	}
	if best == topology.None {
		return best, placement.Grant{}, false
	}
	g, ok := s.ledger.Take(best, d)
	return best, g, ok
}

func (s *plainScan) Release(n topology.NodeID, d topology.Resources, g placement.Grant) {
	s.ledger.Give(n, d, g)
}

// A chainPlacer submits each task as a job of its own, and commits the plan.
type chainPlacer struct {
	state *cluster.State
	chain *binpack.Chain
	kind  workloads.JobType
	specs map[[2]float64]*workloads.Job // by cpu and memory
}

func newChainPlacer(t *topology.Topology, kind workloads.JobType) *chainPlacer {
	fleet := cluster.NewFleet(t.Nodes())
	return &chainPlacer{cluster.New(fleet), binpack.NewChain(fleet, binpack.Config{}), kind, map[[2]float64]*workloads.Job{}}
}

func (c *chainPlacer) Place(d topology.Resources, _ []workloads.Constraint) (topology.NodeID, placement.Grant, bool) {
	key := [2]float64{float64(d.CPU), float64(d.Memory)}
	spec := c.specs[key]
	if spec == nil {
		spec = &workloads.Job{
			Name: fmt.Sprint("job", len(c.specs)), Type: c.kind, Priority: workloads.DefaultPriority,
			Groups: []workloads.Group{{Name: "task", Count: 1, Demand: d}},
		}
		c.specs[key] = spec
	}
	id := c.state.Submit(spec)
	plan := &cluster.Plan{Job: id, Priority: spec.Priority}
	c.chain.Begin(cluster.View{State: c.state, Plan: plan}, id, spec, uint64(id))
	decision, ok := c.chain.Place(0, 0, binpack.Options{})
	c.state.Commit(plan, 0, func(topology.NodeID) bool { return false })
	return decision.Node, placement.Grant{}, ok
}

func (c *chainPlacer) Release(topology.NodeID, topology.Resources, placement.Grant) {
	panic("bench: tasks of placement never leave")
}

// placementContest gives each method one family. Scans get fewer tasks where
// nodes are many: their cost for each grows with the nodes alone.
func placementContest(ctx context.Context, nodes, tasks, shapes int) ([]placementCost, error) {
	rng := des.FromSeed(5)
	list, demands := instances.PlacementFamily{Nodes: nodes, Tasks: tasks, Shapes: shapes}.Instance(rng.IntN)
	for i := range list {
		list[i].Cores, list[i].Speed = 1, 1
	}
	t, err := topology.New(list, nil)
	if err != nil {
		return nil, err
	}
	type method struct {
		name  string
		tasks int
		make  func() (jobs.Placer, error)
	}
	methods := []method{
		{"index", tasks, func() (jobs.Placer, error) { return online.New(t, online.Options{}) }},
		{"quick-scan", min(tasks, 10*mostScores/nodes), func() (jobs.Placer, error) { return binpack.NewOnline(t, false), nil }},
		{"scan", min(tasks, mostScores/nodes), func() (jobs.Placer, error) { return &plainScan{t.Nodes(), placement.NewLedger(t)}, nil }},
	}
	if shapes > 0 { // the chain prepares each shape once
		methods = append(methods,
			method{"nomad-service", tasks, func() (jobs.Placer, error) { return newChainPlacer(t, workloads.Service), nil }},
			method{"nomad-batch", tasks, func() (jobs.Placer, error) { return newChainPlacer(t, workloads.Batch), nil }})
	}
	var rows []placementCost
	var hashes []uint64 // of the index, after so many tasks
	for _, m := range methods {
		r := placementCost{Method: m.name, Nodes: nodes, Shapes: shapes, Tasks: m.tasks}
		runtime.GC()
		before := cpuSeconds()
		p, err := m.make()
		if err != nil {
			return nil, err
		}
		h, err := r.fill(ctx, p, demands[:m.tasks])
		if err != nil {
			return nil, err
		}
		r.CPUSeconds = cpuSeconds() - before
		r.PerSecond = float64(m.tasks) / r.CPUSeconds
		if hashes == nil {
			hashes = h
		}
		r.Hash, r.Same = fmt.Sprintf("%016x", h[m.tasks]), h[m.tasks] == hashes[m.tasks]
		if c, ok := p.(*online.Cluster); ok {
			r.States = c.States()
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// fill places the tasks and returns the hash over the nodes chosen, after each.
func (r *placementCost) fill(ctx context.Context, p jobs.Placer, tasks []topology.Resources) ([]uint64, error) {
	hashes := make([]uint64, len(tasks)+1)
	for k, d := range tasks {
		if k%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		h := hashes[k]*31 + 7
		if n, _, ok := p.Place(d, nil); ok {
			r.Placed++
			h = hashes[k]*1_000_003 + uint64(n)
		}
		hashes[k+1] = h
	}
	return hashes, nil
}

func (a *app) printPlacementCosts(answer *placementCosts, format string) error {
	if format == "json" {
		return a.writeJSON(answer)
	}
	rows := [][]string{{"method", "nodes", "shapes", "tasks", "placed", "cpu_seconds", "per_cpu_second", "states", "hash", "same"}}
	g := grid{header: []string{"nodes", "shapes", "method", "tasks", "placed", "CPU time each", "a CPU second", "states", "hash", "as the index"}, numbers: []int{0, 1, 3, 4, 5, 6, 7}}
	for _, r := range answer.Rows {
		rows = append(rows, []string{
			r.Method, strconv.Itoa(r.Nodes), strconv.Itoa(r.Shapes), strconv.Itoa(r.Tasks), strconv.Itoa(r.Placed), number(r.CPUSeconds),
			number(r.PerSecond), strconv.Itoa(r.States), r.Hash, strconv.FormatBool(r.Same),
		})
		shapes, states, same := "each its own", "", map[bool]string{true: "yes", false: "no"}[r.Same]
		if r.Shapes > 0 {
			shapes = strconv.Itoa(r.Shapes)
		}
		if r.States > 0 {
			states = strconv.Itoa(r.States)
		}
		g.add(strconv.Itoa(r.Nodes), shapes, r.Method, strconv.Itoa(r.Tasks), strconv.Itoa(r.Placed),
			quantity(r.CPUSeconds/float64(r.Tasks), "s"), strconv.FormatFloat(r.PerSecond, 'f', 0, 64), states, r.Hash, same)
	}
	if format == "csv" {
		return csv.NewWriter(a.stdout).WriteAll(rows)
	}
	g.render(a.stdout)
	return nil
}
