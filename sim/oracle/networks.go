package oracle

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"caravan/sim"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

func buildTandem(_ Case, p params) (system, error) {
	lambda, err := p.number("lambda")
	if err != nil {
		return system{}, err
	}
	mus, err := p.list("mus")
	if err != nil {
		return system{}, err
	}
	var b bench
	var work []workloads.Dist
	var on []topology.NodeID
	for i, mu := range mus {
		on = append(on, b.node("node"+strconv.Itoa(i+1), 1, topology.FCFS))
		work = append(work, workloads.Exp(1/mu))
	}
	b.mesh()
	b.pipeline("requests", poisson(lambda), chain(work...), on...)
	return b.system(lambda)
}

// buildJackson enters requests at every station with its own outside rate and
// routes them by the matrix P.
func buildJackson(_ Case, p params) (system, error) {
	gamma, err := p.list("gamma")
	if err != nil {
		return system{}, err
	}
	mu, err := p.list("mu")
	if err != nil {
		return system{}, err
	}
	servers, err := p.list("c")
	if err != nil {
		return system{}, err
	}
	routing, err := p.matrix("P")
	if err != nil {
		return system{}, err
	}
	var b bench
	for i := range mu {
		b.node("node"+strconv.Itoa(i+1), int(servers[i]), topology.FCFS)
	}
	b.mesh()
	total := 0.0
	for entry, rate := range gamma {
		if rate > 0 {
			b.enterAt(entry, rate, mu, routing)
			total += rate
		}
	}
	sys, err := b.system(total)
	sys.metric = networkMetric
	return sys, err
}

// enterAt adds the pipeline of the requests that enter at one station: its
// operators are the stations, that one first.
func (b *bench) enterAt(entry int, rate float64, mu []float64, routing [][]float64) {
	order := []int{entry}
	for i := range mu {
		if i != entry {
			order = append(order, i)
		}
	}
	position := make([]int, len(mu))
	for k, i := range order {
		position[i] = k
	}
	ops := make([]workloads.Operator, len(order))
	on := make([]topology.NodeID, len(order))
	for k, i := range order {
		on[k] = topology.NodeID(i)
		ops[k].Work = workloads.Exp(1 / mu[i])
		for j, q := range routing[i] {
			if q > 0 {
				ops[k].Next = append(ops[k].Next, workloads.Branch{To: position[j], Probability: q})
			}
		}
	}
	b.pipeline("from"+strconv.Itoa(entry+1), poisson(rate), ops, on...).Group = "requests"
}

var stationMetric = regexp.MustCompile(`^(lambda|E\[N|utilisation U)_(\d+)\]?$`)

// networkMetric reads the metrics of a network of stations node1, node2, ...
func networkMetric(metric string, rep observed) (float64, error) {
	if m := stationMetric.FindStringSubmatch(metric); m != nil {
		name := map[string]string{"lambda": "arrivals", "E[N": "number", "utilisation U": "utilisation"}[m[1]]
		return rep.value(name, "node"+m[2], "mean")
	}
	switch {
	case strings.HasPrefix(metric, "response"):
		return rep.value("latency", "requests", "mean")
	case strings.HasPrefix(metric, "throughput"):
		return rep.value("throughput", "requests", "mean")
	}
	return singleMetric(metric, rep)
}

func buildClosed(_ Case, p params) (system, error) {
	demands, err := p.list("demands")
	if err != nil {
		return system{}, err
	}
	x, err := p.numbers("N", "Z")
	if err != nil {
		return system{}, err
	}
	var b bench
	var work []workloads.Dist
	var on []topology.NodeID
	most := 0.0
	for i, d := range demands {
		on = append(on, b.node("node"+strconv.Itoa(i+1), 1, topology.FCFS))
		work = append(work, workloads.Exp(d))
		most = max(most, d)
	}
	b.mesh()
	a := workloads.Arrivals{Kind: workloads.Closed, Population: int(x[0]), Think: workloads.Exp(x[1])}
	b.pipeline("requests", a, chain(work...), on...)
	sys, err := b.system(1 / most)
	sys.metric = networkMetric
	return sys, err
}

func buildForkJoin(c Case, p params) (system, error) {
	lambda, err := p.number("lambda")
	if err != nil {
		return system{}, err
	}
	mu := 1.0
	if m := regexp.MustCompile(`mu=([0-9.]+)`).FindStringSubmatch(c.Model); m != nil {
		if mu, err = strconv.ParseFloat(m[1], 64); err != nil {
			return system{}, err
		}
	}
	var b bench
	ends := b.node("node", 1, topology.Delay)
	left, right := b.node("left", 1, topology.FCFS), b.node("right", 1, topology.FCFS)
	b.mesh()
	ops := []workloads.Operator{
		{Name: "fork"},
		{Name: "left", Work: workloads.Exp(1 / mu), After: []int{0}},
		{Name: "right", Work: workloads.Exp(1 / mu), After: []int{0}},
		{Name: "join", After: []int{1, 2}},
	}
	b.pipeline("requests", poisson(lambda), ops, ends, left, right, ends)
	return b.system(lambda)
}

