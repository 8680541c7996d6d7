package oracle

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"caravan/sim"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// builders maps the beginning of a model's name to what builds it; the first
// that fits is taken.
var builders = []struct {
	prefix string
	build  func(c Case, p params) (system, error)
}{
	{"M/M/1 FCFS", buildMMc},
	{"M/M/c FCFS", buildMMc},
	{"M/M/c/c", buildMMcc},
	{"M/M/1/K", buildMM1K},
	{"M/M/1 SRPT", func(c Case, p params) (system, error) { return buildSingle(p, "lambda", topology.SRPT) }},
	{"M/M/1 non-preemptive SJF", func(c Case, p params) (system, error) { return buildSingle(p, "lambda", topology.SJF) }},
	{"M/G/1 FCFS", buildMG1},
	{"M/G/1 PS", buildPS},
	{"M/G/1 non-preemptive priority", func(c Case, p params) (system, error) { return buildClasses(p, topology.Priority) }},
	{"M/G/1 preemptive-resume priority", func(c Case, p params) (system, error) { return buildClasses(p, topology.Preemptive) }},
	{"M/M/c preemptive-resume priority", func(c Case, p params) (system, error) { return buildMMcClasses(p, topology.Preemptive) }},
	{"M/M/c non-preemptive priority", func(c Case, p params) (system, error) { return buildMMcClasses(p, topology.Priority) }},
	{"M/G/inf", buildInfinite},
	{"Jackson tandem", buildTandem},
	{"Open Jackson network", buildJackson},
	{"Closed product-form network", buildClosed},
	{"Fork-join", buildForkJoin},
	{"D/M/1", buildDM1},
	{"M^[b]/M/1", buildBatch},
	{"Deterministic pipeline", buildDeterministic},
	{"Egalitarian PS link", buildLink},
}

func seconds(x float64) time.Duration { return topology.Seconds(x) }

// A bench assembles a system from stations and pipelines.
type bench struct {
	nodes []topology.Node
	links []topology.Link
	w     workloads.Workload
	p     placement.Placement
	model placement.Model
}

func (b *bench) node(name string, cores int, d topology.Discipline) topology.NodeID {
	b.nodes = append(b.nodes, topology.Node{Name: name, Cores: cores, Speed: 1, Discipline: d})
	return topology.NodeID(len(b.nodes) - 1)
}

// pipeline adds one whose operators run on the given nodes.
func (b *bench) pipeline(name string, a workloads.Arrivals, ops []workloads.Operator, on ...topology.NodeID) *workloads.Pipeline {
	for i := range ops {
		ops[i].Node = topology.None
		if ops[i].Name == "" {
			ops[i].Name = "op" + strconv.Itoa(i+1)
		}
	}
	b.w.Pipelines = append(b.w.Pipelines, workloads.Pipeline{
		Name: name, Priority: 50, Source: topology.None, Sink: topology.None, Arrivals: a, Operators: ops,
	})
	b.p.Pipelines = append(b.p.Pipelines, on)
	return &b.w.Pipelines[len(b.w.Pipelines)-1]
}

// mesh links every pair of nodes without delay.
func (b *bench) mesh() {
	for i := range b.nodes {
		for j := range b.nodes {
			if i != j {
				b.links = append(b.links, topology.Link{From: topology.NodeID(i), To: topology.NodeID(j)})
			}
		}
	}
}

func (b *bench) system(rate float64) (system, error) {
	t, err := topology.New(b.nodes, b.links)
	if err != nil {
		return system{}, err
	}
	return system{
		config: sim.Config{Topology: t, Workload: &b.w, Placement: b.p, Model: b.model},
		rate:   rate,
		metric: singleMetric,
	}, nil
}

func poisson(rate float64) workloads.Arrivals {
	return workloads.Arrivals{Kind: workloads.Poisson, Rate: rate}
}

func chain(works ...workloads.Dist) []workloads.Operator {
	ops := make([]workloads.Operator, len(works))
	for i, w := range works {
		ops[i].Work = w
		if i > 0 {
			ops[i].After = []int{i - 1}
		}
	}
	return ops
}

// single is one station fed by one pipeline.
func single(a workloads.Arrivals, work workloads.Dist, cores, limit int, d topology.Discipline) (system, error) {
	var b bench
	n := b.node("node", cores, d)
	b.nodes[n].QueueLimit = limit
	b.pipeline("requests", a, chain(work), n)
	return b.system(a.MeanRate())
}

