package topology

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxImportBytes bounds what an importer reads.
const MaxImportBytes = 64 << 20

// maxImportNodes bounds a dense matrix, whose links grow with its square.
const maxImportNodes = 4096

// PropagationPerKm is the delay of light in fibre, 5 us/km one way.
const PropagationPerKm = 5 * time.Microsecond

// ImportOptions fill in what a file leaves open.
type ImportOptions struct {
	// Bandwidth of links without a published speed; 0 assumes 10 Gbit/s, with
	// a warning.
	Bandwidth BytesPerSecond
	// FullDuplex gives each direction of an undirected link the whole
	// bandwidth; otherwise the two share it, as published max-min rates assume.
	FullDuplex bool

	assumed bool // Bandwidth is nobody's choice
}

// A Demand is traffic between two nodes that a file asks for.
type Demand struct {
	Name     string
	From, To string
	Rate     BytesPerSecond
}

// Imported is what a file held, ready for New.
type Imported struct {
	Nodes    []Node
	Links    []Link
	Demands  []Demand
	Warnings []string // what was guessed or left out
}

// A Format is a kind of file that Import reads.
type Format struct {
	Name string
	What string
	read func(name string, data []byte, o ImportOptions) (*Imported, error)
	// looks reports whether the beginning of a file is of this kind.
	looks func(name, head string) bool
}

// Formats lists the topology formats, in the order in which Detect tries them.
func Formats() []Format {
	ends := func(suffix string) func(name, head string) bool {
		return func(name, _ string) bool { return strings.HasSuffix(strings.ToLower(name), suffix) }
	}
	has := func(text string) func(name, head string) bool {
		return func(_, head string) bool { return strings.Contains(head, text) }
	}
	return []Format{
		{"graphml", "Internet Topology Zoo GraphML", readGraphML, has("graphml.graphdrawing.org")},
		{"gml", "Internet Topology Zoo GML", readGML, ends(".gml")},
		{"sndlib", "SNDlib native", readSNDlib, has("?SNDlib native format")},
		{"berkeley", "Berkeley Nomad's nodes and links JSON", readBerkeley, has(`"links"`)},
		{"openb-nodes", "openb GPU cluster node list CSV", readOpenBNodes, has("sn,cpu_milli,memory_mib,gpu")},
		{"eua", "EUA edge site list CSV", readEUA, has("SITE_ID,LATITUDE,LONGITUDE")},
		{"latency-matrix", "square CSV of one-way latencies, names in the first row and column", readLatencyMatrix, ends(".csv")},
	}
}

// FormatNames lists the names of the formats.
func FormatNames() []string {
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	return names
}

// Detect names the format of a file from its name and its beginning, "" when
// none fits.
func Detect(name string, head []byte) string {
	for _, f := range Formats() {
		if f.looks(name, string(head)) {
			return f.Name
		}
	}
	return ""
}

// Import reads a topology file. Errors name the file and the line.
func Import(format, name string, r io.Reader, o ImportOptions) (*Imported, error) {
	i := slices.IndexFunc(Formats(), func(f Format) bool { return f.Name == format })
	if i < 0 {
		return nil, fmt.Errorf("format %q: allowed is one of %s", format, strings.Join(FormatNames(), ", "))
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxImportBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > MaxImportBytes {
		return nil, fmt.Errorf("%s: longer than %d MiB", name, MaxImportBytes>>20)
	}
	if o.Bandwidth == 0 {
		o.Bandwidth, o.assumed = 10e9/8, true
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	out, err := Formats()[i].read(name, data, o)
	if err != nil {
		return nil, err
	}
	if len(out.Nodes) == 0 {
		return nil, fmt.Errorf("%s: no node", name)
	}
	t, err := New(out.Nodes, out.Links)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if parts := t.Components(); parts > 1 && len(out.Links) > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("the graph falls into %d parts that no link joins", parts))
	}
	return out, nil
}

// lineOf is the line of a byte offset, from 1.
func lineOf(data []byte, offset int) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), len(data))], []byte("\n"))
}

