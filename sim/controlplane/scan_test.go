package controlplane

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"caravan/results"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// scan is the simplest decider: the fullest node that has room, and otherwise
// the first on which evicting the lowest priorities makes enough.
type scan struct {
	view cluster.View
	req  Request
	buf  []*cluster.Allocation
}

func newScan(string) (Decider, error) { return &scan{}, nil }

func (s *scan) Begin(v cluster.View, e Request) { s.view, s.req = v, e }

func (s *scan) Serves(job *workloads.Job, group int, n topology.NodeID) bool {
	node := s.node(n)
	for i := range job.Groups[group].Constraints {
		if !job.Groups[group].Constraints[i].Allows(node) {
			return false
		}
	}
	return true
}

var scanFleet *cluster.Fleet

func (s *scan) node(n topology.NodeID) *topology.Node { return scanFleet.Machine(n).Node }

func (s *scan) Place(i Instance) (Choice, bool) {
	group := &i.Job.Groups[i.Group]
	ask := cluster.NewAsk(group)
	fleet := s.view.Fleet()
	best, room := topology.None, topology.MHz(0)
	for n := range topology.NodeID(fleet.Len()) {
		if !s.usable(i, n) {
			continue
		}
		if free := s.view.Free(n); free.Covers(ask.Amount) && (best == topology.None || free.CPU < room) {
			best, room = n, free.CPU
		}
	}
	if best != topology.None {
		return Choice{Node: best, Amount: ask.Amount, Score: 1 / (1 + float64(room))}, true
	}
	if !s.req.Preempt {
		return Choice{Why: "cpu exhausted"}, false
	}
	for n := range topology.NodeID(fleet.Len()) {
		if !s.usable(i, n) {
			continue
		}
		if victims, ok := s.victims(n, ask.Amount); ok {
			return Choice{Node: n, Amount: ask.Amount, Evict: victims}, true
		}
	}
	return Choice{Why: "cpu exhausted"}, false
}

func (s *scan) usable(i Instance, n topology.NodeID) bool {
	return (i.Only == nil || slices.Contains(i.Only, n)) && s.view.Standing(n).Takes() && s.Serves(i.Job, i.Group, n)
}

func (s *scan) victims(n topology.NodeID, ask cluster.Amount) ([]cluster.AllocID, bool) {
	s.buf = s.view.Append(s.buf[:0], n)
	slices.SortStableFunc(s.buf, func(a, b *cluster.Allocation) int { return a.Priority() - b.Priority() })
	free := s.view.Free(n)
	var out []cluster.AllocID
	for _, a := range s.buf {
		if free.Covers(ask) {
			break
		}
		if a.ID == cluster.NoAlloc || a.Job == s.req.ID || s.req.Job.Priority-a.Priority() < preemptionGap {
			continue
		}
		free = free.Plus(a.Amount)
		out = append(out, a.ID)
	}
	return out, free.Covers(ask)
}

// machines are n equal nodes of 4000 MHz and 8 GiB.
func machines(t testing.TB, n int, change ...func(i int, n *topology.Node)) *topology.Topology {
	t.Helper()
	var nodes []topology.Node
	for i := range n {
		x := topology.Node{Name: "n" + itoa(int16(i+1)), Cores: 4, Speed: 1, CPU: 4000, Memory: 8 * topology.GiB}
		for _, f := range change {
			f(i, &x)
		}
		nodes = append(nodes, x)
	}
	topo, err := topology.New(nodes, nil)
	require.NoError(t, err)
	scanFleet = cluster.NewFleet(topo.Nodes())
	return topo
}

// app is a job of one group.
func app(name string, kind workloads.JobType, priority, count int, cpu topology.MHz, change ...func(*workloads.Job, *workloads.Group)) workloads.Job {
	j := workloads.Job{Name: name, Type: kind, Priority: priority, Groups: []workloads.Group{{
		Name: "main", Count: count, Demand: topology.Resources{CPU: cpu, Memory: 256 * topology.MiB},
	}}}
	for _, f := range change {
		f(&j, &j.Groups[0])
	}
	return j
}

// story runs c and returns its lines and its record.
func story(t testing.TB, c Config) ([]string, results.Replication) {
	t.Helper()
	var lines []string
	c.Timeline = func(e Entry) { lines = append(lines, e.String()) }
	if c.NewDecider == nil {
		c.NewDecider = newScan
	}
	c.Fleet = scanFleet
	if c.Seed == 0 {
		c.Seed = 1
	}
	if c.Duration == 0 {
		c.Duration = time.Hour
	}
	rep, err := Run(context.Background(), c)
	require.NoError(t, err)
	return lines, rep
}

func nodesOf(list ...topology.NodeID) []topology.NodeID { return list }
