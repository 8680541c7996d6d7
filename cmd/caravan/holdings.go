package main

import (
	"slices"
	"strings"
	"time"

	"caravan/results"
	"caravan/sim/controlplane"
	"caravan/sim/jobs"
	"caravan/topology"
)

// holdings turn what jobs did into spans of a timeline: the time in which an
// instance held room on a node.
type holdings struct {
	plan  *plan
	line  *results.Timeline
	nodes map[string]int
	loads map[[2]string]topology.MHz // what a group of a job reserves
	open  map[controlplane.Entry]int // spans that have not ended, by job, instance and node
}

func newHoldings(p *plan, t *results.Timeline) *holdings {
	h := &holdings{plan: p, line: t, nodes: map[string]int{}, loads: map[[2]string]topology.MHz{}, open: map[controlplane.Entry]int{}}
	for i, n := range t.Nodes {
		h.nodes[n] = i
	}
	for _, job := range p.arriving {
		for _, g := range job.Groups {
			h.loads[[2]string{job.Name, g.Name}] = g.Demand.CPU
		}
	}
	return h
}

// span is the time of one instance of a group on a node.
func (h *holdings) span(node int, job, group string, from, to time.Duration) results.Span {
	s := results.Span{Node: node, Of: job, Item: group, StartAt: from, EndAt: to}
	if whole := h.plan.scenario.Topology.Nodes()[node].CPU; whole > 0 {
		s.Load = float64(h.loads[[2]string{job, group}]) / float64(whole)
	}
	return s
}

// hold keeps what the simulation of arriving jobs tells.
func (h *holdings) hold(x jobs.Holding) {
	job := &h.plan.arriving[x.Job]
	h.line.Spans = append(h.line.Spans, h.span(int(x.Node), job.Name, job.Groups[x.Group].Name, x.StartAt, x.EndAt))
}

// endings are the steps of a control plane after which an instance is gone, and
// how a timeline names them.
func endings() map[string]string {
	return map[string]string{"evict": "preempted", "failed": "failed", "lost": "failed", "complete": "", "stopped": ""}
}

// tell follows the story of a control plane: an instance holds room from its
// placement until it is evicted, has ended, or is lost.
func (h *holdings) tell(e controlplane.Entry) {
	node, ok := h.nodes[e.Node]
	if !ok || e.Alloc == "" {
		return
	}
	key := controlplane.Entry{Region: e.Region, Job: e.Job, Alloc: e.Alloc, Node: e.Node}
	i, held := h.open[key]
	if why, ends := endings()[e.What]; held && (ends || e.What == "place") {
		h.line.Spans[i].EndAt, h.line.Spans[i].Interrupt = e.At, why
		delete(h.open, key)
	}
	if e.What == "place" {
		group, _, _ := strings.Cut(e.Alloc, "[")
		h.open[key] = len(h.line.Spans)
		h.line.Spans = append(h.line.Spans, h.span(node, e.Job, group, e.At, e.At))
	}
}

// close ends what still runs at the end, and drops what never took time.
func (h *holdings) close(end time.Duration) {
	for _, i := range h.open {
		h.line.Spans[i].EndAt, h.line.Spans[i].Interrupt = end, "unfinished"
	}
	h.line.Spans = slices.DeleteFunc(h.line.Spans, func(s results.Span) bool { return s.EndAt <= s.StartAt })
}
