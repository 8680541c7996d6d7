// Package fit estimates the parameters of a model from requests that were
// measured one by one: how fast nodes are, what operators need and send, and
// how long links take.
package fit

import (
	"cmp"
	"math"
	"slices"
	"time"

	"caravan/results"
)

// Input is what the parameters are fitted to.
type Input struct {
	// Alone are requests that met no other; Loaded are those of the real load.
	// Either may be empty.
	Alone, Loaded []results.Request
	// Intended is the service time that the model gave a visit, 0 where it has
	// no say because a program decides.
	Intended func(r *results.Request, v *results.Visit) time.Duration
	// Serialise is how long a message occupies the links of a route; nil when
	// their bandwidths are not known.
	Serialise func(route string, bytes float64) time.Duration
}

// Parameters are what Fit finds, with 95 % intervals.
type Parameters struct {
	Nodes     []Node
	Operators []Operator
	Links     []Link
}

// A Node took Stretch times as long as intended over all its operators; its
// speed is the intended one divided by it.
type Node struct {
	Name    string
	Stretch results.Interval
	// Gap is the mean time between the end of one service and the start of the
	// next that was waiting: a core that nobody uses though somebody wants it.
	Gap results.Interval
}

// An Operator is what a visit takes.
type Operator struct {
	Pipeline, Operator, Node string
	Intended                 float64          // mean of the visits that Service averages, seconds; 0 without
	Alone, Loaded            results.Interval // mean service, seconds
	CV                       float64          // of the service under load (or alone, without load)
	Services                 []float64        // sorted, seconds
	Output                   results.Interval // bytes sent to a successor
	Outputs                  []float64        // sorted
}

// Service is the mean under load where there is one.
func (o *Operator) Service() results.Interval {
	if o.Loaded.N > 0 {
		return o.Loaded
	}
	return o.Alone
}

// A Link is the way from one node to another: what a message took. Latency is
// the median of that less the serialisation, where bandwidths are known;
// Intercept and Bandwidth, and otherwise Latency, come from fitting
// Intercept + bytes/Bandwidth where sizes differ enough to tell the two apart.
type Link struct {
	Route     string
	Transfer  results.Interval // median seconds of a message alone
	Bytes     float64          // mean of those
	Latency   results.Interval
	Intercept results.Interval // seconds of a message of no bytes
	Bandwidth results.Interval // bytes/s; N is 0 when it cannot be told
}

// Fit estimates everything that the requests show.
func Fit(in Input) Parameters {
	var p Parameters
	alone, loaded := visits(in.Alone), visits(in.Loaded)
	p.Operators = operators(in, alone, loaded)
	p.Nodes = nodes(in, loaded)
	if len(p.Nodes) == 0 {
		p.Nodes = nodes(in, alone)
	}
	transfers := in.Alone
	if len(transfers) == 0 {
		transfers = in.Loaded
	}
	p.Links = links(transfers, in.Serialise)
	return p
}

// visit is one visit with its request.
type visit struct {
	r *results.Request
	v *results.Visit
}

func (x visit) service() float64 { return (x.v.EndedAt - x.v.StartedAt).Seconds() }

// visits lists those of answered requests.
func visits(list []results.Request) []visit {
	var out []visit
	for i := range list {
		if list[i].Outcome != results.Answered {
			continue
		}
		for j := range list[i].Visits {
			out = append(out, visit{&list[i], &list[i].Visits[j]})
		}
	}
	return out
}

// interval is the mean of independent observations; one has no half-width.
func interval(xs []float64) results.Interval {
	iv, err := results.TInterval(xs, 0.95)
	if err != nil && len(xs) == 1 {
		return results.Interval{Mean: xs[0], N: 1}
	}
	return iv
}

func operators(in Input, alone, loaded []visit) []Operator {
	type key struct{ pipeline, operator, node string }
	of := func(x visit) key { return key{x.r.Pipeline, x.v.Operator, x.v.Node} }
	services := [2]map[key][]float64{{}, {}}
	intended := [2]map[key][]float64{{}, {}}
	outputs := map[key][]float64{}
	for phase, list := range [][]visit{alone, loaded} {
		for _, x := range list {
			k := of(x)
			services[phase][k] = append(services[phase][k], x.service())
			if d := in.Intended(x.r, x.v); d > 0 {
				intended[phase][k] = append(intended[phase][k], d.Seconds())
			}
			for _, c := range x.r.Crossings {
				if c.From == x.v.Operator {
					outputs[k] = append(outputs[k], c.Bytes)
					break
				}
			}
		}
	}
	var out []Operator
	for _, k := range sortedKeys(services, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.pipeline, b.pipeline), cmp.Compare(a.operator, b.operator), cmp.Compare(a.node, b.node))
	}) {
		o := Operator{Pipeline: k.pipeline, Operator: k.operator, Node: k.node}
		o.Alone, o.Loaded = interval(services[0][k]), interval(services[1][k])
		phase := 1
		if len(services[1][k]) == 0 {
			phase = 0
		}
		o.Services = services[phase][k]
		o.Services = slices.Sorted(slices.Values(o.Services))
		o.CV = variation(o.Services)
		if meant := intended[phase][k]; len(meant) > 0 {
			o.Intended = interval(meant).Mean
		}
		o.Output, o.Outputs = interval(outputs[k]), slices.Sorted(slices.Values(outputs[k]))
		out = append(out, o)
	}
	return out
}

// sortedKeys are those of both maps in order.
func sortedKeys[K comparable](ms [2]map[K][]float64, compare func(a, b K) int) []K {
	seen := map[K]bool{}
	var out []K
	for _, m := range ms {
		for k := range m {
			if !seen[k] {
				seen[k] = true
				out = append(out, k)
			}
		}
	}
	slices.SortFunc(out, compare)
	return out
}

