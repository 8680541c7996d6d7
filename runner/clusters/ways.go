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

// ControlFile is the socket, in a cluster's folder, that SetWays and Disturb
// talk to.
const ControlFile = "links.sock"

// SetWays changes the emulated links of the running cluster called name and
// returns all that are set.
func SetWays(ctx context.Context, name string, ways []Way) ([]Way, error) {
	var all []Way
	err := ask(ctx, name, http.MethodPut, "/", ways, &all)
	return all, err
}

// What can happen to a machine.
const (
	Kill    = "kill"   // the orchestrator's program ends at once, and its tasks go on
	Start   = "start"  // the program again, after Kill or Crash
	Pause   = "pause"  // the program is stopped (SIGSTOP), and its tasks go on
	Resume  = "resume" // the end of Pause
	Crash   = "crash"  // every process of the machine ends at once
	Cut     = "cut"    // the machine is off the network
	Restore = "restore"
)

// A Change is what happens to a machine: one of the words above.
type Change struct {
	Machine string `json:"machine"`
	Do      string `json:"do"`
}

// A Machine is the state of one: its Client is running, paused or ended, and
// its Network up or cut.
type Machine struct {
	Name      string `json:"name"`
	Address   string `json:"address"`
	Client    string `json:"client"`
	Network   string `json:"network"`
	Processes int    `json:"processes"` // tasks' included
}

// Disturb makes the changes in their order, up to the first that fails, and
// returns the state of every machine of the running cluster called name.
func Disturb(ctx context.Context, name string, changes ...Change) ([]Machine, error) {
	var all []Machine
	err := ask(ctx, name, http.MethodPost, "/machines", changes, &all)
	return all, err
}

// ask talks to the process that holds a cluster.
func ask(ctx context.Context, name, method, path string, what, answer any) error {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", filepath.Join(Folder(name), ControlFile))
		},
	}}
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://cluster"+path, strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("cluster %q: %w", name, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("cluster %q: %s", name, strings.TrimSpace(string(text)))
	}
	return json.Unmarshal(text, answer)
}
