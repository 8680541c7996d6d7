package reassign

import (
	"math/rand/v2"
	"slices"

	"caravan/workloads/instances"
)

// A state is an assignment with what its costs and constraints are made of.
type state struct {
	p     *instances.Reassignment
	at    []int           // machine of every process
	used  [][]int64       // by machine and resource
	held  [][]int64       // more of transient resources, by processes that left
	on    []map[int]int   // by service: processes on each machine
	moved []int64         // by service: processes away from their first machine
	most  map[int64]int64 // services by how many of their processes moved

	places, hoods []map[int]int // by service: processes in each location and neighbourhood
	needs         [][]int       // by service: those that depend on it

	last []relocation // of the last proposal, for undo
}

// A relocation is a process that changed machines.
type relocation struct{ process, from int }

func newState(p *instances.Reassignment, machine []int) *state {
	s := &state{p: p, at: slices.Clone(machine), moved: make([]int64, len(p.Services)), most: map[int64]int64{}}
	for range p.Machines {
		s.used = append(s.used, make([]int64, len(p.Resources)))
		s.held = append(s.held, make([]int64, len(p.Resources)))
	}
	s.needs = make([][]int, len(p.Services))
	for i := range p.Services {
		s.on, s.places, s.hoods = append(s.on, map[int]int{}), append(s.places, map[int]int{}), append(s.hoods, map[int]int{})
		for _, d := range p.Services[i].Depends {
			s.needs[d] = append(s.needs[d], i)
		}
	}
	s.most[0] = int64(len(p.Services))
	for k, m := range s.at {
		s.enter(k, m)
	}
	return s
}

func count(in map[int]int, key, by int) {
	if in[key] += by; in[key] == 0 {
		delete(in, key)
	}
}

// enter puts process k on machine m; leave takes it off.
func (s *state) enter(k, m int) { s.shift(k, m, 1) }
func (s *state) leave(k int)    { s.shift(k, s.at[k], -1) }

func (s *state) shift(k, m, by int) {
	x := &s.p.Processes[k]
	first := s.p.Initial[k]
	for r, need := range x.Need {
		s.used[m][r] += int64(by) * need
		if m != first && s.p.Resources[r].Transient {
			s.held[first][r] += int64(by) * need
		}
	}
	count(s.on[x.Service], m, by)
	count(s.places[x.Service], s.p.Machines[m].Location, by)
	count(s.hoods[x.Service], s.p.Machines[m].Neighbourhood, by)
	if m != first {
		s.most[s.moved[x.Service]]--
		s.moved[x.Service] += int64(by)
		s.most[s.moved[x.Service]]++
	}
	s.at[k] = m
}

// fits reports whether machine m is within its capacity.
func (s *state) fits(m int) bool {
	for r, c := range s.p.Machines[m].Capacity {
		if s.used[m][r]+s.held[m][r] > c {
			return false
		}
	}
	return true
}

// machineCost is what machine m's load and balances cost.
func (s *state) machineCost(m int) int64 {
	var sum int64
	x := &s.p.Machines[m]
	for r := range s.p.Resources {
		sum += s.p.Resources[r].Load * max(0, s.used[m][r]-x.Safety[r])
	}
	for _, b := range s.p.Balances {
		sum += b.Weight * max(0, b.Target*(x.Capacity[b.First]-s.used[m][b.First])-(x.Capacity[b.Second]-s.used[m][b.Second]))
	}
	return sum
}

// moveCost is what it costs that process k is where it is.
func (s *state) moveCost(k int) int64 {
	first, m := s.p.Initial[k], s.at[k]
	if m == first {
		return 0
	}
	return s.p.ProcessMove*s.p.Processes[k].Move + s.p.MachineMove*s.p.Machines[first].MoveTo[m]
}

// serviceCost is what the service with the most moved processes costs.
func (s *state) serviceCost() int64 {
	var worst int64
	for n, services := range s.most {
		if services > 0 {
			worst = max(worst, n)
		}
	}
	return s.p.ServiceMove * worst
}

func (s *state) cost() int64 {
	sum := s.serviceCost()
	for m := range s.p.Machines {
		sum += s.machineCost(m)
	}
	for k := range s.at {
		sum += s.moveCost(k)
	}
	return sum
}

// propose moves a process, or exchanges two, when that keeps every constraint,
// and says by how much the cost changes.
func (s *state) propose(rng *rand.Rand) (change int64, ok bool) {
	k := rng.IntN(len(s.at))
	s.last = s.last[:0]
	switch rng.IntN(4) {
	case 0, 1:
		to := rng.IntN(len(s.p.Machines))
		return s.relocate([]int{k}, []int{to})
	case 2: // back
		return s.relocate([]int{k}, []int{s.p.Initial[k]})
	}
	j := rng.IntN(len(s.at))
	return s.relocate([]int{k, j}, []int{s.at[j], s.at[k]})
}

// relocate puts processes on other machines and says by how much the cost
// changes; where that breaks a constraint it leaves everything as it was.
func (s *state) relocate(processes, to []int) (change int64, ok bool) {
	touched := make([]int, 0, 4)
	for i, k := range processes {
		if s.at[k] == to[i] || s.on[s.p.Processes[k].Service][to[i]] > 0 {
			return 0, false
		}
		for _, m := range []int{s.at[k], to[i]} {
			if !slices.Contains(touched, m) {
				touched = append(touched, m)
			}
		}
	}
	before := s.share(processes, touched)
	for _, k := range processes {
		s.last = append(s.last, relocation{k, s.at[k]})
		s.leave(k)
	}
	for i, k := range processes {
		s.enter(k, to[i])
	}
	for _, m := range touched {
		ok = s.fits(m)
		if !ok {
			break
		}
	}
	for i := 0; ok && i < len(processes); i++ {
		ok = s.settled(s.p.Processes[processes[i]].Service)
	}
	if !ok {
		s.undo()
		return 0, false
	}
	return s.share(processes, touched) - before, true
}

// share is the part of the cost that some processes and machines have.
func (s *state) share(processes, machines []int) int64 {
	sum := s.serviceCost()
	for _, m := range machines {
		sum += s.machineCost(m)
	}
	for _, k := range processes {
		sum += s.moveCost(k)
	}
	return sum
}

// settled reports whether a service has its machines, locations and
// neighbourhoods, and those that depend on it theirs.
func (s *state) settled(service int) bool {
	if len(s.places[service]) < s.p.Services[service].Spread {
		return false
	}
	for _, n := range s.on[service] {
		if n > 1 {
			return false
		}
	}
	for _, d := range s.p.Services[service].Depends {
		for h := range s.hoods[service] {
			if s.hoods[d][h] == 0 {
				return false
			}
		}
	}
	for _, i := range s.needs[service] {
		for h := range s.hoods[i] {
			if s.hoods[service][h] == 0 {
				return false
			}
		}
	}
	return true
}

// undo takes the last proposal back.
func (s *state) undo() {
	for _, l := range s.last {
		s.leave(l.process)
	}
	for _, l := range s.last {
		s.enter(l.process, l.from)
	}
	s.last = s.last[:0]
}
