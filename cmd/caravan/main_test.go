package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// invoke runs one command line in this process.
func invoke(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestEveryBrokenFileEndsWithTwoAndSaysWhere(t *testing.T) {
	files, err := filepath.Glob("../../scenarios/testdata/bad/*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 30, "the broken files are gone")
	for _, file := range files {
		for _, command := range []string{"solve", "run"} {
			code, stdout, stderr := invoke(t.Context(), command, file)
			assert.Equal(t, exitBadInput, code, "%s %s: %s", command, file, stderr)
			assert.Empty(t, stdout, file)
			assert.Regexp(t, regexp.QuoteMeta(filepath.Base(file))+`:\d+:\d+`, stderr, "%s names no line and column", file)
		}
	}
}

func TestAnInterruptedRunLeavesNothingBehind(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := filepath.Join(t.TempDir(), "runs")
	code, stdout, stderr := invoke(ctx, "run", "tutorial", "--out", out)
	assert.Equal(t, exitInterrupted, code, stderr)
	assert.Empty(t, stdout)
	assert.NoDirExists(t, out)
}

func TestARunInterruptedInItsMidstLeavesNothingBehind(t *testing.T) {
	// The run would take hours; whenever the end comes, the claim is the same.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	out := filepath.Join(t.TempDir(), "runs")
	code, stdout, stderr := invoke(ctx, "run", "tutorial", "--out", out, "--set", "simulate.duration=10000h")
	assert.Equal(t, exitInterrupted, code, stderr)
	assert.Empty(t, stdout)
	assert.NoDirExists(t, out)
}

// cancelOnRead is a standard input whose reader is interrupted.
type cancelOnRead struct{ cancel context.CancelFunc }

func (c cancelOnRead) Read([]byte) (int, error) { c.cancel(); return 0, io.EOF }

func TestAnInterruptionKeepsTheScenariosThatWereDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"run", "tutorial", "-", "--out", out}, cancelOnRead{cancel}, &stdout, &stderr)
	assert.Equal(t, exitInterrupted, code, stderr.String())
	files, err := filepath.Glob(filepath.Join(out, "*"))
	require.NoError(t, err)
	assert.Len(t, files, 1)
}

func TestTheSavedRunIsTheSameForAnyNumberOfWorkers(t *testing.T) {
	var sums []string
	for _, workers := range []string{"1", "2", "7"} {
		out := t.TempDir()
		code, _, stderr := invoke(t.Context(), "run", "tutorial", "--out", out, "--workers", workers)
		require.Equal(t, exitDone, code, stderr)
		files, err := filepath.Glob(filepath.Join(out, "*.json"))
		require.NoError(t, err)
		require.Len(t, files, 1)
		data, err := os.ReadFile(files[0])
		require.NoError(t, err)
		sums = append(sums, fmt.Sprintf("%s %x", filepath.Base(files[0]), sha256.Sum256(data)))
	}
	assert.Equal(t, slices.Repeat(sums[:1], 3), sums)
}

func TestTheSavedRunKnowsNothingOfThisMachine(t *testing.T) {
	out := t.TempDir()
	code, _, stderr := invoke(t.Context(), "run", "tutorial", "--out", out)
	require.Equal(t, exitDone, code, stderr)
	files, err := filepath.Glob(filepath.Join(out, "*"))
	require.NoError(t, err)
	require.Len(t, files, 1, "no temporary file is left")
	data, err := os.ReadFile(files[0])
	require.NoError(t, err)
	assert.NotContains(t, string(data), out)
	assert.NotContains(t, string(data), "seconds")
}

