package scenarios

import (
	"math"
	"slices"
	"strings"
)

// A SearchSpec says how an adaptive search walks.
type SearchSpec struct {
	Space
	Stable string    // the expression that lets a point spread
	Start  [][]Value // by dimension
	Border bool      // spread along the border alone
	Warm   bool      // start a point's solver from its parent's placement
	Limit  int
}

// A Space is the points that a search can visit: each parameter on multiples
// of its step and within its bounds, and the filler what the others leave.
// Start points may lie off the steps; a parameter moves onto them when it
// changes.
type Space struct {
	Axes      []Axis
	Filler    int     // index of the filler, -1 without
	Total     float64 // of all axes with a filler
	Reach     int
	Diagonals bool
}

// An Axis is one parameter of a Space, in a base unit.
type Axis struct {
	Unit           string
	Step, Min, Max float64
	// Open leaves Min itself out.
	Open bool
}

// within reports whether the axis has the value.
func (a Axis) within(x float64) bool {
	return x <= a.Max && (x > a.Min || (x == a.Min && !a.Open))
}

// Count is how many multiples of the step lie within the bounds; infinite
// without an upper one.
func (a Axis) Count() float64 {
	if a.Step == 0 || math.IsInf(a.Max, 1) {
		return math.Inf(1)
	}
	first, last := math.Ceil(tidy(a.Min/a.Step)), math.Floor(tidy(a.Max/a.Step))
	if a.Open && first*a.Step == a.Min {
		first++
	}
	return max(0, last-first+1)
}

// String is the axis for people.
func (a Axis) String() string {
	if a.Step == 0 {
		return "what the others leave"
	}
	text := "steps of " + numberValue(a.Step, a.Unit).Text
	if !a.Open {
		text += " from " + numberValue(a.Min, a.Unit).Text
	}
	if !math.IsInf(a.Max, 1) {
		text += " to " + numberValue(a.Max, a.Unit).Text
	}
	return text
}

// Neighbours are the points next to one: each axis in its order, from below to
// above. With diagonals all axes change together, the last fastest.
func (s *Space) Neighbours(at []Value) [][]Value {
	var out [][]Value
	offsets := make([]int, len(s.Axes))
	if !s.Diagonals {
		for i := range s.Axes {
			for k := -s.Reach; i != s.Filler && k <= s.Reach; k++ {
				if offsets[i] = k; k != 0 {
					out = s.add(out, at, offsets)
				}
			}
			offsets[i] = 0
		}
		return out
	}
	for i := range offsets {
		if i != s.Filler {
			offsets[i] = -s.Reach
		}
	}
	for {
		if slices.ContainsFunc(offsets, func(k int) bool { return k != 0 }) {
			out = s.add(out, at, offsets)
		}
		i := len(offsets) - 1
		for ; i >= 0; i-- {
			if i == s.Filler {
				continue
			}
			if offsets[i]++; offsets[i] <= s.Reach {
				break
			}
			offsets[i] = -s.Reach
		}
		if i < 0 {
			return out
		}
	}
}

// Around are the points one step away in any number of parameters.
func (s *Space) Around(at []Value) [][]Value {
	around := *s
	around.Diagonals, around.Reach = true, 1
	return around.Neighbours(at)
}

// Next is the point one step up or down one axis; ok is false where there is
// none.
func (s *Space) Next(at []Value, axis, step int) (next []Value, ok bool) {
	offsets := make([]int, len(s.Axes))
	offsets[axis] = step
	out := s.add(nil, at, offsets)
	if len(out) == 0 {
		return nil, false
	}
	return out[0], true
}

// add appends the point so many steps away, where it exists.
func (s *Space) add(out [][]Value, at []Value, offsets []int) [][]Value {
	p := slices.Clone(at)
	for i, k := range offsets {
		if k == 0 {
			continue
		}
		a := s.Axes[i]
		x := tidy((math.Round(at[i].Number/a.Step) + float64(k)) * a.Step)
		if !a.within(x) {
			return out
		}
		p[i] = numberValue(x, a.Unit)
	}
	if !s.fill(p) {
		return out
	}
	return append(out, p)
}

// fill gives the filler what the others leave; false when they leave less than
// nothing.
func (s *Space) fill(p []Value) bool {
	if s.Filler < 0 {
		return true
	}
	rest := s.Total
	for i := range p {
		if i != s.Filler {
			rest -= p[i].Number
		}
	}
	// What is left is known as exactly as the total is.
	grain := math.Pow(10, math.Floor(math.Log10(s.Total))-digits+1)
	rest = tidy(math.Round(rest/grain) * grain)
	p[s.Filler] = numberValue(rest, s.Axes[s.Filler].Unit)
	return rest >= 0
}

