package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravan/results"
	"caravan/results/fit"
	"caravan/runner"
	"caravan/scenarios"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// A calibration is measured parameters and how many requests they rest on.
type calibration struct {
	parameters fit.Parameters
	requests   int
	warnings   []string
}

// The part of a calibration in which requests meet no other: so many of each
// pipeline, for at most so long.
const (
	aloneRequests = 20
	aloneTime     = 10 * time.Second
)

// calibrationReplication is not the one that predictions are scored on.
const calibrationReplication = 1

// calibrateLive measures the plan's requests alone and then under the load of
// a replication that no prediction is scored on.
func (a *app) calibrateLive(ctx context.Context, b runner.Backend, p *plan, f *validateFlags) (*calibration, error) {
	loaded, err := p.trace(ctx, calibrationReplication)
	if err != nil {
		return nil, err
	}
	alone := apart(loaded)
	c := &calibration{requests: len(loaded) + len(alone)}
	bar := newProgress(a.stderr, "calibrating "+p.scenario.Name, "requests", c.requests)
	defer bar.stop()
	in := fit.Input{Intended: p.intended(), Serialise: serialise(p.scenario)}
	for _, phase := range []struct {
		requests []results.Request
		into     *[]results.Request
	}{{alone, &in.Alone}, {loaded, &in.Loaded}} {
		l := &liveRun{backend: b, plan: p, options: f.planOptions(), requests: phase.requests, label: newLabel(p.scenario.Name), maxLag: f.maxLag, progress: bar}
		m, err := l.measure(ctx)
		if err != nil {
			return nil, err
		}
		if m.Invalid != "" {
			c.warnings = append(c.warnings, "calibrating: "+m.Invalid)
		}
		if n := having(m.Requests, "failed"); n > 0 {
			return nil, fmt.Errorf("calibrating: %d of %d requests failed: %s", n, len(m.Requests), strings.Join(m.Troubles, "; "))
		}
		*phase.into = m.Requests
	}
	c.parameters = fit.Fit(in)
	return c, nil
}

// apart takes a few requests of each pipeline and sets them so far from each
// other that no two meet.
func apart(list []results.Request) []results.Request {
	taken := map[string]int{}
	var out []results.Request
	at := time.Duration(0)
	for _, r := range list {
		if taken[r.Pipeline] >= aloneRequests || at > aloneTime {
			continue
		}
		taken[r.Pipeline]++
		longest := r.Latency() - r.Wait() // what it takes by itself, at most
		r.CreatedAt = at
		at += longest + longest/2 + 5*time.Millisecond
		out = append(out, r)
	}
	return out
}

// intended tells the service time that the model gives a visit, on average
// where nobody here knows what was drawn for it.
func (p *plan) intended() func(*results.Request, *results.Visit) time.Duration {
	type where struct {
		index int
		k     int
		speed float64
		mean  float64
	}
	at := map[[2]string]where{}
	s := p.scenario
	for i := range s.Workload.Pipelines {
		l := &s.Workload.Pipelines[i]
		for j := range l.Operators {
			o := &l.Operators[j]
			if o.Program.Given() || !p.placedPipeline(i) {
				continue
			}
			nodes := p.solution.Placement.Pipelines[i]
			node := &s.Topology.Nodes()[nodes[j]]
			at[[2]string{l.Name, o.Name}] = where{j, sharers(s.Model, node, nodes, j), node.Speed, o.Work.Mean}
		}
	}
	return func(r *results.Request, v *results.Visit) time.Duration {
		w, ok := at[[2]string{r.Pipeline, v.Operator}]
		switch {
		case !ok:
			return 0
		case w.index >= len(r.Work): // drawn by the agent itself
			return placement.ServiceTime(w.mean, w.k, w.speed)
		}
		return placement.ServiceTime(r.Work[w.index], w.k, w.speed)
	}
}

// placedPipeline reports whether pipeline i has nodes.
func (p *plan) placedPipeline(i int) bool {
	return i < len(p.solution.Placement.Pipelines) && whole(p.solution.Placement.Pipelines[i])
}

// sharers is Berkeley's k where a node serves that way, otherwise 1.
func sharers(m placement.Model, node *topology.Node, nodes []topology.NodeID, j int) int {
	if m.Discipline(node) != topology.PerOperator {
		return 1
	}
	k := 0
	for _, n := range nodes {
		if n == nodes[j] {
			k++
		}
	}
	return k
}

