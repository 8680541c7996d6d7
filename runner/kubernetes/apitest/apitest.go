// Package apitest is a Kubernetes API inside the test: it keeps the objects
// that it is given, and nothing happens to them. It selects by labels alone.
package apitest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/labels"
)

// A Server is the API of a cluster that is empty at first.
type Server struct {
	// Made, unless nil, is called with every object that is made, by collection
	// and name. It does what controllers would: changes the object, and returns
	// others to keep. It is set while no request is under way.
	Made func(key string, object map[string]any) map[string]map[string]any

	t       *testing.T
	mu      sync.Mutex
	objects map[string]map[string]any // by collection and name: lab/pods/web
}

// New starts a server that ends with the test, and points KUBECONFIG at it,
// with a context in the given namespace.
func New(t *testing.T, namespace string) *Server {
	t.Helper()
	s := &Server{t: t, objects: map[string]map[string]any{}}
	listening := httptest.NewServer(s)
	t.Cleanup(listening.Close)
	Kubeconfig(t, listening.URL, namespace)
	return s
}

// Kubeconfig points KUBECONFIG at a URL until the test ends.
func Kubeconfig(t *testing.T, url, namespace string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test, namespace: %s}}]
clusters: [{name: test, cluster: {server: %q}}]
users: [{name: test, user: {}}]
`, namespace, url), 0o600))
	t.Setenv("KUBECONFIG", path)
}

// Objects lists what there is, as NAMESPACE/KIND/NAME or KIND/NAME, in order.
func (s *Server) Objects() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.objects))
}

// keyOf is the path of a request without the version of the API, and whether it
// is that of one object.
func keyOf(path string) (key string, named, scale bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	skip := 2 // api/v1
	if parts[0] == "apis" {
		skip = 3
	}
	parts = parts[skip:]
	if parts[0] == "namespaces" {
		parts = parts[1:]
	}
	collection := 1
	if strings.Contains(path, "/namespaces/") {
		collection = 2
	}
	if scale = len(parts) > collection+1 && parts[len(parts)-1] == "scale"; scale {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, "/"), len(parts) > collection, scale
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, err := io.ReadAll(r.Body)
	assert.NoError(s.t, err)
	var body map[string]any
	if len(data) > 0 {
		assert.NoError(s.t, json.Unmarshal(data, &body))
	}
	key, named, scale := keyOf(r.URL.Path)
	if r.Method == http.MethodPost {
		key += "/" + body["metadata"].(map[string]any)["name"].(string)
	}
	_, there := s.objects[key]
	switch {
	case r.Method == http.MethodGet && !named:
		s.answer(w, http.StatusOK, s.list(key, r.URL.Query().Get("labelSelector")))
	case r.Method == http.MethodPost && there:
		s.refuse(w, http.StatusConflict, "AlreadyExists")
	case r.Method == http.MethodPost && r.URL.Query().Get("dryRun") != "":
		s.answer(w, http.StatusCreated, body)
	case r.Method == http.MethodPost:
		s.objects[key] = body
		if s.Made != nil {
			maps.Copy(s.objects, s.Made(key, body))
		}
		s.answer(w, http.StatusCreated, body)
	case !there:
		s.refuse(w, http.StatusNotFound, "NotFound")
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		s.answer(w, http.StatusOK, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"})
	case r.Method == http.MethodPatch && scale:
		s.objects[key]["spec"].(map[string]any)["replicas"] = body["spec"].(map[string]any)["replicas"]
		s.answer(w, http.StatusOK, map[string]any{"kind": "Scale", "apiVersion": "autoscaling/v1"})
	case r.Method == http.MethodPut:
		s.objects[key] = body
		fallthrough
	default:
		s.answer(w, http.StatusOK, s.objects[key])
	}
}

// list is the collection of a key, in order of the names.
func (s *Server) list(key, selector string) map[string]any {
	chosen, err := labels.Parse(selector)
	assert.NoError(s.t, err)
	items := []any{}
	for _, k := range slices.Sorted(maps.Keys(s.objects)) {
		set := labels.Set{}
		if bears, ok := s.objects[k]["metadata"].(map[string]any)["labels"].(map[string]any); ok {
			for name, value := range bears {
				set[name] = value.(string)
			}
		}
		listed := strings.HasPrefix(k, key+"/") || !strings.Contains(key, "/") && strings.Contains(k, "/"+key+"/") // of all namespaces
		if listed && chosen.Matches(set) {
			items = append(items, s.objects[k])
		}
	}
	return map[string]any{"items": items}
}

func (s *Server) refuse(w http.ResponseWriter, code int, reason string) {
	s.answer(w, code, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code})
}

func (s *Server) answer(w http.ResponseWriter, code int, x any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	assert.NoError(s.t, json.NewEncoder(w).Encode(x))
}
