package local_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

func TestLocalIsABackend(t *testing.T) {
	runnertest.Test(t, backend(t), [2]string{"a", "b"})
}
