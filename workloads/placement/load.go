package placement

import (
	"fmt"
	"math"
	"time"

	"caravan/topology"
	"caravan/workloads"
)

// A Load is what a placement asks of nodes and links at the pipelines' mean
// rates, as if every request were served: utilisations, above 1 where the work
// never ends.
type Load struct {
	Nodes []float64 // busy cores over cores, by node
	Media []float64 // busy share of a link's medium, by medium; nil under Fixed
}

// NewLoad adds up the pipelines that are placed. A pipeline whose rate is
// unknown, as that of a closed loop, adds nothing.
func NewLoad(t *topology.Topology, m Model, w *workloads.Workload, p Placement) (Load, error) {
	l := Load{Nodes: make([]float64, len(t.Nodes()))}
	if m.NetworkOrDefault() != Fixed {
		l.Media = make([]float64, t.Media())
	}
	for i := range w.Pipelines {
		if p.Pipelines[i][0] == topology.None {
			continue
		}
		if err := l.add(t, m, &w.Pipelines[i], p.Pipelines[i]); err != nil {
			return Load{}, err
		}
	}
	return l, nil
}

func (l *Load) add(t *topology.Topology, m Model, p *workloads.Pipeline, nodes []topology.NodeID) error {
	rate := p.Arrivals.MeanRate()
	visits, err := visits(p)
	if err != nil {
		return err
	}
	all := t.Nodes()
	for j, n := range nodes {
		l.Nodes[n] += rate * visits[j] * ComputeTime(t, m, p, j, nodes).Seconds() / float64(max(1, all[n].Cores))
		if l.Media == nil {
			continue
		}
		for _, next := range p.Successors(j) {
			route, ok := t.Route(m.RoutingOrDefault(), n, nodes[next])
			if n == nodes[next] {
				continue
			}
			if !ok {
				return fmt.Errorf("pipeline %q: no route from %q to %q", p.Name, all[n].Name, all[nodes[next]].Name)
			}
			for _, id := range route.Links {
				link := &t.Links()[id]
				l.Media[link.Medium] += rate * visits[j] * passage(p, j, next) * topology.SerialisationTime(p.MeanOutput(j), link.Bandwidth).Seconds()
			}
		}
	}
	return nil
}

// visits is how often a request visits each operator.
func visits(p *workloads.Pipeline) ([]float64, error) {
	if p.Routed() {
		return p.VisitRatios()
	}
	out := make([]float64, len(p.Operators))
	for j := range out {
		out[j] = 1
	}
	return out, nil
}

// passage is the probability that a request leaving operator j goes to next.
func passage(p *workloads.Pipeline, j, next int) float64 {
	if !p.Routed() {
		return 1
	}
	var sum float64
	for _, b := range p.Operators[j].Next {
		if b.To == next {
			sum += b.Probability
		}
	}
	return sum
}

// Busiest is the highest utilisation of any node or medium: the placement
// bears 1/Busiest times its rates.
func (l Load) Busiest() float64 {
	most := 0.0
	for _, u := range l.Nodes {
		most = max(most, u)
	}
	for _, u := range l.Media {
		most = max(most, u)
	}
	return most
}

// Of is the highest utilisation that requests of pipeline p meet on their way:
// of their nodes, their own cores where every operator has one, and the media
// between.
func (l Load) Of(t *topology.Topology, m Model, p *workloads.Pipeline, nodes []topology.NodeID) (float64, error) {
	ratios, err := visits(p)
	if err != nil {
		return 0, err
	}
	most := 0.0
	for j, n := range nodes {
		switch m.Discipline(&t.Nodes()[n]) {
		case topology.Delay:
		case topology.PerOperator:
			most = max(most, p.Arrivals.MeanRate()*ratios[j]*ComputeTime(t, m, p, j, nodes).Seconds())
		default:
			most = max(most, l.Nodes[n])
		}
		for _, next := range p.Successors(j) {
			route, ok := t.Route(m.RoutingOrDefault(), n, nodes[next])
			if l.Media == nil || n == nodes[next] || !ok {
				continue
			}
			for _, id := range route.Links {
				most = max(most, l.Media[t.Links()[id].Medium])
			}
		}
	}
	return most, nil
}

