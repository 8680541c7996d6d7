package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"caravan/results"
	"caravan/results/store"
	"caravan/scenarios"
)

// sweepRows bounds the tables of a sweep; export has all.
const sweepRows = 40

// storedSweep reads a sweep back from the store.
func storedSweep(ctx context.Context, st *store.Store, w store.Summary) (*scenarios.Sweep, error) {
	base, err := st.Scenario(ctx, w.Scenario)
	if err != nil {
		return nil, err
	}
	return scenarios.LoadSweep(w.Name, w.Text, scenarios.SweepOptions{
		Solvers: solverNames(), Files: base.Files,
		Open: func(string) (string, string, []byte, error) { return base.Name, "", base.Text, nil },
	})
}

// A cell is what all seeds of one combination and solver showed of a workload.
type cell struct {
	Parameters json.RawMessage `json:"parameters"`
	Solver     string          `json:"solver"`
	Workload   string          `json:"workload"`
	Metrics    []cellMetric    `json:"metrics"`
}

// A cellMetric is the mean of a metric over seeds, with its t interval.
type cellMetric struct {
	Name  string      `json:"name"`
	Stat  string      `json:"stat"`
	Unit  string      `json:"unit"`
	Value *float64    `json:"value"`
	CI95  *[2]float64 `json:"ci95"`
	N     int         `json:"n"` // seeds
}

// cellColumns are the metrics of a cell.
func cellColumns() [][2]string {
	return [][2]string{{"latency", "mean"}, {"latency", "p99"}, {"throughput", "mean"}, {"late", "ratio"}}
}

// cells folds the seeds of a sweep, by position and then workload.
func cells(ctx context.Context, st *store.Store, sweep string) ([]cell, error) {
	type key struct{ parameters, solver, workload string }
	var order []key
	found := map[key][]cellMetric{}
	table, err := st.Table(ctx, sweep)
	if err != nil {
		return nil, err
	}
	for column, m := range cellColumns() {
		samples, err := table.Samples(ctx, m[0], m[1])
		if err != nil {
			return nil, err
		}
		values := map[key][]store.Sample{}
		for _, x := range samples {
			k := key{string(x.Parameters), x.Solver, x.Workload}
			if column == 0 && values[k] == nil {
				order = append(order, k)
			}
			values[k] = append(values[k], x)
		}
		for _, k := range order {
			if xs := values[k]; len(xs) > 0 {
				found[k] = append(found[k], fold(m[0], m[1], xs))
			}
		}
	}
	var out []cell
	for _, k := range order {
		out = append(out, cell{Parameters: json.RawMessage(k.parameters), Solver: k.solver, Workload: k.workload, Metrics: found[k]})
	}
	return out, nil
}

// fold is the mean over seeds. A single seed keeps the interval of its run.
func fold(name, stat string, samples []store.Sample) cellMetric {
	out := cellMetric{Name: name, Stat: stat, Unit: samples[0].Unit}
	var xs []float64
	for _, x := range samples {
		if !math.IsNaN(x.Value) {
			xs = append(xs, x.Value)
		}
	}
	out.N = len(xs)
	switch {
	case len(xs) == 0:
		return out
	case len(xs) == 1:
		out.Value = finite(xs[0])
		if !math.IsNaN(samples[0].Low) {
			out.CI95 = &[2]float64{samples[0].Low, samples[0].High}
		}
		return out
	}
	if iv, err := results.TInterval(xs, 0.95); err == nil {
		out.Value = finite(iv.Mean)
		out.CI95 = &[2]float64{iv.Mean - iv.HalfWidth, iv.Mean + iv.HalfWidth}
	}
	return out
}

// text is the metric for people.
func (m cellMetric) text() string {
	switch {
	case m.Value == nil:
		return "-"
	case m.CI95 == nil:
		return quantity(*m.Value, m.Unit)
	}
	return interval(*m.Value, (m.CI95[1]-m.CI95[0])/2, m.Unit)
}

