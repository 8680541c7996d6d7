package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results/store"
)

// sweepProcess starts caravan sweep as a process of its own.
func sweepProcess(t *testing.T, db string, args ...string) (*exec.Cmd, *syncBuffer) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "caravan", append([]string{"sweep", "--store", db}, args...)...)
	var errs syncBuffer
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	return cmd, &errs
}

// syncBuffer is a buffer that one goroutine writes and another reads.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// await polls until done, which the end of the test bounds.
func await(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-t.Context().Done():
			t.Fatal("the test ended first")
		case <-tick.C:
		}
	}
}

// completedRows are the completed points of the only sweep of a store.
func completedRows(t *testing.T, st *store.Store) map[string]store.Row {
	t.Helper()
	out := map[string]store.Row{}
	w, err := st.Sweep(t.Context(), "latest")
	if err != nil {
		return out // not entered yet
	}
	rows, err := st.Rows(t.Context(), w.ID)
	require.NoError(t, err)
	for _, r := range rows {
		if r.State == store.Completed {
			out[r.Hash] = r
		}
	}
	return out
}

func TestAKilledSweepLosesNothingThatWasCompleted(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "killed.db")
	st, err := store.Open(t.Context(), db)
	require.NoError(t, err)
	defer st.Close()
	before := map[string]store.Row{}
	kills := 0
	for range 4 {
		cmd, _ := sweepProcess(t, db, "testdata/sweep-slow.yaml", "--workers", "2")
		most := min(len(before)+3, 30)
		await(t, func() bool { return len(completedRows(t, st)) >= most })
		if cmd.Process.Kill() == nil && cmd.Wait() != nil {
			kills++
		}
		after := completedRows(t, st)
		for hash, r := range before {
			assert.Equal(t, r, after[hash], "a completed point stays as it was")
		}
		before = after
	}
	require.NotZero(t, kills, "it ended before it could be killed")
	code, _, stderr := invoke(t.Context(), "sweep", "testdata/sweep-slow.yaml", "--store", db)
	require.Equal(t, exitDone, code, stderr)
	whole := filepath.Join(dir, "whole.db")
	code, _, stderr = invoke(t.Context(), "sweep", "testdata/sweep-slow.yaml", "--store", whole, "--workers", "1")
	require.Equal(t, exitDone, code, stderr)
	_, killed, _ := invoke(t.Context(), "export", "slow", "--store", db)
	_, undisturbed, _ := invoke(t.Context(), "export", "slow", "--store", whole)
	assert.Equal(t, undisturbed, killed)
	assert.Greater(t, strings.Count(killed, "\n"), 30*20)
	after := completedRows(t, st)
	for hash, r := range before {
		assert.Equal(t, r, after[hash])
	}
}

func TestTheFirstInterruptDrainsAndTheSecondStops(t *testing.T) {
	db := filepath.Join(t.TempDir(), "s.db")
	st, err := store.Open(t.Context(), db)
	require.NoError(t, err)
	defer st.Close()
	cmd, errs := sweepProcess(t, db, "testdata/sweep-slow.yaml", "--workers", "1")
	await(t, func() bool { return len(completedRows(t, st)) >= 1 })
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	assert.Equal(t, exitInterrupted, exit.ExitCode(), errs.String())
	assert.Contains(t, errs.String(), "finishing the points under way")
	w, err := st.Sweep(t.Context(), "slow")
	require.NoError(t, err)
	assert.Zero(t, w.Running, "what was under way was finished")
	assert.NotZero(t, w.Queued)

	// A point that takes hours has to be abandoned.
	long := filepath.Join(t.TempDir(), "long.yaml")
	require.NoError(t, os.WriteFile(long, []byte("scenario: mm1\nset: {simulate.duration: 1000000h}\nreplications: 1\n"), 0o600))
	cmd, errs = sweepProcess(t, db, long)
	await(t, func() bool {
		w, err := st.Sweep(t.Context(), "long")
		return err == nil && w.Running == 1
	})
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	await(t, func() bool { return strings.Contains(errs.String(), "Ctrl-C again") })
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	require.ErrorAs(t, cmd.Wait(), &exit)
	assert.Equal(t, exitInterrupted, exit.ExitCode(), errs.String())
	assert.NotContains(t, errs.String(), "panic")
}
