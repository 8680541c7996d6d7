package plots

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Site is a node of a topology, what was placed on it and how loaded it is.
type Site struct {
	Name  string
	Tier  int      // 0 is drawn at the top
	Items []string // what runs there
	Load  float64  // utilisation of 1; NaN when nothing is known
}

// A Wire joins two sites, by their positions.
type Wire struct {
	From, To int
	Label    string  // such as its latency
	Load     float64 // of its busier direction, of 1; NaN when nothing is known
}

// Map is a topology with what runs where, and the load of nodes and links.
type Map struct {
	Sites []Site
	Wires []Wire
}

// Title implements Figure.
func (m Map) Title() string { return "topology with placement and load" }

func (m Map) check() error {
	if len(m.Sites) == 0 {
		return errors.New("the topology has no node")
	}
	for _, w := range m.Wires {
		if min(w.From, w.To) < 0 || max(w.From, w.To) >= len(m.Sites) {
			return fmt.Errorf("a link joins sites %d and %d of %d", w.From, w.To, len(m.Sites))
		}
	}
	return nil
}

// Table implements Figure.
func (m Map) Table() Table {
	t := Table{Columns: columns("kind", "", "from", "", "to", "", "label", "", "load", "1", "placed", "")}
	for _, s := range m.Sites {
		t.add("node", s.Name, "", "", s.Load, strings.Join(s.Items, " "))
	}
	for _, w := range m.Wires {
		t.add("link", m.Sites[w.From].Name, m.Sites[w.To].Name, w.Label, w.Load, "")
	}
	return t
}

// rows are the tiers that have sites, from the top.
func (m Map) rows() [][]int {
	var rows [][]int
	for i, s := range m.Sites {
		for len(rows) <= s.Tier {
			rows = append(rows, nil)
		}
		rows[s.Tier] = append(rows[s.Tier], i)
	}
	return slices.DeleteFunc(rows, func(r []int) bool { return len(r) == 0 })
}

// Heights of a tier: of its first line of sites and of each further one; tiers
// of many sites are blocks of dots.
const (
	firstLine, nextLine = 46.0, 25.0
	manySites           = 36
	dotPitch            = 5.0
)

func (m Map) height(width float64) float64 {
	n := 0.0
	for _, r := range m.rows() {
		n += m.tierHeight(r, width-reserved)
	}
	return math.Max(120, math.Min(600, n+34))
}

// reserved is about what the bar of colours takes.
const reserved = 50

func (m Map) tierHeight(row []int, width float64) float64 {
	lines := m.folds(row, width)
	if len(row) > manySites {
		return 20 + dotPitch*lines
	}
	return firstLine + nextLine*(lines-1)
}

// leastSlot is how narrow a site may be before its tier is broken into lines:
// about as wide as its longest name, or a dot where there are many.
func (m Map) leastSlot(row []int) float64 {
	if len(row) > manySites {
		return dotPitch
	}
	longest := 0
	for _, i := range row {
		longest = max(longest, len([]rune(m.Sites[i].Name)))
	}
	return math.Max(20, math.Min(46, 7+3.6*float64(longest)))
}

// folds is how many lines a tier is broken into.
func (m Map) folds(row []int, width float64) float64 {
	return math.Ceil(float64(len(row)) / math.Max(1, math.Floor(width/m.leastSlot(row))))
}

func (m Map) draw(s sheet, b box) {
	z := Axis{Label: "Utilisation", Unit: "1"}.between(0, 1)
	whole := b
	b.right -= z.reserve(s, b) + 2
	at, slot := m.place(b)
	for _, w := range m.Wires {
		m.wire(s, at, w)
	}
	if len(m.Wires) <= 24 {
		for i := range m.Wires {
			m.wireLabel(s, at, m.Wires[i], slot)
		}
	}
	for i := range m.Sites {
		m.site(s, at[i], m.Sites[i], slot[i])
	}
	for i, c := range at {
		half := math.Max(2.5, math.Min(18, slot[i]/2))
		hint(s.surface, box{c.x - half, c.y - math.Min(half, 6), c.x + half, c.y + math.Min(half, 6)}, m.Sites[i].hint())
	}
	z.bar(s, box{b.right + 8, whole.top + 8, b.right + 8 + colourBar, whole.bottom - 8})
}

// place sets tiers one below the other, and within each orders the sites by
// the mean place of their neighbours above, which keeps links short (Sugiyama,
// Tagawa and Toda, 1981). slot is how wide each site may be.
func (m Map) place(b box) (at []point, slot []float64) {
	at, slot = make([]point, len(m.Sites)), make([]float64, len(m.Sites))
	rows := m.rows()
	sum := 0.0
	for _, r := range rows {
		sum += m.tierHeight(r, b.width())
	}
	stretch := b.height() / sum
	y := b.top
	for k, row := range rows {
		if k > 0 {
			m.order(row, at)
		}
		high := stretch * m.tierHeight(row, b.width())
		folds := int(m.folds(row, b.width()))
		per := (len(row) + folds - 1) / folds
		next, first := stretch*nextLine, stretch*firstLine/2
		if len(row) > manySites {
			next, first = stretch*dotPitch, stretch*12
		}
		for i, site := range row {
			line, column := i%folds, i/folds
			// Lines are shifted so that no site stands below another.
			slot[site] = b.width() / (float64(per) + 1 - 1/float64(folds))
			shift := 0.5 + float64(line)/float64(folds)
			at[site] = point{b.left + slot[site]*(float64(column)+shift), y + first + next*float64(line)}
		}
		y += high
	}
	return at, slot
}

