// Package schedule orders the tasks of a graph on processors that run one task
// at a time, for the least makespan: the list schedules of the field, and an
// exact search that starts from them.
package schedule

import (
	"context"
	"fmt"
	"math"
	"slices"

	"caravan/workloads/instances"
)

// A Schedule says where and when each task runs, without interruption.
type Schedule struct {
	Processor []int
	Start     []float64 // in the unit of the graph's times
	Makespan  float64
}

// A Result is a schedule and what is known of the optimum.
type Result struct {
	Schedule
	Bound  float64 // no schedule ends sooner
	Proved bool    // the schedule is optimal
	Steps  int64
}

// Options bound a search.
type Options struct {
	// MaxSteps bounds the work; 0 is 10^6. A step is a task put in a schedule,
	// or as much work.
	MaxSteps int64
	Seed     uint64
}

// Solve finds the schedule of least makespan of a graph that passes Check, on
// so many processors (0: those that the graph gives times for). When the steps
// or ctx end first, the result holds the best schedule so far and a valid
// bound.
func Solve(ctx context.Context, g *instances.TaskGraph, processors int, o Options) (Result, error) {
	m, err := newModel(g, processors)
	if err != nil {
		return Result{}, err
	}
	if o.MaxSteps <= 0 {
		o.MaxSteps = 1_000_000
	}
	s := &search{model: m, ctx: ctx, limit: o.MaxSteps}
	s.lower = m.bound()
	s.offer(m.heft())
	s.offer(m.cpop())
	s.improve(o.Seed)
	s.prove()
	return Result{Schedule: s.best, Bound: min(s.lower, s.best.Makespan), Proved: s.settled(), Steps: s.steps}, nil
}

// HEFT is the schedule of the heterogeneous earliest finish time heuristic:
// tasks by falling upward rank, each where it ends first, in gaps too
// (Topcuoglu, Hariri, Wu, IEEE TPDS 13(3), 2002).
func HEFT(g *instances.TaskGraph, processors int) (Schedule, error) {
	m, err := newModel(g, processors)
	if err != nil {
		return Schedule{}, err
	}
	return m.heft(), nil
}

// CPOP is the schedule of the critical path on a processor heuristic: tasks by
// falling sum of both ranks as they become ready, those of the critical path
// on the processor that runs it soonest (ibid.).
func CPOP(g *instances.TaskGraph, processors int) (Schedule, error) {
	m, err := newModel(g, processors)
	if err != nil {
		return Schedule{}, err
	}
	return m.cpop(), nil
}

// Check reports a task that starts before what it waits for has arrived, or
// while its processor is taken, and a makespan that is not the last finish.
func (s *Schedule) Check(g *instances.TaskGraph) error {
	finish := func(t int) float64 { return s.Start[t] + g.On(t, s.Processor[t]) }
	last := 0.0
	for t := range g.Tasks() {
		last = max(last, finish(t))
		for _, a := range g.After[t] {
			arrival := finish(a.Task) + g.Delay(a.Data, s.Processor[a.Task], s.Processor[t])
			if s.Start[t] < arrival-slack(arrival) {
				return fmt.Errorf("%s: task %d starts at %v, the data of task %d arrives at %v", g.Name, t, s.Start[t], a.Task, arrival)
			}
		}
	}
	order := make([]int, g.Tasks())
	for t := range order {
		order[t] = t
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case s.Processor[a] != s.Processor[b]:
			return s.Processor[a] - s.Processor[b]
		case s.Start[a] != s.Start[b]:
			return int(math.Copysign(1, s.Start[a]-s.Start[b]))
		}
		return int(math.Copysign(1, finish(a)-finish(b)))
	})
	for k := 1; k < len(order); k++ {
		a, b := order[k-1], order[k]
		if s.Processor[a] == s.Processor[b] && s.Start[b] < finish(a)-slack(finish(a)) {
			return fmt.Errorf("%s: tasks %d and %d overlap on processor %d", g.Name, a, b, s.Processor[a])
		}
	}
	if math.Abs(last-s.Makespan) > slack(last) {
		return fmt.Errorf("%s: the last task ends at %v, the makespan is %v", g.Name, last, s.Makespan)
	}
	return nil
}

// slack is how far two times of about x that should be equal may be apart.
func slack(x float64) float64 { return 1e-9 * max(1, math.Abs(x)) }
