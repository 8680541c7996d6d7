package partition

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Sides is a program to cut in two: what runs near, say at the edge, and what
// runs far, say in the cloud. Data flows from near to far only.
type Sides struct {
	Near, Far []float64 // time of each task on either side; +Inf where it cannot run
	Output    []float64 // time to send a task's output over, once for all that need it there
	Edges     [][2]int  // from a task to one that needs its output
}

// A Cut says which tasks run far.
type Cut struct {
	Far  []bool
	Cost float64 // Near of the near ones, Far of the far ones, Output of those that send
}

// ErrNoCut is returned when every cut puts a task where it cannot run.
var ErrNoCut = errors.New("no cut lets every task run")

// TwoWay finds the cut of least cost, the largest near side among equals. It
// is a minimum cut of a network in which keeping a task near or far cuts an
// arc to either terminal (project selection, Picard 1976), found by Dinic's
// algorithm (1970).
func TwoWay(ctx context.Context, s Sides) (Cut, error) {
	if err := s.check(); err != nil {
		return Cut{}, err
	}
	n := len(s.Near)
	source, sink := 2*n, 2*n+1
	f := newFlow(2*n + 2)
	for v := range n {
		f.arc(source, v, s.Far[v])
		f.arc(v, sink, s.Near[v])
		f.arc(v, n+v, s.Output[v])
	}
	for _, e := range s.Edges {
		f.arc(n+e[0], e[1], math.Inf(1))
		f.arc(e[1], e[0], math.Inf(1))
	}
	if err := f.run(ctx, source, sink); err != nil {
		return Cut{}, err
	}
	reaches := f.reaching(sink)
	cut := Cut{Far: reaches[:n:n]}
	sends := make([]bool, n)
	for _, e := range s.Edges {
		sends[e[0]] = sends[e[0]] || !cut.Far[e[0]] && cut.Far[e[1]]
	}
	for v, far := range cut.Far {
		switch {
		case far:
			cut.Cost += s.Far[v]
		case sends[v]:
			cut.Cost += s.Near[v] + s.Output[v]
		default:
			cut.Cost += s.Near[v]
		}
	}
	return cut, nil
}

func (s Sides) check() error {
	n := len(s.Near)
	if len(s.Far) != n || len(s.Output) != n {
		return fmt.Errorf("%d near times, %d far ones, %d outputs", n, len(s.Far), len(s.Output))
	}
	var faults []error
	for v := range n {
		if !(s.Near[v] >= 0) || !(s.Far[v] >= 0) || !(s.Output[v] >= 0) {
			faults = append(faults, fmt.Errorf("task %d: found times %v, %v and %v, allowed is 0 or more", v, s.Near[v], s.Far[v], s.Output[v]))
		}
	}
	for i, e := range s.Edges {
		if e[0] < 0 || e[0] >= n || e[1] < 0 || e[1] >= n {
			faults = append(faults, fmt.Errorf("edge %d: found tasks %v of %d", i, e, n))
		}
	}
	return errors.Join(faults...)
}

// A flow is a network under a flow. Arc i and arc i^1 are each other's
// reverse.
type flow struct {
	first []int // by vertex, -1 without arcs
	next  []int // by arc
	to    []int
	left  []float64 // capacity
	level []int
	at    []int // the next arc to try
}

func newFlow(n int) *flow {
	f := &flow{first: make([]int, n), level: make([]int, n), at: make([]int, n)}
	for v := range f.first {
		f.first[v] = -1
	}
	return f
}

func (f *flow) arc(from, to int, capacity float64) {
	f.to = append(f.to, to, from)
	f.left = append(f.left, capacity, 0)
	f.next = append(f.next, f.first[from], f.first[to])
	f.first[from], f.first[to] = len(f.to)-2, len(f.to)-1
}

// run pushes a maximum flow. Each path empties an arc exactly, so rounding
// cannot make it run on.
func (f *flow) run(ctx context.Context, source, sink int) error {
	for f.layer(source, sink) {
		if err := ctx.Err(); err != nil {
			return err
		}
		copy(f.at, f.first)
		for {
			path := f.path(source, sink)
			if path == nil {
				break
			}
			narrow := math.Inf(1)
			for _, a := range path {
				narrow = min(narrow, f.left[a])
			}
			if math.IsInf(narrow, 1) {
				return ErrNoCut
			}
			for _, a := range path {
				f.left[a] -= narrow
				f.left[a^1] += narrow
			}
		}
	}
	return nil
}

// layer numbers the vertices by their distance from the source.
func (f *flow) layer(source, sink int) bool {
	for v := range f.level {
		f.level[v] = -1
	}
	f.level[source] = 0
	queue := []int{source}
	for len(queue) > 0 && f.level[sink] < 0 {
		v := queue[0]
		queue = queue[1:]
		for a := f.first[v]; a >= 0; a = f.next[a] {
			if w := f.to[a]; f.left[a] > 0 && f.level[w] < 0 {
				f.level[w] = f.level[v] + 1
				queue = append(queue, w)
			}
		}
	}
	return f.level[sink] >= 0
}

// path is a way down the layers, nil when none is left.
func (f *flow) path(source, sink int) []int {
	var path []int
	for v := source; v != sink; {
		a := f.at[v]
		switch {
		case a < 0 && v == source:
			return nil
		case a < 0: // a dead end
			f.level[v] = -1
			path = path[:len(path)-1]
			v = source
			if len(path) > 0 {
				v = f.to[path[len(path)-1]]
			}
		case f.left[a] > 0 && f.level[f.to[a]] == f.level[v]+1:
			path = append(path, a)
			v = f.to[a]
		default:
			f.at[v] = f.next[a]
		}
	}
	return path
}

// reaching marks the vertices from which the sink can still be reached.
func (f *flow) reaching(sink int) []bool {
	seen := make([]bool, len(f.first))
	seen[sink] = true
	queue := []int{sink}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		for a := f.first[v]; a >= 0; a = f.next[a] {
			if w := f.to[a]; f.left[a^1] > 0 && !seen[w] {
				seen[w] = true
				queue = append(queue, w)
			}
		}
	}
	return seen
}
