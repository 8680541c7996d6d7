package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"caravan/results/plots"
	"caravan/results/store"
	"caravan/scenarios"
)

// A swept is a stored sweep as figures need it.
type swept struct {
	*scenarios.Sweep
	id    string
	store *store.Store
	read  map[metricKey][]store.Sample // by name and stat
	folds map[metricKey]map[spot]plots.Estimate
}

// sweepRow is a figure of a sweep.
func sweepRow(name, shows string, make func(w *swept, ctx context.Context) ([]namedFigure, error)) figureRow {
	return figureRow{name: name, shows: shows, of: aSweep, make: func(ctx context.Context, d *drawing) ([]namedFigure, error) {
		return make(d.sweep, ctx)
	}}
}

// openSweep reads the sweep that name says: its identifier, its name, or
// latest. ok is false when the store, or a sweep of that name, is not there.
func openSweep(ctx context.Context, url, name string) (w *swept, created int64, ok bool, err error) {
	if path := strings.TrimPrefix(url, "sqlite:"); !store.IsPostgres(url) {
		if _, err := os.Stat(path); err != nil {
			return nil, 0, false, nil
		}
	}
	st, err := store.Open(ctx, url)
	if err != nil {
		return nil, 0, false, err
	}
	summary, err := st.Sweep(ctx, name)
	if err == nil {
		var s *scenarios.Sweep
		if s, err = storedSweep(ctx, st, summary); err == nil {
			return &swept{Sweep: s, id: summary.ID, store: st, read: map[metricKey][]store.Sample{}, folds: map[metricKey]map[spot]plots.Estimate{}}, summary.Created.UnixNano(), true, nil
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return nil, 0, false, errors.Join(err, st.Close())
}

// samples reads one metric of every point, once.
func (w *swept) samples(ctx context.Context, name, stat string) ([]store.Sample, error) {
	k := metricKey{name: name, stat: stat}
	if xs, ok := w.read[k]; ok {
		return xs, nil
	}
	xs, err := w.store.Samples(ctx, w.id, name, stat)
	if err != nil {
		return nil, err
	}
	w.read[k] = xs
	return xs, nil
}

// dimension is a parameter along a figure's side. What has no number is drawn
// at its position.
func (w *swept) dimension(i int) (plots.Axis, []scenarios.Value) {
	d := w.Dimensions[i]
	a := plots.Axis{Label: capital(d.Name)}
	if len(d.Values) == 0 || !d.Values[0].Numeric() {
		return a, d.Values
	}
	if a.Unit = d.Values[0].Unit; a.Unit == "1" {
		a.Unit = ""
	}
	values := slices.Clone(d.Values)
	slices.SortFunc(values, func(x, y scenarios.Value) int { return cmp.Compare(x.Number, y.Number) })
	// Steps that grow are read on a logarithmic axis.
	if n := len(values); n > 3 && values[0].Number > 0 && values[n-1].Number/values[n-2].Number > 1.5*(1-1e-9) && values[n-1].Number/values[0].Number >= 8 {
		a.Log = true
	}
	return a, values
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// A spot is one combination of parameters and a solver.
type spot struct{ parameters, solver string }

// folded is a metric of one workload by spot: the mean over seeds with its
// interval.
func (w *swept) folded(ctx context.Context, name, stat, workload string) (map[spot]plots.Estimate, error) {
	whole := metricKey{name, workload, stat}
	if out, ok := w.folds[whole]; ok {
		return out, nil
	}
	xs, err := w.samples(ctx, name, stat)
	if err != nil {
		return nil, err
	}
	groups := map[spot][]store.Sample{}
	for _, x := range xs {
		if x.Workload == workload {
			k := spot{string(x.Parameters), x.Solver}
			groups[k] = append(groups[k], x)
		}
	}
	out := map[spot]plots.Estimate{}
	for k, g := range groups {
		m := fold(name, stat, g)
		e := plots.Exactly(math.NaN())
		if m.Value != nil {
			e.Value = *m.Value
		}
		if m.CI95 != nil { // no metric is negative, and no share above 1
			e.Low, e.High = math.Max(m.CI95[0], 0), m.CI95[1]
			if m.Unit == "1" {
				e.High = math.Min(e.High, 1)
			}
		}
		out[k] = e
	}
	w.folds[whole] = out
	return out, nil
}

// workloads are those that have a latency, by name.
func (w *swept) workloads(ctx context.Context) ([]string, error) {
	xs, err := w.samples(ctx, "latency", "mean")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, x := range xs {
		if !contains(out, x.Workload) {
			out = append(out, x.Workload)
		}
	}
	if len(out) == 0 {
		return nil, errNothing{"no point was completed in which a pipeline answered a request"}
	}
	slices.Sort(out)
	return out, nil
}

// A sweptMetric is what sweeps are drawn by.
type sweptMetric struct{ name, stat, label, unit string }

func sweptMetrics() []sweptMetric {
	return []sweptMetric{
		{"latency", "mean", "Mean latency", "s"}, {"latency", "p99", "p99 latency", "s"},
		{"throughput", "mean", "Throughput", "1/s"}, {"late", "ratio", "Past their deadline", "1"},
	}
}

// eachMetric makes a figure of every metric and workload that was observed.
func (w *swept) eachMetric(ctx context.Context, prefix string, most int, make func(m sweptMetric, at map[spot]plots.Estimate) (plots.Figure, error)) ([]namedFigure, error) {
	names, err := w.workloads(ctx)
	if err != nil {
		return nil, err
	}
	var out []namedFigure
	for _, m := range sweptMetrics()[:most] {
		for _, workload := range names[:min(len(names), mostCases)] {
			at, err := w.folded(ctx, m.name, m.stat, workload)
			if err != nil {
				return nil, err
			}
			if len(at) == 0 {
				continue
			}
			f, err := make(m, at)
			if err != nil {
				return nil, err
			}
			name := prefix + "-" + m.name + "-" + m.stat
			if len(names) > 1 {
				name += "-" + strings.Map(fileRune, workload)
			}
			out = append(out, namedFigure{name: name, figure: f})
		}
	}
	return out, nil
}

// valuesAxis is the axis of a metric: logarithmic for spans that differ much.
func valuesAxis(m sweptMetric, at map[spot]plots.Estimate) plots.Axis {
	least, most := math.Inf(1), 0.0
	for _, e := range at {
		if e.Value > 0 {
			least, most = math.Min(least, e.Value), math.Max(most, e.Value)
		}
	}
	return plots.Axis{Label: m.label, Unit: m.unit, Log: m.unit == "s" && most > 30*least}
}

// lines draws every metric over the numeric parameter of most values, a line
// for each solver and combination of the other parameters: in one figure, or in
// one a solver where that is too much for one.
func (w *swept) lines(ctx context.Context) ([]namedFigure, error) {
	along, combinations := -1, 1
	for i, d := range w.Dimensions {
		if n := len(d.Values); n > 1 && d.Values[0].Numeric() && (along < 0 || n > len(w.Dimensions[along].Values)) {
			along = i
		}
	}
	if along < 0 {
		return nil, errNothing{"no parameter takes several numbers"}
	}
	for i, d := range w.Dimensions {
		if i != along {
			combinations *= max(len(d.Values), 1)
		}
	}
	if combinations > mostCases {
		return nil, errNothing{fmt.Sprintf("%d lines cannot be told apart", combinations)}
	}
	if combinations*len(w.Solvers) <= mostCases {
		return w.linesOf(ctx, "sweep-lines", along, w.Solvers)
	}
	var out []namedFigure
	for _, solver := range w.Solvers {
		figures, err := w.linesOf(ctx, "sweep-lines-"+solver, along, []string{solver})
		if err != nil {
			return nil, err
		}
		out = append(out, figures...)
	}
	return out, nil
}

// linesOf draws the lines of some solvers.
func (w *swept) linesOf(ctx context.Context, prefix string, along int, solvers []string) ([]namedFigure, error) {
	return w.eachMetric(ctx, prefix, len(sweptMetrics()), func(m sweptMetric, at map[spot]plots.Estimate) (plots.Figure, error) {
		x, _ := w.dimension(along)
		f := plots.Lines{X: x, Y: valuesAxis(m, at)}
		byName := map[string]*plots.Curve{}
		for _, k := range w.spots(at, along) {
			if !contains(solvers, k.solver) {
				continue
			}
			v := valuesOf(w.Sweep, json.RawMessage(k.parameters))
			var words []string
			if len(solvers) > 1 || len(w.Dimensions) == 1 {
				words = append(words, k.solver)
			}
			for i, d := range w.Dimensions {
				if i != along {
					words = append(words, d.Name+" "+strings.Trim(v[i].Text, `"`))
				}
			}
			name := strings.Join(words, ", ")
			if byName[name] == nil {
				f.Curves = append(f.Curves, plots.Curve{Name: name})
				byName[name] = &plots.Curve{}
			}
			c := byName[name]
			c.X, c.Y = append(c.X, v[along].Number), append(c.Y, at[k])
		}
		for i := range f.Curves {
			c := byName[f.Curves[i].Name]
			f.Curves[i].X, f.Curves[i].Y = c.X, c.Y
		}
		return f, nil
	})
}

// spots are in order of solver, then of the other parameters as the sweep lists
// them, and of the one along the axis last.
func (w *swept) spots(at map[spot]plots.Estimate, along int) []spot {
	type placed struct {
		spot
		rank []float64
	}
	var all []placed
	for k := range at {
		p := placed{k, []float64{float64(slices.Index(w.Solvers, k.solver))}}
		v := valuesOf(w.Sweep, json.RawMessage(k.parameters))
		for i := range w.Dimensions {
			if i != along {
				p.rank = append(p.rank, v[i].Number, float64(slices.IndexFunc(w.Dimensions[i].Values, func(o scenarios.Value) bool { return o.Text == v[i].Text })))
			}
		}
		p.rank = append(p.rank, v[along].Number)
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(slices.Compare(a.rank, b.rank), strings.Compare(a.parameters, b.parameters))
	})
	out := make([]spot, len(all))
	for i, p := range all {
		out[i] = p.spot
	}
	return out
}

// bars sets the solvers side by side at every value of a lone parameter.
func (w *swept) bars(ctx context.Context) ([]namedFigure, error) {
	if len(w.Dimensions) != 1 || len(w.Dimensions[0].Values) == 0 || len(w.Dimensions[0].Values)*len(w.Solvers) > 40 {
		return nil, errNothing{"bars are for one parameter of few values"}
	}
	return w.eachMetric(ctx, "sweep-bars", 2, func(m sweptMetric, at map[spot]plots.Estimate) (plots.Figure, error) {
		_, values := w.dimension(0)
		f := plots.Bars{X: plots.Axis{Label: capital(w.Dimensions[0].Name)}, Y: valuesAxis(m, at)}
		for _, solver := range w.Solvers {
			f.Sets = append(f.Sets, plots.BarSet{Name: solver})
		}
		for _, v := range values {
			f.Groups = append(f.Groups, strings.Trim(v.Text, `"`))
			for i, solver := range w.Solvers {
				e, ok := at[spot{string(w.Parameters([]scenarios.Value{v})), solver}]
				if !ok {
					e = plots.Exactly(math.NaN())
				}
				f.Sets[i].Values = append(f.Sets[i].Values, e)
			}
		}
		return f, nil
	})
}

// maps draws metrics over two parameters, one map a solver.
func (w *swept) maps(ctx context.Context) ([]namedFigure, error) {
	if len(w.Dimensions) != 2 || w.Search != nil || len(w.Dimensions[0].Values) < 2 || len(w.Dimensions[1].Values) < 2 {
		return nil, errNothing{"a map is for the full grid of two parameters"}
	}
	var out []namedFigure
	for _, solver := range w.Solvers {
		figures, err := w.eachMetric(ctx, "sweep-map-"+solver, 2, func(m sweptMetric, at map[spot]plots.Estimate) (plots.Figure, error) {
			x, xs := w.dimension(0)
			y, ys := w.dimension(1)
			f := plots.Heat{X: x, Y: y, Z: valuesAxis(m, at)}
			for _, v := range xs {
				f.X.Names = append(f.X.Names, strings.Trim(v.Text, `"`))
			}
			for _, v := range ys {
				f.Y.Names = append(f.Y.Names, strings.Trim(v.Text, `"`))
				var row []float64
				for _, u := range xs {
					e, ok := at[spot{string(w.Parameters([]scenarios.Value{u, v})), solver}]
					if !ok {
						e.Value = math.NaN()
					}
					row = append(row, e.Value)
				}
				f.Grid = append(f.Grid, row)
			}
			return f, nil
		})
		if err != nil {
			return nil, err
		}
		out = append(out, figures...)
	}
	return out, nil
}
