package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravan/results"
	"caravan/results/plots"
	"caravan/scenarios"
	"caravan/solver"
	"caravan/solver/chaincut"
	"caravan/solver/robust"
	"caravan/topology"
	"caravan/workloads/placement"
)

// trade is how a problem weighs one objective against another.
type trade struct {
	limits, also []string
	then         []string
	profileError string
	robust       *enum
	profiles     int
	incumbent    string
	pareto       string
	points       int
	figure       string
}

func (f *trade) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.limits, "limit", nil, "most that an objective may come to, as `money=12` (repeatable), in its unit")
	cmd.Flags().StringArrayVar(&f.also, "also", nil, "add another objective by weight, as `moves=0.01` (repeatable)")
	cmd.Flags().StringArrayVar(&f.then, "then", nil, "objective to minimise next, while the earlier ones stay as they are (repeatable)")
	cmd.Flags().StringVar(&f.profileError, "profile-error", "", "choose for a profile whose every work and output may be off by so much, as `20%` (coefficient of variation)")
	f.robust = &enum{value: string(robust.Mean), allowed: robust.Rules()}
	cmd.Flags().Var(f.robust, "robust", "cost over those profiles that --profile-error makes least")
	completeWith(cmd, "robust", robust.Rules())
	cmd.Flags().IntVar(&f.profiles, "profiles", robust.DefaultProfiles, "profiles that --profile-error draws")
	cmd.Flags().StringVar(&f.incumbent, "incumbent", "", "the placement in force: a `file` that solve --output json wrote")
	cmd.Flags().StringVar(&f.pareto, "pareto", "", "print the front of two objectives, as `latency,money`, found by --solver (default local)")
	cmd.Flags().IntVar(&f.points, "points", 8, "points of the front to look for")
	cmd.Flags().StringVar(&f.figure, "figure", "", "draw the front, as a .pdf, .svg or .png `file`")
}

// wrongProfile is how wrong the profile may be; no Error asks nothing.
func (f *trade) wrongProfile() (robust.Options, error) {
	o := robust.Options{Profiles: f.profiles, Rule: robust.Rule(f.robust.value)}
	if f.profileError == "" {
		return o, nil
	}
	var err error
	if o.Error, err = topology.ParsePercent(f.profileError); err != nil {
		return o, badInput(fmt.Errorf("--profile-error: %w", err))
	}
	if f.profiles < 1 || len(f.then) > 0 {
		return o, badInput(errors.New("--profile-error: allowed are --profiles of at least 1, and no --then"))
	}
	return o, nil
}

// apply puts the flags into a problem.
func (f *trade) apply(p *solver.Problem) error {
	for _, text := range f.limits {
		o, v, err := objectiveValue(text)
		if err != nil {
			return badInput(fmt.Errorf("--limit: %w", err))
		}
		p.Limits = append(p.Limits, solver.Limit{Objective: o, Most: v})
	}
	for _, text := range f.also {
		o, v, err := objectiveValue(text)
		if err != nil {
			return badInput(fmt.Errorf("--also: %w", err))
		}
		p.Also = append(p.Also, solver.Term{Objective: o, Weight: v})
	}
	for _, name := range f.then {
		if _, err := objectiveNamed(name); err != nil {
			return badInput(fmt.Errorf("--then: %w", err))
		}
	}
	if f.incumbent == "" {
		return nil
	}
	in, err := readPlacement(f.incumbent, p)
	if err != nil {
		return badInput(fmt.Errorf("--incumbent: %w", err))
	}
	p.Incumbent = in
	return nil
}

func objectiveValue(text string) (solver.Objective, float64, error) {
	name, number, ok := strings.Cut(text, "=")
	v, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || v < 0 {
		return "", 0, fmt.Errorf("found %q, allowed: an objective and a number of at least 0, such as money=12", text)
	}
	o, err := objectiveNamed(name)
	return o, v, err
}

func objectiveNamed(name string) (solver.Objective, error) {
	var names []string
	for _, o := range solver.Objectives() {
		names = append(names, string(o))
	}
	if !contains(names, name) {
		return "", notOneOf(name, names)
	}
	return solver.Objective(name), nil
}