// saturated is the utilisation from which a queue is counted as lost: its
// stretch then grows steeply but finitely, so that a search still sees which
// way is down.
const saturated = 0.99

// Stretch is by how much waiting lengthens a visit to a server of c cores at
// utilisation u: 1 + C(c, cu)/(c(1-u)), Erlang's delay formula, exact for the
// M/M/c queue and, with one core, for the M/G/1 queue with processor sharing,
// whatever the distribution of service (Kleinrock, Queueing Systems I, 3.5;
// II, 4.4).
func Stretch(c int, u float64) float64 {
	if u <= 0 {
		return 1
	}
	if u > saturated {
		return Stretch(c, saturated) * (1 + 1e3*(u-saturated))
	}
	return 1 + erlangC(c, float64(c)*u)/(float64(c)*(1-u))
}

// erlangC is the probability of waiting in M/M/c at a erlangs, by the stable
// recursion of Erlang's loss formula.
func erlangC(c int, a float64) float64 {
	b := 1.0
	for k := 1; k <= c; k++ {
		b = a * b / (float64(k) + a*b)
	}
	u := a / float64(c)
	return b / (1 - u*(1-b))
}

// Sojourn is the mean latency of a request of p when all the load l is there:
// Estimate with every visit to a node stretched by the waiting there, and every
// serialisation on a link by that of the link, taken as if independent
// (Jackson's product form, approximately).
func Sojourn(t *topology.Topology, m Model, p *workloads.Pipeline, nodes []topology.NodeID, l Load) (time.Duration, error) {
	if _, err := Estimate(t, m, p, nodes); err != nil {
		return 0, err // there is no route, or no node
	}
	if p.Routed() {
		return stretchedMean(t, m, p, nodes, l)
	}
	end := make([]float64, len(nodes))
	last := 0.0
	for j := range nodes {
		ready := 0.0
		for _, a := range p.Operators[j].After {
			ready = max(ready, end[a]+stretchedTransfer(t, m, p, a, nodes[a], nodes[j], l))
		}
		end[j] = ready + stretchedCompute(t, m, p, j, nodes, l)
		last = max(last, end[j])
	}
	return topology.Seconds(min(last, math.MaxInt64/2e9)), nil
}

func stretchedMean(t *topology.Topology, m Model, p *workloads.Pipeline, nodes []topology.NodeID, l Load) (time.Duration, error) {
	ratios, err := p.VisitRatios()
	if err != nil {
		return 0, err
	}
	var sum float64
	for j := range nodes {
		sum += ratios[j] * stretchedCompute(t, m, p, j, nodes, l)
		for _, b := range p.Operators[j].Next {
			sum += ratios[j] * b.Probability * stretchedTransfer(t, m, p, j, nodes[j], nodes[b.To], l)
		}
	}
	return topology.Seconds(min(sum, math.MaxInt64/2e9)), nil
}

func stretchedCompute(t *topology.Topology, m Model, p *workloads.Pipeline, j int, nodes []topology.NodeID, l Load) float64 {
	n := &t.Nodes()[nodes[j]]
	d := ComputeTime(t, m, p, j, nodes).Seconds()
	if m.Discipline(n) == topology.Delay {
		return d
	}
	return d * Stretch(max(1, n.Cores), l.Nodes[nodes[j]])
}

// stretchedTransfer is a message's mean time between two nodes.
func stretchedTransfer(t *topology.Topology, m Model, p *workloads.Pipeline, j int, from, to topology.NodeID, l Load) float64 {
	d, _ := TransferTime(t, m, p.MeanOutput(j), from, to)
	if from == to || l.Media == nil {
		return d.Seconds()
	}
	out := d.Seconds()
	route, _ := t.Route(m.RoutingOrDefault(), from, to)
	for _, id := range route.Links {
		link := &t.Links()[id]
		out += topology.SerialisationTime(p.MeanOutput(j), link.Bandwidth).Seconds() * (Stretch(1, l.Media[link.Medium]) - 1)
	}
	return out
}
