package workloads

import (
	"fmt"
	"math"

	"caravan/topology"
)

// Routed reports whether requests walk by probabilities (Next) instead of
// visiting every operator.
func (p *Pipeline) Routed() bool {
	for i := range p.Operators {
		if len(p.Operators[i].Next) > 0 {
			return true
		}
	}
	return false
}

// IsChain reports whether every operator has exactly the one before it as its
// predecessor.
func (p *Pipeline) IsChain() bool {
	if p.Routed() {
		return false
	}
	for i := range p.Operators {
		after := p.Operators[i].After
		if i == 0 && len(after) > 0 || i > 0 && (len(after) != 1 || after[0] != i-1) {
			return false
		}
	}
	return true
}

// Successors lists the operators that operator j feeds, in their order.
func (p *Pipeline) Successors(j int) []int {
	var out []int
	for i := range p.Operators {
		for _, a := range p.Operators[i].After {
			if a == j {
				out = append(out, i)
			}
		}
	}
	return out
}

// Pins returns the node that each operator must run on, or topology.None: its
// own, else Source for operators without predecessors, else Sink for those
// without successors. An operator that two of them pin to different nodes is
// an error: nothing can run it.
func (p *Pipeline) Pins() ([]topology.NodeID, error) {
	pins := make([]topology.NodeID, len(p.Operators))
	routed := p.Routed()
	for j := range p.Operators {
		o := &p.Operators[j]
		first := len(o.After) == 0
		last := len(p.Successors(j)) == 0
		if routed {
			first, last = j == 0, len(o.Next) == 0
		}
		pins[j] = o.Node
		for _, ask := range []struct {
			applies bool
			node    topology.NodeID
		}{{first, p.Source}, {last, p.Sink}} {
			if !ask.applies || ask.node == topology.None {
				continue
			}
			if pins[j] == topology.None {
				pins[j] = ask.node
			} else if pins[j] != ask.node {
				return nil, fmt.Errorf("pipeline %q: operator %q is pinned to two different nodes", p.Name, o.Name)
			}
		}
	}
	return pins, nil
}

// VisitRatios is how often one request visits each operator on average. For a
// DAG that is once. With Next it solves the traffic equations
// v_j = [j is first] + sum_i v_i P_ij (Jackson, 1957); requests that can stay
// forever are an error.
func (p *Pipeline) VisitRatios() ([]float64, error) {
	n := len(p.Operators)
	v := make([]float64, n)
	if !p.Routed() {
		for i := range v {
			v[i] = 1
		}
		return v, nil
	}
	a := make([][]float64, n) // a v = b, eliminated with partial pivoting
	for i := range a {
		a[i] = make([]float64, n+1)
		a[i][i] = 1
	}
	a[0][n] = 1
	for i := range p.Operators {
		for _, b := range p.Operators[i].Next {
			a[b.To][i] -= b.Probability
		}
	}
	for c := range n {
		pivot := c
		for i := c; i < n; i++ {
			if math.Abs(a[i][c]) > math.Abs(a[pivot][c]) {
				pivot = i
			}
		}
		a[c], a[pivot] = a[pivot], a[c]
		if math.Abs(a[c][c]) < 1e-12 {
			return nil, fmt.Errorf("pipeline %q: its branches never let a request leave", p.Name)
		}
		for i := range n {
			if i == c {
				continue
			}
			f := a[i][c] / a[c][c]
			for k := c; k <= n; k++ {
				a[i][k] -= float64(f * a[c][k])
			}
		}
	}
	for i := range v {
		v[i] = a[i][n] / a[i][i]
		if !(v[i] >= -1e-9) {
			return nil, fmt.Errorf("pipeline %q: its branches never let a request leave", p.Name)
		}
	}
	return v, nil
}

// MeanWork is the mean of operator j's work over requests, in seconds: of its
// distribution, times the mean of the trace column that scales it.
func (p *Pipeline) MeanWork(j int) float64 {
	return p.Operators[j].Work.Mean * p.Arrivals.meanFactor(p.Operators[j].WorkFactor)
}

// MeanOutput is the mean of operator j's output over requests, in bytes.
func (p *Pipeline) MeanOutput(j int) float64 {
	return p.Operators[j].Output.Mean * p.Arrivals.meanFactor(p.Operators[j].OutputFactor)
}

// meanFactor is the mean of a column, 1 without one.
func (a *Arrivals) meanFactor(column string) float64 {
	for i, name := range a.FactorNames {
		if name != column || len(a.Factors[i]) == 0 {
			continue
		}
		sum := 0.0
		for _, x := range a.Factors[i] {
			sum += x
		}
		return sum / float64(len(a.Factors[i]))
	}
	return 1
}
