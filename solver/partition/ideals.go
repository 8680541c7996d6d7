package partition

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
)

// A step adds a piece to an ideal.
type step struct{ piece, to int32 }

// An ideal is a set of pieces closed under predecessors.
type ideal struct {
	add  []step  // pieces that can follow, ascending
	last step    // the step that first led here, with the ideal that it came from
	rest float64 // accelerator time of what is not in it
}

// ideals lists the ideals by size; whole is false when there are more than
// the limit or the context ends.
func (p *pieces) ideals(ctx context.Context, limit int) (list []ideal, whole bool) {
	words := (len(p.all) + 63) / 64
	id := map[string]int32{}
	key := make([]byte, 8*words)
	intern := func(set []uint64) (int32, bool) {
		for i, w := range set {
			binary.LittleEndian.PutUint64(key[8*i:], w)
		}
		n, ok := id[string(key)]
		if !ok {
			n = int32(len(id))
			id[string(key)] = n
		}
		return n, !ok
	}
	total := 0.0
	for _, x := range p.all {
		total += x.accelerator
	}
	sets := [][]uint64{make([]uint64, words)}
	intern(sets[0])
	list = []ideal{{rest: total}}
	for i := 0; i < len(list); i++ {
		if len(list) > limit || i&255 == 0 && ctx.Err() != nil {
			return list, false
		}
		set := slices.Clone(sets[i])
		sets[i] = nil
		for v := range p.all {
			if set[v/64]>>(v%64)&1 == 1 || !covered(set, p.prev[v]) {
				continue
			}
			set[v/64] |= 1 << (v % 64)
			to, fresh := intern(set)
			if fresh {
				sets = append(sets, slices.Clone(set))
				list = append(list, ideal{last: step{int32(v), int32(i)}, rest: list[i].rest - p.all[v].accelerator})
			}
			list[i].add = append(list[i].add, step{int32(v), to})
			set[v/64] &^= 1 << (v % 64)
		}
	}
	return list, true
}

func covered(set []uint64, all []int) bool {
	for _, v := range all {
		if set[v/64]>>(v%64)&1 == 0 {
			return false
		}
	}
	return true
}

// A split is the dynamic program: for every ideal, number of accelerators and
// number of processors, the least load of the busiest with which they hold it.
type split struct {
	ctx     context.Context
	p       *pieces
	limits  Limits
	gauge   *gauge
	lattice []ideal
	best    [][]float64 // by ideal and state
	from    [][]origin
	live    []int // states of the present ideal that can lead to something better
	upper   float64
	shares  []share
	steps   int64
	stopped bool
}

// An origin is the ideal and state before the last device.
type origin struct {
	ideal       int32
	state       int32
	accelerator bool
}

// states numbers accelerators and processors used.
func (s *split) states() (k, n int) {
	k = s.p.g.Accelerators
	return k, (k + 1) * (s.p.g.CPUs + 1)
}

// run fills the table from the empty ideal on.
func (s *split) run() {
	k, n := s.states()
	if len(s.lattice)*n > 1<<26 {
		s.stopped = true
		return
	}
	s.best, s.from = make([][]float64, len(s.lattice)), make([][]origin, len(s.lattice))
	s.row(0)
	s.best[0][0] = 0
	ratio := 0.0
	for i := range s.p.all {
		ratio = max(ratio, s.p.all[i].ratio())
	}
	for i := range s.lattice {
		if s.best[i] == nil {
			continue
		}
		s.live = s.live[:0]
		for state, d := range s.best[i] {
			devices := float64(k - state%(k+1))
			if left := s.p.g.CPUs - state/(k+1); left > 0 {
				devices += float64(left) * ratio
			}
			if d < s.upper && (math.IsInf(s.upper, 1) || s.lattice[i].rest <= devices*s.upper*(1+1e-9)) {
				s.live = append(s.live, state)
			}
		}
		if s.live = s.undominated(s.best[i]); len(s.live) > 0 {
			s.extend(int32(i), int32(i), -1)
		}
		if s.stopped {
			return
		}
	}
}

// undominated leaves out states in which another uses no more devices for no
// more load.
func (s *split) undominated(best []float64) []int {
	k, _ := s.states()
	var out []int
	for _, x := range s.live {
		worse := false
		for _, y := range s.live {
			if y != x && y%(k+1) <= x%(k+1) && y/(k+1) <= x/(k+1) && best[y] <= best[x] {
				worse = true
				break
			}
		}
		if !worse {
			out = append(out, x)
		}
	}
	return out
}

func (s *split) row(i int32) []float64 {
	if s.best[i] == nil {
		_, n := s.states()
		s.best[i] = slices.Repeat([]float64{math.Inf(1)}, n)
		s.from[i] = make([]origin, n)
	}
	return s.best[i]
}

// extend tries every set of pieces between ideal start and the ideals above
// at, the pieces in ascending order so that each set comes once.
func (s *split) extend(start, at, last int32) {
	for _, x := range s.lattice[at].add {
		if x.piece <= last {
			continue
		}
		if s.steps++; s.steps > s.limits.Steps || s.steps&4095 == 0 && s.ctx.Err() != nil {
			s.stopped = true
		}
		if s.stopped {
			return
		}
		g := s.gauge
		cpu, accelerator, size, links := g.cpu, g.accelerator, g.size, g.links
		g.add(int(x.piece))
		if !g.hopeless(s.upper) {
			s.settle(start, x.to)
			s.extend(start, x.to, x.piece)
		}
		g.remove(int(x.piece))
		g.cpu, g.accelerator, g.size, g.links = cpu, accelerator, size, links
	}
}

// settle puts the gauged set, between two ideals, on one more device.
func (s *split) settle(start, to int32) {
	accelerator, cpu := s.gauge.loads()
	if min(accelerator, cpu) >= s.upper {
		return
	}
	k, _ := s.states()
	row, before := s.row(to), s.best[start]
	improve := func(state, now int, load float64, onAccelerator bool) {
		if d := max(before[state], load); d < row[now] && d < s.upper {
			row[now] = d
			s.from[to][now] = origin{start, int32(state), onAccelerator}
			if len(s.lattice[to].add) == 0 {
				s.upper = d
				s.trace(to, int32(now))
			}
		}
	}
	for _, state := range s.live {
		if state%(k+1) < k {
			improve(state, state+1, accelerator, true)
		}
		if state/(k+1) < s.p.g.CPUs {
			improve(state, state+k+1, cpu, false)
		}
	}
}

// trace follows the origins back from a whole layout.
func (s *split) trace(at, state int32) {
	s.shares = nil
	for at != 0 {
		o := s.from[at][state]
		held := map[int32]bool{}
		for i := o.ideal; i != 0; i = s.lattice[i].last.to {
			held[s.lattice[i].last.piece] = true
		}
		var list []int
		for i := at; i != 0; i = s.lattice[i].last.to {
			if v := s.lattice[i].last.piece; !held[v] {
				list = append(list, int(v))
			}
		}
		slices.Sort(list)
		s.shares = append(s.shares, share{list, o.accelerator})
		at, state = o.ideal, o.state
	}
}

// devices numbers the devices of the shares, in the order of the data.
func (s *split) devices() []int {
	out := make([]int, len(s.p.g.Layers))
	accelerator, cpu := 0, s.p.g.Accelerators
	for i := len(s.shares) - 1; i >= 0; i-- {
		d := &cpu
		if s.shares[i].accelerator {
			d = &accelerator
		}
		for _, v := range s.shares[i].pieces {
			for _, l := range s.p.all[v].layers {
				out[l] = *d
			}
		}
		*d++
	}
	return out
}
