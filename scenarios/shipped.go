package scenarios

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

// shippedFS holds the scenarios that come with the program, the data that
// they name, and the schema.
//
//go:embed *.yaml data scenario.schema.json
var shippedFS embed.FS

// Shipped lists the scenarios that come with the program, by name in order.
func Shipped() []string {
	entries, err := shippedFS.ReadDir(".")
	if err != nil {
		return nil // an embedded folder is always readable
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok {
			names = append(names, name)
		}
	}
	return names
}

// Open returns the text of a shipped scenario.
func Open(name string) ([]byte, error) {
	data, err := shippedFS.ReadFile(name + ".yaml")
	if err != nil || name != path.Base(name) {
		return nil, fmt.Errorf("no shipped scenario %q%s", name, allowed(name, Shipped()))
	}
	return data, nil
}

// Schema returns the JSON Schema of scenario files (draft 2020-12).
func Schema() ([]byte, error) { return shippedFS.ReadFile("scenario.schema.json") }

// shippedData lists the data files that come with the program.
func shippedData() []string {
	entries, err := shippedFS.ReadDir("data")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Data returns a data file that comes with the program, unpacked: what a
// scenario names as shipped:NAME.
func Data(name string) ([]byte, error) {
	f := files{}
	return f.content(shippedPrefix + name)
}
