package schedule

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"caravan/workloads/instances"
)

// A search holds the best schedule so far and what is proved.
type search struct {
	*model
	ctx   context.Context
	limit int64
	steps int64
	lower float64
	best  Schedule
}

func (s *search) offer(c Schedule) {
	if s.best.Processor == nil || c.Makespan < s.best.Makespan {
		s.best = c
	}
}

func (s *search) settled() bool { return s.best.Makespan <= s.lower+slack(s.lower) }

// spent counts a step and says whether the search must end.
func (s *search) spent() bool {
	s.steps++
	return s.steps >= s.limit || s.steps%1024 == 0 && s.ctx.Err() != nil
}

// patience is how many lists without a better schedule end the walk.
const patience = 10_000

// improve walks over lists of tasks, from which schedules are built in order,
// for half of the steps at most: a list is disturbed, and justified to both ends of
// time where processors are interchangeable (Valls, Ballestín, Quintanilla,
// Eur. J. Operational Research 165(2), 2005).
func (s *search) improve(seed uint64) {
	if s.settled() || s.g.Tasks() < 3 {
		return
	}
	rng := rand.New(rand.NewPCG(seed, 0x5c4ed))
	w := &walk{search: s, forth: s.board(), list: s.listOf(s.best.Start)}
	if s.equal {
		mirror := &model{g: mirrored(s.g, s.before), processors: s.processors, equal: true, before: s.g.After}
		w.back = mirror.board()
	}
	w.value = w.decode()
	half := s.steps + (s.limit-s.steps)/2
	temperature, best, idle := 0.02, s.best.Makespan, 0
	for s.steps < half && idle < patience && s.ctx.Err() == nil && !s.settled() {
		w.try(rng, temperature)
		temperature = max(0.0005, temperature*0.9995)
		if idle++; s.best.Makespan < best {
			best, idle = s.best.Makespan, 0
		}
	}
}

// mirrored is a graph that runs backwards in time.
func mirrored(g *instances.TaskGraph, before [][]instances.Arc) *instances.TaskGraph {
	return &instances.TaskGraph{Name: g.Name, Time: g.Time, After: before, Bandwidth: g.Bandwidth}
}

// listOf orders the tasks by start, those without a length where they belong.
func (m *model) listOf(start []float64) []int {
	place := make([]int, m.g.Tasks())
	for k, t := range m.order {
		place[t] = k
	}
	list := slices.Clone(m.order)
	slices.SortStableFunc(list, func(a, b int) int {
		switch {
		case start[a] < start[b]:
			return -1
		case start[a] > start[b]:
			return 1
		}
		return place[a] - place[b]
	})
	return list
}

// A walk is a list and the length of its schedule.
type walk struct {
	*search
	forth, back *board // back is nil where processors differ
	list, trial []int
	value       float64
}

// decode builds the schedule of the list and offers it.
func (w *walk) decode() float64 {
	value := build(w.forth, w.list)
	w.steps += int64(len(w.list))
	if value < w.best.Makespan {
		w.offer(w.forth.schedule())
	}
	return value
}

func build(b *board, list []int) float64 {
	b.clear()
	for _, t := range list {
		b.place(t)
	}
	return b.makespan()
}

// try disturbs the list and keeps the result when it is no worse, or now and
// then when it is.
func (w *walk) try(rng *rand.Rand, temperature float64) {
	w.trial = append(w.trial[:0], w.list...)
	for range 1 + rng.IntN(3) {
		w.shift(rng)
	}
	value := w.decode()
	if w.back != nil {
		w.list = w.justify(value)
		value = w.decode()
	}
	if worse := value - w.value; worse <= 0 || rng.Float64() < math.Exp(-worse/(temperature*w.value)) {
		w.value = value
		return
	}
	w.list, w.trial = w.trial, w.list
}

// justify pushes the tasks of the forward board as late as they go, the last to
// end first, and lists them by where that leaves them.
func (w *walk) justify(makespan float64) []int {
	list := slices.Clone(w.list)
	place := make([]int, len(list))
	for k, t := range list {
		place[t] = k
	}
	late := func(finish []float64) func(a, b int) int {
		return func(a, b int) int {
			switch {
			case finish[a] > finish[b]:
				return -1
			case finish[a] < finish[b]:
				return 1
			}
			return place[b] - place[a]
		}
	}
	slices.SortStableFunc(list, late(w.forth.finish))
	build(w.back, list)
	w.steps += int64(len(list))
	for k, t := range list {
		place[t] = len(list) - 1 - k
	}
	slices.SortStableFunc(list, late(w.back.finish))
	return w.legal(list)
}

// legal moves tasks behind what they wait for, which tasks without a length may
// have lost.
func (w *walk) legal(list []int) []int {
	rank := make([]float64, len(list))
	for k, t := range list {
		rank[t] = -float64(k)
	}
	return w.byPriority(rank)
}

// shift moves a task of the list to another place between those that it waits
// for and those that wait for it.
func (w *walk) shift(rng *rand.Rand) {
	k := rng.IntN(len(w.list))
	t := w.list[k]
	low, high := k, k
	for low > 0 && !waits(w.g.After[t], w.list[low-1]) {
		low--
	}
	for high+1 < len(w.list) && !waits(w.before[t], w.list[high+1]) {
		high++
	}
	to := low + rng.IntN(high-low+1)
	w.list = slices.Insert(slices.Delete(w.list, k, k+1), to, t)
}

func waits(arcs []instances.Arc, t int) bool {
	return slices.ContainsFunc(arcs, func(a instances.Arc) bool { return a.Task == t })
}
