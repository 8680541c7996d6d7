package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"caravan/results/fit"
	"caravan/scenarios"
	"caravan/solver"
	"caravan/topology"
	"caravan/workloads/placement"
)

// A belief is a measured parameter, as the value of its override.
type belief struct {
	value string
	at    time.Time
}

// unreachable is the latency of a link that nothing crosses: longer than that
// of any link that works, and short enough to be simulated.
const unreachable = "600s"

// worthwhile is by how much another placement's cost must be lower for a move.
const worthwhile = 0.05

// learn fits the model to the evidence. What burns or holds does what is
// written, so that only the speed of its node can have changed; programs are
// measured. What no request has met keeps what was measured before.
func (w *watcher) learn(ctx context.Context) error {
	deployed := *w.written
	deployed.solution = w.plan.solution
	s := w.written.scenario
	c := &calibration{parameters: fit.Fit(fit.Input{Loaded: w.evidence, Intended: deployed.intended(), Serialise: serialise(s)})}
	p := &c.parameters
	p.Operators = slices.DeleteFunc(p.Operators, func(o fit.Operator) bool { return o.Intended > 0 })
	p.Nodes = slices.DeleteFunc(p.Nodes, func(n fit.Node) bool {
		asWritten := n.Stretch.N > 0 && math.Abs(n.Stretch.Mean-1) <= n.Stretch.HalfWidth
		if asWritten {
			delete(w.beliefs, fmt.Sprintf("topology.nodes.%s.speed", quoted(n.Name)))
		}
		return asWritten
	})
	set, err := c.overrides(s)
	if err != nil {
		return err
	}
	if len(w.silent) > 0 {
		cut, err := cutLinks(s, w.stuck(w.count(ctx)))
		if err != nil {
			return err
		}
		set = append(set, cut...)
	}
	for _, text := range set {
		i := strings.LastIndex(text, "=")
		w.beliefs[text[:i]] = belief{text[i+1:], time.Now()}
	}
	return nil
}

// cutLinks are the overrides of links, as from->to, that nothing crosses.
func cutLinks(s *scenarios.Scenario, links []string) ([]string, error) {
	var doc document
	if err := json.Unmarshal(s.Text, &doc); err != nil {
		return nil, err
	}
	var set []string
	for i, entry := range doc.Topology.Links {
		if slices.ContainsFunc(links, entry.joins) {
			set = append(set, fmt.Sprintf("topology.links.%d.latency=%s", i, unreachable))
		}
	}
	return set, nil
}

// stale names a belief that is too old.
func (w *watcher) stale(forget time.Duration) string {
	for _, path := range sortedKeys(w.beliefs) {
		if time.Since(w.beliefs[path].at) > forget {
			return fmt.Sprintf("what was measured of %s is older than %v", path, forget)
		}
	}
	return ""
}

// believed are the overrides that make the scenario what is believed; beliefs
// that are too old are dropped.
func (w *watcher) believed(forget time.Duration) []string {
	var set []string
	for _, path := range sortedKeys(w.beliefs) {
		b := w.beliefs[path]
		if time.Since(b.at) > forget {
			delete(w.beliefs, path)
			continue
		}
		set = append(set, path+"="+b.value)
	}
	return set
}

// replace fits the model to the windows, solves again, and migrates if another
// placement is better.
func (a *app) replace(ctx context.Context, f *submitFlags, w *watcher, why string) error {
	fmt.Fprintf(a.stdout, "\n%s; the model is fitted to %s and solved again.\n", why, count(len(w.evidence), "request"))
	if err := w.learn(ctx); err != nil {
		return err
	}
	w.evidence = nil
	s, err := f.load(a, w.arg, w.believed(f.forget)...)
	if err != nil {
		return err
	}
	w.avoid(s)
	now := w.plan.solution.Placement
	next, err := solve(ctx, s, asked{solver: f.solver, incumbent: &now})
	if err != nil {
		return err
	}
	if !next.placed() {
		fmt.Fprintf(a.stdout, "No placement without what is lost: %s. The run stays as it is until that is back.\n\n", next.solution.Reason)
		return nil
	}
	moves := movesBetween(s, now, next.solution.Placement)
	if better, err := w.worthMoving(next, now); err != nil {
		return err
	} else if !better {
		next.solution = w.plan.solution
		w.plan = next
		fmt.Fprint(a.stdout, "The placement stays; predictions are made with the fitted model.\n\n")
		return nil
	}
	a.printMoves(w, next, moves)
	return a.migrate(ctx, w, next)
}