// parameterTexts are the values of a point in the order of names.
func parameterTexts(parameters json.RawMessage, names []string) []string {
	values := map[string]json.RawMessage{}
	out := make([]string, len(names))
	if err := json.Unmarshal(parameters, &values); err != nil {
		return out // what the store holds was written by us
	}
	for i, name := range names {
		if err := json.Unmarshal(values[name], &out[i]); err != nil {
			out[i] = string(values[name]) // not a text: a number as it is
		}
	}
	return out
}

// parameterNames are those of the sweep, in the order of its file.
func parameterNames(s *scenarios.Sweep) []string {
	var names []string
	for _, d := range s.Dimensions {
		names = append(names, d.Name)
	}
	return names
}

// printCells draws the table of a grid or a design.
func (a *app) printCells(s *scenarios.Sweep, list []cell) {
	if len(list) == 0 {
		return
	}
	several := slices.ContainsFunc(list, func(c cell) bool { return c.Workload != list[0].Workload })
	names := parameterNames(s)
	header := append(append([]string{}, names...), "solver")
	if several {
		header = append(header, "pipeline")
	}
	g := grid{header: append(header, "mean latency", "p99", "throughput", "late")}
	for i := len(header); i < len(g.header); i++ {
		g.numbers = append(g.numbers, i)
	}
	for _, c := range list[:min(len(list), sweepRows)] {
		row := append(parameterTexts(c.Parameters, names), c.Solver)
		if several {
			row = append(row, c.Workload)
		}
		for _, m := range c.Metrics {
			row = append(row, m.text())
		}
		g.add(row...)
	}
	fmt.Fprintln(a.stdout)
	g.render(a.stdout)
	a.printMore(len(list)-sweepRows, "rows", "caravan export has all")
}

// A border is what a search found, by solver and seed.
type border struct {
	Solver   string            `json:"solver"`
	Seed     uint64            `json:"seed"`
	Visited  int               `json:"visited"`
	Stable   int               `json:"stable"`
	Unstable int               `json:"unstable"`
	Failed   int               `json:"failed"`
	Points   []json.RawMessage `json:"points"` // stable, with an unstable neighbour, in ascending order
}

// borders reads off the border: the stable points with a neighbour that is
// not.
func borders(s *scenarios.Sweep, rows []store.Row) []border {
	type group struct {
		solver string
		seed   uint64
	}
	groups := map[group]map[string]store.Row{}
	for _, r := range rows {
		k := group{r.Solver, r.Seed}
		if groups[k] == nil {
			groups[k] = map[string]store.Row{}
		}
		groups[k][string(r.Parameters)] = r
	}
	var out []border
	for _, solver := range s.Solvers {
		for _, seed := range s.Seeds {
			out = append(out, borderOf(s, solver, seed, groups[group{solver, seed}]))
		}
	}
	return out
}

func borderOf(s *scenarios.Sweep, solver string, seed uint64, rows map[string]store.Row) border {
	b := border{Solver: solver, Seed: seed, Visited: len(rows), Points: []json.RawMessage{}}
	var edge [][]scenarios.Value
	for text, r := range rows {
		switch r.Verdict {
		case verdictUnstable:
			b.Unstable++
		case verdictFailed:
			b.Failed++
		case verdictStable:
			b.Stable++
			at := valuesOf(s, json.RawMessage(text))
			for _, n := range s.Search.Neighbours(at) {
				if next, ok := rows[string(s.Parameters(n))]; ok && next.Verdict != verdictStable && next.Verdict != "" {
					edge = append(edge, at)
					break
				}
			}
		}
	}
	slices.SortFunc(edge, func(x, y []scenarios.Value) int {
		return slices.CompareFunc(x, y, func(v, w scenarios.Value) int { return cmp.Compare(v.Number, w.Number) })
	})
	for _, at := range edge {
		b.Points = append(b.Points, json.RawMessage(s.Parameters(at)))
	}
	return b
}