// median is the middle one of independent observations, with the half-width of
// the interval between the order statistics that bound it. A transfer has no
// tail of its own: what makes some of them long is the machine's.
func median(xs []float64) results.Interval {
	sorted := slices.Sorted(slices.Values(xs))
	out := results.Interval{Mean: sorted[len(sorted)/2], N: len(sorted)}
	if low, high, ok := results.QuantileInterval(sorted, 0.5, 0.95); ok {
		out.HalfWidth = (high - low) / 2
	}
	return out
}

// variation is the coefficient of variation.
func variation(xs []float64) float64 {
	if len(xs) < 2 {
		return 0
	}
	m, s2 := 0.0, 0.0
	for _, x := range xs {
		m += x / float64(len(xs))
	}
	for _, x := range xs {
		s2 += (x - m) * (x - m)
	}
	if m == 0 {
		return 0
	}
	return math.Sqrt(s2/float64(len(xs)-1)) / m
}

func nodes(in Input, list []visit) []Node {
	byNode := map[string][]visit{}
	for _, x := range list {
		byNode[x.v.Node] = append(byNode[x.v.Node], x)
	}
	names := make([]string, 0, len(byNode))
	for n := range byNode {
		names = append(names, n)
	}
	slices.Sort(names)
	var out []Node
	for _, name := range names {
		n := Node{Name: name, Gap: interval(gaps(byNode[name]))}
		var ratios []float64
		var served, meant float64
		for _, x := range byNode[name] {
			if d := in.Intended(x.r, x.v).Seconds(); d > 0 {
				served += x.service()
				meant += d
				ratios = append(ratios, x.service()/d)
			}
		}
		if meant > 0 {
			// The ratio of the sums, which long services dominate as they
			// dominate the load; its interval is that of the single ratios.
			n.Stretch = interval(ratios)
			n.Stretch.Mean = served / meant
		}
		if n.Stretch.N > 0 || n.Gap.N > 0 {
			out = append(out, n)
		}
	}
	return out
}

// gaps are the times between the end of a service and the start of the next,
// where that was waiting already. On several cores ends and starts are not
// told apart by core, so that the gap of a start is to the latest end before.
func gaps(list []visit) []float64 {
	byStart := slices.Clone(list)
	slices.SortStableFunc(byStart, func(a, b visit) int { return cmp.Compare(a.v.StartedAt, b.v.StartedAt) })
	byEnd := slices.Clone(list)
	slices.SortStableFunc(byEnd, func(a, b visit) int { return cmp.Compare(a.v.SentAt, b.v.SentAt) })
	var out []float64
	last := 0
	for _, x := range byStart {
		for last < len(byEnd) && byEnd[last].v.SentAt <= x.v.StartedAt {
			last++
		}
		if last == 0 {
			continue
		}
		if end := byEnd[last-1].v.SentAt; x.v.JoinedAt < end {
			out = append(out, (x.v.StartedAt - end).Seconds())
		}
	}
	return out
}

func links(list []results.Request, serialise func(string, float64) time.Duration) []Link {
	bytes, seconds, rest := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	for i := range list {
		for _, c := range list[i].Crossings {
			if c.Route != "" && list[i].Outcome == results.Answered {
				bytes[c.Route] = append(bytes[c.Route], c.Bytes)
				seconds[c.Route] = append(seconds[c.Route], (c.ReceivedAt - c.SentAt).Seconds())
				if serialise != nil {
					rest[c.Route] = append(rest[c.Route], (c.ReceivedAt - c.SentAt - serialise(c.Route, c.Bytes)).Seconds())
				}
			}
		}
	}
	routes := make([]string, 0, len(bytes))
	for r := range bytes {
		routes = append(routes, r)
	}
	slices.Sort(routes)
	var out []Link
	for _, r := range routes {
		l := Link{Route: r, Transfer: median(seconds[r]), Bytes: interval(bytes[r]).Mean}
		if slices.Max(bytes[r]) > 2*slices.Min(bytes[r]) {
			intercept, slope := regress(bytes[r], seconds[r])
			if slope.Mean-slope.HalfWidth > 0 {
				l.Latency, l.Intercept = intercept, intercept
				b := 1 / slope.Mean
				l.Bandwidth = results.Interval{Mean: b, HalfWidth: b * slope.HalfWidth / slope.Mean, N: slope.N}
			}
		}
		if serialise != nil {
			l.Latency = median(rest[r])
		}
		out = append(out, l)
	}
	return out
}

// regress fits y = a + b x by least squares, with 95 % intervals from the
// residuals (normal quantile).
func regress(xs, ys []float64) (intercept, slope results.Interval) {
	n := float64(len(xs))
	var mx, my, sxx, sxy, rss float64
	for i := range xs {
		mx += xs[i] / n
		my += ys[i] / n
	}
	for i := range xs {
		sxx += (xs[i] - mx) * (xs[i] - mx)
		sxy += (xs[i] - mx) * (ys[i] - my)
	}
	if sxx == 0 || n < 3 {
		return results.Interval{Mean: my, N: len(xs)}, results.Interval{N: len(xs)}
	}
	b := sxy / sxx
	a := my - b*mx
	for i := range xs {
		e := ys[i] - a - b*xs[i]
		rss += e * e
	}
	s2 := rss / (n - 2)
	return results.Interval{Mean: a, HalfWidth: 1.96 * math.Sqrt(s2*(1/n+mx*mx/sxx)), N: len(xs)},
		results.Interval{Mean: b, HalfWidth: 1.96 * math.Sqrt(s2/sxx), N: len(xs)}
}
