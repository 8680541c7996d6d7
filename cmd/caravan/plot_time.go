package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"caravan/results"
	"caravan/results/plots"
	"caravan/topology"
)

// plan is the plan behind the i-th run.
func (d *drawing) plan(i int) (*plan, error) {
	if p, ok := d.plans[i]; ok {
		return p, nil
	}
	p, err := rerun(d.runs[i], d.data)
	if err != nil {
		return nil, errNothing{err.Error()}
	}
	if d.plans == nil {
		d.plans = map[int]*plan{}
	}
	d.plans[i] = p
	return p, nil
}

// timeline is what ran where and when in the first replication of the i-th run.
func (d *drawing) timeline(ctx context.Context, i int) (*results.Timeline, error) {
	if t, ok := d.lines[i]; ok {
		return t, nil
	}
	p, err := d.plan(i)
	if err != nil {
		return nil, err
	}
	t, err := timeline(ctx, d.runs[i], p)
	if err != nil {
		return nil, err
	}
	if len(t.Spans) == 0 {
		return nil, errNothing{"nothing ran on any node"}
	}
	if d.lines == nil {
		d.lines = map[int]*results.Timeline{}
	}
	d.lines[i] = t
	return t, nil
}

// Bounds of what a Gantt chart shows legibly in a column.
const (
	ganttSpans = 260
	ganttNodes = 20
	ganttLanes = 4
	moreLanes  = 12 // where nodes are few
)

// window is the stretch of time that a Gantt chart shows: what was asked for,
// or from the end of the warm-up on so much that its spans can be told apart.
func (d *drawing) window(t *results.Timeline, warmUp time.Duration) (from, to time.Duration) {
	from, to = d.from, d.until
	if from == 0 {
		from = min(warmUp, t.End-1)
	}
	if to > from {
		return from, to
	}
	var starts []time.Duration
	for _, s := range t.Spans {
		if s.StartAt >= from {
			starts = append(starts, s.StartAt)
		}
	}
	if len(starts) <= ganttSpans {
		return from, t.End
	}
	slices.Sort(starts)
	return from, nice(from, max(starts[ganttSpans], from+1))
}

// nice shortens a window to a length of one or two digits.
func nice(from, to time.Duration) time.Duration {
	long := float64(to - from)
	unit := math.Pow(10, math.Floor(math.Log10(long)))
	for _, m := range []float64{5, 2, 1} {
		if m*unit <= long {
			return from + time.Duration(m*unit)
		}
	}
	return to
}

func (d *drawing) gantt(ctx context.Context, i int) (plots.Figure, error) {
	whole, err := d.timeline(ctx, i)
	if err != nil {
		return nil, err
	}
	p, err := d.plan(i)
	if err != nil {
		return nil, err
	}
	from, to := d.window(whole, p.warmUp)
	t := whole.Within(from, to)
	t.Arrange()
	g := plots.Gantt{X: plots.Axis{Label: "Time", Unit: "s"}, From: from.Seconds(), To: to.Seconds()}
	if to-from < from/2 { // the digits that all ticks share stand in the label
		g.X.Label = "Time since " + topology.FormatDuration(from)
		g.From, g.To = 0, (to - from).Seconds()
	} else {
		from = 0
	}
	for _, pl := range p.scenario.Workload.Pipelines {
		for _, op := range pl.Operators {
			g.Kinds = append(g.Kinds, op.Name)
		}
	}
	kind := kindOf(p)
	nodes := p.scenario.Topology.Nodes()
	lanes := func(node int) int {
		if len(nodes) <= ganttLanes {
			return moreLanes
		}
		return max(ganttLanes, min(nodes[node].Cores, 2*ganttLanes))
	}
	rows := map[int]bool{}
	hidden := 0
	for _, s := range t.Spans {
		if !rows[s.Node] && len(rows) == ganttNodes || s.Lane >= lanes(s.Node) {
			hidden++
			continue
		}
		if !rows[s.Node] {
			rows[s.Node] = true
			g.Nodes = append(g.Nodes, t.Nodes[s.Node])
		}
		g.Stretches = append(g.Stretches, plots.Stretch{Node: t.Nodes[s.Node], Lane: s.Lane, Kind: kind(s),
			Start: (s.StartAt - from).Seconds(), End: (s.EndAt - from).Seconds(), Preempted: s.Interrupt == "preempted"})
	}
	if len(g.Stretches) == 0 {
		return nil, errNothing{fmt.Sprintf("nothing ran in the %v up to %v", to-from, to)}
	}
	if hidden > 0 {
		g.Note = fmt.Sprintf("%d more not drawn", hidden)
	}
	return g, nil
}

// kindOf is what a span is coloured by: its operator or, where few jobs share
// the cluster, its job.
func kindOf(p *plan) func(results.Span) string {
	if len(p.scenario.Workload.Pipelines) == 0 && len(p.arriving) <= mostCases {
		return func(s results.Span) string { return s.Of }
	}
	return func(s results.Span) string { return s.Item }
}

