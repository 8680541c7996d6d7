package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravan/solver"
	"caravan/solver/milp"
)

func newSolveCommand(a *app) *cobra.Command {
	var flags scenarioFlags
	var solverName, compare string
	var limit time.Duration
	var writeLP, writeMPS string
	var weigh trade
	cmd := &cobra.Command{
		Use:   "solve SCENARIO",
		Short: "Decide where each operator and job runs",
		Long: `Solve reads a scenario (a shipped name, a path, or - for standard input) and
prints where everything runs, what that costs, and how far from the best
possible it can be. That no placement exists is an answer: exit code 3.

Solvers:
` + solverList(),
		Example: `  caravan solve tutorial
  caravan solve tutorial --compare chaincut,binpack
  caravan solve mine.yaml --set topology.nodes.cloud.speed=2 --output json`,
		Args: takes(1, 1, "one SCENARIO (caravan scenarios lists the shipped ones)"),
	}
	flags.register(cmd)
	addSolverFlags(cmd, &solverName, &compare)
	cmd.Flags().DurationVar(&limit, "time", 0, "wall-clock limit of a solver, 0 for none; what it cuts short may differ between runs")
	cmd.Flags().StringVar(&writeLP, "write-lp", "", "write the problem as a mixed-integer program in LP format to this `file`, and stop")
	cmd.Flags().StringVar(&writeMPS, "write-mps", "", "the same in free MPS format")
	weigh.register(cmd)
	output := outputFlag(cmd, "text", "json", "csv")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		names, err := chosenSolvers(solverName, compare)
		if err != nil {
			return err
		}
		if writeLP != "" || writeMPS != "" {
			return a.writeModel(&flags, args[0], writeLP, writeMPS)
		}
		if weigh.pareto != "" {
			s, err := flags.load(a, args[0])
			if err != nil {
				return err
			}
			return a.printFront(cmd.Context(), s, &weigh, names[0], limit, output.value)
		}
		var plans []*plan
		for _, name := range names {
			p, err := prepare(cmd.Context(), a, &flags, args[0], asked{solver: name, limit: limit, trade: &weigh})
			if err != nil {
				return err
			}
			plans = append(plans, p)
		}
		if err := a.printPlans(plans, compare != "", output.value); err != nil {
			return err
		}
		return outcome(plans)
	}
	return cmd
}

// writeModel writes the scenario's problem for solvers elsewhere.
func (a *app) writeModel(f *scenarioFlags, arg, lp, mps string) error {
	s, err := f.load(a, arg)
	if err != nil {
		return err
	}
	m, err := milp.Build(problemOf(s))
	if err != nil {
		return badInput(err)
	}
	for _, out := range []struct {
		path  string
		write func(io.Writer) error
	}{{lp, m.WriteLP}, {mps, m.WriteMPS}} {
		if out.path == "" {
			continue
		}
		var b bytes.Buffer
		if err := out.write(&b); err != nil {
			return err
		}
		if err := writeFile(out.path, b.Bytes()); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "wrote %s: %s, %s\n", out.path, count(len(m.Cost), "variable"), count(len(m.Rows), "row"))
	}
	return nil
}

// solverList is a line for every solver.
func solverList() string {
	var b strings.Builder
	for i, r := range solverRows() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "  %-28s %s", r.name, r.what)
	}
	return b.String()
}

// addSolverFlags adds --solver and --compare, which exclude each other.
func addSolverFlags(cmd *cobra.Command, name, compare *string) {
	cmd.Flags().StringVar(name, "solver", "", "solver to use, instead of the scenario's")
	cmd.Flags().StringVar(compare, "compare", "", "solvers to compare, as `a,b,c`; the first is the base")
	cmd.MarkFlagsMutuallyExclusive("solver", "compare")
	completeWith(cmd, "solver", solverNames())
	completeWith(cmd, "compare", solverNames())
}

