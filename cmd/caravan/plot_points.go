package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"caravan/results"
	"caravan/results/plots"
	"caravan/results/store"
	"caravan/scenarios"
)

// boundaries draws what a search in two parameters visited, a figure a solver
// and seed.
func (w *swept) boundaries(ctx context.Context) ([]namedFigure, error) {
	if w.Search == nil || len(w.Dimensions) < 2 {
		return nil, errNothing{"a border is found by a search in two parameters"}
	}
	rows, err := w.store.Rows(ctx, w.id)
	if err != nil {
		return nil, err
	}
	var out []namedFigure
	for _, solver := range w.Solvers {
		for _, seed := range w.Seeds {
			f := plots.Boundary{X: plots.Axis{Label: capital(w.Dimensions[0].Name)}, Y: plots.Axis{Label: capital(w.Dimensions[1].Name)},
				Grid: int(fullGrid(w.Sweep)) / len(w.Solvers) / len(w.Seeds)}
			for _, r := range rows {
				if r.Solver != solver || r.Seed != seed || r.Verdict == "" {
					continue
				}
				v := valuesOf(w.Sweep, r.Parameters)
				f.Visits = append(f.Visits, plots.Visit{X: v[0].Number, Y: v[1].Number, Stable: r.Verdict == verdictStable})
				f.X.Unit, f.Y.Unit = unitShown(v[0]), unitShown(v[1])
			}
			if len(f.Visits) == 0 {
				return nil, errNothing{"the search has judged no point"}
			}
			name := "sweep-boundary"
			if len(w.Solvers)*len(w.Seeds) > 1 {
				name += fmt.Sprintf("-%s-%d", solver, seed)
			}
			out = append(out, namedFigure{name: name, figure: f})
		}
	}
	return out, nil
}

func unitShown(v scenarios.Value) string {
	if v.Unit == "1" {
		return ""
	}
	return v.Unit
}

// cdfs draws the distribution of latency by solver, over all seeds and
// pipelines, a figure for each value of a lone parameter.
func (w *swept) cdfs(ctx context.Context) ([]namedFigure, error) {
	if w.Search != nil || len(w.Dimensions) > 1 || len(w.Dimensions) == 1 && (len(w.Dimensions[0].Values) == 0 || len(w.Dimensions[0].Values) > 2*mostCases) {
		return nil, errNothing{"distributions are for one parameter of few values"}
	}
	rows, err := w.store.Rows(ctx, w.id)
	if err != nil {
		return nil, err
	}
	at := map[spot]map[[2]int64]int64{} // counts by bucket
	for _, r := range rows {
		if r.State != store.Completed {
			continue
		}
		list, err := w.store.Distributions(ctx, r.Hash)
		if err != nil {
			return nil, err
		}
		k := spot{string(r.Parameters), r.Solver}
		for _, x := range list {
			if x.Name != "latency" {
				continue
			}
			if at[k] == nil {
				at[k] = map[[2]int64]int64{}
			}
			for _, b := range x.Data.Distribution() {
				if b.Count > 0 {
					at[k][[2]int64{b.From, b.To + 1}] += b.Count
				}
			}
		}
	}
	values := [][]scenarios.Value{nil}
	if len(w.Dimensions) == 1 {
		_, along := w.dimension(0)
		values = nil
		for _, v := range along {
			values = append(values, []scenarios.Value{v})
		}
	}
	var out []namedFigure
	for _, v := range values {
		f := plots.CDF{X: plots.Axis{Label: "Latency", Unit: "s", Log: true}}
		for _, solver := range w.Solvers {
			if counts := at[spot{string(w.Parameters(v)), solver}]; len(counts) > 0 {
				f.Samples = append(f.Samples, sampleOfBuckets(solver, counts))
			}
		}
		if len(f.Samples) == 0 {
			continue
		}
		name := "sweep-cdf"
		for i, x := range v {
			name += "-" + strings.Map(fileRune, w.Dimensions[i].Name+"-"+strings.Trim(x.Text, `"`))
		}
		out = append(out, namedFigure{name: name, figure: f})
	}
	if len(out) == 0 {
		return nil, errNothing{"no point was completed in which a pipeline answered a request"}
	}
	return out, nil
}

// sampleOfBuckets is the sample of counts of nanoseconds from one bound to the
// next.
func sampleOfBuckets(name string, counts map[[2]int64]int64) plots.Sample {
	s := plots.Sample{Name: name}
	order := slices.SortedFunc(maps.Keys(counts), func(a, b [2]int64) int { return cmp.Or(cmp.Compare(a[1], b[1]), cmp.Compare(a[0], b[0])) })
	s.Least = float64(order[0][0]) / 1e9
	for _, b := range order {
		s.Upto, s.Counts = append(s.Upto, float64(b[1])/1e9), append(s.Counts, float64(counts[b]))
	}
	return s
}

// contrasts is the ratio of every solver to the first, seed by seed, at every
// combination of parameters.
func (w *swept) contrasts(ctx context.Context) ([]namedFigure, error) {
	if len(w.Solvers) < 2 || len(w.Seeds) < 2 {
		return nil, errNothing{"a paired ratio needs two solvers and two seeds"}
	}
	names, err := w.workloads(ctx)
	if err != nil {
		return nil, err
	}
	xs, err := w.samples(ctx, "latency", "mean")
	if err != nil {
		return nil, err
	}
	type key struct {
		spot
		workload string
	}
	var order []string
	values := map[key]map[uint64]float64{}
	for _, x := range xs {
		k := key{spot{string(x.Parameters), x.Solver}, x.Workload}
		if values[k] == nil {
			values[k] = map[uint64]float64{}
		}
		values[k][x.Seed] = x.Value
		if !contains(order, string(x.Parameters)) {
			order = append(order, string(x.Parameters))
		}
	}
	f := plots.Differences{X: plots.Axis{Label: "Mean latency over that of " + w.Solvers[0], Log: true}}
	for _, parameters := range order {
		for _, workload := range names {
			base := values[key{spot{parameters, w.Solvers[0]}, workload}]
			for _, solver := range w.Solvers[1:] {
				e, ok := pairedRatio(base, values[key{spot{parameters, solver}, workload}])
				if !ok {
					continue
				}
				name := strings.Join(append(parameterTexts(json.RawMessage(parameters), parameterNames(w.Sweep)), solver), ", ")
				if len(names) > 1 {
					name = workload + ", " + name
				}
				f.Contrasts = append(f.Contrasts, plots.Contrast{Name: name, Difference: e})
			}
		}
	}
	if len(f.Contrasts) == 0 || len(f.Contrasts) > 4*mostCases {
		return nil, errNothing{fmt.Sprintf("%d ratios do not fit a figure; caravan diff lists them", len(f.Contrasts))}
	}
	return []namedFigure{{name: "sweep-ratios", figure: f}}, nil
}

// pairedRatio is the ratio of two solvers, paired over seeds: the difference of
// logarithms, turned back.
func pairedRatio(base, against map[uint64]float64) (plots.Estimate, bool) {
	var a, b []float64
	for _, seed := range slices.Sorted(maps.Keys(base)) {
		if v := against[seed]; v > 0 && base[seed] > 0 {
			a, b = append(a, math.Log(base[seed])), append(b, math.Log(v))
		}
	}
	d, err := results.Paired(a, b)
	if err != nil {
		return plots.Estimate{}, false
	}
	return plots.Estimate{Value: math.Exp(d.Mean), Low: math.Exp(d.Mean - d.HalfWidth), High: math.Exp(d.Mean + d.HalfWidth)}, true
}
