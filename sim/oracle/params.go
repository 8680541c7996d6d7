package oracle

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// params are the `name=value` settings of a case. Values are numbers or
// bracketed lists of them.
type params map[string]string

func parseParams(text string) (params, error) {
	p := params{}
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ';' }) {
		for _, field := range splitOutsideBrackets(part) {
			name, value, ok := strings.Cut(field, "=")
			if !ok {
				return nil, fmt.Errorf("%q is not name=value", field)
			}
			p[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return p, nil
}

// splitOutsideBrackets splits at commas that no bracket encloses.
func splitOutsideBrackets(s string) []string {
	var out []string
	depth, from := 0, 0
	for i, c := range s {
		switch c {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, s[from:i])
				from = i + 1
			}
		}
	}
	return append(out, s[from:])
}

func (p params) number(name string) (float64, error) {
	v, ok := p[name]
	if !ok {
		return 0, fmt.Errorf("parameter %q is missing", name)
	}
	x, err := strconv.ParseFloat(v, 64)
	if err != nil {
		return 0, fmt.Errorf("parameter %s=%q is not a number", name, v)
	}
	return x, nil
}

// numbers reads several at once.
func (p params) numbers(names ...string) ([]float64, error) {
	out := make([]float64, len(names))
	for i, n := range names {
		x, err := p.number(n)
		if err != nil {
			return nil, err
		}
		out[i] = x
	}
	return out, nil
}

func (p params) list(name string) ([]float64, error) {
	var out []float64
	if err := json.Unmarshal([]byte(p[name]), &out); err != nil {
		return nil, fmt.Errorf("parameter %s=%q is not a list of numbers", name, p[name])
	}
	return out, nil
}

func (p params) matrix(name string) ([][]float64, error) {
	var out [][]float64
	if err := json.Unmarshal([]byte(p[name]), &out); err != nil {
		return nil, fmt.Errorf("parameter %s=%q is not a matrix of numbers", name, p[name])
	}
	return out, nil
}
