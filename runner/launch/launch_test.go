package launch

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/runner/kubernetes/apitest"
)

var update = flag.Bool("update", false, "rewrite the golden job specifications")

var some = Workers{
	Name: "caravan-smoke-1a2b", Count: 20, Args: []string{"worker", "--sweep", "1a2b", "--idle-exit", "3"},
	Env:    map[string]string{"GOMAXPROCS": "1"},
	Secret: map[string]string{"CARAVAN_QUEUE": "redis://:pw@redis:6379/0", "CARAVAN_STORE": "postgres://u:pw@db/caravan"},
	Image:  "caravan:1.0",
}

// golden compares v as JSON with a file.
func golden(t *testing.T, file string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	require.NoError(t, err)
	path := filepath.Join("testdata", file)
	if *update {
		require.NoError(t, os.WriteFile(path, append(got, '\n'), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got)+"\n")
}

// given is v without its nulls, which say nothing.
func given(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		if list, ok := v.([]any); ok {
			for i := range list {
				list[i] = given(list[i])
			}
		}
		return v
	}
	for k, x := range m {
		if x == nil {
			delete(m, k)
		} else {
			m[k] = given(x)
		}
	}
	return m
}

// A request is what a client sent.
type request struct {
	Method, Path string
	Body         any
}

// fake is a cluster's API that takes everything, but what refuse names.
func fake(t *testing.T, refuse string) (url string, got *[]request) {
	t.Helper()
	got = &[]request{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		var body any
		assert.NoError(t, json.Unmarshal(data, &body))
		*got = append(*got, request{r.Method, r.URL.Path, given(body)})
		w.Header().Set("Content-Type", "application/json")
		if r.Method+" "+r.URL.Path == refuse {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "AlreadyExists", "code": 409}`)
			return
		}
		m, ok := body.(map[string]any)
		if meta, has := m["metadata"].(map[string]any); ok && has { // Kubernetes gives what it made
			meta["uid"] = "f00d"
			assert.NoError(t, json.NewEncoder(w).Encode(m))
			return
		}
		fmt.Fprint(w, `{"EvalID": "e"}`)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func TestTheBatchJobOfHashiCorpNomad(t *testing.T) {
	url, got := fake(t, "")
	t.Setenv("NOMAD_ADDR", url)
	require.NoError(t, Nomad(t.Context(), some))
	golden(t, "nomad.json", *got)
}

func TestWithoutAnImageTheNodesHaveTheProgram(t *testing.T) {
	w := some
	w.Image, w.CPU, w.Memory = "", 2500, 2<<30
	job, err := nomadJob(w)
	require.NoError(t, err)
	task := job.TaskGroups[0].Tasks[0]
	assert.Equal(t, "raw_exec", task.Driver)
	assert.Equal(t, map[string]any{"command": "caravan", "args": w.Args}, task.Config)
	assert.Equal(t, 2500, *task.Resources.CPU)
	assert.Equal(t, 2048, *task.Resources.MemoryMB)
	_, _, err = kubernetesJob(w)
	assert.ErrorContains(t, err, "image of the workers: found none")
}

func TestTheIndexedJobOfKubernetes(t *testing.T) {
	url, got := fake(t, "")
	apitest.Kubeconfig(t, url, "research")
	require.NoError(t, Kubernetes(t.Context(), some))
	golden(t, "kubernetes.json", *got)
}

func TestAJobThatExistsIsLeftAlone(t *testing.T) {
	url, got := fake(t, "POST /apis/batch/v1/namespaces/research/jobs")
	apitest.Kubeconfig(t, url, "research")
	err := Kubernetes(t.Context(), some)
	assert.ErrorContains(t, err, "kubectl delete job caravan-smoke-1a2b")
	assert.Len(t, *got, 1)
}

func TestASecretOfADeletedJobIsReplaced(t *testing.T) {
	url, got := fake(t, "POST /api/v1/namespaces/research/secrets")
	apitest.Kubeconfig(t, url, "research")
	require.NoError(t, Kubernetes(t.Context(), some))
	require.Len(t, *got, 3)
	assert.Equal(t, "PUT", (*got)[2].Method)
}

func TestAClusterThatIsNotThereIsAnError(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	t.Setenv("NOMAD_ADDR", s.URL)
	assert.ErrorContains(t, Nomad(t.Context(), some), "submitting job caravan-smoke-1a2b to HashiCorp Nomad at "+s.URL)
	apitest.Kubeconfig(t, s.URL, "research")
	assert.ErrorContains(t, Kubernetes(t.Context(), some), "submitting job caravan-smoke-1a2b to Kubernetes at "+s.URL)
}

func TestWhatCannotBeAJobIsRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		count int
		want  string
	}{
		{"Smoke", 1, "name of the job"}, {"", 1, "name of the job"}, {"a-", 1, "name of the job"}, {"a", 0, "found 0, allowed: 1 or more"},
	} {
		_, err := nomadJob(Workers{Name: c.name, Count: c.count})
		assert.ErrorContains(t, err, c.want)
	}
}
