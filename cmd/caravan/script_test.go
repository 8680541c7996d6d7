package main

import (
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the golden parts of the transcripts; commit only what you can explain")

// TestMain makes this test's binary the program that transcripts call, and
// the one that live commands start as agents.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "agent" {
		main()
	}
	testscript.Main(m, map[string]func(){"caravan": main})
}

// TestTranscripts runs testdata/script: each file is a session at the shell,
// readable as a story.
func TestTranscripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			env.Defer(func() { // what a transcript that failed has left running
				run(context.Background(), []string{"clean", "--cluster", "local", "--dir", filepath.Join(env.WorkDir, "live")}, nil, io.Discard, io.Discard)
			})
			return nil
		},
	})
}
