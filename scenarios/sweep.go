package scenarios

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// The kinds of a sweep.
const (
	KindGrid   = "grid"   // every combination
	KindDesign = "design" // some combinations
	KindSearch = "search" // step by step
)

// MaxPoints bounds the points of a sweep, and maxValues the values of its
// parameters together.
const (
	MaxPoints = 10_000_000
	maxValues = 1_000_000
)

// A Sweep is a sweep file as the rest of Caravan sees it: checked, with its
// scenario read and every default filled in.
type Sweep struct {
	Name        string
	Description string
	Kind        string
	// Base is the scenario with everything set that no parameter varies. Its
	// Files hold the data files of every point.
	Base       *Scenario
	Dimensions []Dimension
	Solvers    []string
	Seeds      []uint64
	Search     *SearchSpec // nil without
	// Text is the sweep file in canonical form, and SHA256 the hash of it and
	// of the base scenario.
	Text   []byte
	SHA256 string

	design *Design
}

// A Dimension is a parameter: the fields it sets and the values it takes.
type Dimension struct {
	Name   string
	Paths  []string
	Values []Value // none in a search
	// from and to are the ends of a range; a design takes any value between.
	from, to Value
	log      bool
}

// A SweepPoint is one execution of a sweep. Values are by dimension.
type SweepPoint struct {
	Position int64
	Values   []Value
	Solver   string
	Seed     uint64
}

// SweepOptions say how to read a sweep.
type SweepOptions struct {
	// Dir is where the scenario is looked for.
	Dir string
	// Solvers are the names that a solver may have; empty allows any.
	Solvers []string
	// Open finds the text of a scenario, where its name in messages and its
	// folder differ from what was written.
	Open func(name string) (shown, dir string, data []byte, err error)
	// Files are data files of the scenario, taken before the disk is asked.
	Files map[string][]byte
	// Check says what is wrong with the expression of a search; nil allows any.
	Check func(expression string) error
}

// LoadSweep reads the sweep in data. name is the file's name, used in messages
// and, without its folder and ending, as the default name. When the sweep is
// wrong the error is *Errors, and so it is when its scenario is.
func LoadSweep(name string, data []byte, o SweepOptions) (*Sweep, error) {
	f := &faults{}
	root := parse(data, 0, f)
	if f.fatal {
		return nil, f.errors(name, data, nil)
	}
	if root == nil || root.kind == null {
		f.add(position{line: 1, column: 1}, "", "the file is empty (allowed: at least scenario and parameters)")
		return nil, f.errors(name, data, nil)
	}
	if root.kind == mapping {
		root.entries, root.index = dropExtensions(root.entries), nil
	}
	file := &SweepFile{}
	d := &decoder{faults: f}
	d.decode(reflect.ValueOf(file), place{v: root}, "")
	b := &sweepBuilder{decoder: d, file: file, options: o}
	s := &Sweep{Name: file.Name, Description: file.Description, Text: canonical(root)}
	if s.Name == "" {
		s.Name = baseName(name)
	}
	if root.kind == mapping && len(f.list) == 0 {
		if err := b.build(s); err != nil {
			return nil, err
		}
	}
	if err := f.errors(name, data, nil); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(append([]byte{}, s.Text...), s.Base.SHA256...))
	s.SHA256 = hex.EncodeToString(sum[:])
	return s, nil
}

// sweepBuilder makes a sweep of its file.
type sweepBuilder struct {
	*decoder
	file    *SweepFile
	options SweepOptions
	name    string // of the scenario in messages
	dir     string
	data    []byte
	set     []string // what every point has
	count   int      // of values made so far
	tries   int      // of values so far
}

// build fills in s. An error is one of the scenario; those of the sweep file
// are faults.
func (b *sweepBuilder) build(s *Sweep) error {
	if err := b.base(s); err != nil {
		return err
	}
	if len(b.faults.list) > 0 {
		return nil
	}
	b.solvers(s)
	b.seeds(s)
	b.kind(s)
	s.design = b.file.Design
	for i := range b.file.Parameters.List {
		s.Dimensions = append(s.Dimensions, b.dimension(&b.file.Parameters.List[i], s.Kind))
	}
	b.distinct(s)
	if s.Kind == KindSearch {
		b.search(s)
	}
	if len(b.faults.list) == 0 && s.count() > MaxPoints {
		b.fault(b.file.place, "the sweep has %.3g runs (allowed: at most %d)", s.count(), MaxPoints)
	}
	if len(b.faults.list) == 0 {
		b.tryValues(s)
	}
	return nil
}

