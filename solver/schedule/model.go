package schedule

import (
	"fmt"
	"math"
	"slices"

	"caravan/workloads/instances"
)

// mostProcessors bounds how many processors a schedule may use.
const mostProcessors = 4096

// A model is a graph on a number of processors, with what every schedule needs
// of it.
type model struct {
	g          *instances.TaskGraph
	processors int
	// equal says that processors are interchangeable and data takes no time.
	equal bool
	// whole says that every time is an integer, and so every makespan.
	whole  bool
	before [][]instances.Arc
	order  []int     // topological
	least  []float64 // shortest time of each task
	tail   []float64 // longest path from a task's start to the end, by shortest times
}

func newModel(g *instances.TaskGraph, processors int) (*model, error) {
	if processors == 0 {
		processors = g.Processors()
	}
	if processors < 1 || processors > mostProcessors || g.Processors() != 0 && processors != g.Processors() {
		return nil, fmt.Errorf("%s: found %d processors, allowed: %s", g.Name, processors, allowed(g))
	}
	m := &model{g: g, processors: processors, before: g.Before(), order: g.Order(), whole: true}
	m.equal = g.Processors() == 0
	for t := range g.Tasks() {
		m.least = append(m.least, slices.Min(g.Time[t]))
		for _, x := range g.Time[t] {
			m.whole = m.whole && x == math.Trunc(x)
		}
		for _, a := range g.After[t] {
			m.whole = m.whole && (g.Bandwidth == nil || a.Data == 0)
		}
	}
	m.tail = make([]float64, g.Tasks())
	for _, t := range slices.Backward(m.order) {
		for _, a := range m.before[t] {
			m.tail[t] = max(m.tail[t], m.tail[a.Task])
		}
		m.tail[t] += m.least[t]
	}
	return m, nil
}

// allowed words how many processors a graph can be scheduled on.
func allowed(g *instances.TaskGraph) string {
	if p := g.Processors(); p != 0 {
		return fmt.Sprint(p)
	}
	return fmt.Sprintf("1..%d", mostProcessors)
}

// mean is a task's time, averaged over the processors.
func (m *model) mean(t int) float64 {
	sum := 0.0
	for _, x := range m.g.Time[t] {
		sum += x
	}
	return sum / float64(len(m.g.Time[t]))
}

// passage is how long data takes, averaged over the pairs of processors.
func (m *model) passage(data float64) float64 {
	if m.g.Bandwidth == nil || data == 0 {
		return 0
	}
	sum, pairs := 0.0, 0
	for p := range m.processors {
		for q := range m.processors {
			if p != q {
				sum += m.g.Delay(data, p, q)
				pairs++
			}
		}
	}
	if pairs == 0 {
		return 0
	}
	return sum / float64(pairs)
}

// ranks are the longest paths by average times: up from a task's start to the
// end, down from the start to a task's start.
func (m *model) ranks() (up, down []float64) {
	up, down = make([]float64, m.g.Tasks()), make([]float64, m.g.Tasks())
	for _, t := range slices.Backward(m.order) {
		for _, a := range m.before[t] {
			up[t] = max(up[t], m.passage(a.Data)+up[a.Task])
		}
		up[t] += m.mean(t)
	}
	for _, t := range m.order {
		for _, a := range m.g.After[t] {
			down[t] = max(down[t], down[a.Task]+m.mean(a.Task)+m.passage(a.Data))
		}
	}
	return up, down
}

// bound is the greater of the longest path and the least work a processor.
func (m *model) bound() float64 {
	work, path := 0.0, 0.0
	for t := range m.g.Tasks() {
		work += m.least[t]
		path = max(path, m.tail[t])
	}
	return max(path, m.rounded(work/float64(m.processors)))
}

// rounded is the least makespan that is not below x.
func (m *model) rounded(x float64) float64 {
	if m.whole {
		return math.Ceil(x - slack(x))
	}
	return x
}