// Kilometres is the great-circle distance by the haversine formula on a sphere
// of radius 6371.0 km.
func Kilometres(a, b Coordinates) float64 {
	rad := math.Pi / 180
	dLat, dLon := (b.Latitude-a.Latitude)*rad, (b.Longitude-a.Longitude)*rad
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(a.Latitude*rad)*math.Cos(b.Latitude*rad)*math.Pow(math.Sin(dLon/2), 2)
	return 2 * 6371.0 * math.Asin(math.Min(1, math.Sqrt(h)))
}

// drawing is an undirected graph on the map, as several formats hold one.
type drawing struct {
	names  []string
	places []*Coordinates
	attrs  []map[string]string
	edges  []drawnEdge
}

type drawnEdge struct {
	from, to int
	speed    BytesPerSecond // 0 is unknown
}

// build names the nodes apart, fills in missing places, and turns each edge
// into two links whose delay follows from the distance.
func (d *drawing) build(name string, o ImportOptions) *Imported {
	out := &Imported{}
	seen := map[string]int{}
	for i := range d.names {
		n := strings.TrimSpace(d.names[i])
		if n == "" {
			n = "node" + strconv.Itoa(i)
		}
		seen[n]++
		if k := seen[n]; k > 1 {
			out.Warnings = append(out.Warnings, fmt.Sprintf("node %d: the name %q is taken, it is called %q", i, n, n+"#"+strconv.Itoa(k)))
			n += "#" + strconv.Itoa(k)
			seen[n]++
		}
		out.Nodes = append(out.Nodes, Node{Name: n, Cores: 1, Speed: 1, Attributes: d.attrs[i]})
	}
	d.fillPlaces(out)
	speeds := 0
	for _, e := range d.edges {
		if e.from == e.to {
			out.Warnings = append(out.Warnings, fmt.Sprintf("a loop at %q is left out", out.Nodes[e.from].Name))
			continue
		}
		l := Link{From: NodeID(e.from), To: NodeID(e.to), Bandwidth: e.speed}
		if l.Bandwidth == 0 {
			l.Bandwidth = o.Bandwidth
			speeds++
		}
		if a, b := d.places[e.from], d.places[e.to]; a != nil && b != nil {
			l.DistanceKm = Kilometres(*a, *b)
			l.Latency = time.Duration(math.Round(l.DistanceKm * float64(PropagationPerKm)))
		}
		if !o.FullDuplex {
			l.Medium = len(out.Links)/2 + 1
		}
		back := l
		back.From, back.To = l.To, l.From
		out.Links = append(out.Links, l, back)
	}
	if speeds > 0 && o.assumed {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d of %d edges have no speed: %s is assumed", speeds, len(d.edges), FormatBandwidth(o.Bandwidth)))
	}
	return out
}

// fillPlaces gives a node without coordinates the mean of its neighbours',
// going on until nothing changes.
func (d *drawing) fillPlaces(out *Imported) {
	missing := 0
	for _, p := range d.places {
		if p == nil {
			missing++
		}
	}
	for filled := true; filled && missing > 0; {
		filled = false
		sum := make([]Coordinates, len(d.places))
		count := make([]float64, len(d.places))
		for _, e := range d.edges {
			for _, x := range [2][2]int{{e.from, e.to}, {e.to, e.from}} {
				if p := d.places[x[1]]; p != nil && d.places[x[0]] == nil {
					sum[x[0]].Latitude += p.Latitude
					sum[x[0]].Longitude += p.Longitude
					count[x[0]]++
				}
			}
		}
		for i, c := range count {
			if c > 0 {
				d.places[i] = &Coordinates{sum[i].Latitude / c, sum[i].Longitude / c}
				out.Warnings = append(out.Warnings, fmt.Sprintf("node %q has no coordinates: the mean of its neighbours' is assumed", out.Nodes[i].Name))
				filled = true
				missing--
			}
		}
	}
	for i, p := range d.places {
		out.Nodes[i].Location = p
	}
	if missing > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d nodes have no coordinates and no neighbour with any: their links take no time", missing))
	}
}
