package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"caravan/results"
	"caravan/results/fit"
	"caravan/results/spans"
	"caravan/scenarios"
	"caravan/topology"
	"caravan/workloads"
)

// calibrateFromTraces fits to recorded requests: the scenario that arg names,
// or without one a new scenario of what the record shows.
func (a *app) calibrateFromTraces(f *calibrateFlags, args []string) error {
	file, err := os.Open(f.traces)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = badInput(err)
		}
		return err
	}
	defer file.Close()
	list, err := spans.Read(f.traces, file)
	if err != nil {
		return badInput(err)
	}
	in := fit.Input{Loaded: list, Intended: func(*results.Request, *results.Visit) time.Duration { return 0 }}
	if len(args) == 0 {
		c := &calibration{parameters: fit.Fit(in), requests: len(list)}
		if f.output.value == "json" {
			return a.writeJSON(c.answer(""))
		}
		c.print(a.stderr)
		return a.writeRecorded(f.traces, list, c.parameters)
	}
	s, err := f.load(a, args[0])
	if err != nil {
		return err
	}
	in.Serialise = serialise(s)
	c := &calibration{parameters: fit.Fit(in), requests: len(list)}
	return a.printCalibrated(f, c, s, args[0])
}

// printCalibrated prints the scenario with the measured parameters, or those
// alone as JSON.
func (a *app) printCalibrated(f *calibrateFlags, c *calibration, s *scenarios.Scenario, arg string) error {
	set, err := c.overrides(s)
	if err != nil {
		return err
	}
	calibrated, err := f.load(a, arg, set...)
	if err != nil {
		return err
	}
	for _, w := range c.warnings {
		fmt.Fprintln(a.stderr, "warning: "+w)
	}
	if f.output.value == "json" {
		return a.writeJSON(c.answer(s.Name))
	}
	c.print(a.stderr)
	_, err = fmt.Fprintf(a.stdout, "%s\n", calibrated.Text)
	return err
}

// writeRecorded writes a scenario of what was recorded.
func (a *app) writeRecorded(name string, list []results.Request, p fit.Parameters) error {
	r := &recorded{parameters: p, id: map[string]topology.NodeID{}}
	r.placeNodes(list)
	r.joinNodes()
	w := &workloads.Workload{}
	for _, pipeline := range r.pipelines(list) {
		w.Pipelines = append(w.Pipelines, r.pipeline(pipeline, list))
	}
	base := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	return encodeScenario(a.stdout, base, "From the requests recorded in "+filepath.Base(name)+"; cores are the visits that overlapped.", r.nodes, r.links, w)
}

// recorded is a scenario in the making.
type recorded struct {
	parameters fit.Parameters
	nodes      []topology.Node
	links      []topology.Link
	id         map[string]topology.NodeID
}

// placeNodes makes a node of each name, with a core for each visit that ran at
// the same time.
func (r *recorded) placeNodes(list []results.Request) {
	type change struct {
		at time.Duration
		by int
	}
	changes := map[string][]change{}
	for i := range list {
		for _, v := range list[i].Visits {
			node := cmp.Or(v.Node, "node")
			changes[node] = append(changes[node], change{v.StartedAt, 1}, change{v.EndedAt, -1})
		}
	}
	for _, name := range sortedKeys(changes) {
		slices.SortFunc(changes[name], func(a, b change) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.by, b.by)) })
		n, most := 0, 1
		for _, c := range changes[name] {
			n += c.by
			most = max(most, n)
		}
		r.id[name] = topology.NodeID(len(r.nodes))
		r.nodes = append(r.nodes, topology.Node{Name: name, Cores: most, Speed: 1})
	}
}

// joinNodes makes a link of each way that messages went.
func (r *recorded) joinNodes() {
	for _, l := range r.parameters.Links {
		from, to, ok := strings.Cut(l.Route, "->")
		a, okA := r.id[from]
		b, okB := r.id[to]
		if ok && okA && okB && a != b {
			link := topology.Link{From: a, To: b, Latency: topology.Seconds(max(0, l.Transfer.Mean))}
			if l.Bandwidth.N > 0 && l.Latency.Mean >= 0 {
				link.Latency, link.Bandwidth = topology.Seconds(l.Latency.Mean), topology.BytesPerSecond(l.Bandwidth.Mean)
			}
			r.links = append(r.links, link)
		}
	}
}

// pipelines lists the names in order.
func (r *recorded) pipelines(list []results.Request) []string {
	seen := map[string]bool{}
	for i := range list {
		seen[list[i].Pipeline] = true
	}
	return sortedKeys(seen)
}

// mostTimes is how many recorded instants a scenario holds; more become a
// Poisson process of their rate.
const mostTimes = 1000

// pipeline makes one of the requests that bear its name.
func (r *recorded) pipeline(name string, list []results.Request) workloads.Pipeline {
	out := workloads.Pipeline{Name: name, Priority: 50, Source: topology.None, Sink: topology.None}
	starts, seen := map[string]time.Duration{}, map[string]time.Duration{}
	feeds := map[[2]string]bool{}
	var times []time.Duration
	for i := range list {
		if list[i].Pipeline != name {
			continue
		}
		times = append(times, list[i].CreatedAt)
		for _, v := range list[i].Visits {
			starts[v.Operator] += v.StartedAt - list[i].CreatedAt
			seen[v.Operator]++
		}
		for _, c := range list[i].Crossings {
			feeds[[2]string{c.From, c.To}] = true
		}
	}
	names := sortedKeys(starts)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(starts[a]/seen[a], starts[b]/seen[b]) })
	for j, op := range names {
		o := workloads.Operator{Name: op, Node: topology.None}
		for i := range j {
			if feeds[[2]string{names[i], op}] {
				o.After = append(o.After, i)
			}
		}
		r.fill(&o, name)
		out.Operators = append(out.Operators, o)
	}
	out.Arrivals = workloads.Arrivals{Kind: workloads.Trace, Times: times}
	if last := times[len(times)-1]; len(times) > mostTimes && last > 0 {
		out.Arrivals = workloads.Arrivals{Kind: workloads.Poisson, Rate: float64(len(times)) / last.Seconds()}
	}
	return out
}

// fill gives an operator the work, the output and the node that were measured;
// of several nodes the one with the most visits.
func (r *recorded) fill(o *workloads.Operator, pipeline string) {
	most := 0
	for i := range r.parameters.Operators {
		m := &r.parameters.Operators[i]
		if m.Pipeline != pipeline || m.Operator != o.Name || len(m.Services) <= most {
			continue
		}
		most = len(m.Services)
		o.Work = law(m.Services, m.CV, m.Service().Mean, 1)
		o.Output = workloads.Dist{}
		if m.Output.N > 0 && m.Output.Mean > 0 {
			o.Output = law(m.Outputs, 1, m.Output.Mean, 1)
		}
		o.Node = r.id[cmp.Or(m.Node, "node")]
	}
}
