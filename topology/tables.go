package topology

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// A table is a CSV file read row by row.
type table struct {
	name    string
	r       *csv.Reader
	columns map[string]int
	row     []string
}

// newTable reads the header and requires the given columns.
func newTable(name string, data []byte, need ...string) (*table, error) {
	t := &table{name: name, r: csv.NewReader(bytes.NewReader(data)), columns: map[string]int{}}
	t.r.FieldsPerRecord = -1
	header, err := t.r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s:1: no header: %w", name, err)
	}
	for i, h := range header {
		t.columns[strings.TrimSpace(h)] = i
	}
	for _, c := range need {
		if _, ok := t.columns[c]; !ok {
			return nil, fmt.Errorf("%s:1: no column %q", name, c)
		}
	}
	return t, nil
}

// next reads a row; false at the end.
func (t *table) next() (bool, error) {
	row, err := t.r.Read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", t.name, err)
	}
	t.row = row
	return true, nil
}

func (t *table) text(column string) string {
	if i, ok := t.columns[column]; ok && i < len(t.row) {
		return strings.TrimSpace(t.row[i])
	}
	return ""
}

// number reads a number from 0 up.
func (t *table) number(column string) (float64, error) {
	x, err := strconv.ParseFloat(t.text(column), 64)
	if err != nil || !(x >= 0) || math.IsInf(x, 0) {
		line, _ := t.r.FieldPos(0)
		return 0, fmt.Errorf("%s:%d: %s: found %q, allowed is a number from 0 up", t.name, line, column, t.text(column))
	}
	return x, nil
}

// MHzPerCore is what a core counts for where a file counts cores and
// placement counts MHz.
const MHzPerCore = 1000

// readOpenBNodes reads the node list of the openb GPU cluster trace. A core
// counts 1000 MHz, so that cpu_milli is MHz.
func readOpenBNodes(name string, data []byte, _ ImportOptions) (*Imported, error) {
	t, err := newTable(name, data, "sn", "cpu_milli", "memory_mib", "gpu")
	if err != nil {
		return nil, err
	}
	out := &Imported{}
	for {
		ok, err := t.next()
		if !ok || err != nil {
			return out, err
		}
		var x [3]float64
		for i, c := range []string{"cpu_milli", "memory_mib", "gpu"} {
			if x[i], err = t.number(c); err != nil {
				return nil, err
			}
		}
		out.Nodes = append(out.Nodes, Node{
			Name: t.text("sn"), Cores: max(1, int(x[0]/1000)), Speed: 1, CPU: MHz(x[0]), Memory: Bytes(x[1]) * MiB,
			GPUs: GPUs{Count: int(min(x[2], 1e4)), Model: t.text("model")},
		})
	}
}

// readEUA reads the edge sites of the EUA dataset (Lai et al., ICSOC 2018).
// Every pair is joined at the distance between them.
func readEUA(name string, data []byte, o ImportOptions) (*Imported, error) {
	t, err := newTable(name, data, "SITE_ID", "LATITUDE", "LONGITUDE")
	if err != nil {
		return nil, err
	}
	d := &drawing{}
	for {
		ok, err := t.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if err := d.addNode(t.text("SITE_ID"), map[string]string{"Latitude": t.text("LATITUDE"), "Longitude": t.text("LONGITUDE")}); err != nil {
			line, _ := t.r.FieldPos(0)
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
	}
	if len(d.names) > maxImportNodes {
		return nil, fmt.Errorf("%s: %d sites, at most %d can all be joined", name, len(d.names), maxImportNodes)
	}
	for i := range d.names {
		for j := range i {
			d.edges = append(d.edges, drawnEdge{j, i, 0})
		}
	}
	return d.build(name, o), nil
}

// readLatencyMatrix reads a square CSV: names in the first row and column,
// one-way latencies in humane units, or in milliseconds when they are bare
// numbers. An empty cell or `-` is no link; the diagonal is left out.
func readLatencyMatrix(name string, data []byte, o ImportOptions) (*Imported, error) {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("%s:1: found %d rows, allowed is a row of names and a row for each", name, len(rows))
	}
	names := rows[0][1:]
	if len(names) != len(rows)-1 || len(names) > maxImportNodes {
		return nil, fmt.Errorf("%s:1: found %d names and %d rows, allowed are as many of each, up to %d", name, len(names), len(rows)-1, maxImportNodes)
	}
	out := &Imported{}
	for _, n := range names {
		out.Nodes = append(out.Nodes, Node{Name: strings.TrimSpace(n), Cores: 1, Speed: 1})
	}
	for i, row := range rows[1:] {
		if len(row) != len(names)+1 || strings.TrimSpace(row[0]) != out.Nodes[i].Name {
			return nil, fmt.Errorf("%s:%d: found %d cells for %q, allowed are %d for %q", name, i+2, len(row)-1, row[0], len(names), out.Nodes[i].Name)
		}
		for j, cell := range row[1:] {
			cell = strings.TrimSpace(cell)
			if i == j || cell == "" || cell == "-" {
				continue
			}
			d, err := latencyCell(cell)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: column %q: %w", name, i+2, names[j], err)
			}
			out.Links = append(out.Links, Link{From: NodeID(i), To: NodeID(j), Latency: d, Bandwidth: o.Bandwidth})
		}
	}
	return out, nil
}

