package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// buildVersion is caravan's own version as the Go toolchain recorded it: a
// tag, a pseudo-version of the commit, or "(devel)" under go run and go test.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// versionAnswer is the JSON of caravan version.
type versionAnswer struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // of the checkout; empty when unknown
	Modified bool   `json:"modified"` // the checkout had changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersionCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of caravan and of what built it",
		Args:  takes(0, 0, "none"),
	}
	output := outputFlag(cmd, "text", "json")
	cmd.RunE = func(*cobra.Command, []string) error {
		v := versionOf()
		if output.value == "json" {
			return a.writeJSON(v)
		}
		_, err := fmt.Fprintf(a.stdout, "caravan %s (%s, %s)\n", v.Version, v.Go, v.Platform)
		return err
	}
	return cmd
}

// versionOf is what this program is.
func versionOf() versionAnswer {
	v := versionAnswer{Version: buildVersion(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	return v
}

// writeJSON prints v as indented JSON with a final newline.
func (a *app) writeJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
