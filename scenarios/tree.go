package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of what is read. They are far above what a person writes and low
// enough that a hostile file is refused in bounded memory and time.
const (
	// MaxSize is the largest scenario file, 8 MiB. Bulk data belongs into a
	// data file that the scenario names.
	MaxSize  = 8 << 20
	maxDepth = 64        // nested lists and maps
	maxNodes = 1_000_000 // values after the expansion of aliases
)

// kind is what a value is.
type kind uint8

const (
	null kind = iota
	scalar
	mapping
	sequence
)

// A value is one node of the parsed document: where it stands, and its text,
// entries or items. Aliases and merge keys are expanded, so every value has
// one parent and can be overridden alone.
type value struct {
	kind    kind
	text    string // scalar: as written, without quotes
	plain   string // scalar: "int", "float", "bool" or "str", as YAML resolves it
	entries []entry
	items   []*value
	at      position
	index   map[string]int // of entries, made by get when there are many
}

// An entry is one key of a mapping.
type entry struct {
	key   string
	at    position
	value *value
}

// A position is a place in the file, or the --set argument that put the value
// there. Lines and columns count from 1, columns in characters.
type position struct {
	line, column int
	set          int // 1 + the index in Options.Set; 0 is the file
}

// get is the value of a key, nil when it is absent.
func (v *value) get(key string) *value {
	if v == nil || v.kind != mapping {
		return nil
	}
	const few = 16
	if len(v.entries) <= few {
		for i := range v.entries {
			if v.entries[i].key == key {
				return v.entries[i].value
			}
		}
		return nil
	}
	if len(v.index) != len(v.entries) { // keys are unique and only ever added
		v.index = make(map[string]int, len(v.entries))
		for i, e := range v.entries {
			v.index[e.key] = i
		}
	}
	if i, ok := v.index[key]; ok {
		return v.entries[i].value
	}
	return nil
}

// what names the kind of a value for messages.
func (v *value) what() string {
	switch v.kind {
	case mapping:
		return "a map"
	case sequence:
		return "a list"
	case null:
		return "nothing"
	}
	switch v.plain {
	case "int", "float":
		return "the number " + v.text
	case "bool":
		return v.text
	}
	return strconv.Quote(clip(v.text))
}

// clip shortens text that came from a file for a message.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// parse reads one YAML document. JSON is a subset of YAML and takes the same
// way. It returns nil for an empty document, and faults in f.
func parse(data []byte, set int, f *faults) *value {
	if len(data) > MaxSize {
		f.tooLarge(set)
		return nil
	}
	var doc yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		var second yaml.Node
		if more := decoder.Decode(&second); more == nil {
			f.stop(position{second.Line, second.Column, set}, "", "a second document begins here (allowed: one document a file)")
		} else if !errors.Is(more, io.EOF) {
			err = more
		}
	}
	if err != nil {
		f.stop(syntax(data, err, set))
		return nil
	}
	if len(doc.Content) == 0 {
		return nil
	}
	c := converter{faults: f, set: set, open: map[*yaml.Node]bool{}}
	return c.convert(doc.Content[0], 0)
}

// converter turns the YAML library's nodes into values, within the limits.
type converter struct {
	faults *faults
	set    int
	count  int
	open   map[*yaml.Node]bool // aliases being expanded, to catch one inside itself
	full   bool                // a limit was met and reported
}

// refuse reports the first limit that is met, and no other.
func (c *converter) refuse(n *yaml.Node, message string) *value {
	if !c.full {
		c.faults.stop(c.at(n), "", message)
	}
	c.full = true
	return &value{at: c.at(n)}
}

func (c *converter) at(n *yaml.Node) position { return position{n.Line, n.Column, c.set} }

func (c *converter) convert(n *yaml.Node, depth int) *value {
	if c.count++; c.count > maxNodes {
		return c.refuse(n, fmt.Sprintf("more than %d values after aliases are expanded", maxNodes))
	}
	if depth > maxDepth {
		return c.refuse(n, fmt.Sprintf("lists and maps are nested more than %d deep", maxDepth))
	}
	if c.full {
		return &value{at: c.at(n)}
	}
	switch n.Kind {
	case yaml.AliasNode:
		return c.alias(n, depth)
	case yaml.MappingNode:
		return c.mapping(n, depth)
	case yaml.SequenceNode:
		v := &value{kind: sequence, at: c.at(n)}
		for _, item := range n.Content {
			v.items = append(v.items, c.convert(item, depth+1))
		}
		return v
	}
	v := &value{kind: scalar, text: n.Value, plain: strings.TrimPrefix(n.ShortTag(), "!!"), at: c.at(n)}
	if v.plain == "null" {
		v.kind, v.text = null, ""
	}
	return v
}

// alias expands *name where it stands; the copy keeps the position of the
// anchor's text, which is where a wrong value is to be corrected.
func (c *converter) alias(n *yaml.Node, depth int) *value {
	if c.open[n.Alias] {
		return c.refuse(n, fmt.Sprintf("the alias *%s contains itself", n.Value))
	}
	c.open[n.Alias] = true
	defer delete(c.open, n.Alias)
	return c.convert(n.Alias, depth)
}

func (c *converter) mapping(n *yaml.Node, depth int) *value {
	v := &value{kind: mapping, at: c.at(n)}
	seen := map[string]position{}
	var merges []*value
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, item := n.Content[i], n.Content[i+1]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			c.faults.add(c.at(n.Content[i]), "", "a key is a list or a map (allowed: plain text)")
			continue
		}
		if k.ShortTag() == "!!merge" {
			merges = append(merges, c.convert(item, depth+1))
			continue
		}
		if first, ok := seen[k.Value]; ok {
			c.faults.add(c.at(k), "", fmt.Sprintf("the key %q is given a second time (first at line %d)", clip(k.Value), first.line))
			continue
		}
		seen[k.Value] = c.at(k)
		v.entries = append(v.entries, entry{key: k.Value, at: c.at(k), value: c.convert(item, depth+1)})
	}
	for _, m := range merges {
		c.merge(v, m, seen)
	}
	return v
}

// merge adds the keys of a `<<` value that v does not give itself; of several
// merged maps the first wins, as the YAML merge specification says.
func (c *converter) merge(v, from *value, seen map[string]position) {
	switch from.kind {
	case sequence:
		for _, item := range from.items {
			c.merge(v, item, seen)
		}
	case mapping:
		for _, e := range from.entries {
			if _, ok := seen[e.key]; !ok {
				seen[e.key] = e.at
				v.entries = append(v.entries, e)
			}
		}
	default:
		if !c.full {
			c.faults.add(from.at, "", "<< merges "+from.what()+" (allowed: a map, or a list of maps)")
		}
	}
}