// search fills in the search and checks it.
func (b *sweepBuilder) search(s *Sweep) {
	f := b.file.Search
	out := &SearchSpec{
		Space:  Space{Filler: -1, Total: f.Total, Reach: f.Reach, Diagonals: f.Neighbours == "diagonals"},
		Stable: f.Stable, Border: f.Spread == "border", Warm: f.Warm, Limit: f.Limit,
	}
	s.Search = out
	if b.options.Check != nil {
		if err := b.options.Check(f.Stable); err != nil {
			b.fault(f.place.key("stable"), "%s", err)
		}
	}
	var names []string
	for _, d := range s.Dimensions {
		names = append(names, d.Name)
	}
	if len(names) == 0 {
		b.fault(b.file.place.key("parameters"), "there is nothing to vary (allowed: at least one parameter)")
		return
	}
	if f.Filler != "" {
		if out.Filler = slices.Index(names, f.Filler); out.Filler < 0 {
			b.fault(f.place.key("filler"), "no parameter %q%s", clip(f.Filler), b.allowed(f.Filler, names))
		}
	}
	for i := range s.Dimensions {
		out.Axes = append(out.Axes, b.axis(&b.file.Parameters.List[i], i == out.Filler))
	}
	if cells := math.Pow(float64(2*out.Reach+1), float64(len(out.Axes))); out.Diagonals && cells > 1e5 {
		b.fault(f.place.key("neighbours"), "every point would have %.3g neighbours (allowed: at most 100000; sides have fewer)", cells)
	}
	if len(f.Start) == 0 {
		b.fault(f.place.key("start"), "there is no start point (allowed: at least one)")
	}
	for i := range f.Start {
		b.start(s, &f.Start[i], names)
	}
}

// axis reads the step and the bounds of a parameter.
func (b *sweepBuilder) axis(p *Parameter, filler bool) Axis {
	if filler {
		if p.Step.given || p.Min.given || p.Max.given {
			b.fault(p.place, "the filler takes what the others leave (allowed: no step, min or max)")
		}
		return Axis{Unit: "1"}
	}
	if !p.Step.given {
		b.fault(p.place, "there is no step (allowed: a number or a quantity above 0)")
		return Axis{}
	}
	if !p.Step.Numeric() || p.Step.Number <= 0 {
		b.fault(p.Step.place, "the step is %s (allowed: a number or a quantity above 0)", clip(p.Step.Text))
		return Axis{}
	}
	a := Axis{Unit: p.Step.Unit, Step: p.Step.Number, Open: !p.Min.given, Max: math.Inf(1)}
	for _, bound := range []struct {
		s  *Setting
		to *float64
	}{{&p.Min, &a.Min}, {&p.Max, &a.Max}} {
		if !bound.s.given {
			continue
		}
		v, _ := sameUnit(bound.s.Value, p.Step.Value)
		if v.Unit != a.Unit {
			b.fault(bound.s.place, "%s is not of the kind of the step %s", clip(v.Text), p.Step.Text)
			continue
		}
		*bound.to = v.Number
	}
	if a.Min > a.Max {
		b.fault(p.Min.place, "%s is above max", clip(p.Min.Text))
	}
	return a
}

// start reads one start point, which names every parameter but the filler.
func (b *sweepBuilder) start(s *Sweep, list *Settings, names []string) {
	before := len(b.faults.list)
	point := make([]Value, len(names))
	given := make([]bool, len(names))
	for _, n := range list.List {
		i := slices.Index(names, n.Name)
		if i < 0 {
			b.fault(n.place, "no parameter %q%s", clip(n.Name), b.allowed(n.Name, names))
			continue
		}
		given[i] = true
		a := s.Search.Axes[i]
		v, _ := sameUnit(n.Value, Value{Unit: a.Unit})
		switch {
		case i == s.Search.Filler:
			b.fault(n.place, "the filler takes what the others leave (allowed: the other parameters)")
		case a.Step == 0: // reported at the parameter
		case v.Unit != a.Unit:
			b.fault(n.place, "%s is not of the kind of the step (allowed: a value such as %s)", clip(v.Text), numberValue(a.Step, a.Unit).Text)
		case !a.within(v.Number):
			b.fault(n.place, "%s lies out of bounds", clip(v.Text))
		}
		point[i] = v
	}
	var missing []string
	for i, name := range names {
		if !given[i] && i != s.Search.Filler {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		b.fault(list.place, "the start point has no %s (allowed: a value of every parameter)", strings.Join(missing, ", "))
	}
	if len(b.faults.list) > before {
		return
	}
	if !s.Search.fill(point) {
		b.fault(list.place, "the parameters add up to more than the total of %v", s.Search.Total)
		return
	}
	s.Search.Start = append(s.Search.Start, point)
}