// readPlacement reads the placement of an earlier answer, by names.
func readPlacement(path string, p *solver.Problem) (*placement.Placement, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Placement []results.Placed `json:"placement"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(answer.Placement) == 0 {
		return nil, fmt.Errorf("%s: found no placement, allowed: the output of solve --output json", path)
	}
	at := map[string]topology.NodeID{}
	for _, x := range answer.Placement {
		n, ok := p.Topology.NodeByName(x.Node)
		if !ok {
			continue // the node is gone: what it held moves
		}
		at[fmt.Sprintf("%s/%s/%d", x.Workload, x.Item, x.Instance)] = n
	}
	out := placement.Unplaced(p.Workload)
	find := func(workload, item string, instance int) topology.NodeID {
		if n, ok := at[fmt.Sprintf("%s/%s/%d", workload, item, instance)]; ok {
			return n
		}
		return topology.None
	}
	for i := range p.Workload.Pipelines {
		w := &p.Workload.Pipelines[i]
		for j := range w.Operators {
			out.Pipelines[i][j] = find(w.Name, w.Operators[j].Name, 0)
		}
	}
	for i := range p.Workload.Jobs {
		w := &p.Workload.Jobs[i]
		for g := range w.Groups {
			for k := range w.Groups[g].Count {
				out.Jobs[i][g][k] = find(w.Name, w.Groups[g].Name, k)
			}
		}
	}
	return &out, nil
}

// frontPoint is a row of solve --pareto --output json.
type frontPoint struct {
	Values    map[string]float64 `json:"values"` // by objective, in its unit
	Placement []results.Placed   `json:"placement"`
}

// front is the answer of solve --pareto.
type front struct {
	Version    int               `json:"version"`
	Scenario   string            `json:"scenario"`
	Solver     string            `json:"solver"`
	Objectives []objectiveAnswer `json:"objectives"`
	Points     []frontPoint      `json:"points"`
}

// frontOf is the front of two objectives: the whole one where chaincut trades
// the latency of its one pipeline for throughput, elsewhere some points of it.
func frontOf(ctx context.Context, s solver.Solver, p *solver.Problem, goals [2]solver.Objective, n int) ([]solver.Point, error) {
	_, exact := s.(chaincut.Solver)
	if !exact || goals != [2]solver.Objective{solver.Latency, solver.Throughput} || len(p.Workload.Pipelines) != 1 {
		return solver.Front(ctx, s, p, goals[0], goals[1], n)
	}
	found, err := chaincut.Front(ctx, p)
	if err != nil && !errors.Is(err, chaincut.ErrIncomplete) {
		return nil, err
	}
	var out []solver.Point
	for _, f := range found {
		pl := placement.Unplaced(p.Workload)
		pl.Pipelines[0] = f.Nodes
		pt := solver.Point{Placement: pl}
		if pt.A, err = solver.Value(p, goals[0], pl); err != nil {
			return nil, err
		}
		if pt.B, err = solver.Value(p, goals[1], pl); err != nil {
			return nil, err
		}
		out = append(out, pt)
	}
	return out, nil
}

// printFront finds a Pareto front and writes it.
func (a *app) printFront(ctx context.Context, s *scenarios.Scenario, f *trade, name string, limit time.Duration, format string) error {
	names := strings.Split(f.pareto, ",")
	if len(names) != 2 || f.points < 2 {
		return badInput(errors.New("--pareto, --points: allowed are two objectives, such as latency,money, and 2 points or more"))
	}
	var goals [2]solver.Objective
	for k := range goals {
		var err error
		if goals[k], err = objectiveNamed(strings.TrimSpace(names[k])); err != nil {
			return badInput(fmt.Errorf("--pareto: %w", err))
		}
	}
	if name == "" {
		name = "local"
	}
	algorithm, err := newSolver(name, limit)
	if err != nil {
		return err
	}
	problem := problemOf(s)
	if err := f.apply(problem); err != nil {
		return err
	}
	points, err := frontOf(ctx, algorithm, problem, goals, f.points)
	if err != nil {
		return err
	}
	if f.figure != "" {
		if err := drawFront(f.figure, goals, points); err != nil {
			return err
		}
	}
	out := front{Version: shapeVersion, Scenario: s.Name, Solver: name, Points: []frontPoint{}}
	for _, g := range goals {
		out.Objectives = append(out.Objectives, objectiveAnswer{Name: string(g), Unit: g.Unit()})
	}
	g := grid{header: []string{string(goals[0]), string(goals[1])}, numbers: []int{0, 1}}
	for _, pt := range points {
		row := &plan{scenario: s, solver: name, solution: solver.Solution{Placement: pt.Placement}}
		out.Points = append(out.Points, frontPoint{Values: map[string]float64{string(goals[0]): pt.A, string(goals[1]): pt.B}, Placement: row.placements()})
		g.add(quantity(pt.A, goals[0].Unit()), quantity(pt.B, goals[1].Unit()))
	}
	if err := a.writeFront(&out, &g, goals, points, format); err != nil {
		return err
	}
	if len(points) == 0 {
		return &exitError{code: exitInfeasible}
	}
	return nil
}

func (a *app) writeFront(out *front, g *grid, goals [2]solver.Objective, points []solver.Point, format string) error {
	switch format {
	case "json":
		return a.writeJSON(out)
	case "csv":
		w := csv.NewWriter(a.stdout)
		rows := [][]string{{fmt.Sprintf("%s_%s", goals[0], goals[0].Unit()), fmt.Sprintf("%s_%s", goals[1], goals[1].Unit())}}
		for _, pt := range points {
			rows = append(rows, []string{number(pt.A), number(pt.B)})
		}
		return w.WriteAll(rows)
	}
	if len(points) == 0 {
		fmt.Fprintf(a.stdout, "%s: %s found no placement.\n", out.Scenario, out.Solver)
		return nil
	}
	fmt.Fprintf(a.stdout, "%s: %s that %s found; none is better in both.\n\n", out.Scenario, count(len(points), "placement"), out.Solver)
	g.render(a.stdout)
	return nil
}

// drawFront draws the points of a front.
func drawFront(path string, goals [2]solver.Objective, points []solver.Point) error {
	f := plots.Front{X: axis(goals[0]), Y: axis(goals[1])}
	for _, pt := range points {
		f.Candidates = append(f.Candidates, plots.Candidate{X: pt.A, Y: pt.B})
	}
	return drawFile(path, f)
}

// axis is an objective along a figure's side.
func axis(o solver.Objective) plots.Axis {
	name := objectiveName(string(o))
	a := plots.Axis{Label: capital(name), Unit: o.Unit()}
	if a.Unit == string(o) { // a count of these
		a.Unit, a.Whole = "", true
		if name != string(o) {
			a.Label = capital(string(o) + " " + name)
		}
	}
	return a
}
