package instances

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A ChainLayer is one layer of a neural network whose layers follow each other
// (as measured by PipeDream's profiler, Narayanan et al., SOSP 2019).
type ChainLayer struct {
	Name       string
	Forward    float64 // ms a batch
	Backward   float64 // ms a batch
	Activation float64 // bytes a batch that it hands on
	Parameters float64 // bytes
}

// chainColumns are the columns that a layer chain needs, after which it may
// have others.
var chainColumns = []string{"layer", "fwd_ms_batch", "bwd_ms_batch", "activation_bytes_batch", "parameter_bytes"}

// ReadLayerChain reads a CSV with a line for each layer, in order, under the
// heads idx, layer, fwd_ms_batch, bwd_ms_batch, activation_bytes_batch and
// parameter_bytes.
func ReadLayerChain(r io.Reader, name string) ([]ChainLayer, error) {
	data, err := readAll(r, name)
	if err != nil {
		return nil, err
	}
	in := csv.NewReader(strings.NewReader(string(data)))
	in.TrimLeadingSpace = true
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("%s:1: found no heads, allowed is %s", name, strings.Join(chainColumns, ","))
	}
	var at [5]int
	for i, c := range chainColumns {
		if at[i] = slices.Index(head, c); at[i] < 0 {
			return nil, fmt.Errorf("%s:1: found %q, column %q is missing", name, strings.Join(head, ","), c)
		}
	}
	var out []ChainLayer
	var faults []error
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		l := ChainLayer{Name: row[at[0]]}
		for i, into := range []*float64{&l.Forward, &l.Backward, &l.Activation, &l.Parameters} {
			x, err := strconv.ParseFloat(row[at[i+1]], 64)
			if err != nil || !(x >= 0) || math.IsInf(x, 0) {
				line, _ := in.FieldPos(at[i+1])
				faults = append(faults, fmt.Errorf("%s:%d: %s: found %q, allowed is a number from 0 up", name, line, chainColumns[i+1], row[at[i+1]]))
			}
			*into = x
		}
		out = append(out, l)
	}
	if len(out) == 0 {
		faults = append(faults, fmt.Errorf("%s: found no layers", name))
	}
	return out, errors.Join(faults...)
}
