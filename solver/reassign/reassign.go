// Package reassign moves processes that run already to better machines: the
// machine reassignment problem of the Google ROADEF/EURO challenge 2012, by
// annealing over moves and exchanges that keep every constraint.
package reassign

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"caravan/workloads/instances"
)

// Options bound a search.
type Options struct {
	// MaxSteps is how many moves and exchanges are tried; 0 is 5*10^6.
	MaxSteps int64
	Seed     uint64
}

// A Result is an assignment and what is known of the optimum.
type Result struct {
	Machine []int // of every process
	Cost    int64
	Bound   int64 // no assignment costs less
	Steps   int64
}

// Proved reports whether the assignment is optimal.
func (r *Result) Proved() bool { return r.Cost == r.Bound }

// Solve searches from the assignment at the start, which must keep every
// constraint. When the steps or ctx end, the result holds the best assignment
// so far.
func Solve(ctx context.Context, p *instances.Reassignment, o Options) (Result, error) {
	if err := Check(p, p.Initial); err != nil {
		return Result{}, fmt.Errorf("the assignment at the start: %w", err)
	}
	if o.MaxSteps <= 0 {
		o.MaxSteps = 5_000_000
	}
	s := newState(p, p.Initial)
	r := Result{Machine: slices.Clone(p.Initial), Cost: s.cost(), Bound: Bound(p)}
	if len(p.Processes) == 0 || len(p.Machines) < 2 {
		return r, nil
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x2012))
	now, hot := r.Cost, float64(max(1, r.Cost))*1e-5
	cold := hot * 1e-4
	for ; r.Steps < o.MaxSteps && r.Cost > r.Bound; r.Steps++ {
		if r.Steps%1024 == 0 && ctx.Err() != nil {
			break
		}
		heat := hot * math.Pow(cold/hot, float64(r.Steps)/float64(o.MaxSteps))
		change, ok := s.propose(rng)
		if !ok {
			continue
		}
		if change > 0 && rng.Float64() >= math.Exp(-float64(change)/heat) {
			s.undo()
			continue
		}
		if now += change; now < r.Cost {
			r.Cost = now
			copy(r.Machine, s.at)
		}
	}
	return r, nil
}

// Bound is below the cost of every assignment: what all processes together use
// above all safety capacities, and the balances of all machines together.
func Bound(p *instances.Reassignment) int64 {
	need, safety, capacity := make([]int64, len(p.Resources)), make([]int64, len(p.Resources)), make([]int64, len(p.Resources))
	for r := range p.Resources {
		for k := range p.Processes {
			need[r] += p.Processes[k].Need[r]
		}
		for m := range p.Machines {
			safety[r] += p.Machines[m].Safety[r]
			capacity[r] += p.Machines[m].Capacity[r]
		}
	}
	var sum int64
	for r := range p.Resources {
		sum += p.Resources[r].Load * max(0, need[r]-safety[r])
	}
	for _, b := range p.Balances {
		sum += b.Weight * max(0, b.Target*(capacity[b.First]-need[b.First])-(capacity[b.Second]-need[b.Second]))
	}
	return sum
}

// Check reports which constraint an assignment breaks: capacity, with what
// processes that moved hold on both machines, one process of a service a
// machine, locations, and neighbourhoods.
func Check(p *instances.Reassignment, machine []int) error {
	s := newState(p, machine)
	var faults []error
	for m := range p.Machines {
		if !s.fits(m) {
			faults = append(faults, fmt.Errorf("%s: machine %d is over capacity", p.Name, m))
		}
	}
	for k, m := range machine {
		if s.on[p.Processes[k].Service][m] > 1 {
			faults = append(faults, fmt.Errorf("%s: machine %d has two processes of service %d", p.Name, m, p.Processes[k].Service))
		}
	}
	for i := range p.Services {
		if len(s.places[i]) < p.Services[i].Spread {
			faults = append(faults, fmt.Errorf("%s: service %d is in %d locations, allowed: %d or more", p.Name, i, len(s.places[i]), p.Services[i].Spread))
		}
		for _, d := range p.Services[i].Depends {
			for h := range s.hoods[i] {
				if s.hoods[d][h] == 0 {
					faults = append(faults, fmt.Errorf("%s: service %d is in neighbourhood %d without service %d", p.Name, i, h, d))
				}
			}
		}
	}
	return errors.Join(faults...)
}

// Cost is what an assignment costs.
func Cost(p *instances.Reassignment, machine []int) int64 { return newState(p, machine).cost() }