func latencyCell(cell string) (time.Duration, error) {
	if ms, err := strconv.ParseFloat(cell, 64); err == nil {
		if !(ms >= 0) || ms > 1e9 {
			return 0, fmt.Errorf("found %q, allowed is a number of milliseconds from 0 up", cell)
		}
		return Seconds(ms / 1e3), nil
	}
	return ParseDuration(cell)
}

// berkeleyFile is the master's nodes and links in one document, or either of
// its two files: speed relative to the strongest machine, bytes a second, and
// seconds.
type berkeleyFile struct {
	Nodes map[string]berkeleyNode `json:"nodes"`
	Links []berkeleyLink          `json:"links"`
}

type berkeleyNode struct {
	Speed        float64 `json:"C"`
	Architecture string  `json:"architecture"`
}

type berkeleyLink struct {
	From      string  `json:"from"`
	To        string  `json:"to"`
	Bandwidth float64 `json:"bandwidth"`
	Latency   float64 `json:"latency"`
}

// readBerkeley reads nodes and links as Berkeley's master holds them:
// `{"nodes": {name: {"C": 0.2}}, "links": [{"from",
// "to", "bandwidth" in B/s, "latency" in s}]}`. A node without a link to
// itself may not run two consecutive operators of one pipeline.
func readBerkeley(name string, data []byte, _ ImportOptions) (*Imported, error) {
	var f berkeleyFile
	if err := json.Unmarshal(data, &f); err != nil {
		line := 1
		var syntax *json.SyntaxError
		var typed *json.UnmarshalTypeError
		if errors.As(err, &syntax) {
			line = lineOf(data, int(syntax.Offset))
		} else if errors.As(err, &typed) {
			line = lineOf(data, int(typed.Offset))
		}
		return nil, fmt.Errorf("%s:%d: %w", name, line, err)
	}
	out := &Imported{}
	names := make([]string, 0, len(f.Nodes))
	for n := range f.Nodes {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		out.Nodes = append(out.Nodes, Node{
			Name: n, Cores: 1, Speed: f.Nodes[n].Speed, NoColocate: true,
			Attributes: map[string]string{"architecture": f.Nodes[n].Architecture},
		})
	}
	for i, l := range f.Links {
		from, to := slices.Index(names, l.From), slices.Index(names, l.To)
		if from < 0 || to < 0 {
			return nil, fmt.Errorf("%s: link %d: no node %q or %q", name, i+1, l.From, l.To)
		}
		if from == to {
			out.Nodes[from].NoColocate = false
			continue
		}
		out.Links = append(out.Links, Link{From: NodeID(from), To: NodeID(to), Bandwidth: BytesPerSecond(l.Bandwidth), Latency: Seconds(l.Latency)})
	}
	return out, nil
}
