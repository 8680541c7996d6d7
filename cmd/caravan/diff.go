package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"caravan/results"
	"caravan/results/store"
	"caravan/scenarios"
)

func newDiffCommand(a *app) *cobra.Command {
	var url string
	var metrics []string
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Paired differences of two runs, points or parts of sweeps, with intervals",
		Long: `Diff compares B with A. Each is a saved run (a file), a stored point (the
beginning of its hash), or a sweep, of which a part is chosen by values of
parameters, solver or seed: smoke:solver=ilp or smoke:load=2/s,solver=ilp.

Two runs or points are compared replication by replication. Two parts of sweeps
are compared point by point, those that agree in everything that was not chosen,
and the seeds of a combination give its interval. Both meet the same random
numbers, so a difference varies far less than what it is the difference of. The
verdict is ~ where the 95 % interval holds 0.`,
		Example: `  caravan diff smoke:solver=ilp smoke:solver=queueing
  caravan diff 3f2a9c 77b1d0 --metric latency:p99
  caravan diff caravan-runs/a.json caravan-runs/b.json`,
		Args: takes(2, 2, "two of a saved run, a POINT, or SWEEP:key=value,..."),
	}
	storeFlag(cmd, &url)
	cmd.Flags().StringArrayVar(&metrics, "metric", nil, "compare this metric, as `name:stat` (repeatable), instead of the usual ones")
	output := outputFlag(cmd, "text", "json", "csv")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		wanted, err := chosenMetrics(metrics)
		if err != nil {
			return err
		}
		c := &comparer{ctx: cmd.Context(), url: url, metrics: wanted}
		defer c.close()
		out, err := c.compare(args[0], args[1])
		if err != nil {
			return err
		}
		return a.printDiff(out, output.value)
	}
	return cmd
}

// chosenMetrics reads name:stat arguments; none is the usual ones.
func chosenMetrics(args []string) ([][2]string, error) {
	if len(args) == 0 {
		return cellColumns(), nil
	}
	var out [][2]string
	for _, arg := range args {
		name, stat, ok := strings.Cut(arg, ":")
		if !ok || name == "" || stat == "" {
			return nil, badInput(fmt.Errorf("--metric: found %q, allowed: name:stat, such as latency:mean", arg))
		}
		out = append(out, [2]string{name, stat})
	}
	return out, nil
}

// diffAnswer is the JSON of caravan diff.
type diffAnswer struct {
	Version int        `json:"version"`
	A       string     `json:"a"`
	B       string     `json:"b"`
	Rows    []diffLine `json:"rows"`
}

// A diffLine is one metric of one combination. A and B are means over pairs.
type diffLine struct {
	Parameters json.RawMessage `json:"parameters"` // that both parts share; null between runs
	Solver     string          `json:"solver"`     // that both share; empty otherwise
	Workload   string          `json:"workload"`
	Name       string          `json:"name"`
	Stat       string          `json:"stat"`
	Unit       string          `json:"unit"`
	A          *float64        `json:"a"`
	B          *float64        `json:"b"`
	Difference *float64        `json:"difference"` // b - a
	CI95       *[2]float64     `json:"ci95"`       // null with one pair
	P          *float64        `json:"p"`          // two-sided; null with one pair
	N          int             `json:"n"`          // pairs
	Verdict    string          `json:"verdict"`    // lower, higher, ~, or ? with one pair
}

// comparer compares two things that a person named.
type comparer struct {
	ctx     context.Context
	url     string
	metrics [][2]string
	store   *store.Store // opened when it is needed
}

func (c *comparer) open() (*store.Store, error) {
	if c.store == nil {
		st, err := openStore(c.ctx, c.url)
		if err != nil {
			return nil, err
		}
		c.store = st
	}
	return c.store, nil
}

func (c *comparer) close() {
	if c.store != nil {
		c.store.Close()
	}
}

func (c *comparer) compare(a, b string) (diffAnswer, error) {
	out := diffAnswer{Version: shapeVersion, A: a, B: b}
	first, isRun, err := c.run(a)
	if err != nil {
		return out, err
	}
	second, both, err := c.run(b)
	if err != nil {
		return out, err
	}
	switch {
	case isRun && both:
		out.Rows, err = c.runs(first, second)
	case isRun || both:
		err = badInput(fmt.Errorf("found a single run and a sweep, %s and %s, allowed: two of a kind", a, b))
	default:
		out.Rows, err = c.parts(a, b)
	}
	if err == nil && len(out.Rows) == 0 {
		err = badInput(fmt.Errorf("%s and %s share nothing that can be compared", a, b))
	}
	return out, err
}

