package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"caravan/runner/sweep"
	"caravan/sim/oracle"
)

// verifyFlags are the flags of caravan verify.
type verifyFlags struct {
	cases        string
	filter       string
	replications int
	requests     int
	seed         uint64
	workers      int
	all          bool
	output       *enum
}

func newVerifyCommand(a *app) *cobra.Command {
	f := &verifyFlags{}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check the simulator against systems whose answers are known exactly",
		Long: `Verify simulates queues, networks of queues and shared links whose answers are
known from theory, and compares: the 99.9 % confidence interval of every
simulated value must cover the exact one. Max-min fair rates are compared flow
by flow, and a single request on an idle topology must take exactly what the
estimate says. The exit code is 3 when a row fails.`,
		Example: `  caravan verify
  caravan verify --filter 'M/M/c' --all
  caravan verify --cases my-formulas.csv`,
		Args: takes(0, 0, "none"),
	}
	cmd.Flags().StringVar(&f.cases, "cases", "", "CSV file of further queueing cases: id,model,params,metric,value,formula")
	cmd.Flags().StringVar(&f.filter, "filter", "", "only rows whose suite, id, model or metric contains this text")
	cmd.Flags().IntVar(&f.replications, "replications", 20, "independent replications of each random system, 2 or more")
	cmd.Flags().IntVar(&f.requests, "requests", 200_000, "requests in each replication")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed of the random numbers")
	cmd.Flags().IntVar(&f.workers, "workers", 0, "systems simulated at the same time, 0 for one a core; changes no result")
	cmd.Flags().BoolVar(&f.all, "all", false, "print every row, not only a line for each suite and what failed")
	f.output = outputFlag(cmd, "text", "json", "csv")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context(), f) }
	return cmd
}

// verdictRow is one row of caravan verify --output json.
type verdictRow struct {
	Suite     string      `json:"suite"`
	ID        string      `json:"id"`
	Model     string      `json:"model"`
	Params    string      `json:"params"`
	Metric    string      `json:"metric"`
	Exact     *float64    `json:"exact"`
	Simulated *float64    `json:"simulated"`
	CI999     *[2]float64 `json:"ci999"`
	N         int         `json:"n"`
	Pass      bool        `json:"pass"`
	Problem   string      `json:"problem,omitempty"`
}

// verification is the answer of caravan verify.
type verification struct {
	Version int          `json:"version"`
	Seed    uint64       `json:"seed"`
	Passed  int          `json:"passed"`
	Failed  int          `json:"failed"`
	Rows    []verdictRow `json:"rows"`
}

func (a *app) verify(ctx context.Context, f *verifyFlags) error {
	if f.replications < 2 || f.requests < 1000 {
		return badInput(fmt.Errorf("--replications, --requests: found %d and %d, allowed: 2 and 1000 or more", f.replications, f.requests))
	}
	suites, err := f.suites()
	if err != nil {
		return err
	}
	bar := newProgress(a.stderr, "verify", "suites", len(suites))
	answer := verification{Version: shapeVersion, Seed: f.seed, Rows: []verdictRow{}}
	options := oracle.Options{
		Seed: f.seed, Replications: f.replications, Requests: f.requests,
		Each: func(ctx context.Context, n int, g func(context.Context, int) error) error {
			return sweep.Each(ctx, n, f.workers, g)
		},
	}
	var verdicts []oracle.Verdict
	for _, s := range suites {
		vs, err := s.Run(ctx, options)
		if err != nil {
			bar.stop()
			return err
		}
		verdicts = append(verdicts, vs...)
		bar.step()
	}
	bar.stop()
	for _, v := range verdicts {
		answer.Rows = append(answer.Rows, rowOf(v))
		if v.Pass {
			answer.Passed++
		} else {
			answer.Failed++
		}
	}
	if err := a.printVerification(f, &answer); err != nil {
		return err
	}
	if answer.Failed > 0 {
		return &exitError{code: exitInfeasible}
	}
	return nil
}

