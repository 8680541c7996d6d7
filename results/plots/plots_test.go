package plots_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results/plots"
)

func TestProfile(t *testing.T) {
	contests := []plots.Contest{{1, 2}, {3, math.Inf(1)}, {4, 2}}
	for _, f := range plots.Formats() {
		a, err := plots.Profile([]string{"ilp", "highs"}, contests, f)
		require.NoError(t, err)
		b, err := plots.Profile([]string{"ilp", "highs"}, contests, f)
		require.NoError(t, err)
		assert.NotEmpty(t, a)
		if f != "pdf" { // whose library writes the time of the drawing
			assert.True(t, bytes.Equal(a, b), "two %s drawings differ", f)
		}
	}
	_, err := plots.Profile(nil, nil, "png")
	require.Error(t, err)
}

func TestFormatOf(t *testing.T) {
	f, err := plots.FormatOf("x/y.PNG")
	require.NoError(t, err)
	assert.Equal(t, plots.Format("png"), f)
	_, err = plots.FormatOf("figure.jpg")
	assert.ErrorContains(t, err, ".svg")
}
