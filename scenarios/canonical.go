package scenarios

import (
	"bytes"
	"encoding/json"
	"sort"
	"strconv"
)

// canonical writes the tree as JSON with sorted keys, one value of which has
// one spelling: comments, quotes, layout and aliases leave no trace.
func canonical(v *value) []byte {
	var b bytes.Buffer
	write(&b, v, "")
	b.WriteByte('\n')
	return b.Bytes()
}

// write writes v, the value of key. The maps of nodes and of next keep their
// order, which is data: it numbers the nodes and the branches.
func write(b *bytes.Buffer, v *value, key string) {
	switch v.kind {
	case null:
		b.WriteString("null")
	case scalar:
		b.WriteString(literal(v))
	case sequence:
		b.WriteByte('[')
		for i, item := range v.items {
			if i > 0 {
				b.WriteByte(',')
			}
			write(b, item, "")
		}
		b.WriteByte(']')
	case mapping:
		sorted := append([]entry{}, v.entries...)
		if key != "nodes" && key != "next" {
			sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].key < sorted[j].key })
		}
		b.WriteByte('{')
		for i, e := range sorted {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quote(e.key))
			b.WriteByte(':')
			write(b, e.value, e.key)
		}
		b.WriteByte('}')
	}
}

// literal writes a scalar: numbers that JSON knows as numbers with the fewest
// digits, truth values bare, everything else as text.
func literal(v *value) string {
	switch v.plain {
	case "bool":
		if v.text == "true" || v.text == "false" {
			return v.text
		}
	case "int":
		if n, err := strconv.ParseUint(v.text, 10, 64); err == nil {
			return strconv.FormatUint(n, 10)
		}
	case "float":
		if x, err := strconv.ParseFloat(v.text, 64); err == nil {
			if text, err := json.Marshal(x); err == nil { // not for infinities and NaN
				return string(text)
			}
		}
	}
	return quote(v.text)
}

// quote writes a JSON string, which YAML also reads.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return strconv.Quote(s) // a string always encodes
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
