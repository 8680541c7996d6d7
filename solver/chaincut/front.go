package chaincut

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads/placement"
)

// A Point is one way to run a pipeline.
type Point struct {
	Nodes   []topology.NodeID
	Latency time.Duration // of one request on an idle topology, as placement.Estimate says
	Period  time.Duration // as Period says
	Proved  bool          // that nothing is better in what was asked for
}

// ErrIncomplete says that a front may go on: the context ended, or the steps
// did before anything more was found.
var ErrIncomplete = errors.New("the front may go on")

// Front lists the placements of the problem's one pipeline between which
// latency is traded for throughput: each has the least latency of all whose
// period is shorter than the one's before it. The first is the fastest. A point
// is proved when the search for it ended within the problem's steps. With
// ErrIncomplete come the points that were found.
func Front(ctx context.Context, p *solver.Problem) ([]Point, error) {
	s, err := soleSearch(ctx, p)
	if err != nil {
		return nil, err
	}
	var front []Point
	below := forever
	for {
		x, err := s.fastest(below)
		switch {
		case err != nil:
			return front, err
		case x.Nodes == nil && x.Proved:
			return front, nil
		case x.Nodes == nil:
			return front, ErrIncomplete
		}
		if n := len(front); n > 0 && front[n-1].Latency >= x.Latency {
			front = front[:n-1] // as fast, and shorter
		}
		front = append(front, x)
		below = x.Period
	}
}

// MinPeriod finds the placement of the problem's one pipeline whose period is
// the shortest. If it is contiguous, an operator joins its predecessors or has
// a node without them. Nodes is nil when there is none.
func MinPeriod(ctx context.Context, p *solver.Problem, contiguous bool) (Point, error) {
	s, err := soleSearch(ctx, p)
	if err != nil {
		return Point{}, err
	}
	return s.shortest(contiguous)
}

// steadiest is the placement of the shortest period as a solution, perhaps of
// the contiguous ones, for which the bound remains that of all. Nothing can be
// busy for a smaller share of the time than the period times the rate; it may
// be for more where directions of a link share their bandwidth.
func (s *search) steadiest(contiguous bool) (solver.Solution, error) {
	sol := solver.Solution{Placement: placement.Unplaced(s.p.Workload), Status: solver.Feasible, Bound: math.NaN()}
	pt, err := s.shortest(contiguous)
	if err != nil {
		return sol, err
	}
	sol.Steps = s.steps
	if pt.Nodes == nil {
		sol.Status = solver.Unknown
		if pt.Proved && !contiguous {
			sol.Status = solver.Infeasible
		}
		sol.Unplaced = solver.LeaveAll(s.p.Workload, cmp.Or(s.why, "no nodes were found that can run it"))
		return sol, nil
	}
	sol.Placement.Pipelines[0] = pt.Nodes
	value, err := solver.Value(s.p, solver.Throughput, sol.Placement)
	if err == nil && contiguous {
		pt, err = s.shortest(false)
		sol.Steps += s.steps
	}
	if err == nil && pt.Proved {
		sol.Bound = min(value, s.w.Arrivals.MeanRate()*pt.Period.Seconds())
		if value <= sol.Bound*(1+solver.Tolerance) {
			sol.Status = solver.Optimal
		}
	}
	return sol, err
}

// shortest is the point of the shortest period.
func (s *search) shortest(contiguous bool) (Point, error) {
	return s.point(func(e *explorer) { e.byPeriod, e.contiguous, e.floor = true, contiguous, e.leastPeriod() })
}

// soleSearch is the search for the only pipeline of a problem.
func soleSearch(ctx context.Context, p *solver.Problem) (*search, error) {
	if len(p.Workload.Pipelines) != 1 || len(p.Workload.Jobs) > 0 {
		return nil, fmt.Errorf("found %d pipelines and %d jobs, allowed is one pipeline", len(p.Workload.Pipelines), len(p.Workload.Jobs))
	}
	w := &p.Workload.Pipelines[0]
	if w.Routed() {
		return nil, fmt.Errorf("pipeline %q: its requests choose their ways, so that it has no period", w.Name)
	}
	return newSearch(ctx, p, w, placement.NewLedger(p.Topology), &sharedCarrier{}), nil
}

// point explores with the given settings.
func (s *search) point(set func(*explorer)) (Point, error) {
	if s.why != "" {
		return Point{Proved: true}, nil // there is none
	}
	s.steps = 0
	e := s.newExplorer()
	if e == nil {
		return Point{}, nil
	}
	set(e)
	e.run()
	return s.pointAt(e.found, !e.halted)
}

func (s *search) pointAt(nodes []topology.NodeID, proved bool) (Point, error) {
	if nodes == nil {
		return Point{Proved: proved}, nil
	}
	d, err := placement.Estimate(s.p.Topology, s.p.Model, s.w, nodes)
	return Point{nodes, d, Period(s.p.Topology, s.p.Model, s.w, nodes), proved}, err
}

// fastest is the fastest placement of a shorter period than below.
func (s *search) fastest(below time.Duration) (Point, error) {
	if s.why != "" || !s.w.IsChain() {
		return s.point(func(e *explorer) { e.below = below })
	}
	s.steps, s.proved, s.stopped = 0, true, false
	nodes, _ := s.runs(below)
	return s.pointAt(nodes, s.proved)
}