// worthMoving reports whether the placement in force cannot stay, or costs too
// much more than the next one.
func (w *watcher) worthMoving(next *plan, now placement.Placement) (bool, error) {
	moves := movesBetween(next.scenario, now, next.solution.Placement)
	for _, m := range moves {
		if _, gone := w.lost[m.from]; gone {
			return true, nil
		}
	}
	p := problemOf(next.scenario)
	p.Incumbent = &now
	stays, _, err := solver.Cost(p, now)
	if err != nil {
		return false, err
	}
	moved, _, err := solver.Cost(p, next.solution.Placement)
	return len(moves) > 0 && stays-moved > worthwhile*math.Abs(moved), err
}

// A move takes an operator to another node.
type move struct{ pipeline, operator, from, to string }

func movesBetween(s *scenarios.Scenario, before, after placement.Placement) []move {
	var out []move
	name := func(n topology.NodeID) string { return s.Topology.Nodes()[n].Name }
	for i := range s.Workload.Pipelines {
		l := &s.Workload.Pipelines[i]
		if !whole(before.Pipelines[i]) || !whole(after.Pipelines[i]) {
			continue
		}
		for j := range l.Operators {
			if b, a := before.Pipelines[i][j], after.Pipelines[i][j]; a != b {
				out = append(out, move{l.Name, l.Operators[j].Name, name(b), name(a)})
			}
		}
	}
	return out
}

// printMoves shows what would move, what each pipeline gains on an idle
// cluster, and what the move costs: requests that come while operators start
// wait, half of that time on average.
func (a *app) printMoves(w *watcher, next *plan, moves []move) {
	s, before := next.scenario, w.plan.solution.Placement
	g := grid{header: []string{"pipeline", "operator", "from", "to"}}
	for _, m := range moves {
		g.add(m.pipeline, m.operator, m.from, m.to)
	}
	g.render(a.stdout)
	waiting, gain := 0.0, 0.0 // requests; seconds of latency per second
	for i := range s.Workload.Pipelines {
		l := &s.Workload.Pipelines[i]
		rate := l.Arrivals.MeanRate()
		if slices.ContainsFunc(moves, func(m move) bool { return m.pipeline == l.Name }) {
			waiting += rate * w.took.Seconds()
		}
		old, err := placement.Estimate(s.Topology, s.Model, l, before.Pipelines[i])
		if err != nil {
			continue
		}
		now, err := placement.Estimate(s.Topology, s.Model, l, next.solution.Placement.Pipelines[i])
		if err == nil {
			fmt.Fprintf(a.stdout, "%s: %s where it is, %s after the move, on an idle cluster.\n", l.Name, quantity(old.Seconds(), "s"), quantity(now.Seconds(), "s"))
			gain += rate * (old - now).Seconds()
		}
	}
	fmt.Fprintf(a.stdout, "The move starts %s anew. The deployment before took %s: as long, %.3g requests wait, and none is lost.\n",
		count(len(moves), "operator"), quantity(w.took.Seconds(), "s"), waiting)
	if gain > 0 && waiting > 0 {
		fmt.Fprintf(a.stdout, "What they wait is made good after %s.\n", quantity(waiting*w.took.Seconds()/2/gain, "s"))
	}
}

// migrate deploys the new placement under the same label.
func (a *app) migrate(ctx context.Context, w *watcher, next *plan) error {
	deployed := *w.written
	deployed.solution = next.solution
	live, err := deployed.livePlan(w.options, w.live.Run)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := w.backend.Deploy(ctx, live); err != nil {
		return err
	}
	w.live, w.plan, w.took = live, next, time.Since(began)
	fmt.Fprintf(a.stdout, "Moved in %s.\n\n", quantity(w.took.Seconds(), "s"))
	return nil
}
