package local_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results"
	"caravan/runner"
	"caravan/runner/agent"
	"caravan/runner/local"
	"caravan/runner/runnertest"
)

// asAgent makes this test's binary behave as an agent.
const asAgent = "CARAVAN_TEST_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(asAgent) == "" {
		os.Setenv(asAgent, "1")
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	if os.Args[1] == "host" {
		host(ctx, os.Args[2], os.Args[3])
		return
	}
	conf, err := agent.ReadConfig(os.Args[1])
	if err == nil {
		err = agent.Run(ctx, *conf, slog.Default())
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// host keeps a run up, as a process of its own.
func host(ctx context.Context, dir, run string) {
	b := &local.Backend{Dir: dir, Command: []string{os.Args[0]}}
	if err := b.Adopt(ctx, run); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-ctx.Done()
	b.Release()
}

// backend runs agents out of this binary.
func backend(t *testing.T) *local.Backend {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	b := &local.Backend{Dir: t.TempDir(), Command: []string{exe}, NodeNames: []string{"a", "b"}}
	t.Cleanup(func() {
		_, err := b.Clean(context.Background(), "")
		assert.NoError(t, err)
	})
	return b
}

// processes lists the agents of this binary that run, as the system knows them.
func processes(t *testing.T) []string {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	var out []string
	list, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range list {
		data, err := os.ReadFile(path)
		if words := strings.Split(string(data), "\x00"); err == nil && words[0] == exe && len(words) > 1 && strings.HasSuffix(words[1], ".json") {
			out = append(out, words[1])
		}
	}
	return out
}

// gone waits until no agent of a folder runs.
func gone(t *testing.T, dir string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return !slices.ContainsFunc(processes(t), func(p string) bool { return strings.HasPrefix(p, dir) })
	}, runnertest.Timeout, 10*time.Millisecond, "agents are left")
}

func TestLocalIsABackend(t *testing.T) {
	runnertest.Test(t, backend(t), [2]string{"a", "b"})
}

// deployed is a chain that runs.
func deployed(t *testing.T, b *local.Backend, run string) *runner.Plan {
	t.Helper()
	p := runnertest.Chain(t, run, [2]string{"a", "b"})
	require.NoError(t, b.Deploy(t.Context(), p))
	return p
}

// pid is the process of an agent.
func pid(t *testing.T, b *local.Backend, run, name string) int {
	t.Helper()
	list, err := b.Status(t.Context(), run)
	require.NoError(t, err)
	for _, a := range list {
		if n, err := strconv.Atoi(strings.TrimPrefix(a.ID, "process ")); a.Name == name && err == nil {
			return n
		}
	}
	return 0
}

func TestKilledAgentComesBackAndNothingIsLost(t *testing.T) {
	b := backend(t)
	p := deployed(t, b, "killed")
	var list []results.Request
	for i := range 40 {
		list = append(list, results.Request{Pipeline: "chain", CreatedAt: time.Duration(i) * 10 * time.Millisecond, Work: []float64{0.001, 0.005, 0.001}, Output: []float64{100, 1000, 0}})
	}
	killed := false
	m, err := runner.Drive(t.Context(), b, p, list, runner.DriveOptions{Patience: runnertest.Timeout, MaxLag: time.Minute, Ended: func(results.Request) {
		if !killed {
			killed = true
			assert.NoError(t, syscall.Kill(pid(t, b, "killed", "chain-second"), syscall.SIGKILL))
		}
	}})
	require.NoError(t, err)
	runnertest.Answered(t, m)
	assert.Equal(t, 1, m.Restarts)
	_, err = b.Clean(t.Context(), "killed")
	require.NoError(t, err)
	gone(t, b.Dir)
}

func TestNothingIsLeftOfADeploymentThatFails(t *testing.T) {
	b := backend(t)
	p := runnertest.Chain(t, "failing", [2]string{"a", "b"})
	p.Agents[1].Config.Work.Kind = "dance"
	err := b.Deploy(t.Context(), p)
	require.ErrorContains(t, err, "chain-second does not stay up")
	gone(t, b.Dir)
	entries, err := os.ReadDir(b.Dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestDeployThatIsInterruptedCleansUp(t *testing.T) {
	b := backend(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	p := runnertest.Chain(t, "interrupted", [2]string{"a", "b"})
	require.ErrorIs(t, b.Deploy(ctx, p), context.Canceled)
	gone(t, b.Dir)
}

func TestAgentsEndWithTheProcessThatHostsThem(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a process with its parent")
	}
	b := backend(t)
	p := runnertest.Chain(t, "orphan", [2]string{"a", "b"})
	require.NoError(t, b.Save(p))
	exe, err := os.Executable()
	require.NoError(t, err)
	host := exec.Command(exe, "host", b.Dir, "orphan")
	require.NoError(t, host.Start())
	for _, d := range p.Agents { // they start at the same time
		require.Eventually(t, func() bool { return pid(t, b, "orphan", d.Name) > 0 }, runnertest.Timeout, 10*time.Millisecond)
	}
	require.NoError(t, host.Process.Kill())
	require.Error(t, host.Wait())
	gone(t, b.Dir)
	list, err := b.Status(t.Context(), "orphan")
	require.NoError(t, err)
	assert.Equal(t, runner.Failed, list[0].State, "the run is still known, and is cleaned by its label")
	removed, err := b.Clean(t.Context(), "")
	require.NoError(t, err)
	assert.Contains(t, removed, "run orphan: its folder")
}

func TestAStrangersProcessIsNeverTouched(t *testing.T) {
	b := backend(t)
	deployed(t, b, "stranger")
	sleeper := exec.Command("sleep", "60")
	require.NoError(t, sleeper.Start())
	t.Cleanup(func() {
		_ = sleeper.Process.Kill() // it may have ended
		_ = sleeper.Wait()         // how says nothing
	})
	text := fmt.Sprintf(`{"pid": %d, "started": "1"}`, sleeper.Process.Pid)
	require.NoError(t, agent.WriteFile(filepath.Join(b.Dir, "stranger", "chain-first.process.json"), []byte(text)))
	_, err := b.Clean(t.Context(), "stranger")
	require.NoError(t, err)
	assert.NoError(t, sleeper.Process.Signal(syscall.Signal(0)), "a process that has an agent's number is another one")
}