var quantileMetric = regexp.MustCompile(`^(T|Wq)_p(\d+)`)

// singleMetric reads the metrics of one pipeline named "requests" on nodes of
// which the first is "node".
func singleMetric(metric string, rep observed) (float64, error) {
	if m := quantileMetric.FindStringSubmatch(metric); m != nil {
		name := map[string]string{"T": "latency", "Wq": "wait"}[m[1]]
		return rep.value(name, "requests", "p"+m[2])
	}
	switch {
	case strings.HasPrefix(metric, "E[T"):
		return rep.value("latency", "requests", "mean")
	case strings.HasPrefix(metric, "E[Wq"):
		return rep.value("wait", "requests", "mean")
	case strings.HasPrefix(metric, "E[N total"):
		return sumOver(rep, "number", "mean")
	case strings.HasPrefix(metric, "E[N]"):
		return rep.value("number", "node", "mean")
	case strings.HasPrefix(metric, "E[Lq"):
		return rep.value("queue", "node", "mean")
	case strings.HasPrefix(metric, "P(wait)"), metric == "sigma":
		return rep.value("waited", "node", "ratio")
	case strings.HasPrefix(metric, "P(block)"), strings.HasPrefix(metric, "P(loss)"):
		return rep.value("rejected", "requests", "ratio")
	case strings.HasPrefix(metric, "throughput"):
		return rep.value("throughput", "requests", "mean")
	case strings.HasPrefix(metric, "utilisation"):
		return rep.value("utilisation", "node", "mean")
	}
	return 0, fmt.Errorf("no metric is known by the name %q", metric)
}

func sumOver(rep observed, name, stat string) (float64, error) {
	var sum float64
	for _, v := range rep.Values {
		if v.Name == name && v.Stat == stat {
			sum += v.Value
		}
	}
	return sum, nil
}

func buildSingle(p params, rate string, d topology.Discipline) (system, error) {
	x, err := p.numbers(rate, "mu")
	if err != nil {
		return system{}, err
	}
	return single(poisson(x[0]), workloads.Exp(1/x[1]), 1, 0, d)
}

func buildMMc(_ Case, p params) (system, error) {
	x, err := p.numbers("lambda", "mu")
	if err != nil {
		return system{}, err
	}
	c := 1.0
	if _, ok := p["c"]; ok {
		if c, err = p.number("c"); err != nil {
			return system{}, err
		}
	}
	return single(poisson(x[0]), workloads.Exp(1/x[1]), int(c), 0, topology.FCFS)
}

func buildMMcc(_ Case, p params) (system, error) {
	x, err := p.numbers("lambda", "mu", "c")
	if err != nil {
		return system{}, err
	}
	return single(poisson(x[0]), workloads.Exp(1/x[1]), int(x[2]), int(x[2]), topology.FCFS)
}

func buildMM1K(_ Case, p params) (system, error) {
	x, err := p.numbers("lambda", "mu", "K")
	if err != nil {
		return system{}, err
	}
	return single(poisson(x[0]), workloads.Exp(1/x[1]), 1, int(x[2]), topology.FCFS)
}

func buildDM1(_ Case, p params) (system, error) {
	x, err := p.numbers("lambda", "mu")
	if err != nil {
		return system{}, err
	}
	a := workloads.Arrivals{Kind: workloads.Periodic, Period: seconds(1 / x[0])}
	return single(a, workloads.Exp(1/x[1]), 1, 0, topology.FCFS)
}

func buildBatch(_ Case, p params) (system, error) {
	x, err := p.numbers("batch rate", "b", "mu")
	if err != nil {
		return system{}, err
	}
	a := poisson(x[0])
	a.Batch = int(x[1])
	return single(a, workloads.Exp(1/x[2]), 1, 0, topology.FCFS)
}

func buildInfinite(_ Case, p params) (system, error) {
	x, err := p.numbers("lambda", "E[S]")
	if err != nil {
		return system{}, err
	}
	return single(poisson(x[0]), workloads.Dist{Kind: workloads.Lognormal, Mean: x[1], CV: 1.5}, 1, 0, topology.Delay)
}

