package scenarios

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite golden files, the schema and its documentation")

// TestBrokenScenariosAreReportedAsRecorded holds the text of every message.
func TestBrokenScenariosAreReportedAsRecorded(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	require.Greater(t, len(files), 40)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			s, err := Load(filepath.Base(file), data, Options{Dir: "testdata/bad", Solvers: []string{"binpack", "chaincut"}})
			require.Error(t, err)
			assert.Nil(t, s)
			var all *Errors
			require.ErrorAs(t, err, &all)
			assert.Equal(t, 2, all.ExitCode())
			var one Fault
			assert.True(t, errors.As(err, &one), "each fault can be found")
			assert.True(t, sort.SliceIsSorted(all.List, func(i, j int) bool {
				a, b := all.List[i], all.List[j]
				return a.Line < b.Line || (a.Line == b.Line && a.Column < b.Column)
			}), "faults come in the order of the file")
			golden(t, strings.TrimSuffix(file, ".yaml")+".err", []byte(err.Error()+"\n"))
		})
	}
}

// golden compares got with a file, or rewrites the file with -update.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o644))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run the test with -update")
	assert.Equal(t, string(bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))), string(got))
}
