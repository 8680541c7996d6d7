package nomad

import (
	"context"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/nomad/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/runner"
	"caravan/runner/agent"
	"caravan/runner/runnertest"
)

// TestMain makes this program the agent when a cluster starts it as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "agent" {
		c, err := agent.ReadConfig(os.Args[2])
		if err == nil {
			err = agent.Run(context.Background(), *c, slog.New(slog.DiscardHandler))
		}
		if err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// TestOnACluster runs the suite of backends on the cluster that NOMAD_ADDR
// names, as make cluster-nomad-test does.
func TestOnACluster(t *testing.T) {
	if os.Getenv("CARAVAN_TEST_NOMAD") == "" {
		t.Skip("CARAVAN_TEST_NOMAD is not set: make cluster-nomad-test starts a cluster and sets it")
	}
	b, err := New(Options{})
	require.NoError(t, err)
	nodes, err := b.Nodes(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(nodes), 2)
	runnertest.Test(t, b, [2]string{nodes[0].Name, nodes[1].Name})
}

// TestExecOnACluster runs the suite with the driver that gives each task a root
// of its own, which holds the program that CARAVAN_TEST_EXEC names.
func TestExecOnACluster(t *testing.T) {
	program := os.Getenv("CARAVAN_TEST_EXEC")
	if program == "" {
		t.Skip("CARAVAN_TEST_EXEC is not set: make cluster-nomad-test starts a cluster and sets it")
	}
	b := backend(t, Options{Driver: "exec", Program: program})
	nodes, err := b.Nodes(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(nodes), 2)
	runnertest.Test(t, b, [2]string{nodes[0].Name, nodes[1].Name})
}

func TestWhyATaskDoesNotRun(t *testing.T) {
	failed := &api.TaskEvent{Type: api.TaskDriverFailure, DisplayMessage: "no such program"}
	after := &api.TaskEvent{Type: api.TaskNotRestarting, DisplayMessage: "Error was unrecoverable"}
	assert.Equal(t, "no such program", cause([]*api.TaskEvent{failed, after}))
	assert.Equal(t, "Error was unrecoverable", cause([]*api.TaskEvent{after}))
	assert.Empty(t, cause(nil))
}

func plan(t *testing.T) *runner.Plan { return runnertest.Chain(t, "r", [2]string{"a", "b"}) }

func backend(t *testing.T, o Options) *Backend {
	t.Helper()
	b, err := New(o)
	require.NoError(t, err)
	return b
}

func TestAPlanIsOneJobWithAGroupForEachAgent(t *testing.T) {
	b := backend(t, Options{Program: "/opt/caravan"})
	job, err := b.job(plan(t))
	require.NoError(t, err)
	assert.Equal(t, "caravan-r", *job.ID)
	assert.Equal(t, map[string]string{"caravan_run": "r"}, job.Meta)
	require.Len(t, job.TaskGroups, 3)
	g := job.TaskGroups[1]
	assert.Equal(t, "chain-second", *g.Name)
	assert.Equal(t, []*api.Constraint{{LTarget: "${node.unique.name}", Operand: "=", RTarget: "b"}}, g.Constraints)
	task := g.Tasks[0]
	assert.Equal(t, "raw_exec", task.Driver)
	assert.Equal(t, map[string]any{"command": "/opt/caravan", "args": []string{"agent", "${NOMAD_TASK_DIR}/agent.json"}}, task.Config)
	config := *task.Templates[0].EmbeddedTmpl
	assert.Contains(t, config, `"listen": "<<env "NOMAD_ADDR_data">>"`)
	assert.Contains(t, config, `"file": "<<env "NOMAD_TASK_DIR">>/peer-chain-third"`)
	assert.NotContains(t, config, `\u0001`)
	assert.Contains(t, *task.Templates[1].EmbeddedTmpl, serviceName("r", "chain-third"))
	again, err := b.job(plan(t))
	require.NoError(t, err)
	assert.Equal(t, job, again, "equal plans are equal jobs")
}

func TestTheDriverDecidesWhatATaskNeeds(t *testing.T) {
	_, err := New(Options{Driver: "podman"})
	assert.ErrorContains(t, err, `found "podman", allowed: raw_exec, exec, docker`)
	_, err = New(Options{Driver: "docker"})
	assert.ErrorContains(t, err, "image")
	b := backend(t, Options{Driver: "docker", Image: "agents:1", Program: "/caravan"})
	job, err := b.job(plan(t))
	require.NoError(t, err)
	assert.Equal(t, "agents:1", job.TaskGroups[0].Tasks[0].Config["image"])
}

func TestStatesOfAllocations(t *testing.T) {
	for _, c := range []struct {
		desired, client string
		want            runner.State
	}{
		{"run", "running", runner.Running},
		{"run", "pending", runner.Pending},
		{"run", "unknown", runner.Pending}, // its node is cut off and may come back
		{"run", "failed", runner.Failed},
		{"run", "lost", runner.Failed},
		{"stop", "running", runner.Stopped},
		{"stop", "lost", runner.Stopped},
		{"run", "complete", runner.Stopped},
	} {
		got := state(&api.AllocationListStub{DesiredStatus: c.desired, ClientStatus: c.client})
		assert.Equal(t, c.want, got, "%s, %s", c.desired, c.client)
	}
}

func TestWhyNothingWasPlaced(t *testing.T) {
	text := explain(&api.AllocationMetric{
		NodesEvaluated: 3, ConstraintFiltered: map[string]int{"${attr.os} = plan9": 2}, DimensionExhausted: map[string]int{"cpu": 1},
	})
	assert.Equal(t, "of 3 nodes, 1 nodes without enough cpu; 2 nodes filtered by ${attr.os} = plan9", text)
}

