package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchmath"

	"caravan/results/plots"
)

// printBench writes the results, beside the baseline where there is one.
func (a *app) printBench(r, base *benchResults, format string) error {
	switch format {
	case "json":
		return a.writeJSON(r)
	case "csv":
		return a.writeBenchCSV(r)
	}
	a.printBenchRows(r)
	if len(r.Rows) == 1 {
		a.printParts(r.Rows[0].Assignment)
	}
	a.printRatios(r)
	if base != nil {
		a.printAgainst(r, base)
	}
	return nil
}

func (a *app) printBenchRows(r *benchResults) {
	g := grid{header: []string{"instance", "solver", "status", "cost", "bound", "gap", "known", "steps", "CPU time", ""}, numbers: []int{3, 4, 5, 6, 7, 8}}
	for _, row := range r.Rows {
		g.add(row.Instance, row.Solver, row.Status, optional(row.Cost, row.Unit), optional(row.Bound, row.Unit), gapText(row.Gap),
			optional(row.Known, row.Unit), strconv.FormatInt(row.Steps, 10), seconds(median(row.CPUSeconds)), row.Wrong)
	}
	g.render(a.stdout)
}

func median(xs []float64) float64 {
	sorted := slices.Clone(xs)
	slices.Sort(sorted)
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// family is an instance's name up to its seed: what a mean is taken over.
func family(instance string) string {
	if i := strings.LastIndexByte(instance, '-'); i > 0 {
		return instance[:i]
	}
	if i := strings.IndexByte(instance, '/'); i > 0 {
		return instance[:i]
	}
	return instance
}

// printRatios compares the solvers with the first one of each family, over the
// instances that both were given: the geometric mean of their CPU times.
func (a *app) printRatios(r *benchResults) {
	type pair struct{ family, first, other string }
	type sum struct {
		logs            float64
		n               int
		proved, proved2 int
	}
	var order []pair
	sums := map[pair]*sum{}
	for i := 0; i < len(r.Rows); {
		j := i
		for j < len(r.Rows) && r.Rows[j].Instance == r.Rows[i].Instance {
			j++
		}
		first := r.Rows[i]
		for _, other := range r.Rows[i+1 : j] {
			if other.Bound == nil {
				continue // a rule of thumb takes no time and proves nothing
			}
			key := pair{family(first.Instance), first.Solver, other.Solver}
			if sums[key] == nil {
				sums[key] = &sum{}
				order = append(order, key)
			}
			s := sums[key]
			s.logs += math.Log(median(other.CPUSeconds) / median(first.CPUSeconds))
			s.n++
			s.proved += count01(first.Status == "optimal")
			s.proved2 += count01(other.Status == "optimal")
		}
		i = j
	}
	if len(order) == 0 {
		return
	}
	fmt.Fprintln(a.stdout)
	g := grid{header: []string{"family", "solver", "CPU time over that of", "ratio", "proved", "of"}, numbers: []int{3, 4, 5}}
	for _, k := range order {
		s := sums[k]
		g.add(k.family, k.other, k.first, strconv.FormatFloat(math.Exp(s.logs/float64(s.n)), 'g', 3, 64)+"x",
			fmt.Sprintf("%d and %d", s.proved2, s.proved), strconv.Itoa(s.n))
	}
	g.render(a.stdout)
}

func count01(b bool) int {
	if b {
		return 1
	}
	return 0
}

// printAgainst says what changed since the baseline, in benchstat's manner: a
// difference stands when the Mann-Whitney test finds it at 5 %, otherwise ~.
func (a *app) printAgainst(r, base *benchResults) {
	fmt.Fprintf(a.stdout, "\nagainst the baseline of caravan %s\n", base.Caravan)
	g := grid{header: []string{"instance", "solver", "CPU time before", "now", "change", "cost before", "now"}, numbers: []int{2, 3, 4, 5, 6}}
	for _, row := range r.Rows {
		i := slices.IndexFunc(base.Rows, func(b benchRow) bool { return b.Instance == row.Instance && b.Solver == row.Solver })
		if i < 0 {
			continue
		}
		old := base.Rows[i]
		before, now := benchmath.NewSample(slices.Clone(old.CPUSeconds), &benchmath.DefaultThresholds), benchmath.NewSample(slices.Clone(row.CPUSeconds), &benchmath.DefaultThresholds)
		c := benchmath.AssumeNothing.Compare(before, now)
		b, n := median(old.CPUSeconds), median(row.CPUSeconds)
		g.add(row.Instance, row.Solver, seconds(b), seconds(n), c.FormatDelta(b, n)+" ("+c.String()+")", optional(old.Cost, row.Unit), optional(row.Cost, row.Unit))
	}
	g.render(a.stdout)
}

func (a *app) writeBenchCSV(r *benchResults) error {
	w := csv.NewWriter(a.stdout)
	rows := [][]string{{"instance", "solver", "status", "unit", "cost", "bound", "gap", "known", "steps", "run", "cpu_seconds"}}
	cell := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'g', -1, 64)
	}
	for _, row := range r.Rows {
		for k, t := range row.CPUSeconds {
			rows = append(rows, []string{row.Instance, row.Solver, row.Status, row.Unit, cell(row.Cost), cell(row.Bound), cell(row.Gap), cell(row.Known),
				strconv.FormatInt(row.Steps, 10), strconv.Itoa(k + 1), cell(&t)})
		}
	}
	return w.WriteAll(rows)
}

// drawProfile draws the performance profile of the solvers over the instances
// that all of them were given.
func drawProfile(path string, r *benchResults) error {
	var solvers []string
	byInstance := map[string]map[string]float64{}
	var order []string
	for _, row := range r.Rows {
		if !contains(solvers, row.Solver) {
			solvers = append(solvers, row.Solver)
		}
		if byInstance[row.Instance] == nil {
			byInstance[row.Instance] = map[string]float64{}
			order = append(order, row.Instance)
		}
		t := math.Inf(1)
		if row.Status == "optimal" {
			t = median(row.CPUSeconds)
		}
		byInstance[row.Instance][row.Solver] = t
	}
	var contests []plots.Contest
	for _, name := range order {
		var c plots.Contest
		for _, s := range solvers {
			if t, ok := byInstance[name][s]; ok {
				c = append(c, t)
			}
		}
		if len(c) == len(solvers) && !math.IsInf(slices.Min(c), 1) {
			contests = append(contests, c)
		}
	}
	return drawFile(path, plots.Profile{Solvers: solvers, Contests: contests})
}