// overrides are the --set texts that give the scenario the measured
// parameters.
func (c *calibration) overrides(s *scenarios.Scenario) ([]string, error) {
	var set []string
	stretch, gap := map[string]float64{}, map[string]float64{}
	for _, n := range c.parameters.Nodes {
		gap[n.Name] = n.Gap.Mean
		if id, ok := s.Topology.NodeByName(n.Name); ok && n.Stretch.N > 0 {
			stretch[n.Name] = n.Stretch.Mean
			set = append(set, fmt.Sprintf("topology.nodes.%s.speed=%s", quoted(n.Name), number(s.Topology.Nodes()[id].Speed/n.Stretch.Mean)))
		}
	}
	var doc document
	if err := json.Unmarshal(s.Text, &doc); err != nil {
		return nil, err
	}
	for i := range c.parameters.Operators {
		o := &c.parameters.Operators[i]
		text, outputs := c.operator(s, o, stretch[o.Node], gap[o.Node])
		pipeline, ok := doc.pipeline(o.Pipeline)
		if text == "" || !ok {
			c.warnings = append(c.warnings, fmt.Sprintf("operator %s of %s keeps its work: it is not written out by name", o.Operator, o.Pipeline))
			continue
		}
		path := fmt.Sprintf("workload.pipelines.%s.operators.%s.", quoted(pipeline), quoted(o.Operator))
		set = append(set, path+"work="+text)
		if outputs != "" {
			set = append(set, path+"output="+outputs)
		}
	}
	return append(set, c.links(s, &doc)...), nil
}

// operator is the work of an operator as measured, and its output where a
// program decides on it.
func (c *calibration) operator(s *scenarios.Scenario, m *fit.Operator, stretch, gap float64) (work, output string) {
	for i := range s.Workload.Pipelines {
		l := &s.Workload.Pipelines[i]
		for j := range l.Operators {
			o := &l.Operators[j]
			if l.Name != m.Pipeline || o.Name != m.Operator {
				continue
			}
			mean := m.Service().Mean + gap
			if m.Intended > 0 && !o.Program.Given() {
				return encodeDist(stretched(o.Work, mean/(m.Intended*stretch)), secondsText), ""
			}
			speed := 1.0
			if id, ok := s.Topology.NodeByName(m.Node); ok {
				speed = s.Topology.Nodes()[id].Speed
			}
			work = encodeDist(law(m.Services, m.CV, mean*speed, speed), secondsText)
			if m.Output.N > 0 {
				output = encodeDist(law(m.Outputs, 0, m.Output.Mean, 1), bytesText)
			}
			return work, output
		}
	}
	return "", ""
}

// stretched multiplies a distribution by a factor.
func stretched(d workloads.Dist, by float64) workloads.Dist {
	d.Mean, d.Low, d.High = d.Mean*by, d.Low*by, d.High*by
	samples := make([]float64, len(d.Samples))
	for i, x := range d.Samples {
		samples[i] = x * by
	}
	d.Samples = samples
	return d
}

// steady is the coefficient of variation up to which a quantity is called
// constant, and lawSamples how many quantiles stand for a distribution.
const (
	steady     = 0.05
	lawSamples = 40
)

// law is the distribution of sorted samples: a constant where they hardly
// vary, otherwise their quantiles, in units of 1/scale.
func law(samples []float64, cv, mean, scale float64) workloads.Dist {
	if cv < steady || len(samples) < 5 {
		return workloads.Const(mean)
	}
	n := min(lawSamples, len(samples))
	out := make([]float64, n)
	for i := range out {
		out[i] = scale * samples[int((float64(i)+0.5)/float64(n)*float64(len(samples)))]
	}
	return workloads.FromSamples(out)
}

// A document is the part of a scenario's canonical text whose lists overrides
// address by position.
type document struct {
	Topology struct {
		Links []linkEntry `json:"links"`
	} `json:"topology"`
	Workload struct {
		Pipelines []struct {
			Name  string `json:"name"`
			Count int    `json:"count"`
		} `json:"pipelines"`
	} `json:"workload"`
}

