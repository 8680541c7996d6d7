package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"caravan/results"
	"caravan/runner/sweep"
	"caravan/solver/online"
)

// benchPoliciesFlags are the flags of caravan bench policies.
type benchPoliciesFlags struct {
	data     string
	policies string
	traces   string
	seeds    int
	workers  int
	output   *enum
}

func newBenchPoliciesCommand(a *app) *cobra.Command {
	f := &benchPoliciesFlags{}
	cmd := &cobra.Command{
		Use:   "policies",
		Short: "Compare the placement policies on the openb GPU traces with their published figures",
		Long: `Policies fills a cluster of 1,213 GPU machines with the tasks of each trace, one
by one in random order and never taken back, and prints which share of all GPUs
is allocated when the tasks so far ask for as many GPUs as there are: the mean
of the seeds with its 95 % interval, beside the mean that the authors of the
traces published (Weng et al., USENIX ATC 2023; they add copies of tasks until
130 % is asked for, and so does this). The exit code is 3 when one differs by
more than 1 point, or 1.7 with fgd.`,
		Example: `  caravan bench policies
  caravan bench policies --policy fgd,kubernetes --trace gpuspec20 --seeds 3`,
		Args: takes(0, 0, "none"),
	}
	cmd.Flags().StringVar(&f.data, "data", "", "`directory` with traces under their original names, and fgd_published*.csv, instead of the shipped ones")
	cmd.Flags().StringVar(&f.policies, "policy", "", "only these policies, as `a,b`")
	cmd.Flags().StringVar(&f.traces, "trace", "", "only these traces, as `a,b`")
	cmd.Flags().IntVar(&f.seeds, "seeds", 10, "orders of arrival, 2 or more")
	cmd.Flags().IntVar(&f.workers, "workers", 0, "clusters filled at the same time, 0 for one a core; changes no result")
	f.output = outputFlag(cmd, "text", "json", "csv")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.benchPolicies(cmd.Context(), f) }
	return cmd
}

// policyScore is one policy on one trace.
type policyScore struct {
	Policy    string     `json:"policy"`
	Trace     string     `json:"trace"`
	Measured  float64    `json:"measured"` // percent of all GPUs
	CI95      [2]float64 `json:"ci95"`
	Seeds     int        `json:"seeds"`
	Published *float64   `json:"published"` // null when nobody published one
	Tolerance *float64   `json:"tolerance"`
	Within    *bool      `json:"within"`
}

// policyScores is the answer of caravan bench policies.
type policyScores struct {
	Version    int           `json:"version"`
	ArrivedAt  int           `json:"arrivedPercent"`
	CPUSeconds float64       `json:"cpuSeconds"`
	Rows       []policyScore `json:"rows"`
}

func (a *app) benchPolicies(ctx context.Context, f *benchPoliciesFlags) error {
	if f.seeds < 2 {
		return badInput(fmt.Errorf("--seeds: found %d, allowed: 2 or more", f.seeds))
	}
	all, err := replays(f.data)
	if err != nil {
		return badInput(err)
	}
	chosen, err := f.choose(all)
	if err != nil {
		return badInput(err)
	}
	before := cpuSeconds()
	ratios := make([]float64, len(chosen)*f.seeds)
	bar := newProgress(a.stderr, "bench policies", "clusters", len(ratios))
	err = sweep.Each(ctx, len(ratios), f.workers, func(ctx context.Context, i int) error {
		c := chosen[i/f.seeds]
		var err error
		ratios[i], err = c.run(ctx, c.policy, uint64(i%f.seeds+1))
		bar.step()
		return err
	})
	bar.stop()
	if err != nil {
		return err
	}
	answer := policyScores{Version: shapeVersion, ArrivedAt: arrivedAt, CPUSeconds: cpuSeconds() - before}
	missed := false
	for i, c := range chosen {
		s, err := c.score(ratios[i*f.seeds : (i+1)*f.seeds])
		if err != nil {
			return err
		}
		answer.Rows = append(answer.Rows, s)
		missed = missed || s.Within != nil && !*s.Within
	}
	if err := a.printPolicies(&answer, f.output.value); err != nil {
		return err
	}
	if missed {
		return &exitError{code: exitInfeasible}
	}
	return nil
}