func TestJSONHasTheDocumentedFieldsAndNoOthers(t *testing.T) {
	out := t.TempDir()
	runs := t.TempDir()
	t.Cleanup(func() {
		code, _, stderr := invoke(context.Background(), "clean", "--cluster", "local", "--dir", runs)
		assert.Equal(t, exitDone, code, stderr)
	})
	live := []string{"testdata/live.yaml", "--cluster", "local", "--dir", t.TempDir(), "--work", "hold", "--max-lag", "1ns"}
	validations := t.TempDir()
	for _, c := range []struct {
		section  string
		commands [][]string // together they show every field
	}{
		{"caravan solve", [][]string{{"solve", "smart-city"}, {"solve", "testdata/full.yaml"}}},
		{"Evictions and decisions of jobs", [][]string{
			{"solve", "smart-city"}, {"solve", "testdata/full.yaml"},
			{"solve", "testdata/priorities.yaml", "--solver", "nomad-preempt", "--incumbent", "testdata/priorities.json"},
		}},
		{"caravan solve --profile-error", [][]string{
			{"solve", "testdata/full.yaml"}, {"solve", "smart-city", "--profile-error", "20%", "--profiles", "2", "--solver", "ilp"},
		}},
		{"caravan run", [][]string{{"run", "smart-city", "--replications", "2", "--set", "simulate.duration=1m", "--out", out}, {"run", "testdata/full.yaml", "--out", out}, {"run", "tutorial", "--out", out}}},
		{"caravan plot", [][]string{{"plot", "latest", "--runs", out, "--out", out + "/figures", "--format", "csv"}}},
		{"caravan plan", [][]string{{"plan", "testdata/plan.yaml", "--against", "testdata/plan-state.json", "--lose", "n3", "--preempt", "service", "--was", "testdata/plan-was.yaml"}, {"plan", "testdata/plan.yaml", "--against", "testdata/plan-old.json"}}},
		{"caravan scenarios", [][]string{{"scenarios"}}},
		{"caravan validate", [][]string{append([]string{"validate", "--repeat", "2", "--calibrate", "--tolerance", "0.0001%", "--out", validations}, live...)}},
		{"caravan submit", [][]string{{"submit", "testdata/live.yaml", "--cluster", "local", "--dir", runs, "--work", "hold"}}},
		{"caravan calibrate", [][]string{append([]string{"calibrate"}, live...)}},
		{"caravan bench", [][]string{{"bench", "--filter", "gap1-0,u120_01,bert24_inference"}}},
		{"caravan bench policies", [][]string{{"bench", "policies", "--trace", "multigpu20", "--policy", "best-fit,spread", "--seeds", "2"}}},
		{"caravan bench placement", [][]string{{"bench", "placement", "--tasks", "200"}}},
		{"caravan bench decisions", [][]string{{"bench", "decisions", "--evaluations", "20", "--asks", "5"}}},
		{"caravan linkem measure", [][]string{{"linkem", "measure", "--delay", "1ms", "--transfer", "10kB", "--pings", "3", "--transfers", "1"}}},
		{"caravan story", [][]string{{"story", "plan-conflict"}}},
		{"caravan version", [][]string{{"version"}}},
	} {
		documented := documentedFields(t, c.section)
		if c.section == "caravan run" || c.section == "caravan solve --profile-error" || c.section == "Evictions and decisions of jobs" {
			for k, v := range documentedFields(t, "caravan solve") {
				documented[k] = v
			}
		}
		checkDocumented(t, c.section, documented, c.commands)
	}
}

// checkDocumented holds what commands print as JSON to the fields of a section.
func checkDocumented(t *testing.T, section string, documented map[string]string, commands [][]string) {
	t.Helper()
	observed := map[string]bool{}
	for _, args := range commands {
		_, stdout, stderr := invoke(t.Context(), append(args, "--output", "json")...)
		var v any
		require.NoError(t, json.Unmarshal([]byte(stdout), &v), "%v: %s", args, stderr)
		flatten("", v, func(field, kind string) {
			observed[field] = true
			allowed, ok := documented[field]
			if kind == "array" && !ok { // an empty list of something documented
				ok = hasPrefix(documented, field+"[]")
				allowed = "array"
			}
			assert.True(t, ok, "docs/json.md, %s: %s is missing", section, field)
			assert.Contains(t, allowed, kind, "docs/json.md, %s: type of %s", section, field)
		})
	}
	for field := range documented {
		assert.True(t, observed[field] || documented[field] == "array", "docs/json.md, %s: nothing prints %s", section, field)
	}
}

// documentedFields reads a section's tables of docs/json.md: field to type.
func documentedFields(t *testing.T, section string) map[string]string {
	t.Helper()
	data, err := os.ReadFile("../../docs/json.md")
	require.NoError(t, err)
	_, text, found := strings.Cut(string(data), "\n## "+section+"\n")
	require.True(t, found, "docs/json.md has no section %q", section)
	text, _, _ = strings.Cut(text, "\n## ")
	text, _, _ = strings.Cut(text, "With `--compare`")
	fields := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(text, -1) {
		fields[m[1]] = m[2]
	}
	require.NotEmpty(t, fields)
	return fields
}

// flatten visits every leaf of a JSON value with its path and type.
func flatten(path string, v any, visit func(field, kind string)) {
	switch x := v.(type) {
	case map[string]any:
		for k, y := range x {
			flatten(strings.TrimPrefix(path+"."+k, "."), y, visit)
		}
	case []any:
		if len(x) == 0 {
			visit(path, "array")
		}
		for _, y := range x {
			flatten(path+"[]", y, visit)
		}
	case string:
		visit(path, "string")
	case float64:
		visit(path, "number")
	case bool:
		visit(path, "boolean")
	case nil:
		visit(path, "null")
	}
}

func hasPrefix(fields map[string]string, prefix string) bool {
	for f := range fields {
		if strings.HasPrefix(f, prefix) {
			return true
		}
	}
	return false
}
