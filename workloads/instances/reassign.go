package instances

import (
	"errors"
	"fmt"
	"io"
)

// A Reassignment asks for better machines for processes that run already
// (Google ROADEF/EURO challenge 2012). All figures are integers without units.
type Reassignment struct {
	Name      string
	Resources []ReassignResource
	Machines  []ReassignMachine
	Services  []ReassignService
	Processes []ReassignProcess
	Balances  []ReassignBalance
	// Weights of the costs of moves.
	ProcessMove, ServiceMove, MachineMove int64
	Initial                               []int // machine of every process at the start
}

// A ReassignResource is a dimension of capacity.
type ReassignResource struct {
	Transient bool  // a process that moves holds it on both machines
	Load      int64 // weight of use above the safety capacity
}

// A ReassignMachine has capacities by resource.
type ReassignMachine struct {
	Neighbourhood, Location int
	Capacity, Safety        []int64
	MoveTo                  []int64 // cost of moving a process to each machine
}

// A ReassignService is a set of processes on different machines.
type ReassignService struct {
	Spread  int   // fewest locations that its processes must be in
	Depends []int // services that must have a process in every neighbourhood that it has one in
}

// A ReassignProcess needs so much of every resource.
type ReassignProcess struct {
	Service int
	Need    []int64
	Move    int64 // cost of moving it
}

// A ReassignBalance charges for every machine Weight times the positive part
// of Target times what is free of one resource less what is free of another.
type ReassignBalance struct {
	First, Second  int
	Target, Weight int64
}

// mostReassign bounds machines, services, processes and resources of a file.
const mostReassign = 100_000

// ReadReassignment reads a model and the assignment at the start, in the
// challenge's format.
func ReadReassignment(model, assignment io.Reader, name string) (*Reassignment, error) {
	v, err := integers(model, name)
	if err != nil {
		return nil, err
	}
	p := &Reassignment{Name: name}
	c := &cutter{v: v}
	p.cut(c)
	if c.short {
		return nil, fmt.Errorf("%s: ends early", name)
	}
	if len(c.v) > 0 {
		return nil, fmt.Errorf("%s: %d numbers after the last weight", name, len(c.v))
	}
	start, err := integers(assignment, name)
	if err != nil {
		return nil, err
	}
	for _, m := range start {
		p.Initial = append(p.Initial, int(m))
	}
	return p, p.Check()
}

// A cutter takes numbers off a list.
type cutter struct {
	v     []int64
	short bool
}

func (c *cutter) next() int64 {
	if len(c.v) == 0 {
		c.short = true
		return 0
	}
	x := c.v[0]
	c.v = c.v[1:]
	return x
}

func (c *cutter) row(n int) []int64 {
	if n > len(c.v) {
		c.short = true
		return nil
	}
	row := c.v[:n:n]
	c.v = c.v[n:]
	return row
}

// count is the length of a list of items of so many numbers or more each.
func (c *cutter) count(each int) int {
	n := c.next()
	if n < 0 || n > mostReassign || n*int64(each) > int64(len(c.v)) {
		c.short = true
		return 0
	}
	return int(n)
}

func (p *Reassignment) cut(c *cutter) {
	for range c.count(2) {
		p.Resources = append(p.Resources, ReassignResource{Transient: c.next() != 0, Load: c.next()})
	}
	r := len(p.Resources)
	machines := c.count(2 + 2*r)
	for range machines {
		p.Machines = append(p.Machines, ReassignMachine{
			Neighbourhood: int(c.next()), Location: int(c.next()),
			Capacity: c.row(r), Safety: c.row(r), MoveTo: c.row(machines),
		})
	}
	for range c.count(2) {
		s := ReassignService{Spread: int(c.next())}
		for range c.count(1) {
			s.Depends = append(s.Depends, int(c.next()))
		}
		p.Services = append(p.Services, s)
	}
	for range c.count(2 + r) {
		p.Processes = append(p.Processes, ReassignProcess{Service: int(c.next()), Need: c.row(r), Move: c.next()})
	}
	for range c.count(4) {
		p.Balances = append(p.Balances, ReassignBalance{First: int(c.next()), Second: int(c.next()), Target: c.next(), Weight: c.next()})
	}
	p.ProcessMove, p.ServiceMove, p.MachineMove = c.next(), c.next(), c.next()
}

// Check reports every number that names nothing and every one below 0 or above
// MaxMagnitude.
func (p *Reassignment) Check() error {
	var faults []error
	among := func(what string, x, n int) {
		if x < 0 || x >= n {
			faults = append(faults, fmt.Errorf("%s: found %s %d, allowed: 0..%d", p.Name, what, x, n-1))
		}
	}
	amounts := func(what string, values ...int64) {
		for _, x := range values {
			if x < 0 || x > MaxMagnitude {
				faults = append(faults, fmt.Errorf("%s: found %s %d, allowed: 0..%d", p.Name, what, x, MaxMagnitude))
			}
		}
	}
	for _, r := range p.Resources {
		amounts("load weight", r.Load)
	}
	for _, m := range p.Machines {
		among("neighbourhood", m.Neighbourhood, mostReassign)
		among("location", m.Location, mostReassign)
		amounts("capacity", m.Capacity...)
		amounts("safety capacity", m.Safety...)
		amounts("cost of a move", m.MoveTo...)
	}
	for _, s := range p.Services {
		among("spread", s.Spread, mostReassign)
		for _, d := range s.Depends {
			among("service", d, len(p.Services))
		}
	}
	for _, x := range p.Processes {
		among("service", x.Service, len(p.Services))
		amounts("need", x.Need...)
		amounts("cost of a move", x.Move)
	}
	for _, b := range p.Balances {
		among("resource", b.First, len(p.Resources))
		among("resource", b.Second, len(p.Resources))
		amounts("weight of a balance", b.Target, b.Weight)
	}
	amounts("weight of a move", p.ProcessMove, p.ServiceMove, p.MachineMove)
	if len(p.Initial) != len(p.Processes) {
		faults = append(faults, fmt.Errorf("%s: found an assignment of %d processes, allowed: %d", p.Name, len(p.Initial), len(p.Processes)))
	}
	for _, m := range p.Initial {
		among("machine", m, len(p.Machines))
	}
	return errors.Join(faults...)
}
