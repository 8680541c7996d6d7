package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results/store"
)

func TestWhatIsNotCompletedMakesNoBundle(t *testing.T) {
	file, url := sweepFile(t, small("20s")), filepath.Join(t.TempDir(), "s.db")
	enterOnly(t, file, url)
	out := filepath.Join(t.TempDir(), "bundle")
	code, _, stderr := invoke(t.Context(), "bundle", "chaos", "--store", url, "--out", out)
	assert.Equal(t, exitPartial, code)
	assert.Contains(t, stderr, "8 points of sweep")
	assert.NoDirExists(t, out)
}

// enterOnly enters a sweep and its points into a store, and runs none.
func enterOnly(t *testing.T, file, url string) {
	t.Helper()
	st, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	s, err := new(app).readSweep(file)
	require.NoError(t, err)
	require.NoError(t, enter(t.Context(), st, s, &sweepFlags{}))
	var members []store.Member
	for p := range s.Points() {
		members = append(members, memberOf(s, p))
	}
	require.NoError(t, st.Add(t.Context(), sweepID(s), members))
	require.NoError(t, st.Close())
}

func TestTheJSONOfABundleIsAsDocumented(t *testing.T) {
	var v any
	text, err := json.Marshal(bundleAnswer{Files: []string{"verify.sh"}})
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &v))
	documented, observed := documentedFields(t, "caravan bundle"), map[string]string{}
	flatten("", v, func(field, kind string) { observed[field] = kind })
	assert.Equal(t, documented, observed)
}
