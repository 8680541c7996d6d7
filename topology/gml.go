package topology

import (
	"fmt"
	"strings"
)

// gmlToken is a word, a quoted string or a bracket of a GML file.
type gmlToken struct {
	text   string
	line   int
	quoted bool
}

// gmlPair is `key value`, where the value is text or a list of pairs.
type gmlPair struct {
	key   string
	text  string
	list  []gmlPair
	group bool
	line  int
}

// maxGMLDepth bounds the nesting of lists.
const maxGMLDepth = 32

func gmlTokens(data string) []gmlToken {
	var out []gmlToken
	line := 1
	for i := 0; i < len(data); {
		switch c := data[i]; {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case c == '#':
			for i < len(data) && data[i] != '\n' {
				i++
			}
		case c == '[' || c == ']':
			out = append(out, gmlToken{text: string(c), line: line})
			i++
		case c == '"':
			end := strings.IndexByte(data[i+1:], '"')
			if end < 0 {
				end = len(data) - i - 1
			}
			text := data[i+1 : i+1+end]
			out = append(out, gmlToken{text: text, line: line, quoted: true})
			line += strings.Count(text, "\n")
			i = min(i+end+2, len(data))
		default:
			end := strings.IndexAny(data[i:], " \t\r\n[]\"")
			if end < 0 {
				end = len(data) - i
			}
			out = append(out, gmlToken{text: data[i : i+end], line: line})
			i += end
		}
	}
	return out
}

// gmlList reads pairs up to the closing bracket.
func gmlList(name string, toks []gmlToken, depth int) ([]gmlPair, []gmlToken, error) {
	var out []gmlPair
	for len(toks) > 0 {
		key := toks[0]
		toks = toks[1:]
		if key.text == "]" && !key.quoted {
			return out, toks, nil
		}
		if len(toks) == 0 {
			return nil, nil, fmt.Errorf("%s:%d: %q has no value", name, key.line, key.text)
		}
		value := toks[0]
		toks = toks[1:]
		p := gmlPair{key: key.text, text: value.text, line: key.line}
		if value.text == "[" && !value.quoted {
			if depth >= maxGMLDepth {
				return nil, nil, fmt.Errorf("%s:%d: lists nested deeper than %d", name, value.line, maxGMLDepth)
			}
			var err error
			p.group = true
			if p.list, toks, err = gmlList(name, toks, depth+1); err != nil {
				return nil, nil, err
			}
		}
		out = append(out, p)
	}
	return out, nil, nil
}

// gmlFields are the plain values of a list; of repeated keys the first counts.
func gmlFields(list []gmlPair) map[string]string {
	out := map[string]string{}
	for _, p := range list {
		if _, dup := out[p.key]; !dup && !p.group {
			out[p.key] = p.text
		}
	}
	return out
}

// readGML reads a GML file (Himsolt, 1997) with the Zoo's attributes.
func readGML(name string, data []byte, o ImportOptions) (*Imported, error) {
	top, _, err := gmlList(name, gmlTokens(string(data)), 0)
	if err != nil {
		return nil, err
	}
	d := &drawing{}
	index := map[string]int{}
	var edges []gmlPair
	for _, g := range top {
		if g.key != "graph" {
			continue
		}
		for _, p := range g.list {
			switch p.key {
			case "node":
				f := gmlFields(p.list)
				if _, dup := index[f["id"]]; dup || f["id"] == "" {
					return nil, fmt.Errorf("%s:%d: node id %q is missing or taken", name, p.line, f["id"])
				}
				index[f["id"]] = len(d.names)
				if err := d.addNode(f["id"], f); err != nil {
					return nil, fmt.Errorf("%s:%d: %w", name, p.line, err)
				}
			case "edge":
				edges = append(edges, p)
			}
		}
	}
	for _, p := range edges {
		f := gmlFields(p.list)
		from, ok1 := index[f["source"]]
		to, ok2 := index[f["target"]]
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("%s:%d: edge: no node %q or %q", name, p.line, f["source"], f["target"])
		}
		d.edges = append(d.edges, drawnEdge{from, to, speedOf(f)})
	}
	return d.build(name, o), nil
}
