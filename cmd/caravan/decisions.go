package main

import (
	"fmt"
	"slices"
	"strings"

	"caravan/results"
	"caravan/solver"
	"caravan/solver/binpack"
	"caravan/solver/preempt"
	"caravan/topology"
	"caravan/workloads"
)

// preemptedAnswer is what had to leave a node, in the JSON of caravan solve.
type preemptedAnswer struct {
	results.Placed
	Priority    int     `json:"priority"`
	For         string  `json:"for"` // the job that took its place
	ForPriority int     `json:"for_priority"`
	Disruption  float64 `json:"disruption"` // priority times MHz
}

// decisionAnswer says how an instance was decided.
type decisionAnswer struct {
	results.Placed             // the node is empty when there is none
	Ready          int         `json:"ready"`     // nodes that take work in its datacenters and pool
	Evaluated      int         `json:"evaluated"` // nodes that were looked at
	Filtered       int         `json:"filtered"`  // of these, left out by a constraint
	Exhausted      int         `json:"exhausted"` // of these, without room
	FilteredBy     []nodeCount `json:"filtered_by"`
	ExhaustedIn    []nodeCount `json:"exhausted_in"`
	Scores         []nodeScore `json:"scores"` // the best, at most 5
}

type nodeCount struct {
	What  string `json:"what"`
	Nodes int    `json:"nodes"`
}

type nodeScore struct {
	Node  string      `json:"node"`
	Final float64     `json:"final"` // the mean of the parts
	Parts []scorePart `json:"parts"`
	Evict int         `json:"evict"` // instances that would have to leave
}

type scorePart struct {
	Scorer string  `json:"scorer"`
	Score  float64 `json:"score"`
}

// heedsPreferences reports whether a solver weighs affinities and spreads.
func heedsPreferences(s solver.Solver) bool {
	switch s.(type) {
	case binpack.Scheduler, preempt.Solver:
		return true
	}
	return false
}

// preferred names the first job with affinities or spreads; empty is none.
func preferred(jobs []workloads.Job) string {
	if i := slices.IndexFunc(jobs, workloads.Job.Prefers); i >= 0 {
		return jobs[i].Name
	}
	return ""
}

func (p *plan) preempted() []preemptedAnswer {
	var out []preemptedAnswer
	for _, e := range p.solution.Evicted {
		out = append(out, preemptedAnswer{
			Placed:   results.Placed{Workload: e.Workload, Item: e.Item, Instance: e.Instance, Node: p.nodeName(e.Node)},
			Priority: e.Priority, For: e.For, ForPriority: e.ByPriority, Disruption: e.Disruption,
		})
	}
	return out
}

func (p *plan) nodeName(n topology.NodeID) string {
	if n == topology.None {
		return ""
	}
	return p.scenario.Topology.Nodes()[n].Name
}

func (p *plan) decisions() []decisionAnswer {
	var out []decisionAnswer
	for i := range p.solution.Decisions {
		d := &p.solution.Decisions[i]
		x := decisionAnswer{
			Placed: results.Placed{Workload: d.Workload, Item: d.Item, Instance: d.Instance, Node: p.nodeName(d.Node)},
			Ready:  d.Ready, Evaluated: d.Evaluated, Filtered: d.Filtered, Exhausted: d.Exhausted,
			FilteredBy: nodeCounts(d.FilteredBy), ExhaustedIn: nodeCounts(d.ExhaustedIn), Scores: []nodeScore{},
		}
		for _, s := range d.Top {
			var parts []scorePart
			for _, part := range s.Parts {
				parts = append(parts, scorePart(part))
			}
			x.Scores = append(x.Scores, nodeScore{Node: p.nodeName(s.Node), Final: s.Final, Parts: parts, Evict: s.Evict})
		}
		out = append(out, x)
	}
	return out
}

func nodeCounts(list []solver.NodeCount) []nodeCount {
	out := make([]nodeCount, len(list))
	for i, c := range list {
		out[i] = nodeCount(c)
	}
	return out
}

// printPreempted says what left its node, for whom.
func (a *app) printPreempted(list []preemptedAnswer) {
	if len(list) == 0 {
		return
	}
	total := 0.0
	for _, e := range list {
		total += e.Disruption
	}
	fmt.Fprintf(a.stdout, "%s evicted, %s MHz times priority in all:\n", count(len(list), "instance"), quantity(total, ""))
	for _, e := range list[:min(len(list), summaryRows)] {
		fmt.Fprintf(a.stdout, "  %s %s %d of priority %d left %s for %s of priority %d\n", e.Workload, e.Item, e.Instance, e.Priority, e.Node, e.For, e.ForPriority)
	}
	a.printMore(len(list)-summaryRows, "evictions", "--output json lists all")
}

// printDecisions says why here and not there.
func (a *app) printDecisions(list []decisionAnswer) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(a.stdout, "Why there:")
	g := grid{header: []string{"workload", "item", "instance", "node", "nodes", "looked at", "left out", "full", "score", "by scorer", "next best"}, numbers: []int{2, 4, 5, 6, 7, 8}}
	for i := range list[:min(len(list), decisionRows)] {
		d := &list[i]
		score, parts, next := "", "", ""
		for _, s := range d.Scores {
			switch {
			case s.Node == d.Node:
				score, parts = fmt.Sprintf("%.3f", s.Final), partsText(s.Parts)
			case next == "":
				next = fmt.Sprintf("%s %.3f", s.Node, s.Final)
			}
		}
		if score == "" {
			parts = whyNot(d)
			if d.Node != "" {
				parts += "; by eviction"
			}
		}
		g.add(d.Workload, d.Item, fmt.Sprint(d.Instance), d.Node, fmt.Sprint(d.Ready), fmt.Sprint(d.Evaluated), fmt.Sprint(d.Filtered), fmt.Sprint(d.Exhausted), score, parts, next)
	}
	g.render(a.stdout)
	a.printMore(len(list)-decisionRows, "decisions", "--output json lists them")
	fmt.Fprintln(a.stdout)
}

// decisionRows bounds the table of decisions.
const decisionRows = 20

func partsText(parts []scorePart) string {
	var out []string
	for _, p := range parts {
		out = append(out, fmt.Sprintf("%s %.3f", p.Scorer, p.Score))
	}
	return strings.Join(out, ", ")
}

func whyNot(d *decisionAnswer) string {
	var out []string
	for _, list := range [][]nodeCount{d.FilteredBy, d.ExhaustedIn} {
		for _, c := range list {
			out = append(out, fmt.Sprintf("%s: %d", c.What, c.Nodes))
		}
	}
	return strings.Join(out, ", ")
}
