package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheClosingLineCountsTestsAndNamesSkips(t *testing.T) {
	in := `{"Action":"output","Package":"p","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p","Elapsed":0.5}
`
	var out strings.Builder
	ok, err := tally(strings.NewReader(in), &out)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.True(t, strings.HasSuffix(out.String(), "1 skipped:\n  p TestB\n1 passed, 0 failed\n"), out.String())
	assert.NotContains(t, out.String(), "quiet")
}

func TestAFailureShowsItsOutput(t *testing.T) {
	in := `{"Action":"output","Package":"p","Test":"TestA","Output":"    want 1, found 2\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
`
	var out strings.Builder
	ok, err := tally(strings.NewReader(in), &out)
	require.NoError(t, err)
	assert.False(t, ok)
	assert.Contains(t, out.String(), "want 1, found 2")
	assert.Contains(t, out.String(), "0 passed, 1 failed")
}

func TestAPackageThatDoesNotBuildIsAFailure(t *testing.T) {
	in := "not json\n" + `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: syntax error\n"}
{"Action":"fail","Package":"p"}
`
	var out strings.Builder
	ok, err := tally(strings.NewReader(in), &out)
	require.NoError(t, err)
	assert.False(t, ok)
	assert.Equal(t, "not json\np.go:1: syntax error\nFAIL p\n0 passed, 1 failed\n", out.String())
}

func TestNoTestsAtAllAreNoSuccess(t *testing.T) {
	var out strings.Builder
	ok, err := tally(strings.NewReader(""), &out)
	require.NoError(t, err)
	assert.False(t, ok)
}
