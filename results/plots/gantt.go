package plots

import (
	"errors"
	"math"
	"slices"
)

// A Stretch is work of one kind that held a lane of a node for a while.
type Stretch struct {
	Node       string
	Lane       int    // of those that the node serves at once
	Kind       string // what it is coloured by
	Start, End float64
	// Preempted stretches ended because something took their place.
	Preempted bool
}

// A Gantt is what ran where and when. Nodes are drawn from the top in the order
// given, each with as many lanes as it has.
type Gantt struct {
	X         Axis // time
	From, To  float64
	Nodes     []string
	Stretches []Stretch
	Kinds     []string // their order in the legend; others follow as they appear
	Note      string   // stands in the legend
}

// Title implements Figure.
func (g Gantt) Title() string { return "work on nodes over time" }

func (g Gantt) check() error {
	if len(g.Nodes) == 0 || len(g.Stretches) == 0 {
		return errors.New("nothing ran in the time that is drawn")
	}
	if !g.X.has(g.From) || !g.X.has(g.To) || g.To-g.From < tiniest {
		return errors.New("the time that is drawn is empty")
	}
	return nil
}

// Table implements Figure.
func (g Gantt) Table() Table {
	t := Table{Columns: columns("node", "", "lane", "", "work", "", "start", g.X.Unit, "end", g.X.Unit, "preempted", "")}
	for _, x := range g.Stretches {
		t.add(x.Node, x.Lane, x.Kind, x.Start, x.End, yes(x.Preempted))
	}
	return t
}

func (g Gantt) summary() Table {
	t := Table{Columns: columns("node", "", "stretches", "", "busy", g.X.Unit, "preempted", "")}
	for _, n := range g.Nodes {
		count, cut, busy := 0, 0, 0.0
		for _, x := range g.Stretches {
			if x.Node == n {
				count++
				busy += x.End - x.Start
				if x.Preempted {
					cut++
				}
			}
		}
		t.add(n, count, busy, cut)
	}
	return t
}

// kinds are what stretches are coloured by.
func (g Gantt) kinds() []string {
	var seen []string
	for _, x := range g.Stretches {
		seen = append(seen, x.Kind)
	}
	seen = distinct(seen)
	var out []string
	for _, k := range g.Kinds {
		if slices.Contains(seen, k) {
			out = append(out, k)
		}
	}
	return distinct(append(out, seen...))
}

// lanes is how many rows a node has.
func (g Gantt) lanes(node string) int {
	n := 1
	for _, x := range g.Stretches {
		if x.Node == node {
			n = max(n, x.Lane+1)
		}
	}
	return n
}

const (
	laneHeight = 6.5
	mostKinds  = 7 // beyond, the palette starts again and the legend says so
)

func (g Gantt) height(float64) float64 {
	rows := 0.0
	for _, n := range g.Nodes {
		rows += g.nodeHeight(n)
	}
	return math.Min(560, rows+56)
}

// nodeHeight gives one lane more room, so that the node's name fits.
func (g Gantt) nodeHeight(node string) float64 {
	return math.Max(11, laneHeight*float64(g.lanes(node))+4)
}

func (g Gantt) draw(s sheet, b box) {
	kinds := g.kinds()
	var keys []key
	for i, k := range kinds[:min(len(kinds), mostKinds)] {
		keys = append(keys, swatchKey(k, i))
	}
	if len(kinds) > mostKinds {
		keys[mostKinds-1].name += " and others"
	}
	if slices.ContainsFunc(g.Stretches, func(x Stretch) bool { return x.Preempted }) {
		keys = append(keys, markKey("preempted", func(s surface, c point) { cut(s, c, 2.6) }))
	}
	if g.Note != "" {
		keys = append(keys, key{name: g.Note})
	}
	b = legend(s, b, keys)
	tops, sum := make([]float64, len(g.Nodes)), 0.0
	for i, n := range g.Nodes {
		tops[i] = sum
		sum += g.nodeHeight(n)
	}
	y := Axis{}.between(sum, 0)
	f := newFrame(s, b, g.X.between(g.From, g.To), g.named(s, y, tops))
	f.rules(true, false)
	for i := range g.Nodes {
		if i > 0 {
			f.draw(polyline(f.at(g.From, tops[i]), f.at(g.To, tops[i])), stroked(grid, 0.5))
		}
	}
	for _, x := range g.Stretches {
		g.stretch(f, x, tops, kinds)
	}
	for _, x := range g.Stretches {
		if b, ok := g.place(f, x, tops); ok && x.Preempted && x.End <= g.To {
			cut(f.surface, point{b.right, b.centre().y}, math.Min(2.6, b.height()/2+0.6))
		}
	}
	f.axes()
}

// named puts the names of the nodes on the axis: at the middle of their rows.
func (g Gantt) named(s sheet, y scale, tops []float64) scale {
	y.ticks = nil
	for i, n := range g.Nodes {
		y.ticks = append(y.ticks, tick{tops[i] + g.nodeHeight(n)/2, s.fit(n, tickSize, 70)})
	}
	y.kept = true
	return y
}

// place is where a stretch is drawn, if it is.
func (g Gantt) place(f *frame, x Stretch, tops []float64) (box, bool) {
	row := slices.Index(g.Nodes, x.Node)
	if row < 0 || !(x.End > g.From && x.Start < g.To) {
		return box{}, false
	}
	lanes := float64(g.lanes(x.Node))
	high := g.nodeHeight(x.Node) - 3
	lane := high / lanes
	top := tops[row] + 1.5 + lane*float64(x.Lane)
	return box{f.x.at(math.Max(x.Start, g.From)), f.y.at(top), f.x.at(math.Min(x.End, g.To)), f.y.at(top + lane - 0.6)}, true
}

func (g Gantt) stretch(f *frame, x Stretch, tops []float64, kinds []string) {
	b, ok := g.place(f, x, tops)
	if !ok {
		return
	}
	i := slices.Index(kinds, x.Kind)
	if b.width() < 1.2 { // a hair's breadth would be all outline
		f.draw(polygon(b.corners()...), filled(palette(i)))
	} else {
		swatch(f.surface, b, i)
	}
	if w := f.widthOf(x.Kind); w < b.width()-4 && b.height() > tickSize*0.9 {
		f.say(b.centre(), x.Kind, tickSize, centre, black)
	}
}

// cut marks a preemption.
func cut(s surface, c point, r float64) {
	s.draw(circle(c, r), filled(white))
	cross(s, c, r*0.75, black)
}
