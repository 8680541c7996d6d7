package binpack

import (
	"cmp"
	"slices"

	"caravan/solver"
)

// maxTop is how many candidates an explanation shows, as upstream's.
const maxTop = 5

// Explain is the explanation of the last Select.
func (c *Chain) Explain() solver.Explanation {
	t := &c.tallied
	out := solver.Explanation{
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
	slices.SortStableFunc(out.Top, func(a, b solver.NodeScore) int { return cmp.Compare(b.Final, a.Final) })
	out.Top = out.Top[:min(len(out.Top), maxTop)]
	return out
}

func addCount(list []solver.NodeCount, what string, n int) []solver.NodeCount {
	for i := range list {
		if list[i].What == what {
			list[i].Nodes += n
			return list
		}
	}
	return append(list, solver.NodeCount{What: what, Nodes: n})
}

func (x *candidate) explain() solver.NodeScore {
	out := solver.NodeScore{Node: x.node, Final: x.final, Evict: len(x.evict)}
	for s, v := range x.parts {
		if x.present&(1<<s) != 0 {
			out.Parts = append(out.Parts, solver.Part{Scorer: scorerNames[s], Score: v})
		}
	}
	return out
}
