package scenarios

import (
	"strconv"
	"strings"
	"time"

	"caravan/topology"
	"caravan/workloads"
)

// here remembers where a struct was written.
type here struct{ place place }

func (h *here) setPlace(p place) { h.place = p }

// The quantities of the format. Each is a text with a unit in the file.
type (
	// Duration is a span of time, such as 20ms, 1.5s or 1h30m.
	Duration time.Duration
	// Bytes is an amount of data, such as 64KiB or 1.5GB.
	Bytes topology.Bytes
	// Bandwidth is data per second, such as 10Mbit/s or 5KiB/s, or unlimited.
	Bandwidth topology.BytesPerSecond
	// MHz is processor capacity, such as 500MHz or 2.4GHz.
	MHz topology.MHz
	// Rate is a number of requests per unit of time, such as 5/s or 300/min.
	Rate float64
	// Share is a part of a whole, such as 2.5% or 0.025.
	Share float64
	// Warmup is a duration, or auto.
	Warmup struct {
		Auto bool
		For  time.Duration
	}
	// Names is one name, a list of names, or a selection such as class == edge.
	Names struct {
		here
		List []string
	}
	// DurationDist is a duration or a distribution of durations.
	DurationDist struct{ Dist workloads.Dist }
	// BytesDist is an amount of data or a distribution of amounts.
	BytesDist struct{ Dist workloads.Dist }
	// FaultDist is a distribution of times; a plain duration is the mean of an
	// exponential one.
	FaultDist struct{ Dist workloads.Dist }
	// Constraint restricts the nodes of an item: a text such as class == edge,
	// or the map of a Rule.
	Constraint struct{ Rule workloads.Constraint }
	// Next is a choice among operators, in the order of the file.
	Next struct {
		here
		Branches []branch
	}
	// Nodes are written as a map of names or as a list.
	Nodes struct {
		here
		List []Node
	}
)

// branch is one entry of Next.
type branch struct {
	to    string
	share float64
	place place
}

// text is the scalar at p, or a fault that says what is wanted.
func (d *decoder) text(p place, wanted string) (string, bool) {
	if p.v.kind != scalar {
		d.fault(p, "%s is not a single value (allowed: %s)", p.v.what(), wanted)
		return "", false
	}
	return p.v.text, true
}

// quantity reads a scalar with one of the parsers of package topology.
func quantity[T any](d *decoder, p place, wanted string, parse func(string) (T, error)) (T, bool) {
	var zero T
	s, ok := d.text(p, wanted)
	if !ok {
		return zero, false
	}
	v, err := parse(s)
	if err != nil {
		d.fault(p, "%s", err)
		return zero, false
	}
	return v, true
}

func (q *Duration) decode(d *decoder, p place) {
	v, _ := quantity(d, p, "a duration, such as 20ms", topology.ParseDuration)
	*q = Duration(v)
}

func (q *Bytes) decode(d *decoder, p place) {
	v, _ := quantity(d, p, "an amount of data, such as 64KiB", topology.ParseBytes)
	*q = Bytes(v)
}

func (q *Bandwidth) decode(d *decoder, p place) {
	v, _ := quantity(d, p, "a bandwidth, such as 10Mbit/s", topology.ParseBandwidth)
	*q = Bandwidth(v)
}

func (q *MHz) decode(d *decoder, p place) {
	v, _ := quantity(d, p, "a processor capacity, such as 500MHz", topology.ParseMHz)
	*q = MHz(v)
}

func (q *Rate) decode(d *decoder, p place) {
	v, _ := quantity(d, p, "a rate, such as 5/s", topology.ParseRate)
	*q = Rate(v)
}

func (q *Share) decode(d *decoder, p place) {
	v, _ := quantity(d, p, "a share, such as 2.5%", topology.ParsePercent)
	*q = Share(v)
}

func (w *Warmup) decode(d *decoder, p place) {
	const wanted = "auto, or a duration such as 30s"
	s, ok := d.text(p, wanted)
	if !ok {
		return
	}
	if w.Auto = s == "auto"; w.Auto {
		return
	}
	v, err := topology.ParseDuration(s)
	if err != nil {
		d.fault(p, "%s; or the word auto", err)
	}
	w.For = v
}

func (n *Names) decode(d *decoder, p place) {
	const wanted = "a name, a list of names, or a selection such as class == edge"
	n.setPlace(p)
	if p.v.kind != sequence {
		if s, ok := d.text(p, wanted); ok {
			n.List = []string{s}
		}
		return
	}
	n.List = make([]string, 0, len(p.v.items))
	for i := range p.v.items {
		if s, ok := d.text(p.item(i), "a name"); ok {
			n.List = append(n.List, s)
		}
	}
}

func (g *GPUs) decode(d *decoder, p place) {
	if p.v.kind == scalar {
		g.Count = d.count(p)
		return
	}
	type plain GPUs
	d.decodeInto((*plain)(g), p)
}

func (g *GPUDemand) decode(d *decoder, p place) {
	g.setPlace(p)
	if p.v.kind == scalar {
		g.Count, g.Milli = d.count(p), 1000
		return
	}
	var plain struct {
		Count int   `json:"count,omitempty" default:"1" min:"0" max:"1024"`
		Milli int   `json:"milli,omitempty" default:"1000" min:"1" max:"1000"`
		Model Names `json:"model,omitempty"`
	}
	d.decodeInto(&plain, p)
	g.Count, g.Milli, g.Model = plain.Count, plain.Milli, plain.Model
	if g.Count > 1 && g.Milli < 1000 {
		d.fault(p.key("milli"), "a share of several devices cannot be reserved (allowed: milli below 1000 with count 1)")
	}
}

// count reads the short form of accelerators.
func (d *decoder) count(p place) int {
	n, err := strconv.Atoi(p.v.text)
	if err != nil || n < 0 || n > 1024 {
		d.fault(p, "%s is not a number of devices (allowed: 0 to 1024, or a map of count, model)", p.v.what())
		return 0
	}
	return n
}

func (n *Next) decode(d *decoder, p place) {
	n.setPlace(p)
	if p.v.kind != mapping {
		d.fault(p, "%s is not a map (allowed: operators with their probabilities, such as {retry: 0.1})", p.v.what())
		return
	}
	total := 0.0
	for _, e := range p.v.entries {
		at := p.key(e.key)
		v, ok := quantity(d, at, "a probability, such as 0.1 or 10%", topology.ParsePercent)
		if ok {
			n.Branches = append(n.Branches, branch{e.key, v, at})
		}
		total += v
	}
	if total > 1+1e-9 {
		d.fault(p, "the probabilities add up to %.6g (allowed: at most 1; what is missing to 1 leaves)", total)
	}
}

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
