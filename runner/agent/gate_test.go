package agent

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// served runs asks that all come while the one core is held, and lists them in
// the order in which they get it.
func served(discipline string, asks ...*ask) []uint64 {
	g := newGate(1, discipline)
	holder := &ask{index: -1, granted: func() {}}
	g.enter(holder)
	var order []uint64
	for _, a := range asks {
		a.index = -1
		a.granted = func() {
			order = append(order, a.id)
			g.leave(a)
		}
		g.enter(a)
	}
	g.leave(holder)
	return order
}

func TestGateServesInTheOrderOfItsDiscipline(t *testing.T) {
	asks := func() []*ask {
		return []*ask{
			{id: 1, joinedAt: 10, level: 1, size: 30},
			{id: 2, joinedAt: 20, level: 5, size: 10},
			{id: 3, joinedAt: 15, level: 5, size: 20},
		}
	}
	for discipline, want := range map[string][]uint64{
		"": {1, 3, 2}, "fcfs": {1, 3, 2}, "priority": {3, 2, 1}, "preemptive": {3, 2, 1}, "sjf": {2, 3, 1},
	} {
		assert.Equal(t, want, served(discipline, asks()...), discipline)
	}
}

func TestDelayGateLetsEverythingIn(t *testing.T) {
	g := newGate(1, "delay")
	n := 0
	for range 3 {
		g.enter(&ask{granted: func() { n++ }})
	}
	assert.Equal(t, 3, n)
}

func TestPreemptiveGateWantsTheLowestAndLatestBack(t *testing.T) {
	g := newGate(2, "preemptive")
	var wanted []uint64
	add := func(id uint64, level int) *ask {
		a := &ask{id: id, level: level, index: -1, granted: func() {}}
		a.preempt = func() { wanted = append(wanted, id) }
		g.enter(a)
		return a
	}
	add(1, 2)
	add(2, 2)
	add(3, 5)
	add(4, 5)
	add(5, 1)
	assert.Equal(t, []uint64{2, 1}, wanted)
}

func TestGateNeverGrantsMoreThanItsCores(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cores := rapid.IntRange(1, 4).Draw(t, "cores")
		g := newGate(cores, rapid.SampledFrom([]string{"fcfs", "priority", "preemptive", "sjf"}).Draw(t, "discipline"))
		held := map[*ask]bool{}
		var all []*ask
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if len(all) > 0 && rapid.Bool().Draw(t, "leave") {
				i := rapid.IntRange(0, len(all)-1).Draw(t, "which")
				delete(held, all[i])
				g.leave(all[i])
				all = append(all[:i], all[i+1:]...)
			} else {
				a := &ask{index: -1, who: len(all) % 2, level: rapid.IntRange(0, 3).Draw(t, "level")}
				a.granted = func() { held[a] = true }
				all = append(all, a)
				g.enter(a)
			}
			assert.LessOrEqual(t, len(held), cores)
			assert.Equal(t, min(cores, len(all)), len(held), "no core is idle while someone waits")
		}
		g.forget(0)
		g.forget(1)
		assert.Zero(t, g.length())
		assert.Equal(t, cores, g.free)
	})
}