// suites are the shipped ones or the user's own, cut down to the filter.
func (f *verifyFlags) suites() ([]oracle.Suite, error) {
	suites, err := oracle.Suites()
	if err != nil {
		return nil, err
	}
	if f.cases != "" {
		data, err := os.ReadFile(f.cases)
		if err != nil {
			return nil, badInput(err)
		}
		own, err := oracle.QueueingSuite(filepath.Base(f.cases), data)
		if err != nil {
			return nil, badInput(err)
		}
		suites = []oracle.Suite{own}
	}
	if f.filter == "" {
		return suites, nil
	}
	var kept []oracle.Suite
	for _, s := range suites {
		if s = s.Filter(func(c oracle.Case) bool {
			return strings.Contains(strings.Join([]string{c.Suite, c.ID, c.Model, c.Metric}, " "), f.filter)
		}); len(s.Cases) > 0 {
			kept = append(kept, s)
		}
	}
	if len(kept) == 0 {
		return nil, badInput(fmt.Errorf("--filter: no row contains %q", f.filter))
	}
	return kept, nil
}

func rowOf(v oracle.Verdict) verdictRow {
	r := verdictRow{
		Suite: v.Suite, ID: v.ID, Model: v.Model, Params: v.Params, Metric: v.Metric,
		Exact: finite(v.Value), N: v.N, Pass: v.Pass, Problem: v.Problem,
	}
	if v.Problem == "" {
		r.Simulated = finite(v.Simulated)
		r.CI999 = &[2]float64{v.Low, v.High}
	}
	return r
}

func (a *app) printVerification(f *verifyFlags, v *verification) error {
	switch f.output.value {
	case "json":
		return a.writeJSON(v)
	case "csv":
		return writeVerificationCSV(a.stdout, v.Rows)
	}
	g := grid{header: []string{"", "suite", "id", "system", "metric", "exact", "simulated", "99.9 % interval"}, numbers: []int{5, 6}}
	passed, total := map[string]int{}, map[string]int{}
	var order []string
	for _, r := range v.Rows {
		if total[r.Suite] == 0 {
			order = append(order, r.Suite)
		}
		total[r.Suite]++
		if r.Pass {
			passed[r.Suite]++
		}
		if !r.Pass || f.all {
			g.add(verdictCells(r)...)
		}
	}
	if len(g.rows) > 0 {
		g.render(a.stdout)
		fmt.Fprintln(a.stdout)
	}
	for _, s := range order {
		fmt.Fprintf(a.stdout, "%-22s %d of %d rows\n", s, passed[s], total[s])
	}
	fmt.Fprintf(a.stdout, "%d passed, %d failed (seed %d)\n", v.Passed, v.Failed, v.Seed)
	return nil
}

func verdictCells(r verdictRow) []string {
	mark := "pass"
	if !r.Pass {
		mark = "FAIL"
	}
	number := func(x *float64) string {
		if x == nil {
			return ""
		}
		return strconv.FormatFloat(*x, 'g', 7, 64)
	}
	interval := r.Problem
	if r.CI999 != nil && interval == "" {
		interval = fmt.Sprintf("%.7g to %.7g", r.CI999[0], r.CI999[1])
	}
	return []string{mark, r.Suite, r.ID, r.Model, r.Metric, number(r.Exact), number(r.Simulated), interval}
}

func writeVerificationCSV(w io.Writer, rows []verdictRow) error {
	out := [][]string{{"suite", "id", "model", "params", "metric", "exact", "simulated", "ci999_lo", "ci999_hi", "n", "pass", "problem"}}
	text := func(x *float64) string {
		if x == nil {
			return ""
		}
		return number(*x)
	}
	for _, r := range rows {
		lo, hi := "", ""
		if r.CI999 != nil {
			lo, hi = number(r.CI999[0]), number(r.CI999[1])
		}
		out = append(out, []string{
			r.Suite, r.ID, r.Model, r.Params, r.Metric, text(r.Exact), text(r.Simulated), lo, hi,
			strconv.Itoa(r.N), strconv.FormatBool(r.Pass), r.Problem,
		})
	}
	return csv.NewWriter(w).WriteAll(out)
}