// base reads the scenario with what every point has.
func (b *sweepBuilder) base(s *Sweep) error {
	name, dir, data, err := b.open(b.file.Scenario)
	if err != nil {
		b.fault(b.file.place.key("scenario"), "%s", err)
		return nil
	}
	b.name, b.dir, b.data = name, dir, data
	for _, n := range b.file.Set.List {
		b.set = append(b.set, n.Name+"="+n.Text)
	}
	if b.file.place.has("replications") {
		b.set = append(b.set, "simulate.replications="+strconv.Itoa(b.file.Replications))
	}
	if b.file.place.has("precision") {
		b.set = append(b.set, "simulate.precision="+strconv.FormatFloat(float64(b.file.Precision), 'g', -1, 64))
	}
	base, err := b.load()
	var wrong *Errors
	if errors.As(err, &wrong) && b.blame(wrong, b.file.Set.List) {
		return nil
	}
	s.Base = base
	return err
}

// load reads the scenario with some fields set.
func (b *sweepBuilder) load(more ...string) (*Scenario, error) {
	return Load(b.name, b.data, Options{
		Set: append(slices.Clone(b.set), more...), Dir: b.dir, Files: b.options.Files, Solvers: b.options.Solvers,
	})
}

func (b *sweepBuilder) open(name string) (shown, dir string, data []byte, err error) {
	if b.options.Open != nil {
		return b.options.Open(name)
	}
	data, err = Open(name)
	return name, "", data, err
}

// blame shows the faults that come from values of the sweep file where these
// are written. It reports whether all of them do.
func (b *sweepBuilder) blame(wrong *Errors, list []NamedSetting) bool {
	all := true
	for _, fault := range wrong.List {
		found := false
		for _, n := range list {
			if fault.Set == n.Name+"="+n.Text {
				b.fault(n.place, "%s", fault.brief())
				found = true
				break
			}
		}
		all = all && found
	}
	return all
}

// brief is the fault without the file it was found in.
func (f Fault) brief() string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

func (b *sweepBuilder) solvers(s *Sweep) {
	at := b.file.place.key("solvers")
	for i, name := range b.file.Solvers {
		if len(b.options.Solvers) > 0 && !contains(b.options.Solvers, name) {
			b.fault(at.item(i), "no solver %q%s", clip(name), allowed(name, b.options.Solvers))
		}
		if contains(b.file.Solvers[:i], name) {
			b.fault(at.item(i), "the solver %q is given a second time", clip(name))
		}
	}
	if s.Solvers = b.file.Solvers; len(s.Solvers) == 0 {
		s.Solvers = []string{s.Base.Solve.Solver}
	}
}

func (b *sweepBuilder) seeds(s *Sweep) {
	s.Seeds = b.file.Seeds.List
	for i, seed := range s.Seeds {
		if slices.Contains(s.Seeds[:i], seed) {
			b.fault(b.file.Seeds.place.item(i), "the seed %d is given a second time", seed)
		}
	}
	for i := range b.file.Seeds.Count {
		s.Seeds = append(s.Seeds, s.Base.Seed+uint64(i))
	}
	if len(s.Seeds) == 0 {
		s.Seeds = []uint64{s.Base.Seed}
	}
}

// kind settles what kind of sweep it is.
func (b *sweepBuilder) kind(s *Sweep) {
	s.Kind = KindGrid
	if b.file.Design != nil {
		s.Kind = KindDesign
	}
	if b.file.Search == nil {
		return
	}
	s.Kind = KindSearch
	if b.file.Design != nil {
		b.fault(b.file.place.key("design"), "a search has no design (allowed: one of design and search)")
	}
}

// dimension makes a parameter's fields and values.
func (b *sweepBuilder) dimension(p *Parameter, kind string) Dimension {
	out := Dimension{Name: p.name, Paths: p.Path.List}
	at := p.place
	if len(out.Paths) == 0 {
		out.Paths = []string{p.name}
	} else {
		at = at.key("path")
	}
	for i, path := range out.Paths {
		steps, err := splitPath(path)
		if err != nil {
			b.fault(at, "%s", err)
			continue
		}
		out.Paths[i] = joinPath(steps)
		if steps[0] == "seed" || (steps[0] == "solve" && len(steps) > 1 && steps[1] == "solver") {
			b.fault(at, "%s is not set by a parameter (allowed: the keys solvers and seeds of the sweep)", path)
		}
	}
	if kind == KindSearch {
		for _, key := range []string{"values", "range", "log"} {
			if p.place.has(key) {
				b.fault(p.place.key(key), "a search makes its own values (allowed: step, min, max)")
			}
		}
		return out
	}
	for _, key := range []string{"step", "min", "max"} {
		if p.place.has(key) {
			b.fault(p.place.key(key), "%q is for a search (allowed: values, range, log)", key)
		}
	}
	b.values(p, &out)
	return out
}

