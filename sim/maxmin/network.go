package maxmin

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// A Flow names one transfer of a Network. Names are not reused: that of a
// flow which has ended stays invalid. The zero Flow names none.
type Flow uint64

// never is later than every instant.
const never = time.Duration(math.MaxInt64)

// Weights are rounded to multiples of weightUnit, 2^-20. Sums of them below
// 2^32 are exact, so that none is left over when the last flow of a medium
// ends; maxWeight allows 4096 of the heaviest flows on one medium.
const (
	weightUnit = 1.0 / (1 << 20)
	maxWeight  = 1 << 20
)

// A flow is one transfer. Its heap key is the reading of its bundle's clock
// at which it ends.
type flow struct {
	weight float64
	seq    uint64 // order of admission
	finish time.Duration
	bundle int32 // -1 when it has ended
	gen    uint32
	tag    uint32
	live   bool
}

// A Network is a set of media and the flows that cross them. It is not safe
// for concurrent use. Instants must not decrease from call to call; an
// earlier one counts as the latest that was given.
type Network struct {
	now    time.Duration
	stale  bool // something changed since the last solution
	refill bool // the change is too large to repair

	media   []medium
	clocks  []clock // of the media
	columns [][]entry
	rows    [][]int32 // cells
	cells   cellTable

	bundles     []bundle
	bundleNodes []node // heap of the bundles of a medium
	freeBundles []int32
	routes      []int32 // hash table of bundles by route, -1 empty
	pending     []int32 // bundles without a bottleneck yet

	flows     []flow
	flowNodes []node // heap of the flows of a bundle
	freeFlows []int32
	admitted  uint64
	done      []int32 // flows that ended and wait for Complete

	queue  []dirty // media to be looked at
	sweep  int32   // medium whose sum is recomputed next
	credit int     // entries that may be recomputed
	due    dues
	late   []int32 // media whose next end is to be recomputed

	scratch scratch
}

// New returns a network of media with the given capacities in bytes per
// second. math.Inf(1) is unlimited; at 0 the flows across it stand still.
// Negative capacities and NaN are mistakes of the caller and panic.
func New(capacities []float64) *Network {
	n := &Network{
		media:   make([]medium, len(capacities)),
		clocks:  make([]clock, len(capacities)),
		columns: make([][]entry, len(capacities)),
		rows:    make([][]int32, len(capacities)),
	}
	for i, c := range capacities {
		mustCapacity(int32(i), c)
		n.media[i].setCapacity(c)
		n.clocks[i] = clock{root: -1, place: -1, due: never}
	}
	n.cells.init(len(capacities))
	n.routes = newTable(64)
	return n
}

func mustCapacity(medium int32, c float64) {
	if !(c >= 0) {
		panic(fmt.Sprintf("maxmin: capacity of medium %d is %v, want 0 or more", medium, c))
	}
}

func (n *Network) mustExist(medium int32) {
	if medium < 0 || int(medium) >= len(n.media) {
		panic(fmt.Sprintf("maxmin: no medium %d among %d", medium, len(n.media)))
	}
}

// Add starts a flow of bytes at now across the media of route, which is
// copied. A medium that the route names twice carries the flow twice. The
// flow gets weight times the rate that a flow of weight 1 gets at the same
// bottleneck; weight is rounded to a multiple of 2^-20. Complete appends tag
// when the flow ends. A flow without bytes, or whose route has no medium of
// limited capacity, ends at once.
//
// Negative bytes, weights outside (0, 2^20] and media that do not exist are
// mistakes of the caller and panic.
func (n *Network) Add(now time.Duration, route []int32, bytes, weight float64, tag uint32) Flow {
	if !(bytes >= 0) || !(weight > 0) || weight > maxWeight {
		panic(fmt.Sprintf("maxmin: flow of %v bytes with weight %v, want 0 bytes or more and a weight in (0, 2^20]", bytes, weight))
	}
	for _, m := range route {
		n.mustExist(m)
	}
	n.advance(now)
	i := n.newFlow(tag)
	f := &n.flows[i]
	f.weight = max(math.Round(weight/weightUnit), 1) * weightUnit
	if bytes == 0 || len(route) == 0 {
		n.finish(i)
		return n.name(i)
	}
	b := n.intern(route)
	f.bundle = b
	n.flowNodes[i].key = n.reading(b) + bytes/f.weight
	n.enter(b, i)
	n.reweigh(b, f.weight)
	n.stale = true
	return n.name(i)
}

func (n *Network) newFlow(tag uint32) int32 {
	if len(n.freeFlows) == 0 {
		n.freeFlows = append(n.freeFlows, int32(len(n.flows)))
		n.flows = append(n.flows, flow{gen: 1})
		n.flowNodes = append(n.flowNodes, node{})
	}
	i := n.freeFlows[len(n.freeFlows)-1]
	n.freeFlows = n.freeFlows[:len(n.freeFlows)-1]
	f := &n.flows[i]
	*f = flow{gen: f.gen, tag: tag, seq: n.admitted, bundle: -1, live: true, finish: never}
	n.flowNodes[i] = node{child: -1, next: -1, prev: -1}
	n.admitted++
	return i
}