// pipeline finds the entry that a pipeline was written by; one that was
// stamped from another has none of its own.
func (d *document) pipeline(name string) (string, bool) {
	for _, p := range d.Workload.Pipelines {
		if p.Name == name {
			return name, true
		}
	}
	return "", false
}

// links are the overrides of latencies, and of bandwidths that are not what was
// written. An entry for both directions gets the mean of those that were used.
func (c *calibration) links(s *scenarios.Scenario, doc *document) []string {
	var set []string
	for i, entry := range doc.Topology.Links {
		var latencies, intercepts, bandwidths []float64
		other := true
		for _, m := range c.parameters.Links {
			if m.Latency.N > 0 && entry.joins(m.Route) {
				latencies = append(latencies, m.Latency.Mean)
				intercepts, bandwidths = append(intercepts, m.Intercept.Mean), append(bandwidths, m.Bandwidth.Mean)
				other = other && otherwise(s, &m)
			}
		}
		if len(latencies) == 0 {
			continue
		}
		if other {
			latencies = intercepts
			set = append(set, fmt.Sprintf("topology.links.%d.bandwidth=%sB/s", i, number(meanOf(bandwidths))))
		}
		set = append(set, fmt.Sprintf("topology.links.%d.latency=%s", i, secondsText(math.Max(0, meanOf(latencies)))))
	}
	return set
}

func meanOf(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs))
}

// A link is believed to have another bandwidth than the scenario says when what
// was measured is off by more than this share, and by more than so many
// half-widths of its 95 % interval.
const (
	otherShare  = 0.05
	otherWidths = 1.5
)

// otherwise reports whether the link of a route has another bandwidth than was
// written.
func otherwise(s *scenarios.Scenario, m *fit.Link) bool {
	id, ok := s.Topology.LinkByName(m.Route)
	if !ok || m.Bandwidth.N == 0 {
		return false
	}
	written := float64(s.Topology.Links()[id].Bandwidth)
	off := math.Abs(m.Bandwidth.Mean - written)
	return written > 0 && off > otherShare*written && off > otherWidths*m.Bandwidth.HalfWidth
}

// A linkEntry is a link as it is written: names, or selections of several.
type linkEntry struct {
	Between []any `json:"between"`
	From    any   `json:"from"`
	To      any   `json:"to"`
}

// joins reports whether the entry is that of a route of one hop.
func (e linkEntry) joins(route string) bool {
	from, to, ok := strings.Cut(route, "->")
	if !ok {
		return false
	}
	if len(e.Between) == 2 {
		a, b := e.Between[0], e.Between[1]
		return a == from && b == to || a == to && b == from
	}
	return e.From == from && e.To == to
}

// serialise tells what a message takes on the link between two neighbours.
func serialise(s *scenarios.Scenario) func(route string, bytes float64) time.Duration {
	return func(route string, bytes float64) time.Duration {
		id, ok := s.Topology.LinkByName(route)
		if !ok {
			return 0
		}
		return topology.SerialisationTime(bytes, s.Topology.Links()[id].Bandwidth)
	}
}

// quoted is a name as a step of a path.
func quoted(name string) string { return strconv.Quote(name) }

func newCalibrateCommand(a *app) *cobra.Command {
	f := &calibrateFlags{}
	cmd := &cobra.Command{
		Use:   "calibrate [SCENARIO]",
		Short: "Measure speeds, links and work on a cluster, and write the scenario with them",
		Long: `Calibrate deploys the scenario's pipelines, runs requests of them alone and then
under the scenario's load, and fits what the model needs: the speed of each
node, the service times and outputs of each operator, the latency of each link.
The scenario with those parameters goes to standard output; the table of what
was measured, with 95 % intervals, to standard error.

With --from-traces nothing is deployed: the parameters come from recorded spans
(OpenTelemetry's OTLP JSON, Jaeger's JSON) or from a request log, a CSV table
with the columns request, operator, start and end in seconds, and where known
pipeline, node, bytes and after. Without a SCENARIO a new one is written.`,
		Example: `  caravan calibrate validate-chain-light --cluster local > calibrated.json
  caravan validate validate-chain-light --cluster local --calibrated calibrated.json --seed 7
  caravan calibrate --from-traces spans.json > recorded.yaml`,
		Args: takes(0, 1, "one SCENARIO"),
	}
	f.scenarioFlags.register(cmd)
	f.clusterFlags.register(cmd)
	f.registerLag(cmd)
	cmd.Flags().StringVar(&f.solver, "solver", "", "one row of the catalogue, instead of the scenario's")
	cmd.Flags().DurationVar(&f.duration, "duration", liveDuration, "how long requests arrive under load, at most the scenario's own duration")
	cmd.Flags().StringVar(&f.traces, "from-traces", "", "fit to the spans or the request log in this `file` instead of a live run")
	f.work = workFlag(cmd)
	f.output = outputFlag(cmd, "scenario", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case f.traces != "":
			return a.calibrateFromTraces(f, args)
		case len(args) == 0:
			return badInput(errors.New("found no SCENARIO, allowed: one, or --from-traces"))
		}
		return a.calibrate(cmd.Context(), f, args[0])
	}
	return cmd
}

