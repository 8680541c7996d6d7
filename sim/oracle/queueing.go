package oracle

import (
	"bytes"
	"context"
	_ "embed" // the shipped cases
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"

	"caravan/results"
	"caravan/sim"
)

//go:embed data/queueing.csv
var queueingCSV []byte

// QueueingSuite reads cases in the columns id, model, params, metric, value,
// formula. Rows that share id, model and params are measured in one run.
func QueueingSuite(name string, data []byte) (Suite, error) {
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return Suite{}, fmt.Errorf("%s: %w", name, err)
	}
	s := Suite{Name: name, try: tryQueueing}
	for i, row := range rows {
		if i == 0 || len(row) < 6 {
			continue
		}
		v, err := strconv.ParseFloat(row[4], 64)
		if err != nil {
			return Suite{}, fmt.Errorf("%s:%d: value: found %q, a number is allowed", name, i+1, row[4])
		}
		s.Cases = append(s.Cases, Case{Suite: name, ID: row[0], Model: row[1], Params: row[2], Metric: row[3], Value: v, Formula: row[5]})
	}
	return s, nil
}

// A system is a queueing system that the simulator can run.
type system struct {
	config sim.Config
	// rate is requests a second, from which the horizon follows; 0 when the
	// config ends by itself.
	rate float64
	// exact says that nothing is random: one replication, equality.
	exact bool
	// metric reads a case's metric from one replication.
	metric func(metric string, rep observed) (float64, error)
	// observe, when set, is told of each completion of replication i.
	observe func() (func(sim.Completion), func() map[string]float64)
}

// observed is what one replication yields.
type observed struct {
	results.Replication
	extra map[string]float64 // from the system's own observer
}

// value finds a measured value.
func (o observed) value(name, subject, stat string) (float64, error) {
	for _, v := range o.Values {
		if v.Name == name && v.Subject == subject && v.Stat == stat {
			return v.Value, nil
		}
	}
	return 0, fmt.Errorf("no value %s %s %s", name, subject, stat)
}

// tryQueueing runs each distinct system once and reads all its rows from it.
func tryQueueing(ctx context.Context, cases []Case, o Options) ([]Verdict, error) {
	groups := groupCases(cases)
	verdicts := make([]Verdict, len(cases))
	err := o.Each(ctx, len(groups), func(ctx context.Context, g int) error {
		return tryGroup(ctx, cases, groups[g], o, verdicts)
	})
	return verdicts, err
}

// groupCases gathers the rows that one run answers. A model or params of
// "same" repeats the row before.
func groupCases(cases []Case) [][]int {
	var groups [][]int
	for i, c := range cases {
		if i > 0 {
			p := cases[i-1]
			if c.ID == p.ID && (c.Model == "same" || c.Model == p.Model && c.Params == p.Params) {
				groups[len(groups)-1] = append(groups[len(groups)-1], i)
				continue
			}
		}
		groups = append(groups, []int{i})
	}
	return groups
}

func tryGroup(ctx context.Context, cases []Case, group []int, o Options, verdicts []Verdict) error {
	for _, i := range group {
		verdicts[i] = Verdict{Case: cases[i]}
	}
	fail := func(err error) {
		for _, i := range group {
			verdicts[i].Problem = err.Error()
		}
	}
	sys, err := buildSystem(cases[group[0]])
	if err != nil {
		fail(err)
		return nil
	}
	reps, err := sys.replicate(ctx, o)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fail(err)
		return nil
	}
	for _, i := range group {
		sys.judge(&verdicts[i], reps)
	}
	return nil
}

// replicate runs the system's replications.
func (s system) replicate(ctx context.Context, o Options) ([]observed, error) {
	n := o.Replications
	if s.exact {
		n = 1
	}
	reps := make([]observed, n)
	for i := range reps {
		c := s.config
		c.Seed, c.Replication = o.Seed, i
		if s.rate > 0 {
			c.Duration = seconds(float64(o.Requests) / s.rate)
			c.WarmUp = c.Duration / 20
		}
		var finish func() map[string]float64
		if s.observe != nil {
			c.Observe, finish = s.observe()
		}
		rep, err := sim.Run(ctx, c)
		if err != nil {
			return nil, err
		}
		reps[i] = observed{Replication: rep}
		if finish != nil {
			reps[i].extra = finish()
		}
	}
	return reps, nil
}

// judge compares one case with the replications: the 99.9 % t interval must
// cover the exact value, to the seven digits in which it is written.
func (s system) judge(v *Verdict, reps []observed) {
	xs := make([]float64, len(reps))
	for i, rep := range reps {
		x, err := s.metric(v.Metric, rep)
		if err != nil {
			v.Problem = err.Error()
			return
		}
		xs[i] = x
	}
	v.N = len(xs)
	digits := math.Abs(v.Value) * 5e-7
	if s.exact {
		v.Simulated, v.Low, v.High = xs[0], xs[0], xs[0]
		v.Pass = math.Abs(xs[0]-v.Value) <= digits
		return
	}
	iv, err := results.TInterval(xs, 0.999)
	if err != nil {
		v.Problem = err.Error()
		return
	}
	v.Simulated, v.Low, v.High = iv.Mean, iv.Mean-iv.HalfWidth, iv.Mean+iv.HalfWidth
	v.Pass = v.Low-digits <= v.Value && v.Value <= v.High+digits
}

// buildSystem picks the builder by the model's name.
func buildSystem(c Case) (system, error) {
	p, err := parseParams(c.Params)
	if err != nil {
		return system{}, err
	}
	for _, b := range builders {
		if strings.HasPrefix(c.Model, b.prefix) {
			sys, err := b.build(c, p)
			if err != nil {
				return system{}, fmt.Errorf("%s (%s): %w", c.Model, c.Params, err)
			}
			return sys, nil
		}
	}
	return system{}, fmt.Errorf("no system is known by the name %q", c.Model)
}