func (n *Network) name(i int32) Flow {
	return Flow(uint64(n.flows[i].gen)<<32 | uint64(uint32(i)))
}

// find returns the slot of f, -1 when it has been reported or removed.
func (n *Network) find(f Flow) int32 {
	i := uint32(f)
	if int(i) >= len(n.flows) || n.flows[i].gen != uint32(f>>32) || !n.flows[i].live {
		return -1
	}
	return int32(i)
}

func (n *Network) freeFlow(i int32) {
	f := &n.flows[i]
	f.live = false
	f.gen++
	n.freeFlows = append(n.freeFlows, i)
}

// Remove cancels f at now: Complete will not report it. It returns false,
// and does nothing, when f was reported or removed before.
func (n *Network) Remove(now time.Duration, f Flow) bool {
	n.advance(now)
	i := n.find(f)
	if i < 0 {
		return false
	}
	if n.flows[i].bundle < 0 {
		n.done = slices.DeleteFunc(n.done, func(d int32) bool { return d == i })
	} else {
		n.exit(i)
	}
	n.freeFlow(i)
	return true
}

// exit takes flow i out of its bundle, and the bundle out of the network when
// it was the last.
func (n *Network) exit(i int32) {
	f := &n.flows[i]
	b := f.bundle
	f.bundle = -1
	n.stale = true
	n.withdraw(b, i)
	n.reweigh(b, -f.weight)
}

// finish ends flow i at the present instant.
func (n *Network) finish(i int32) {
	n.flows[i].finish = n.now
	n.done = append(n.done, i)
}

// SetCapacity changes what a medium carries from now on, in bytes per
// second: 0 stalls it, math.Inf(1) lifts the limit.
func (n *Network) SetCapacity(now time.Duration, medium int32, bytesPerSecond float64) {
	n.mustExist(medium)
	mustCapacity(medium, bytesPerSecond)
	n.advance(now)
	m := &n.media[medium]
	if m.capacity == bytesPerSecond {
		return
	}
	m.setCapacity(bytesPerSecond)
	n.stale = true
	switch {
	case m.weight > 0 && math.IsInf(bytesPerSecond, 1):
		n.refill = true // its flows need other bottlenecks
		return
	case bytesPerSecond*coarseness < m.coarse:
		n.refill = true // sums must be made anew
	}
	n.touch(medium)
}

// Capacity returns what a medium can carry, in bytes per second.
func (n *Network) Capacity(medium int32) float64 { return n.media[medium].capacity }

// Used returns what a medium carries under the present rates, in bytes per
// second.
func (n *Network) Used(medium int32) float64 {
	n.solve()
	m := &n.media[medium]
	return m.used + float64(m.level*m.weight)
}

// Next returns the earliest instant at which a flow ends if nothing changes
// before, rounded up to the nanosecond. It returns false when none ever does.
func (n *Network) Next() (time.Duration, bool) {
	if len(n.done) > 0 {
		return n.flows[n.done[0]].finish, true
	}
	n.solve()
	if len(n.done) > 0 {
		return n.flows[n.done[0]].finish, true
	}
	at := never
	if m := n.first(); m >= 0 {
		at = n.clocks[m].due
	}
	return at, at != never
}

// Complete ends the flows that are finished at now, appends their tags to
// tags in the order of their ends, and at one instant in that of their
// admission, and returns it. If ends that Next would have announced lie
// before now, their capacity was shared out again at those instants.
func (n *Network) Complete(now time.Duration, tags []uint32) []uint32 {
	n.advance(now)
	n.solve()
	n.retire()
	if len(n.done) > 1 {
		slices.SortFunc(n.done, func(a, b int32) int {
			x, y := &n.flows[a], &n.flows[b]
			return cmp.Or(cmp.Compare(x.finish, y.finish), cmp.Compare(x.seq, y.seq))
		})
	}
	for _, i := range n.done {
		tags = append(tags, n.flows[i].tag)
		n.freeFlow(i)
	}
	n.done = n.done[:0]
	return tags
}

// Rate returns the present rate of f in bytes per second; 0 when it has
// ended.
func (n *Network) Rate(f Flow) float64 {
	n.solve()
	i := n.find(f)
	if i < 0 || n.flows[i].bundle < 0 {
		return 0
	}
	return n.flows[i].weight * n.media[n.bundles[n.flows[i].bundle].at].level
}

// Remaining returns the bytes that f still has to carry at now; 0 when it
// has ended.
func (n *Network) Remaining(now time.Duration, f Flow) float64 {
	n.advance(now)
	i := n.find(f)
	if i < 0 || n.flows[i].bundle < 0 {
		return 0
	}
	return max(n.flowNodes[i].key-n.reading(n.flows[i].bundle), 0) * n.flows[i].weight
}

// Len counts the flows that Complete has not reported and Remove not
// cancelled.
func (n *Network) Len() int { return len(n.flows) - len(n.freeFlows) }

// advance moves the present to now, ending the flows that end before it.
func (n *Network) advance(now time.Duration) {
	if now <= n.now {
		return
	}
	n.solve()
	for {
		m := n.first()
		if m < 0 || n.clocks[m].due >= now {
			break
		}
		n.now = n.clocks[m].due
		n.retire()
		n.solve()
	}
	n.now = now
}
