package criteria_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results"
	"caravan/results/criteria"
)

func sample() *results.Run {
	m := func(name, workload, stat string, x float64) results.Metric {
		return results.Metric{Name: name, Workload: workload, Stat: stat, Value: x}
	}
	return &results.Run{
		Objective: results.Objective{Value: 7},
		Unplaced:  []results.Unplaced{{Workload: "x"}},
		Metrics: []results.Metric{
			m("latency", "web", "p99", 0.15), m("latency", "batch", "p99", 3), m("latency", "idle", "p99", math.NaN()),
			m("late", "web", "ratio", 0.04), m("throughput", "web", "mean", 10), m("throughput", "batch", "mean", 2),
			m("cost", "n", "sum", 3), m("answered", "web", "count", 9),
			m("wait", "idle", "p99", math.NaN()),
		},
	}
}

func TestAnExpressionReadsTheRun(t *testing.T) {
	for text, want := range map[string]bool{
		`p99(latency) < 200ms`:                              false,
		`p99(latency) == 3s`:                                true,
		`p99(latency, "web") < 200ms && unplaced == 0`:      false,
		`p99(latency, web) < 0.2min and unplaced <= 1`:      true,
		`p99("latency", "web") >= 150000us`:                 true,
		`ratio(late) < 5%`:                                  true,
		`ratio(late) <5% || false`:                          true,
		`7 % 4 == 3 && (1e3ms == 1s)`:                       true,
		`(ratio(late) < 3%)`:                                false,
		`least(throughput, mean) == 2`:                      true,
		`total(throughput, "mean") == 12`:                   true,
		`average(throughput, mean) == 6 and objective == 7`: true,
		`most(throughput, mean) > 10`:                       false,
		`p99(wait) < 1s`:                                    false,
		`p99(wait) >= 1s`:                                   false,
		`sum(cost) == 3 && count(answered) > 8`:             true,
		`"200ms" == "200ms"`:                                true,
		`unplaced in 0..2 ? true : false`:                   true,
	} {
		c, err := criteria.Compile(text)
		if !assert.NoError(t, err, text) {
			continue
		}
		got, err := c.Holds(sample())
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestAWrongExpressionSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		`p99(latency) <`:           "unexpected token",
		`p99(latency)`:             "expected bool",
		`p98(latency) < 1s`:        "p98",
		`latency < 1s`:             "latency",
		`p99(latency) < 5furlong`:  "5furlong has no unit",
		`sum(1..1000000000) > 0`:   "sum",
		`p99(latency, web, x) < 1`: "p99",
	} {
		_, err := criteria.Compile(text)
		if assert.Error(t, err, text) {
			assert.Contains(t, err.Error(), want)
			assert.NotContains(t, err.Error(), "\n")
		}
	}
	for text, want := range map[string]string{
		`p99(latncy) < 1s`:       `no metric "latncy" (allowed: latency, late, throughput, cost, answered, wait)`,
		`p95(latency) < 1s`:      "no p95 of latency (allowed: p99)",
		`p99(latency, "w") < 1s`: `for "w" (allowed: web, batch, idle)`,
	} {
		c, err := criteria.Compile(text)
		require.NoError(t, err)
		_, err = c.Holds(sample())
		if assert.Error(t, err, text) {
			assert.Contains(t, err.Error(), want)
		}
	}
	c, err := criteria.Compile("p99(latency) < 1s")
	require.NoError(t, err)
	_, err = c.Holds(&results.Run{})
	assert.ErrorContains(t, err, "the run has no metrics")
}

func FuzzCompile(f *testing.F) {
	f.Add(`p99(latency) < 200ms && unplaced == 0`)
	f.Add("1..1e9 % 5%")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := criteria.Compile(text); err == nil {
			_, _ = c.Holds(sample())
		}
	})
}
