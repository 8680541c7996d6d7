package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQuantitiesReadWithFourDigitsInAFittingUnit(t *testing.T) {
	for _, c := range []struct {
		value float64
		unit  string
		want  string
	}{
		{2.344285715, "s", "2.344 s"},
		{0.0123456, "s", "12.35 ms"},
		{0.0000021, "s", "2.1 µs"},
		{0, "s", "0 s"},
		{0.5, "1", "50 %"},
		{12345.678, "1/s", "12346 /s"},
		{3 << 20, "B", "3 MiB"},
		{7, "nodes", "7 nodes"},
		{math.NaN(), "s", "-"},
	} {
		assert.Equal(t, c.want, quantity(c.value, c.unit))
	}
}

func TestIntervalsShowNoMoreDigitsThanTheyKnow(t *testing.T) {
	assert.Equal(t, "234.5 ± 1.2 ms", interval(0.23451, 0.00123, "s"))
	assert.Equal(t, "2.34 ± 0.12 s", interval(2.3442, 0.1234, "s"))
	assert.Equal(t, "120 ± 34 ms", interval(0.1204, 0.034, "s"))
	assert.Equal(t, "5 s", interval(5, 0, "s"), "no interval without a spread")
	assert.Equal(t, "5 s", interval(5, math.NaN(), "s"), "no interval from one observation")
}

func TestNearestSuggestsOnlyWhatIsClose(t *testing.T) {
	n, ok := nearest("chaincutt", []string{"binpack", "chaincut"})
	assert.True(t, ok)
	assert.Equal(t, "chaincut", n)
	_, ok = nearest("xyz", []string{"binpack", "chaincut"})
	assert.False(t, ok)
}

func TestTheWorstOutcomeDecidesTheExitCode(t *testing.T) {
	for _, c := range []struct {
		name  string
		codes []int
		want  int
	}{
		{"all done", []int{0, 0}, exitDone},
		{"an infeasible answer beside a done one", []int{0, 3}, exitInfeasible},
		{"an error beside a success", []int{0, 2}, exitPartial},
		{"errors alone", []int{2, 1}, exitBadInput},
		{"interrupted", []int{0, 2, 130}, exitInterrupted},
	} {
		assert.Equal(t, c.want, worst(c.codes), c.name)
	}
}
