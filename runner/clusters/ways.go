package clusters

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"caravan/runner/linkem"
)

// Folder is where a cluster called name keeps its ledger, logs and data.
func Folder(name string) string { return filepath.Join(os.TempDir(), "caravan-cluster-"+name) }

// A Way is the emulated links from one node to another, in their order; none
// removes the emulation. Down cuts it.
type Way struct {
	From  string         `json:"from"`
	To    string         `json:"to"`
	Links []linkem.Shape `json:"links"`
	Down  bool           `json:"down,omitempty"`
}

// ControlFile is the socket, in a cluster's folder, that SetWays talks to.
const ControlFile = "links.sock"

// SetWays changes the emulated links of the running cluster called name and
// returns all that are set.
func SetWays(ctx context.Context, name string, ways []Way) ([]Way, error) {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", filepath.Join(Folder(name), ControlFile))
		},
	}}
	body, err := json.Marshal(ways)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://cluster/", strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the links of cluster %q: %w", name, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the links of cluster %q: %s", name, strings.TrimSpace(string(text)))
	}
	var all []Way
	return all, json.Unmarshal(text, &all)
}
