package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"caravan/topology"
	"caravan/workloads"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func encodeWorkload(b *strings.Builder, nodes []topology.Node, w *workloads.Workload) {
	if len(w.Pipelines) == 0 && len(w.Jobs) == 0 {
		return
	}
	b.WriteString("workload:\n")
	if len(w.Pipelines) > 0 {
		b.WriteString("  pipelines:\n")
		for i := range w.Pipelines {
			encodePipeline(b, nodes, &w.Pipelines[i])
		}
	}
	if len(w.Jobs) > 0 {
		b.WriteString("  jobs:\n")
		for i := range w.Jobs {
			encodeJob(b, &w.Jobs[i])
		}
	}
}

func encodePipeline(b *strings.Builder, nodes []topology.Node, p *workloads.Pipeline) {
	fmt.Fprintf(b, "    - name: %s\n", word(p.Name))
	line := func(key, value string) { fmt.Fprintf(b, "      %s: %s\n", key, value) }
	if p.Source != topology.None {
		line("source", word(nodes[p.Source].Name))
	}
	if p.Sink != topology.None {
		line("sink", word(nodes[p.Sink].Name))
	}
	if p.Priority != 50 {
		line("priority", strconv.Itoa(p.Priority))
	}
	for i, c := range p.Classes {
		if i == 0 {
			b.WriteString("      classes:\n")
		}
		fmt.Fprintf(b, "        - {name: %s, share: %s, priority: %d}\n", word(c.Name), topology.FormatPercent(c.Share), c.Priority)
	}
	if a := encodeArrivals(&p.Arrivals); a != "" {
		line("arrivals", a)
	}
	if p.Deadline > 0 {
		line("deadline", topology.FormatDuration(p.Deadline))
	}
	if p.DropLate {
		line("drop_late", "true")
	}
	b.WriteString("      operators:\n")
	for i := range p.Operators {
		fmt.Fprintf(b, "        - %s\n", encodeOperator(nodes, p, i))
	}
}

// encodeArrivals is empty for what a file leaves out: a single request at the
// start.
func encodeArrivals(a *workloads.Arrivals) string {
	f := &flow{}
	switch a.Kind {
	case workloads.Periodic:
		f.span("periodic", a.Period)
	case workloads.Poisson:
		f.put("poisson", topology.FormatRate(a.Rate))
	case workloads.MMPP:
		var states []string
		for _, s := range a.States {
			states = append(states, fmt.Sprintf("{rate: %s, for: %s}", topology.FormatRate(s.Rate), topology.FormatDuration(s.Mean)))
		}
		f.put("mmpp", "["+strings.Join(states, ", ")+"]")
	case workloads.Trace:
		f.put("trace", encodeTrace(a))
	case workloads.Closed:
		f.put("closed", fmt.Sprintf("{population: %d, think: %s}", a.Population, encodeDist(a.Think, secondsText)))
	}
	if len(f.fields) == 0 {
		return ""
	}
	if a.Batch > 1 {
		f.whole("batch", a.Batch)
	}
	f.span("start", a.StartAt)
	f.span("stop", a.StopAt)
	f.whole("count", a.Count)
	return f.String()
}

func encodeTrace(a *workloads.Arrivals) string {
	f := &flow{}
	times := make([]string, len(a.Times))
	for i, t := range a.Times {
		times[i] = topology.FormatDuration(t)
	}
	f.put("times", "["+strings.Join(times, ", ")+"]")
	if len(a.FactorNames) > 0 {
		columns := &flow{}
		for i, name := range a.FactorNames {
			columns.put(name, numbers(a.Factors[i]))
		}
		f.put("factors", columns.String())
	}
	return f.String()
}

func encodeOperator(nodes []topology.Node, p *workloads.Pipeline, i int) string {
	o := &p.Operators[i]
	f := &flow{}
	f.text("name", o.Name)
	f.put("work", encodeDist(o.Work, secondsText))
	f.put("output", encodeDist(o.Output, bytesText))
	if !slices.Equal(o.After, chainAfter(i)) {
		var names []string
		for _, j := range o.After {
			names = append(names, p.Operators[j].Name)
		}
		f.put("after", words(names))
	}
	next := &flow{}
	for _, n := range o.Next {
		next.put(p.Operators[n.To].Name, strconv.FormatFloat(n.Probability, 'g', -1, 64))
	}
	f.group("next", next)
	if o.Node != topology.None {
		f.text("node", nodes[o.Node].Name)
	}
	encodeConstraints(f, o.Constraints)
	encodeDemand(f, o.Demand)
	f.whole("queue", o.QueueLimit)
	f.span("cold_start", o.ColdStart)
	if o.Batch > 1 {
		f.whole("batch", o.Batch)
	}
	f.span("batch_wait", o.BatchWait)
	if len(o.Program.Exec) > 0 {
		f.put("exec", words(o.Program.Exec))
	}
	f.text("url", o.Program.URL)
	f.text("framing", o.Program.Framing)
	return f.String()
}

// chainAfter is what an operator of a file follows when it does not say.
func chainAfter(i int) []int {
	if i == 0 {
		return nil
	}
	return []int{i - 1}
}

func encodeDemand(f *flow, d topology.Resources) {
	f.mhz("cpu", d.CPU)
	f.bytes("memory", d.Memory)
	f.bytes("disk", d.Disk)
	if d.GPUs > 0 {
		g := &flow{}
		g.whole("count", d.GPUs)
		if d.GPUMilli > 0 && d.GPUMilli < 1000 {
			g.whole("milli", d.GPUMilli)
		}
		if len(d.GPUModel) > 0 {
			g.put("model", words(d.GPUModel))
		}
		f.group("gpus", g)
	}
}

// encodeDist writes a distribution; value writes a quantity with its unit.
func encodeDist(d workloads.Dist, value func(float64) string) string {
	list := func(xs []float64) string {
		texts := make([]string, len(xs))
		for i, x := range xs {
			texts[i] = value(x)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	real := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	switch d.Kind {
	case workloads.Exponential:
		return "{exponential: " + value(d.Mean) + "}"
	case workloads.Lognormal:
		return "{lognormal: {mean: " + value(d.Mean) + ", cv: " + real(d.CV) + "}}"
	case workloads.Hyperexponential:
		return "{hyperexponential: {mean: " + value(d.Mean) + ", cv: " + real(d.CV) + "}}"
	case workloads.Uniform:
		return "{uniform: " + list([]float64{d.Low, d.High}) + "}"
	case workloads.Erlang:
		return "{erlang: {mean: " + value(d.Mean) + ", k: " + real(d.Shape) + "}}"
	case workloads.Pareto:
		return "{pareto: {mean: " + value(d.Mean) + ", shape: " + real(d.Shape) + "}}"
	case workloads.Empirical:
		return "{empirical: " + list(d.Samples) + "}"
	}
	return value(d.Mean)
}

// secondsText and bytesText write what the file format can hold: whole
// nanoseconds and whole bytes.
func secondsText(s float64) string { return topology.FormatDuration(topology.Seconds(s)) }

func bytesText(n float64) string { return topology.FormatBytes(topology.Bytes(n + 0.5)) }

func numbers(xs []float64) string {
	texts := make([]string, len(xs))
	for i, x := range xs {
		texts[i] = strconv.FormatFloat(x, 'g', -1, 64)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