// run is a saved run or a stored point; ok is false when the name is neither.
func (c *comparer) run(name string) (r *results.Run, ok bool, err error) {
	if _, err := os.Stat(name); err == nil {
		r, err := results.Load(name)
		return r, true, badInput(err)
	} else if strings.HasSuffix(name, ".json") && errors.Is(err, fs.ErrNotExist) {
		return nil, false, badInput(fmt.Errorf("no file %q", name))
	}
	st, err := c.open()
	if err != nil {
		return nil, false, err
	}
	row, err := findPoint(c.ctx, st, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	r, err = st.Run(c.ctx, row.Hash)
	if errors.Is(err, store.ErrNotFound) {
		err = badInput(fmt.Errorf("point %s is not completed but %s", shortHash(row.Hash), row.State))
	}
	return r, true, err
}

// runs compares two runs, replication by replication where both have several.
func (c *comparer) runs(a, b *results.Run) ([]diffLine, error) {
	var out []diffLine
	first, second := index(a.Metrics), index(b.Metrics)
	for _, m := range a.Metrics {
		k := metricKey{m.Name, m.Workload, m.Stat}
		other, ok := second[k]
		if !ok || !slices.Contains(c.metrics, [2]string{m.Name, m.Stat}) {
			continue
		}
		line := diffLine{Workload: m.Workload, Name: m.Name, Stat: m.Stat, Unit: m.Unit}
		xs, ys := pairs(a.Replications, b.Replications, m)
		if len(xs) == 0 {
			xs, ys = []float64{first[k].Value}, []float64{other.Value}
		}
		line.fill(xs, ys)
		out = append(out, line)
	}
	return out, nil
}

// pairs are the values of a metric in the replications that both have.
func pairs(a, b []results.Replication, m results.Metric) (xs, ys []float64) {
	value := func(r results.Replication) float64 {
		for _, v := range r.Values {
			if v.Name == m.Name && v.Subject == m.Workload && v.Stat == m.Stat {
				return v.Value
			}
		}
		return math.NaN()
	}
	other := map[int]float64{}
	for _, r := range b {
		other[r.Index] = value(r)
	}
	for _, r := range a {
		x, y := value(r), math.NaN()
		if v, ok := other[r.Index]; ok {
			y = v
		}
		if !math.IsNaN(x) && !math.IsNaN(y) {
			xs, ys = append(xs, x), append(ys, y)
		}
	}
	return xs, ys
}

// fill computes the difference of pairs.
func (l *diffLine) fill(xs, ys []float64) {
	l.N, l.Verdict = len(xs), "?"
	var a, b float64
	for i := range xs {
		a, b = a+xs[i]/float64(len(xs)), b+ys[i]/float64(len(xs))
	}
	l.A, l.B, l.Difference = finite(a), finite(b), finite(b-a)
	d, err := results.Paired(xs, ys)
	if err != nil {
		return // one pair has a difference and no interval
	}
	l.Difference, l.P = finite(d.Mean), finite(d.P)
	l.CI95 = &[2]float64{d.Mean - d.HalfWidth, d.Mean + d.HalfWidth}
	switch {
	case !d.Significant():
		l.Verdict = "~"
	case d.Mean < 0:
		l.Verdict = "lower"
	default:
		l.Verdict = "higher"
	}
}

// A part is the points of a sweep that agree with a choice.
type part struct {
	id     string
	sweep  *scenarios.Sweep
	chosen map[string]string
}

// part reads SWEEP:key=value,key=value.
func (c *comparer) part(text string) (part, error) {
	name, choice, _ := strings.Cut(text, ":")
	st, err := c.open()
	if err != nil {
		return part{}, err
	}
	w, s, err := findSweep(c.ctx, st, name)
	if err != nil {
		return part{}, err
	}
	p := part{id: w.ID, sweep: s, chosen: map[string]string{}}
	keys := append(parameterNames(s), "solver", "seed")
	for item := range strings.SplitSeq(choice, ",") {
		if choice == "" {
			break
		}
		key, value, ok := strings.Cut(item, "=")
		if !ok || !contains(keys, key) {
			return p, badInput(fmt.Errorf("%s: %w", text, notOneOf(item, keys)))
		}
		p.chosen[key] = strings.Trim(scenarios.ParseValue(value).Text, `"`)
	}
	return p, nil
}

// A group is what one combination shows of one metric: pairs by seed.
type group struct {
	line   diffLine
	xs, ys []float64
}

// parts compares two parts of sweeps: the points that agree in everything
// that neither choice names, seed by seed.
func (c *comparer) parts(a, b string) ([]diffLine, error) {
	first, err := c.part(a)
	if err != nil {
		return nil, err
	}
	second, err := c.part(b)
	if err != nil {
		return nil, err
	}
	free := maps.Clone(first.chosen)
	maps.Copy(free, second.chosen)
	var out []diffLine
	for _, m := range c.metrics {
		xs, err := c.samples(first, m)
		if err != nil {
			return nil, err
		}
		ys, err := c.samples(second, m)
		if err != nil {
			return nil, err
		}
		out = append(out, pairUp(xs, ys, m, free)...)
	}
	return out, nil
}

// samples are one metric of the points of a part.
func (c *comparer) samples(p part, metric [2]string) ([]store.Sample, error) {
	all, err := c.store.Samples(c.ctx, p.id, metric[0], metric[1])
	if err != nil {
		return nil, err
	}
	names := parameterNames(p.sweep)
	return slices.DeleteFunc(all, func(x store.Sample) bool {
		texts := parameterTexts(x.Parameters, names)
		for key, value := range p.chosen {
			found := x.Solver
			if key == "seed" {
				found = fmt.Sprint(x.Seed)
			} else if i := slices.Index(names, key); i >= 0 {
				found = texts[i]
			}
			if found != value {
				return true
			}
		}
		return math.IsNaN(x.Value)
	}), nil
}

// pairUp pairs samples that agree in everything but what is free.
func pairUp(xs, ys []store.Sample, metric [2]string, free map[string]string) []diffLine {
	type pairKey struct{ combination, solver, workload, seed string }
	key := func(x store.Sample) pairKey {
		k := pairKey{combination: without(x.Parameters, free), solver: x.Solver, workload: x.Workload, seed: fmt.Sprint(x.Seed)}
		if _, ok := free["solver"]; ok {
			k.solver = ""
		}
		if _, ok := free["seed"]; ok {
			k.seed = ""
		}
		return k
	}
	other := map[pairKey]float64{}
	for _, y := range ys {
		other[key(y)] = y.Value
	}
	var order []pairKey
	groups := map[pairKey]*group{}
	for _, x := range xs {
		k := key(x)
		y, ok := other[k]
		if !ok {
			continue
		}
		k.seed = ""
		g := groups[k]
		if g == nil {
			g = &group{line: diffLine{Parameters: json.RawMessage(k.combination), Solver: k.solver, Workload: k.workload, Name: metric[0], Stat: metric[1], Unit: x.Unit}}
			groups[k] = g
			order = append(order, k)
		}
		g.xs, g.ys = append(g.xs, x.Value), append(g.ys, y)
	}
	var out []diffLine
	for _, k := range order {
		g := groups[k]
		g.line.fill(g.xs, g.ys)
		out = append(out, g.line)
	}
	return out
}

// without is the parameters but for some, as JSON with sorted keys.
func without(parameters json.RawMessage, free map[string]string) string {
	values := map[string]json.RawMessage{}
	if err := json.Unmarshal(parameters, &values); err != nil {
		return string(parameters) // what the store holds was written by us
	}
	for k := range free {
		delete(values, k)
	}
	text, err := json.Marshal(values)
	if err != nil {
		return string(parameters)
	}
	return string(text)
}

// printDiff writes the differences.
func (a *app) printDiff(d diffAnswer, format string) error {
	if format == "json" {
		return a.writeJSON(d)
	}
	g := grid{header: []string{"metric", "of", "where", "A", "B", "B - A", "p", "verdict"}, numbers: []int{3, 4, 5, 6}}
	if format == "csv" {
		g.header = []string{"metric", "stat", "workload", "unit", "parameters", "solver", "a", "b", "difference", "ci95_lo", "ci95_hi", "p", "n", "verdict"}
	}
	for _, l := range d.Rows {
		if format == "csv" {
			g.add(l.csv()...)
			continue
		}
		text := "-"
		if l.Difference != nil {
			text = quantity(*l.Difference, l.Unit)
			if l.CI95 != nil {
				text = interval(*l.Difference, (l.CI95[1]-l.CI95[0])/2, l.Unit)
			}
		}
		p := "-"
		if l.P != nil {
			if p = fmt.Sprintf("%.3f", *l.P); *l.P < 0.001 {
				p = "< 0.001"
			}
		}
		g.add(l.Name+" "+l.Stat, l.Workload, l.where(), cellText(l.A, l.Unit), cellText(l.B, l.Unit), text, p, l.verdictText())
	}
	return a.renderGrid(g, format)
}

func (l diffLine) csv() []string {
	lo, hi := math.NaN(), math.NaN()
	if l.CI95 != nil {
		lo, hi = l.CI95[0], l.CI95[1]
	}
	return []string{
		l.Name, l.Stat, l.Workload, l.Unit, string(l.Parameters), l.Solver, numberOr(l.A), numberOr(l.B), numberOr(l.Difference),
		number(lo), number(hi), numberOr(l.P), fmt.Sprint(l.N), l.Verdict,
	}
}

func numberOr(x *float64) string {
	if x == nil {
		return ""
	}
	return number(*x)
}

func cellText(x *float64, unit string) string {
	if x == nil {
		return "-"
	}
	return quantity(*x, unit)
}

// where is the combination for people: load=2/s ilp.
func (l diffLine) where() string {
	values := map[string]json.RawMessage{}
	if err := json.Unmarshal(l.Parameters, &values); err != nil {
		return "" // null: two runs
	}
	names := slices.Sorted(maps.Keys(values))
	var parts []string
	for i, text := range parameterTexts(l.Parameters, names) {
		parts = append(parts, names[i]+"="+text)
	}
	if l.Solver != "" {
		parts = append(parts, l.Solver)
	}
	return strings.Join(parts, " ")
}

// verdictText says by how much B differs where it does.
func (l diffLine) verdictText() string {
	if l.Verdict != "lower" && l.Verdict != "higher" || l.A == nil || *l.A == 0 || l.Difference == nil {
		return l.Verdict
	}
	return fmt.Sprintf("%s by %s", l.Verdict, quantity(math.Abs(*l.Difference / *l.A), "1"))
}
