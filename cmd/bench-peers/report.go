package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// nanoseconds is the CPU time of one operation in each round.
func (s *sideOutcome) nanoseconds() []float64 {
	var ns []float64
	for _, m := range s.runs {
		ns = append(ns, m.CPU/float64(m.Operations)*1e9)
	}
	return ns
}

func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// speedup is how many times as long as the simulator a rival takes: the
// median over the rounds.
func speedup(self, rival *sideOutcome) float64 {
	a, b := self.nanoseconds(), rival.nanoseconds()
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = b[i] / a[i]
	}
	return median(ratios)
}

// A result says whether a goal was met.
type result struct {
	rival    string // the fastest of them
	measured float64
	faster   float64
}

func (r result) pass() bool { return r.measured >= r.faster }

func (o *outcome) results() []result {
	var results []result
	for _, g := range o.workload.goals {
		r := result{measured: math.Inf(1), faster: g.faster}
		for i := range o.sides {
			if s := &o.sides[i]; slices.Contains(g.rivals, s.side.name) {
				if x := speedup(&o.sides[0], s); x < r.measured {
					r.rival, r.measured = s.side.name, x
				}
			}
		}
		results = append(results, r)
	}
	return results
}

// verdict is an error if an answer was wrong or a goal missed.
func verdict(outcomes []outcome) error {
	var faults []error
	for i := range outcomes {
		o := &outcomes[i]
		for _, s := range o.sides {
			if s.wrong != nil {
				faults = append(faults, fmt.Errorf("%s: %s: %w", o.workload.title, s.side.name, s.wrong))
			}
		}
		for _, r := range o.results() {
			if !r.pass() {
				faults = append(faults, fmt.Errorf("%s: %s", o.workload.title, r))
			}
		}
	}
	return errors.Join(faults...)
}

// String tells a goal below 1 the other way round, as a bound on our time.
func (r result) String() string {
	if r.faster < 1 {
		return fmt.Sprintf("%.2fx the time of %s, goal at most %.2fx", 1/r.measured, r.rival, 1/r.faster)
	}
	return fmt.Sprintf("%.1fx as fast as %s, goal at least %.1fx", r.measured, r.rival, r.faster)
}

func machine() string {
	return fmt.Sprintf("%s %s/%s, %d CPUs", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

func writeText(out io.Writer, o options, outcomes []outcome) error {
	var b strings.Builder
	fmt.Fprintf(&b, "CPU time (getrusage) of the simulated part, medians of %d interleaved rounds, %s\n", o.rounds, machine())
	for i := range outcomes {
		oc := &outcomes[i]
		fmt.Fprintf(&b, "\n%s\n", oc.workload.title)
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintf(t, "  side\tns/%s\tlow..high\ttimes %s\tanswer\n", oc.workload.operation, caravan)
		for j := range oc.sides {
			s := &oc.sides[j]
			ns := s.nanoseconds()
			answer := "agrees"
			if s.wrong != nil {
				answer = "WRONG: " + s.wrong.Error()
			}
			fmt.Fprintf(t, "  %s\t%s\t%s..%s\t%.2f\t%s\n", s.side.name, figures(median(ns)),
				figures(slices.Min(ns)), figures(slices.Max(ns)), speedup(&oc.sides[0], s), answer)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		for _, r := range oc.results() {
			word := "PASS"
			if !r.pass() {
				word = "MISS"
			}
			fmt.Fprintf(&b, "  %s  %s\n", word, r)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// figures prints three significant digits or more.
func figures(x float64) string {
	if x < 100 {
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

type jsonReport struct {
	Machine   string         `json:"machine"`
	Rounds    int            `json:"rounds"`
	Measure   string         `json:"measure"`
	Workloads []jsonWorkload `json:"workloads"`
}

type jsonWorkload struct {
	Name      string     `json:"name"`
	Title     string     `json:"title"`
	Operation string     `json:"operation"`
	Sides     []jsonSide `json:"sides"`
	Goals     []jsonGoal `json:"goals"`
}

type jsonSide struct {
	Name       string    `json:"name"`
	Arguments  []string  `json:"arguments"`
	Operations int64     `json:"operations"`
	Median     float64   `json:"median_ns"`
	Rounds     []float64 `json:"rounds_ns"`
	Process    []float64 `json:"process_cpu_s"` // the whole process, by wait4
	Ratio      float64   `json:"times_caravan"`
	Hash       string    `json:"hash,omitempty"`
	Value      float64   `json:"value,omitempty"`
	Wrong      string    `json:"wrong,omitempty"`
}

type jsonGoal struct {
	Rival    string  `json:"rival"`
	Measured float64 `json:"times_caravan"`
	Goal     float64 `json:"goal"`
	Pass     bool    `json:"pass"`
}

func writeJSON(out io.Writer, o options, outcomes []outcome) error {
	report := jsonReport{
		Machine: machine(), Rounds: o.rounds,
		Measure: "process CPU time by getrusage of the simulated part; ratios are medians of the rounds' ratios",
	}
	for i := range outcomes {
		oc := &outcomes[i]
		w := jsonWorkload{Name: oc.workload.name, Title: oc.workload.title, Operation: oc.workload.operation}
		for j := range oc.sides {
			s := &oc.sides[j]
			ns, last := s.nanoseconds(), s.runs[len(s.runs)-1]
			js := jsonSide{
				Name: s.side.name, Arguments: s.side.argv, Operations: last.Operations,
				Median: median(ns), Rounds: ns, Process: s.process, Ratio: speedup(&oc.sides[0], s),
				Hash: last.Hash, Value: last.Value,
			}
			if s.wrong != nil {
				js.Wrong = s.wrong.Error()
			}
			w.Sides = append(w.Sides, js)
		}
		for _, r := range oc.results() {
			w.Goals = append(w.Goals, jsonGoal{r.rival, r.measured, r.faster, r.pass()})
		}
		report.Workloads = append(report.Workloads, w)
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(report)
}
