package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results/plots"
)

const savedText = `{"version": 1, "scenario": "s", "cluster": "local", "calibrated": "", "valid": true,
"loads": [{"pipeline": "a", "utilisation": 0.5}, {"pipeline": "b", "utilisation": null}],
"ks": [{"pipeline": "a", "distance": 0.1, "floor": null}, {"pipeline": "b", "distance": 0.1, "floor": null}],
"metrics": [
{"kind": "pipeline", "workload": "a", "name": "latency", "stat": "p50", "unit": "s", "predicted": 1.1, "measured": 1, "error": 0.1, "ci95": [0.05, 0.15], "floor": 0.02, "n": 9},
{"kind": "pipeline", "workload": "a", "name": "latency", "stat": "p99", "unit": "s", "predicted": 2, "measured": 1, "error": 1, "ci95": null, "floor": null, "n": 9},
{"kind": "pipeline", "workload": "b", "name": "latency", "stat": "p50", "unit": "s", "predicted": 1.1, "measured": 1, "error": 0.1, "ci95": null, "floor": null, "n": 9}]}`

func TestErrorsAreDrawnAtTheLoadOfTheirPipeline(t *testing.T) {
	require.True(t, isValidation([]byte(savedText)))
	v, err := decodeValidation([]byte(savedText))
	require.NoError(t, err)
	f, err := (&drawing{validations: []validateAnswer{v}}).residualLoad()
	require.NoError(t, err)
	checks := f.(plots.ByLoad).Checks
	require.Len(t, checks, 1, "p99 is not judged, and the load of b is not known")
	assert.Equal(t, plots.LoadCheck{Case: "s a", Stat: "p50", Load: 0.5, Error: plots.Estimate{Value: 0.1, Low: 0.05, High: 0.15}, Floor: 0.02}, checks[0])

	v.Valid = false
	_, err = (&drawing{validations: []validateAnswer{v}}).residualLoad()
	assert.ErrorAs(t, err, &errNothing{})
}

func TestTheToleranceIsDrawnWhenAllValidationsHaveIt(t *testing.T) {
	d := &drawing{validations: []validateAnswer{{Tolerance: 0.1}, {Tolerance: 0.1}}}
	assert.Equal(t, 0.1, d.tolerance())
	d.validations[1].Tolerance = 0.2
	assert.Zero(t, d.tolerance())
}

// Whatever a file says, it is drawn or refused.
func FuzzValidation(f *testing.F) {
	f.Add([]byte(savedText))
	f.Add([]byte(`{"version": 1, "cluster": "local", "calibrated": "", "metrics": [{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !isValidation(data) {
			return
		}
		v, err := decodeValidation(data)
		if err != nil {
			return
		}
		d := &drawing{validations: []validateAnswer{v}}
		for _, figure := range []func() (plots.Figure, error){d.prediction, d.residualLoad} {
			if x, err := figure(); err == nil {
				_, _ = plots.Draw(x, plots.Column, "svg") // an error says what is missing
			}
		}
	})
}