// order sorts a tier by the mean place of the neighbours that have one.
func (m Map) order(row []int, at []point) {
	mean := map[int]float64{}
	for _, i := range row {
		sum, n := 0.0, 0.0
		for _, w := range m.Wires {
			for _, pair := range [][2]int{{w.From, w.To}, {w.To, w.From}} {
				if pair[0] == i && at[pair[1]] != (point{}) {
					sum, n = sum+at[pair[1]].x, n+1
				}
			}
		}
		if n > 0 {
			mean[i] = sum / n
		}
	}
	slices.SortStableFunc(row, func(a, b int) int { return cmp.Compare(mean[a], mean[b]) })
}

func (m Map) wire(s sheet, at []point, w Wire) {
	c, width := rgb(0xa0a0a0), 0.7
	if !math.IsNaN(w.Load) {
		c, width = cividis(w.Load), 0.7+1.6*math.Max(0, math.Min(w.Load, 1))
	}
	if len(m.Wires) > 200 { // a cloud rather than a thicket
		c, width = faded(c, 0.25), width*0.4
	}
	a, b := at[w.From], at[w.To]
	if bow := m.bow(at, w); bow > 0 {
		mid := point{(a.x + b.x) / 2, a.y - bow/0.75}
		s.draw(path{{kind: 'M', to: [3]point{a}}, {kind: 'C', to: [3]point{b, mid, mid}}}, stroked(c, width))
		return
	}
	s.draw(polyline(a, b), stroked(c, width))
}

// bow is how far a link within a line of sites bends up to pass those between
// its ends, 0 where there are none.
func (m Map) bow(at []point, w Wire) float64 {
	a, b := at[w.From], at[w.To]
	for i, p := range at {
		if i != w.From && i != w.To && a.y == b.y && p.y == a.y && (p.x-a.x)*(p.x-b.x) < 0 {
			return 13
		}
	}
	return 0
}

func (m Map) wireLabel(s sheet, at []point, w Wire, slot []float64) {
	if w.Label == "" || math.Min(slot[w.From], slot[w.To]) < 22 {
		return
	}
	// Nearer to the end of which more lie side by side, where links are apart.
	a, b := at[w.From], at[w.To]
	if slot[w.From] > slot[w.To] {
		a, b = b, a
	}
	c := point{a.x + 0.42*(b.x-a.x), a.y + 0.42*(b.y-a.y)}
	if bow := m.bow(at, w); bow > 0 || a.y == b.y {
		c = point{(a.x + b.x) / 2, a.y - bow}
	}
	half := s.width(w.Label, tickSize)/2 + 1
	ground := box{c.x - half, c.y - 4, c.x + half, c.y + 4}
	s.draw(polygon(ground.corners()...), filled(faded(white, 0.85)))
	s.say(c, w.Label, tickSize, centre, black)
}

func (m Map) site(s sheet, c point, x Site, slot float64) {
	ground, ink := white, black
	if !math.IsNaN(x.Load) {
		ground, ink = cividis(x.Load), over(x.Load)
	}
	name := x.Name
	if slot < 18 { // a dot
		s.draw(circle(c, math.Max(1.2, math.Min(4, slot/2.6))), shade{fill: ground, stroke: black, width: 0.4})
		return
	}
	half := math.Min(s.width(name, tickSize)/2+4, slot/2-1.5)
	b := box{c.x - half, c.y - 6, c.x + half, c.y + 6}
	s.draw(polygon(b.corners()...), shade{fill: ground, stroke: black, width: 0.6})
	s.say(c, s.fit(name, tickSize, 2*half-2), tickSize, centre, ink)
	if items := x.items(s, slot-2); items != "" {
		half := s.width(items, tickSize)/2 + 1
		under := box{c.x - half, b.bottom + 1, c.x + half, b.bottom + 9}
		s.draw(polygon(under.corners()...), filled(faded(white, 0.85)))
		s.say(point{c.x, b.bottom + 2}, items, tickSize, topCentre, black)
	}
}

// hint is all that is known of the site.
func (x Site) hint() string {
	lines := []string{x.Name}
	if !math.IsNaN(x.Load) {
		lines = append(lines, "utilisation "+significant(100*x.Load, 3)+" %")
	}
	return strings.Join(append(lines, x.Items...), "\n")
}

// items is what runs on the site, or how many things where they do not fit.
func (x Site) items(s sheet, room float64) string {
	if len(x.Items) == 0 {
		return ""
	}
	if text := strings.Join(x.Items, ", "); s.width(text, tickSize) <= room {
		return text
	}
	for _, text := range []string{fmt.Sprintf("%d placed", len(x.Items)), fmt.Sprint(len(x.Items))} {
		if s.width(text, tickSize) <= room {
			return text
		}
	}
	return ""
}
