// Package spec reads the configuration files of orchestrators (HCL, JSON and
// YAML) into one kind of tree, whose parts know their line and whether anybody
// asked for them: what was found wrong is reported with its place, and what
// nobody asked for can be listed.
package spec

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mostBytes bounds a file, and mostDepth how deep its values nest: parsers
// recurse.
const (
	mostBytes = 1 << 20
	mostDepth = 200
)

// A Node is a value of the tree: a scalar, a list, or named values in order.
// The nil Node is a value that is not there; it can be asked like any other.
type Node struct {
	Line   int
	name   string // its field, or that of the list that it is in
	doc    *doc
	scalar any // string, float64, bool, or nil for null
	list   []*Node
	fields []*Node
	kind   kind
	used   bool
	broken error // why the value is not known; scalar is its text then
}

type kind uint8

const (
	scalarKind kind = iota
	listKind
	objectKind
)

// A doc is what the nodes of a file share.
type doc struct {
	file   string
	faults []error
}

// Err is every fault that was found in the file.
func (n *Node) Err() error { return errors.Join(n.doc.faults...) }

// Fault records that the value is wrong: what it says after its place and name.
func (n *Node) Fault(format string, args ...any) {
	n.doc.faults = append(n.doc.faults, fmt.Errorf("%s:%d: %s: %s", n.doc.file, n.Line, n.name, fmt.Sprintf(format, args...)))
}

// fault is a single error of a parser.
func fault(file string, line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", file, line, fmt.Sprintf(format, args...))
}

// Name is the field that the value is of.
func (n *Node) Name() string { return n.name }

// Get is a field of an object, nil when it is not there.
func (n *Node) Get(name string) *Node {
	if n == nil {
		return nil
	}
	n.used = true
	for _, f := range n.fields {
		if f.name == name {
			f.used = true
			return f
		}
	}
	return nil
}

// At follows a path of fields, as a.b.c.
func (n *Node) At(path string) *Node {
	for name := range strings.SplitSeq(path, ".") {
		n = n.Get(name)
	}
	return n
}

// Fields lists the named values of an object, in order.
func (n *Node) Fields() []*Node {
	if n == nil {
		return nil
	}
	n.used = true
	return n.fields
}

// Each lists the items of a field that is a list; a lone value is a list of
// itself, and null is none.
func (n *Node) Each(name string) []*Node {
	f := n.Get(name)
	switch {
	case f == nil || f.kind == scalarKind && f.scalar == nil:
		return nil
	case f.kind != listKind:
		return []*Node{f}
	}
	for _, x := range f.list {
		x.used = true
	}
	return f.list
}

// Rename gives the fields of every object below other names: those that the
// table lists, and for the others lower case with underscores. What is below
// the fields called keep, by their old names, stays as it is.
func (n *Node) Rename(table map[string]string, keep ...string) {
	for _, x := range n.list {
		x.Rename(table, keep...)
	}
	for _, f := range n.fields {
		old := f.name
		if name, ok := table[old]; ok {
			f.rename(name)
		} else {
			f.rename(snake(old))
		}
		if !slices.Contains(keep, old) {
			f.Rename(table, keep...)
		}
	}
}

// rename also names the items of a list.
func (n *Node) rename(name string) {
	n.name = name
	for _, x := range n.list {
		x.name = name
	}
}