var (
	stageTimes = regexp.MustCompile(`stage times \(([0-9.,]+)\) ms, links ([0-9.,]+) ms`)
	inMillis   = 1e-3
)

// buildDeterministic is a pipeline of constant stages and links: n requests
// at once, or one every period. Stage times that a row leaves out are the
// textbook's (2, 5, 3) ms with links of 1 ms.
func buildDeterministic(c Case, p params) (system, error) {
	stages, links := []float64{2, 5, 3}, []float64{1, 1}
	if m := stageTimes.FindStringSubmatch(c.Model); m != nil {
		var err error
		if stages, err = numberList(m[1]); err != nil {
			return system{}, err
		}
		if links, err = numberList(m[2]); err != nil {
			return system{}, err
		}
	}
	var b bench
	var work []workloads.Dist
	var on []topology.NodeID
	for i, s := range stages {
		on = append(on, b.node("node"+strconv.Itoa(i+1), 1, topology.FCFS))
		work = append(work, workloads.Const(s*inMillis))
		if i > 0 {
			b.links = append(b.links, topology.Link{From: on[i-1], To: on[i], Latency: seconds(links[i-1] * inMillis)})
		}
	}
	a := workloads.Arrivals{Kind: workloads.Periodic, Count: 100}
	if _, ok := p["period"]; ok {
		period, err := p.number("period")
		if err != nil {
			return system{}, err
		}
		a.Period = seconds(period * inMillis)
	} else {
		n, err := p.number("n")
		if err != nil {
			return system{}, err
		}
		a.Period, a.Batch, a.Count = time.Hour, int(n), int(n)
	}
	b.pipeline("requests", a, chain(work...), on...)
	b.model.Network = placement.Fixed
	sys, err := b.system(0)
	sys.config.Requests = a.Count
	sys.exact = true
	sys.metric = func(metric string, rep observed) (float64, error) {
		stat := "mean"
		if strings.HasPrefix(metric, "makespan") {
			stat = "max" // all were created at 0
		}
		x, err := rep.value("latency", "requests", stat)
		return x / inMillis, err
	}
	return sys, err
}

func numberList(s string) ([]float64, error) {
	var out []float64
	for _, f := range strings.Split(s, ",") {
		x, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

var (
	linkSpeed = regexp.MustCompile(`link ([0-9.]+) MB/s`)
	transfer  = regexp.MustCompile(`([A-Z]) ([0-9.]+) MB at t=([0-9.]+)`)
)

// buildLink shares one link between the transfers that the model's name lists.
func buildLink(c Case, _ params) (system, error) {
	speed := linkSpeed.FindStringSubmatch(c.Model)
	sizes := transfer.FindAllStringSubmatch(c.Model, -1)
	if speed == nil || len(sizes) == 0 {
		return system{}, fmt.Errorf("no link speed or transfers in %q", c.Model)
	}
	var b bench
	from, to := b.node("from", 1, topology.Delay), b.node("to", 1, topology.Delay)
	rate, err := strconv.ParseFloat(speed[1], 64)
	if err != nil {
		return system{}, err
	}
	b.links = []topology.Link{{From: from, To: to, Bandwidth: topology.BytesPerSecond(rate * 1e6)}}
	for _, s := range sizes {
		x, err := numberList(s[2] + "," + s[3])
		if err != nil {
			return system{}, err
		}
		ops := chain(workloads.Const(0), workloads.Const(0))
		ops[0].Output = workloads.Const(x[0] * 1e6)
		b.pipeline(s[1], workloads.Arrivals{Kind: workloads.Trace, Times: []time.Duration{seconds(x[1])}}, ops, from, to)
	}
	b.model.Network = placement.Fair
	sys, err := b.system(0)
	sys.config.Requests = len(sizes)
	sys.exact = true
	sys.observe = func() (func(sim.Completion), func() map[string]float64) {
		end := map[string]float64{}
		return func(c sim.Completion) {
				end[b.w.Pipelines[c.Pipeline].Name] = c.EndedAt.Seconds()
			}, func() map[string]float64 {
				return end
			}
	}
	sys.metric = func(metric string, rep observed) (float64, error) {
		x, ok := rep.extra[strings.TrimPrefix(metric, "finish ")]
		if !ok {
			return 0, fmt.Errorf("no metric is known by the name %q", metric)
		}
		return x, nil
	}
	return sys, err
}