// joinPath writes the steps of a path in one way.
func joinPath(steps []string) string {
	out := make([]string, len(steps))
	for i, s := range steps {
		if out[i] = s; strings.ContainsAny(s, `.[]"= `) {
			out[i] = `"` + s + `"`
		}
	}
	return strings.Join(out, ".")
}

// values fills in what a parameter takes.
func (b *sweepBuilder) values(p *Parameter, out *Dimension) {
	given := 0
	if p.place.has("values") {
		given++
		seen := map[string]bool{}
		for i := range p.Values {
			v := p.Values[i]
			if seen[v.Text] {
				b.fault(v.place, "the value %s is given a second time", clip(v.Text))
			}
			seen[v.Text] = true
			out.Values = append(out.Values, v.Value)
		}
		if len(p.Values) == 0 {
			b.fault(p.place.key("values"), "there are no values (allowed: at least one)")
		}
	}
	if p.Range != nil {
		given++
		b.span(p.Range, out, false)
	}
	if p.Log != nil {
		given++
		b.span(p.Log, out, true)
	}
	if given != 1 {
		b.fault(p.place, "the parameter has %d of values, range and log (allowed: exactly one)", given)
	}
}

// span makes the values of a range, in equal steps or in equal ratios.
func (b *sweepBuilder) span(r *Range, out *Dimension, log bool) {
	from, to := r.From.Value, r.To.Value
	from, to = sameUnit(from, to)
	if !from.Numeric() || from.Unit != to.Unit || from.Number >= to.Number {
		b.fault(r.place, "the range goes from %s to %s (allowed: two numbers or quantities of a kind, the smaller first)", clip(r.From.Text), clip(r.To.Text))
		return
	}
	if log && from.Number <= 0 {
		b.fault(r.From.place, "a range in equal ratios begins at %s (allowed: above 0)", from.Text)
		return
	}
	out.from, out.to, out.log = from, to, log
	n, ok := b.steps(r, out)
	if b.count += n; b.count > maxValues {
		b.fault(r.place, "the ranges have %d values (allowed: at most %d together)", b.count, maxValues)
		return
	}
	if !ok {
		return
	}
	last := -1.0
	for i := range n {
		x := from.Number + (to.Number-from.Number)*(float64(i)/float64(n-1))
		switch {
		case r.Step.given:
			x = from.Number + float64(i)*r.Step.Number
		case log:
			x = out.between(float64(i) / float64(n-1))
		}
		v := numberValue(tidy(x), from.Unit)
		if i == 0 || v.Number != last { // neighbours that round to one value are one
			out.Values = append(out.Values, v)
		}
		last = v.Number
	}
}

// steps is how many values a range has.
func (b *sweepBuilder) steps(r *Range, out *Dimension) (int, bool) {
	switch {
	case r.Step.given && r.Count > 0:
		b.fault(r.place.key("count"), "there is a step as well (allowed: one of step and count)")
	case r.Count > 0:
		return r.Count, true
	case r.Step.given:
		if r.Step.Unit != out.from.Unit || r.Step.Number <= 0 || out.log {
			b.fault(r.Step.place, "the step %s does not fit (allowed: above 0, of the kind of the ends, and not with equal ratios)", clip(r.Step.Text))
			return 0, false
		}
		n := math.Floor((out.to.Number-out.from.Number)/r.Step.Number*(1+1e-12)) + 1
		if n > maxValues {
			b.fault(r.Step.place, "the step makes %.3g values (allowed: at most %d)", n, maxValues)
			return 0, false
		}
		return int(n), true
	case b.file.Design != nil:
		return 0, false // a design takes any value between the ends
	default:
		b.fault(r.place, "there is neither step nor count (allowed: one of them)")
	}
	return 0, false
}

// sameUnit gives a bare 0 the unit of the other end.
func sameUnit(a, b Value) (Value, Value) {
	if a.Unit == "1" && a.Number == 0 && b.Numeric() {
		a = numberValue(0, b.Unit)
	}
	if b.Unit == "1" && b.Number == 0 && a.Numeric() {
		b = numberValue(0, a.Unit)
	}
	return a, b
}

// distinct checks that no two parameters set the same field.
func (b *sweepBuilder) distinct(s *Sweep) {
	seen := map[string]string{}
	for i, d := range s.Dimensions {
		for _, path := range d.Paths {
			if other, ok := seen[path]; ok {
				b.fault(b.file.Parameters.List[i].place, "%s is set by the parameter %q as well", path, other)
			}
			seen[path] = d.Name
		}
	}
}

// maxTried bounds how many values of a parameter are tried on reading, and
// maxTries how many of all; what lies between the first and the last of a
// longer one is seen when it runs.
const (
	maxTried = 100
	maxTries = 2000
)

