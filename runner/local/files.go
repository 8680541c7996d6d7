package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"caravan/runner"
	"caravan/runner/agent"
)

// The files of a run's folder.
const (
	planFile      = "plan.json"
	ownerFile     = "owner.json" // the process that supervises the run
	stoppedMark   = "stopped"
	configSuffix  = ".config.json"
	addressSuffix = ".address.json"
	processSuffix = ".process.json"
	logSuffix     = ".log"
)

func (b *Backend) folder(run string) string     { return filepath.Join(b.Dir, run) }
func (b *Backend) path(run, name string) string { return filepath.Join(b.Dir, run, name) }

// pair names the relay from one agent to another.
func pair(from, to string) string { return from + "--" + to }

// list returns the runs that have folders: run itself, or all when it is empty.
func (b *Backend) list(run string) ([]string, error) {
	if run != "" {
		if _, err := os.Stat(b.folder(run)); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return []string{run}, nil
	}
	entries, err := os.ReadDir(b.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		if _, err := os.Stat(b.path(e.Name(), planFile)); err == nil && e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, err
}

func (b *Backend) readPlan(run string) (*runner.Plan, error) {
	p := &runner.Plan{}
	return p, readJSON(b.path(run, planFile), p)
}

func (b *Backend) readProcess(run, file string) (process, error) {
	var p process
	return p, readJSON(b.path(run, file), &p)
}

func (b *Backend) writeProcess(run, file string, pid int) error {
	return writeJSON(b.path(run, file), process{PID: pid, Started: startOf(pid)})
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func writeJSON(path string, x any) error {
	data, err := json.MarshalIndent(x, "", " ")
	if err != nil {
		return err
	}
	return agent.WriteFile(path, data)
}

// lastWords is the last line of an agent's log.
func (b *Backend) lastWords(run, name string) string {
	data, err := os.ReadFile(b.path(run, name+logSuffix))
	if err != nil {
		return "it left no log"
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return lines[len(lines)-1]
}
