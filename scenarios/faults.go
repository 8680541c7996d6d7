package scenarios

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// A Fault is one thing that is wrong with a scenario.
type Fault struct {
	// Line and Column count from 1; both are 0 when a --set argument rather
	// than the file is at fault.
	Line, Column int
	Set          string // the --set argument at fault, otherwise empty
	Path         string // of the field, such as topology.links[4].to; empty for the whole file
	Message      string // what was found, what is allowed, and the nearest spelling

	file, excerpt string
}

// Error is one line, `file:line:col: path: message`, and under it the line of
// the file with a caret.
func (f Fault) Error() string {
	var b strings.Builder
	if f.Set != "" {
		fmt.Fprintf(&b, "--set %s: ", f.Set)
	} else {
		fmt.Fprintf(&b, "%s:%d:%d: ", f.file, f.Line, f.Column)
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Message)
	if f.excerpt != "" {
		b.WriteString("\n" + f.excerpt)
	}
	return b.String()
}

// Errors is every fault of one scenario, in the order of the file and then of
// the --set arguments. It is what Load returns for a scenario that is wrong.
type Errors struct {
	Name string
	List []Fault
}

// maxPrinted bounds the text of Errors; List has them all.
const maxPrinted = 200

func (e *Errors) Error() string {
	var lines []string
	for i, f := range e.List {
		if i == maxPrinted {
			lines = append(lines, fmt.Sprintf("%s: and %d more faults", e.Name, len(e.List)-i))
			break
		}
		lines = append(lines, f.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find each Fault.
func (e *Errors) Unwrap() []error {
	all := make([]error, len(e.List))
	for i := range e.List {
		all[i] = e.List[i]
	}
	return all
}

// ExitCode is what a command ends with when a scenario is wrong: bad input.
func (e *Errors) ExitCode() int { return 2 }

// faults collects what is wrong as a scenario is read.
type faults struct {
	list  []located
	seen  map[position]bool // where something is wrong already
	fatal bool              // the document could not be read to its end
}

// located is a fault before its text is made.
type located struct {
	at            position
	path, message string
}

func (f *faults) add(at position, path, message string) {
	f.list = append(f.list, located{at, path, message})
	if f.seen == nil {
		f.seen = map[position]bool{}
	}
	f.seen[at] = true
}

// stop reports a fault that ends the reading.
func (f *faults) stop(at position, path, message string) {
	f.add(at, path, message)
	f.fatal = true
}

// errors turns the collected faults into an error, nil when there are none.
func (f *faults) errors(name string, data []byte, set []string) error {
	if len(f.list) == 0 {
		return nil
	}
	sort.SliceStable(f.list, func(i, j int) bool {
		a, b := f.list[i].at, f.list[j].at
		if a.set != b.set {
			return a.set < b.set
		}
		if a.line != b.line {
			return a.line < b.line
		}
		return a.column < b.column
	})
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	e := &Errors{Name: name}
	for i, l := range f.list {
		if i > 0 && l == f.list[i-1] {
			continue // the same text reached twice, through an alias
		}
		fault := Fault{Path: l.path, Message: l.message, file: name}
		if l.at.set > 0 {
			fault.Set = set[l.at.set-1]
		} else {
			fault.Line, fault.Column = max(l.at.line, 1), max(l.at.column, 1)
			fault.excerpt = excerpt(lines, fault.Line, fault.Column)
		}
		e.List = append(e.List, fault)
	}
	return e
}

// excerpt shows one line of the file with a caret under the column. Long
// lines are cut to a window around it.
func excerpt(lines []string, line, column int) string {
	if line > len(lines) || strings.TrimSpace(lines[line-1]) == "" {
		return ""
	}
	const window = 100
	text := strings.ToValidUTF8(lines[line-1], "?")
	text = strings.TrimPrefix(text, "\ufeff")
	r := []rune(strings.ReplaceAll(text, "\t", " "))
	at := min(column-1, len(r))
	prefix := ""
	if at > window*3/4 {
		cut := at - window*3/4
		r, at, prefix = r[cut:], at-cut, "…"
	}
	suffix := ""
	if len(r) > window {
		r, suffix = r[:window], "…"
	}
	number := fmt.Sprintf("%5d", line)
	return fmt.Sprintf("%s | %s%s%s\n%s | %s^", number, prefix, string(r), suffix,
		strings.Repeat(" ", len(number)), strings.Repeat(" ", at+utf8.RuneCountInString(prefix)))
}
