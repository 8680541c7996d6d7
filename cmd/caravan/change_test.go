package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/results"
)

// placedState is the JSON that caravan plan reads.
type placedState struct {
	Version   int              `json:"version"`
	Placement []results.Placed `json:"placement"`
}

// drawShop is a small cluster and jobs that may or may not fit.
func drawShop(t *rapid.T) (scenario string, nodes []string) {
	var b strings.Builder
	b.WriteString("name: shop\ntopology:\n  nodes:\n")
	for i := range rapid.IntRange(2, 5).Draw(t, "nodes") {
		name := fmt.Sprintf("n%d", i)
		nodes = append(nodes, name)
		fmt.Fprintf(&b, "    %s: {cpu: %dMHz, memory: %dMiB}\n", name, 500*rapid.IntRange(2, 8).Draw(t, "cpu"), 512*rapid.IntRange(2, 8).Draw(t, "memory"))
	}
	b.WriteString("workload:\n  jobs:\n")
	for i := range rapid.IntRange(1, 5).Draw(t, "jobs") {
		fmt.Fprintf(&b, "    - {name: j%d, type: %s, priority: %d, count: %d, cpu: %dMHz, memory: %dMiB}\n", i,
			rapid.SampledFrom([]string{"service", "batch"}).Draw(t, "type"), rapid.SampledFrom([]int{10, 30, 50, 90}).Draw(t, "priority"),
			rapid.IntRange(1, 4).Draw(t, "count"), 250*rapid.IntRange(1, 6).Draw(t, "cpu"), 256*rapid.IntRange(1, 6).Draw(t, "memory"))
	}
	return b.String(), nodes
}

// Once the changes are made, asking again finds no more of them: what was
// blocked is blocked, and all else stays. Nor does a change leave anything on
// a node that is away.
func TestAPlanThatIsCarriedOutLeavesNothingToDo(t *testing.T) {
	dir := t.TempDir()
	file, state := filepath.Join(dir, "shop.yaml"), filepath.Join(dir, "now.json")
	rapid.Check(t, func(t *rapid.T) {
		text, nodes := drawShop(t)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		_, stdout, stderr := invoke(t.Context(), "solve", file, "--output", "json", "--solver", "binpack")
		var now placedState
		require.NoError(t, json.Unmarshal([]byte(stdout), &now), stderr)
		if now.Placement == nil {
			now.Placement = []results.Placed{}
		}
		args := []string{"plan", file, "--against", state, "--output", "json", "--preempt", "service,batch"}
		away := rapid.SampledFrom(nodes).Draw(t, "away")
		args = append(args, rapid.SampledFrom([]string{"--drain", "--lose"}).Draw(t, "how"), away)
		ask := func() changes {
			data, err := json.Marshal(now)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(state, data, 0o644))
			code, stdout, stderr := invoke(t.Context(), args...)
			require.Equal(t, exitDone, code, stderr)
			var answer changes
			require.NoError(t, json.Unmarshal([]byte(stdout), &answer))
			return answer
		}
		first := ask()
		for _, c := range first.Changes {
			now.Placement = slices.DeleteFunc(now.Placement, func(p results.Placed) bool {
				return p.Workload == c.Workload && p.Item == c.Item && p.Instance == c.Instance
			})
			if c.To != nil {
				assert.NotEqual(t, away, *c.To)
				now.Placement = append(now.Placement, results.Placed{Workload: c.Workload, Item: c.Item, Instance: c.Instance, Node: *c.To})
			}
			if c.By != nil {
				assert.GreaterOrEqual(t, c.By.Priority, c.Priority+10, "%+v", c)
			}
		}
		assert.Equal(t, len(now.Placement), first.Kept+countTo(first.Changes))
		for _, c := range ask().Changes {
			assert.Equal(t, "blocked", c.Change, "%+v", c)
		}
	})
}

func countTo(list []change) int {
	n := 0
	for _, c := range list {
		if c.To != nil {
			n++
		}
	}
	return n
}
