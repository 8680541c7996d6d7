package scenarios

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"

	"caravan/topology"
)

// schedule reads the steps of a link's schedule from its file; false when the
// schedule cannot be used.
func (b *builder) schedule(c *LinkChange) bool {
	if (c.File != "") == c.place.has("steps") {
		b.fault(c.place, "the steps are not given once (allowed: steps, or file)")
		return false
	}
	if c.File == "" {
		return true
	}
	at := c.place.key("file")
	data, err := b.files.content(c.File)
	if err != nil {
		b.fault(at, "%s", err)
		return false
	}
	steps, err := readSchedule(c.File, data)
	if err != nil {
		b.fault(at, "%s", err)
		return false
	}
	c.Steps = steps
	return true
}

// readSchedule reads a CSV table of steps. The first fault ends it, because a
// recorded trace that is wrong in one row is usually wrong in all.
func readSchedule(name string, data []byte) ([]Step, error) {
	const want = "allowed: the columns at, bandwidth, latency"
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s:1: no header: %w (%s)", name, err, want)
	}
	for _, h := range header {
		if !contains([]string{"at", "bandwidth", "latency"}, h) {
			return nil, fmt.Errorf("%s:1: unknown column %q (%s)", name, clip(h), want)
		}
	}
	at, bandwidth, latency := slices.Index(header, "at"), slices.Index(header, "bandwidth"), slices.Index(header, "latency")
	if at < 0 || bandwidth < 0 && latency < 0 {
		return nil, fmt.Errorf("%s:1: a column is missing (%s)", name, want)
	}
	var steps []Step
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return steps, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		step, err := readStep(row, at, bandwidth, latency)
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		steps = append(steps, step)
	}
}

// readStep reads one row; a column below 0 is absent.
func readStep(row []string, at, bandwidth, latency int) (Step, error) {
	var s Step
	d, err := topology.ParseDuration(row[at])
	if err != nil {
		return s, err
	}
	s.At = Duration(d)
	if bandwidth >= 0 && row[bandwidth] != "" {
		v, err := topology.ParseBandwidth(row[bandwidth])
		if err != nil {
			return s, err
		}
		s.Bandwidth = (*Bandwidth)(&v)
	}
	if latency >= 0 && row[latency] != "" {
		v, err := topology.ParseDuration(row[latency])
		if err != nil {
			return s, err
		}
		s.Latency = (*Duration)(&v)
	}
	return s, nil
}
