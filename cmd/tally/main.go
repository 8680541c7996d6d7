// Tally reads the output of `go test -json` and prints what a person wants of
// it: each package's verdict, the output of what failed, the names of what was
// skipped, and a closing line "N passed, N failed". It exits with 1 when
// anything failed, so that a pipe does not hide a failure.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	ok, err := tally(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// event is a line of `go test -json`; see `go doc test2json`.
type event struct {
	Action     string
	Package    string
	ImportPath string // of a package that does not build
	Test       string // empty for the package as a whole
	Output     string
	Elapsed    float64 // seconds
}

// counts is what has been seen so far. Tests and subtests both count, and a
// package that breaks outside its tests counts as one failure.
type counts struct {
	passed, failed int
	skipped        []string
	output         map[string]*strings.Builder // of a test or package, until its verdict
	broken         map[string]bool             // packages in which a test has failed
}

// tally reports whether everything passed. Lines that are not JSON, such as
// those of the compiler, are passed on.
func tally(r io.Reader, w io.Writer) (bool, error) {
	c := &counts{output: map[string]*strings.Builder{}, broken: map[string]bool{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(w, lines.Text())
			continue
		}
		c.add(e, w)
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("reading the output of go test -json: %w", err)
	}
	if n := len(c.skipped); n > 0 {
		fmt.Fprintf(w, "%d skipped:\n  %s\n", n, strings.Join(c.skipped, "\n  "))
	}
	fmt.Fprintf(w, "%d passed, %d failed\n", c.passed, c.failed)
	return c.failed == 0 && c.passed > 0, nil
}

func (c *counts) add(e event, w io.Writer) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(w, e.Output)
	case "output":
		if c.output[key] == nil {
			c.output[key] = &strings.Builder{}
		}
		c.output[key].WriteString(e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			c.endPackage(e, w)
		} else {
			c.endTest(e, w)
		}
		delete(c.output, key)
	}
}

func (c *counts) endTest(e event, w io.Writer) {
	switch e.Action {
	case "pass":
		c.passed++
	case "skip":
		c.skipped = append(c.skipped, e.Package+" "+e.Test)
	case "fail":
		c.failed++
		c.broken[e.Package] = true
		fmt.Fprintf(w, "FAIL %s %s\n", e.Package, e.Test)
		c.show(e, w)
	}
}

func (c *counts) endPackage(e event, w io.Writer) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(w, "ok   %-40s %6.1f s\n", e.Package, e.Elapsed)
	case "skip":
		fmt.Fprintf(w, "none %s\n", e.Package)
	case "fail":
		fmt.Fprintf(w, "FAIL %s\n", e.Package)
		if !c.broken[e.Package] {
			c.failed++
			c.show(e, w)
		}
	}
}

// show prints what the test or package wrote before its verdict.
func (c *counts) show(e event, w io.Writer) {
	if out := c.output[e.Package+" "+e.Test]; out != nil {
		fmt.Fprint(w, out.String())
	}
}