// A contest is one policy on one trace.
type contest struct {
	*replay
	policy online.Policy
}

// choose pairs the policies and traces asked for.
func (f *benchPoliciesFlags) choose(all []replay) ([]contest, error) {
	var policies, traces []string
	for _, p := range online.Policies() {
		policies = append(policies, string(p))
	}
	for _, r := range all {
		traces = append(traces, r.trace)
	}
	for _, w := range []struct {
		flag, text string
		list       *[]string
	}{{"--policy", f.policies, &policies}, {"--trace", f.traces, &traces}} {
		wanted, err := splitList(w.text, *w.list)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.flag, err)
		}
		if wanted != nil {
			*w.list = wanted
		}
	}
	var out []contest
	for i := range all {
		for _, p := range policies {
			if contains(traces, all[i].trace) {
				out = append(out, contest{&all[i], online.Policy(p)})
			}
		}
	}
	return out, nil
}

// tolerance is how far from a published mean of ten seeds the measured one may
// lie, in points.
func tolerance(p online.Policy) float64 {
	if p == online.FGD {
		return 1.7
	}
	return 1
}

// score summarises the seeds.
func (c contest) score(ratios []float64) (policyScore, error) {
	iv, err := results.TInterval(ratios, 0.95)
	if err != nil {
		return policyScore{}, err
	}
	s := policyScore{
		Policy: string(c.policy), Trace: c.trace, Measured: iv.Mean, Seeds: iv.N,
		CI95: [2]float64{iv.Mean - iv.HalfWidth, iv.Mean + iv.HalfWidth},
	}
	if p, ok := c.published[string(c.policy)]; ok {
		limit := tolerance(c.policy)
		within := math.Abs(iv.Mean-p) <= limit
		s.Published, s.Tolerance, s.Within = &p, &limit, &within
	}
	return s, nil
}

func (a *app) printPolicies(answer *policyScores, format string) error {
	switch format {
	case "json":
		return a.writeJSON(answer)
	case "csv":
		return a.writePoliciesCSV(answer)
	}
	points := func(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }
	g := grid{header: []string{"trace", "policy", "GPUs allocated", "95 % interval", "published", "difference", "within"}, numbers: []int{2, 3, 4, 5, 6}}
	for _, s := range answer.Rows {
		published, difference, within := "", "", ""
		if s.Published != nil {
			published, difference = points(*s.Published), fmt.Sprintf("%+.2f", s.Measured-*s.Published)
			within = points(*s.Tolerance) + ", no"
			if *s.Within {
				within = points(*s.Tolerance)
			}
		}
		g.add(s.Trace, s.Policy, points(s.Measured)+" %", "± "+points(s.CI95[1]-s.Measured), published, difference, within)
	}
	g.render(a.stdout)
	fmt.Fprintf(a.stdout, "\n%s of CPU time\n", seconds(answer.CPUSeconds))
	return nil
}

func (a *app) writePoliciesCSV(answer *policyScores) error {
	rows := [][]string{{"trace", "policy", "measured_percent", "ci95_lo", "ci95_hi", "seeds", "published_percent", "tolerance", "within"}}
	for _, s := range answer.Rows {
		published, limit, within := "", "", ""
		if s.Published != nil {
			published, limit, within = number(*s.Published), number(*s.Tolerance), strconv.FormatBool(*s.Within)
		}
		rows = append(rows, []string{
			s.Trace, s.Policy, number(s.Measured), number(s.CI95[0]), number(s.CI95[1]), strconv.Itoa(s.Seeds), published, limit, within,
		})
	}
	return csv.NewWriter(a.stdout).WriteAll(rows)
}
