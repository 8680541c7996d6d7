package binpack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"caravan/topology"
)

// An Explanation says how the last instance was decided: what upstream's
// allocations carry as their metrics.
type Explanation struct {
	Ready     int // nodes that take work in the job's datacenters and pool
	Evaluated int // nodes that were looked at
	Filtered  int // of these, left out by a rule
	Exhausted int // of these, without room
	// FilteredBy and ExhaustedIn count nodes by rule and by dimension.
	FilteredBy  []NodeCount
	ExhaustedIn []NodeCount
	Top         []NodeScore // the best candidates, at most 5
	Evicting    bool        // nothing fitted, so that evictions were tried
}

// A NodeCount is how many nodes something holds for.
type NodeCount struct {
	What  string
	Nodes int
}

// A NodeScore is a candidate with what each scorer gave it.
type NodeScore struct {
	Node  topology.NodeID
	Final float64
	Parts []Part
	Evict int // allocations that would have to leave
}

// A Part is the score of one scorer.
type Part struct {
	Scorer string
	Score  float64
}

// maxTop is how many candidates an explanation shows, as upstream's.
const maxTop = 5

// Explain is the explanation of the last Select.
func (c *Chain) Explain() Explanation {
	t := &c.tallied
	out := Explanation{
		Ready: len(c.order), Evaluated: t.evaluated, Filtered: t.filtered, Exhausted: t.exhausted, Evicting: c.evicting,
	}
	for r, n := range t.byRule {
		if n > 0 {
			out.FilteredBy = addCount(out.FilteredBy, c.c.rules[r].String(), int(n))
		}
	}
	for _, l := range t.lacks {
		out.ExhaustedIn = addCount(out.ExhaustedIn, l.what, l.nodes)
	}
	for i := range c.scored {
		out.Top = append(out.Top, c.scored[i].explain())
	}
	slices.SortStableFunc(out.Top, func(a, b NodeScore) int { return cmp.Compare(b.Final, a.Final) })
	out.Top = out.Top[:min(len(out.Top), maxTop)]
	return out
}

func addCount(list []NodeCount, what string, n int) []NodeCount {
	for i := range list {
		if list[i].What == what {
			list[i].Nodes += n
			return list
		}
	}
	return append(list, NodeCount{what, n})
}

func (x *candidate) explain() NodeScore {
	out := NodeScore{Node: x.node, Final: x.final, Evict: len(x.evict)}
	for s, v := range x.parts {
		if x.present&(1<<s) != 0 {
			out.Parts = append(out.Parts, Part{scorerNames[s], v})
		}
	}
	return out
}

// String says in one line why no node was found, or how many were looked at.
func (e Explanation) String() string {
	if e.Ready == 0 {
		return "no node takes work in its datacenters and pool"
	}
	var parts []string
	for _, f := range e.FilteredBy {
		parts = append(parts, fmt.Sprintf("%s leaves out %d", f.What, f.Nodes))
	}
	for _, x := range e.ExhaustedIn {
		parts = append(parts, fmt.Sprintf("no room for %s on %d", x.What, x.Nodes))
	}
	if len(parts) == 0 {
		return fmt.Sprintf("%d of %d nodes looked at", e.Evaluated, e.Ready)
	}
	return strings.Join(parts, "; ") + fmt.Sprintf(" of %d nodes", e.Ready)
}
