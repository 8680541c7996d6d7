package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"sort"
)

// JSON reads one JSON value.
func JSON(file string, data []byte) (*Node, error) {
	if err := admit(file, data); err != nil {
		return nil, err
	}
	r := &jsonReader{doc: &doc{file: file}, d: json.NewDecoder(bytes.NewReader(data))}
	for i, c := range data {
		if c == '\n' {
			r.lines = append(r.lines, int64(i))
		}
	}
	n, err := r.value("")
	if err == nil {
		if _, more := r.d.Token(); more == nil {
			return nil, fault(file, r.line(), "found more after the value, allowed is one")
		}
		return n, nil
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return nil, fault(file, r.line(), "not JSON: %s", err)
	}
	return nil, err
}

type jsonReader struct {
	doc   *doc
	d     *json.Decoder
	lines []int64 // offsets of line feeds
}

func (r *jsonReader) line() int {
	at := r.d.InputOffset()
	return 1 + sort.Search(len(r.lines), func(i int) bool { return r.lines[i] >= at })
}

// value reads the next value, the content of the field called name.
func (r *jsonReader) value(name string) (*Node, error) {
	token, err := r.d.Token()
	if err != nil {
		return nil, err
	}
	n := &Node{Line: r.line(), name: name, doc: r.doc}
	switch x := token.(type) {
	case json.Delim:
		if x == '[' {
			n.kind = listKind
			for r.d.More() {
				item, err := r.value(name)
				if err != nil {
					return nil, err
				}
				n.list = append(n.list, item)
			}
		} else {
			n.kind = objectKind
			for r.d.More() {
				key, err := r.d.Token()
				if err != nil {
					return nil, err
				}
				text, _ := key.(string) // keys are strings, the decoder sees to it
				item, err := r.value(text)
				if err != nil {
					return nil, err
				}
				n.fields = append(n.fields, item)
			}
		}
		_, err = r.d.Token() // the closing bracket
		return n, err
	default:
		n.scalar = x
	}
	return n, nil
}
