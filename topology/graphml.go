package topology

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// xmlData is one <data key="..."> of GraphML.
type xmlData struct {
	Key  string `xml:"key,attr"`
	Text string `xml:",chardata"`
}

type xmlNode struct {
	ID   string    `xml:"id,attr"`
	Data []xmlData `xml:"data"`
}

type xmlEdge struct {
	Source string    `xml:"source,attr"`
	Target string    `xml:"target,attr"`
	Data   []xmlData `xml:"data"`
}

// readGraphML reads a GraphML file of the Internet Topology Zoo (Knight et
// al., IEEE JSAC 29(9), 2011).
func readGraphML(name string, data []byte, o ImportOptions) (*Imported, error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	keys := map[string]string{}
	index := map[string]int{}
	d := &drawing{}
	var edges []xmlEdge
	at := func(err error) error {
		return fmt.Errorf("%s:%d: %w", name, lineOf(data, int(dec.InputOffset())), err)
	}
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, at(err)
		}
		el, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch el.Name.Local {
		case "key":
			keys[attr(el, "id")] = attr(el, "attr.name")
		case "node":
			var n xmlNode
			if err := dec.DecodeElement(&n, &el); err != nil {
				return nil, at(err)
			}
			if _, dup := index[n.ID]; dup {
				return nil, at(fmt.Errorf("node id %q twice", n.ID))
			}
			index[n.ID] = len(d.names)
			if err := d.addNode(n.ID, fields(n.Data, keys)); err != nil {
				return nil, at(err)
			}
		case "edge":
			var e xmlEdge
			if err := dec.DecodeElement(&e, &el); err != nil {
				return nil, at(err)
			}
			edges = append(edges, e)
		}
	}
	for i, e := range edges {
		from, ok1 := index[e.Source]
		to, ok2 := index[e.Target]
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("%s: edge %d: no node %q or %q", name, i+1, e.Source, e.Target)
		}
		d.edges = append(d.edges, drawnEdge{from, to, speedOf(fields(e.Data, keys))})
	}
	return d.build(name, o), nil
}

func attr(el xml.StartElement, name string) string {
	for _, a := range el.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func fields(data []xmlData, keys map[string]string) map[string]string {
	out := map[string]string{}
	for _, x := range data {
		if _, dup := out[keys[x.Key]]; !dup {
			out[keys[x.Key]] = strings.TrimSpace(x.Text)
		}
	}
	return out
}

// addNode adds a node of a Zoo file: its label, coordinates and country.
func (d *drawing) addNode(id string, f map[string]string) error {
	label := f["label"]
	if label == "" {
		label = id
	}
	d.names = append(d.names, label)
	attrs := map[string]string{"id": id}
	if f["Country"] != "" {
		attrs["country"] = f["Country"]
	}
	d.attrs = append(d.attrs, attrs)
	if f["Latitude"] == "" || f["Longitude"] == "" {
		d.places = append(d.places, nil)
		return nil
	}
	lat, err1 := strconv.ParseFloat(f["Latitude"], 64)
	lon, err2 := strconv.ParseFloat(f["Longitude"], 64)
	if err1 != nil || err2 != nil || !(math.Abs(lat) <= 90) || !(math.Abs(lon) <= 360) {
		return fmt.Errorf("node %q: found coordinates %q, %q; allowed are degrees", label, f["Latitude"], f["Longitude"])
	}
	d.places = append(d.places, &Coordinates{lat, lon})
	return nil
}

var speedText = regexp.MustCompile(`^[<>~]?\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)`)

// speedOf reads an edge's speed: LinkSpeedRaw in bit/s, else LinkSpeed with
// LinkSpeedUnits; 0 when there is none.
func speedOf(f map[string]string) BytesPerSecond {
	if raw, err := strconv.ParseFloat(f["LinkSpeedRaw"], 64); err == nil && raw > 0 && !math.IsInf(raw, 0) {
		return BytesPerSecond(raw / 8)
	}
	m := speedText.FindStringSubmatch(strings.ToUpper(f["LinkSpeed"] + f["LinkSpeedUnits"]))
	if m == nil {
		return 0
	}
	x, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0
	}
	return BytesPerSecond(x * map[string]float64{"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[m[2]] / 8)
}
