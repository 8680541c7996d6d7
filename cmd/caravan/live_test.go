package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/scenarios"
	"caravan/topology"
	"caravan/workloads/placement"
)

func TestInterruptedValidationLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { // interrupt once both agents are up
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if up, err := filepath.Glob(filepath.Join(dir, "*", "*.address.json")); err != nil || len(up) >= 2 {
				stop()
				return
			}
		}
	}()
	code, _, stderr := invoke(ctx, "validate", "testdata/live.yaml", "--cluster", "local", "--dir", dir, "--work", "hold",
		"--set", "simulate.duration=1m", "--duration", "1m", "--out", t.TempDir())
	assert.Equal(t, exitInterrupted, code, stderr)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestLostNodesAreAvoided(t *testing.T) {
	text, err := scenarios.Open("moving-link")
	require.NoError(t, err)
	s, err := scenarios.Load("moving-link", text, scenarios.Options{})
	require.NoError(t, err)
	before, err := solve(t.Context(), s, asked{})
	require.NoError(t, err)
	w := &watcher{lost: map[string]bool{"fog": true}}
	w.avoid(s)
	after, err := solve(t.Context(), s, asked{})
	require.NoError(t, err)
	assert.Equal(t, []move{{"video", "analyse", "fog", "cloud"}},
		movesBetween(s, before.solution.Placement, after.solution.Placement))
	none := placement.Placement{Pipelines: [][]topology.NodeID{{topology.None, topology.None}}}
	assert.Empty(t, movesBetween(s, none, after.solution.Placement), "what was not placed does not move")
}

func TestLoopbackAddressesNeedNoConsent(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:4646": true, "http://localhost:4646": true, "https://[::1]:6443": true,
		"10.0.0.1:4646": false, "http://cluster.example:4646": false,
	} {
		assert.Equal(t, want, loopback(address), address)
	}
}
