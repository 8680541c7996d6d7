//go:build linux

package clusters

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// A Tool is a program that is built from a Go module: a package that the
// module in Folder names as its tool.
type Tool struct {
	Name    string // of the program
	Package string
	Folder  string   // with go.mod and go.sum
	Flags   string   // of the linker, beyond leaving out symbols
	Env     []string // of the compiler
}

// Build returns the path of the tool's program, from the user's cache when it
// was built before from the same go.mod and go.sum by the same Go.
func (t Tool) Build(ctx context.Context, log io.Writer) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	key, err := t.key(ctx)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "caravan", "clusters")
	program := filepath.Join(dir, t.Name+"-"+key)
	if exists(program) {
		return program, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	_, _ = fmt.Fprintf(log, "building %s (minutes; kept in %s)\n", t.Name, dir) // progress may be lost
	fresh := fmt.Sprintf("%s.%d", program, os.Getpid())
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w "+t.Flags, "-o", fresh, t.Package)
	cmd.Dir, cmd.Env = t.Folder, append(os.Environ(), t.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(ctx.Err(), fmt.Errorf("build %s: %w: %s", t.Name, err, tail(string(out), 20)))
	}
	return program, os.Rename(fresh, program)
}

// key tells apart builds that may differ.
func (t Tool) key(ctx context.Context) (string, error) {
	h := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(t.Folder, name))
		if err != nil {
			return "", err
		}
		h.Write(data)
	}
	version := exec.CommandContext(ctx, "go", "env", "GOVERSION")
	version.Dir = t.Folder
	out, err := version.Output()
	if err != nil {
		return "", fmt.Errorf("go env GOVERSION: %w", err)
	}
	_, _ = fmt.Fprint(h, string(out), runtime.GOARCH, t.Package, t.Flags, t.Env) // a hash never fails
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// tail is the last n lines of a text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