func (d *drawing) utilisation(ctx context.Context, i int) (plots.Figure, error) {
	t, err := d.timeline(ctx, i)
	if err != nil {
		return nil, err
	}
	from, to := d.from, d.until
	if to <= from {
		to = t.End
	}
	const bins = 60
	u := plots.Usage{X: plots.Axis{Label: "Time", Unit: "s"}}
	for k := range bins + 1 {
		u.Times = append(u.Times, (from + (to-from)*time.Duration(k)/bins).Seconds())
	}
	shares := t.Utilisation(from, to, bins)
	for n, share := range shares {
		if slices.Max(share) > 0 {
			u.Courses = append(u.Courses, plots.Course{Name: t.Nodes[n], Share: share})
		}
	}
	const most = 40
	if len(u.Courses) > most { // the busiest, in the order of the scenario
		sums := make([]float64, len(u.Courses))
		for k, c := range u.Courses {
			for _, v := range c.Share {
				sums[k] += v
			}
		}
		least := slices.Sorted(slices.Values(sums))[len(sums)-most]
		k := -1
		u.Courses = slices.DeleteFunc(u.Courses, func(plots.Course) bool { k++; return sums[k] < least })
	}
	return u, nil
}

func (d *drawing) topology(ctx context.Context, i int) (plots.Figure, error) {
	p, err := d.plan(i)
	if err != nil {
		return nil, err
	}
	m := mapOf(p, d.runs[i])
	if len(p.arriving) == 0 {
		return m, nil
	}
	t, err := d.timeline(ctx, i) // the record of jobs has no load by node
	if err != nil {
		return nil, err
	}
	for n, share := range t.Utilisation(0, t.End, 1) {
		if math.IsNaN(m.Sites[n].Load) {
			m.Sites[n].Load = share[0]
		}
	}
	return m, nil
}

// mapOf draws the plan's topology with the run's placement and load.
func mapOf(p *plan, r *results.Run) plots.Map {
	metrics := index(r.Metrics)
	load := func(subject string) float64 {
		if m, ok := metrics[metricKey{"utilisation", subject, "mean"}]; ok {
			return m.Value
		}
		return math.NaN()
	}
	top := p.scenario.Topology
	tiers := tiersOf(top)
	items := itemsByNode(r.Placement)
	var out plots.Map
	for n, node := range top.Nodes() {
		out.Sites = append(out.Sites, plots.Site{Name: node.Name, Tier: tiers[n], Items: items[node.Name], Load: load(node.Name)})
	}
	at := map[[2]topology.NodeID]int{}
	for _, l := range top.Links() {
		pair := [2]topology.NodeID{min(l.From, l.To), max(l.From, l.To)}
		k, ok := at[pair]
		if !ok {
			k = len(out.Wires)
			at[pair] = k
			out.Wires = append(out.Wires, plots.Wire{From: int(pair[0]), To: int(pair[1]), Label: topology.FormatDuration(l.Latency), Load: math.NaN()})
		}
		if v := load(l.Name); math.IsNaN(out.Wires[k].Load) || v > out.Wires[k].Load {
			out.Wires[k].Load = v
		}
	}
	return out
}

// itemsByNode names what runs on each node once, with how often it does.
func itemsByNode(placed []results.Placed) map[string][]string {
	counts := map[string]map[string]int{}
	order := map[string][]string{}
	for _, x := range placed {
		if counts[x.Node] == nil {
			counts[x.Node] = map[string]int{}
		}
		if counts[x.Node][x.Item] == 0 {
			order[x.Node] = append(order[x.Node], x.Item)
		}
		counts[x.Node][x.Item]++
	}
	out := map[string][]string{}
	for node, items := range order {
		for _, item := range items {
			if n := counts[node][item]; n > 1 {
				item = fmt.Sprintf("%d %s", n, item)
			}
			out[node] = append(out[node], item)
		}
	}
	return out
}

// tiersOf puts the class of the strongest nodes at the top, or in a topology of
// one class the node with the most links, and every other node below by hops.
func tiersOf(top *topology.Topology) []int {
	nodes := top.Nodes()
	degree := make([]int, len(nodes))
	beside := make([][]topology.NodeID, len(nodes))
	for _, l := range top.Links() {
		degree[l.From]++
		beside[l.From] = append(beside[l.From], l.To)
		beside[l.To] = append(beside[l.To], l.From)
	}
	power := func(n int) float64 { return nodes[n].Speed * float64(max(nodes[n].Cores, 1)) }
	strongest, hub := 0, 0
	classes := map[string]bool{}
	for n := range nodes {
		classes[nodes[n].Class] = true
		if cmp.Or(cmp.Compare(power(n), power(strongest)), cmp.Compare(float64(nodes[n].CPU), float64(nodes[strongest].CPU))) > 0 {
			strongest = n
		}
		if degree[n] > degree[hub] {
			hub = n
		}
	}
	tiers := make([]int, len(nodes))
	var queue []topology.NodeID
	for n := range nodes {
		tiers[n] = -1
		if degree[hub] == 0 || len(classes) > 1 && nodes[n].Class == nodes[strongest].Class || len(classes) < 2 && n == hub {
			tiers[n] = 0
			queue = append(queue, topology.NodeID(n))
		}
	}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, m := range beside[n] {
			if tiers[m] < 0 {
				tiers[m] = tiers[n] + 1
				queue = append(queue, m)
			}
		}
	}
	lowest := slices.Max(tiers)
	for n := range tiers {
		if tiers[n] < 0 {
			tiers[n] = lowest + 1
		}
	}
	return tiers
}

// fileRune keeps what is safe in the name of a file.
func fileRune(c rune) rune {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c) {
		return c
	}
	return '-'
}
