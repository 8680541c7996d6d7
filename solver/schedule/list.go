package schedule

import "slices"

// A span is when a processor is taken.
type span struct{ from, to float64 }

// A board is a schedule that grows task by task, in gaps too.
type board struct {
	*model
	taken     [][]span // by processor, in order of time
	processor []int
	start     []float64
	finish    []float64
}

func (m *model) board() *board {
	n := m.g.Tasks()
	return &board{
		model: m, taken: make([][]span, m.processors),
		processor: make([]int, n), start: make([]float64, n), finish: make([]float64, n),
	}
}

func (b *board) clear() {
	for p := range b.taken {
		b.taken[p] = b.taken[p][:0]
	}
}

// ready is when the data of a task, whose predecessors are placed, has reached
// processor p.
func (b *board) ready(t, p int) float64 {
	at := 0.0
	for _, a := range b.g.After[t] {
		at = max(at, b.finish[a.Task]+b.g.Delay(a.Data, b.processor[a.Task], p))
	}
	return at
}

// fit is the first time from ready on at which processor p is free for long
// enough, and the place of that time among its spans.
func (b *board) fit(p int, ready, long float64) (float64, int) {
	spans := b.taken[p]
	k := len(spans)
	for k > 0 && spans[k-1].to > ready {
		k--
	}
	at := ready
	for ; k < len(spans); k++ {
		if at+long <= spans[k].from {
			break
		}
		at = max(at, spans[k].to)
	}
	return at, k
}

// put places a task at a time on a processor, at place k among its spans.
func (b *board) put(t, p int, at float64, k int) {
	b.processor[t], b.start[t], b.finish[t] = p, at, at+b.g.On(t, p)
	b.taken[p] = slices.Insert(b.taken[p], k, span{at, b.finish[t]})
}

// place puts a task where it ends first, the lowest processor of equal ones.
func (b *board) place(t int) {
	var ready float64
	if b.equal {
		ready = b.ready(t, 0)
	}
	processor, start, place, end := -1, 0.0, 0, 0.0
	for p := range b.taken {
		if !b.equal {
			ready = b.ready(t, p)
		}
		long := b.g.On(t, p)
		at, k := b.fit(p, ready, long)
		if processor < 0 || at+long < end {
			processor, start, place, end = p, at, k, at+long
		}
		if b.equal && at == ready {
			break // none is sooner
		}
	}
	b.put(t, processor, start, place)
}

// makespan is the last finish of a full board.
func (b *board) makespan() float64 {
	last := 0.0
	for _, f := range b.finish {
		last = max(last, f)
	}
	return last
}

func (b *board) schedule() Schedule {
	return Schedule{slices.Clone(b.processor), slices.Clone(b.start), b.makespan()}
}

// byPriority lists the tasks as they become ready, the highest priority first
// and the lowest task of equal ones.
func (m *model) byPriority(priority []float64) []int {
	waits := make([]int, m.g.Tasks())
	var ready, list []int
	for t := range waits {
		if waits[t] = len(m.g.After[t]); waits[t] == 0 {
			ready = append(ready, t)
		}
	}
	for len(ready) > 0 {
		k := 0
		for i, t := range ready {
			if priority[t] > priority[ready[k]] || priority[t] == priority[ready[k]] && t < ready[k] {
				k = i
			}
		}
		t := ready[k]
		ready = slices.Delete(ready, k, k+1)
		list = append(list, t)
		for _, a := range m.before[t] {
			if waits[a.Task]--; waits[a.Task] == 0 {
				ready = append(ready, a.Task)
			}
		}
	}
	return list
}

func (m *model) heft() Schedule {
	up, _ := m.ranks()
	b := m.board()
	for _, t := range m.byPriority(up) {
		b.place(t)
	}
	return b.schedule()
}

func (m *model) cpop() Schedule {
	up, down := m.ranks()
	priority := make([]float64, m.g.Tasks())
	for t := range priority {
		priority[t] = up[t] + down[t]
	}
	critical := m.critical(priority)
	chosen, least := 0, 0.0
	for p := range m.processors {
		sum := 0.0
		for t, on := range critical {
			if on {
				sum += m.g.On(t, p)
			}
		}
		if p == 0 || sum < least {
			chosen, least = p, sum
		}
	}
	b := m.board()
	for _, t := range m.byPriority(priority) {
		if !critical[t] {
			b.place(t)
			continue
		}
		at, k := b.fit(chosen, b.ready(t, chosen), b.g.On(t, chosen))
		b.put(t, chosen, at, k)
	}
	return b.schedule()
}

// critical marks the tasks of a longest path: from an entry of greatest
// priority on to a successor with the same.
func (m *model) critical(priority []float64) []bool {
	on := make([]bool, m.g.Tasks())
	at := -1
	for t := range on {
		if len(m.g.After[t]) == 0 && (at < 0 || priority[t] > priority[at]) {
			at = t
		}
	}
	for at >= 0 {
		on[at] = true
		next := -1
		for _, a := range m.before[at] {
			if next < 0 || priority[a.Task] > priority[next]+slack(priority[next]) {
				next = a.Task
			}
		}
		at = next
	}
	return on
}
