package schedule

import (
	"encoding/binary"
	"math"
	"slices"
)

// prove raises the bound until it meets the best schedule or the steps end: a
// deadline at which some interval holds too much work is too early, and so is
// one that no enumeration of schedules in order of start reaches. Times that
// are no integers have no next deadline: there the best schedule is the one to
// beat.
func (s *search) prove() {
	if s.equal && s.whole {
		n := newNarrow(s.model)
		for !s.settled() && n.overloaded(nil, nil, 0, s.lower) {
			s.lower++
		}
	}
	for !s.settled() {
		deadline := s.best.Makespan - slack(s.best.Makespan)
		if s.whole {
			deadline = s.lower
		}
		e := newEnumeration(s, deadline)
		if !e.extend(0) {
			return
		}
		switch {
		case e.found: // as good as the deadline, or the next one to beat
		case s.whole:
			s.lower++
		default:
			s.lower = s.best.Makespan
		}
	}
}

// mostStates bounds the states that an enumeration remembers.
const mostStates = 1 << 21

// An enumeration builds schedules task by task in order of start, each task
// behind what its processor already runs: some optimal schedule is among them.
type enumeration struct {
	*search
	free      []float64 // when each processor is free
	processor []int
	start     []float64
	finish    []float64
	placed    []bool
	waits     []int // predecessors that are not placed
	work      float64
	seen      map[string]struct{}
	key       []byte
	narrow    *narrow // nil where processors differ
	deadline  float64
	found     bool
}

func newEnumeration(s *search, deadline float64) *enumeration {
	n := s.g.Tasks()
	e := &enumeration{
		search: s, free: make([]float64, s.processors), processor: make([]int, n),
		start: make([]float64, n), finish: make([]float64, n), placed: make([]bool, n),
		waits: make([]int, n), seen: map[string]struct{}{}, deadline: deadline,
	}
	if s.equal {
		e.narrow = newNarrow(s.model)
	}
	for t := range n {
		e.waits[t] = len(s.g.After[t])
		e.work += s.least[t]
	}
	return e
}

// A candidate is a task that could be next.
type candidate struct {
	task, processor int
	start, finish   float64
}

// extend continues a partial schedule of so many tasks until one ends by the
// deadline; false when the steps end before all ways were tried.
func (e *enumeration) extend(count int) bool {
	if count == e.g.Tasks() {
		c := Schedule{slices.Clone(e.processor), slices.Clone(e.start), slices.Max(e.finish)}
		e.offer(c)
		e.found = true
		return true
	}
	last := 0.0
	for t, on := range e.placed {
		if on {
			last = max(last, e.start[t])
		}
	}
	for _, c := range e.candidates(last) {
		if c.start+e.tail[c.task]-e.least[c.task]+e.g.On(c.task, c.processor) > e.deadline {
			continue
		}
		if e.spent() {
			return false
		}
		before := e.free[c.processor]
		e.put(c)
		done := e.hopeless(c.start) || e.known() || e.extend(count+1)
		e.take(c, before)
		if !done {
			return false
		}
		if e.found {
			return true
		}
	}
	return true
}

// candidates are the tasks that may start next, the most urgent first; none
// when some task can no longer end in time. Where processors are
// interchangeable a task starts before another could have ended, or that one
// would have fitted in.
func (e *enumeration) candidates(last float64) []candidate {
	var out []candidate
	soonest := math.Inf(1)
	for t, waits := range e.waits {
		if e.placed[t] || waits > 0 {
			continue
		}
		if e.equal {
			c := e.onEqual(t, last)
			if c.start+e.tail[t] > e.deadline {
				return nil
			}
			soonest = min(soonest, c.finish)
			out = append(out, c)
			continue
		}
		for p := range e.free {
			start := max(e.free[p], e.arrival(t, p))
			if start >= last {
				out = append(out, candidate{t, p, start, start + e.g.On(t, p)})
			}
		}
	}
	out = slices.DeleteFunc(out, func(c candidate) bool { return c.start >= soonest && c.finish > soonest })
	slices.SortStableFunc(out, func(a, b candidate) int {
		x, y := a.finish-e.tail[a.task], b.finish-e.tail[b.task]
		if e.equal {
			x, y = -e.tail[a.task], -e.tail[b.task]
		}
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return a.task - b.task
	})
	return out
}

// onEqual puts a task on the processor that has been free for the shortest
// time when it can start, or that is free first.
func (e *enumeration) onEqual(t int, last float64) candidate {
	ready := max(last, e.arrival(t, 0))
	chosen := 0
	for p, free := range e.free {
		best := e.free[chosen]
		if best > ready && free < best || free <= ready && free > best {
			chosen = p
		}
	}
	start := max(ready, e.free[chosen])
	return candidate{t, chosen, start, start + e.least[t]}
}

func (e *enumeration) arrival(t, p int) float64 {
	at := 0.0
	for _, a := range e.g.After[t] {
		at = max(at, e.finish[a.Task]+e.g.Delay(a.Data, e.processor[a.Task], p))
	}
	return at
}

func (e *enumeration) put(c candidate) {
	e.processor[c.task], e.start[c.task], e.finish[c.task] = c.processor, c.start, c.finish
	e.placed[c.task], e.free[c.processor] = true, c.finish
	e.work -= e.least[c.task]
	for _, a := range e.before[c.task] {
		e.waits[a.Task]--
	}
}

func (e *enumeration) take(c candidate, free float64) {
	e.placed[c.task], e.free[c.processor] = false, free
	e.finish[c.task] = 0
	e.work += e.least[c.task]
	for _, a := range e.before[c.task] {
		e.waits[a.Task]++
	}
}

// hopeless reports whether what is left does not fit behind now.
func (e *enumeration) hopeless(now float64) bool {
	sum := e.work
	for _, free := range e.free {
		sum += max(free, now)
	}
	if e.rounded(sum/float64(e.processors)) > e.deadline {
		return true
	}
	if e.narrow == nil {
		return false
	}
	e.steps += int64(1 + len(e.waits)*len(e.waits)/16)
	return e.narrow.overloaded(e.placed, e.finish, now, e.deadline)
}

// known reports whether the same tasks were placed before to the same effect
// on those that are left, and remembers them.
func (e *enumeration) known() bool {
	if len(e.seen) >= mostStates {
		return false
	}
	key := e.key[:0]
	for t, on := range e.placed {
		if !on {
			continue
		}
		key = binary.AppendUvarint(key, uint64(t))
		for _, a := range e.before[t] {
			if !e.placed[a.Task] {
				key = binary.AppendUvarint(binary.LittleEndian.AppendUint64(key, math.Float64bits(e.finish[t])), uint64(e.processor[t]))
				break
			}
		}
	}
	free := slices.Clone(e.free)
	if e.equal {
		slices.Sort(free)
	}
	for _, x := range free {
		key = binary.LittleEndian.AppendUint64(key, math.Float64bits(x))
	}
	e.key = key
	if _, ok := e.seen[string(key)]; ok {
		return true
	}
	e.seen[string(key)] = struct{}{}
	return false
}