// valuesOf reads the parameters of a stored point.
func valuesOf(s *scenarios.Sweep, parameters json.RawMessage) []scenarios.Value {
	out := make([]scenarios.Value, len(s.Dimensions))
	for i, text := range parameterTexts(parameters, parameterNames(s)) {
		out[i] = scenarios.ParseValue(text)
	}
	return out
}

// fullGrid is how many runs every combination within the bounds of a search
// would take, 0 when a parameter has none.
func fullGrid(s *scenarios.Sweep) int64 {
	n := float64(len(s.Solvers)) * float64(len(s.Seeds))
	for i, axis := range s.Search.Axes {
		if i == s.Search.Filler {
			continue
		}
		n *= axis.Count()
	}
	if math.IsInf(n, 0) || n > math.MaxInt64/2 {
		return 0
	}
	return int64(n)
}

// printBorders draws what a search found.
func (a *app) printBorders(s *scenarios.Sweep, list []border) {
	visited := 0
	for _, b := range list {
		visited += b.Visited
	}
	fmt.Fprintf(a.stdout, "\nStable is %s.\n", s.Search.Stable)
	if full := fullGrid(s); full > 0 {
		fmt.Fprintf(a.stdout, "Visited %d of the %d points of the full grid, %s.\n", visited, full, quantity(float64(visited)/float64(full), "1"))
	}
	names := parameterNames(s)
	for _, b := range list {
		fmt.Fprintf(a.stdout, "\n%s, seed %d: %d visited, %d stable, %d unstable", b.Solver, b.Seed, b.Visited, b.Stable, b.Unstable)
		if b.Failed > 0 {
			fmt.Fprintf(a.stdout, ", %d failed", b.Failed)
		}
		fmt.Fprintf(a.stdout, ". The border:\n\n")
		g := grid{header: names}
		for i := range names {
			g.numbers = append(g.numbers, i)
		}
		for _, p := range b.Points[:min(len(b.Points), sweepRows)] {
			g.add(parameterTexts(p, names)...)
		}
		g.render(a.stdout)
		a.printMore(len(b.Points)-sweepRows, "points", "--output json has all")
	}
}