// law is a distribution with the given first two moments; the formulas that
// it is used with depend on nothing else.
func law(mean, square float64, named string) workloads.Dist {
	c2 := square/(mean*mean) - 1
	switch {
	case c2 < 1e-12:
		return workloads.Const(mean)
	case math.Abs(c2-1) < 1e-12:
		return workloads.Exp(mean)
	case strings.Contains(named, "H2"), c2 > 1:
		return workloads.Dist{Kind: workloads.Hyperexponential, Mean: mean, CV: math.Sqrt(c2)}
	case math.Abs(1/c2-math.Round(1/c2)) < 1e-9:
		return workloads.Dist{Kind: workloads.Erlang, Mean: mean, Shape: math.Round(1 / c2)}
	}
	return workloads.Dist{Kind: workloads.Lognormal, Mean: mean, CV: math.Sqrt(c2)}
}

func buildMG1(c Case, p params) (system, error) {
	x, err := p.numbers("lambda", "E[S]", "E[S^2]")
	if err != nil {
		return system{}, err
	}
	return single(poisson(x[0]), law(x[1], x[2], c.Model), 1, 0, topology.FCFS)
}

var ofSize = regexp.MustCompile(`^E\[T\|size=([0-9.]+)\]`)

// buildPS uses a two-point law of service times, 0.5 and 2 times the mean, so
// that the response of a given size can be observed; under processor sharing
// no mean depends on the law.
func buildPS(_ Case, p params) (system, error) {
	x, err := p.numbers("lambda", "E[S]")
	if err != nil {
		return system{}, err
	}
	work := workloads.Dist{Kind: workloads.Empirical, Mean: x[1], Samples: []float64{x[1] / 2, x[1] / 2, 2 * x[1]}}
	sys, err := single(poisson(x[0]), work, 1, 0, topology.PS)
	if err != nil {
		return system{}, err
	}
	sys.observe = func() (func(sim.Completion), func() map[string]float64) {
		sum, n := map[float64]float64{}, map[float64]float64{}
		see := func(c sim.Completion) {
			sum[c.Work[0]] += c.Latency().Seconds()
			n[c.Work[0]]++
		}
		return see, func() map[string]float64 {
			out := map[string]float64{}
			for size, k := range n {
				out[strconv.FormatFloat(size, 'g', -1, 64)] = sum[size] / k
			}
			return out
		}
	}
	sys.metric = func(metric string, rep observed) (float64, error) {
		m := ofSize.FindStringSubmatch(metric)
		if m == nil {
			return singleMetric(metric, rep)
		}
		size, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, err
		}
		v, ok := rep.extra[strconv.FormatFloat(size, 'g', -1, 64)]
		if !ok { // E[T|x] is linear in x under processor sharing
			v = rep.extra[strconv.FormatFloat(2*x[1], 'g', -1, 64)] * size / (2 * x[1])
		}
		return v, nil
	}
	return sys, nil
}

var classMetric = regexp.MustCompile(`^class(\d+) (E\[\w+\])`)

// byClass reads `classK metric` of the pipeline that is class K.
func byClass(metric string, rep observed) (float64, error) {
	m := classMetric.FindStringSubmatch(metric)
	if m == nil {
		return 0, fmt.Errorf("no metric is known by the name %q", metric)
	}
	name := map[string]string{"E[T]": "latency", "E[Wq]": "wait"}[m[2]]
	return rep.value(name, "class"+m[1], "mean")
}

// classes are pipelines of falling priority on one station.
func classes(rates []float64, work []workloads.Dist, cores int, d topology.Discipline) (system, error) {
	var b bench
	n := b.node("node", cores, d)
	total := 0.0
	for i, rate := range rates {
		pl := b.pipeline("class"+strconv.Itoa(i+1), poisson(rate), chain(work[i]), n)
		pl.Priority = 100 - i
		total += rate
	}
	sys, err := b.system(total)
	sys.metric = byClass
	return sys, err
}

func buildClasses(p params, d topology.Discipline) (system, error) {
	var rates []float64
	var work []workloads.Dist
	for k := 1; ; k++ {
		id := strconv.Itoa(k)
		if _, ok := p["l"+id]; !ok {
			break
		}
		x, err := p.numbers("l"+id, "E"+id, "E2_"+id)
		if err != nil {
			return system{}, err
		}
		rates = append(rates, x[0])
		work = append(work, law(x[1], x[2], ""))
	}
	return classes(rates, work, 1, d)
}

func buildMMcClasses(p params, d topology.Discipline) (system, error) {
	rates, err := p.list("lams")
	if err != nil {
		return system{}, err
	}
	x, err := p.numbers("mu", "c")
	if err != nil {
		return system{}, err
	}
	work := make([]workloads.Dist, len(rates))
	for i := range work {
		work[i] = workloads.Exp(1 / x[0])
	}
	return classes(rates, work, int(x[1]), d)
}
