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

// A shop is a scenario of a small cluster whose jobs may or may not fit, and
// what happens to one of its nodes.
type shop struct{ text, node, flag string }

var shops = rapid.Custom(func(t *rapid.T) shop {
	var b strings.Builder
	b.WriteString("name: shop\ntopology:\n  nodes:\n")
	nodes := rapid.IntRange(2, 5).Draw(t, "nodes")
	for i := range nodes {
		fmt.Fprintf(&b, "    n%d: {cpu: %dMHz, memory: %dMiB}\n", i, 500*rapid.IntRange(2, 8).Draw(t, "cpu"), 512*rapid.IntRange(2, 8).Draw(t, "memory"))
	}
	b.WriteString("workload:\n  jobs:\n")
	for i := range rapid.IntRange(1, 5).Draw(t, "jobs") {
		fmt.Fprintf(&b, "    - {name: j%d, type: %s, priority: %d, count: %d, cpu: %dMHz, memory: %dMiB}\n", i,
			rapid.SampledFrom([]string{"service", "batch"}).Draw(t, "type"), rapid.SampledFrom([]int{10, 30, 50, 90}).Draw(t, "priority"),
			rapid.IntRange(1, 4).Draw(t, "count"), 250*rapid.IntRange(1, 6).Draw(t, "cpu"), 256*rapid.IntRange(1, 6).Draw(t, "memory"))
	}
	return shop{
		b.String(), fmt.Sprintf("n%d", rapid.IntRange(0, nodes-1).Draw(t, "node")),
		rapid.SampledFrom([]string{"--drain", "--lose"}).Draw(t, "how"),
	}
})

// Once the changes are made, asking again finds no more of them: what was
// blocked is blocked, and all else stays. Nor does a change leave anything on
// a node that is away.
func TestAPlanThatIsCarriedOutLeavesNothingToDo(t *testing.T) {
	dir := t.TempDir()
	file, state := filepath.Join(dir, "shop.yaml"), filepath.Join(dir, "now.json")
	for seed := range 25 {
		s := shops.Example(seed)
		require.NoError(t, os.WriteFile(file, []byte(s.text), 0o644))
		_, stdout, stderr := invoke(t.Context(), "solve", file, "--output", "json", "--solver", "binpack")
		var now placedState
		require.NoError(t, json.Unmarshal([]byte(stdout), &now), stderr)
		ask := func() changes {
			data, err := json.Marshal(now)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(state, data, 0o644))
			code, stdout, stderr := invoke(t.Context(), "plan", file, "--against", state, "--output", "json", "--preempt", "service,batch", s.flag, s.node)
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
				assert.NotEqual(t, s.node, *c.To)
				now.Placement = append(now.Placement, results.Placed{Workload: c.Workload, Item: c.Item, Instance: c.Instance, Node: *c.To})
			}
			if c.By != nil {
				assert.GreaterOrEqual(t, c.By.Priority, c.Priority+10, "seed %d: %+v", seed, c)
			}
		}
		assert.Len(t, now.Placement, first.Kept+countTo(first.Changes), "seed %d", seed)
		for _, c := range ask().Changes {
			assert.Equal(t, "blocked", c.Change, "seed %d: %+v", seed, c)
		}
	}
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

func TestDetailedExitCodesTellChangesFromErrors(t *testing.T) {
	base := []string{"plan", "testdata/plan-was.yaml", "--against", "testdata/plan-state.json"}
	for _, c := range []struct {
		args     []string
		plain    int
		detailed int
	}{
		{nil, exitDone, 0},
		{[]string{"--drain", "n1"}, exitDone, 1},
		{[]string{"--drain", "n9"}, exitBadInput, 2},
	} {
		args := append(slices.Clone(base), c.args...)
		code, _, stderr := invoke(t.Context(), args...)
		assert.Equal(t, c.plain, code, stderr)
		code, _, stderr = invoke(t.Context(), append(args, "--detailed-exitcode")...)
		assert.Equal(t, c.detailed, code, stderr)
	}
}