// tryValues reads the scenario with each value of each parameter, one at a
// time, so that a sweep fails before it begins, and collects the data files.
func (b *sweepBuilder) tryValues(s *Sweep) {
	files := maps.Clone(s.Base.Files)
	if files == nil {
		files = map[string][]byte{}
	}
	for i, d := range s.Dimensions {
		p := &b.file.Parameters.List[i]
		for _, v := range b.tried(s, i) {
			if b.tries++; b.tries > maxTries {
				break
			}
			loaded, err := b.load(d.settings(v.Value)...)
			var wrong *Errors
			if errors.As(err, &wrong) {
				at := p.place
				if v.given {
					at = v.place
				}
				b.fault(at, "%s", wrong.List[0].brief())
				break
			}
			if err == nil {
				maps.Copy(files, loaded.Files)
			}
		}
	}
	s.Base.Files = files
}

// tried are the values of a dimension that are tried, with their places where
// they have one.
func (b *sweepBuilder) tried(s *Sweep, i int) []Setting {
	p, d := &b.file.Parameters.List[i], s.Dimensions[i]
	if s.Kind == KindSearch {
		var out []Setting
		for k := range s.Search.Start {
			v := s.Search.Start[k][i]
			out = append(out, Setting{Value: v, here: here{p.place}, given: true})
		}
		return out
	}
	var out []Setting
	if p.place.has("values") {
		out = append(out, p.Values...)
	} else if len(d.Values) > 0 {
		for _, v := range d.Values {
			out = append(out, Setting{Value: v})
		}
	} else {
		out = []Setting{{Value: d.from}, {Value: d.to}}
	}
	if len(out) > maxTried {
		out = append(out[:maxTried-1:maxTried-1], out[len(out)-1])
	}
	return out
}

// settings are what the value means to the scenario.
func (d Dimension) settings(v Value) []string {
	out := make([]string, len(d.Paths))
	for i, path := range d.Paths {
		out[i] = path + "=" + v.Text
	}
	return out
}

// Settings are what the values mean to the scenario: path=value.
func (s *Sweep) Settings(values []Value) []string {
	out := []string{}
	for i, d := range s.Dimensions {
		out = append(out, d.settings(values[i])...)
	}
	return out
}

// Parameters are the values by name, as a JSON object with sorted keys.
func (s *Sweep) Parameters(values []Value) []byte {
	order := make([]int, len(s.Dimensions))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return strings.Compare(s.Dimensions[i].Name, s.Dimensions[j].Name) })
	out := []byte{'{'}
	for k, i := range order {
		if k > 0 {
			out = append(out, ',')
		}
		out = append(out, quote(s.Dimensions[i].Name)...)
		out = append(out, ':')
		out = append(out, values[i].JSON()...)
	}
	return append(out, '}')
}

// count is how many points there are, as a float, which does not overflow.
func (s *Sweep) count() float64 {
	if s.Kind == KindSearch {
		return 0
	}
	n := float64(len(s.Solvers)) * float64(len(s.Seeds))
	if s.Kind == KindDesign {
		return n * float64(s.design.Points)
	}
	for _, d := range s.Dimensions {
		n *= float64(len(d.Values))
	}
	return n
}

// Count is how many points a grid or a design has; nobody knows that of a
// search, which has 0.
func (s *Sweep) Count() int64 { return int64(s.count()) }

// Points are those of a grid or a design, none of a search: parameters nest in the order of the
// file, then solvers, then seeds.
func (s *Sweep) Points() iter.Seq[SweepPoint] {
	return func(yield func(SweepPoint) bool) {
		if s.Kind == KindSearch {
			return
		}
		position := int64(0)
		for values := range s.combinations() {
			for _, solver := range s.Solvers {
				for _, seed := range s.Seeds {
					if !yield(SweepPoint{position, values, solver, seed}) {
						return
					}
					position++
				}
			}
		}
	}
}

// combinations are the values of every parameter, the last one fastest.
func (s *Sweep) combinations() iter.Seq[[]Value] {
	if s.Kind == KindDesign {
		return slices.Values(s.designed())
	}
	return func(yield func([]Value) bool) {
		at := make([]int, len(s.Dimensions))
		for {
			values := make([]Value, len(at))
			for i, k := range at {
				values[i] = s.Dimensions[i].Values[k]
			}
			if !yield(values) {
				return
			}
			i := len(at) - 1
			for ; i >= 0; i-- {
				if at[i]++; at[i] < len(s.Dimensions[i].Values) {
					break
				}
				at[i] = 0
			}
			if i < 0 {
				return
			}
		}
	}
}