// chosenSolvers is the list that --compare gives, or the one of --solver; an
// empty name stands for the scenario's own.
func chosenSolvers(name, compare string) ([]string, error) {
	if compare != "" {
		names, err := splitList(compare, append(solverNames(), deciderNames()...))
		if err != nil {
			return nil, badInput(fmt.Errorf("--compare: %w", err))
		}
		if len(names) < 2 {
			return nil, badInput(errors.New("--compare: found one solver, allowed: two or more, such as chaincut,binpack"))
		}
		return names, nil
	}
	if name != "" && !contains(solverNames(), name) && !contains(deciderNames(), name) {
		return nil, badInput(fmt.Errorf("--solver: %w", notOneOf(name, solverNames())))
	}
	return []string{name}, nil
}

// outcome turns infeasible or unanswered plans into exit code 3, which needs
// no further words: the plan says why.
func outcome(plans []*plan) error {
	for _, p := range plans {
		if !p.placed() {
			return &exitError{code: exitInfeasible}
		}
	}
	return nil
}

// printPlans writes what solve found.
func (a *app) printPlans(plans []*plan, compared bool, format string) error {
	switch format {
	case "json":
		if !compared {
			return a.writeJSON(plans[0].answer())
		}
		c := solveComparison{Version: shapeVersion, Scenario: plans[0].scenario.Name}
		for _, p := range plans {
			c.Solutions = append(c.Solutions, p.answer())
		}
		return a.writeJSON(c)
	case "csv":
		return a.writePlacementCSV(plans)
	}
	for i, p := range plans {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		a.printPlan(p)
	}
	if compared {
		fmt.Fprintln(a.stdout)
		a.printPlanComparison(plans)
	}
	return nil
}

// writePlacementCSV writes a row for every operator and instance; what has no
// node has a reason.
func (a *app) writePlacementCSV(plans []*plan) error {
	w := csv.NewWriter(a.stdout)
	rows := [][]string{{"scenario", "solver", "workload", "item", "instance", "node", "reason"}}
	for _, p := range plans {
		s := p.answer()
		for _, x := range s.Placement {
			rows = append(rows, []string{s.Scenario, s.Solver, x.Workload, x.Item, strconv.Itoa(x.Instance), x.Node, ""})
		}
		for _, x := range s.Unplaced {
			rows = append(rows, []string{s.Scenario, s.Solver, x.Workload, x.Item, strconv.Itoa(x.Instance), "", x.Reason})
		}
	}
	return w.WriteAll(rows)
}

// printPlanComparison sets the solvers side by side.
func (a *app) printPlanComparison(plans []*plan) {
	g := grid{header: []string{"solver", "status", "objective", "cost", "bound", "gap", "nodes used", "unplaced", "took"}, numbers: []int{3, 4, 5, 6, 7, 8}}
	for _, p := range plans {
		s := p.answer()
		g.add(s.Solver, s.Status, s.Objective.Name, optional(s.Objective.Value, s.Objective.Unit), optional(s.Bound, s.Objective.Unit),
			gapText(s.Gap), strconv.Itoa(p.nodesUsed()), strconv.Itoa(len(s.Unplaced)), quantity(s.Seconds, "s"))
	}
	g.render(a.stdout)
}

// optional prints a number that may be unknown.
func optional(v *float64, unit string) string {
	if v == nil {
		return "-"
	}
	return quantity(*v, unit)
}

// tinyGap is a gap of 0.0001 %.
const tinyGap = 1e-6

// gapText prints a gap that may be unknown; one that is only rounding, or what
// a solver tolerates, is not spelled out.
func gapText(gap *float64) string {
	if gap != nil && *gap > 0 && *gap < tinyGap {
		return "<0.0001 %"
	}
	return optional(gap, "1")
}

// placed reports whether the solver answered with a placement.
func (p *plan) placed() bool {
	return p.solution.Status == solver.Optimal || p.solution.Status == solver.Feasible
}
