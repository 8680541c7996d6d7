// Package oracle runs the simulator against systems whose answers are known
// exactly: queueing formulas, max-min fair rates, and the time of one request
// on an idle topology. A user can run it (caravan verify) before trusting a
// prediction.
package oracle

import (
	"context"
	"fmt"
)

// A Case is one exact value.
type Case struct {
	Suite  string // file that it comes from
	ID     string
	Model  string
	Params string
	Metric string
	Value  float64
	// Formula says where Value comes from.
	Formula string
}

// A Verdict says whether the simulator reproduces a Case.
type Verdict struct {
	Case
	Simulated float64
	Low, High float64 // 99.9 % confidence interval; equal to Simulated when nothing is random
	N         int     // replications behind the interval
	Pass      bool
	Problem   string // why it could not be tried, empty otherwise
}

// A Suite is a set of cases that are tried together.
type Suite struct {
	Name  string
	Cases []Case
	// try runs the cases; verdicts come in the order of Cases.
	try func(ctx context.Context, cases []Case, o Options) ([]Verdict, error)
}

// Options scale the effort. The zero value is what `caravan verify` runs.
type Options struct {
	Seed         uint64 // 0 is 1
	Replications int    // a case; 0 is 20
	Requests     int    // a replication; 0 is 200,000
	// Each runs f for every index, in parallel if it likes; nil runs them in turn.
	Each func(ctx context.Context, n int, f func(ctx context.Context, i int) error) error
}

func (o Options) withDefaults() Options {
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Replications == 0 {
		o.Replications = 20
	}
	if o.Requests == 0 {
		o.Requests = 200_000
	}
	if o.Each == nil {
		o.Each = func(ctx context.Context, n int, f func(context.Context, int) error) error {
			for i := range n {
				if err := f(ctx, i); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return o
}

// Suites returns the shipped suites.
func Suites() ([]Suite, error) {
	q, err := QueueingSuite("queueing.csv", queueingCSV)
	if err != nil {
		return nil, err
	}
	m, err := maxminSuites()
	if err != nil {
		return nil, err
	}
	return append(append([]Suite{q}, m...), idleSuite()), nil
}

// Run tries every case of a suite.
func (s Suite) Run(ctx context.Context, o Options) ([]Verdict, error) {
	v, err := s.try(ctx, s.Cases, o.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return v, nil
}

// Filter returns the suite with only the cases that keep accepts, tried as
// before.
func (s Suite) Filter(keep func(Case) bool) Suite {
	all := s.Cases
	var positions []int
	out := Suite{Name: s.Name}
	for i, c := range all {
		if keep(c) {
			positions = append(positions, i)
			out.Cases = append(out.Cases, c)
		}
	}
	if len(out.Cases) == len(all) {
		return s
	}
	try := s.try
	out.try = func(ctx context.Context, _ []Case, o Options) ([]Verdict, error) {
		vs, err := try(ctx, all, o)
		if err != nil {
			return nil, err
		}
		picked := make([]Verdict, len(positions))
		for i, p := range positions {
			picked[i] = vs[p]
		}
		return picked, nil
	}
	return out
}
