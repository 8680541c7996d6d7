package scenarios

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

// sweepsFS holds the sweeps that come with the program and their schema.
//
//go:embed sweeps/*.yaml sweep.schema.json
var sweepsFS embed.FS

// ShippedSweeps lists the sweeps that come with the program, by name in order.
func ShippedSweeps() []string {
	entries, err := sweepsFS.ReadDir("sweeps")
	if err != nil {
		return nil // an embedded folder is always readable
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// OpenSweep returns the text of a shipped sweep.
func OpenSweep(name string) ([]byte, error) {
	data, err := sweepsFS.ReadFile(path.Join("sweeps", name+".yaml"))
	if err != nil || name != path.Base(name) {
		return nil, fmt.Errorf("no shipped sweep %q%s", name, allowed(name, ShippedSweeps()))
	}
	return data, nil
}

// SweepSchema returns the JSON Schema of sweep files (draft 2020-12).
func SweepSchema() ([]byte, error) { return sweepsFS.ReadFile("sweep.schema.json") }
