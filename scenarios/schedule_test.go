package scenarios

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/workloads"
)

func TestALinkFollowsARecordedSchedule(t *testing.T) {
	dir := t.TempDir()
	try := func(table string) (*Scenario, error) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "link.csv"), []byte(table), 0o600))
		return Load("face.yaml", []byte(small+"link_changes: [{links: camera->cloud, file: link.csv}]\n"), Options{Dir: dir})
	}
	s, err := try("at,latency,bandwidth\n0s,,8Mbit/s\n1500ms,90ms,\n2s,40ms,unlimited\n")
	require.NoError(t, err)
	assert.Equal(t, []workloads.LinkChange{
		{At: 0, Bandwidth: 1e6, Latency: 40 * time.Millisecond},
		{At: 1500 * time.Millisecond, Bandwidth: 1e6, Latency: 90 * time.Millisecond},
		{At: 2 * time.Second, Bandwidth: 0, Latency: 40 * time.Millisecond},
	}, s.LinkChanges)

	for table, want := range map[string]string{
		"":                             "no header",
		"at,speed\n":                   `unknown column "speed"`,
		"at\n":                         "a column is missing",
		"at,latency\n1s\n":             "wrong number of fields",
		"at,latency\n1s,5ms\n2s,5\n":   "link.csv:3: \"5\" is not a duration",
		"at,bandwidth\n1s,fast\n":      "link.csv:2: \"fast\" is not a bandwidth",
		"at,latency\nnever,5ms\n":      "is not a duration",
		"at,latency\n5s,5ms\n1s,5ms\n": "the step is before the one ahead of it",
	} {
		_, err := try(table)
		assert.ErrorContains(t, err, want, table)
		assert.ErrorContains(t, err, "face.yaml:", table)
	}
}
