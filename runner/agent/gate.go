package agent

import (
	"container/heap"
	"encoding/binary"
	"sync"
)

// An ask is a message (or batch) that wants a core of the node.
type ask struct {
	id       uint64 // of the asker's own counting
	level    int    // priority; higher goes first where priority decides
	joinedAt int64
	size     int64 // work, where the shortest goes first
	who      any   // whose ask it is, to end those of a lost connection
	granted  func()
	preempt  func() // asks the holder for its core back; nil when it cannot

	seq       uint64
	startedAt uint64 // order of grants
	index     int    // in the queue, -1 outside
	revoked   bool
}

// A gate gives out the cores of one node in the order of its discipline. It is
// the station of the model: what asks waits in it, and what it has granted is
// in service.
type gate struct {
	mu         sync.Mutex
	discipline string
	free       int
	waiting    askQueue
	running    map[*ask]struct{}
	seq        uint64
}

func newGate(cores int, discipline string) *gate {
	g := &gate{discipline: discipline, free: cores, running: map[*ask]struct{}{}}
	g.waiting.less = g.before
	return g
}

// unlimited reports whether the gate lets everything in at once.
func (g *gate) unlimited() bool { return g.discipline == "delay" }

// before is the order of service.
func (g *gate) before(a, b *ask) bool {
	switch g.discipline {
	case "priority", "preemptive":
		if a.level != b.level {
			return a.level > b.level
		}
	case "sjf":
		if a.size != b.size {
			return a.size < b.size
		}
	}
	if a.joinedAt != b.joinedAt {
		return a.joinedAt < b.joinedAt
	}
	return a.seq < b.seq
}

// enter queues an ask; granted is called, from this or another goroutine, when
// it has a core.
func (g *gate) enter(a *ask) {
	g.mu.Lock()
	g.seq++
	a.seq = g.seq
	if g.unlimited() {
		g.mu.Unlock()
		a.granted()
		return
	}
	heap.Push(&g.waiting, a)
	calls := g.grant()
	if v := g.victim(a); v != nil {
		v.revoked = true
		calls = append(calls, v.preempt)
	}
	g.mu.Unlock()
	for _, f := range calls {
		f()
	}
}

// leave gives back the core of a, or withdraws it from the queue.
func (g *gate) leave(a *ask) {
	if g.unlimited() {
		return
	}
	g.mu.Lock()
	calls := g.remove(a)
	g.mu.Unlock()
	for _, f := range calls {
		f()
	}
}

func (g *gate) remove(a *ask) []func() {
	if _, ok := g.running[a]; ok {
		delete(g.running, a)
		g.free++
	} else if a.index >= 0 && a.index < len(g.waiting.list) && g.waiting.list[a.index] == a {
		heap.Remove(&g.waiting, a.index)
	}
	return g.grant()
}

// forget withdraws everything that who has asked for.
func (g *gate) forget(who any) {
	g.mu.Lock()
	var gone []*ask
	for _, a := range g.waiting.list {
		if a.who == who {
			gone = append(gone, a)
		}
	}
	for a := range g.running {
		if a.who == who {
			gone = append(gone, a)
		}
	}
	var calls []func()
	for _, a := range gone {
		calls = append(calls, g.remove(a)...)
	}
	g.mu.Unlock()
	for _, f := range calls {
		f()
	}
}

// grant gives free cores to the first in line and returns whom to tell.
func (g *gate) grant() []func() {
	var calls []func()
	for g.free > 0 && len(g.waiting.list) > 0 {
		a := heap.Pop(&g.waiting).(*ask)
		g.free--
		g.seq++
		a.startedAt, a.revoked = g.seq, false
		g.running[a] = struct{}{}
		calls = append(calls, a.granted)
	}
	return calls
}

// victim is the holder that must make room for a waiting ask: the lowest
// priority below its own, among them the latest started.
func (g *gate) victim(a *ask) *ask {
	if g.discipline != "preemptive" || a.index < 0 {
		return nil
	}
	var v *ask
	for r := range g.running {
		if r.revoked || r.preempt == nil || r.level >= a.level {
			continue
		}
		if v == nil || r.level < v.level || r.level == v.level && r.startedAt > v.startedAt {
			v = r
		}
	}
	return v
}

// length is how many wait.
func (g *gate) length() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting.list)
}

// An askQueue is a heap that knows where each ask is.
type askQueue struct {
	list []*ask
	less func(a, b *ask) bool
}

func (q *askQueue) Len() int           { return len(q.list) }
func (q *askQueue) Less(i, j int) bool { return q.less(q.list[i], q.list[j]) }
func (q *askQueue) Swap(i, j int) {
	q.list[i], q.list[j] = q.list[j], q.list[i]
	q.list[i].index, q.list[j].index = i, j
}

func (q *askQueue) Push(x any) {
	a := x.(*ask)
	a.index = len(q.list)
	q.list = append(q.list, a)
}

func (q *askQueue) Pop() any {
	a := q.list[len(q.list)-1]
	q.list = q.list[:len(q.list)-1]
	a.index = -1
	return a
}

// encode writes what a far gate needs to know of an ask.
func (a *ask) encode() []byte {
	b := binary.AppendUvarint(nil, a.id)
	b = binary.AppendVarint(b, int64(a.level))
	b = binary.AppendVarint(b, a.joinedAt)
	return binary.AppendVarint(b, a.size)
}

func decodeAsk(b []byte) (*ask, error) {
	d := decoder{b: b}
	a := &ask{id: d.uvarint(), level: d.small(), joinedAt: d.varint(), size: d.varint(), index: -1}
	return a, d.err
}