// sweepAnswer is the JSON of caravan sweep and caravan show of a sweep.
type sweepAnswer struct {
	Version  int    `json:"version"`
	Sweep    string `json:"sweep"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Scenario string `json:"scenario"`
	countsAnswer
	Ran      int      `json:"ran"`    // by this command
	Reused   int      `json:"reused"` // stored before
	Cells    []cell   `json:"cells"`
	Borders  []border `json:"borders"`
	FullGrid int64    `json:"full_grid"` // of a search, 0 without bounds
}

// countsAnswer is how many points are in which state.
type countsAnswer struct {
	Points     int     `json:"points"`
	Completed  int     `json:"completed"`
	Failed     int     `json:"failed"`
	Queued     int     `json:"queued"`
	Running    int     `json:"running"`
	RunSeconds float64 `json:"run_seconds"` // of the completed ones, together
}

func countsOf(c store.Counts) countsAnswer {
	return countsAnswer{c.Total, c.Completed, c.Failed, c.Queued, c.Running, c.Seconds}
}

// answerOf reads what a stored sweep shows.
func answerOf(ctx context.Context, st *store.Store, s *scenarios.Sweep, id string) (sweepAnswer, error) {
	out := sweepAnswer{Version: shapeVersion, Sweep: id, Name: s.Name, Kind: s.Kind, Scenario: s.Base.Name, Cells: []cell{}, Borders: []border{}}
	counts, err := st.Counts(ctx, id)
	if err != nil {
		return out, err
	}
	out.countsAnswer = countsOf(counts)
	if s.Kind == scenarios.KindSearch {
		rows, err := st.Rows(ctx, id)
		if err != nil {
			return out, err
		}
		out.Borders, out.FullGrid = borders(s, rows), fullGrid(s)
		return out, nil
	}
	list, err := cells(ctx, st, id)
	out.Cells = orEmpty(list)
	return out, err
}

// printSweepEnd prints what a sweep showed when it has ended.
func (a *app) printSweepEnd(ctx context.Context, d *drive, f *sweepFlags) error {
	out, err := answerOf(ctx, d.store, d.sweep, d.id)
	if err != nil {
		return err
	}
	out.Ran, out.Reused = d.ran, d.reused
	if f.output.value == "json" {
		return a.writeJSON(out)
	}
	fmt.Fprintf(a.stdout, "Sweep %s of %s: %s, %d completed; %d ran, %d were stored before.\n",
		d.id, d.sweep.Base.Name, count(out.Points, "point"), out.Completed, d.ran, d.reused)
	a.printSweepBody(d.sweep, out)
	if others, err := d.store.Versions(ctx, d.id); err != nil {
		return err
	} else if others = slices.DeleteFunc(others, func(v string) bool { return v == buildVersion() }); len(others) > 0 {
		fmt.Fprintf(a.stderr, "caravan: some points were run by another version, %s; --again runs them with this one, %s\n",
			strings.Join(others, ", "), buildVersion())
	}
	_, err = fmt.Fprintf(a.stdout, "\nSaved in %s; caravan show %s prints this again.\n", shownStore(f.store), d.id)
	return err
}

// printSweepBody draws the tables of a sweep.
func (a *app) printSweepBody(s *scenarios.Sweep, out sweepAnswer) {
	if s.Kind == scenarios.KindSearch {
		a.printBorders(s, out.Borders)
		return
	}
	a.printCells(s, out.Cells)
}

// shownStore is the store's name without a password.
func shownStore(url string) string {
	if head, host, ok := strings.Cut(url, "@"); ok && store.IsPostgres(url) {
		scheme, user, _ := strings.Cut(head, "://")
		user, _, _ = strings.Cut(user, ":")
		return scheme + "://" + user + "@" + host
	}
	return url
}

// dryRun prints what the sweep would run.
func (a *app) dryRun(ctx context.Context, f *sweepFlags, s *scenarios.Sweep) error {
	stored, seconds, err := a.storedAlready(ctx, f, s)
	if err != nil {
		return err
	}
	plan := dryAnswer{
		Version: shapeVersion, Sweep: sweepID(s), Kind: s.Kind, Scenario: s.Base.Name, Points: s.Count(),
		Replications: s.Base.Simulate.Replications, Stored: stored, Workers: f.workers,
	}
	how := "the stored runs"
	if s.Kind == scenarios.KindSearch {
		plan.Points = int64(len(s.Search.Start) * len(s.Solvers) * len(s.Seeds))
		plan.FullGrid = fullGrid(s)
	} else if left := plan.Points - int64(stored); left > 0 {
		if seconds == 0 {
			how = "the first and the last point"
			if seconds, err = probe(ctx, s); err != nil {
				return err
			}
		}
		plan.Seconds = finite(seconds * float64(left) / float64(min(int64(f.workers), left)))
	}
	if f.output.value == "json" {
		return a.writeJSON(plan)
	}
	a.printDry(s, plan, how)
	return nil
}

// dryAnswer is the JSON of caravan sweep --dry-run.
type dryAnswer struct {
	Version      int      `json:"version"`
	Sweep        string   `json:"sweep"`
	Kind         string   `json:"kind"`
	Scenario     string   `json:"scenario"`
	Points       int64    `json:"points"`       // start points of a search
	Replications int      `json:"replications"` // of each
	Stored       int      `json:"stored"`       // completed already
	FullGrid     int64    `json:"full_grid"`    // of a search, 0 without bounds
	Workers      int      `json:"workers"`
	Seconds      *float64 `json:"seconds"` // estimate of what is left; null when nobody knows
}

func (a *app) printDry(s *scenarios.Sweep, plan dryAnswer, how string) {
	fmt.Fprintf(a.stdout, "Sweep %s of %s (%s):\n\n", plan.Sweep, plan.Scenario, plan.Kind)
	g := grid{header: []string{"parameter", "values"}}
	for i, d := range s.Dimensions {
		var texts []string
		for _, v := range d.Values {
			texts = append(texts, strings.Trim(v.Text, `"`))
		}
		if s.Kind == scenarios.KindSearch {
			texts = []string{s.Search.Axes[i].String()}
		}
		if len(texts) > 8 {
			texts = append(append(texts[:4:4], "..."), texts[len(texts)-1])
		}
		if len(texts) == 0 {
			texts = []string{"between the ends of its range"}
		}
		g.add(d.Name, strings.Join(texts, ", "))
	}
	g.add("solver", strings.Join(s.Solvers, ", "))
	g.add("seed", strings.Trim(strings.Join(strings.Fields(fmt.Sprint(s.Seeds)), ", "), "[]"))
	g.render(a.stdout)
	if s.Kind == scenarios.KindSearch {
		fmt.Fprintf(a.stdout, "\nA search from %s; how many it visits is known when it is done.", count(int(plan.Points), "start point"))
		if plan.FullGrid > 0 {
			fmt.Fprintf(a.stdout, " The full grid has %d.", plan.FullGrid)
		}
		fmt.Fprintf(a.stdout, " %d are stored.\n", plan.Stored)
		return
	}
	fmt.Fprintf(a.stdout, "\n%s, %s each; %d are stored.\n", count(int(plan.Points), "point"), count(plan.Replications, "replication"), plan.Stored)
	if plan.Seconds != nil {
		fmt.Fprintf(a.stdout, "About %s on %s, judged by %s.\n", quantity(*plan.Seconds, "s"), count(plan.Workers, "worker"), how)
	}
}

