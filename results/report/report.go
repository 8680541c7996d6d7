// Package report writes a run, a comparison or a sweep as one HTML file that
// needs nothing else: it opens from disk, makes no request, and can be read
// with JavaScript off, which it uses for the interactive view and for sorting
// alone. Its Content-Security-Policy allows the scripts and styles inside it,
// by their hashes, and nothing more.
package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

// A Report is what the file shows, from the top down.
type Report struct {
	Title       string
	Description string
	Summary     []Fact
	Thresholds  []Threshold
	Warnings    []string
	Figures     []Figure
	Records     Records
	Runs        Table
	Stamp       []Fact
	Commands    []string // that make it again
	Sources     []Source
}

// A Source is a file that the commands read: its text, and the name to save it
// by.
type Source struct{ Name, Text string }

// SaveAs is the address from which a browser saves the file.
func (s Source) SaveAs() template.URL {
	return template.URL("data:application/json;base64," + base64.StdEncoding.EncodeToString([]byte(s.Text)))
}

// A Fact is a name and a value.
type Fact struct{ Name, Value string }

// A Threshold is a requirement and whether it was met. Note says by how much,
// or why nobody knows.
type Threshold struct {
	Text, About string
	Held        bool
	Note        string
}

// A Figure is a drawing with a caption.
type Figure struct {
	Name, Caption string
	SVG           []byte // of a document that this program drew
}

// A Table can be sorted by any column.
type Table struct {
	Header []string
	Rows   [][]Cell
}

// A Cell is text, and the number that it is sorted by; NaN sorts as text.
type Cell struct {
	Text   string
	Number float64
}

// Records are the numbers behind the interactive view: a row each, by columns.
// Keys are texts or numbers to draw over and to filter by.
type Records struct {
	Keys []string
	Rows []Record
}

// A Record is one metric of one case. Low and High are NaN without an interval.
type Record struct {
	Keys             []any // string or float64
	Metric, Unit     string
	Value, Low, High float64
}

//go:embed assets
var assets embed.FS

// page is what the template sees beyond the report.
type page struct {
	Report
	Policy  string
	Style   template.CSS
	Scripts []template.JS
	Data    template.JS
}

// Write writes the report.
func Write(w io.Writer, r Report) error {
	read := func(name string) string {
		data, readErr := assets.ReadFile("assets/" + name)
		if readErr != nil {
			panic(readErr) // it is part of the program
		}
		return string(data)
	}
	t, err := template.New("report").Funcs(template.FuncMap{
		"svg": func(b []byte) template.HTML { return template.HTML(b) },
		"number": func(v float64) string {
			if math.IsNaN(v) {
				return ""
			}
			return fmt.Sprint(v)
		},
	}).Parse(read("report.html"))
	if err != nil {
		return err
	}
	data, err := r.Records.encode()
	if err != nil {
		return fmt.Errorf("report of %s: %w", r.Title, err)
	}
	p := page{Report: r, Style: template.CSS(read("report.css")), Data: template.JS(data)}
	var scripts []string
	for _, name := range []string{"d3.min.js", "plot.umd.min.js", "app.js"} {
		text := strings.ReplaceAll(read(name), "</script", `<\/script`)
		scripts = append(scripts, hash(text))
		p.Scripts = append(p.Scripts, template.JS(text))
	}
	p.Policy = fmt.Sprintf("default-src 'none'; base-uri 'none'; form-action 'none'; script-src %s; style-src %s %s",
		strings.Join(scripts, " "), hash(string(p.Style)), hash(strings.TrimSuffix(read("plot-style.css"), "\n")))
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return fmt.Errorf("report of %s: %w", r.Title, err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// hash is a text as a source of the policy.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// encode is the records as JSON that can stand inside a page: package json
// writes <, > and & by number.
func (r Records) encode() ([]byte, error) {
	rows := make([][]any, 0, len(r.Rows))
	for _, x := range r.Rows {
		if len(x.Keys) != len(r.Keys) {
			return nil, fmt.Errorf("a record has %d keys, allowed: one for each of %v", len(x.Keys), r.Keys)
		}
		rows = append(rows, append(append([]any{}, x.Keys...), x.Metric, x.Unit, orNull(x.Value), orNull(x.Low), orNull(x.High)))
	}
	return json.Marshal(map[string]any{"keys": append([]string{}, r.Keys...), "rows": rows})
}

func orNull(v float64) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return v
}