// calibrateFlags are the flags of caravan calibrate.
type calibrateFlags struct {
	validateFlags
	traces string
}

func (a *app) calibrate(ctx context.Context, f *calibrateFlags, arg string) error {
	p, err := f.prepare(ctx, a, arg)
	if err != nil {
		return err
	}
	b, err := f.backend(ctx, a, p.scenario.Topology.Nodes())
	if err != nil {
		return err
	}
	c, err := a.calibrateLive(ctx, b, p, &f.validateFlags)
	if err != nil {
		return err
	}
	return a.printCalibrated(f, c, p.scenario, arg)
}

// calibrateAnswer is the JSON of caravan calibrate.
type calibrateAnswer struct {
	Version    int               `json:"version"`
	Scenario   string            `json:"scenario"`
	Requests   int               `json:"requests"`
	Parameters []parameterAnswer `json:"parameters"`
	Warnings   []string          `json:"warnings"`
}

// parameterAnswer is one measured parameter.
type parameterAnswer struct {
	Kind    string   `json:"kind"` // node, operator or link
	Subject string   `json:"subject"`
	Name    string   `json:"name"` // stretch, gap, service, alone, output, transfer, latency, bandwidth
	Value   float64  `json:"value"`
	Unit    string   `json:"unit"`
	Half    *float64 `json:"half_width"` // of the 95 % interval; null with one observation
	N       int      `json:"n"`
}

func (c *calibration) answer(scenario string) calibrateAnswer {
	out := calibrateAnswer{Version: shapeVersion, Scenario: scenario, Requests: c.requests, Parameters: []parameterAnswer{}, Warnings: orEmpty(c.warnings)}
	add := func(kind, subject, name, unit string, iv results.Interval) {
		if iv.N == 0 || finite(iv.Mean) == nil {
			return
		}
		x := parameterAnswer{Kind: kind, Subject: subject, Name: name, Unit: unit, Value: iv.Mean, N: iv.N}
		if iv.N > 1 {
			x.Half = finite(iv.HalfWidth)
		}
		out.Parameters = append(out.Parameters, x)
	}
	for _, n := range c.parameters.Nodes {
		add("node", n.Name, "stretch", "1", n.Stretch)
		add("node", n.Name, "gap", "s", n.Gap)
	}
	for _, o := range c.parameters.Operators {
		name := o.Pipeline + "." + o.Operator
		add("operator", name, "alone", "s", o.Alone)
		add("operator", name, "service", "s", o.Loaded)
		add("operator", name, "output", "B", o.Output)
	}
	for _, l := range c.parameters.Links {
		add("link", l.Route, "transfer", "s", l.Transfer)
		add("link", l.Route, "latency", "s", l.Latency)
		add("link", l.Route, "bandwidth", "B/s", l.Bandwidth)
	}
	return out
}

// print is the table of what was measured.
func (c *calibration) print(w io.Writer) {
	g := grid{header: []string{"", "", "", "measured", "n"}, numbers: []int{3, 4}}
	for _, p := range c.answer("").Parameters {
		half := 0.0
		if p.Half != nil && *p.Half > 1e-9*math.Abs(p.Value) {
			half = *p.Half
		}
		g.add(p.Kind, p.Subject, p.Name, interval(p.Value, half, p.Unit), strconv.Itoa(p.N))
	}
	g.render(w)
}
