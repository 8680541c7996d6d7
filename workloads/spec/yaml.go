package spec

import (
	"bytes"
	"errors"
	"io"
	"math"

	"go.yaml.in/yaml/v3"
)

// mostNodes bounds the values of a YAML file with its aliases written out.
const mostNodes = 1 << 18

// YAML reads the documents of a file; empty ones are left out.
func YAML(file string, data []byte) ([]*Node, error) {
	if err := admit(file, data); err != nil {
		return nil, err
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	r := &yamlReader{doc: &doc{file: file}}
	var out []*Node
	for {
		var y yaml.Node
		err := d.Decode(&y)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fault(file, 1, "not YAML: %s", err)
		}
		for _, c := range y.Content {
			n, err := r.value("", c, 0)
			if err != nil {
				return nil, err
			}
			if n.kind != scalarKind || n.scalar != nil {
				out = append(out, n)
			}
		}
	}
}

type yamlReader struct {
	doc   *doc
	nodes int
}

func (r *yamlReader) value(name string, y *yaml.Node, depth int) (*Node, error) {
	if r.nodes++; r.nodes > mostNodes || depth > mostDepth {
		return nil, fault(r.doc.file, y.Line, "found more than %d values or %d levels, allowed are as many", mostNodes, mostDepth)
	}
	n := &Node{Line: y.Line, name: name, doc: r.doc}
	switch y.Kind {
	case yaml.AliasNode:
		return r.value(name, y.Alias, depth+1)
	case yaml.SequenceNode:
		n.kind = listKind
		for _, c := range y.Content {
			item, err := r.value(name, c, depth+1)
			if err != nil {
				return nil, err
			}
			n.list = append(n.list, item)
		}
	case yaml.MappingNode:
		n.kind = objectKind
		for i := 0; i+1 < len(y.Content); i += 2 {
			item, err := r.value(y.Content[i].Value, y.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			n.fields = append(n.fields, item)
		}
	default:
		n.scalar = scalarOf(y)
	}
	return n, nil
}

// scalarOf is the value of a YAML scalar. Numbers whose text says more than
// their value, such as 1_000 or 0x10, become what they mean.
func scalarOf(y *yaml.Node) any {
	switch y.Tag {
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		if y.Decode(&b) == nil {
			return b
		}
	case "!!int", "!!float":
		var x float64
		if y.Decode(&x) == nil && !math.IsInf(x, 0) && !math.IsNaN(x) {
			return x
		}
	}
	return y.Value
}