// server answers as a Nomad server would, from a table of paths.
func server(t *testing.T, answers map[string]string) *Backend {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, err := w.Write([]byte(text))
		assert.NoError(t, err)
	}))
	t.Cleanup(s.Close)
	t.Setenv("NOMAD_ADDR", s.URL)
	return backend(t, Options{})
}

func TestJobsWithoutOurLabelAreNotOurs(t *testing.T) {
	b := server(t, map[string]string{
		"/v1/jobs": `[{"ID": "caravan-r", "Meta": {"caravan_run": "r"}}, {"ID": "caravan-web", "Meta": {}}, {"ID": "caravan-r2", "Meta": {"caravan_run": "r2"}}]`,
	})
	jobs, err := b.jobs(t.Context(), "r")
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	assert.Equal(t, "caravan-r", jobs[0].ID)
	all, err := b.jobs(t.Context(), "")
	require.NoError(t, err)
	assert.Len(t, all, 2)
}

func TestUnknownNodesAreReportedBeforeAnythingIsDeployed(t *testing.T) {
	b := server(t, map[string]string{"/v1/nodes": `[{"Name": "a", "Status": "down"}]`})
	err := b.Deploy(t.Context(), plan(t))
	require.ErrorContains(t, err, `node "b" is not in the cluster (its nodes: ["a"])`)
	assert.ErrorContains(t, err, `node "a" is not ready`)
}

func TestAJobOnANodeThatDoesNotAnswerIsKeptForLater(t *testing.T) {
	answers := map[string]string{
		"/v1/jobs":                      `[{"ID": "caravan-r", "Stop": true, "Meta": {"caravan_run": "r"}}]`,
		"/v1/nodes":                     `[{"ID": "1", "Name": "a", "Status": "ready"}, {"ID": "2", "Name": "b", "Status": "disconnected"}]`,
		"/v1/job/caravan-r/allocations": `[{"ID": "x", "NodeID": "2", "NodeName": "b", "TaskGroup": "chain-second", "ClientStatus": "unknown", "DesiredStatus": "stop"}]`,
	}
	b := server(t, answers)
	gone, err := b.Clean(t.Context(), "r")
	require.ErrorContains(t, err, "job caravan-r is stopped, but the client of a node does not answer, and what it runs may go on until it does: chain-second on b")
	assert.Empty(t, gone)
	list, err := b.Status(t.Context(), "r")
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.Equal(t, "the client of its node does not answer", list[0].Detail)
	answers["/v1/nodes"] = `[{"ID": "2", "Name": "b", "Status": "down"}]`
	answers["/v1/job/caravan-r/allocations"] = `[{"ID": "x", "NodeID": "2", "NodeName": "b", "ClientStatus": "lost"}]`
	answers["/v1/job/caravan-r"] = `{}`
	gone, err = b.Clean(t.Context(), "r")
	require.NoError(t, err)
	assert.Equal(t, []string{"job caravan-r"}, gone, "what the server counts as lost is not waited for")
}

// TestAccessOnACluster meets a cluster that asks for a token and a certificate
// with the wrong ones.
func TestAccessOnACluster(t *testing.T) {
	if os.Getenv("CARAVAN_TEST_NOMAD") == "" || os.Getenv("NOMAD_CACERT") == "" {
		t.Skip("CARAVAN_TEST_NOMAD and NOMAD_CACERT are not set: make cluster-nomad-test starts a cluster and sets them")
	}
	for _, c := range []struct{ name, value, says string }{
		{"NOMAD_TOKEN", "", "NOMAD_TOKEN is not set, and the cluster asks for a token"},
		{"NOMAD_TOKEN", "11111111-2222-3333-4444-555555555555", "the token in NOMAD_TOKEN is unknown or lacks a right"},
		{"NOMAD_CACERT", "", "NOMAD_CACERT is not set: it names the file of the authority to trust"},
		{"NOMAD_ADDR", strings.Replace(os.Getenv("NOMAD_ADDR"), "https", "http", 1), "NOMAD_ADDR must begin with https://"},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Setenv(c.name, c.value)
			b := backend(t, Options{})
			_, nodes := b.Nodes(t.Context())
			_, jobs := b.Status(t.Context(), "")
			for _, err := range []error{nodes, jobs, b.Deploy(t.Context(), plan(t))} {
				var access *AccessError
				require.ErrorAs(t, err, &access)
				assert.ErrorContains(t, err, c.says)
			}
		})
	}
}

func TestARefusalSaysWhatTheEnvironmentLacks(t *testing.T) {
	status, body := http.StatusForbidden, "Permission denied"
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, status) }))
	t.Cleanup(s.Close)
	t.Setenv("NOMAD_ADDR", s.URL)
	_, err := backend(t, Options{}).Nodes(t.Context())
	assert.ErrorContains(t, err, "NOMAD_CACERT is not set")
	authority := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	t.Setenv("NOMAD_CACERT", authority)
	_, err = backend(t, Options{}).Nodes(t.Context())
	assert.ErrorContains(t, err, "NOMAD_TOKEN is not set")
	t.Setenv("NOMAD_TOKEN", "x")
	_, err = backend(t, Options{}).Nodes(t.Context())
	assert.ErrorContains(t, err, "the token in NOMAD_TOKEN is unknown")
	status = http.StatusInternalServerError
	var access *AccessError
	_, err = backend(t, Options{}).Nodes(t.Context())
	assert.NotErrorAs(t, err, &access, "the server's own trouble is not ours")
}