// snake writes MaxParallel as max_parallel.
func snake(name string) string {
	var b strings.Builder
	for i, c := range name {
		upper := c >= 'A' && c <= 'Z'
		if upper && i > 0 && !(name[i-1] >= 'A' && name[i-1] <= 'Z') {
			b.WriteByte('_')
		}
		if upper {
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Own is the text of the value itself, "" when it is no scalar. A value that is
// not known is a fault, once it is asked for.
func (n *Node) Own() string {
	if n == nil {
		return ""
	}
	n.used = true
	if n.broken != nil {
		n.doc.faults = append(n.doc.faults, n.broken)
		return ""
	}
	return n.text()
}

// text is a scalar as text.
func (n *Node) text() string {
	switch x := n.scalar.(type) {
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(x)
	}
	return ""
}

// String is everything below the value on one line, for telling two apart.
func (n *Node) String() string {
	if n == nil {
		return ""
	}
	n.used = true
	var parts []string
	switch n.kind {
	case listKind:
		for _, x := range n.list {
			parts = append(parts, x.String())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case objectKind:
		for _, f := range n.fields {
			parts = append(parts, f.name+": "+f.String())
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return n.text()
}

// Skip marks everything below the value as asked for.
func (n *Node) Skip() { _ = n.String() }

// There reports whether a field is there and not null.
func (n *Node) There(name string) bool {
	f := n.Get(name)
	return f != nil && (f.kind != scalarKind || f.scalar != nil)
}

// Text is a field as text; numbers and booleans count as what they look like.
func (n *Node) Text(name string) string {
	f := n.Get(name)
	if f != nil && f.kind != scalarKind {
		f.Fault("found %s, allowed is a text", f.what())
		return ""
	}
	return f.Own()
}

// Texts is a field as a list of texts.
func (n *Node) Texts(name string) []string {
	var out []string
	for _, x := range n.Each(name) {
		if x.kind != scalarKind {
			x.Fault("found %s, allowed is a text", x.what())
			continue
		}
		out = append(out, x.Own())
	}
	return out
}

// Map is a field as texts by name.
func (n *Node) Map(name string) map[string]string {
	out := map[string]string{}
	for _, block := range n.Each(name) {
		for _, f := range block.Fields() {
			if f.kind != scalarKind {
				f.Fault("found %s, allowed is a text", f.what())
				continue
			}
			out[f.name] = f.Own()
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// Int is a field as a whole number from low to high, or fallback when it is
// not there.
func (n *Node) Int(name string, low, high, fallback int) int {
	f := n.Get(name)
	if f == nil || f.kind == scalarKind && f.scalar == nil {
		return fallback
	}
	own := f.Own()
	if f.broken != nil {
		return fallback
	}
	x, err := strconv.ParseFloat(own, 64)
	if f.kind != scalarKind || err != nil || x != math.Trunc(x) || !(x >= float64(low) && x <= float64(high)) {
		f.Fault("found %s, allowed is a whole number from %d to %d", f.what(), low, high)
		return fallback
	}
	return int(x)
}

// Bool is a field as true or false.
func (n *Node) Bool(name string, fallback bool) bool {
	f := n.Get(name)
	if f == nil || f.kind == scalarKind && f.scalar == nil {
		return fallback
	}
	own := f.Own()
	if f.broken != nil {
		return fallback
	}
	b, err := strconv.ParseBool(own)
	if err != nil {
		f.Fault("found %s, allowed is true or false", f.what())
		return fallback
	}
	return b
}

// longest bounds spans of time, so that they can be added up.
const longest = 100 * 365 * 24 * time.Hour

// Span is a field as a span of time: a text as Go writes it (1h30m), or a
// whole number of nanoseconds.
func (n *Node) Span(name string, fallback time.Duration) time.Duration {
	f := n.Get(name)
	if f == nil || f.kind == scalarKind && f.scalar == nil {
		return fallback
	}
	own := f.Own()
	if f.broken != nil {
		return fallback
	}
	d, err := time.ParseDuration(own)
	if x, number := f.scalar.(float64); number {
		err = nil
		if d = time.Duration(x); math.Abs(x) > float64(longest) {
			d = -1
		}
	}
	if f.kind != scalarKind || err != nil || d < 0 || d > longest {
		f.Fault("found %s, allowed is a span of time such as 30s", f.what())
		return fallback
	}
	return d
}

// what describes the value in an error.
func (n *Node) what() string {
	switch n.kind {
	case listKind:
		return "a list"
	case objectKind:
		return "a block"
	}
	if n.scalar == nil {
		return "null"
	}
	text := n.text()
	const most = 60
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return strconv.Quote(text)
}

// Unused lists what nobody asked for, each as `line N: a.b`, in order. Below
// something unused nothing more is listed.
func (n *Node) Unused() []string {
	var out []string
	var walk func(n *Node, path string)
	walk = func(n *Node, path string) {
		if !n.used {
			out = append(out, fmt.Sprintf("line %d: %s", n.Line, path))
			return
		}
		for _, f := range n.fields {
			walk(f, strings.TrimPrefix(path+"."+f.name, "."))
		}
		for _, x := range n.list {
			walk(x, path)
		}
	}
	n.used = true
	walk(n, "")
	return out
}

// deep reports whether brackets nest deeper than a parser should follow, or
// prefix operators pile up. Brackets in texts count, which no real file minds.
func deep(data []byte) (line int, ok bool) {
	depth, line, run := 0, 1, 0
	for _, c := range data {
		if c == '!' {
			run++
		} else if c != ' ' {
			run = 0
		}
		switch c {
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			depth = max(depth-1, 0)
		case '\n':
			line++
		}
		if depth > mostDepth || run > mostDepth {
			return line, true
		}
	}
	return line, false
}

// admit refuses a file that is too large or nests too deep.
func admit(file string, data []byte) error {
	if len(data) > mostBytes {
		return fault(file, 1, "found %d bytes, allowed are %d", len(data), mostBytes)
	}
	if line, bad := deep(data); bad {
		return fault(file, line, "found more than %d levels, allowed are as many", mostDepth)
	}
	return nil
}
