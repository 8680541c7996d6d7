package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/runner"
	"caravan/runner/agent"
	"caravan/scenarios"
)

// TestWatchOnACluster lets a link get slow on the cluster on this machine that
// CARAVAN_CLUSTER names.
func TestWatchOnACluster(t *testing.T) {
	name := os.Getenv("CARAVAN_CLUSTER")
	if os.Getenv("CARAVAN_TEST_FAULTS") == "" || name == "" {
		t.Skip("CARAVAN_TEST_FAULTS is not set: make cluster-nomad-faults starts a cluster and sets it")
	}
	code, stdout, stderr := invoke(t.Context(), "submit", "moving-link", "--cluster", "nomad", "--emulated", name, "-y",
		"--watch", "--window", "2s", "--duration", "30s", "--work", "hold")
	require.Equal(t, exitDone, code, stderr)
	t.Log(stdout)
	before, after, moved := strings.Cut(stdout, "Moved in")
	require.True(t, moved)
	assert.Regexp(t, `video +analyse +fog +cloud`, before)
	assert.NotContains(t, after, "Moved in", "what is believed of a link outlasts its use")
	assert.Contains(t, after, "as predicted")
	code, stdout, _ = invoke(t.Context(), "status", "--cluster", "nomad", "-y", "--output", "json")
	require.Equal(t, exitDone, code)
	assert.Contains(t, stdout, `"agents": []`)
}

// A standIn is a cluster whose nodes and agents are what a test says.
type standIn struct {
	runner.Backend
	nodes   []runner.Node
	agents  []runner.Agent
	reports map[string]agent.Report
	http    *httptest.Server
}

func (s *standIn) Nodes(context.Context) ([]runner.Node, error) { return s.nodes, nil }

func (s *standIn) Status(context.Context, string) ([]runner.Agent, error) { return s.agents, nil }

func (s *standIn) Addresses(context.Context, string) (map[string]runner.Address, error) {
	out := map[string]runner.Address{}
	for name := range s.reports {
		out[name] = runner.Address{HTTP: strings.TrimPrefix(s.http.URL, "http://") + "/" + name}
	}
	return out, nil
}

// watching is a watcher of moving-link, as placed at first.
func watching(t *testing.T) (*watcher, *standIn) {
	t.Helper()
	text, err := scenarios.Open("moving-link")
	require.NoError(t, err)
	s, err := scenarios.Load("moving-link", text, scenarios.Options{})
	require.NoError(t, err)
	p, err := solve(t.Context(), s, asked{})
	require.NoError(t, err)
	live, err := p.livePlan(runner.PlanOptions{Source: true, Collect: true}, "r")
	require.NoError(t, err)
	b := &standIn{reports: map[string]agent.Report{}}
	for _, n := range s.Topology.Nodes() {
		b.nodes = append(b.nodes, runner.Node{Name: n.Name, Ready: true})
	}
	b.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		assert.NoError(t, json.NewEncoder(w).Encode(b.reports[name]))
	}))
	t.Cleanup(b.http.Close)
	return &watcher{backend: b, plan: p, written: p, live: live, lost: map[string]bool{}, beliefs: map[string]belief{}}, b
}

func TestNodesThatGoAndComeBackAreNoticed(t *testing.T) {
	w, b := watching(t)
	why, err := w.changedNodes(t.Context())
	require.NoError(t, err)
	assert.Empty(t, why)
	for _, c := range []struct {
		node  int
		ready bool
		why   string
	}{
		{2, false, ""}, // nothing runs in the cloud, but nothing may move there either
		{1, false, "node fog does not answer"}, {1, false, ""}, {1, true, "node fog answers again"}, {2, true, "node cloud answers again"},
	} {
		b.nodes[c.node].Ready = c.ready
		why, err := w.changedNodes(t.Context())
		require.NoError(t, err)
		assert.Equal(t, c.why, why)
	}
	b.agents = []runner.Agent{{Name: "video-analyse", Node: "fog", State: runner.Failed, Detail: "gone"}}
	why, err = w.changedNodes(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "agent video-analyse on fog is lost: gone", why)
	assert.Equal(t, map[string]bool{"fog": false}, w.lost, "where an agent failed, the node's answer changes nothing")
}

func TestALinkThatNothingCrossesIsBelievedCut(t *testing.T) {
	w, b := watching(t)
	report := func(sent uint64, came int64) {
		b.reports["video-grab"] = agent.Report{Served: sent}
		b.reports["video-analyse"] = agent.Report{Spans: map[string]agent.Span{"cross 0": {N: came}}}
	}
	report(10, 10)
	w.look(t.Context())
	require.Equal(t, counts{served: 10, came: map[int]int64{0: 0, 1: 0}}, w.seen["video-grab"])
	report(20, 15)
	assert.Empty(t, w.stuck(w.count(t.Context())), "something came")
	report(10, 10)
	assert.Empty(t, w.stuck(w.count(t.Context())), "nothing was sent")
	report(20, 10)
	assert.Equal(t, []string{"camera->fog"}, w.stuck(w.count(t.Context())))

	w.silent = map[string]int{"video": 2}
	require.NoError(t, w.learn(t.Context()))
	assert.Equal(t, []string{"topology.links.0.latency=600s"}, w.believed(time.Hour))
	assert.Equal(t, "what was measured of topology.links.0.latency is older than 0s", w.stale(0))
	assert.Empty(t, w.believed(0))
	assert.Empty(t, w.beliefs)
}