// storedAlready counts the points of the sweep that are completed, and their
// mean run time.
func (a *app) storedAlready(ctx context.Context, f *sweepFlags, s *scenarios.Sweep) (n int, seconds float64, err error) {
	st, err := openStore(ctx, f.store)
	var none *exitError
	if errors.As(err, &none) {
		return 0, 0, nil // no store yet
	}
	if err != nil {
		return 0, 0, err
	}
	defer st.Close()
	var hashes []string
	for p := range s.Points() {
		hashes = append(hashes, memberOf(s, p).Hash)
	}
	if s.Kind == scenarios.KindSearch {
		c, err := st.Counts(ctx, sweepID(s))
		return c.Completed, 0, err
	}
	n, total, err := st.Done(ctx, hashes)
	return n, total / max(float64(n), 1), err
}

// probeTime bounds each run that an estimate is made from.
const probeTime = 10 * time.Second

// probe is how long the first and the last point take, in seconds on average;
// not a number when they take longer than probeTime.
func probe(ctx context.Context, s *scenarios.Sweep) (float64, error) {
	var first, last *scenarios.SweepPoint
	for p := range s.Points() {
		if first == nil {
			first = &p
		}
		last = &p
	}
	sum := 0.0
	for _, p := range []*scenarios.SweepPoint{first, last} {
		limited, stop := context.WithTimeout(ctx, probeTime)
		start := time.Now()
		e := newExecutor(nil, "", 1)
		e.scenarios[s.Base.SHA256] = store.Scenario{Name: s.Base.Name, Text: s.Base.Text, Files: s.Base.Files}
		_, _, err := e.simulate(limited, memberOf(s, *p).Point)
		late := limited.Err() != nil
		stop()
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if late {
			return math.NaN(), nil
		}
		if err != nil {
			return 0, err
		}
		sum += time.Since(start).Seconds()
	}
	return sum / 2, nil
}
